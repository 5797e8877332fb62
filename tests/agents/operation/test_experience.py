"""Experience: real and simulated executions tell the same story, once and for good."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agents.evaluation.metrics import compute_metrics
from agents.evaluation.play import draw_episodes, record
from agents.operation.knowledge.experience import Attempt, Executed, Experience, ExperienceCollector, Feedback
from agents.operation.knowledge.experiences import ExperienceError, Experiences
from agents.operation.site.situation import Situation
from agents.policies import load_negotiator, load_prioritizer
from envs import Uncertainty, default_scenario
from envs.events import EventKind
from envs.workloads.generators.synthetic import SyntheticWorkload


def simulated() -> tuple[Any, Any, Executed]:
    """An episode with noise, failures and breakdowns."""
    scenario = replace(
        default_scenario(),
        workload=SyntheticWorkload(agents=3, jobs=12),
        uncertainty=Uncertainty(0.4, 0.1, 5.0, 2, 300.0, 60.0, 0.5),
    )
    episodes = draw_episodes(scenario, 1, 3)
    by = load_prioritizer("wsrpt"), load_negotiator("urgency")
    log = record(scenario, episodes.instances[0], int(episodes.seeds[0]), *by)
    return episodes.instances[0], log, Executed.simulated(episodes.instances[0], scenario, log, "wsrpt,urgency")


def test_what_a_world_did() -> None:
    """Protects simulated experience: every attempt is there with how it ended, and metrics are those of evaluations."""
    instance, log, executed = simulated()
    experience = ExperienceCollector().collect(executed)
    outcomes = [each.outcome for each in experience.attempts]
    for outcome, kind in (
        ("done", EventKind.TASK_END),
        ("failed", EventKind.TASK_FAILED),
        ("stopped", EventKind.TASK_INTERRUPTED),
    ):
        assert outcomes.count(outcome) == int((log.kind == kind).sum()) > 0
    assert experience.events["completion_notification"] == int(
        np.isin(log.kind, (EventKind.TASK_END, EventKind.JOB_DONE)).sum()
    )
    found = compute_metrics(instance, log)
    assert experience.metrics["weighted_flow"] == pytest.approx(found.weighted_flow)
    assert experience.metrics["mean_tardiness"] == pytest.approx(found.mean_tardiness)
    assert experience.metrics["jobs_abandoned"] == found.abandoned
    assert Experience.model_validate_json(experience.write()) == experience


def site() -> Situation:
    """Two tasks one after the other, either agent."""
    return (
        Situation.new(time=0.0)
        .agent("ada")
        .agent("ben")
        .job("paper", due=100.0)
        .task("train", 60.0, kind="fit")
        .task("write", 30.0, kind="text", predecessors=["train"])
        .build()
    )


def message(kind: str, time: float, **fields: Any) -> Any:
    """A message of a run."""
    return SimpleNamespace(kind=kind, time=time, **fields)


MESSAGES = [
    message("task_submission", 0.0, job="paper"),
    message("status_update", 1.0, state="started", job="paper", task="train", agent="ada"),
    message("alert_notification", 11.0, alert="failed", job="paper", task="train", agent="ada"),
    message("status_update", 12.0, state="started", job="paper", task="train", agent="ada"),
    message("status_update", 13.0, state="started", job="paper", task="train", agent="ben"),
    message("completion_notification", 60.0, job="paper", task="train", agent="ben"),
    message("status_update", 60.0, state="stopped", job="paper", task="train", agent="ada"),
    message("health_status", 61.0, agent="ada", up=False),
    message("status_update", 61.0, state="started", job="paper", task="write", agent="ben"),
    message("completion_notification", 111.0, job="paper", task="write", agent="ben"),
    message("completion_notification", 111.0, job="paper", task=None),
]


def test_what_a_run_did() -> None:
    """Protects real experience: a failure, a copy that was first, the copy that was stopped, and a late job."""
    experience = ExperienceCollector().collect(Executed.really(site(), MESSAGES, "spt,fcfs"))
    told = [(each.task, each.agent, each.began, each.ended, each.outcome) for each in experience.attempts]
    assert told == [
        ("train", "ada", 1.0, 11.0, "failed"),
        ("train", "ben", 13.0, 60.0, "done"),
        ("train", "ada", 12.0, 60.0, "stopped"),
        ("write", "ben", 61.0, 111.0, "done"),
    ]
    assert experience.metrics["mean_tardiness"] == pytest.approx(11.0)
    assert experience.metrics["mean_slowdown"] == pytest.approx(111.0 / 90.0)
    assert experience.metrics["failure_rate"] == pytest.approx(1 / 3)
    assert experience.attempts[1] == Attempt(
        job="paper", task="train", kind="fit", agent="ben", estimate=60.0, began=13.0, ended=60.0, outcome="done"
    )


def test_stored_once_and_for_good(tmp_path: Path) -> None:
    """Protects what was learned from: numbers ascend, nothing changes, a user's score comes later, and restarts lose nothing."""
    store = Experiences(tmp_path / "experience.db")
    collector = ExperienceCollector(store)
    executed = Executed.really(site(), MESSAGES, "spt,fcfs")
    first = asyncio.run(collector.collect_experience(executed, [Feedback(job="paper", score=0.5)]))
    collector.collect(executed)
    store.score(2, "paper", 1.0, "good")
    again = ExperienceCollector(Experiences(store.path))
    assert next(iter(again.kept())) == (1, first)
    assert [(number, each.feedback) for number, each in again.kept(after=1)] == [
        (2, [Feedback(job="paper", score=1.0, comment="good")])
    ]
    with sqlite3.connect(store.path) as base, pytest.raises(sqlite3.DatabaseError, match="only appended to"):
        base.execute("DELETE FROM experiences")
    with pytest.raises(ExperienceError, match="has no experience 9"):
        store.score(9, "paper", 1.0)
    with pytest.raises(ExperienceError, match=r"score of paper is 2, must be in \[0, 1\]"):
        store.score(1, "paper", 2.0)
    (tmp_path / "other.db").write_text("text " * 200, encoding="utf-8")
    with pytest.raises(ExperienceError, match=r"other.db: must hold experiences"):
        Experiences(tmp_path / "other.db")
