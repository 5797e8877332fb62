"""The views for other people's learners: equal spaces, one role alone, and both as gymnasium.Env."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Discrete
from gymnasium.utils.env_checker import check_env, data_equivalence
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3

from agents.evaluation.play import draw_episodes, play
from agents.rules import negotiator, prioritizer
from envs import Knowledge, Objective, Scenario, Uncertainty, task_management_v0
from envs.engine.codes import Term
from envs.parallel_env import TaskManagement
from envs.players import EqualBids, FirstLegal
from envs.seat_env import IDS, SeatEnv
from envs.workloads.generators.random_job_shop import RandomJobShop
from envs.workloads.generators.synthetic import SyntheticWorkload
from tests.reference.scenarios import Fixed

# PettingZoo's tests warn of spaces without an end, of roles that see different things, and of a no-op seat that sees zeros.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pettingzoo.test")

SMALL = Scenario(SyntheticWorkload(jobs=24), uncertainty=Uncertainty(0.4), candidates=4)
SHOPS = Scenario(RandomJobShop(2, 3, 2, 4), candidates=4, objective=Objective(flow=0.0, makespan=1.0))
OTHERS = {"prioritizer": negotiator("urgency"), "negotiator": prioritizer("spt")}
VIEWS: dict[str, dict[str, Any]] = {
    "equal": {"equal": True},
    "equal and flat": {"equal": True, "flat": True},
    "prioritizers": {"role": "prioritizer"},
    "negotiators": {"role": "negotiator"},
    "prioritizers beside a rule": {"role": "prioritizer", "other": OTHERS["prioritizer"], "flat": True},
    "negotiators beside a rule": {
        "role": "negotiator",
        "other": OTHERS["negotiator"],
        "equal": True,
        "reward_scale": 0.01,
    },
    "shops of many sizes": {"scenario": SHOPS, "agents": 4, "equal": True},
    "prioritizers in shops of many sizes": {"scenario": SHOPS, "agents": 4, "role": "prioritizer", "equal": True},
}


def make(view: str, **kwargs: Any) -> TaskManagement:
    """A small world in one of the views."""
    return TaskManagement(**{"scenario": SMALL} | VIEWS[view] | kwargs)


def masks_of(seen: dict[str, Any], infos: dict[str, Any]) -> dict[str, Any]:
    """Every seat's mask, from the one place where it is."""
    assert not any("action_mask" in infos[seat] for seat, view in seen.items() if isinstance(view, dict))
    return {
        seat: view["action_mask"] if isinstance(view, dict) else infos[seat]["action_mask"]
        for seat, view in seen.items()
    }


def choose(random: np.random.Generator, seen: dict[str, Any], infos: dict[str, Any]) -> dict[str, int]:
    """A random legal action for every seat."""
    return {seat: int(random.choice(np.flatnonzero(mask))) for seat, mask in masks_of(seen, infos).items()}


def episode(env: TaskManagement, seed: int | None) -> list[Any]:
    """Everything that is told in an episode of random legal actions, ``state()`` as well."""
    random = np.random.default_rng(7)
    told: list[Any] = [env.reset(seed=seed), env.state()]
    seen, infos = told[0]
    while env.agents:
        told += [env.step(choose(random, seen, infos)), env.state()]
        seen, infos = told[-2][::4]
    return told


@pytest.mark.parametrize("view", VIEWS)
def test_pettingzoo_accepts(view: str) -> None:
    """Protects PettingZoo's contract in every view, seat by seat as well."""
    parallel_api_test(make(view), num_cycles=300)
    parallel_seed_test(lambda: make(view))
    api_test(task_management_v0.env(**{"scenario": SMALL} | VIEWS[view]), num_cycles=200)


@pytest.mark.parametrize("view", VIEWS)
def test_episodes_are_determined(view: str) -> None:
    """Protects reproduction: two environments tell the same bits in whole episodes, with a seed and going on without."""
    one, two = make(view), make(view)
    told = [(episode(one, seed), episode(two, seed)) for seed in (3, None, None)]
    assert sum(len(first) for first, _ in told) >= 12
    for first, second in told:
        assert data_equivalence(first, second)


