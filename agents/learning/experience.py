"""What one role lived through: ragged streams of real decisions, one per seat, from being made to being learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from agents.learning.advantage import OPEN, TERMINATED, TRUNCATED, advantages, rewards_to_go
from agents.learning.baseline import HINDSIGHT
from agents.learning.buffer import Array, Batches, Table
from agents.learning.checkpoint import fit, within
from agents.learning.normalise import Moments
from agents.learning.policies import RolePolicy
from agents.networks.architecture import PRIORITIZER
from agents.networks.sets import Sets

ENDLESS: Final = {"end_time": 0.0, "end_total": 0.0, "end_value": 0.0}
"""What a decision says of its episode's end until that comes."""
SAMPLE: Final = 256
"""Candidates per round on which the columns' means are measured; all would cost as much as acting."""
CHUNK: Final = 16384
"""Decisions that the critic values at once."""

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Clock:
    """Time constants of the discounts in seconds; None: no discount."""

    tau_gamma: float | None
    tau_lambda: float | None


class Experience:
    """The decisions of one role in all worlds.

    A seat here is a number: world x agents + agent. ``total`` is what a seat has earned since its episode began, so that the reward
    between two decisions is the difference of their totals. A stream's last decision of a rollout is still open: its reward is not
    known yet. It is carried over to the next rollout; meanwhile its value bootstraps the decision before.
    """

    def __init__(self, policy: RolePolicy, seats: int) -> None:
        """Start with nothing lived through."""
        self.policy = policy
        reader = policy.brain.reader
        rows, context = reader.rows.size, reader.context.size
        floats, ints = (np.float32, ()), (np.int64, ())
        exact = dict.fromkeys(("time", "total", *ENDLESS), (np.float64, ()))
        whole = dict.fromkeys(("count", "action", "seat", "following"), ints)
        self._rows = Table({"columns": (np.float32, (rows,))})
        vectors = {"context": (np.float32, (context,)), "hindsight": (np.float32, (HINDSIGHT,))}
        self._made = Table({**vectors, "may_pass": (np.bool_, ()), "log_prob": floats, **whole, **exact})
        self._last = np.full(seats, OPEN, np.int64)
        measured = {"rows": rows, "context": context, "hindsight": HINDSIGHT, "returns": 1}
        self._moments = {name: Moments(columns) for name, columns in measured.items()}

    def __len__(self) -> int:
        """Decisions of this rollout, those carried over included."""
        return len(self._made)

    @torch.no_grad()
    def decide(self, seats: Ids, time: Floats, total: Floats, seen: Sets, shown: Ids | None = None) -> Ids:
        """Draw an action (place or level) for each seat [N] from raw sets, or take what is ``shown``, and remember the decision."""
        tamed = self.policy.brain.reader.tame(seen)
        self._measure("rows", tamed.rows)
        self._measure("context", tamed.context)
        if shown is None:  # while the rules play, nobody leads over them
            self._measure("hindsight", tamed.hindsight)
        inputs = self.policy.brain.reader.standardise(tamed)
        action, log_prob = self.policy.act(inputs)
        chosen: Ids = action.cpu().numpy() if shown is None else shown
        self._rows.append(len(inputs.rows), columns=inputs.rows.cpu().numpy())
        new = self._made.append(
            len(seats),
            context=inputs.context.cpu().numpy(),
            hindsight=inputs.hindsight.cpu().numpy(),
            may_pass=inputs.may_pass.cpu().numpy(),
            log_prob=log_prob.cpu().numpy(),
            count=inputs.counts.cpu().numpy(),
            action=chosen,
            seat=seats,
            following=OPEN,
            time=time,
            total=total,
            **ENDLESS,
        )
        before = self._last[seats]
        goes_on = before != OPEN
        self._made["following"][before[goes_on]] = new[goes_on]
        self._last[seats] = new
        return chosen

    def relabel(self, actions: Ids) -> None:
        """Let every decision [N] of this rollout have been another one."""
        self._made["action"][:] = actions

    def open_seats(self, seats: Ids) -> Ids:
        """Those of ``seats`` that have decided in their current episode."""
        found: Ids = seats[self._last[seats] != OPEN]
        return found

    @torch.no_grad()
    def end(self, seats: Ids, time: Floats, total: Floats, final: Sets | None = None) -> None:
        """End the streams of ``seats`` [N], all open, with their episodes: cut off where ``final`` shows what they saw last (raw)."""
        made, last = self._made, self._last[seats]
        made["following"][last] = TERMINATED if final is None else TRUNCATED
        made["end_time"][last], made["end_total"][last] = time, total
        made["end_value"][last] = (
            0.0 if final is None else self.policy.critic(self.policy.brain.reader(final)).cpu().numpy()
        )
        self._last[seats] = OPEN

    def estimate(self, clock: Clock) -> Batches:
        """Estimate the advantages of all decisions that are not open. Values are in units of the running deviation of returns."""
        made, sets = self._made, self._sets()
        following = made["following"]
        goes_on = following >= 0
        elapsed = np.where(goes_on, made["time"][following], made["end_time"]) - made["time"]
        reward = np.where(goes_on, made["total"][following], made["end_total"]) - made["total"]
        is_open = following == OPEN
        elapsed[is_open], reward[is_open] = 0.0, 0.0
        self._moments["returns"].add(rewards_to_go(reward, elapsed, following, clock.tau_gamma)[~is_open, None])
        value = self._values(sets)
        next_value = np.where(goes_on, value[following], np.where(following == TRUNCATED, made["end_value"], 0.0))
        found = advantages(
            reward / self.scale, elapsed, value, next_value, following, clock.tau_gamma, clock.tau_lambda
        )
        return self._batches(sets, np.flatnonzero(~is_open), value, found)

    def assign(self, score: Floats) -> Batches:
        """Give every decision the score of its seat as its advantage; nan: not to be learned from. No stream may be open."""
        of_decision = score[self._made["seat"]]
        return self._batches(self._sets(), np.flatnonzero(~np.isnan(of_decision)), np.zeros(len(self)), of_decision)

    @property
    def scale(self) -> float:
        """Reward that is worth 1 to the critic."""
        return float(self._moments["returns"].std[0]) or 1.0

    def calibrate(self) -> None:
        """Let the policy's reader use everything that has been measured. Only between rollouts: it changes what the policy does."""
        reader = self.policy.brain.reader
        reader.rows.set_moments(self._moments["rows"].mean, self._moments["rows"].std)
        reader.context.set_moments(self._moments["context"].mean, self._moments["context"].std)
        self.policy.critic.set_moments(self._moments["hindsight"].mean, self._moments["hindsight"].std)

    def carry(self) -> None:
        """Forget this rollout, except for its open decisions."""
        is_open = self._made["following"] == OPEN
        self._rows.keep(np.flatnonzero(np.repeat(is_open, self._made["count"])))
        self._made.keep(np.flatnonzero(is_open))
        self._last[self._made["seat"]] = np.arange(len(self._made))

    def forget(self) -> None:
        """Forget this rollout and what is open."""
        self._rows.keep(np.zeros(0, np.int64))
        self._made.keep(np.zeros(0, np.int64))
        self._last[:] = OPEN

    def state(self) -> dict[str, Array]:
        """Everything between two rollouts that ``load`` needs."""
        state = {f"made.{name}": column for name, column in self._made.state().items()} | {
            "rows": self._rows["columns"].copy()
        }
        return state | {
            f"{name}.{part}": array
            for name, moments in self._moments.items()
            for part, array in moments.state().items()
        }

    def load(self, state: dict[str, Array]) -> None:
        """Continue from ``state``. Raises ValueError where it is not one between two rollouts of as many seats."""
        self.forget()
        fit(state, self.state(), table=("rows", "made."))
        made = {name.removeprefix("made."): column for name, column in state.items() if name.startswith("made.")}
        self._check(made, len(state["rows"]))
        self._rows.load({"columns": state["rows"]})
        self._made.load(made)
        self._last[self._made["seat"]] = np.arange(len(self._made))
        for name, moments in self._moments.items():
            moments.load({part: state[f"{name}.{part}"] for part in ("count", "mean", "squares")})

    def _check(self, made: Mapping[str, Array], rows: int) -> None:
        """Check every index of a table that was read; raise ValueError for one out of its bounds."""
        if len({len(column) for column in made.values()}) > 1:
            raise ValueError("made has columns of different lengths")
        spec, count = self.policy.spec, made["count"]
        within("made.count", count, 0, rows if spec.role == PRIORITIZER else 0)
        if count.sum() != rows:
            raise ValueError(f"made.count says that there are {count.sum()} rows, must be {rows}")
        within(
            "made.action",
            made["action"],
            0,
            count + made["may_pass"] - 1 if spec.role == PRIORITIZER else spec.levels - 1,
        )
        within("made.seat", made["seat"], 0, len(self._last) - 1)
        if len(np.unique(made["seat"])) < len(made["seat"]):
            raise ValueError("made.seat has a seat twice")
        within("made.following", made["following"], OPEN, OPEN)

    def _measure(self, name: str, tamed: torch.Tensor) -> None:
        self._moments[name].add(tamed[:: max(1, len(tamed) // SAMPLE)].cpu().numpy())

    def _sets(self) -> Sets:
        made = self._made
        columns: tuple[Any, ...] = (
            self._rows["columns"],
            made["count"],
            made["context"],
            made["may_pass"],
            made["hindsight"],
        )
        return Sets.of(*(torch.from_numpy(column).to(self.policy.device) for column in columns))

    @torch.no_grad()
    def _values(self, sets: Sets) -> Floats:
        parts = torch.arange(len(self), device=sets.counts.device).tensor_split(tuple(range(CHUNK, len(self), CHUNK)))
        values = [self.policy.critic(sets.select(part)).cpu().numpy() for part in parts]
        return np.concatenate(values, dtype=np.float64) if values else np.zeros(0)

    def _batches(self, sets: Sets, learnable: Ids, value: Floats, found: Floats) -> Batches:
        return Batches(sets, learnable, self._made["action"], self._made["log_prob"], value, found)
