"""The reader of batch logs: every field of a small log, its window, owners and estimates, wrong lines, and the real files."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from agents.evaluation.play import Episodes, play
from agents.rules import negotiator, prioritizer
from envs.scenario import Objective, Scenario
from envs.workloads.instance import WorkloadError
from envs.workloads.readers.swf import SwfWorkload

HEADER = "; Computer: test\n;  MaxNodes: 4\n; MaxProcs: 8 \n;\n\n"


def job(
    submit: object = 0,
    run: object = 10,
    allocated: object = 1,
    requested: object = -1,
    limit: object = 100,
    user: object = -1,
    group: object = -1,
    application: object = "-",
    number: object = 7,
    status: object = 0,
    preceding: object = -1,
) -> str:
    """One line of a log; fields that no reader should mind are set to values that it would."""
    known = (
        f"{number} {submit} -5 {run} {allocated} x 1e999 {requested} {limit} -1 {status} {user} {group} {application}"
    )
    return f" {known} -1 -1 {preceding} nan\n"


def write(folder: Path, *jobs: str, header: str = HEADER) -> str:
    """Write the file and return its path."""
    path = folder / "log.swf"
    path.write_text(header + "".join(jobs), encoding="utf-8")
    return str(path)


def test_every_field(tmp_path: Path) -> None:
    """Protects the mapping of a log: rigid tasks on a shared pool, estimates apart from run times, windows from time 0."""
    path = write(
        tmp_path,
        job(submit=100, run=30, allocated=2, requested=4, limit=60),
        job(submit=100, run=90, allocated=8, requested=-1, limit=60),
        job(submit=160, run=5.5, allocated=-1, requested=3, limit=-1),
    )
    workload = SwfWorkload(path, owners=2, load_scale=2.0, due_slack=3.0)
    i = workload.instance(0)
    assert (i.name, i.resources) == ("log.swf", ("processors",))
    assert i.shared.tolist() == [True]
    assert i.shared_capacity.tolist() == [8]
    assert i.local_capacity.tolist() == [[0], [0]]
    assert i.speed.tolist() == [[1], [1]]
    assert i.job_release.tolist() == [0, 0, 30]
    assert i.job_due.tolist() == [180, 180, 210]
    assert i.job_weight.tolist() == [1, 1, 1]
    assert i.job_owner.tolist() == [0, 1, 0]
    assert i.job_first.tolist() == [0, 1, 2, 3]
    assert i.task_kind.tolist() == [0, 0, 0]
    assert i.task_demand.tolist() == [[4], [8], [3]]
    assert i.task_ratio.tolist() == [0.5, 1.5, 5.5 / 60]
    assert i.option_first.tolist() == [0, 1, 2, 3]
    assert i.option_agent.tolist() == [0, 1, 0]
    assert i.option_nominal.tolist() == [60, 60, 60]
    assert i.successor_first.tolist() == [0, 0, 0, 0]
    assert i.successor.tolist() == []
    assert workload.report() == (
        "took 60 s, the median of the others, as nominal of 1 of 3 jobs: requested time is 0 or unknown",
    )


def test_actual_estimates_and_no_due_dates(tmp_path: Path) -> None:
    """Protects the two switches: agents that know run times, and logs without due dates."""
    workload = SwfWorkload(write(tmp_path, job(run=30, limit=60), job(run=5)), estimate="actual")
    i = workload.instance(0)
    assert i.option_nominal.tolist() == [30, 5]
    assert i.task_ratio.tolist() == [1, 1]
    assert np.isinf(i.job_due).all()
    assert workload.report() == ()


def test_owners(tmp_path: Path) -> None:
    """Protects ownership: by number modulo the agents, unknown ones to agent 0, or in turn by position in the window."""
    path = write(tmp_path, job(user=5, group=-1), job(user=-1, group=2), job(user=3, group=4), job(user=4, group=3))
    assert SwfWorkload(path, owners=3, owner_by="user").instance(0).job_owner.tolist() == [2, 0, 0, 1]
    assert SwfWorkload(path, owners=3, owner_by="group").instance(0).option_agent.tolist() == [0, 2, 1, 0]
    assert SwfWorkload(path, owners=3, start=1).instance(0).job_owner.tolist() == [0, 1, 2]


def test_kinds(tmp_path: Path) -> None:
    """Protects what agents learn by: kinds number the users, groups or applications of the window, alone and beside owners."""
    numbers = ((3, 1, 7), (-1, 1, 9), (3, 2, 7))
    path = write(
        tmp_path, *(job(user=user, group=group, application=application) for user, group, application in numbers)
    )
    expected = {"one": [0, 0, 0], "user": [1, 0, 1], "group": [0, 0, 1], "application": [0, 1, 0]}
    for kind_by, kinds in expected.items():
        for owner_by in ("round_robin", "user"):
            i = SwfWorkload(path, kind_by=kind_by, owner_by=owner_by, owners=2).instance(0)
            assert i.task_kind.tolist() == kinds
            assert i.num_kinds == max(kinds) + 1
            assert i.job_owner.tolist() == ([0, 1, 0] if owner_by == "round_robin" else [1, 0, 1])


def test_unknown_run_times_and_the_logs_clock(tmp_path: Path) -> None:
    """Protects the two options of published protocols: jobs that never ran run so long, and times stay those of the log."""
    path = write(
        tmp_path, job(submit=500, run=0), job(submit=600, run=-1, limit=40), job(submit=700, run=20), job(submit=800)
    )
    workload = SwfWorkload(path, unknown_run=8.0, clock="log", load_scale=2.0)
    i = workload.instance(0)
    assert i.job_release.tolist() == [300, 350, 400]
    assert (i.option_nominal * i.task_ratio).tolist() == [8, 20, 10]
    assert workload.report()[0] == "skipped 1 of 4 jobs: run time is 0"
    window = SwfWorkload(path, unknown_run=8.0, clock="log", random_window=2).instance(1)
    assert window.job_release[0] in (600, 700)


def test_skipped_jobs(tmp_path: Path) -> None:
    """Protects honesty: what cannot run is left out, counted by reason, and does not count for the window."""
    path = write(
        tmp_path,
        job(submit=1, run=0),
        job(submit=2),
        job(submit=3, run=-1),
        job(submit=4, allocated=-1, requested=-1),
        job(submit=5, allocated=0, requested=0),
        job(submit=-1),
        job(submit=6, requested=9),
        job(submit=7, run=20),
        job(submit=8, run=0),
    )
    workload = SwfWorkload(path, start=1, jobs=1, estimate="actual")
    i = workload.instance(0)
    assert (i.job_release.tolist(), i.option_nominal.tolist()) == ([0], [20])
    assert workload.report() == (
        "skipped 2 of 8 jobs: run time is 0 or unknown",
        "skipped 2 of 8 jobs: number of processors is 0 or unknown",
        "skipped 1 of 8 jobs: submit time is unknown",
        "skipped 1 of 8 jobs: needs more than the 8 processors there are",
    )
    assert SwfWorkload(path, processors=9).instance(0).num_jobs == 3


def test_window_ends_the_reading(tmp_path: Path) -> None:
    """Protects big logs: nothing behind the window is read, so not even its mistakes matter."""
    path = write(tmp_path, job(submit=5), job(submit=9), job(submit=15), "garbage\n")
    assert SwfWorkload(path, start=1, jobs=2).instance(0).job_release.tolist() == [0, 6]
    with pytest.raises(WorkloadError, match=r"log.swf:9: has 1 fields, must have 18"):
        SwfWorkload(path, start=1).instance(0)


def test_disorder_is_sorted(tmp_path: Path) -> None:
    """Protects logs that are out of order: sorted by submit time, equal times in the order of the file, and said so."""
    jobs = (job(30, run=1, user=1), job(10, run=2, user=2), job(30, run=3, user=3), job(10, run=4, user=4))
    workload = SwfWorkload(write(tmp_path, *jobs), owner_by="user", owners=9, estimate="actual")
    i = workload.instance(0)
    assert i.job_release.tolist() == [0, 0, 20, 20]
    assert i.option_nominal.tolist() == [2, 4, 1, 3]
    assert i.job_owner.tolist() == [2, 4, 1, 3]
    assert workload.report()[-1] == "sorted 4 jobs by submit time: 2 were earlier than the job before"


@pytest.mark.parametrize(
    ("header", "capacity"),
    [
        ("; MaxNodes: 4\n", 4),
        ("; MaxProcs: -1\n; MaxNodes: 4\n", 4),
        ("; MaxProcs: 0\n; MaxNodes: 4\n", 4),
        (";MaxProcs:16 (2 x 8)\n", 16),
    ],
)
def test_capacity(tmp_path: Path, header: str, capacity: int) -> None:
    """Protects the pool's size: MaxProcs, else MaxNodes (the Lublin logs have no MaxProcs)."""
    path = write(tmp_path, job(), header=header)
    assert SwfWorkload(path).instance(0).shared_capacity.tolist() == [capacity]
    assert SwfWorkload(path, processors=5).instance(0).shared_capacity.tolist() == [5]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (job(submit="abc"), ":6: field 2 (submit time) is 'abc', must be a number in 0..1e+15, or -1 for unknown"),
        (job(submit=-2), ":6: field 2 (submit time) is '-2', must be a number in 0..1e+15, or -1 for unknown"),
        (job(run="nan"), ":6: field 4 (run time) is 'nan', must be a number in 0..1e+15, or -1 for unknown"),
        (job(run="inf"), ":6: field 4 (run time) is 'inf', must be a number in 0..1e+15, or -1 for unknown"),
        (job(run=-0.5), ":6: field 4 (run time) is '-0.5', must be a number in 0..1e+15, or -1 for unknown"),
        (
            job(run="9" * 400),
            ":6: field 4 (run time) is '" + "9" * 40 + "...', must be a number in 0..1e+15, or -1 for unknown",
        ),
        (
            job(allocated=2.5),
            ":6: field 5 (allocated processors) is '2.5', must be an integer in 0..1e+15, or -1 for unknown",
        ),
        (
            job(requested=-3),
            ":6: field 8 (requested processors) is '-3', must be an integer in 0..1e+15, or -1 for unknown",
        ),
        (job(limit="1_0"), ":6: field 9 (requested time) is '1_0', must be a number in 0..1e+15, or -1 for unknown"),
        (job(number="x"), ":6: field 1 (job number) is 'x', must be an integer in 0..1e+15, or -1 for unknown"),
        (job(status="ok"), ":6: field 11 (status) is 'ok', must be an integer in 0..1e+15, or -1 for unknown"),
        (job(preceding="?"), ":6: field 17 (preceding job) is '?', must be an integer in 0..1e+15, or -1 for unknown"),
        (
            job(run="\u0661\u0660"),
            ":6: field 4 (run time) is '\u0661\u0660', must be a number in 0..1e+15, or -1 for unknown",
        ),
        (
            job(allocated="\uff14"),
            ":6: field 5 (allocated processors) is '\uff14', must be an integer in 0..1e+15, or -1 for unknown",
        ),
        (job(user="ann"), ":6: field 12 (user) is 'ann', must be an integer in 0..1e+15, or -1 for unknown"),
        (job()[:20], ":6: has 7 fields, must have 18"),
        (job().replace("\n", job()), ":6: has 36 fields, must have 18"),
        ("", ": has 0 jobs that can run: too few for start=0, jobs=all"),
        (
            job(run=0),
            ": has 0 jobs that can run; skipped 1 of 1 jobs: run time is 0 or unknown: too few for start=0, jobs=all",
        ),
    ],
)
def test_wrong_log(tmp_path: Path, line: str, message: str) -> None:
    """Protects users: whatever is wrong with a log is said with file, line, field, value and what would be right."""
    path = write(tmp_path, line)
    with pytest.raises(WorkloadError) as caught:
        SwfWorkload(path, owner_by="user").instance(0)
    assert str(caught.value) == path + message


