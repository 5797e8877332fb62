"""Batch queues by RLScheduler's protocol: the world against an independent reading of it, and against what was published."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from agents.evaluation.play import play
from agents.networks.architecture import PRIORITIZER, Brain, Spec
from agents.networks.artifact import save
from agents.rules import negotiator, prioritizer
from envs.scenario import Knowledge, Objective, Reservations, Scenario
from envs.workloads.readers.swf import SwfWorkload
from experiments.reports.tables import number
from experiments.suites import batch_queue, traces
from experiments.suites.batch_queue import NEGOTIATOR
from experiments.suites.public_data import Group
from experiments.suites.runs import Side
from experiments.suites.standing import Standing
from experiments.suites.traces import JOBS, MODES, PUBLISHED_RULES, STARTS, TRAINING_JOBS, Trace
from tests.experiments.studies.measuring import cells, measured
from tests.experiments.suites.rlscheduler import SCORES, Job, Queue

PROCESSORS = 32


def write_log(path: Path, jobs: int, seed: int) -> None:
    """Write a crowded log: few distinct times, so that much happens at once, requests far from run times, run times unknown."""
    random = np.random.default_rng(seed)
    submit = np.cumsum(random.integers(0, 40, jobs)) + 1000
    run = np.where(random.random(jobs) < 0.1, -1, 20 * random.integers(1, 30, jobs))
    requested = 20 * random.integers(1, 60, jobs)
    processors = random.choice([1, 1, 2, 4, 8, 17, PROCESSORS], jobs)
    lines = [
        f"{i + 1} {submit[i]} -1 {run[i]} {processors[i]} -1 -1 -1 {requested[i]} -1 1 {i % 3} -1 -1 0 -1 -1 -1"
        for i in range(jobs)
    ]
    path.write_text("\n".join([f"; MaxNodes: {PROCESSORS}", *lines]) + "\n")


def limit(monkeypatch: pytest.MonkeyPatch, *rules: str) -> None:
    """Let these rules alone play, and no policy that comes with the repository."""
    pairs = tuple(pair for pair in batch_queue.SUITE.rules if pair[0] in rules)
    monkeypatch.setattr(batch_queue, "SUITE", replace(batch_queue.SUITE, rules=pairs))
    monkeypatch.setattr("experiments.suites.runs.SHIPPED", "no/such")


def protocol(path: Path, backfilling: bool) -> Scenario:
    """The protocol on a whole log."""
    workload = SwfWorkload(str(path), owners=1, unknown_run=10.0, clock="log", estimate="requested_or_actual")
    reservations = Reservations(hold="start", backfill=backfilling, blocking=True)
    return Scenario(
        workload, Objective(slowdown=1.0), knowledge=Knowledge(learn=False), reservations=reservations, candidates=JOBS
    )


@pytest.mark.parametrize("backfilling", MODES.values(), ids=MODES)
@pytest.mark.parametrize("rule", SCORES)
def test_the_world_is_the_protocols(rule: str, backfilling: bool, tmp_path: Path) -> None:
    """Protects the published comparison: every job is as slow as an independent reading of the protocol has it."""
    for seed in range(4):
        log = tmp_path / f"{seed}.swf"
        write_log(log, 150, seed)
        scenario = protocol(log, backfilling)
        whole = scenario.workload.instance(0)
        columns = (
            whole.job_release,
            whole.option_nominal * whole.task_ratio,
            whole.task_demand[:, 0],
            whole.option_nominal,
        )
        jobs = [Job(float(s), float(r), int(p), float(q)) for s, r, p, q in zip(*columns, strict=True)]
        expected = Queue(jobs, PROCESSORS, backfilling).slowdowns(SCORES[rule])
        metrics = play(
            scenario, Group("", [scenario.workload]).episodes(), prioritizer(rule), negotiator("fcfs")
        ).metrics[0]
        assert metrics.mean_slowdown == pytest.approx(np.mean(expected), rel=1e-9)
        assert metrics.median_slowdown == pytest.approx(np.median(expected), rel=1e-9)


@pytest.mark.parametrize("name", ["lublin_256.swf", "SDSC-SP2-1998-4.2-cln.r1-11000.swf"])
def test_published_digits(name: str, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the reproduction of the published rules, to their printed digits."""
    (tmp_path / name).symlink_to(data_dir / "swf" / name)
    limit(monkeypatch, *PUBLISHED_RULES.values())
    monkeypatch.setattr(traces, "LAST", 0)
    measured(monkeypatch, tmp_path / "out.json", "suite=batch_queue", f"path={tmp_path}")
    rows = cells(tmp_path / "out.json", "Published rules: 6 of 6 cells to their printed digits")
    assert [row[-1] for row in rows.values()][2:] == ["yes"] * 6


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
    """Protects the tables: any folder of logs, both kinds of estimates, and what is learned beside the best of all rules."""
    monkeypatch.setattr(traces, "JOBS", 32)
    monkeypatch.setattr(traces, "TRAINING_JOBS", 8)
    limit(monkeypatch, "fifo+r", "saf")
    logs, runs = tmp_path / "logs", [tmp_path / "a", tmp_path / "b"]
    logs.mkdir()
    write_log(logs / "some-1999-1.swf", 110, 0)
    for seed, run in enumerate(runs):
        torch.manual_seed(seed)
        save(run / "policy" / PRIORITIZER, Brain(Spec.default(PRIORITIZER, 4)), {})
    out = tmp_path / "out.json"
    found = measured(monkeypatch, out, "suite=batch_queue", f"path={logs}", f"runs=[{','.join(map(str, runs))}]")
    told = [(each["cell"], each["estimates"], each["first_job"]) for each in found["episodes"]]
    names = [f"some, {mode}, last windows" for mode in MODES]
    assert told == [
        (name, known, start) for name in names for known in ("requested", "by user") for start in ("14", "46", "78")
    ]
    slow = {one["name"]: np.array(one["mean_slowdown"]) for one in found["contestants"]}
    assert list(slow) == ["fifo+r", "saf", "learned", "learned, lookahead 3", f"{found['best_rules']}, lookahead 3"]
    assert {each["cluster"] for each in found["episodes"]} == {
        f"some: {start}" for start in (14, 46, 78)
    }  # by whatever rules of play
    assert slow["learned"].shape == (2, 12)
    assert slow["learned, lookahead 3"].tolist() != slow["learned"].tolist()
    assert "learned, lookahead 3" in cells(out, "Best of all rules: mean bounded slowdown; learned, lookahead 3")[""]
    by_log, bests = cells(out, "By log: mean"), cells(out, "Best of all rules: mean")
    header = bests[""]
    for c, name in enumerate(names):
        means = {rule: values.reshape(-1, 4, 3).mean(axis=(0, 2))[2 * c : 2 * c + 2] for rule, values in slow.items()}
        best = min(
            (mean, rule, known)
            for rule in ("fifo+r", "saf")
            for mean, known in zip(means[rule], ("", ", by user"), strict=True)
        )
        row = dict(zip(header, bests[name], strict=True))
        assert row["best of all rules"] == best[1] + best[2]
        assert row["its value"] == number(best[0])
        assert row["learned"].split()[0] == by_log[f"{name}, by user"][3].split()[0] == number(means["learned"][1])
        assert row["% of that rule"].split()[0] == f"{100 * (means['learned'][1] / best[0] - 1):+.1f}"
        assert row["at or below both"] == ("yes" if means["learned"][1] <= best[0] else "no")
        assert 1 <= float(row["lower bound"]) <= best[0]


