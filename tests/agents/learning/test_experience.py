"""Tests of collecting: what a stream of decisions holds does not depend on how many worlds are played together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.evaluation.play import draw_episodes
from agents.learning.advantage import OPEN, TERMINATED, TRUNCATED, rewards_to_go
from agents.learning.baseline import Bank, costs_of
from agents.learning.collect import Collector
from agents.learning.config import Learner
from agents.learning.experience import Clock, Experience
from agents.learning.ppo import RolePPO
from agents.networks.architecture import NEGOTIATOR, PRIORITIZER
from agents.networks.sets import Sets
from agents.rules import negotiator, prioritizer
from envs.scenario import Limits, Scenario
from envs.world import World
from tests.agents.learning.conftest import both_roles

RULES = (prioritizer("spt"), negotiator("urgency"))


class Decided(Experience):
    """An experience whose policy always takes the last candidate, or a level that follows from what is seen."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.policy.act = self._act  # type: ignore[method-assign]

    @staticmethod
    def _act(sets: Sets) -> tuple[Tensor, Tensor]:
        level = (sets.context.abs().sum(dim=1) * 1000).long() % 16
        return torch.where(sets.counts > 0, sets.counts - 1, level), torch.zeros(len(sets.counts))


def make(scenario: Scenario, learner: Learner, worlds: int, entries: list[int], bank: bool = True) -> Collector:
    """A collector of both roles on some of six episodes."""
    episodes = draw_episodes(scenario, 6, 1)
    episodes = episodes._replace(instance=episodes.instance[entries], seeds=episodes.seeds[entries])
    world = World(scenario, worlds, instances=episodes.instances)
    baseline = Bank(world, episodes, *RULES) if bank else None
    world.schedule(episodes.seeds, episodes.instance)
    world.reset()
    torch.manual_seed(0)
    models = {role: RolePPO(role, 8, 16, learner.network, learner.update, "cpu") for role in both_roles(learner).roles}
    seats = worlds * world.num_agents
    return Collector(world, {role: Decided(model.policy, seats) for role, model in models.items()}, *RULES, baseline)


def streams(collector: Collector, role: str, world: int) -> list[np.ndarray]:
    """Time, total, action, advantage and first column of the decisions of each seat of a world in its first episode, in order."""
    experience = collector.experience[role]
    batches = experience.estimate(Clock(100.0, 50.0))
    state = experience.state()
    learnable = np.flatnonzero(state["made.following"] != OPEN)
    advantage = dict(zip(learnable, batches.returns - batches.values, strict=True))
    scaled = {index: value * experience.scale for index, value in advantage.items()}
    found = []
    for seat in range(world * 3, world * 3 + 3):
        chosen = []
        for index in np.flatnonzero(state["made.seat"] == seat):
            chosen.append(index)
            if state["made.following"][index] in (TERMINATED, TRUNCATED):
                break
        columns = [state[f"made.{name}"][chosen] for name in ("time", "total", "action")]
        found.append(np.array([*columns, [scaled[i] for i in chosen], state["made.context"][chosen, 3]]))
    return found


@pytest.mark.parametrize("role", [PRIORITIZER, NEGOTIATOR])
def test_number_of_worlds_changes_nothing(contested: Scenario, learner: Learner, role: str) -> None:
    """Protects collecting: six worlds together give the decisions, totals and advantages of six worlds alone."""
    together = make(contested, learner, 6, list(range(6)))
    done = 0
    while done < 6:
        done += len(together.step())
    for world in range(6):
        alone = make(contested, learner, 1, [world])
        while not alone.step():
            pass
        for one, other in zip(streams(alone, role, 0), streams(together, role, world), strict=True):
            assert one.shape == other.shape
            assert one.shape[1] > 1
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-3)


def test_rule_costs_what_the_baseline_says(contested: Scenario, learner: Learner) -> None:
    """Protects the schedule: a collector in which no role learns plays the rules at exactly the bank's costs, episode by episode."""
    collector = make(contested, learner, 6, list(range(6)))
    collector.experience = {}
    costs: dict[np.uint64, float] = {}
    while len(costs) < 6:
        costs.update({episode.seed: episode.cost for episode in collector.step()})
    assert collector.bank is not None
    places = collector.bank.places(np.array([*costs], np.uint64))
    np.testing.assert_allclose([*costs.values()], collector.bank.team_cost[places], rtol=1e-9)


@pytest.mark.parametrize("role", [PRIORITIZER, NEGOTIATOR])
def test_without_discount_the_baseline_is_a_constant(role: str, contested: Scenario, learner: Learner) -> None:
    """Protects docs/learning.md: it adds the rules' total less what they had paid before, wherever the learner ends; discounted, less."""
    alike = [make(contested, learner, 1, [2], bank) for bank in (True, False)]
    for collector in alike:
        while not collector.step():
            pass
    with_bank, without = (collector.experience[role].state() for collector in alike)
    bank, world = alike[0].bank, alike[0].world
    assert bank is not None
    assert np.array_equal(with_bank["made.action"], without["made.action"])
    for seat in range(world.num_agents):
        first, *_, last = np.flatnonzero((with_bank["made.seat"] == seat) & (with_bank["made.following"] != OPEN))
        added = [state["made.end_total"][last] - state["made.total"][first] for state in (with_bank, without)]
        began = with_bank["made.time"][[first]]
        entry, agent = np.zeros(1, np.int64), np.array([seat])
        assert added[0] - added[1] == pytest.approx(
            float((bank.total(entry, agent) - bank.cost(entry, agent, began))[0])
        )
    following = with_bank["made.following"]
    gained = []
    for tau in (None, 50.0):
        parts = []
        for state in (with_bank, without):
            goes_on = following >= 0
            after = {
                name: np.where(goes_on, state[f"made.{name}"][following], state[f"made.end_{name}"])
                for name in ("time", "total")
            }
            earned, elapsed = (after[name] - state[f"made.{name}"] for name in ("total", "time"))
            parts.append(rewards_to_go(earned, elapsed, following, tau)[0])
        gained.append(parts[0] - parts[1])
    assert abs(gained[1]) < 0.9 * abs(gained[0])