@pytest.mark.parametrize("view", VIEWS)
def test_all_is_in_its_space(view: str) -> None:
    """Protects buffers that are made of spaces: every observation is in its space, every mask as long as its actions."""
    env = make(view)
    random = np.random.default_rng(0)
    for seed in range(4):
        seen, infos = env.reset(seed=seed)
        while env.agents:
            assert list(seen) == env.possible_agents
            for seat, mask in masks_of(seen, infos).items():
                assert env.observation_space(seat).contains(seen[seat])
                assert mask.shape == (env.action_space(seat).n,)
                assert mask.any()
            seen, *_, infos = env.step(choose(random, seen, infos))


@pytest.mark.parametrize("flat", [False, True])
def test_equal_spaces_hold_the_same(flat: bool) -> None:
    """Protects the padded view: its spaces are equal, and it is the flat one with zeros behind and actions that are never legal."""
    env, plain = make("equal", flat=flat), TaskManagement(SMALL, flat=True)
    for seat in env.possible_agents:
        assert env.observation_space(seat) == env.observation_space("prioritizer_0")
        assert env.action_space(seat) == Discrete(17)
    random = np.random.default_rng(1)
    told, (vectors, masks) = env.reset(seed=2), plain.reset(seed=2)
    while plain.agents:
        for seat, vector in vectors.items():
            wide = told[0][seat] if flat else told[0][seat]["observation"]
            legal, mask = masks_of(*told)[seat], masks[seat]["action_mask"]
            assert np.array_equal(wide[: len(vector)], vector)
            assert not wide[len(vector) :].any()
            assert np.array_equal(legal[: len(mask)], mask)
            assert not legal[len(mask) :].any()
        actions = choose(random, vectors, masks)
        seen, rewards, *_, infos = env.step(actions)
        vectors, plainly, *_, masks = plain.step(actions)
        assert rewards == plainly
        told = seen, infos
    padding = env.reset(seed=0)[1]["prioritizer_0"]["illegal_actions"]
    assert padding == 0
    assert env.step({"prioritizer_0": 16})[4]["prioritizer_0"]["illegal_actions"] == 1


@pytest.mark.parametrize("role", OTHERS)
def test_one_role_is_the_world_with_the_other_played(role: str) -> None:
    """Protects the one-role view: it shows and pays what a view of both does whose other seats play as the policy says, rewards scaled."""
    rule = OTHERS[role]
    one = TaskManagement(SMALL, role=role, other=rule, reward_scale=0.5)
    both = TaskManagement(one.scenario)
    random = np.random.default_rng(2)
    seen, infos = one.reset(seed=4)
    both.reset(seed=4)
    own, paid = set(one.possible_agents), dict.fromkeys(one.possible_agents, 0.0)
    total = dict(paid)
    asked = 0
    while True:
        out = both.world.out
        while both.agents and out.phase[0] not in (one._partner.phase, 2):  # noqa: SLF001
            picks, bids = np.zeros((1, 4), np.int32), np.zeros((1, 4))
            seats = np.flatnonzero(out.acting[0])
            said = (
                rule.bid(out.negotiation[0, seats])
                if role == "prioritizer"
                else rule.pick(out.candidates[0, seats], out.context[0, seats], out.mask[0, seats])
            )
            (bids if role == "prioritizer" else picks)[0, seats] = said
            both.world.step(picks, bids)  # real bids: actions would round them
            for a in range(4):
                total[f"{role}_{a}"] += out.reward[0, a]
        both._look()  # noqa: SLF001  # it has to hear what is legal now
        assert np.array_equal(out.mask, one.world.out.mask)
        assert np.array_equal(out.time, one.world.out.time)
        if not one.agents or out.phase[0] == 2:
            break
        actions = choose(random, seen, infos)
        assert own == set(actions)
        seen, rewards, _, _, infos = one.step(actions)
        asked += 1
        for seat, reward in both.step(actions)[1].items():
            if seat in own:
                total[seat] += reward
        for seat, reward in rewards.items():
            paid[seat] += reward
    assert asked > 5
    assert paid == pytest.approx({seat: 0.5 * pay for seat, pay in total.items()})
    assert infos[one.possible_agents[0]]["terms"] == pytest.approx(both.world.out.terms[0])


