"""Knowledge: the world's own arithmetic, that fades; what follows from it for decisions, and what survives a restart."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.compiled.completions import Completions
from agents.evaluation.play import draw_episodes, play_batch
from agents.operation.deciding.decision import DecisionEngine
from agents.operation.knowledge.behaviour import BehaviourOptimizer
from agents.operation.knowledge.experience import Attempt, Executed, Experience, ExperienceCollector, Feedback
from agents.operation.knowledge.experiences import Experiences
from agents.operation.knowledge.knowledge import KnowledgeBase, KnowledgeError, KnowledgeIntegrator
from agents.operation.planning.futures import believe
from agents.operation.site.conversion import to_site
from agents.operation.site.situation import Situation
from agents.policies import load_negotiator, load_prioritizer
from envs import Uncertainty, default_scenario
from envs.scenario import Knowledge
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.world import World

HOUR = 3600.0


def experience(*attempts: Attempt, policy: str = "spt,fcfs", at: float = 0.0, slowdown: float = 1.0) -> Experience:
    """An experience of attempts alone."""
    return Experience(
        source="real", policy=policy, began=at, ended=max([at, *(each.ended for each in attempts)]), attempts=list(attempts),
        jobs=[], events={}, metrics={"mean_slowdown": slowdown},
    )  # fmt: skip


def attempt(
    agent: str, kind: str, took: float, ended: float, estimate: float = 100.0, outcome: str = "done"
) -> Attempt:
    """An attempt at a task."""
    return Attempt.model_validate(
        {"job": "j", "task": "t", "kind": kind, "agent": agent, "estimate": estimate, "began": ended - took, "ended": ended,
         "outcome": outcome}
    )  # fmt: skip


def test_it_believes_what_the_world_believes() -> None:
    """Protects the arithmetic: where nothing fades, an episode's experience leads to the beliefs that its world has at its end."""
    scenario = replace(
        default_scenario(), workload=SyntheticWorkload(agents=3, jobs=12), uncertainty=Uncertainty(0.4, 0.1, 5.0)
    )
    episodes = draw_episodes(scenario, 1, 3)
    world = World(scenario, 1, instances=episodes.instances, auto_reset=False, record=True)
    world.schedule(episodes.seeds, episodes.instance)
    by = load_prioritizer("wsrpt"), load_negotiator("urgency")
    play_batch(world, episodes.seeds, episodes.instance, Completions.by(world, *by))
    beliefs = world.get_state()["beliefs"][0]
    base = KnowledgeIntegrator(half_life=math.inf, prior=scenario.knowledge)
    base.integrate(
        ExperienceCollector().collect(Executed.simulated(episodes.instances[0], scenario, world.log(0), "wsrpt"))
    )
    assert beliefs["count"].sum() > 20
    for (agent, kind), belief in base.base.beliefs.items():
        expected = beliefs[int(agent.split("-")[1]), int(kind.split("-")[1])]
        found = base.base.estimate(agent, kind, belief.time)
        assert (belief.count, belief.failures) == (expected["count"], expected["failures"])
        assert found.factor == pytest.approx(expected["factor"], rel=1e-9)
        assert found.spread == pytest.approx(expected["spread"], rel=1e-9)


def queue(time: float) -> Situation:
    """Two tasks of each kind for two agents that may run both; writing is a little longer."""
    site = Situation.new(time=time).agent("ada").agent("ben")
    for k in range(2):
        site = site.job(f"fit-{k}").task("t", 80.0, kind="fit").job(f"text-{k}").task("t", 100.0, kind="text")
    return site.build()


def test_who_turns_slow_gets_less_of_it_and_gets_it_back() -> None:
    """Protects the point of it all: within 3 observations an agent that is slow at fitting fits no more; recovered, it does again."""
    engine = DecisionEngine.load("spt,fcfs")
    integrator = KnowledgeIntegrator(half_life=HOUR, prior=engine.deciders.rules.scenario.knowledge)
    given: list[str] = []
    for step in range(60):
        now = 600.0 * step
        slow = 6 <= step < 30
        starts = engine.decide(integrator.update(queue(now))).starts
        kinds = {start.agent: start.job.split("-")[0] for start in starts}
        assert set(kinds) == {"ada", "ben"}
        given.append(kinds["ada"])
        took = {"fit": 240.0 if slow else 80.0, "text": 100.0}[kinds["ada"]]
        done = [attempt("ada", kinds["ada"], took, now + took, {"fit": 80.0, "text": 100.0}[kinds["ada"]])]
        asyncio.run(integrator.integrate_knowledge(experience(*done)))
    assert given[:6] == ["fit"] * 6
    turned = given.index("text")
    assert given[6:turned] == ["fit"] * (turned - 6)
    assert 1 <= turned - 6 <= 3  # observations that it took
    assert given[turned:30].count("fit") <= 0.35 * (30 - turned)  # now and then it is tried again
    assert given[-20:].count("fit") >= 19


def test_old_news_fade() -> None:
    """Protects the half-life: after one, 8 observations count as 4; after many, nothing is left; clocks that go back change nothing."""
    base = KnowledgeBase(HOUR)
    for k in range(8):
        base.observe("ada", "fit", 0.0, 2.0, failed=k == 0)
    fresh, later, never = (base.estimate("ada", "fit", now) for now in (0.0, HOUR, 40 * HOUR))
    assert fresh.seen == 8
    assert fresh.factor == pytest.approx(2.0 ** (8 / 13))
    assert later.factor == pytest.approx(2.0 ** (4 / 9))
    assert later.failure_rate == pytest.approx(0.5 / 9)
    assert never.factor == pytest.approx(1.0, abs=1e-9)
    assert base.estimate("ada", "fit", -HOUR) == fresh
    assert base.history(40 * HOUR) == []
    with pytest.raises(KnowledgeError, match="half_life is 0, must be"):
        KnowledgeBase(0.0)


