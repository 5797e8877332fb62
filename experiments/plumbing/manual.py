"""What ``parley COMMAND --help`` prints: the docstring of the command's module, its choices, and every setting with its type and default.

All of it is read from source and ``conf/``: importing the dataclasses, Hydra and the world would take seconds.
"""

from __future__ import annotations

import ast
import json
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from experiments.plumbing import registry

ROOT: Final = Path(__file__).resolve().parents[2]
"""What holds our packages."""
CONF: Final = ROOT / "conf"
GROUPS: Final = ("experiment", "problem", "scenario", "workload", "learner")
WIDTH: Final = 140
FOOT: Final = """\
Several values of a setting, one after the other: --multirun seed=0,1,2. What a command would run with, its recipes included: --cfg job.
Exit codes: 0 done; 2 the command line or a file is wrong; 130 interrupted. Hydra's own flags: --hydra-help."""


@dataclass(frozen=True)
class Setting:
    """A field of a dataclass, as its source has it."""

    name: str
    kind: str
    """Its type."""
    default: str | None
    """None: it must be given."""
    text: str
    """The string below it."""


def manual(name: str, module: str, arguments: Iterable[str]) -> str:
    """Return the help of a command; where ``arguments`` choose a workload, its settings are told."""
    recipe = (CONF / f"{name}.yaml").read_text(encoding="utf-8")
    groups = [group for group in GROUPS if f"  - {group}: " in recipe]
    parts = [f"parley {name}: {docstring(module)}"]
    if groups:
        lines = ["Choices (group=name), each a recipe that sets some of the settings below"]
        lines += [f"  {group:<10}  {' '.join(choices(group))}" for group in groups]
        parts.append("\n".join(lines))
    parts.append(_table("Settings (key=value)", settings_of(registry.COMMANDS[name])))
    if "/defaults/search@search" in recipe:
        parts.append(_table("The search", settings_of(registry.NODES["search"], "search.")))
    if "workload" in groups:
        chosen = next((given.split("=")[1] for given in arguments if given.startswith("workload=")), "synthetic")
        node = _registered(chosen)
        parts.append(_table(f"The workload {node}; of another: parley {name} workload=NAME --help", _workload(node)))
    for group in ("scenario", "learner"):
        if group in groups:
            parts.append(
                _table(f"The {group}", settings_of(registry.NODES[group], f"{group}."), without=f"{group}.workload")
            )
    return "\n\n".join([*parts, FOOT])


def choices(group: str) -> list[str]:
    """Return the recipes of a group."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def _workload(name: str) -> Iterable[Setting]:
    return settings_of(registry.WORKLOADS[name], "workload.")


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


def docstring(module: str) -> str:
    """Return the docstring of a module of ours."""
    return ast.get_docstring(_module(module)) or ""


def settings_of(dotted: str, prefix: str = "") -> Iterator[Setting]:
    """Yield the fields of a dataclass by its dotted name, those of its bases first, those of dataclasses in it by dotted names."""
    module, _, name = dotted.rpartition(".")
    found = _find(module, name)
    if found is None:
        return
    for base in found.bases:
        yield from settings_of(_origin(module, ast.unparse(base)), prefix)
    for node, after in zip(found.body, [*found.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        kind, field = ast.unparse(node.annotation), node.target.id
        inner = list(settings_of(_origin(module, kind), f"{prefix}{field}."))
        text = _string(after)
        if inner:
            yield from inner
        elif not kind.startswith("ClassVar"):
            yield Setting(prefix + field, kind, _default(module, node.value), " ".join(text.split()))


@cache
def _module(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split("."))
    file = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
    return ast.parse(file.read_text(encoding="utf-8") if file.is_file() else "")


def _find(module: str, name: str) -> ast.ClassDef | None:
    return next((node for node in _module(module).body if isinstance(node, ast.ClassDef) and node.name == name), None)


def _origin(module: str, name: str) -> str:
    """The dotted name of what a module calls ``name``."""
    for node in _module(module).body:
        if (
            isinstance(node, ast.ImportFrom)
            and node.module
            and any((alias.asname or alias.name) == name for alias in node.names)
        ):
            return f"{node.module}.{name}"
    return f"{module}.{name}"


def _string(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return ""


def _default(module: str, value: ast.expr | None) -> str | None:
    """A default as YAML would have it; None where there is none."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "field":
        given = {keyword.arg: keyword.value for keyword in value.keywords}
        made = given.get("default_factory")
        if isinstance(made, ast.Lambda):
            return _default(module, made.body)
        return {"list": "[]", "dict": "{}"}.get(ast.unparse(made)) if made is not None else None
    if value is None:
        return None
    if isinstance(value, ast.Name):
        assigned = [
            node
            for node in _module(module).body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            and value.id in ast.unparse(node).split("=")[0].split(":")[0].split()
        ]
        return _default(module, assigned[0].value) if assigned else value.id
    try:
        return _written(ast.literal_eval(value))
    except ValueError:
        return {"math.inf": "inf"}.get(ast.unparse(value), ast.unparse(value))


def _written(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)