@pytest.mark.parametrize(
    ("learned", "printed", "reached"), [(9.0, "", "yes no"), (9.0, "10", "yes yes"), (11.0, "10", "no no")]
)
def test_goals(learned: float, printed: str, reached: str) -> None:
    """Protects verdicts: the goal is the lower one of the best rule and, where there is one, the published policy."""
    scores = np.full((1, 3), learned), np.full((1, 3), 9.5 if not printed else 12.0)
    assert batch_queue.reached(*scores, printed) == reached.split()


def test_overlapping_windows() -> None:
    """Protects intervals: of the ten published windows seven share jobs with the next, two others do, and one stands alone."""
    starts = list(STARTS)
    together = dict(zip(starts, traces.overlapping(starts), strict=True))
    assert {start for start in starts if together[start] == 1981} == {1981, 2714, 2756, 3316, 4022, 4299, 5228}
    assert (together[7085], together[7762], together[8850]) == (7085, 7085, 8850)


def test_where_nothing_waits_is_no_cell() -> None:
    """Protects counts of cells: where everybody has 1.000, being level with the best rule is nothing; one who waits makes it one."""

    def standing(*slowdowns: float) -> Standing:
        made = (SimpleNamespace(column=lambda metric: np.array(slowdowns)),)
        side = Side("fifo", NEGOTIATOR, made)  # type: ignore[arg-type]  # all that is asked of results
        count = len(slowdowns)
        return Standing("fifo", "rule", [side], [np.ones(count)], np.ones(count, np.bool_), [np.arange(count)])

    idle, waiting = standing(1.0, 1.0004), standing(1.0, 1.002)
    assert not batch_queue.somebody_waits("mean_slowdown", [idle, idle], [0])
    assert batch_queue.somebody_waits("mean_slowdown", [idle, waiting], [0])


def test_too_short_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects users: one line and exit code 2 where no window is left behind the jobs for training."""
    write_log(tmp_path / "short.swf", 50, 0)
    with pytest.raises(SystemExit) as exit_:
        measured(monkeypatch, tmp_path / "out.json", "suite=batch_queue", f"path={tmp_path}")
    assert exit_.value.code == 2
    assert f"{tmp_path}: no log has 3,005 jobs that can run" in capsys.readouterr().err


def test_logs_that_are_packed_or_do_not_say_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects folders of logs: a packed one is played, a setting helps those that say no size, and what was skipped is told."""
    monkeypatch.setattr(traces, "JOBS", 32)
    monkeypatch.setattr(traces, "TRAINING_JOBS", 8)
    limit(monkeypatch, "fifo+r")
    write_log(tmp_path / "some.swf", 60, 0)
    text = (tmp_path / "some.swf").read_text().partition("\n")[2]
    (tmp_path / "packed.swf.gz").write_bytes(
        gzip.compress(text.encode() + b"61 9999 -1 0 1 -1 -1 1 9 -1 0 1 1 1 -1 -1 -1 -1\n")
    )
    with pytest.raises(SystemExit) as exit_:
        measured(monkeypatch, tmp_path / "out.json", "suite=batch_queue", f"path={tmp_path}")
    assert exit_.value.code == 2
    assert (
        "packed.swf.gz: the header has neither MaxProcs nor MaxNodes > 0; say how many with" in capsys.readouterr().err
    )
    found = measured(
        monkeypatch, tmp_path / "out.json", "suite=batch_queue", f"path={tmp_path}", f"default_processors={PROCESSORS}"
    )
    assert f"{tmp_path / 'packed.swf.gz'}: skipped 1 of 61 jobs: run time is 0" in capsys.readouterr().err
    slow = found["contestants"][0]["mean_slowdown"]
    names = [each["cell"].split(",")[0] for each in found["episodes"]]
    packed, plain = ([s for s, name in zip(slow[0], names, strict=True) if name == log] for log in ("packed", "some"))
    assert len(packed) == 4
    assert packed == plain
