"""A batch log in the Standard Workload Format, made for tests: users with habits, who request too much."""

from __future__ import annotations

from pathlib import Path

import numpy as np

HEADER = "; Version: 2.2\n; MaxProcs: 16\n"


def write_log(path: Path, jobs: int = 240, *, seed: int = 0, users: int = 5, hours: float = 0.2) -> Path:
    """Write a log of so many jobs, ``hours`` apart on the mean, on 16 processors."""
    rng = np.random.default_rng(seed)
    submit = np.cumsum(rng.exponential(3600 * hours, jobs)).astype(int)
    user = rng.integers(1, users + 1, jobs)
    run = np.maximum(1, rng.lognormal(5.0 + 0.6 * user, 1.0)).astype(int)
    asked = run * rng.integers(1, 5, jobs)
    wide = rng.integers(1, 13, jobs)
    rows = zip(submit, run, wide, asked, user, strict=True)
    lines = [
        f"{k + 1} {s} 0 {r} {w} -1 -1 {w} {a} -1 1 {u} -1 -1 -1 -1 -1 -1" for k, (s, r, w, a, u) in enumerate(rows)
    ]
    path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return path
