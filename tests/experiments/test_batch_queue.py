"""Batch queues by RLScheduler's protocol: the world against an independent reading of it, and against what was published."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.artifact import save
from agents.evaluation import play
from agents.networks import PRIORITIZER, Brain, Spec
from agents.rules import negotiator, prioritizer
from envs.scenario import Knowledge, Objective, Reservations, Scenario
from envs.workloads.swf import SwfWorkload
from experiments import batch_queue, benchmark, traces
from experiments.public_data import Group
from experiments.traces import JOBS, MODES, PUBLISHED_RULES, STARTS, TRAINING_JOBS, Trace
from tests.experiments.rlscheduler import SCORES, Job, Queue

PROCESSORS = 32


def write_log(path: Path, jobs: int, seed: int) -> None:
    """Write a crowded log: few distinct times, so that much happens at once, requests far from run times, run times unknown."""
    random = np.random.default_rng(seed)
    submit = np.cumsum(random.integers(0, 40, jobs)) + 1000
    run = np.where(random.random(jobs) < 0.1, -1, 20 * random.integers(1, 30, jobs))
    requested = 20 * random.integers(1, 60, jobs)
    processors = random.choice([1, 1, 2, 4, 8, 17, PROCESSORS], jobs)
    lines = [f"{i + 1} {submit[i]} -1 {run[i]} {processors[i]} -1 -1 -1 {requested[i]} -1 1 {i % 3} -1 -1 0 -1 -1 -1" for i in range(jobs)]
    path.write_text("\n".join([f"; MaxNodes: {PROCESSORS}", *lines]) + "\n")


def measured(monkeypatch: pytest.MonkeyPatch, out: Path, *arguments: str) -> dict[str, Any]:
    """What the suite writes."""
    monkeypatch.setattr(sys, "argv", ["parley-benchmark", "suite=batch_queue", *arguments, f"out={out}"])
    benchmark.main()
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def protocol(path: Path, backfilling: bool) -> Scenario:
    """The protocol on a whole log."""
    workload = SwfWorkload(str(path), owners=1, unknown_run=10.0, clock="log")
    reservations = Reservations(hold="start", backfill=backfilling, blocking=True)
    return Scenario(workload, Objective(slowdown=1.0), knowledge=Knowledge(learn=False), reservations=reservations, candidates=JOBS)


@pytest.mark.parametrize("backfilling", MODES.values(), ids=MODES)
@pytest.mark.parametrize("rule", SCORES)
def test_the_world_is_the_protocols(rule: str, backfilling: bool, tmp_path: Path) -> None:
    """Protects the published comparison: every job is as slow as an independent reading of the protocol has it."""
    for seed in range(4):
        log = tmp_path / f"{seed}.swf"
        write_log(log, 150, seed)
        scenario = protocol(log, backfilling)
        whole = scenario.workload.instance(0)
        columns = whole.job_release, whole.option_nominal * whole.task_ratio, whole.task_demand[:, 0], whole.option_nominal
        jobs = [Job(float(s), float(r), int(p), float(q)) for s, r, p, q in zip(*columns, strict=True)]
        expected = Queue(jobs, PROCESSORS, backfilling).slowdowns(SCORES[rule])
        metrics = play(scenario, Group("", [scenario.workload]).episodes(), prioritizer(rule), negotiator("fcfs")).metrics[0]
        assert metrics.mean_slowdown == pytest.approx(np.mean(expected), rel=1e-9)
        assert metrics.median_slowdown == pytest.approx(np.median(expected), rel=1e-9)


@pytest.mark.parametrize("name", ["lublin_256.swf", "SDSC-SP2-1998-4.2-cln.r1-11000.swf"])
def test_published_digits(name: str, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the reproduction of the published rules, to their printed digits."""
    (tmp_path / name).symlink_to(data_dir / "swf" / name)
    monkeypatch.setattr(batch_queue, "RULES", tuple(PUBLISHED_RULES.values()))
    monkeypatch.setattr(traces, "LAST", 0)
    cells = measured(monkeypatch, tmp_path / "out.json", f"data={tmp_path}")["cells"]
    assert [cell["reproduced"] for cell in cells] == [dict.fromkeys(PUBLISHED_RULES, True)] * len(MODES)


def test_windows_are_not_for_training() -> None:
    """Protects the test: no scored window holds a job that is for training."""
    assert min(STARTS) == TRAINING_JOBS
    assert len(set(STARTS)) == 10


def test_last_windows(tmp_path: Path) -> None:
    """Protects the split: the last windows end with the log and keep clear of the jobs for training."""
    log = tmp_path / "some-1999-1.swf"
    write_log(log, TRAINING_JOBS + 2 * JOBS + 5, 0)
    trace = Trace("some", str(log))
    assert trace.last() == (TRAINING_JOBS + 5, TRAINING_JOBS + JOBS + 5)
    assert trace.protocol() == ()


def test_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the table: any folder of logs, rules of both views, and the prioritizers of runs beside them."""
    monkeypatch.setattr(traces, "JOBS", 32)
    monkeypatch.setattr(traces, "TRAINING_JOBS", 8)
    monkeypatch.setattr(batch_queue, "RULES", ("fifo+r", "saf"))
    logs, runs = tmp_path / "logs", [tmp_path / "a", tmp_path / "b"]
    logs.mkdir()
    write_log(logs / "some-1999-1.swf", 110, 0)
    for seed, run in enumerate(runs):
        torch.manual_seed(seed)
        save(run / "policy" / PRIORITIZER, Brain(Spec.default(PRIORITIZER, 4)), {})
    out = tmp_path / "out.json"
    found = measured(monkeypatch, out, f"data={logs}", f"runs=[{','.join(map(str, runs))}]")
    told = [(cell["trace"], cell["mode"], cell["first_jobs"]) for cell in found["cells"]]
    assert told == [("some", mode, [14, 46, 78]) for mode in MODES]
    for cell in found["cells"]:
        assert list(cell["sides"]) == ["fifo+r", "saf", "saf, by user", "learned"]
        assert np.shape(cell["sides"]["learned"]["mean_slowdown"]["windows"]) == (2, 3)
        best = min((side["mean_slowdown"]["mean"], name) for name, side in cell["sides"].items() if name != "learned")
        assert cell["best_rule"]["mean_slowdown"] == best[1]
    assert "learned, % of best rule" in out.with_suffix(".md").read_text(encoding="utf-8")
