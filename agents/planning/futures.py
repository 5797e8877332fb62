"""What may come, as agents can know it: worlds that go on from where a real one stands, under draws of their own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from envs.engine.allocate import SEEN, as_bytes
from envs.engine.completion import complete
from envs.engine.layout import SITE_ADDRESSES, WORLD_ADDRESSES
from envs.engine.objective import SLOWDOWN_FLOOR
from envs.scenario import Scenario, Uncertainty
from envs.state.arrays import NOT_STATE
from envs.workloads.instance import Instance
from envs.world import World

HARDLY: Final = 1e-12
"""Chance of a failure that is not expected to happen."""
NORMAL: Final = NormalDist()


class Imagination(World):
    """Worlds that hold nothing of a real world's future.

    Durations are drawn around the agents' estimates, those of running tasks on the condition that they still run; sources' realised
    durations and true speeds are unknown. Nobody fails or breaks down; who is down is up after the mean time to repair. Jobs that
    have not arrived never do: what is imagined ends when the known ones are done.
    """

    def __init__(
        self,
        scenario: Scenario,
        places: Sequence[Instance],
        instances: Sequence[Instance],
        num_worlds: int,
        *,
        unseen: bool = False,
    ) -> None:
        """Take what real worlds play: the instance of each, and all that their World has, which say how large it is.

        Where it is ``unseen``, nobody will look at what seats are shown, which is not copied: only ``complete`` may play then.
        """
        unsure, knowledge = scenario.uncertainty, scenario.knowledge
        believed = Uncertainty(
            duration_sigma=knowledge.prior_std if knowledge.learn else unsure.duration_sigma,
            failure_probability=HARDLY if unsure.failure_probability else 0.0,
            max_failures=unsure.max_failures,
            mean_time_to_repair=unsure.mean_time_to_repair,
        )
        known = [
            replace(i, task_ratio=np.ones(i.num_tasks), speed=np.ones_like(i.speed)) for i in (*places, *instances)
        ]
        super().__init__(replace(scenario, uncertainty=believed), num_worlds, instances=known, auto_reset=False)
        if unseen:
            self._uncopied = (*NOT_STATE, *SEEN)
        self._speeds = np.ones((len(places), *self._state.beliefs.shape[1:]))
        """[real worlds, A, G]."""
        for place in range(len(places)):
            self._sites.site["speeds"][place] = self._speeds[place].ctypes.data

    def imagine(self, state: Mapping[str, NDArray[Any]], place: int, onto: int, seed: int) -> None:
        """Have the world ``onto`` go on from where the real world ``place`` stands, in a future that ``seed`` determines.

        Args:
            state: of the real World, from ``get_state``.
            place: a real world; the agents' estimates there replace those that earlier futures of it still use.
            onto: a world of this World.
            seed: equal ones give equal luck to whatever is decided from here on.
        """
        own = self._state.world
        for name, array in self._state._asdict().items():
            if name != "world" and name not in self._uncopied:
                as_bytes(array)[onto] = as_bytes(state[name])[place]
        kept = {name: own[name][onto] for name in (*WORLD_ADDRESSES, "log_room")}
        own[onto] = state["world"][place]
        for name, value in kept.items():
            own[name][onto] = value
        for name in SITE_ADDRESSES:
            own[name][onto] = self._sites.site[name][place]
        own["instance"][onto], own["seed"][onto], own["log_size"][onto] = place, seed, 0
        self._speeds[place] = 1.0 / np.maximum(state["beliefs"]["factor"][place], np.finfo(np.float64).tiny)
        self._forget_arrivals(onto, place)
        self._believe_lengths(place)
        self._find_slow(onto, place)
        self._draw_ends(onto, seed)
        agents = self._state.agents
        agents["flip"][onto] = np.where(
            agents["up"][onto], math.inf, own["time"][onto] + self.scenario.uncertainty.mean_time_to_repair
        )

    def complete(self, picks: NDArray[np.int32], scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what it costs [n] to play the first n worlds to their ends: the round's ``picks`` [n, A], then by ``scores`` [n, T]."""
        costs = np.zeros(len(picks))
        if not complete(self._state.world, len(picks), picks, scores, costs):
            raise RuntimeError("Imagination.complete: a world came to no end; this is a bug, please report it")
        return costs

    def __reduce__(self) -> tuple[Any, ...]:
        """Refuse to be copied: what is imagined lies partly in the packed instances, and does not last.

        Raises:
            TypeError: always.
        """
        raise TypeError("Imagination: cannot be copied or pickled; make another one")

    def _forget_arrivals(self, b: int, place: int) -> None:
        """Count the jobs that have not arrived as gone."""
        world, instance = self._state.world, self.instances[place]
        here, jobs = int(world["submitted"][b]), instance.num_jobs
        if here < jobs:
            self._state.jobs["open"][b, here:jobs] = 0
            world["open_jobs"][b] -= jobs - here
            np.subtract.at(self._state.agents["unfinished"][b], instance.job_owner[here:], 1)
            world["submitted"][b] = jobs

    def _believe_lengths(self, place: int) -> None:
        """Have jobs be as long as their owners expect: by that, slowdowns are counted."""
        facts, tasks = self._sites.packed[place].job_facts, self._sites.packed[place].facts
        nominal, starts = tasks["nominal"], facts["task0"]
        expected = nominal / self._speeds[place][tasks["primary"], tasks["kind"]]
        share = np.add.reduceat(expected, starts) / np.maximum(np.add.reduceat(nominal, starts), HARDLY)
        facts["length"] = facts["path"] * share
        facts["next_slow"] = np.argsort(facts["release"] + np.maximum(facts["length"], SLOWDOWN_FLOOR), kind="stable")

    def _find_slow(self, b: int, place: int) -> None:
        """Say which jobs count as slow: by their known length, not by the realised one."""
        world, agents, facts = self._state.world, self._state.agents, self._sites.packed[place].job_facts
        length = np.maximum(facts["length"], SLOWDOWN_FLOOR)
        slow = facts["release"] + length <= world["time"][b]
        world["slow"][b] = slow.sum()
        slow &= self._state.jobs["open"][b, : len(facts)] > 0
        agents["slow"][b], agents["slows"][b] = 0.0, 0
        np.add.at(agents["slow"][b], facts["owner"][slow], 1.0 / length[slow])
        np.add.at(agents["slows"][b], facts["owner"][slow], 1)

    def _draw_ends(self, b: int, seed: int) -> None:
        """Draw the ends of running tasks: lognormal around the estimate, later than now."""
        world, running = self._state.world, self._state.running[b, : int(self._state.world["num_running"][b])]
        sigma, now = self.scenario.uncertainty.duration_sigma, float(world["time"][b])
        place = int(world["instance"][b])
        packed, speeds = self._sites.packed[place], self._speeds[place]
        nominal, kinds = packed.options["nominal"], packed.facts["kind"]
        luck = np.random.default_rng(seed).random(int(world["num_tasks"][b]))
        began, tasks = running["began"], running["task"]
        progress = self._state.tasks["progress"][b, tasks]
        lengths = nominal[running["option"]] * (1.0 - progress) / speeds[running["agent"], kinds[tasks]]
        if sigma > 0:
            told = zip(lengths.tolist(), (now - began).tolist(), luck[tasks].tolist(), strict=True)
            lengths = np.array([_drawn(length, past, chance, sigma) for length, past, chance in told])
        running["ends"] = np.maximum(now, began + lengths)
        running["full"] = (running["ends"] - began) / np.maximum(1.0 - progress, HARDLY)
        running["fails"] = False


def _drawn(length: float, past: float, chance: float, sigma: float) -> float:
    """A duration, lognormal around an estimate, on the condition that it is more than what is past."""
    if length <= 0:
        return length
    least = NORMAL.cdf((math.log(past / length) + sigma**2 / 2) / sigma) if past > 0 else 0.0
    share = min(max(least + (1 - least) * chance, HARDLY), 1 - HARDLY)
    return length * math.exp(sigma * NORMAL.inv_cdf(share) - sigma**2 / 2)
