"""What a config may ask for by name, and where it is: a config names, and nothing but what is named here is ever imported for it."""

from __future__ import annotations

from typing import Final

WORKLOADS: Final = {
    "flexible_job_shop": "envs.workloads.readers.flexible_job_shop.FlexibleJobShopWorkload",
    "job_shop": "envs.workloads.readers.job_shop.JobShopWorkload",
    "lublin": "envs.workloads.generators.lublin.LublinWorkload",
    "project": "envs.workloads.readers.psplib.ProjectWorkload",
    "random_flexible_job_shop": "envs.workloads.generators.random_flexible_job_shop.RandomFlexibleJobShop",
    "random_job_shop": "envs.workloads.generators.random_job_shop.RandomJobShop",
    "random_project": "envs.workloads.generators.random_project.RandomProject",
    "random_stochastic_job_shop": "envs.workloads.generators.random_stochastic_job_shop.RandomStochasticJobShop",
    "random_workflow": "envs.workloads.generators.random_workflow.RandomWorkflow",
    "resampled": "envs.workloads.generators.resampled.ResampledLog",
    "stochastic_job_shop": "envs.workloads.readers.stochastic_job_shop.StochasticJobShopWorkload",
    "swf": "envs.workloads.readers.swf.SwfWorkload",
    "swf_logs": "envs.workloads.readers.swf_logs.SwfLogs",
    "synthetic": "envs.workloads.generators.synthetic.SyntheticWorkload",
    "wfformat": "envs.workloads.readers.wfformat.WfFormatWorkload",
}
KINDS: Final = {"workload": WORKLOADS}
"""Nodes of a config that have a ``name``, and what it may be."""
NODES: Final = {
    "scenario": "envs.scenario.Scenario",
    "learner": "agents.learning.config.Learner",
    "search": "agents.evaluation.tuning.CrossEntropy",
}
"""Nodes of a config that are always of one class."""
COMMANDS: Final = {
    name: f"experiments.plumbing.settings.{name.capitalize()}"
    for name in ("train", "evaluate", "report", "benchmark", "bound", "tune", "ship", "ablation", "negotiation")
}
"""The settings of each command beside these nodes."""
