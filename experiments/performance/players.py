"""Random valid players for measuring speed: what they take to choose is not counted, only what the world takes to play."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
from numba import njit

from agents.protocols import Negotiator, Prioritizer
from envs.engine.codes import Phase
from envs.scenario import Scenario
from envs.world import World

_NEGOTIATE: Final = int(Phase.NEGOTIATE)
_PRIORITISE: Final = int(Phase.PRIORITISE)


class WorldPlayer:
    """Random valid actions in B worlds."""

    def __init__(self, scenario: Scenario, worlds: int, threads: int) -> None:
        """Make the worlds, on ``threads`` threads, and start their first episodes."""
        self.world = World(scenario, worlds, threads=threads)
        self.world.reset()
        self._picks = np.zeros(self.world.out.acting.shape, np.int32)
        self._bids = np.zeros(self.world.out.acting.shape)
        self._random = np.ones(1, np.uint64)
        self._levels = scenario.negotiation.levels

    def decisions(self, seconds: float) -> float:
        """Play for ``seconds`` and return decisions per second: choices that seats had, forced moves do not count."""
        made, _, spent = self._play(seconds)
        return made / spent

    def calls(self, seconds: float) -> float:
        """Play for ``seconds`` and return calls of ``World.step`` per second."""
        _, calls, spent = self._play(seconds)
        return calls / spent

    def _play(self, seconds: float) -> tuple[int, int, float]:
        """Return decisions, steps, and the seconds that the steps took; the player's own time does not count."""
        made, steps, spent = 0, 0, 0.0
        while spent < seconds:
            made += self.choose()
            start = time.perf_counter()
            self.step()
            spent += time.perf_counter() - start
            steps += 1
        return made, steps, spent

    def step(self) -> None:
        """Play what was chosen."""
        self.world.step(self._picks, self._bids)

    def choose(self) -> int:
        """Choose a random legal action for every acting seat and return how many there are."""
        out = self.world.out
        made: int = _choose(out.phase, out.acting, out.mask, self._levels, self._random, self._picks, self._bids)
        return made


@njit(cache=True)
def _choose(phase: Any, acting: Any, mask: Any, levels: int, random: Any, picks: Any, bids: Any) -> int:
    """Write a random legal action for every acting seat and return how many there are; ``random`` [1] is Marsaglia's xorshift."""
    x = random[0]
    made = 0
    for b in range(phase.size):
        if phase[b] != _PRIORITISE and phase[b] != _NEGOTIATE:
            continue
        for a in range(acting.shape[1]):
            if not acting[b, a]:
                continue
            made += 1
            x ^= x << np.uint64(13)
            x ^= x >> np.uint64(7)
            x ^= x << np.uint64(17)
            if phase[b] == _NEGOTIATE:
                bids[b, a] = x % np.uint64(levels)
                continue
            legal = 0
            for k in range(mask.shape[2]):
                legal += mask[b, a, k]
            skip = np.int64(x % np.uint64(legal))
            for k in range(mask.shape[2]):
                if mask[b, a, k]:
                    if skip == 0:
                        picks[b, a] = k
                        break
                    skip -= 1
    random[0] = x
    return made


class PolicyPlayer:
    """Policies in B worlds that play their episodes to the end: compiled, or asked from Python in every round."""

    def __init__(
        self, scenario: Scenario, prioritizer: Prioritizer, negotiator: Negotiator, worlds: int, *, compiled: bool
    ) -> None:
        """Make the worlds; where it is ``compiled``, have the policies compiled."""
        from agents.compiled.completions import Completions, decide

        self._world = World(scenario, worlds, auto_reset=False)
        if compiled:
            self._completions = Completions.by(self._world, prioritizer, negotiator)
        else:
            self._completions = Completions(
                self._world, lambda out, picks, bids: decide(out, prioritizer, negotiator, picks, bids)
            )

    def decisions(self, seconds: float) -> float:
        """Play for ``seconds`` and return decisions per second: what the policies take to decide counts as well."""
        made, spent, worlds = 0, 0.0, self._world.num_worlds
        while spent < seconds:
            out = self._world.reset()
            self._completions.start(slice(None), out.team_cost)
            start = time.perf_counter()
            self._completions.play_on(range(worlds))
            spent += time.perf_counter() - start
            made += int(self._completions.records["decisions"].sum())
        return made / spent


class SeatPlayer:
    """Random valid actions in one world, through PettingZoo."""

    def __init__(self, scenario: Scenario) -> None:
        """Make the environment."""
        from envs.task_management_v0 import parallel_env  # PettingZoo takes a while to import

        self._env = parallel_env(scenario)
        self._random = np.random.default_rng(0)
        self._seen: dict[str, Any] = {}

    def decisions(self, seconds: float) -> float:
        """Play for ``seconds`` and return decisions per second of the environment's own time, resets included."""
        made, spent = 0, 0.0
        while spent < seconds:
            actions = self._choose()
            start = time.perf_counter()
            if self._env.agents:
                self._seen = self._env.step(actions)[0]
            else:
                self._seen = self._env.reset()[0]
            spent += time.perf_counter() - start
            made += len(actions)
        return made / spent

    def _choose(self) -> dict[str, int]:
        if not self._env.agents:
            return {}
        legal = {seat: np.flatnonzero(seen["action_mask"]) for seat, seen in self._seen.items()}
        return {seat: int(self._random.choice(actions)) for seat, actions in legal.items() if len(actions) > 1}
