"""Rules on public benchmarks, every schedule checked: the numbers that show that this world is the field's world."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.evaluation import Episodes, play
from agents.rules import negotiator, prioritizer
from envs.scenario import Knowledge, Objective, Reservations, Scenario
from envs.workloads.flexible_jobshop import FlexibleJobShopWorkload
from envs.workloads.instance import Workload
from envs.workloads.jobshop import JobShopWorkload
from envs.workloads.psplib import ProjectWorkload
from envs.workloads.swf import SwfWorkload
from envs.workloads.wfformat import WfFormatWorkload
from experiments.cli import UsageError
from experiments.outcome import Outcome, Sheet
from experiments.progress import Progress

DATA_VARIABLE: Final = "PARLEY_DATA"
DATA_FOLDER: Final = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Where public data lies if nobody says otherwise: beside the repository."""
FOLDERS: Final = ("jsp", "fjsp", "rcpsp", "wfformat", "swf")
BOUNDS: Final = "bks_dev.json"
"""In the folder of a kind of problem: the best known value of each instance."""

REFERENCE: Final[dict[str, tuple[float, ...]]] = {
    "abz": (25.1, 16.6, 14.6, 24.6),
    "la": (20.0, 12.6, 11.5, 18.9),
    "orb": (26.3, 25.2, 19.8, 29.7),
    "swv": (29.2, 33.5, 36.4, 44.7),
    "dmu": (27.8, 20.7, 18.6, 27.2),
    "j30": (9.0, 10.2, 9.5),
    "j60": (12.7, 11.9, 12.5),
    "j120": (12.7, 15.8, 14.6),
}
"""Mean gaps in % by the rules of the family's sheet, as an independent event-driven schedule builder finds them."""
TOLERANCE: Final = 0.5
"""Points by which a mean gap may differ from its reference."""

WINDOW_JOBS: Final = 256
WINDOWS: Final = 10
SECONDS_TO_KEEP_UP: Final = 1e-9


@dataclass(frozen=True)
class Family:
    """Instances that make one line of a sheet."""

    name: str
    workloads: list[Workload]
    best: NDArray[np.float64] | None = None
    """[instances] best known makespan."""


@dataclass(frozen=True)
class Study:
    """One sheet: families under the same rules of play, and the rules that play them."""

    title: str
    families: list[Family]
    rules: tuple[str, ...]
    options: dict[str, Any]
    """Of the scenario."""
