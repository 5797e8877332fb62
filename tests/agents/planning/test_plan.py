"""Search at decision time: plans that cost what they say, that batches do not change, and that nobody could call clairvoyant."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.evaluation.play import Episodes, play, play_by
from agents.planning.completions import follow
from agents.planning.plan import is_deterministic, plan
from agents.planning.settings import PlanError, Search
from agents.protocols import Scorer
from agents.rules import negotiator
from envs.engine.codes import Phase
from envs.scenario import Objective, Reservations, Scenario, Uncertainty
from envs.workloads.generators.random_job_shop import RandomJobShop
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.world import World
from tests.agents.planning.ranked import Ranked

SPT = Ranked("spt+r")
FCFS = negotiator("fcfs")
BEAM = Search(choices=3, beam=4)


@pytest.fixture(scope="module")
def shop() -> tuple[Scenario, Episodes]:
    """Three job shops of two sizes, one of them twice."""
    instances = [RandomJobShop(jobs, jobs, 4, 4).instance(seed) for seed, jobs in enumerate((4, 6, 6))]
    scenario = Scenario(RandomJobShop(), Objective(makespan=1.0), reservations=Reservations(hold="start"), candidates=6)
    return scenario, Episodes(instances, np.array([1, 0, 2, 1], np.int32), np.arange(4, dtype=np.uint64))


def costs(shop: tuple[Scenario, Episodes], search: Search, scorer: Scorer = SPT) -> list[float]:
    """What the plans that a search finds cost."""
    return [found.cost for found in plan(*shop, scorer, FCFS, search).plans]


def test_without_search_it_is_the_policy(shop: tuple[Scenario, Episodes]) -> None:
    """Protects the incumbent: one sample is what the policy plays."""
    played = play(*shop, SPT, FCFS)
    planned = plan(*shop, SPT, FCFS, Search())
    assert [found.cost for found in planned.plans] == played.objective.tolist()
    assert planned.decisions == played.decisions


@pytest.mark.parametrize(
    "search",
    [Search(samples=20), Search(choices=3), Search(samples=9, choices=2, starts=3), BEAM, replace(BEAM, samples=9)],
)
def test_plans_cost_what_they_say(shop: tuple[Scenario, Episodes], search: Search) -> None:
    """Protects the tables: played again, and checked, a plan costs the same to the last bit, and no more than the policy's own."""
    planned = plan(*shop, SPT, FCFS, search)
    results = play_by(follow(planned.plans), *shop, worlds=3)
    assert results.objective.tolist() == [found.cost for found in planned.plans]
    own = play(*shop, SPT, FCFS).objective
    assert (results.objective <= own).all()
    assert (results.objective < own).any()
    assert planned.decisions > results.decisions


@pytest.mark.parametrize("search", [Search(samples=9), Search(choices=3), Search(samples=9, choices=2, starts=3), BEAM])
def test_batches_change_nothing(shop: tuple[Scenario, Episodes], search: Search) -> None:
    """Protects reproduction: one completion after the other finds what many at once, and many episodes at once, find."""
    batches = ((1, 1), (5, 2), (64, 4))
    assert len({tuple(costs(shop, replace(search, slots=slots, abreast=abreast))) for slots, abreast in batches}) == 1


def test_lookahead_is_the_pilot_method(shop: tuple[Scenario, Episodes]) -> None:
    """Protects the lookahead: it settles where no alternative of any round of its plan, completed by the policy, is better."""
    scenario, episodes = shop
    planned = plan(*shop, SPT, FCFS, Search(choices=3))
    for e, found in enumerate(planned.plans):
        alone = Episodes(episodes.instances, episodes.instance[e : e + 1], episodes.seeds[e : e + 1])
        for at in range(len(found.picks)):
            for seat, rank in np.argwhere(found.choices[at] >= 0):
                changed = found.picks[: at + 1].copy()
                changed[at, seat] = found.choices[at, seat, rank]
                assert _completed(scenario, alone, changed) >= found.cost


def test_a_wide_beam_is_exhaustive() -> None:
    """Protects the beam: where it has room for every plan, what it finds is the least that any picks cost; a narrow one may miss that."""
    scenario = Scenario(RandomJobShop(), Objective(makespan=1.0), reservations=Reservations(hold="start"), candidates=4)
    instances = [RandomJobShop(4, 4, 3, 3).instance(seed) for seed in range(6)]
    shops = scenario, Episodes(instances, np.arange(6, dtype=np.int32), np.arange(6, dtype=np.uint64))
    least = []
    for instance in instances:
        world = World(scenario, 1, instances=[instance], auto_reset=False)
        world.reset()
        least.append(_least(world))
    assert costs(shops, Search(choices=5, beam=1000)) == least
    assert np.mean(costs(shops, Search(choices=5))) > np.mean(least)


def _least(world: World) -> float:
    """The least cost of all that can be decided from where a world stands."""
    if world.out.phase[0] == Phase.OVER:
        return 0.0
    seats, state = np.flatnonzero(world.out.acting[0]), world.get_state()
    least = np.inf
    for actions in product(*(np.flatnonzero(world.out.mask[0, seat]) for seat in seats)):
        world.set_state(state)
        picks = np.zeros(world.out.acting.shape, np.int32)
        picks[0, seats] = actions
        cost = float(world.step(picks, np.zeros(picks.shape)).team_cost[0])
        least = min(least, cost + _least(world))
    return least


