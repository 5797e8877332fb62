"""Resampled logs: users keep their habits, meet others, and nothing behind the first part is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from envs.workloads.generators.resampled import DAY, WEEK, ResampledLog
from envs.workloads.instance import WorkloadError
from envs.workloads.readers.swf import SwfWorkload
from tests.swf_log import write_log


@pytest.mark.parametrize(("hours", "turn"), [(6.0, WEEK), (1.0, DAY)])
def test_users_keep_their_habits(tmp_path: Path, hours: float, turn: float) -> None:
    """Protects the fit: a user's jobs are moved together by whole weeks (days of a short log), unchanged; users move apart."""
    log = str(write_log(tmp_path / "log.swf", 200, hours=hours))
    whole = SwfWorkload(log, jobs=150, owners=1, kind_by="user").instance(0)
    last = whole.job_release[-1] // turn * turn
    kept = int((whole.job_release < last).sum())
    drawn = ResampledLog(log, jobs=150, window=kept).instance(3)
    moved = []
    for user in range(whole.num_kinds):
        before = np.flatnonzero((whole.task_kind == user) & (whole.job_release < last))
        after = np.flatnonzero(drawn.task_kind == user)
        assert sorted(whole.task_demand[before, 0]) == sorted(drawn.task_demand[after, 0])
        assert sorted(whole.option_nominal[before]) == sorted(drawn.option_nominal[after])
        phases = [
            (i.job_release[jobs] % turn - i.job_release[jobs][0] % turn) % turn
            for i, jobs in ((whole, before), (drawn, after))
        ]
        assert len(phases[0]) == len(phases[1])
        moved.append(tuple(drawn.option_nominal[after]) == tuple(whole.option_nominal[before]))
    assert not all(moved)  # some user's jobs begin elsewhere on the circle


def test_a_window_and_its_load(tmp_path: Path) -> None:
    """Protects training: windows start at 0, hold so many jobs, depend on the seed alone, and are as much busier as is said."""
    log = str(write_log(tmp_path / "log.swf", 200))
    base = ResampledLog(log, jobs=150, window=32)
    busy = ResampledLog(log, jobs=150, window=32, load_min=2.0, load_max=2.0)
    one, again, other, busier = base.instance(1), base.instance(1), base.instance(2), busy.instance(1)
    assert one.num_jobs == 32
    assert one.job_release[0] == 0.0
    assert np.array_equal(one.job_release, again.job_release)
    assert not np.array_equal(one.job_release, other.job_release)
    np.testing.assert_allclose(busier.job_release * 2.0, one.job_release)


def test_nothing_behind_the_first_part_is_read(tmp_path: Path) -> None:
    """Protects the judgement: a damaged line behind the first part is never met."""
    path = write_log(tmp_path / "log.swf", 200)
    path.write_text(path.read_text(encoding="utf-8") + "nonsense\n", encoding="utf-8")
    assert ResampledLog(str(path), jobs=150, window=32).instance(0).num_jobs == 32
    with pytest.raises(WorkloadError, match=r"log.swf:203: has 1 fields"):
        ResampledLog(str(path), jobs=201, window=32).instance(0)


def test_too_few_jobs_in_whole_weeks(tmp_path: Path) -> None:
    """Protects users: it is said how many jobs there are, and what was asked."""
    path = write_log(tmp_path / "log.swf", 60, hours=1.5)
    with pytest.raises(
        WorkloadError, match=r"log.swf: the \d+ whole days of its first 50 jobs have \d+ jobs, too few for window=50"
    ):
        ResampledLog(str(path), jobs=50, window=50).report()
