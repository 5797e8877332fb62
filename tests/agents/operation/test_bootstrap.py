"""Futures from quantiles and from logs: what is drawn is what was given, or seen, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.deciding.history import History
from agents.operation.planning.bootstrap import Arriving, ByLog, log_of_history, log_of_instance, ratios_of
from agents.operation.planning.futures import Belief, ByBelief, ByQuantiles, Future, Futures, believe
from agents.operation.planning.planning import Change, TaskPlanner
from agents.operation.site.conversion import to_site
from agents.operation.site.play_rules import DEFAULT
from agents.operation.site.problems import SituationError
from agents.operation.site.situation import Builder, Situation
from envs.workloads.readers.swf import SwfWorkload
from tests.agents.operation.test_commands import LOG

MANY = 400
SEEN = [0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 2.0, 5.0]


def durations(source: Futures, s: Situation, task: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What a task of job ``j`` takes in many futures, at its first agent."""
    site = to_site(s)
    belief = Belief(
        np.ones_like(site.instance.speed), np.full(site.instance.num_tasks, 0.3), np.zeros_like(site.instance.speed)
    )
    t, found = site.numbers["j", task], []
    for number in range(MANY):
        i = source.draw(site, belief, number, 0).instance
        o = i.option_first[t]
        found.append(i.option_nominal[o] * i.task_ratio[t] / i.speed[i.option_agent[o], i.task_kind[t]])
    return np.array(found)


def begun() -> Builder:
    """A job to which tasks are added."""
    return Situation.new(100.0).agent("ann").job("j", release=0.0)


def test_given_quantiles_hold_exactly() -> None:
    """Protects what users know better: a tenth, a half and nine tenths of the futures lie below what they said, however skew that is."""
    s = begun().task("t", {"p10": 90.0, "p50": 100.0, "p90": 400.0}).build()
    found = durations(ByQuantiles(), s, "t")
    assert [(found < each).mean() for each in (90.0, 100.0, 400.0)] == pytest.approx([0.1, 0.5, 0.9], abs=0.04)
    assert abs((durations(ByBelief(), s, "t") < 90.0).mean() - 0.1) > 0.1
    running = (
        begun().task("t", {"p10": 90.0, "p50": 100.0, "p90": 400.0}, state="running", agent="ann", since=0.0).build()
    )
    assert durations(ByQuantiles(), running, "t").min() >= 100.0


def test_durations_are_drawn_from_what_was_seen() -> None:
    """Protects bootstraps: shapes are those of the past, by kind; agents that were slow stay slow; running tasks run still."""
    built = begun().task("t", 10.0, kind="k").task("other", 10.0, kind="unknown")
    s = built.task("runs", 10.0, kind="k", state="running", agent="ann", since=60.0).seen("ann", "k", *SEEN).build()
    shapes = {seen / np.mean(SEEN) for seen in SEEN}
    site = to_site(s)
    belief = believe(site, DEFAULT.scenario)
    drawn = [ByLog().draw(site, belief, number, 0).instance for number in range(MANY)]
    assert {round(float(i.task_ratio[0]), 9) for i in drawn} == {round(float(each), 9) for each in shapes}
    assert durations(ByLog(), s, "t").mean() == pytest.approx(10.0 * np.mean(SEEN), rel=0.1)
    assert durations(ByLog(), s, "runs").min() >= 40.0
    assert np.array_equal(durations(ByLog(), s, "other"), durations(ByBelief(), s, "other"))
    elsewhere = begun().task("t", 10.0, kind="k").build()
    assert np.array_equal(durations(ByLog(s), elsewhere, "t"), durations(ByLog(s), elsewhere, "t"))
    assert durations(ByLog(s), elsewhere, "t").max() > 20.0


def test_what_was_done_is_seen() -> None:
    """Protects logs: durations of done tasks count by agent and kind, and those of tasks that were interrupted do not."""
    built = begun().task("a", 10.0, kind="k", state="done", agent="ann", since=0.0, until=20.0)
    s = built.task("b", 10.0, kind="k", state="done", agent="ann", since=0.0, until=5.0, progress=0.5).build()
    assert ratios_of(s) == {("ann", "k"): [2.0]}