def test_a_change_raises_an_alarm_and_luck_does_not() -> None:
    """Protects both ways: who turns three times slower is found out within 9 observations; thousands of lucky ones say nothing."""
    rng = np.random.default_rng(0)
    base = KnowledgeBase(math.inf)
    base.observe("ada", "text", 0.0, 4.0)
    for _ in range(9):
        base.observe("ada", "text", 0.0, 4.0)
    base.observe("ben", "fit", 0.0, 3.0)
    assert not any(base.observe("ada", "fit", 0.0, math.exp(0.4 * x)) for x in rng.standard_normal(3000))
    alarms = [base.observe("ada", "fit", 1.0, 3.0 * math.exp(0.4 * x)) for x in rng.standard_normal(20)]
    assert 2 <= alarms.index(True) < 9
    assert sum(alarms) == 1
    assert base.estimate("ada", "fit", 1.0).factor > 1.8
    assert base.estimate("ada", "text", 1.0).seen == 1.0
    assert base.estimate("ben", "fit", 1.0).seen == 1.0
    calm = KnowledgeBase(math.inf, alarm=math.inf)
    assert not any(calm.observe("ada", "fit", 0.0, 1.0 + 100.0 * (k > 50)) for k in range(100))


@pytest.mark.parametrize("now", [0.0, 0.3 * HOUR, 2.7 * HOUR])
def test_a_world_that_is_told_concludes_the_same(now: float) -> None:
    """Protects the way into decisions: situations count in whole observations, and the world's factor is the base's all the same."""
    scenario = DecisionEngine.load("spt,fcfs").deciders.rules.scenario
    integrator = KnowledgeIntegrator(half_life=HOUR, prior=scenario.knowledge)
    for ratio in (1.5, 2.5, 2.0, 4.0):
        integrator.base.observe("ada", "fit", 0.0, ratio)
    told = integrator.update(queue(now))
    assert [(seen.agent, seen.kind) for seen in told.history] == [("ada", "fit")]
    found = believe(to_site(told), scenario).factor
    expected = integrator.base.estimate("ada", "fit", now)
    assert found[0, 0] == pytest.approx(expected.factor, rel=1e-9)
    assert np.delete(found.ravel(), 0) == pytest.approx(1.0)


def test_knowledge_survives_a_restart_and_is_taken_in_once(tmp_path: Path) -> None:
    """Protects restarts: the same beliefs, the same choice, and no experience of the store counts twice."""
    store = Experiences(tmp_path / "experience.db")
    for k in range(3):
        told = experience(attempt("ada", "fit", 200.0, 300.0 * (k + 1)), at=300.0 * k, slowdown=2.0)
        store.append(told.policy, told.source, told.write())
    collector = ExperienceCollector(store)
    integrator = KnowledgeIntegrator(tmp_path / "knowledge.json", half_life=HOUR)
    assert integrator.catch_up(collector) == 3
    again = KnowledgeIntegrator(tmp_path / "knowledge.json")
    assert again.catch_up(collector) == 0
    assert again.base.as_json() == integrator.base.as_json()
    assert again.behaviour.as_json() == integrator.behaviour.as_json()
    assert again.base.half_life == HOUR
    (tmp_path / "knowledge.json").write_text('{"format": 1, "knowledge": {}}', encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"knowledge.json: holds no knowledge: KeyError"):
        KnowledgeIntegrator(tmp_path / "knowledge.json")


def test_what_is_said_of_an_experience() -> None:
    """Protects who asks what changed: before and after, of whom it is about, and stopped attempts say nothing."""
    integrator = KnowledgeIntegrator(half_life=HOUR, prior=Knowledge(prior_count=1.0))
    told = integrator.integrate(
        experience(
            attempt("ada", "fit", 400.0, 500.0), attempt("ada", "fit", 10.0, 600.0, outcome="failed"),
            attempt("ben", "fit", 10.0, 600.0, outcome="stopped"),
        )
    )  # fmt: skip
    assert told.observations == 2
    assert list(told.beliefs) == [("ada", "fit")]
    before, after = told.beliefs["ada", "fit"]
    assert (before.factor, before.failure_rate) == (1.0, 0.0)
    assert after.factor > 1.9
    assert 0.3 < after.failure_rate < 0.34


def test_the_better_policy_is_used_until_it_is_no_more() -> None:
    """Protects the choice among policies: everyone once, then the better one mostly; when it turns bad, the other; scores count."""
    chooser = BehaviourOptimizer(10 * HOUR)
    used: list[str] = []
    for step in range(120):
        now = HOUR * step
        name = chooser.choose(["a", "b"], now)
        slowdown = {"a": 1.5 if step < 60 else 6.0, "b": 3.0}[name]
        chooser.record(experience(policy=name, at=now, slowdown=slowdown))
        used.append(name)
    assert used[:2] == ["a", "b"]
    assert used[2:60].count("a") > 45
    assert used[75:].count("b") > 35
    liked = BehaviourOptimizer(math.inf)
    for name, score in (("a", 0.0), ("b", 1.0)):
        for _ in range(9):
            said = experience(policy=name, slowdown=2.0).model_copy(
                update={"feedback": [Feedback(job="j", score=score)]}
            )
            liked.record(said)
    assert liked.choose(["a", "b"], 0.0) == "b"
