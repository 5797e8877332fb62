"""What a config may ask for by name, and where it is: a config names, this table imports, nothing else is ever imported for it."""

from __future__ import annotations

import importlib
from typing import Any, Final

WORKLOADS: Final = {
    "flexible_job_shop": "envs.workloads.flexible_jobshop.FlexibleJobShopWorkload",
    "job_shop": "envs.workloads.jobshop.JobShopWorkload",
    "lublin": "envs.workloads.lublin.LublinWorkload",
    "project": "envs.workloads.psplib.ProjectWorkload",
    "random_flexible_job_shop": "envs.workloads.random_flexible_jobshop.RandomFlexibleJobShop",
    "random_job_shop": "envs.workloads.random_jobshop.RandomJobShop",
    "random_project": "envs.workloads.random_project.RandomProject",
    "random_stochastic_job_shop": "envs.workloads.random_stochastic_jobshop.RandomStochasticJobShop",
    "random_workflow": "envs.workloads.random_workflow.RandomWorkflow",
    "stochastic_job_shop": "envs.workloads.stochastic_jobshop.StochasticJobShopWorkload",
    "swf": "envs.workloads.swf.SwfWorkload",
    "swf_logs": "envs.workloads.swf_logs.SwfLogs",
    "synthetic": "envs.workloads.synthetic.SyntheticWorkload",
    "wfformat": "envs.workloads.wfformat.WfFormatWorkload",
}
KINDS: Final = {"workload": WORKLOADS}
"""Nodes of a config that have a ``name``, and what it may be."""
NODES: Final = {
    "scenario": "envs.scenario.Scenario",
    "learner": "agents.learning.config.Learner",
    "search": "agents.tuning.CrossEntropy",
}
"""Nodes of a config that are always of one class."""
COMMANDS: Final = {
    name: f"experiments.settings.{name.capitalize()}"
    for name in ("train", "evaluate", "benchmark", "bound", "tune", "ship", "ablation", "negotiation")
}
"""The settings of each command beside these nodes."""


def find(dotted: str) -> Any:
    """Import what one of these tables names."""
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)
