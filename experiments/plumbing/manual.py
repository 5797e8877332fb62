"""What ``parley COMMAND --help`` prints: the docstring of the command's module, its choices, and every setting with its type and default.

All of it is read from source and ``conf/``; neither Hydra nor the world is imported for it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Final

from experiments.plumbing import registry
from experiments.plumbing.source import ROOT, Setting, docstring, settings

CONF: Final = ROOT / "conf"
GROUPS: Final = ("experiment", "problem", "scenario", "workload", "learner")
WIDTH: Final = 140
FOOT: Final = """\
Several values of a setting, one after the other: --multirun seed=0,1,2. What a command would run with, its recipes included: --cfg job.
Exit codes: 0 done; 2 the command line or a file is wrong; 130 interrupted. Hydra's own flags: --hydra-help."""


def manual(name: str, module: str, arguments: Iterable[str]) -> str:
    """Return the help of a command; where ``arguments`` choose a workload, its settings are told."""
    recipe = (CONF / f"{name}.yaml").read_text(encoding="utf-8")
    groups = [group for group in GROUPS if f"  - {group}: " in recipe]
    parts = [f"parley {name}: {docstring(module)}"]
    if groups:
        lines = ["Choices (group=name), each a recipe that sets some of the settings below"]
        lines += [f"  {group:<10}  {' '.join(choices(group))}" for group in groups]
        parts.append("\n".join(lines))
    parts.append(_table("Settings (key=value)", settings(registry.COMMANDS[name])))
    if "/defaults/search@search" in recipe:
        parts.append(_table("The search", settings(registry.NODES["search"], "search.")))
    if "workload" in groups:
        chosen = next((given.split("=")[1] for given in arguments if given.startswith("workload=")), "synthetic")
        node = _registered(chosen)
        parts.append(_table(f"The workload {node}; of another: parley {name} workload=NAME --help", _workload(node)))
    for group in ("scenario", "learner"):
        if group in groups:
            parts.append(
                _table(f"The {group}", settings(registry.NODES[group], f"{group}."), without=f"{group}.workload")
            )
    return "\n\n".join([*parts, FOOT])


def choices(group: str) -> list[str]:
    """Return the recipes of a group."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def _workload(name: str) -> Iterable[Setting]:
    return settings(registry.WORKLOADS[name], "workload.")


def _registered(recipe: str) -> str:
    """The registered workload that a recipe begins with; that of the default scenario where there is no such recipe."""
    while recipe not in registry.WORKLOADS and (CONF / "workload" / f"{recipe}.yaml").is_file():
        lines = (CONF / "workload" / f"{recipe}.yaml").read_text(encoding="utf-8").splitlines()
        recipe = (
            next(line for line in lines if line.startswith("  - "))
            .removeprefix("  - ")
            .removeprefix("/defaults/workload/")
        )
        recipe = recipe.removesuffix("@_here_")
    return recipe if recipe in registry.WORKLOADS else "synthetic"


def _table(title: str, found: Iterable[Setting], without: str = "") -> str:
    lines = [title]
    for each in found:
        if each.name == without:
            continue
        default = "must be given" if each.default is None else each.default
        lines.append(f"  {each.name}={default}" + (f"  ({each.kind})" if each.kind != "Any" else ""))
        lines += textwrap.wrap(each.text, WIDTH, initial_indent="      ", subsequent_indent="      ")
    return "\n".join(lines)