def arriving() -> tuple[Situation, Situation]:
    """A site, with a job that is announced, and a log whose jobs come every ten seconds."""
    site = begun().task("t", 10.0).job("announced", release=150.0).task("t", 10.0).build()
    log = Situation.new(100.0).agent("ann").agent("gone")
    for k in range(6):
        log.job(f"old-{k}", release=10.0 * k, due=10.0 * k + 60.0).task("x", 9.0, kind=f"kind-{k % 2}", state="done")
    log.job("impossible", release=60.0).task("x", 3.0, eligible=["gone"])
    return site, log.build()


def test_jobs_come_again() -> None:
    """Protects plans for what is to come: jobs of the log, with its gaps, that can run here; the site's own stay what they are."""
    s, log = arriving()
    source = Arriving(ByBelief(), log, 100.0)
    site = to_site(s)
    belief = believe(site, DEFAULT.scenario)
    future: Future = source.draw(site, belief, 0, 0)
    assert future.instance.num_jobs == 2 + 10
    assert np.diff(np.sort(future.instance.job_release))[1:].tolist().count(10.0) >= 8
    assert future.instance.job_release[future.instance.job_of_task()[future.own]].tolist() == [0.0, 150.0]
    planner = TaskPlanner("fifo,fcfs", (), source=source)
    plan = planner.plan_task_execution(s, futures=4, seconds=60)
    assert {each.job for each in plan.tasks} == {"j", "announced"}
    alone = TaskPlanner("fifo,fcfs", ()).plan_task_execution(s, futures=4, seconds=60)
    assert plan.job("announced").end.p50 > alone.job("announced").end.p50
    assert "jobs of the log come again" in plan.assumptions[0]
    kept = planner.plan_task_execution(s, futures=4, seconds=60, change=Change(plan, keep=1.0, freeze=100.0))
    assert (kept.kept, kept.frozen) == (True, 2)
    assert kept.model_dump(include={"tasks"}) == planner.plan_task_execution(
        s, futures=4, seconds=60, change=Change(plan, keep=1.0, freeze=100.0)
    ).model_dump(include={"tasks"})


def test_logs_of_no_use_are_refused() -> None:
    """Protects from plans for nothing."""
    s, log = arriving()
    with pytest.raises(SituationError, match="at least 2"):
        Arriving(ByBelief(), s.merged({"jobs": [{"name": "announced", "remove": True}]}), 10.0)
    other = log.merged({"jobs": [{"name": f"old-{k}", "owner": "gone"} for k in range(6)]})
    site = to_site(s)
    with pytest.raises(SituationError, match="of no use here"):
        Arriving(ByBelief(), other, 10.0).draw(site, believe(site, DEFAULT.scenario), 0, 0)


def test_histories_and_public_files_are_logs(tmp_path: Path) -> None:
    """Protects both: of a history every job counts as it was told last; of a batch log what jobs took of what was requested."""
    history = History(tmp_path / "decisions.db")
    with pytest.raises(SituationError, match="an empty history"):
        log_of_history(history)
    log = arriving()[1]
    engine = DecisionEngine.load("fifo,fcfs")
    for each in (
        log,
        log.merged({"jobs": [{"name": "late", "release": 90.0, "tasks": [{"name": "x", "duration": 1.0}]}]}),
    ):
        history.append(each, engine.decide(each))
    assert [job.name for job in log_of_history(history).jobs][-2:] == ["impossible", "late"]
    (tmp_path / "log.swf").write_text(LOG)
    known = ratios_of(log_of_instance(SwfWorkload(str(tmp_path / "log.swf")).instance(0)))
    assert sorted(set(np.concatenate(list(known.values())).tolist())) == pytest.approx(
        [(50 + k) / 60 for k in range(1, 6)]
    )
