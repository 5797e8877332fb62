"""Where an execution stands: what analyzers say of episodes worked out by hand, of worlds and of real tasks."""

from __future__ import annotations

import numpy as np
import pytest

from agents.operation.site.example import example
from agents.operation.site.retelling import retell
from agents.operation.status import ANALYZERS, Finding, StatusContext
from envs import World, default_scenario
from envs.events import NONE
from envs.render import text
from envs.scenario import Limits, Scenario, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload
from tests.by_hand import LOG, ByHand, K, event_log, rows_of
from tests.greedy import Greedy


def found(context: StatusContext) -> dict[str, Finding]:
    """Everything that is found, by name."""
    findings = [finding for analyzer in ANALYZERS for finding in analyzer.analyse(context)]
    names = {finding.name: finding for finding in findings}
    assert len(names) == len(findings), "two findings have one name"
    return names


def test_an_episode_by_hand() -> None:
    """Protects the figures: at 5 s one task is done, two run, the second job's end is 19 s away, 2 of 3 tokens are leased."""
    told = found(StatusContext.of_episode("x", ByHand().instance(0), event_log(LOG), 5.0))
    expected = {
        "jobs done": 0, "jobs in the system": 2, "jobs to come": 0, "tasks done": 1, "tasks running": 2, "tasks ready": 0,
        "time left, at least": 19.0, "overdue": 0, "cannot be kept": 1, "failed attempts": 0,
    }  # fmt: skip
    assert {name: told[name].value for name in expected} == expected
    assert told["tokens in use"].value == pytest.approx(100 * 2 / 3)
    assert told["work done"].value == pytest.approx(100 * 4 / (4 + 3 + 20))
    assert (told["cannot be kept"].severity, told["cannot be kept"].detail) == ("warning", "job 0")
    assert told["tokens among agents"].value == pytest.approx(10**2 / (2 * (8**2 + 2**2)))


def test_the_end_of_an_episode() -> None:
    """Protects who asks at the end: all is done, one job was late, nothing is left."""
    context = StatusContext.of_episode("x", ByHand().instance(0), event_log(LOG))
    told = found(context)
    assert context.over
    assert (context.time, told["jobs done"].value, told["missed"].value, told["time left, at least"].value) == (
        24.0,
        2,
        1,
        0,
    )


def test_trouble_is_named() -> None:
    """Protects alerts: who is down, what is overdue and what takes far too long, each by name, and no longer once it is over."""
    rows = [*LOG[:7], (2.0, K.AGENT_DOWN, 1, NONE, NONE, 0.0), (11.0, K.TRUNCATED, NONE, NONE, NONE, 0.0)]
    told = found(StatusContext.of_episode("x", ByHand().instance(0), event_log(rows)))
    alerts = {f.name: f.detail for f in told.values() if f.severity != "info"}
    assert alerts == {"overdue": "job 0", "agents down": "agent 1", "running far too long": "task 0.0"}
    again = [*rows[:-1], (3.0, K.AGENT_UP, 1, NONE, NONE, 0.0)]
    assert found(StatusContext.of_episode("x", ByHand().instance(0), event_log(again)))["agents down"].value == 0


def test_every_instant_of_a_storm_agrees_with_the_picture() -> None:
    """Protects the reading of events: at any time, tasks are where the text picture, which reads other events, says that they are."""
    troubles = Uncertainty(0.5, 0.2, 5.0, 2, 400.0, 60.0, 0.5)
    workload = SyntheticWorkload(jobs=40, eligible="all")
    instance = workload.instance(1)
    log = Greedy(Scenario(workload, uncertainty=troubles, limits=Limits(max_time=1500.0)), instance, 4).log
    for now in np.linspace(100.0, 1400.0, 7):
        context = StatusContext.of_episode("x", instance, log, float(now))
        told = found(context)
        told_jobs = f"jobs   {told['jobs done'].value:.0f} done, {told['jobs in the system'].value:.0f} in the system"
        picture = text(instance, context.log, now=float(now))
        assert told_jobs in picture
        assert f"{told['tasks done'].value:.0f} done, {told['tasks running'].value:.0f} running" in picture
        assert sum(f.value or 0 for f in told.values() if f.name == "agents down") == picture.count("| down")


def test_a_world_that_runs() -> None:
    """Protects who looks at a simulation on the way: the same as the log of the episode up to then."""
    world = World(default_scenario(), 1, record=True, auto_reset=False)
    out = world.reset(seed=3)
    while out.time[0] < 500.0:
        out = world.step(out.mask.argmax(axis=2).astype(np.int32), np.zeros(out.acting.shape))
    context = StatusContext.of_world("x", world)
    told = found(context)
    assert (context.time, context.over) == (out.time[0], False)
    assert (told["tasks running"].value or 0) > 0
    assert context.log.time.size == world.log(0).time.size


def test_retelling_adds_what_follows() -> None:
    """Protects pictures of real tasks: from starts and ends alone comes the log of the world again, but for bids and reservations."""
    kept = [row for row in LOG if row[1] in (K.TASK_SUBMISSION, K.TASK_START, K.TASK_END)]
    whole = [row for row in LOG if row[1] not in (K.RESERVATION, K.RESOURCE_REQUEST)]
    told = rows_of(retell(ByHand().instance(0), event_log(kept)))
    assert sorted(told) == sorted(whole)
    assert retell(ByHand().instance(0), event_log(LOG)).time.size == len(LOG)
    unseen = [kept[0], (2.0, K.TASK_END, NONE, 0, 0, 0.0)]
    assert [row[1:5] for row in rows_of(retell(ByHand().instance(0), event_log(unseen)))] == [
        (K.TASK_SUBMISSION, NONE, 0, NONE),
        (K.TASK_READY, NONE, 0, 1),
    ]


def test_real_tasks() -> None:
    """Protects users with tasks of their own: their names, what runs, what failed before, and the due date that cannot be kept."""
    context = StatusContext.of_situation("mine", example())
    told = found(context)
    assert list(context.agents) == ["ada", "ben", "cy"]
    counts = {name: told[name].value for name in ("tasks done", "tasks running", "tasks ready", "failed attempts")}
    assert counts == {"tasks done": 1, "tasks running": 1, "tasks ready": 4, "failed attempts": 1}
    assert told["cannot be kept"].detail == "job paper"
    assert context.task(0) == "task forecast/clean"