def test_log_without_capacity(tmp_path: Path) -> None:
    """Protects users from a guessed pool: a header without numbers needs a parameter, and one that is not plain is named."""
    for header in ("", "; MaxProcs:\n", "; MaxProcs: -1\n"):
        path = write(tmp_path, job(), header=header)
        with pytest.raises(
            WorkloadError, match=r"log.swf: the header has neither MaxProcs nor MaxNodes > 0; .* default_processors="
        ):
            SwfWorkload(path).instance(0)
        assert SwfWorkload(path, default_processors=3).instance(0).shared_capacity.tolist() == [3]
    for text in ("1,024", "1,152 (144 x 8)", "many", "4.5", "\u0661\u0662", "9" * 30):
        path = write(tmp_path, job())
        Path(path).write_text(f"; MaxNodes: 4\n; MaxProcs: {text}\n{job()}", encoding="utf-8")
        with pytest.raises(WorkloadError) as caught:
            SwfWorkload(path, default_processors=3).instance(0)
        assert (
            str(caught.value)
            == f"{path}:2: MaxProcs of the header is {text!r}, must be an integer; or say how many with processors=..."
        )
        assert SwfWorkload(path, processors=5).instance(0).shared_capacity.tolist() == [5]


def test_window_too_large(tmp_path: Path) -> None:
    """Protects comparisons: a window that the log cannot fill is an error, not a smaller window."""
    path = write(tmp_path, job(), job(run=0), job())
    for start, jobs in ((0, 3), (1, 2), (2, 0)):
        with pytest.raises(
            WorkloadError, match=f"has 2 jobs that can run; skipped 1 of 3 .* too few for start={start}, jobs="
        ):
            SwfWorkload(path, start=start, jobs=jobs).instance(0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start", -1),
        ("jobs", -1),
        ("load_scale", 0.0),
        ("owners", 0),
        ("owner_by", "queue"),
        ("processors", -1),
        ("estimate", "guess"),
        ("default_processors", -1),
        ("default_request", float("inf")),
        ("due_slack", float("nan")),
    ],
)
def test_wrong_parameter(name: str, value: object) -> None:
    """Protects against a wrong config before any file is opened."""
    with pytest.raises(WorkloadError, match=rf"SwfWorkload.{name} is .*, must be"):
        SwfWorkload("x", **{name: value})  # type: ignore[arg-type]


