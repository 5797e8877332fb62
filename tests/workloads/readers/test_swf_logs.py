"""Windows of several batch logs: what is drawn, from which jobs, and what is said of logs that cannot serve."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from envs.workloads.instance import Workload, WorkloadError
from envs.workloads.readers.swf_logs import SwfLogs


def write(folder: Path, name: str, processors: int, jobs: int) -> None:
    """A log whose jobs run as many seconds as their numbers say, and as many more as there are processors."""
    rows = [f"{n} {10 * n} -1 {n + processors} 1 -1 -1 1 999 -1 1 {n % 3} 1 -1 1 -1 -1 -1" for n in range(1, jobs + 1)]
    (folder / name).write_text(f"; MaxProcs: {processors}\n" + "\n".join(rows) + "\n", encoding="utf-8")


def test_windows_of_all_logs(tmp_path: Path) -> None:
    """Protects training on logs: each serves, only its first jobs do, users are kinds, the seed decides, loads scale gaps alone."""
    write(tmp_path, "a.swf", 1000, 30)
    write(tmp_path, "b.swf", 2000, 40)
    logs = SwfLogs(str(tmp_path), jobs=20, window=5, load_min=0.5, load_max=2.0)
    assert isinstance(logs, Workload)
    drawn = [logs.instance(seed) for seed in range(60)]
    capacities = [int(instance.shared_capacity[0]) for instance in drawn]
    assert set(capacities) == {1000, 2000}
    firsts, gaps = set(), []
    for instance, capacity in zip(drawn, capacities, strict=True):
        number = np.rint(instance.option_nominal * instance.task_ratio) - capacity
        assert np.diff(number).tolist() == [1.0] * 4
        assert number.max() <= 20
        assert instance.num_kinds == 3
        firsts.add(number[0])
        gaps.append(10 / (instance.job_release[1] - instance.job_release[0]))
        assert instance.job_release[0] == 0
    assert len(firsts) > 10
    assert 0.5 <= min(gaps) < 0.7
    assert 1.6 < max(gaps) <= 2.0
    again = logs.instance(7)
    assert (again.name, again.job_release.tolist()) == (drawn[7].name, drawn[7].job_release.tolist())


def test_logs_that_cannot_serve(tmp_path: Path) -> None:
    """Protects users: an empty folder, one of short logs alone, and wrong settings are refused by name."""
    with pytest.raises(WorkloadError, match=r"has no \*.swf"):
        SwfLogs(str(tmp_path)).instance(0)
    write(tmp_path, "short.swf", 8, 3)
    with pytest.raises(
        WorkloadError, match=r"no log has as many jobs as jobs=5 says; left out .*short\.swf: has 3 jobs"
    ):
        SwfLogs(str(tmp_path), jobs=5, window=2).instance(0)
    with pytest.raises(WorkloadError, match=r"SwfLogs\.window is 9, must be an integer in 1\.\.jobs, 5"):
        SwfLogs(str(tmp_path), jobs=5, window=9)
    with pytest.raises(WorkloadError, match=r"SwfLogs\.load_max is 0\.5"):
        SwfLogs(str(tmp_path), load_max=0.5)
    with pytest.raises(WorkloadError, match=r"SwfWorkload\.default_request is -1"):
        SwfLogs(str(tmp_path), default_request=-1)


def test_short_logs_are_left_out(tmp_path: Path) -> None:
    """Protects a folder from one log that is too short: the others serve, and what was left out is said."""
    write(tmp_path, "long.swf", 8, 30)
    write(tmp_path, "short.swf", 8, 3)
    logs = SwfLogs(str(tmp_path), jobs=20, window=5)
    assert {logs.instance(seed).name.split()[0] for seed in range(9)} == {"long.swf"}
    assert logs.report() == (
        f"left out {tmp_path / 'short.swf'}: has 3 jobs that can run: too few for start=0, jobs=20",
    )


def test_packed_logs_and_settings_for_all(tmp_path: Path) -> None:
    """Protects folders as archives give them: packed logs count, and what some lack can be told once, for those alone."""
    write(tmp_path, "a.swf", 16, 30)
    bare = (tmp_path / "a.swf").read_text(encoding="utf-8").partition("\n")[2].replace(" 999 ", " -1 ")
    (tmp_path / "b.swf.gz").write_bytes(gzip.compress(bare.encode()))
    with pytest.raises(
        WorkloadError, match=r"b\.swf\.gz: the header has neither MaxProcs nor MaxNodes > 0; .*default_processors="
    ):
        SwfLogs(str(tmp_path), jobs=20, window=5).instance(0)
    with pytest.raises(WorkloadError, match=r"b\.swf\.gz: none of 20 jobs requests a time"):
        SwfLogs(str(tmp_path), jobs=20, window=5, default_processors=4).instance(0)
    for settings, nominal in (
        ({"default_request": 60.0}, {60.0}),
        ({"estimate": "requested_or_actual"}, set(range(17, 37))),
    ):
        logs = SwfLogs(str(tmp_path), jobs=20, window=5, default_processors=4, **settings)  # type: ignore[arg-type]
        drawn = [logs.instance(seed) for seed in range(20)]
        assert {int(i.shared_capacity[0]) for i in drawn} == {4, 16}
        for i in drawn:
            assert set(i.option_nominal.tolist()) <= (nominal if i.shared_capacity[0] == 4 else {999.0})
        assert any(line.startswith("b.swf.gz: took ") for line in logs.report())