def test_baseline_is_the_rules_path(contested: Scenario) -> None:
    """Protects the baseline: an agent's path starts at 0, never falls, and ends with the rule's mixed cost of the episode."""
    episodes = draw_episodes(contested, 4, 0)
    world = World(contested, 2, instances=episodes.instances)
    bank = Bank(world, episodes, *RULES)
    assert np.array_equal(bank.team_cost, costs_of(world, episodes, *RULES))
    entry, agent = np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4)
    path = np.array([bank.cost(entry, agent, np.full(12, time)) for time in np.linspace(0, 2000, 100)])
    assert (path[0] == 0).all()
    assert (np.diff(path, axis=0) >= -1e-9).all()
    np.testing.assert_allclose(path[-1], bank.total(entry, agent))
    mixed = bank.total(entry, agent).reshape(4, 3).sum(axis=1)
    c = contested.cooperation
    np.testing.assert_allclose(
        mixed, (1 - c) * bank.team_cost + 3 * c * bank.team_cost
    )  # of the agents' own costs and of the team's


def test_hindsight_is_of_the_episode(contested: Scenario, learner: Learner) -> None:
    """Protects what the critic may know: what the rule still pays, by time, and the lead, which is 0 for whoever plays as the rule does."""
    collector = make(contested, learner, 6, list(range(6)))
    collector.demonstrating = True
    for _ in range(12):
        collector.step()
    bank = collector.bank
    assert bank is not None
    for experience in collector.experience.values():
        made = experience.state()
        told, seat = made["made.hindsight"], made["made.seat"]
        first, second, third, fourth, rest, lead, rate, time = told.T
        assert (
            (first > 0) & (first < second) & (second < third) & (third <= fourth) & (fourth <= rest * (1 + 1e-6))
        ).all()
        places = bank.places(collector.world.out.seed[seat // 3])
        before = bank.cost(places, seat % 3, made["made.time"])
        np.testing.assert_allclose(before + rest, bank.total(places, seat % 3), rtol=1e-5)
        assert np.abs(lead).max() < 0.02 * rest.max()  # the path is interpolated
        assert (rate > 0).all()
        np.testing.assert_allclose(time / time.max(), made["made.time"] / made["made.time"].max(), rtol=1e-5)
    alone = make(contested, learner, 6, list(range(6)), bank=False)
    alone.step()
    assert not alone.experience[PRIORITIZER].state()["made.hindsight"].any()


def test_open_decisions_are_carried(contested: Scenario, learner: Learner) -> None:
    """Protects the seam between rollouts: an open decision comes back first, is counted once, and then has its reward."""
    collector = make(contested, learner, 6, list(range(6)), bank=False)
    for _ in range(4):
        collector.step()
    experience = collector.experience[PRIORITIZER]
    before = experience.state()
    open_before = np.flatnonzero(before["made.following"] == OPEN)
    learned = len(experience.estimate(Clock(None, None)))
    assert learned == len(before["made.seat"]) - len(open_before)
    experience.carry()
    assert len(experience) == len(open_before)
    for _ in range(200):
        collector.step()
    after = experience.state()
    assert np.array_equal(after["made.seat"][: len(open_before)], before["made.seat"][open_before])
    assert np.array_equal(after["made.time"][: len(open_before)], before["made.time"][open_before])
    assert (after["made.following"][: len(open_before)] != OPEN).all()
    counts, rows = before["made.count"], before["rows"]
    expected = np.concatenate([rows[counts[:i].sum() : counts[: i + 1].sum()] for i in open_before])
    assert np.array_equal(after["rows"][: len(expected)], expected)


def test_truncation_bootstraps(contested: Scenario, learner: Learner) -> None:
    """Protects time limits: a stream that is cut off goes on from the critic's value of its final observation."""
    scenario = replace(contested, limits=Limits(max_time=150.0))
    collector = make(scenario, learner, 6, list(range(6)), bank=False)
    for role in (PRIORITIZER, NEGOTIATOR):
        torch.nn.init.constant_(collector.experience[role].policy.critic.value.bias, 3.0)
    while not collector.step():
        pass
    for role in (PRIORITIZER, NEGOTIATOR):
        state = collector.experience[role].state()
        cut = state["made.following"] == TRUNCATED
        assert cut.any()
        assert not (state["made.following"] == TERMINATED).any()
        np.testing.assert_allclose(state["made.end_value"][cut], 3.0)
        assert (state["made.end_time"][cut] == 150.0).all()