def test_memory_per_job(tmp_path: Path) -> None:
    """Protects laptops: reading takes less than 200 bytes per job at its peak, whatever the length of the lines."""
    path = write(tmp_path, *(job(submit=k, limit=60, user=k % 50) for k in range(20_000)))
    SwfWorkload(path, jobs=1).instance(0)
    tracemalloc.start()
    try:
        assert SwfWorkload(path, owner_by="user").instance(0).num_jobs == 20_000
        assert tracemalloc.get_traced_memory()[1] < 200 * 20_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "jobs", "capacity", "unusable"),
    [
        ("SDSC-SP2-1998-4.2-cln.r1-11000", 11_000, 128, 1_087),
        ("KTH-SP2-1996-2.1.r1-10000", 10_000, 100, 4),
        ("HPC2N-2002-2.2.alea3171", 3_170, 240, 25),
        ("lublin_256", 10_000, 256, 0),
    ],
)
def test_real_logs(data_dir: Path, name: str, jobs: int, capacity: int, unusable: int) -> None:
    """Protects the reader against real logs, with the jobs of each that have no run time counted by other means (awk)."""
    workload = SwfWorkload(str(data_dir / "swf" / f"{name}.swf"), estimate="requested_or_actual")
    i = workload.instance(0)
    assert i.num_jobs == jobs - unusable
    assert i.shared_capacity.tolist() == [capacity]
    assert (f"skipped {unusable} of {jobs} jobs: run time is 0 or unknown" in workload.report()) == (unusable > 0)
    assert any("requested time" in line for line in workload.report()) == (name == "lublin_256")


