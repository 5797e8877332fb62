"""Folders of instances, one per file, as contests: the names of files say which class, a ``bks*.json`` what is best known."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from omegaconf import DictConfig

from agents.evaluation.play import Episodes
from agents.progress import Progress
from envs import strict_json
from envs.scenario import Scenario
from envs.workloads.instance import Instance, Workload
from envs.workloads.source import files_in, stem
from experiments.plumbing.cli import UsageError
from experiments.suites import public_data
from experiments.suites.bounds import Reference
from experiments.suites.suite import TO_BOUND, Contest

BOUNDS: Final = "bks*.json"
"""Files of best known values, in the folder of the instances, below it, or beside it."""
FEW: Final = 5
"""Names that a message lists."""
KEYS: Final = ("upper_bound", "ub")
FAMILY: Final = "family"
SIZE: Final = "size"
"""The two views of instances that come in files."""


def folder_of(config: DictConfig, default: str) -> Path:
    """Return the folder that ``config.path`` names, or ``default`` in the public data.

    Raises:
        UsageError: where there is none.
    """
    folder = public_data.find(config.data) / default if config.path is None else Path(str(config.path))
    if not folder.is_dir():
        raise UsageError(f"{'data' if config.path is None else 'path'}: {folder} is no folder, must hold the instances")
    return folder


def size_of(instance: Instance) -> str:
    """Jobs x agents."""
    return f"{instance.num_jobs}x{instance.num_agents}"


def contests(
    folder: Path,
    suffixes: tuple[str, ...],
    read: Callable[[str], Workload],
    scenario: Scenario,
    family: Callable[[str], str],
    reference: Reference,
    *,
    known: Mapping[str, float] | None = None,
    counts: Callable[[str], bool] = lambda name: True,
    size: Callable[[Instance], str] = size_of,
) -> list[Contest]:
    """Read every file below a folder whose name ends in one of ``suffixes``; files of one size make one contest.

    What is ``known`` of an instance, by the name of its file, is its reference where that name ``counts``; by default the best known
    values of the folder.
    A size is numbers with x between them.

    Where no best known value is given, scores are measured against what ``reference`` says.

    Raises:
        UsageError: where there is no such file, or the best known values cannot be read or are of none of the files.
        WorkloadError: where a file is damaged.
    """
    files = files_in(folder, *suffixes, below=True)
    if not files:
        raise UsageError(f"{folder} has no file {' or '.join(f'*{suffix}' for suffix in suffixes)}")
    known = best_known(folder) if known is None else known
    check_known(folder, known, [stem(file) for file in files])
    known = {name: value for name, value in known.items() if counts(name)}
    sizes: dict[str, list[tuple[Path, Workload]]] = {}
    for file in Progress(files, desc="reading", unit="file", leave=False):
        workload = read(str(file))
        sizes.setdefault(size(workload.instance(0)), []).append((file, workload))
    made = []
    for label, members in sorted(sizes.items(), key=lambda item: tuple(map(int, item[0].split("x")))):
        names = [stem(file) for file, _ in members]
        episodes = one_each([workload for _, workload in members])
        measured = [
            (known[n], False) if n in known else reference(i) for n, i in zip(names, episodes.instances, strict=True)
        ]
        marks = [f", {TO_BOUND}" if bound else "" for _, bound in measured]
        made.append(
            Contest(
                at_home(scenario, members[0][1], episodes),
                episodes,
                {
                    FAMILY: [family(n) + mark for n, mark in zip(names, marks, strict=True)],
                    SIZE: [label + mark for mark in marks],
                },
                np.array([value for value, _ in measured]),
                np.array([bound for _, bound in measured]),
            )
        )
    return made


def one_each(workloads: list[Workload]) -> Episodes:
    """Return one episode of each workload; its seed is its place."""
    index = np.arange(len(workloads))
    return Episodes([workload.instance(0) for workload in workloads], index.astype(np.int32), index.astype(np.uint64))


def at_home(scenario: Scenario, workload: Workload, episodes: Episodes) -> Scenario:
    """The scenario around a workload, with room to show all that can be next: K says what is seen, and all is to be seen."""
    return replace(scenario, workload=workload, candidates=max(_most_next(instance) for instance in episodes.instances))


def _most_next(instance: Instance) -> int:
    """How many tasks can be candidates at once, at most: of a chain one."""
    branches = np.diff(instance.successor_first).max() > 1 or np.bincount(instance.successor, minlength=1).max() > 1
    return instance.num_tasks if branches else instance.num_jobs


def best_known(folder: Path) -> dict[str, float]:
    """Return name -> best known value from every ``bks*.json`` below the folder, or else beside it; empty where there is none.

    A file is an object, or holds one under "instances", of numbers or of objects with one of KEYS.
    """
    known: dict[str, float] = {}
    for path in sorted(folder.rglob(BOUNDS)) or sorted(folder.parent.glob(BOUNDS)):
        try:
            content = strict_json.loads(path.read_text(encoding="utf-8"))
            entries: dict[str, Any] = content.get("instances", content)
            for name, entry in entries.items():
                value = next((entry[key] for key in KEYS if key in entry), None) if isinstance(entry, dict) else entry
                if value is None or name.startswith("_"):
                    continue
                if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                    raise ValueError(f"{name} has {value!r}, no number > 0")
                known[name] = float(value)
        except (ValueError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{path}: must give for each name its best known value, or an object with {KEYS[0]}, but: {error!r}"
            ) from None
    return known


def check_known(folder: Path, known: Mapping[str, float], names: Sequence[str]) -> None:
    """Say on stderr which of the instances have no known value, where others have one.

    Raises:
        UsageError: where there are known values, and not one is of an instance.
    """
    without = [name for name in names if name not in known]
    if known and len(without) == len(names):
        raise UsageError(
            f"{folder}: values are known of {_some(list(known))}, and of no instance there, which are {_some(names)}: names must be those "
            "of the files, without their endings; or take the values away"
        )
    if known and without:
        print(f"{folder}: no value is known of {_some(without)}; measured against a bound", file=sys.stderr)


def _some(names: Sequence[str]) -> str:
    """The first few of some names, and how many there are."""
    return ", ".join(names[:FEW]) + (f" and {len(names) - FEW} more" if len(names) > FEW else "")


def generated(scenario: Scenario, workload: Workload, size: str, seeds: list[int], reference: Reference) -> Contest:
    """Instances drawn from a generator, measured against what ``reference`` says."""
    instances = [workload.instance(seed) for seed in seeds]
    episodes = Episodes(instances, np.arange(len(seeds), dtype=np.int32), np.array(seeds, np.uint64))
    measured = [reference(instance) for instance in instances]
    row = [f"generated {size}{f', {TO_BOUND}' if bound else ''}" for _, bound in measured]
    values, to_bound = np.array([value for value, _ in measured]), np.array([bound for _, bound in measured])
    return Contest(at_home(scenario, workload, episodes), episodes, {FAMILY: row, SIZE: row}, values, to_bound)
