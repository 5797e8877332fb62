"""Where public benchmarks lie, and how their files form the groups that the field reports."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.play import Episodes
from envs import strict_json
from envs.workloads.instance import Workload
from envs.workloads.readers.flexible_job_shop import FlexibleJobShopWorkload
from envs.workloads.readers.job_shop import JobShopWorkload
from envs.workloads.readers.psplib import ProjectWorkload
from envs.workloads.readers.swf import SwfWorkload
from envs.workloads.readers.wfformat import WfFormatWorkload
from experiments.plumbing.cli import UsageError

VARIABLE: Final = "PARLEY_DATA"
"""Environment variable that names the folder of public benchmarks."""
BESIDE: Final = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Where it is sought if nobody names it."""
BOUNDS: Final = "bks_dev.json"
"""Best known values of the instances of a folder."""

JOB_SHOPS: Final = {
    "abz": ("abz*",),
    "la": ("la*",),
    "orb": ("orb*",),
    "swv01-10": ("swv0*", "swv10*"),
    "dmu": ("dmu*",),
}
FLEXIBLE_JOB_SHOPS: Final = {"mk": ("mk*",), "edata": ("*_edata*",), "rdata": ("*_rdata*",), "vdata": ("*_vdata*",)}
PROJECTS: Final = ("j30", "j60", "j120")
TRACES: Final = {"KTH-SP2": "KTH-SP2-*", "HPC2N": "HPC2N-*"}
WINDOWS: Final = 10
"""Parts of a trace that are played, evenly spread over it."""
WINDOW_JOBS: Final = 256
"""As in RLScheduler (Zhang et al. 2020)."""


@dataclass(frozen=True)
class Group:
    """Instances that are reported as one."""

    name: str
    workloads: list[Workload]
    best: NDArray[np.float64] | None = None
    """[instances] best known makespan, where the collection has them."""

    def episodes(self) -> Episodes:
        """Return one episode of each instance; its seed is its place."""
        instances = [workload.instance(0) for workload in self.workloads]
        index = np.arange(len(instances))
        return Episodes(instances, index.astype(np.int32), index.astype(np.uint64))


def find(chosen: str | None) -> Path:
    """Return the folder of public benchmarks: the one chosen, else PARLEY_DATA, else the one beside the repository.

    Raises:
        UsageError: where there is none.
    """
    data = Path(chosen or os.environ.get(VARIABLE) or BESIDE)
    if not data.is_dir():
        raise UsageError(f"data={data} is no folder; say with data=PATH or {VARIABLE} where the public benchmarks are")
    return data


def job_shops(data: Path) -> list[Group]:
    """Classical job shops, by family."""
    folder = data / "jsp"
    found = {name: _files(folder / "instances", patterns, ".txt") for name, patterns in JOB_SHOPS.items()}
    return [
        Group(name, [JobShopWorkload(str(f)) for f in files], _bounds(folder, files, "upper_bound"))
        for name, files in found.items()
    ]


def flexible_job_shops(data: Path) -> list[Group]:
    """Flexible job shops: Brandimarte's, and Hurink's by the number of alternatives."""
    folder = data / "fjsp"
    found = {name: _files(folder / "instances", patterns, ".fjs") for name, patterns in FLEXIBLE_JOB_SHOPS.items()}
    return [
        Group(name, [FlexibleJobShopWorkload(str(f)) for f in files], _bounds(folder, files, "upper_bound"))
        for name, files in found.items()
    ]


def projects(data: Path) -> list[Group]:
    """PSPLIB's projects, by the number of activities."""
    folder = data / "rcpsp"
    found = {name: _files(folder / "patterson" / name, ("*",), ".rcp") for name in PROJECTS}
    return [
        Group(name, [ProjectWorkload(str(f)) for f in files], _bounds(folder, files, "ub"))
        for name, files in found.items()
    ]


def workflows(data: Path) -> list[Group]:
    """Workflow executions, each a group of its own."""
    files = _files(data / "wfformat" / "instances", ("*",), ".json")
    return [Group(file.stem, [WfFormatWorkload(str(file))]) for file in files]


def batch_queues(data: Path) -> list[Group]:
    """Windows of batch logs; one agent manages the whole queue, as the field's schedulers do."""
    groups = []
    for name, pattern in TRACES.items():
        path = str(_files(data / "swf", (pattern,), ".swf")[0])
        jobs = SwfWorkload(path).instance(0).num_jobs
        starts = np.linspace(0, jobs - WINDOW_JOBS, WINDOWS).astype(int)
        groups.append(Group(name, [SwfWorkload(path, start=int(s), jobs=WINDOW_JOBS, owners=1) for s in starts]))
    return groups


def _files(folder: Path, patterns: Sequence[str], suffix: str) -> list[Path]:
    files = sorted(path for pattern in patterns for path in folder.glob(pattern + suffix))
    if not files:
        raise UsageError(
            f"{folder} has no file {' or '.join(pattern + suffix for pattern in patterns)}; data= must be the folder around"
        )
    return files


def _bounds(folder: Path, files: Sequence[Path], key: str) -> NDArray[np.float64]:
    path = folder / BOUNDS
    try:
        known = strict_json.loads(path.read_text(encoding="utf-8"))["instances"]
        return np.array([float(known[file.stem][key]) for file in files])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: must give instances.NAME.{key} for every file beside it, but: {error!r}") from None