def test_random_windows_are_parts_of_the_log(tmp_path: Path) -> None:
    """Protects training on a trace: the seed chooses a window, whose jobs are those of the log, shifted to time 0."""
    path = tmp_path / "log.swf"
    rows = [
        f"{n} {100 + 7 * n} -1 {10 + n} {1 + n % 4} -1 -1 {1 + n % 4} {20 + n} -1 1 1 1 -1 1 -1 -1 -1"
        for n in range(1, 31)
    ]
    path.write_text("; MaxProcs: 8\n" + "\n".join(rows) + "\n")
    whole = SwfWorkload(str(path)).instance(0)
    workload = SwfWorkload(str(path), random_window=5)
    firsts = set()
    for seed in range(12):
        part = workload.instance(seed)
        first = int(np.flatnonzero(whole.option_nominal == part.option_nominal[0])[0])
        firsts.add(first)
        assert part.num_jobs == 5
        assert part.job_release.tolist() == (whole.job_release[first : first + 5] - whole.job_release[first]).tolist()
        assert part.task_demand.tolist() == whole.task_demand[first : first + 5].tolist()
        assert workload.instance(seed).name == part.name
    assert len(firsts) > 3
    with pytest.raises(WorkloadError, match="random_window=31"):
        SwfWorkload(str(path), random_window=31).instance(0)


