"""B worlds in lock-step: numpy in, numpy out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.allocate import as_bytes, make_params, make_state
from envs.engine import draws, tick
from envs.engine.codes import Phase, Trouble
from envs.engine.layout import COMPLETION, SITE_ADDRESSES, WORLD_ADDRESSES, Records
from envs.events import EventLog
from envs.outputs import Outputs as Outputs
from envs.outputs import outputs_of
from envs.pack import pack
from envs.playable import check_playable
from envs.scenario import Scenario
from envs.workloads.instance import Instance

NO_COMPLETIONS = np.zeros(0, COMPLETION)


class World:
    """B independent worlds of one scenario, stepped together.

    Args:
        scenario: what is played.
        num_worlds: B.
        seed: determines instances and episodes; equal seeds give equal worlds, in every process.
        instances: what is played, instead of instances drawn from the scenario's workload.
        num_instances: how many instances to draw; by default one per world.
        auto_reset: a world that is over starts its next episode at the next step, whose actions it ignores.
        record: keep an event log per world.
        threads: share the worlds out among themselves; results do not depend on them.
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
        for name, value in (("num_worlds", num_worlds), ("threads", threads), ("num_instances", num_instances or 1)):
            if value < 1:
                raise ValueError(f"World: {name} is {value}, must be >= 1")
        if instances is None:
            instances = draw_instances(scenario, num_instances or num_worlds, seed)
        if not instances:
            raise ValueError("World: instances is empty, needs at least one")
        check_playable(scenario, instances, num_worlds)
        self.scenario = scenario
        self.instances = list(instances)
        self.num_worlds = num_worlds
        self.auto_reset = auto_reset
        self._seed = seed
        self._record = record
        self._params = make_params(scenario, record)
        self._sites = pack(self.instances)
        self._state = make_state(scenario, self.instances, self._sites.site, self._params, num_worlds)
        self.num_agents = self._state.agents.shape[1]
        self.candidates = scenario.candidates
        self.out = outputs_of(self._state)
        self._logs: list[list[Records]] = [[] for _ in range(num_worlds)]
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        self._others = min(threads, -(-num_worlds // tick.BLOCK)) - 1  # threads beside the caller's that find something to do
        self._tickets = np.zeros(1, np.int64)
        self._seeds, self._entries = episode_schedule(seed, num_worlds, len(self.instances))
        self._uncopied: tuple[str, ...] = NOT_STATE
        """Arrays that a fork leaves as they are."""
        self._no_picks = np.zeros((num_worlds, self.num_agents), np.int32)
        self._no_bids = np.zeros((num_worlds, self.num_agents))

    def schedule(self, seeds: NDArray[np.uint64], instance: NDArray[np.int32]) -> None:
        """Say what is played from the next ``reset`` on: world b's e-th episode is entry (b + e B) mod N.

        Args:
            seeds: [N] episode seeds.
            instance: [N] indices into ``instances``.
        """
        seeds = np.array(seeds, np.uint64)
        entries = np.array(instance, np.int32)
        if seeds.ndim != 1 or seeds.shape != entries.shape or not seeds.size:
            raise ValueError(f"World.schedule: seeds {seeds.shape} and instance {entries.shape} must be equal, one axis, not empty")
        if entries.min() < 0 or entries.max() >= len(self.instances):
            raise ValueError(f"World.schedule: instances must be in 0..{len(self.instances) - 1}")
        self._seeds, self._entries = seeds, entries

    def reset(
        self, seed: int | None = None, *, seeds: NDArray[np.uint64] | None = None, instance: NDArray[np.int32] | None = None
    ) -> Outputs:
        """Start the first episode of the schedule in every world.

        Args:
            seed: derive a new schedule from it.
            seeds: [B] episode seeds, instead; with ``instance`` [B], by default 0.
        """
        if seeds is not None:
            self.schedule(seeds, np.zeros(len(seeds), np.int32) if instance is None else instance)
        elif seed is not None:
            self._seed = seed
            self._seeds, self._entries = episode_schedule(seed, self.num_worlds, len(self.instances))
        self._logs = [[] for _ in range(self.num_worlds)]
        self._run(tick.RESET, self._no_picks, self._no_bids)
        return self.out

    def step(self, picks: NDArray[np.int32], bids: NDArray[np.float64], worlds: range | None = None) -> Outputs:
        """Play one round in every world, and on to the next choice.

        Args:
            picks: [B, A] int32 actions, read where ``acting`` in phase PRIORITISE.
            bids: [B, A] float64, read where ``acting`` in phase NEGOTIATE; the highest is served first.
            worlds: those to step, one after the other, instead of all; the others stand still.

        Raises:
            ValueError: an acting seat's pick is illegal or its bid is NaN; that world has not moved.
        """
        if self._record and self.auto_reset:
            for b in np.flatnonzero(self.out.phase == Phase.OVER):
                self._logs[b] = []
        self._run(tick.STEP, picks, bids, worlds)
        return self.out

    def play_on(self, completions: Records, picks: NDArray[np.int32], bids: NDArray[np.float64], worlds: range | None = None) -> Outputs:
        """Play on without coming back between rounds, one world after the other, as far as compiled deciders go.

        A world stops at its end, at a limit of its completion, or where a role is asked that has no compiled decider: write its
        decisions into the row of its next round, count that as given, and call again.

        Args:
            completions: [B] COMPLETION.
            picks: [B R, A] int32; the k-th round of a completion in world b is row b R + k modulo R.
            bids: [B R, A] float64.
            worlds: those that play on, instead of all.

        Raises:
            ValueError: a decision is illegal; that world has not moved.
        """
        self._run(tick.COMPLETE, picks, bids, worlds, completions)
        return self.out

    def fork(self, worlds: NDArray[np.integer], onto: NDArray[np.integer]) -> None:
        """Have the worlds ``onto`` [n] go on exactly from where the worlds ``worlds`` [n] stand.

        Raises:
            ValueError: events are recorded; a log cannot be forked.
        """
        if self._record:
            raise ValueError("World.fork: this World records events; make one with record=False")
        for name, array in self._state._asdict().items():
            if name != "world" and name not in self._uncopied:
                rows = as_bytes(array)
                rows[onto] = rows[worlds]
        own = self._state.world
        addresses = {name: own[name][onto] for name in WORLD_ADDRESSES}
        own[onto] = own[worlds]
        for name, values in addresses.items():
            own[name][onto] = values

    def _run(
        self,
        command: int,
        picks: NDArray[np.int32],
        bids: NDArray[np.float64],
        worlds: range | None = None,
        completions: Records = NO_COMPLETIONS,
    ) -> None:
        """Have some or all worlds carry out a command; empty full logs and go on."""
        worlds = worlds or range(self.num_worlds)
        troubled = self._run_once(command, picks, bids, worlds, completions)
        while troubled:
            if command == tick.COMPLETE:
                rows = len(picks) // self.num_worlds
                at = np.arange(self.num_worlds) * rows + completions["at"] % rows
                self._check_trouble(picks[at], bids[at])
            else:
                self._check_trouble(picks, bids)
                command = tick.RESUME
            for b in np.flatnonzero(self._state.world["trouble"]):
                self._drain(int(b))
            troubled = self._run_once(command, picks, bids, worlds, completions)

    def _run_once(self, command: int, picks: NDArray[np.int32], bids: NDArray[np.float64], worlds: range, completions: Records) -> int:
        self._tickets[0] = 0
        state = (self._state.world, command, picks, bids, self._seeds, self._entries, self.auto_reset, self._tickets)
        work = (*state, worlds.start, worlds.stop, completions)
        others = [self._pool.submit(tick.run_worlds, *work) for _ in range(self._others)] if self._pool else []
        troubled: int = tick.run_worlds(*work)
        for other in others:
            troubled += other.result()
        return troubled

    def _check_trouble(self, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
        trouble = self._state.world["trouble"]
        for b in np.flatnonzero(trouble != Trouble.LOG_FULL):
            kind = Trouble(trouble[b])
            if kind == Trouble.NONE:
                continue
            self._state.world["trouble"][b] = Trouble.NONE
            agent = int(self._state.world["trouble_agent"][b])
            if kind == Trouble.STUCK:
                raise RuntimeError(
                    f"world {b}: unfinished work but no event to wait for, at {self.out.time[b]} s; this is a bug, please report it"
                )
            actions: NDArray[Any] = picks if self.out.phase[b] == Phase.PRIORITISE else bids
            raise ValueError(f"world {b}: action {actions[b, agent]} of agent {agent} is illegal in phase {Phase(self.out.phase[b]).name}")

    def _drain(self, b: int) -> None:
        size = int(self._state.world["log_size"][b])
        if size:
            self._logs[b].append(self._state.log[b, :size].copy())
            self._state.world["log_size"][b] = 0

    def log(self, b: int) -> EventLog:
        """Return the events of world b's current episode so far; needs ``record=True``."""
        if not self._record:
            raise ValueError("World.log: nothing was recorded; make the World with record=True")
        self._drain(b)
        events = np.concatenate(self._logs[b]) if self._logs[b] else np.zeros(0, self._state.log.dtype)
        return EventLog(*(np.ascontiguousarray(events[name]) for name in EventLog._fields))

    def job_end(self, b: int) -> NDArray[np.float64]:
        """Return [J] when each job of world b's episode was done; NaN where it was not (yet)."""
        jobs = self.instances[int(self.out.instance[b])].num_jobs
        return np.array(self._state.jobs["end"][b, :jobs])

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return a copy of everything that ``set_state`` needs to go on exactly from here, event logs excepted."""
        state = {name: array.copy() for name, array in self._state._asdict().items() if name not in NOT_STATE}
        return state | {"seeds": self._seeds.copy(), "entries": self._entries.copy()}

    def set_state(self, state: dict[str, NDArray[Any]]) -> Outputs:
        """Go back to a copied state of this World, or of one made with the same arguments; the logs start empty."""
        arrays = {name: array for name, array in self._state._asdict().items() if name not in NOT_STATE}
        for name, array in arrays.items():
            if name not in state or state[name].shape != array.shape or state[name].dtype != array.dtype:
                raise ValueError(f"World.set_state: {name} is missing or not {array.shape}: not the state of a World like this one")
        self.schedule(state["seeds"], state["entries"])
        for name, array in arrays.items():
            if name != "world":
                array[...] = state[name]
        own = self._state.world
        for name in own.dtype.names or ():
            if name not in WORLD_ADDRESSES and name not in SITE_ADDRESSES:
                own[name] = state["world"][name]
        for name in SITE_ADDRESSES:
            own[name] = self._sites.site[name][own["instance"]]
        own["log_size"] = 0
        self._logs = [[] for _ in range(self.num_worlds)]
        return self.out


NOT_STATE = ("log", "window", "ranked", "team")
"""Arrays of a World that hold nothing from one step to the next."""


def draw_instances(scenario: Scenario, count: int, seed: int) -> list[Instance]:
    """Return ``count`` instances of the scenario's workload; the k-th depends on seed and k alone."""
    return [scenario.workload.instance(int(draws.seed_of(np.uint64(seed), draws.INSTANCE, k)) >> 1) for k in range(count)]


def episode_schedule(seed: int, worlds: int, instances: int) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Return seeds and instances of a schedule in which every instance is played, in turn, under fresh seeds."""
    length = max(worlds, instances) * 16
    return draws.episode_seeds(np.uint64(seed), length), (np.arange(length) % instances).astype(np.int32)
