"""B worlds in lock-step: numpy in, numpy out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from envs.arguments import FLOAT64, INT32, MAX_SEED, UINT64, as_array, as_flag, as_indices, as_integer, as_range
from envs.crew import Crew
from envs.engine import draws, tick
from envs.engine.allocate import as_bytes, make_params, make_state
from envs.engine.codes import NONE, Phase, Trouble
from envs.engine.layout import COMPLETION, WORLD_ADDRESSES, Records
from envs.engine.pack import pack
from envs.engine.restore import go_on, restore_world
from envs.event_logs import Callback, EventLogs
from envs.events import EventKind, EventLog
from envs.outputs import Outputs as Outputs
from envs.outputs import name_outputs
from envs.playable import check_playable
from envs.scenario import Scenario
from envs.state.arrays import NOT_STATE, check_alike, copy_arrays, put_arrays
from envs.state.check import check_state
from envs.state.snapshot import Snapshot, SnapshotError, check_snapshot, describe, events_of, packed, snapshot_of
from envs.workloads.instance import Instance


class World:
    """B independent worlds of one scenario, stepped together.

    A World can be copied, deeply or not, and pickled, in any round: the copy goes on by itself, to the same bits, event logs
    included. Copies share the scenario and the instances, which never change. Where many are needed, ``fork`` is faster.

    Args:
        scenario: what is played.
        num_worlds: B.
        seed: determines instances and episodes; equal seeds give equal worlds, in every process.
        instances: what is played, instead of instances drawn from the scenario's workload.
        num_instances: how many instances to draw; by default one per world.
        auto_reset: a world that is over starts its next episode at the next step, whose actions it ignores.
        record: keep an event log per world.
        threads: share the worlds out among themselves; results do not depend on them.

    Raises:
        ValueError: an argument is not what it must be.
    """

    def __init__(
        self,
        scenario: Scenario,
        num_worlds: int = 1,
        seed: int = 0,
        *,
        instances: Sequence[Instance] | None = None,
        num_instances: int | None = None,
        auto_reset: bool = True,
        record: bool = False,
        threads: int = 1,
    ) -> None:
        if not isinstance(scenario, Scenario):
            raise ValueError(f"World: scenario is {scenario!r}, must be a Scenario")
        num_worlds = as_integer("World: num_worlds", num_worlds, 1, _MOST)
        threads = as_integer("World: threads", threads, 1, _MOST)
        seed = as_integer("World: seed", seed, 0, MAX_SEED)
        if num_instances is not None:
            num_instances = as_integer("World: num_instances", num_instances, 1, _MOST)
        if instances is None:
            instances = draw_instances(scenario, num_instances or num_worlds, seed)
        if not instances:
            raise ValueError("World: instances is empty, needs at least one")
        strangers = [instance for instance in instances if not isinstance(instance, Instance)]
        if strangers:
            raise ValueError(f"World: instances has {strangers[0]!r}, must be Instances")
        self._record = as_flag("World: record", record)
        check_playable(scenario, instances, num_worlds, self._record)
        self.scenario = scenario
        self.instances = list(instances)
        self.num_worlds = num_worlds
        self.auto_reset = as_flag("World: auto_reset", auto_reset)
        self._seed = seed
        self._params = make_params(scenario, self._record)
        self._sites = pack(self.instances)
        self._state = make_state(scenario, self.instances, self._sites.site, self._params, num_worlds)
        self.num_agents = self._state.agents.shape[1]
        self.candidates = scenario.candidates
        self.out = name_outputs(self._state)
        self._logs = EventLogs(self._state.world, self._state.log)
        self._threads = threads
        self._crew = Crew(threads, self._state.world, self.auto_reset)
        self._enter(*episode_schedule(seed, num_worlds, len(self.instances)))
        self._uncopied: tuple[str, ...] = NOT_STATE
        """Arrays that a fork leaves as they are."""
        self._all = range(num_worlds)
        self._given_picks: Any = None
        self._given_bids: Any = None
        """The callers' arrays of actions that were checked last: who steps with the same ones again pays for no check."""
        self._picks, self._bids = np.zeros(self.out.acting.shape, np.int32), np.zeros(self.out.acting.shape)
        """Views of them, whose shape no caller can change."""

    def schedule(self, seeds: NDArray[np.uint64], instance: NDArray[np.int32]) -> None:
        """Say what is played from the next ``reset`` on: world b's e-th episode is entry (b + e B) mod N.

        Args:
            seeds: [N] episode seeds.
            instance: [N] indices into ``instances``.

        Raises:
            ValueError: an argument is not what it must be.
        """
        given = as_array("World.schedule: seeds", seeds, UINT64, (None,))
        if not given.size:
            raise ValueError("World.schedule: seeds is empty, needs at least one")
        entries = as_indices("World.schedule: instance", instance, given.shape, len(self.instances))
        self._enter(given.copy(), entries.copy())

    def _enter(self, seeds: NDArray[np.uint64], entries: NDArray[np.int32]) -> None:
        self._seeds, self._entries = seeds, entries
        self._crew.schedule(seeds, entries)

    def reset(
        self,
        seed: int | None = None,
        *,
        seeds: NDArray[np.uint64] | None = None,
        instance: NDArray[np.int32] | None = None,
    ) -> Outputs:
        """Start the first episode of the schedule in every world.

        Args:
            seed: derive a new schedule from it.
            seeds: [B] episode seeds, instead; with ``instance`` [B], by default 0.

        Raises:
            ValueError: an argument is not what it must be, or says what another one says.
        """
        if seeds is not None:
            if seed is not None:
                raise ValueError(f"World.reset: seed is {seed!r}, must be None where seeds are given")
            given = as_array("World.reset: seeds", seeds, UINT64, (self.num_worlds,))
            played = np.zeros(self.num_worlds, np.int32) if instance is None else instance
            self.schedule(given, as_indices("World.reset: instance", played, (self.num_worlds,), len(self.instances)))
        elif instance is not None:
            raise ValueError("World.reset: instance is given without seeds, must be None")
        elif seed is not None:
            self._seed = as_integer("World.reset: seed", seed, 0, MAX_SEED)
            self._enter(*episode_schedule(self._seed, self.num_worlds, len(self.instances)))
        for b in self._all:
            self._logs.begin(b)
        if self._crew.run(tick.RESET, self._all):
            self._settle(tick.RESET, self._all, self._picks, self._bids)
        self._logs.tell(self._all)
        return self.out

    def step(self, picks: NDArray[np.int32], bids: NDArray[np.float64], worlds: range | None = None) -> Outputs:
        """Play one round in every world, and on to the next choice.

        Args:
            picks: [B, A] int32 actions, read where ``acting`` in phase PRIORITISE.
            bids: [B, A] float64, read where ``acting`` in phase NEGOTIATE; the highest is served first.
            worlds: those to step, one after the other, instead of all; the others stand still.

        Raises:
            ValueError: an argument is not what it must be, and nothing has moved; or an acting seat's pick is illegal, or its bid
                not finite, and only that world has not moved.
        """
        if picks is not self._given_picks or bids is not self._given_bids:
            self._take(picks, bids)
        worlds = self._all if worlds is None else as_range("World.step: worlds", worlds, self.num_worlds)
        if self._record and self.auto_reset:
            for b in np.flatnonzero(self.out.phase == Phase.OVER):
                if b in worlds:
                    self._logs.begin(int(b))
        if self._crew.run(tick.STEP, worlds):
            self._settle(tick.STEP, worlds, self._picks, self._bids)
        self._logs.tell(worlds)
        return self.out

    def _take(self, picks: Any, bids: Any) -> None:
        """Check arrays of actions, and remember them where they can be read as they are."""
        shape = self.out.acting.shape
        self._given_picks = self._given_bids = None
        given_picks = as_array("World.step: picks", picks, INT32, shape)
        given_bids = as_array("World.step: bids", bids, FLOAT64, shape)
        self._picks, self._bids = given_picks.view(), given_bids.view()
        self._crew.act(self._picks, self._bids)
        if given_picks is picks and given_bids is bids:
            self._given_picks, self._given_bids = picks, bids

    def play_on(
        self, completions: Records, picks: NDArray[np.int32], bids: NDArray[np.float64], worlds: range | None = None
    ) -> Outputs:
        """Play on without coming back between rounds, one world after the other, as far as compiled deciders go.

        A world stops at its end, at a limit of its completion, or where a role is asked that has no compiled decider: write its
        decisions into the row of its next round, count that as given, and call again.

        Args:
            completions: [B] COMPLETION; the addresses in it are followed as they are.
            picks: [B R, A] int32; the k-th round of a completion in world b is row b R + k modulo R.
            bids: [B R, A] float64.
            worlds: those that play on, instead of all.

        Raises:
            ValueError: an argument is not what it must be; or a decision is illegal, and only that world has not moved.
        """
        worlds = self._all if worlds is None else as_range("World.play_on: worlds", worlds, self.num_worlds)
        shape = (len(picks), self.num_agents)
        given = (
            as_array("World.play_on: picks", picks, INT32, shape),
            as_array("World.play_on: bids", bids, FLOAT64, shape),
        )
        in_place = (
            given[0] is picks
            and given[1] is bids
            and completions.dtype == COMPLETION
            and completions.shape == (self.num_worlds,)
        )
        if not in_place or not len(picks) or len(picks) % self.num_worlds:
            raise ValueError(
                f"World.play_on: completions, picks and bids must be COMPLETION [{self.num_worlds}], int32 [{self.num_worlds} R, "
                f"{self.num_agents}] and float64 of that shape, contiguous, to be written in place"
            )
        self._given_picks = self._given_bids = None
        self._crew.act(picks, bids, completions)
        if self._crew.run(tick.COMPLETE, worlds):
            self._settle(tick.COMPLETE, worlds, picks, bids, completions)
        self._logs.tell(worlds)
        return self.out

    def fork(self, worlds: NDArray[np.integer], onto: NDArray[np.integer]) -> None:
        """Have the worlds ``onto`` [n] go on exactly from where the worlds ``worlds`` [n] stand.

        Raises:
            ValueError: events are recorded; a log cannot be forked. Or an argument is not what it must be.
        """
        if self._record:
            raise ValueError("World.fork: this World records events; make one with record=False")
        worlds = as_indices("World.fork: worlds", worlds, (None,), self.num_worlds)
        onto = as_indices("World.fork: onto", onto, worlds.shape, self.num_worlds)
        for name, array in self._state._asdict().items():
            if name != "world" and name not in self._uncopied:
                rows = as_bytes(array)
                rows[onto] = rows[worlds]
        own = self._state.world
        addresses = {name: own[name][onto] for name in WORLD_ADDRESSES}
        own[onto] = own[worlds]
        for name, values in addresses.items():
            own[name][onto] = values

    def _settle(
        self,
        command: int,
        worlds: range,
        picks: NDArray[np.int32],
        bids: NDArray[np.float64],
        completions: Records | None = None,
    ) -> None:
        """Empty full logs and go on, till no world is in trouble; then raise the first error."""
        errors: list[Exception] = []
        trouble = self._state.world["trouble"]
        rows = len(picks) // self.num_worlds
        while trouble.any():
            refused = trouble > Trouble.LOG_FULL
            for b in np.flatnonzero(refused):
                row = b if completions is None else b * rows + completions["at"][b] % rows
                errors.append(self._error(int(b), picks[row], bids[row]))
            trouble[refused] = Trouble.NONE
            if errors and command == tick.COMPLETE:
                break  # to go on would be to try what is illegal once more
            for b in np.flatnonzero(trouble):
                self._logs.drain(int(b))
            self._crew.run(command if command == tick.COMPLETE else tick.RESUME, worlds)
        if errors:
            raise errors[0]

    def _error(self, b: int, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> Exception:
        """Return what to raise for a world that did not move, by the actions [A] that it was to take."""
        if self._state.world["trouble"][b] == Trouble.STUCK:
            return RuntimeError(
                f"world {b}: unfinished work but no event to wait for, at {self.out.time[b]} s; this is a bug, please report it"
            )
        agent = int(self._state.world["trouble_agent"][b])
        if self.out.phase[b] == Phase.PRIORITISE:
            what, right = picks[agent], f"one of {np.flatnonzero(self.out.mask[b, agent]).tolist()}"
        else:
            what, right = bids[agent], "a finite number"
        return ValueError(
            f"world {b}: action {what} of agent {agent} is illegal in phase {Phase(self.out.phase[b]).name}, must be {right}"
        )

    def log(self, b: int) -> EventLog:
        """Return the events of world b's current episode so far; needs ``record=True``."""
        return self._logs.since(self._recorded("log", b))

    def new_events(self, b: int) -> EventLog:
        """Return what world b has logged since the last call, each event once; needs ``record=True``.

        Where a new episode has begun since, its events: ask before the step after an end, or subscribe. What a restored world had
        behind it is no news; nor is, to a copy, what the copied World had logged.
        """
        return self._logs.news(self._recorded("new_events", b))

    def subscribe(self, callback: Callback, kinds: Collection[EventKind] | None = None) -> Callable[[], None]:
        """Have ``callback(b, events)`` called with what is new, perhaps only of some kinds, before a call that moves worlds returns.

        What it raises, the caller gets, when all worlds have moved. Copies of the World have no subscribers. Needs ``record=True``.

        Returns:
            What ends the subscription.
        """
        self._recorded("subscribe", 0)
        return self._logs.subscribe(callback, kinds)

    def _recorded(self, what: str, b: int) -> int:
        if not self._record:
            raise ValueError(f"World.{what}: nothing was recorded; make the World with record=True")
        return as_integer(f"World.{what}: b", b, 0, self.num_worlds - 1)

    def job_end(self, b: int) -> NDArray[np.float64]:
        """Return [J] when each job of world b's episode was done; NaN where it was not (yet)."""
        b = as_integer("World.job_end: b", b, 0, self.num_worlds - 1)
        jobs = self.instances[int(self.out.instance[b])].num_jobs
        return np.array(self._state.jobs["end"][b, :jobs])

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return a copy of everything that ``set_state`` needs to go on exactly from here, event logs excepted."""
        return copy_arrays(self._state) | {"seeds": self._seeds.copy(), "entries": self._entries.copy()}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> Outputs:
        """Go back to a copied state of this World, or of one made with the same arguments; the logs start empty.

        Raises:
            ValueError: it is not the state of such a World, or none that a world can be in; nothing has changed then.
        """
        check_alike(state, self.get_state())
        check_state(state, self.scenario, self._sites)
        self.schedule(state["seeds"], state["entries"])
        self._put(state)
        return self.out

    def snapshot(self, b: int) -> Snapshot:
        """Return where world b stands, for ``restore`` here or elsewhere; needs ``record=True``.

        Raises:
            ValueError: its episode is over, or nothing was recorded.
        """
        log, own, agents = self.log(b), self._state.world[b], self._state.agents[b]
        if own["phase"] == Phase.OVER:
            raise ValueError(f"World.snapshot: the episode of world {b} is over, nothing is left to decide")
        return snapshot_of(own, agents, self._state.reservations[b, : own["num_reserved"]], log, self.candidates)

    def restore(self, b: int, snapshot: Snapshot, instance: int = 0, *, still: bool = False) -> Outputs:
        """Put world b where a snapshot stands; the others stay where they are. Costs so far are handed over only where no step was taken.

        Args:
            b: of the worlds.
            snapshot: taken of a World of the same scenario, or made of what happened at a site.
            instance: which of ``instances`` it is about.
            still: the world is over (phase OVER) once its clock would move: for the decisions of this instant. Needs ``auto_reset=False``.

        Raises:
            SnapshotError: the snapshot does not fit the instance, or one of its events cannot have happened after those before it.
        """
        b = as_integer("World.restore: b", b, 0, self.num_worlds - 1)
        instance = as_integer("World.restore: instance", instance, 0, len(self.instances) - 1)
        if still and self.auto_reset:
            raise ValueError("World.restore: still=True needs a World with auto_reset=False")
        check_snapshot(snapshot, self.instances[instance], self.num_agents, self.scenario.limits.max_time)
        seeds, jobs = np.array([snapshot.seed], np.uint64), self.instances[instance]
        own = self._state.world
        wrong = restore_world(
            own, b, seeds, instance, events_of(snapshot), snapshot.time, *packed(snapshot, jobs), still
        )
        if wrong != NONE:
            raise SnapshotError(
                f"event {wrong}, {describe(snapshot.events, wrong)}, cannot happen after those before it"
            )
        self._logs.begin(b, events_of(snapshot))
        while go_on(own, b) == Trouble.LOG_FULL:
            self._logs.drain(b)
        if snapshot.picks is not None:
            picks = np.zeros((self.num_worlds, self.num_agents), np.int32)
            picks[b] = snapshot.picks
            self.step(picks, np.zeros(picks.shape), range(b, b + 1))
        self._logs.tell(range(b, b + 1))
        return self.out

    def _put(self, state: Mapping[str, NDArray[Any]]) -> None:
        put_arrays(state, self._state, self._sites)
        for b in self._all:
            self._logs.begin(b)

    def __reduce__(self) -> tuple[Any, ...]:
        """Make a World from the same arguments and put it where this one stands: arrays hold addresses, which no other World may have."""
        for b in range(self.num_worlds):
            self._logs.drain(b)
        make = partial(
            type(self), instances=self.instances, auto_reset=self.auto_reset, record=self._record, threads=self._threads
        )
        return (
            make,
            (self.scenario, self.num_worlds, self._seed),
            (self.get_state(), [list(log) for log in self._logs.pieces]),
        )

    def __setstate__(self, state: tuple[dict[str, NDArray[Any]], list[list[Records]]]) -> None:
        arrays, logs = state
        self._enter(arrays["seeds"], arrays["entries"])
        self._put(arrays)
        for b, log in enumerate(logs):
            self._logs.begin(b, *log)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)


_MOST: Final = 2**31 - 1


def draw_instances(scenario: Scenario, count: int, seed: int) -> list[Instance]:
    """Return ``count`` instances of the scenario's workload; the k-th depends on seed and k alone."""
    return [
        scenario.workload.instance(int(draws.seed_of(np.uint64(seed), draws.INSTANCE, k)) >> 1) for k in range(count)
    ]


def episode_schedule(seed: int, worlds: int, instances: int) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Return seeds and instances of a schedule in which every instance is played, in turn, under fresh seeds."""
    length = max(worlds, instances) * 16
    return draws.episode_seeds(np.uint64(seed), length), (np.arange(length) % instances).astype(np.int32)
