"""What dataclasses say of their fields, read from their source: importing them would take the seconds that ``--help`` does without."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
"""What holds our packages."""


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


def docstring(module: str) -> str:
    """Return the docstring of a module of ours."""
    return ast.get_docstring(_module(module)) or ""


def settings(dotted: str, prefix: str = "") -> Iterator[Setting]:
    """Yield the fields of a dataclass by its dotted name, those of its bases first, those of dataclasses in it by dotted names."""
    module, _, name = dotted.rpartition(".")
    found = _find(module, name)
    if found is None:
        return
    for base in found.bases:
        yield from settings(_origin(module, ast.unparse(base)), prefix)
    for node, after in zip(found.body, [*found.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        kind, field = ast.unparse(node.annotation), node.target.id
        inner = list(settings(_origin(module, kind), f"{prefix}{field}."))
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
