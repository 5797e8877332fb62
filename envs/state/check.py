"""Whether a state is one that a world can be in. Kernels follow its numbers, without a look, into whatever memory they point to.

All that hangs on the statuses of the tasks is derived from them once more, and must be equal: which options are live, who runs what,
how many units are free, how much is still open. Sizes are those of the instances, never what a state says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.engine.codes import NONE, Phase, Status
from envs.engine.layout import Records
from envs.engine.pack import Sites
from envs.scenario import Scenario

_MOST: Final = 2**30
"""Of whatever is counted: far from where a count overflows."""
_AS_GOOD_AS_DONE: Final = 1 + 1e-9
"""Progress that a task may be said to have made: sums of shares are rounded."""
_FINITE: Final = {
    "world": ("time", "scale", "mean_weight", "spent", "team_cost", "price", "sum_work", "sum_weight", "terms"),
    "tasks": ("progress", "ready_time"),
    "jobs": ("work",),
    "agents": (
        "queue",
        "future",
        "flow",
        "tardy",
        "slow",
        "seen_slow",
        "balance",
        "spent",
        "own_cost",
        "reward",
        "share",
    ),
    "beliefs": ("mean", "m2", "factor", "spread"),
}
"""Numbers that are finite in every world, by array. The rest is scratch, or has a meaning where it is infinite."""
_COUNTS: Final = {
    "world": ("steps", "entry", "round", "sum_tasks", "tasks_done", "open_jobs"),
    "tasks": ("open", "failures"),
    "jobs": ("open",),
    "agents": (
        "queued",
        "futures",
        "in_system",
        "tardies",
        "slows",
        "seen_slows",
        "unfinished",
        "leased",
        "breakdowns",
        "legal",
        "startable",
    ),
    "beliefs": ("count", "failures"),
}
"""Numbers that are not negative in any world, by array."""


def check_state(state: Mapping[str, NDArray[Any]], scenario: Scenario, sites: Sites) -> None:
    """Refuse a state of B worlds that kernels could not go on from.

    Args:
        state: arrays as of ``World.get_state``, of the right shapes and types.
        scenario: what is played.
        sites: the instances.

    Raises:
        ValueError: the first thing that is wrong, and in which world.
    """
    for name, array in state.items():
        for field in array.dtype.names or ():
            if array.dtype[field] == np.bool_:
                _require(
                    np.ascontiguousarray(array[field]).view(np.uint8) <= 1, f"{name}.{field} is neither True nor False"
                )
        if array.dtype == np.float32:
            _require(np.isfinite(array), f"{name} is not finite")
    _require(np.ascontiguousarray(state["masks"]).view(np.uint8) <= 1, "masks are neither True nor False")
    for name, fields in _FINITE.items():
        for field in fields:
            _require(np.isfinite(state[name][field]), f"{name}.{field} is not finite")
    for name, fields in _COUNTS.items():
        for field in fields:
            _require((state[name][field] >= 0) & (state[name][field] <= _MOST), f"{name}.{field} is not in 0..{_MOST}")
    _require(state["world"]["trouble"] == 0, "world.trouble is not 0")
    for b in range(len(state["world"])):
        _World(b, state, scenario, sites).check()


def _require(holds: Any, otherwise: str, b: int | None = None) -> None:
    if not np.all(holds):
        raise ValueError(f"World.set_state: {'' if b is None else f'world {b}: '}{otherwise}")


class _World:
    """One world of a state, cut to the size of its instance."""

    def __init__(self, b: int, state: Mapping[str, NDArray[Any]], scenario: Scenario, sites: Sites) -> None:
        self.b, self.w, self.scenario = b, state["world"][b], scenario
        self._inside("instance", len(sites.site) - 1)
        site, self.packed = sites.site[self.w["instance"]], sites.packed[self.w["instance"]]
        self.num_tasks, self.num_jobs = int(site["num_tasks"]), int(site["num_jobs"])
        self.num_agents, self.num_resources = int(site["num_agents"]), int(site["num_resources"])
        self.facts, self.options = self.packed.facts, self.packed.options
        self.tasks, self.jobs = state["tasks"][b, : self.num_tasks], state["jobs"][b, : self.num_jobs]
        self.everybody = state["agents"][b]
        self.agents, self.beliefs = self.everybody[: self.num_agents], state["beliefs"][b, : self.num_agents]
        self.live, self.shown, self.masks = state["live"][b], state["shown"][b], state["masks"][b]
        self.units = state["units"][b, : self.num_agents, : self.num_resources]
        self.pools = state["pools"][b, : self.num_resources]
        for name, most in (
            ("submitted", self.num_jobs),
            ("tardy", self.num_jobs),
            ("slow", self.num_jobs),
            ("seen_slow", self.num_jobs),
            ("phase", int(Phase.OVER)),
        ):
            self._inside(name, most)
        self.running = self._used(state["running"][b], "num_running")
        self.order = state["order"][b][: len(self.running)]
        self.retrying = self._used(state["retrying"][b], "num_retrying")
        self.reserved = self._used(state["reservations"][b], "num_reserved")

    def _require(self, holds: Any, otherwise: str) -> None:
        _require(holds, otherwise, self.b)

    def _inside(self, name: str, most: int) -> None:
        self._require(0 <= self.w[name] <= most, f"{name} is {self.w[name]}, must be in 0..{most}")

    def _used(self, array: Records, count: str) -> Records:
        self._inside(count, len(array))
        return array[: self.w[count]]

    def check(self) -> None:
        """Refuse what is wrong. Of a world that is over little is followed: what its seats were shown, and what is fetched ahead."""
        room = self.masks.shape[1] - 1
        for name, most in (("shown", room), ("written", 1 + room), ("place", room - 1)):
            self._require(
                (self.everybody[name] >= 0) & (self.everybody[name] <= most), f"agents.{name} is not in 0..{most}"
            )
        self._require(self.w["episode"] >= NONE, "episode is less than -1")
        rows = self._live_rows()
        self._require(
            (rows["task"] >= 0) & (rows["task"] < self.num_tasks), f"live.task is not in 0..{self.num_tasks - 1}"
        )
        if self.w["phase"] != Phase.OVER:
            self._check_tasks()
            self._check_jobs()
            self._check_running()
            self._check_units()
            self._check_live()
            self._check_agents()
            self._check_reservations()
            self._check_round()
        self._check_seats()

    def _live_rows(self) -> Records:
        """Return the segments of the live list that are in use, one after the other."""
        first, count = self.agents["first"].astype(np.int64), self.agents["live"].astype(np.int64)
        self._require(
            (first >= 0) & (count >= 0) & (first + count <= len(self.live)),
            "agents.first or live is not within the live list",
        )
        rows: Records = self.live[np.arange(count.sum()) + np.repeat(first - (np.cumsum(count) - count), count)]
        return rows

    def _check_tasks(self) -> None:
        self.status = status = self.tasks["status"]
        self._require((status >= 0) & (status <= max(Status)), f"tasks.status is not in 0..{max(Status)}")
        successor, before = self.packed.edges, np.repeat(np.arange(self.num_tasks), self.facts["edges"])
        still_open = np.bincount(successor[status[before] != Status.DONE], minlength=self.num_tasks)
        self._require(
            self.tasks["open"] == still_open, "tasks.open is not the number of predecessors that are not done"
        )
        soon = np.bincount(successor[status[before] == Status.RUNNING], minlength=self.num_tasks) > 0
        self.listed = (status == Status.READY) | (
            self.scenario.reservations.allowed & (status == Status.PENDING) & (still_open == 1) & soon
        )
        self.submitted = self.facts["job"] < self.w["submitted"]
        self.done = status == Status.DONE
        given_up = self.jobs["abandoned"][self.facts["job"]]
        waits = status == Status.PENDING
        self._require(
            (status == Status.ABANDONED) == (given_up & ~self.done),
            "tasks are abandoned without their job, or with it are not",
        )
        self._require(
            waits | given_up | (self.submitted & (still_open == 0)), "a task is ready or further that cannot be"
        )
        self._require(~waits | ~self.submitted | (still_open > 0), "a task is pending that is ready")
        self._require(
            (self.tasks["progress"] >= 0) & (self.tasks["progress"] <= _AS_GOOD_AS_DONE),
            "tasks.progress is not in 0..1",
        )
        self._require(self.w["tasks_done"] == self.done.sum(), "tasks_done is not their number")
        self._require(self.w["sum_tasks"] == self.submitted.sum(), "sum_tasks is not the number of tasks submitted")

    def _check_jobs(self) -> None:
        left = np.bincount(self.facts["job"][~self.done], minlength=self.num_jobs)
        left[self.jobs["abandoned"]] = 0
        self._require(self.jobs["open"] == left, "jobs.open is not the number of tasks that are left")
        self._require(self.w["open_jobs"] == (left > 0).sum(), "open_jobs is not the number of jobs with tasks left")
        owner, there = self.packed.job_facts["owner"], np.arange(self.num_jobs) < self.w["submitted"]
        self._require(there | ~self.jobs["abandoned"], "a job is abandoned that is still to come")
        for name, counted in (("unfinished", left > 0), ("in_system", there & (left > 0))):
            self._require(
                self.agents[name] == np.bincount(owner[counted], minlength=self.num_agents),
                f"agents.{name} is not their jobs",
            )
        self._require((self.w["scale"] > 0) & (self.w["mean_weight"] > 0), "scale or mean_weight is not > 0")

    def _check_options(self, rows: Records, what: str) -> None:
        """Refuse records that name no option, or with it another task or agent."""
        option = rows["option"]
        self._require(
            (option >= 0) & (option < len(self.options)), f"{what}.option is not in 0..{len(self.options) - 1}"
        )
        for name in ("task", "agent"):
            if name in (rows.dtype.names or ()):
                self._require(rows[name] == self.options[name][option], f"{what}.{name} is not that of the option")

    def _check_running(self) -> None:
        run, now = self.running, self.w["time"]
        self._check_options(run, "running")
        self._require(self.status[run["task"]] == Status.RUNNING, "running names a task that does not run")
        self._require(self.tasks["slot"][run["task"]] == np.arange(len(run)), "tasks.slot is not where a task runs")
        self._require(
            (self.status == Status.RUNNING).sum() == len(run), "num_running is not the number of running tasks"
        )
        for name in ("ends", "expected", "began", "full"):
            self._require(np.isfinite(run[name]), f"running.{name} is not finite")
        self._require(run["ends"] >= now, "running.ends is in the past")
        slots = np.sort(self.order["slot"])
        self._require(slots == np.arange(len(run)), "order.slot does not name every running task once")
        expected = self.order["expected"]
        self._require(expected == run["expected"][self.order["slot"]], "order.expected is not what running says")
        self._require(np.diff(expected) >= 0, "order.expected does not ascend")
        delayed = np.flatnonzero(self.status == Status.RETRYING)
        self._require(len(delayed) == len(self.retrying), "num_retrying is not the number of retrying tasks")
        self._require(np.sort(self.retrying["task"]) == delayed, "retrying does not name every such task once")
        self._require(self.tasks["ready_time"][delayed] >= now, "tasks.ready_time of a retrying one is in the past")

    def _check_units(self) -> None:
        own, pools = (
            self.packed.locals[: self.num_agents, : self.num_resources],
            self.packed.pools[: self.num_resources],
        )
        taken = np.zeros(own.shape, np.int64)
        np.add.at(taken, self.running["agent"], self.packed.demands[self.running["task"], : self.num_resources])
        leased = np.where(own > 0, 0, taken)
        self._require(self.units["capacity"] == own, "units.capacity is not the instance's")
        self._require(
            self.units["free"] == np.where(own > 0, own - taken, 0), "units.free is not what running tasks leave"
        )
        self._require(self.units["leased"] == leased, "units.leased is not what running tasks take")
        self._require(self.agents["leased"] == leased.sum(axis=1), "agents.leased is not what running tasks take")
        self._require(self.pools["capacity"] == pools, "pools.capacity is not the instance's")
        self._require(self.pools["free"] == pools - leased.sum(axis=0), "pools.free is not what running tasks leave")

    def _check_live(self) -> None:
        first, count = self.agents["first"], self.agents["live"]
        self._require(first == self.packed.firsts[: self.num_agents], "agents.first is not the instance's")
        option = np.flatnonzero(self.listed[self.options["task"]])
        option = option[np.argsort(self.options["agent"][option], kind="stable")]
        self._require(
            count == np.bincount(self.options["agent"][option], minlength=self.num_agents),
            "agents.live is not their options",
        )
        rows = self._live_rows()
        self.is_live = np.zeros(len(self.options), np.bool_)
        self.is_live[option] = True
        self._require(rows["option"] == option, "live.option is not the options that are live, ascending")
        self._check_options(rows, "live")
        self._require(rows["kind"] == self.facts["kind"][rows["task"]], "live.kind is not that of the task")
        ready = self.status[rows["task"]] == Status.READY
        self._require(rows["ready"] == ready, "live.ready is not the status of the task")
        self._require(np.isfinite(rows["estimate"]), "live.estimate is not finite")
        queued = np.bincount(self.options["agent"][rows["option"][ready]], minlength=self.num_agents)
        self._require(self.agents["queued"] == queued, "agents.queued is not their ready options")

    def _check_agents(self) -> None:
        unsure, agents = self.scenario.uncertainty, self.agents
        self._require((agents["flip"] >= self.w["time"]), "agents.flip is in the past, or no number")
        flips = np.isfinite(agents["flip"])
        self._require(
            flips | (agents["up"] & math.isinf(unsure.mean_time_between_failures)),
            "agents.flip is never, must be finite",
        )
        self._require(agents["up"] | ~agents["active"], "an agent is active that is down")
        self._require(agents["active"] | ~agents["acts"], "an agent acts that is not active")
        self._require(self.beliefs["factor"] > 0, "beliefs.factor is not > 0")
        left = self.submitted & ~self.done & (self.status != Status.ABANDONED)
        futures = np.bincount(self.facts["primary"][left], minlength=self.num_agents)
        self._require(agents["futures"] == futures, "agents.futures is not the number of their tasks that are left")

    def _check_reservations(self) -> None:
        self._check_options(self.reserved, "reservations")
        self._require(np.isfinite(self.reserved["start"]), "reservations.start is not finite")
        held = np.bincount(self.reserved["agent"], minlength=self.num_agents)
        self._require(held <= 1, "an agent has two reservations")
        filling = self.agents["filling"]
        self._require(~filling | (held > 0), "an agent fills in without a reservation")
        self._require(
            ~self.agents["active"] | (held == 0) | filling, "an agent is active that waits for what it has reserved"
        )

    def _check_round(self) -> None:
        w, agents = self.w, self.agents
        picks = w["phase"] == Phase.PRIORITISE
        flags = {"in_epoch": True, "dealt": not picks, "bidden": False, "terminated": False, "truncated": False}
        for name, value in flags.items():
            self._require(w[name] == value, f"{name} is {w[name]}, must be {value} in phase {Phase(w['phase']).name}")
        pick = agents["pick"]
        has = pick != NONE
        self._require(~has | ((pick >= 0) & (pick < len(self.options))), "agents.pick is no option")
        self._check_choices(np.flatnonzero(has), pick[has], agents["pick_start"][has], "agents.pick")
        self._require(agents["active"] | ~has, "an agent picks that is not active")
        self._require(has | ~agents["bids"] | picks, "an agent bids that picks nothing")

    def _check_choices(self, agent: NDArray[Any], option: NDArray[Any], startable: NDArray[Any], what: str) -> None:
        """Refuse options that are not those of their agents, not live, or not to be started or reserved as they are said to be."""
        self._require(
            (self.options["agent"][option] == agent) & self.is_live[option], f"{what} is not a live option of the agent"
        )
        ready = self.status[self.options["task"][option]] == Status.READY
        self._require(ready | ~startable, f"{what} is to start a task that is not ready")
        may_wait = self.scenario.reservations.allowed & ~self.agents["filling"][agent]
        self._require(startable | may_wait, f"{what} is to reserve where nobody may")

    def _check_seats(self) -> None:
        room, phase = self.masks.shape[1] - 1, self.w["phase"]
        asked = self.everybody["acts"] if phase == Phase.PRIORITISE else self.everybody["bids"]
        asked = asked & (phase != Phase.OVER) & (np.arange(len(asked)) < self.num_agents)
        self._require(self.everybody["acting"] == asked, "agents.acting is not who is asked")
        self._require(asked.any() | (phase == Phase.OVER), "nobody is asked")
        picks = asked & (phase == Phase.PRIORITISE)
        choices = np.where(picks, self.everybody["shown"], 0)[:, None] > np.arange(room)
        self._require(
            self.masks[:, :room] == choices, "masks do not allow the candidates that are shown, and no others"
        )
        self._require(
            self.masks[:, room] == np.where(picks, self.everybody["passes"], True),
            "masks do not allow to wait where one may",
        )
        if phase == Phase.OVER:
            return
        self._require(
            self.everybody["written"] == np.where(picks, 1 + self.everybody["shown"], 0),
            "agents.written is not what is shown",
        )
        agent, _ = np.nonzero(choices)
        rows = self.shown[choices]
        self._check_options(rows, "shown")
        self._check_choices(agent, rows["option"], rows["startable"], "shown.option")
        self._require(self.shown["task"][~choices] == NONE, "shown.task names one that is not shown")