@pytest.mark.parametrize("role", OTHERS)
def test_gymnasium_and_sb3_accept(role: str) -> None:
    """Protects the contract of Gymnasium and of SB3, by the registered id, without a warning but one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*maximum value is infinity")  # raw columns have no end
        env = gymnasium.make(IDS[role], scenario=SMALL, other=OTHERS[role])
        check_env(env.unwrapped, skip_render_check=True)
    check_env_of_sb3(gymnasium.make(IDS[role], scenario=SMALL).unwrapped)
    assert env.get_wrapper_attr("action_masks")().any()


@pytest.mark.parametrize("role", OTHERS)
def test_seats_are_paid_what_the_team_costs(role: str) -> None:
    """Protects returns: scaled rewards sum to the objective, whatever was played before the role was asked, and infos say so as well."""
    env = SeatEnv(SMALL, role, OTHERS[role], reward_scale=0.1)
    random = np.random.default_rng(0)
    for seed in range(5):
        _, info = env.reset(seed=seed)
        total, over = 0.0, False
        while not over:
            _, reward, terminated, truncated, info = env.step(random.choice(np.flatnonzero(info["action_mask"])))
            total, over = total + reward, terminated or truncated
        assert total == pytest.approx(-0.1 * info["terms"][Term.FLOW])
        assert np.array_equal(info["terms"], env.terms)
        assert info["time"] > 0


def test_what_is_paid_before_the_first_question() -> None:
    """Protects the first reward: where negotiators are asked late, it has the cost of the time before."""
    late = replace(SMALL, workload=SyntheticWorkload(jobs=24))
    before = 0
    for seed in range(20):
        env = SeatEnv(late, "negotiator", OTHERS["negotiator"], seed=seed, instances=4)
        _, info = env.reset(seed=seed)
        before += bool(info["terms"].any())
        total, over = 0.0, False
        while not over:
            _, reward, terminated, truncated, info = env.step(np.int64(0))
            total, over = total + reward, terminated or truncated
        assert total == pytest.approx(-info["terms"][Term.FLOW])
    assert before > 0


@pytest.mark.parametrize("name", ["fifo", "spt+r"])
def test_one_rule_plays_alike_in_every_view(name: str) -> None:
    """Protects comparisons: bids of 0 beside a rule cost in both one-role views what evaluation says, reserving or not."""
    scenario = replace(SMALL, knowledge=Knowledge(learn=False))
    rule = prioritizer(name)
    episodes = draw_episodes(scenario, 3, 0)
    expected = play(scenario, episodes, rule, EqualBids()).objective
    for k, instance in enumerate(episodes.instances):
        env = TaskManagement(replace(scenario, workload=Fixed(instance)), role="negotiator", other=rule)
        env.reset(seed=0)
        env.world.reset(seeds=episodes.seeds[k : k + 1])
        env._let_others_play()  # noqa: SLF001  # this very episode, past the one that reset derives
        while env.agents:
            *_, infos = env.step({seat: 0 for seat in env.agents if env.world.out.acting[0, int(seat.split("_")[1])]})
        assert infos["negotiator_0"]["terms"][Term.FLOW] == pytest.approx(expected[k])


def test_default_partners() -> None:
    """Protects who names no policy for the other role: it plays legally, and to the end."""
    for role in OTHERS:
        env = gymnasium.make(IDS[role])
        env.reset(seed=0)
        assert env.step(0)[1] <= 0
    assert FirstLegal().pick(np.zeros((1, 2, 3)), np.zeros((1, 4)), np.array([[False, True, True]])).tolist() == [1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"role": "prioritiser"}, "role is 'prioritiser', must be prioritizer or negotiator"),
        (
            {"role": "prioritizer", "other": prioritizer("spt")},
            r"other is a RulePrioritizer, must be able to play.*to bid\(\)",
        ),
        (
            {"role": "negotiator", "other": negotiator("fcfs")},
            r"other is a RuleNegotiator, must be able to play.*to pick\(\)",
        ),
        ({"role": "negotiator", "reward_scale": float("nan")}, "reward_scale is nan, must be a finite number"),
        ({"role": "negotiator", "reward_scale": "x"}, "reward_scale is 'x', must be a finite number"),
    ],
)
def test_odd_arguments(arguments: dict[str, Any], message: str) -> None:
    """Protects users of both kinds of views in the same words."""
    for view in (TaskManagement, SeatEnv):
        with pytest.raises((TypeError, ValueError), match=message):
            view(SMALL, **arguments)


def test_a_partner_without_a_role() -> None:
    """Protects who forgets the role: a policy that would never play is refused."""
    with pytest.raises(ValueError, match="say which role this is for"):
        TaskManagement(SMALL, other=negotiator("fcfs"))
