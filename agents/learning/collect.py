"""Playing B worlds in which some roles learn and the others follow a policy that is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from agents.learning.baseline import HINDSIGHT, Bank
from agents.learning.buffer import Array
from agents.learning.checkpoint import fit
from agents.learning.experience import Experience, Floats, Ids
from agents.networks import kernels
from agents.networks.architecture import NEGOTIATOR, PRIORITIZER
from agents.networks.sets import Sets, gather, to_actions
from agents.protocols import Negotiator, Prioritizer
from envs.columns import NUM_CANDIDATE, Context
from envs.engine.codes import Phase
from envs.world import Outputs, World


class Finished(NamedTuple):
    """An episode that came to its end."""

    world: int
    seed: np.uint64
    """Of the episode."""
    cost: float
    """Of the team."""


class Collector:
    """Plays worlds and hands each decision of a learning role to its experience."""

    def __init__(
        self,
        world: World,
        experience: Mapping[str, Experience],
        prioritizer: Prioritizer,
        negotiator: Negotiator,
        bank: Bank | None = None,
    ) -> None:
        """Take a World that was reset, the experience of each learning role, policies for the others, and the baseline."""
        self.world = world
        self.experience = experience
        self.prioritizer = prioritizer
        self.negotiator = negotiator
        self.bank = bank
        self.demonstrating = False
        """Whether the given policies play the learning roles as well, for these to imitate."""
        self.heard: list[Floats] = []
        """What the given negotiator has bid while demonstrating, in the order of its decisions."""
        self._earned = np.zeros((world.num_worlds, world.num_agents))
        self._cost = np.zeros(world.num_worlds)
        self._was_over = np.zeros(world.num_worlds, np.bool_)

    def restart(self, bank: Bank | None) -> None:
        """Forget what the worlds were doing: they were reset, to play the episodes of ``bank``."""
        self.bank = bank
        self._earned[:], self._was_over[:] = 0.0, False
        self._cost = (
            self.world.out.team_cost.copy()
        )  # what came before the first decision; all there is where there is none
        for experience in self.experience.values():
            experience.forget()

    def decisions(self) -> int:
        """Decisions of the learning roles in this rollout."""
        return sum(len(experience) for experience in self.experience.values())

    def step(self) -> list[Finished]:
        """Play one round in every world and return the episodes that it ended."""
        out, world = self.world.out, self.world
        picks = np.full((world.num_worlds, world.num_agents), world.candidates, np.int32)
        bids = np.zeros(picks.shape)
        if len(seats := self._asked(Phase.PRIORITISE)):
            picks.flat[seats] = self._pick(out, seats)
        if len(seats := self._asked(Phase.NEGOTIATE)):
            bids.flat[seats] = self._bid(out, seats)
        world.step(picks, bids)
        self._earned += out.reward
        self._cost += out.team_cost
        return self._finish(out) if (out.phase == Phase.OVER).any() else []

    def state(self) -> dict[str, Array]:
        """Everything that ``load`` needs, except for the World's own state and the experience."""
        return {"earned": self._earned.copy(), "cost": self._cost.copy()}

    def load(self, state: dict[str, Array]) -> None:
        """Continue from ``state``. Raises ValueError where it is of other seats."""
        fit(state, self.state())
        self._earned, self._cost = state["earned"].copy(), state["cost"].copy()

    def _asked(self, phase: Phase) -> Ids:
        seats: Ids = kernels.asked(self.world.out.acting, self.world.out.phase, int(phase))
        return seats

    def _pick(self, out: Outputs, seats: Ids) -> NDArray[np.int32]:
        experience = self.experience.get(PRIORITIZER)
        mask = _by_seat(out.mask)
        if experience is None or self.demonstrating:
            picks = self.prioritizer.pick(_by_seat(out.candidates)[seats], _by_seat(out.context)[seats], mask[seats])
            if experience is None:
                return picks
        now = self._now(seats)
        seen = self._see(experience, out, seats, mask[:, :-1], *now)
        counts = seen.counts.cpu().numpy()
        if self.demonstrating:
            experience.decide(seats, *now, seen, np.minimum(picks, counts))
            return picks
        places = experience.decide(seats, *now, seen)
        return to_actions(places, counts, self.world.candidates)

    def _bid(self, out: Outputs, seats: Ids) -> Floats:
        observation = _by_seat(out.negotiation)[seats]
        experience = self.experience.get(NEGOTIATOR)
        if experience is None:
            return self.negotiator.bid(observation)
        now = self._now(seats)
        seen = self._see_contest(experience, out, seats, *now)
        if self.demonstrating:
            bids = self.negotiator.bid(observation)
            self.heard.append(bids)
            experience.decide(
                seats, *now, seen, np.zeros(len(bids), np.int64)
            )  # what level they are is known when all are in
            return bids
        return experience.decide(seats, *now, seen).astype(np.float64)

    def _now(self, seats: Ids) -> tuple[Floats, Floats]:
        """Time and total of each seat: what it has earned, plus what the baseline had cost by then.

        Without a discount all that the baseline adds to an episode that comes to its end is the baseline's total (see ``_rest``), whatever
        the seat does: it changes no optimum. With a discount what it adds depends on when the seat decides and on when its episode
        ends, and the optimum is that of other rewards (docs/learning.md).
        """
        world = seats // self.world.num_agents
        time = self.world.out.time[world]
        total = self._earned.reshape(-1)[seats]
        if self.bank is not None:
            total = total + self.bank.cost(
                self.bank.places(self.world.out.seed[world]), seats % self.world.num_agents, time
            )
        return time, total

    def _rest(self, seats: Ids, time: Floats) -> Floats | float:
        """What the baseline still had to pay after an episode's end: it is paid at that end, so that the sum is the baseline's total."""
        if self.bank is None:
            return 0.0
        places, agents = (
            self.bank.places(self.world.out.seed[seats // self.world.num_agents]),
            seats % self.world.num_agents,
        )
        return self.bank.total(places, agents) - self.bank.cost(places, agents, time)

    def _finish(self, out: Outputs) -> list[Finished]:
        for which, cut_off in ((out.terminated, False), (out.truncated & ~out.terminated, True)):
            of_world = np.repeat(which, self.world.num_agents)
            for role, experience in self.experience.items():
                seats = experience.open_seats(np.flatnonzero(of_world))
                if not len(seats):
                    continue
                time, total = self._now(seats)
                if cut_off:
                    experience.end(seats, time, total, self._last_sight(role, experience, out, seats, time, total))
                else:
                    experience.end(seats, time, total + self._rest(seats, time))
        is_over = out.phase == Phase.OVER
        over = np.flatnonzero(is_over if self.world.auto_reset else is_over & ~self._was_over)
        self._was_over = is_over
        finished = [Finished(int(b), out.seed[b], float(self._cost[b])) for b in over]
        self._earned[over], self._cost[over] = 0.0, 0.0
        return finished

    def _last_sight(
        self, role: str, experience: Experience, out: Outputs, seats: Ids, time: Floats, total: Floats
    ) -> Sets:
        if role == NEGOTIATOR:
            return self._see_contest(experience, out, seats, time, total)
        return self._see(experience, out, seats, _by_seat(out.task) >= 0, time, total)

    def _see(
        self, experience: Experience, out: Outputs, seats: Ids, exists: NDArray[np.bool_], time: Floats, total: Floats
    ) -> Sets:
        rows, counts = gather(_by_seat(out.candidates), exists, seats)
        context = _by_seat(out.context)[seats]
        parts = (rows, counts, context, _by_seat(out.mask)[seats, -1], self._hindsight(seats, time, total, context))
        return Sets.of(*(torch.from_numpy(part).to(experience.policy.device) for part in parts))

    def _see_contest(self, experience: Experience, out: Outputs, seats: Ids, time: Floats, total: Floats) -> Sets:
        observation = _by_seat(out.negotiation)[seats]
        told = self._hindsight(seats, time, total, observation[:, NUM_CANDIDATE:])
        seen = Sets.without_rows(torch.from_numpy(observation).to(experience.policy.device))
        return seen._replace(hindsight=torch.from_numpy(told).to(experience.policy.device))

    def _hindsight(self, seats: Ids, time: Floats, lead: Floats, context: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the critic may know of each seat [N, HINDSIGHT]; nothing, that is 0, without a baseline."""
        if self.bank is None:
            return np.zeros((len(seats), HINDSIGHT), np.float32)
        places, agents = (
            self.bank.places(self.world.out.seed[seats // self.world.num_agents]),
            seats % self.world.num_agents,
        )
        rate = np.expm1(context[:, Context.TEAM_COST_RATE], dtype=np.float64)
        return self.bank.hindsight(places, agents, time, lead, rate).astype(np.float32)


def _see_contest(experience: Experience, observation: NDArray[np.float32]) -> Sets:
    return Sets.without_rows(torch.from_numpy(observation).to(experience.policy.device))


def _by_seat(array: NDArray[np.generic]) -> Array:
    """View [B, A, ...] as [B x A, ...]."""
    return array.reshape(-1, *array.shape[2:])
