"""Parley's world: autonomous agents prioritise tasks and negotiate shared resources. This is its public surface."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from envs import columns, compiling
from envs.default_scenario import default_scenario
from envs.engine.codes import Phase
from envs.events import EventKind, EventLog
from envs.scenario import Knowledge, Limits, Negotiation, Objective, Reservations, Scenario, ScenarioError, Uncertainty
from envs.workloads.instance import Instance, Workload, WorkloadError
from envs.world import Outputs, World

if TYPE_CHECKING:
    from envs import task_management_v0

__all__ = [
    "EventKind",
    "EventLog",
    "Instance",
    "Knowledge",
    "Limits",
    "Negotiation",
    "Objective",
    "Outputs",
    "Phase",
    "Reservations",
    "Scenario",
    "ScenarioError",
    "Uncertainty",
    "Workload",
    "WorkloadError",
    "World",
    "columns",
    "default_scenario",
    "task_management_v0",
]

compiling.tell()


def __getattr__(name: str) -> Any:
    """Import the PettingZoo view when it is first asked for: whoever uses World alone does not wait for PettingZoo."""
    if name == "task_management_v0":
        return importlib.import_module("envs.task_management_v0")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
