"""One world, one episode: steps and outputs of docs/world.md, section 6."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION
from envs.events import NONE, EventKind
from envs.scenario import Scenario
from envs.workloads.instance import Instance
from tests.reference.candidates import Choice, open_epoch
from tests.reference.clock import Advanced, advance
from tests.reference.columns import candidate_rows, context_row, negotiation_row
from tests.reference.graph import facts_of
from tests.reference.rounds import Round
from tests.reference.state import Event, State

PRIORITISE, NEGOTIATE, OVER = 0, 1, 2


@dataclass
class Output:
    """What a step shows: the fields of the world's Outputs for one world. A agents, K candidates."""

    phase: int
    acting: NDArray[np.bool_]
    """[A]."""
    candidates: NDArray[np.float32]
    """[A, K, NUM_CANDIDATE]."""
    context: NDArray[np.float32]
    """[A, NUM_CONTEXT]."""
    mask: NDArray[np.bool_]
    """[A, K+1]."""
    negotiation: NDArray[np.float32]
    """[A, NUM_NEGOTIATION]."""
    task: NDArray[np.int32]
    """[A, K]."""
    reward: NDArray[np.float64]
    """[A]."""
    own_cost: NDArray[np.float64]
    """[A]."""
    team_cost: float
    time: float
    terminated: bool
    truncated: bool
    terms: NDArray[np.float64]
    """[6]."""
    steps: int


class Twin:
    """The world, slowly."""

    def __init__(self, scenario: Scenario, instance: Instance, seed: int, record: bool = True) -> None:
        self.scenario, self.seed, self.record = scenario, seed, record
        self.facts = facts_of(instance)
        self._begin()

    def _begin(self) -> None:
        self.state = State(self.scenario, self.facts, self.seed)
        self.round = Round(self.state)
        self.phase = PRIORITISE
        self.terminated = self.truncated = False
        self.steps = 0

    def reset(self) -> Output:
        """Begin the episode, and run to the first choice."""
        self._begin()
        self._run()
        return self._output(charge=self.over)

    def go_on(self) -> Output:
        """Begin a round where the state stands, and run to the first choice; costs stay with the state."""
        self._run()
        return self._output(charge=False)

    def step(
        self, picks: Mapping[int, int] | NDArray[np.int32], bids: Mapping[int, float] | NDArray[np.float64]
    ) -> Output:
        """Play the round with the actions of those who act, and run to the next choice.

        Raises:
            ValueError: for an illegal action, and when the episode is over.
        """
        if self.over:
            raise ValueError("the episode is over")
        self.steps += 1
        if self.phase == NEGOTIATE:
            self.round.commit({a: float(bids[a]) for a in self.round.participants})
            self._run()
        elif self._commits({a: self._chosen(a, int(picks[a])) for a in self.round.acting}):
            self._run()
        if self.steps >= self.scenario.limits.max_rounds and not self.over:
            self._truncate()
        return self._output(charge=True)

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return self.terminated or self.truncated

    def log(self) -> list[Event]:
        """(time, kind, agent, job, task, value) of every event so far; empty unless recording."""
        return self.state.events if self.record else []

    @property
    def job_end(self) -> list[float]:
        """[J] completion times; nan where a job is not done."""
        return [job.end for job in self.state.jobs]

    def _run(self) -> None:
        """Go on until somebody has a choice, or to the end."""
        while not self.over:
            self.round = Round(self.state)
            if not self.round.is_open():
                self._advance()
            elif self.round.acting:
                self.phase = PRIORITISE
                return
            elif not self._commits({}):
                return

    def _commits(self, picks: Mapping[int, int | None]) -> bool:
        """Take the picks and commit them; False where participants have to bid first."""
        self.round.pick(picks)
        if self.round.participants:
            self.phase = NEGOTIATE
            return False
        self.round.commit({})
        return True

    def _advance(self) -> None:
        match advance(self.state):
            case Advanced.TERMINATED:
                self.terminated = True
            case Advanced.OUT_OF_TIME:
                self.state.reservations.clear()
                self.state.rounds = 0
                self._truncate()
            case Advanced.EVENT:
                open_epoch(self.state)

    def _truncate(self) -> None:
        self.truncated = True
        self.state.log(EventKind.TRUNCATED)
        for agent in self.state.agents:
            agent.active = agent.up

    def _chosen(self, a: int, action: int) -> int | None:
        """The task of an action; None for pass."""
        own = self.round.choices[a]
        if 0 <= action < len(own.shown):
            return own.shown[action]
        if action == self.scenario.candidates and own.may_pass:
            return None
        raise ValueError(f"agent {a}: action {action} is illegal")

    def _output(self, charge: bool) -> Output:
        """Show the world as it stands; with `charge` also hand over the costs since the last time."""
        state, agents, k = self.state, self.state.num_agents, self.scenario.candidates
        own, team = np.zeros(agents), 0.0
        reward = np.zeros(agents)
        if charge:
            own, team = np.array(state.own_cost), state.team_cost
            c = self.scenario.cooperation
            reward = np.array([-((1.0 - c) * cost + c * team) for cost in state.own_cost])
            state.own_cost, state.team_cost = [0.0] * agents, 0.0
        out = Output(
            phase=OVER if self.over else self.phase,
            acting=np.zeros(agents, np.bool_),
            candidates=np.zeros((agents, k, NUM_CANDIDATE), np.float32),
            context=np.zeros((agents, NUM_CONTEXT), np.float32),
            mask=np.zeros((agents, k + 1), np.bool_),
            negotiation=np.zeros((agents, NUM_NEGOTIATION), np.float32),
            task=np.full((agents, k), NONE, np.int32),
            reward=reward,
            own_cost=own,
            team_cost=team,
            time=state.now,
            terminated=self.terminated,
            truncated=self.truncated,
            terms=np.array(state.terms),
            steps=self.steps,
        )
        out.mask[:, k] = True
        if self.truncated:
            self._show_the_cut(out)
        elif out.phase == PRIORITISE:
            for a in self.round.acting:
                self._show_candidates(out, a, self.round.choices[a])
                out.acting[a] = True
                out.mask[a, : len(self.round.choices[a].shown)] = True
                out.mask[a, k] = self.round.choices[a].may_pass
        elif out.phase == NEGOTIATE:
            for a in self.round.participants:
                out.acting[a] = True
                out.negotiation[a] = negotiation_row(state, a, self.round)
        return out

    def _show_candidates(self, out: Output, a: int, own: Choice) -> None:
        out.task[a, : len(own.shown)] = own.shown
        out.candidates[a] = candidate_rows(self.state, a, own)
        out.context[a] = context_row(self.state, a, own)

    def _show_the_cut(self, out: Output) -> None:
        """What every agent that is up would see, for the value of the state in which the episode was cut off."""
        cut = Round(self.state)
        for a, own in cut.choices.items():
            if self.state.agents[a].up:
                self._show_candidates(out, a, own if cut.is_open() else Choice([], set(), [], False))
                out.negotiation[a, NUM_CANDIDATE : NUM_CANDIDATE + NUM_CONTEXT] = out.context[a]
