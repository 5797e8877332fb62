"""Compiled deciders: what torch decides, on every policy that is shipped and on every kind of network."""

from __future__ import annotations

import os
from dataclasses import replace

import hydra
import numpy as np
import pytest
import torch

from agents.compiled.completions import decide
from agents.compiled.lanes import FOLDER, WIDTH, store, symlog, total
from agents.compiled.lanes import load as load_lanes
from agents.evaluation.play import draw_episodes, play, play_by
from agents.networks.architecture import NEGOTIATOR, PRIORITIZER, Brain, Spec
from agents.networks.artifact import TrainedNegotiator, TrainedPrioritizer, load, trained
from agents.planning import completions as flight
from agents.planning.plan import plan
from agents.planning.settings import Search
from agents.policies import SHIPPED_FOLDER, load_negotiator, load_prioritizer
from agents.protocols import Observation
from agents.rules import negotiator
from agents.rules.index import Index
from envs.engine.compiled import compiler
from envs.scenario import Scenario, Uncertainty
from envs.workloads.generators.random_job_shop import RandomJobShop
from envs.workloads.generators.synthetic import SyntheticWorkload
from experiments.plumbing import cli
from tests.agents.compiled.shadow import Compared, compare

DECISIONS = int(os.environ.get("PARLEY_DECISIONS", "20_000"))
"""To compare over all shipped policies; the long form is PARLEY_DECISIONS=1_000_000."""
TIE = 1e-4
"""Logarithms of probabilities that are closer count as equal: float32 sums in another order differ by up to so much."""
RARE = 1e-4
"""Share of decisions that may be such ties."""
SHIPPED = {
    "shared_cluster": "default",
    **{
        name: name
        for name in ("job_shop", "flexible_job_shop", "stochastic_job_shop", "project", "workflow", "batch_queue")
    },
}
"""Policies and their scenarios."""
GUIDE = {
    "wsrpt": 1.0,
    "wait": -2.0,
    "duration": 0.3,
    "log_area": -0.5,
    "root_shared_demand": 1.5,
    "log_duration": 0.2,
    "tail": 0.1,
}


def scenario_of(name: str) -> Scenario:
    """A scenario of the configuration."""
    with hydra.initialize_config_module("conf", version_base=None):
        return cli.make_scenario(hydra.compose("evaluate", [f"scenario={name}"]))