def _completed(scenario: Scenario, episodes: Episodes, prefix: NDArray[np.int32]) -> float:
    """The cost of an episode whose first rounds are given and whose others the policy plays."""

    def choose(out: object, picks: NDArray[np.int32], bids: NDArray[np.float64]) -> None:
        at = int(out.steps[0])  # type: ignore[attr-defined]
        if at < len(prefix):
            picks[0] = prefix[at]
        else:
            asked = out.acting[0]  # type: ignore[attr-defined]
            picks[0, asked] = SPT.pick(out.candidates[0][asked], out.context[0][asked], out.mask[0][asked])  # type: ignore[attr-defined]

    return float(play_by(lambda world, first: choose, scenario, episodes).objective[0])


def test_a_plan_that_ends_too_early(shop: tuple[Scenario, Episodes]) -> None:
    """Protects from plans of other episodes: nobody decides for them where they end."""
    plans = plan(*shop, SPT, FCFS, Search()).plans
    with pytest.raises(ValueError, match="ends before its episode does"):
        play_by(follow([plans[0]._replace(picks=plans[0].picks[:2]), *plans[1:]]), *shop)


def test_more_is_no_worse(shop: tuple[Scenario, Episodes]) -> None:
    """Protects anytime use: more samples, and a lookahead behind them, only improve; without time there is still a whole plan."""
    few, many, behind = (
        costs(shop, Search(**more)) for more in ({"samples": 4}, {"samples": 64}, {"samples": 64, "choices": 3})
    )
    assert np.mean(many) < np.mean(few)
    assert all(np.array(behind) <= np.array(many))
    for beam in (1, 4):
        assert costs(shop, Search(samples=1000, choices=3, beam=beam, seconds=1e-9)) == costs(shop, Search())


def test_a_beam_keeps_its_incumbent(shop: tuple[Scenario, Episodes]) -> None:
    """Protects anytime use: what a beam starts from is never lost, and wide ones find more than narrow ones, in the mean."""
    samples, narrow, wide = (
        np.array(costs(shop, Search(samples=64, **more)))
        for more in ({}, {"choices": 3, "beam": 2}, {"choices": 3, "beam": 32})
    )
    assert (narrow <= samples).all()
    assert wide.mean() < narrow.mean()


def test_one_seed_one_plan(shop: tuple[Scenario, Episodes]) -> None:
    """Protects reproduction: sampled plans are those of their seed."""
    first, again, other = (plan(*shop, SPT, FCFS, Search(samples=8, seed=seed)).plans for seed in (0, 0, 1))
    assert all(np.array_equal(a.picks, b.picks) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a.picks, b.picks) for a, b in zip(first, other, strict=True))


def test_nothing_unknown_is_used(shop: tuple[Scenario, Episodes]) -> None:
    """Protects from clairvoyance: what agents cannot know from the start is no matter of plans."""
    scenario, episodes = shop
    assert is_deterministic(scenario, episodes.instances[0])
    assert not is_deterministic(scenario, SyntheticWorkload(jobs=12).instance(0))
    assert not is_deterministic(scenario, replace(episodes.instances[0], task_ratio=np.full(16, 1.5)))
    noisy = replace(scenario, uncertainty=Uncertainty(duration_sigma=0.1))
    with pytest.raises(PlanError, match="only where durations, failures and arrivals are known"):
        plan(noisy, episodes, SPT, FCFS, Search(samples=2))


@pytest.mark.parametrize(
    ("wrong", "value"),
    [
        ("samples", 0),
        ("choices", 0),
        ("starts", 0),
        ("beam", 0),
        ("beam", 5000),
        ("slots", 0),
        ("abreast", 0),
        ("futures", -1),
        ("caution", -1.0),
        ("seconds", 0.0),
        ("temperature", True),
        ("ranked", 2),
        ("ranked", True),
    ],
)
def test_numbers_out_of_bounds(wrong: str, value: float) -> None:
    """Protects users: the field and its value are named."""
    with pytest.raises(PlanError, match=f"search.{wrong} is {value}, must be"):
        Search(**{wrong: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("other", [{}, {"choices": 3, "starts": 2}])
def test_a_beam_needs_choices_and_one_start(other: dict[str, int]) -> None:
    """Protects users: settings that would do nothing are refused."""
    with pytest.raises(PlanError, match="search\\.beam is 4, must be 1 where"):
        Search(beam=4, **other)  # type: ignore[arg-type]
    assert Search(choices=3, beam=4).name == "beam 4, 3 choices"


def test_seconds_are_per_episode(shop: tuple[Scenario, Episodes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects comparisons at equal time: an episode has as much of it, however many others are searched beside it."""

    def searched(abreast: int) -> int:
        ticks = itertools.count()
        monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
        return plan(*shop, SPT, FCFS, Search(samples=1000, seconds=20.0, abreast=abreast)).decisions

    assert searched(abreast=len(shop[1].seeds)) == pytest.approx(searched(abreast=1), rel=0.2)
