"""State is whole: from any round a World goes on to the same bits, put back here, elsewhere, through a file or in another process."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from envs import World
from envs.engine.codes import Phase
from tests.conftest import ROOT
from tests.promises.long import tries
from tests.reference.scenarios import random_actions, random_case

State = dict[str, np.ndarray]


def make(case: int, seed: int) -> World:
    """A world of a random scenario, which goes on with a second instance after its first episode."""
    scenario, instance = random_case(case)
    return World(scenario, seed=seed, instances=[instance, random_case(case + 1)[1]], record=True)


def through_a_file(state: State) -> State:
    """The state as numpy reads it back from a file; nothing in it needs a pickle."""
    file = io.BytesIO()
    np.savez(file, **state)
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def same(one: World, other: World) -> None:
    """Both show the same bits, rewards included."""
    for name, value in one.out._asdict().items():
        assert np.array_equal(value, getattr(other.out, name), equal_nan=value.dtype.kind == "f"), name


class TwoWorlds(RuleBasedStateMachine):
    """One world plays on; the other is put where the first stands, again and again, in every way there is."""

    @initialize(case=st.integers(0, 2**20), seed=st.integers(0, 2**31))
    def start(self, case: int, seed: int) -> None:
        self.case, self.seed = case, seed
        self.first, self.second = make(case, seed), make(case, seed)
        self.first.reset()
        self.second.reset()
        self.kept: State = self.first.get_state()

    @rule(rounds=st.integers(1, 12), seed=st.integers(0, 2**31))
    def play(self, rounds: int, seed: int) -> None:
        """Both take the same actions; an episode that is over goes on with the next one."""
        random = np.random.default_rng(seed)
        for _ in range(rounds):
            picks, bids = random_actions(random, self.first.out.mask[0])
            for world in (self.first, self.second):
                world.step(picks[None], bids[None])

    @rule()
    def keep(self) -> None:
        self.kept = self.first.get_state()

    @rule()
    def go_back(self) -> None:
        """To a state of earlier, an earlier episode perhaps: one as it is, one through a file."""
        self.first.set_state(self.kept)
        self.second.set_state(through_a_file(self.kept))

    @rule()
    def put_into_another(self) -> None:
        """The second becomes a World that has never played."""
        self.second = make(self.case, self.seed)
        self.second.set_state(through_a_file(self.first.get_state()))

    @rule()
    def pickle(self) -> None:
        self.second = pickle.loads(pickle.dumps(self.first))

    @precondition(lambda self: self.first.out.phase[0] != Phase.OVER)
    @rule()
    def start_anew(self) -> None:
        for world in (self.first, self.second):
            world.reset()

    @invariant()
    def are_the_same(self) -> None:
        same(self.first, self.second)


TestTwoWorlds = TwoWorlds.TestCase
TestTwoWorlds.settings = settings(
    max_examples=tries(15, 1_000),
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

PLAYS_ON = """
import sys
import numpy as np
from tests.promises.test_state import make, play_on
with np.load(sys.argv[1], allow_pickle=False) as arrays:
    world = make(int(sys.argv[2]), int(sys.argv[3]))
    world.set_state({name: arrays[name] for name in arrays.files})
print(play_on(world))
"""


def play_on(world: World, rounds: int = 60) -> str:
    """Play; return every bit of rewards and clocks, as text."""
    random, said = np.random.default_rng(0), []
    for _ in range(rounds):
        picks, bids = random_actions(random, world.out.mask[0])
        out = world.step(picks[None], bids[None])
        said.append(out.reward.tobytes().hex() + out.time.tobytes().hex() + out.candidates.sum(dtype=np.float64).hex())
    return " ".join(said)


def test_in_another_process_through_a_file(tmp_path: Path) -> None:
    """Protects who moves a world to another machine's worker: what was saved here plays on there as it does here."""
    world, random = make(7, 3), np.random.default_rng(1)
    world.reset()
    for _ in range(9):
        picks, bids = random_actions(random, world.out.mask[0])
        world.step(picks[None], bids[None])
    np.savez(tmp_path / "state.npz", **world.get_state())
    done = subprocess.run(
        [sys.executable, "-c", PLAYS_ON, str(tmp_path / "state.npz"), "7", "3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == play_on(world)