def agrees(found: Compared) -> None:
    """Nothing differs, but for ties within rounding."""
    assert found.gap <= TIE
    assert found.rounding <= TIE


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_decide_as_in_torch(name: str) -> None:
    """Protects every published number: what is shipped decides the same in both forms."""
    policies = f"policies/{name}"
    bids = load_negotiator(policies) if (SHIPPED_FOLDER / policies / NEGOTIATOR).is_dir() else negotiator("fcfs")
    prioritizer = load_prioritizer(policies)
    assert isinstance(prioritizer, TrainedPrioritizer)
    found = compare(scenario_of(SHIPPED[name]), prioritizer, bids, DECISIONS // len(SHIPPED))
    print(f"\n{name}: {found}")
    agrees(found)
    assert found.different <= found.decisions * RARE


def awake(spec: Spec) -> Brain:
    """A network with random weights that reads columns of random moments, one of which never varied."""
    brain = Brain(spec)
    random = np.random.default_rng(0)
    torch.manual_seed(0)
    for weight in brain.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    for part in (brain.reader.rows, brain.reader.context):
        if part.size:
            deviation = random.uniform(0.5, 2.0, part.size)
            deviation[0] = 0.0
            part.set_moments(random.normal(size=part.size), deviation)
    return brain


@pytest.mark.parametrize("width", [1, 16, 24, 128])
@pytest.mark.parametrize("guide", [{}, GUIDE])
def test_networks_of_every_shape(width: int, guide: dict[str, float]) -> None:
    """Protects the layout of weights: widths that fill no vector, guides, columns that are ignored, both heads, passing."""
    scenario = Scenario(
        SyntheticWorkload(jobs=8, load_min=2.0, load_max=2.0), uncertainty=Uncertainty(duration_sigma=0.3), candidates=5
    )
    prioritizer = trained(awake(Spec.default(PRIORITIZER, width, ignore=("wait", "queue"), guide=guide)))
    for ordinal in (True, False) if not guide else (True,):
        bids = trained(awake(Spec.default(NEGOTIATOR, width, levels=7, guide=guide, ordinal=ordinal)))
        assert isinstance(prioritizer, TrainedPrioritizer)
        assert isinstance(bids, TrainedNegotiator)
        agrees(compare(scenario, prioritizer, bids, 600))


class Slow:
    """A trained policy that is only asked from Python."""

    def __init__(self, prioritizer: TrainedPrioritizer) -> None:
        self._prioritizer = prioritizer

    def pick(self, candidates: Observation, context: Observation, mask: np.ndarray) -> np.ndarray:
        """What torch picks."""
        return self._prioritizer.pick(candidates, context, mask)

    def scores(self, candidates: Observation, context: Observation, mask: np.ndarray) -> np.ndarray:
        """What torch says of all actions."""
        return self._prioritizer.scores(candidates, context, mask)


def test_evaluation_is_the_same_compiled_and_not() -> None:
    """Protects the compiled loop: costs and counts are those of play from Python."""
    scenario = replace(scenario_of("default"), workload=SyntheticWorkload(jobs=60))
    episodes = draw_episodes(scenario, 5, 0)
    prioritizer = load(SHIPPED_FOLDER / "shared_cluster", PRIORITIZER)
    assert isinstance(prioritizer, TrainedPrioritizer)
    fast, slow = (
        play(scenario, episodes, player, negotiator("urgency"), worlds=3) for player in (prioritizer, Slow(prioritizer))
    )
    assert fast.objective.tolist() == slow.objective.tolist()
    assert fast.terms.tolist() == slow.terms.tolist()
    assert fast.decisions == slow.decisions


@pytest.mark.parametrize(
    ("name", "scenario"),
    [("shared_cluster_index", "default"), ("large_tasks_index", "default"), ("saf_index", "project")],
)
def test_an_index_decides_the_same_compiled_and_not(name: str, scenario: str) -> None:
    """Protects the tuned indices in both roles: costs are those of play from Python, where sums are rounded otherwise."""
    index, played = load_prioritizer(f"policies/{name}"), scenario_of(scenario)
    assert isinstance(index, Index)
    episodes = draw_episodes(played, 3, 0)
    asked = play_by(
        lambda world, first: lambda out, picks, bids: decide(out, index, index, picks, bids), played, episodes
    )
    fast = play(played, episodes, index, index)
    assert fast.objective.tolist() == asked.objective.tolist()
    assert fast.decisions == asked.decisions > 0


@pytest.mark.parametrize("search", [Search(samples=5), Search(choices=3), Search(samples=4, choices=3, beam=2)])
def test_plans_are_the_same_compiled_and_not(search: Search) -> None:
    """Protects searches: what is drawn, which actions are likeliest, what completions cost."""
    scenario = replace(scenario_of("job_shop"), workload=RandomJobShop(6, 6, 5, 5))
    episodes = draw_episodes(scenario, 3, 0)
    prioritizer = load(SHIPPED_FOLDER / "job_shop", PRIORITIZER)
    assert isinstance(prioritizer, TrainedPrioritizer)
    fast, slow = (
        plan(scenario, episodes, player, negotiator("fcfs"), search) for player in (prioritizer, Slow(prioritizer))
    )
    assert [found.cost for found in fast.plans] == [found.cost for found in slow.plans]
    assert [found.choices.tolist() for found in fast.plans] == [found.choices.tolist() for found in slow.plans]
    assert fast.decisions == slow.decisions


def test_room_for_rounds_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects long plans: rounds beyond the room that there was at first are kept like the others."""
    scenario = replace(scenario_of("job_shop"), workload=RandomJobShop(6, 6, 5, 5))
    episodes = draw_episodes(scenario, 2, 0)
    found = []
    for rounds in (256, 3):
        monkeypatch.setattr(flight, "ROUNDS", rounds)
        found.append(
            plan(scenario, episodes, load_prioritizer("policies/job_shop"), negotiator("fcfs"), Search(choices=2)).plans
        )
    for wide, narrow in zip(*found, strict=True):
        assert len(wide.picks) > 3
        assert wide.choices.tolist() == narrow.choices.tolist()
        assert wide.cost == narrow.cost


@compiler(FOLDER)
def _symlog(x: np.ndarray, y: np.ndarray) -> None:
    for at in range(0, x.size * 4, WIDTH * 4):
        store(y.ctypes.data + at, symlog(load_lanes(x.ctypes.data + at)))


@compiler(FOLDER)
def _total(x: np.ndarray) -> float:
    return total(load_lanes(x.ctypes.data))


def test_vectors_compute_what_numpy_does() -> None:
    """Protects the readers: logarithms to the last bits, at all sizes and signs, and sums over all places."""
    random = np.random.default_rng(0)
    x = (random.normal(size=4096) * 10 ** random.uniform(-12, 4, 4096)).astype(np.float32)
    x[:4] = 0.0, -0.0, 10_000.0, -10_000.0
    y = np.empty_like(x)
    _symlog(x, y)
    exact = np.copysign(np.log1p(np.abs(x.astype(np.float64))), x)
    assert (np.abs(y - exact) <= 2 * np.spacing(np.abs(exact).astype(np.float32))).all()
    whole = np.arange(WIDTH, dtype=np.float32)
    assert _total(whole) == whole.sum()