def test_only_the_summary_of_a_checkpointed_job_counts(tmp_path: Path) -> None:
    """Protects from counting work twice: by the format's definition a workload is its summaries; bursts are left out, and that is said."""
    header = "; MaxProcs: 4\n"
    bursts = [job(0, 100, 4, limit=200, number=1, status=2), job(-1, 50, 4, limit=200, number=1, status=3)]
    other = job(20, 10, 4, limit=20, number=2, status=1)
    log = write(tmp_path, job(0, 150, 4, limit=200, number=1, status=1), *bursts, other, header=header)
    workload = SwfWorkload(log, owners=1)
    assert (workload.instance(0).option_nominal * workload.instance(0).task_ratio).tolist() == [150, 10]
    assert workload.report() == ("left out 2 lines (status 2, 3 or 4): bursts of jobs that others sum up",)
    scenario = Scenario(workload, Objective(slowdown=1.0))
    index = np.zeros(1, np.int32)
    episodes = Episodes([workload.instance(0)], index, index.astype(np.uint64))
    metrics = play(scenario, episodes, prioritizer("fifo"), negotiator("fcfs")).metrics[0]
    assert (metrics.mean_slowdown, metrics.makespan) == (7.5, 160)
    stray = SwfWorkload(write(tmp_path, *bursts, other, job(30, 5, 1, number=1, status=4), header=header))
    assert stray.instance(0).num_jobs == 1
    assert stray.report() == (
        "left out 3 lines (status 2, 3 or 4): bursts of jobs that no line before them (status 0 or 1) sums up",
    )
    with pytest.raises(WorkloadError, match=r"has 0 jobs that can run; left out 2 lines \(status 2, 3 or 4\)"):
        SwfWorkload(write(tmp_path, *bursts, header=header)).instance(0)


def test_preceding_jobs_are_told(tmp_path: Path) -> None:
    """Protects honesty: feedback between jobs, which this world does not have, is counted where it is dropped."""
    workload = SwfWorkload(write(tmp_path, job(), job(preceding=1), job(5, preceding=1)))
    assert workload.instance(0).job_release.tolist() == [0, 0, 5]
    assert workload.report() == (
        "released 2 of 3 jobs as recorded: that each follows a preceding job (fields 17, 18) is not played",
    )
    assert SwfWorkload(workload.path, jobs=1).report() == ()


def test_run_times_that_nobody_requested(tmp_path: Path) -> None:
    """Protects from a leak: agents know the true run time of such jobs where a setting says so, and nowhere else."""
    path = write(tmp_path, job(run=7, limit=0), job(run=8, limit=-1), job(run=9, limit=30), job(run=10, limit=50))
    count = "as nominal of 2 of 4 jobs: requested time is 0 or unknown"
    for settings, nominal, told in (
        ({}, [40, 40, 30, 50], f"took 40 s, the median of the others, {count}"),
        ({"default_request": 3600.0}, [3600, 3600, 30, 50], f"took 3600 s, default_request, {count}"),
        (
            {"estimate": "requested_or_actual"},
            [7, 8, 30, 50],
            "took the run time of 2 of 4 jobs as nominal: requested time is 0 or unknown",
        ),
    ):
        workload = SwfWorkload(path, **settings)  # type: ignore[arg-type]
        assert workload.instance(0).option_nominal.tolist() == nominal
        assert (workload.instance(0).task_ratio * nominal).tolist() == pytest.approx([7, 8, 9, 10])
        assert workload.report() == (told,)
    none = write(tmp_path, job(limit=0), job(limit=-1))
    with pytest.raises(WorkloadError) as caught:
        SwfWorkload(none).instance(0)
    known = "what agents shall expect with default_request=SECONDS, or with estimate=requested_or_actual that they know run times"
    assert str(caught.value) == f"{none}: none of 2 jobs requests a time (field 9): say {known}"
    assert SwfWorkload(none, default_request=60).instance(0).option_nominal.tolist() == [60, 60]


def test_beliefs_that_would_fill_the_memory(tmp_path: Path) -> None:
    """Protects memory: what every owner would believe of every user is counted before it is allocated."""
    path = write(tmp_path, *(job(user=user) for user in range(2_000)))
    assert SwfWorkload(path, kind_by="user", owners=5_000).instance(0).num_kinds == 2_000
    with pytest.raises(WorkloadError, match=r"10000 owners x 2000 kinds make 20000000, must be at most 10000000"):
        SwfWorkload(path, kind_by="user", owners=10_000).instance(0)
