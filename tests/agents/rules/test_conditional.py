"""The conditional index: its value by hand in both places, compiled and not, alone and as a population, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agents.compiled.completions import Completions
from agents.compiled.conditions import Tables
from agents.evaluation.play import draw_episodes, play_batch
from agents.protocols import Negotiator, Scorer
from agents.rules import RuleError
from agents.rules.conditional import CONDITIONS, CONTEST, SIZE, Conditional, load, spreads, text
from agents.rules.index import FILE, Index
from envs.columns import NUM_CANDIDATE, NUM_CONTEXT, NUM_NEGOTIATION, Candidate, Contest, Context
from envs.scenario import Scenario, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.world import World
from tests.agents.compiled.shadow import compare

SCENARIO = Scenario(
    SyntheticWorkload(jobs=24, teams=(3, 4, 6)), uncertainty=Uncertainty(duration_sigma=0.4), candidates=8
)


def drawn(seed: int, count: int = 1) -> np.ndarray:
    """[count, SIZE] random weights."""
    return np.random.default_rng(seed).standard_normal((count, SIZE)) / spreads()


def test_by_hand() -> None:
    """Protects the formula: weights depend on the deviation of the situation, and bids add their own weights and the contest."""
    policy = Conditional.of(
        {
            "weights": {"wsrpt": 1.0, "shared_area": 2.0},
            "conditions": {"own_share": {"wsrpt": -1.0}},
            "bids": {"wsrpt": 0.5},
            "contest": {"participants": 3.0},
        }
    )
    rows = np.zeros((1, 2, NUM_CANDIDATE), np.float32)
    rows[0, :, Candidate.WSRPT] = 1.0, 2.0
    rows[0, :, Candidate.DURATION] = np.expm1(2.0), 0.0
    rows[0, :, Candidate.SHARED_DEMAND] = 0.5, 0.0
    context, mask = np.zeros((1, NUM_CONTEXT), np.float32), np.array([[True, True, False]])
    share = CONDITIONS["own_share"]
    assert policy.pick(rows, context + share.middle, mask).tolist() == [0]  # 1 + 2 x 0.5 x 2 = 3 against 2
    context[0, Context.OWN_SHARE] = share.middle + 2 * share.spread  # wsrpt weighs 1 - 2
    seen = np.zeros((1, NUM_NEGOTIATION), np.float32)
    seen[0, :NUM_CANDIDATE], seen[0, NUM_CANDIDATE:][:NUM_CONTEXT] = rows[0, 0], context[0]
    among = CONTEST["participants"]
    seen[0, NUM_CANDIDATE + NUM_CONTEXT + Contest.PARTICIPANTS] = among.middle + among.spread
    assert policy.bid(seen) == pytest.approx([(1.0 - 2.0 + 0.5) * 1.0 + 2.0 + 3.0], abs=1e-5)
    seen[0, NUM_CANDIDATE:][Context.OWN_SHARE] = 1e6  # counts as three deviations
    assert policy.bid(seen) == pytest.approx([(1.0 - 3.0 + 0.5) * 1.0 + 2.0 + 3.0], abs=1e-5)
    assert isinstance(policy, Scorer)
    assert isinstance(policy, Negotiator)


def test_without_conditions_it_is_an_index() -> None:
    """Protects the start of learning: with the weights of an index alone it decides as that does."""
    told = {
        "wsrpt": 1.0,
        "startable": 1.5,
        "root_shared_demand": 2.5,
        "wait": -2.5,
        "duration": -0.7,
        "log_duration": 0.1,
    }
    rows = np.abs(np.random.default_rng(0).standard_normal((50, NUM_NEGOTIATION))).astype(np.float32)
    np.testing.assert_allclose(Conditional.of({"weights": told}).bid(rows), Index(told).bid(rows), rtol=1e-12)


def test_compiled_is_the_same() -> None:
    """Protects what plays: compiled, an index with all weights decides as in Python, at other numbers of agents too."""
    policy = Conditional(drawn(0)[0])
    found = compare(SCENARIO, policy, policy, 4_000)
    assert found.decisions >= 4_000
    assert found.gap < 1e-9
    assert found.rounding < 1e-4  # weights are up to a hundred, logarithms float32


def test_each_world_has_its_own() -> None:
    """Protects populations: in one World each of several indices costs what it costs alone."""
    episodes = draw_episodes(SCENARIO, 6, 1)
    population = drawn(1, 6)
    world = World(SCENARIO, 6, instances=episodes.instances, auto_reset=False)

    def cost(weights: np.ndarray) -> np.ndarray:
        completions = Completions(world, lambda *_: None, Tables(weights, bids=False), Tables(weights, bids=True))
        return play_batch(world, episodes.seeds, episodes.instance, completions)[0]

    alone = np.array([cost(weights)[b] for b, weights in enumerate(population)])
    assert np.array_equal(cost(population), alone)
    assert not np.array_equal(cost(population[::-1]), alone)


def test_an_index_from_its_file(tmp_path: Path) -> None:
    """Protects the artefact: what was written is what plays, to the last bit; files without conditions are read as before."""
    policy = Conditional(drawn(2)[0])
    (tmp_path / FILE).write_text(text(policy, {"seed": 3}), encoding="utf-8")
    found = load(tmp_path / FILE)
    assert isinstance(found, Conditional)
    assert np.array_equal(found.flat, policy.flat)
    assert json.loads((tmp_path / FILE).read_text(encoding="utf-8"))["training"] == {"seed": 3}
    (tmp_path / FILE).write_text('{"format": 1, "weights": {"tail": 1}}', encoding="utf-8")
    assert isinstance(load(tmp_path / FILE), Index)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('"format": 3, "weights": {}', "format is 3, must be 1 or 2: another version"),
        ('"weights": {}', "must be an object with format 1 and weights by column"),
        (
            '"format": 2, "colours": {}',
            "has 'colours', must be of format, weights, conditions, bids, contest and training",
        ),
        ('"format": 2, "weights": []', "an index's weights must be an object with weights by column"),
        ('"format": 2, "weights": {"colour": 1}', "an index cannot weigh 'colour' in weights, must be one of wsrpt, "),
        ('"format": 2, "conditions": {"moon": {}}', "an index's conditions must be by column, of queue_mean, "),
        (
            '"format": 2, "conditions": {"queue": {"weight": 1}}',
            "cannot weigh 'weight' in conditions.queue, must be one of wsrpt, ",
        ),
        (
            '"format": 2, "contest": {"participants": 1e7}',
            "weighs participants in contest by 10000000.0, must be a number in",
        ),
        ('"format": 2, "bids": {"wait": true}', "weighs wait in bids by True, must be a number in"),
    ],
)
def test_what_is_no_index(content: str, message: str, tmp_path: Path) -> None:
    """Protects users: one line that names the file and what would be right."""
    (tmp_path / FILE).write_text(f"{{{content}}}", encoding="utf-8")
    with pytest.raises(RuleError, match=r"index\.json: ") as error:
        load(tmp_path / FILE)
    assert message in str(error.value)
