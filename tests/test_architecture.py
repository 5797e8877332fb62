"""The rules of the tree that no single module can keep: who may import whom, and what never enters a file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from experiments.__main__ import COMMANDS, OWN_TASKS
from experiments.plumbing import registry
from tests.conftest import ROOT

MAX_LINES = 450

LAYERS = (
    (
        "envs.columns",
        "envs.events",
        "envs.scenario",
        "envs.workloads.graph",
        "envs.workloads.instance",
    ),  # what every layer is told
    ("envs.engine",),
    ("envs",),  # the world: scenario, workloads, World and what reads its events
    ("envs.parallel_env", "envs.seat_env", "envs.task_management_v0"),
    ("agents.protocols", "agents.noise", "agents.progress"),
    ("agents", "agents.rules", "agents.networks", "agents.compiled"),  # who decides, also compiled
    ("agents.policies",),  # ... by name
    ("agents.evaluation",),
    ("agents.planning",),
    ("agents.learning",),
    ("agents.operation.site",),  # what a user knows
    ("agents.operation.database", "agents.operation.messages", "agents.operation.deciding"),
    ("agents.operation.planning", "agents.operation.knowledge"),
    ("agents.operation.execution",),
    ("agents.operation",),  # settings of all of it, status
    ("agents.operation.service",),
    ("experiments.plumbing",),
    ("experiments",),
)
SURFACE = LAYERS.index(("envs.parallel_env", "envs.seat_env", "envs.task_management_v0"))
"""The layer of ``envs/__init__.py``, which offers the PettingZoo view as well: no module of the world may import it."""

SHARED = {
    "experiments.history": {"experiments.decide"},  # shows decisions as the one that made them
    "experiments.what_if": {"experiments.plan"},  # takes the options of plans
}
"""Commands that are variants of another one, and import it."""

FORBIDDEN = {
    "envs": {"torch", "stable_baselines3", "sb3_contrib", "hydra", "omegaconf", "agents", "experiments"},
    "agents": {"hydra", "omegaconf", "experiments"},
}
SLOW_IMPORTS = {"torch", "stable_baselines3", "sb3_contrib", "numba", "numpy", "hydra"}


def module_name(path: Path) -> str:
    """The dotted name under which a file of the tree is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path
    for package in ("envs", "agents", "experiments")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def layer(module: str) -> int | None:
    """The layer of a module by its longest known prefix; None outside the project."""
    if module == "envs":
        return SURFACE
    if module == "agents":  # its surface loads policies by name
        return LAYERS.index(("agents.policies",))
    known = [
        (len(prefix), level)
        for level, prefixes in enumerate(LAYERS)
        for prefix in prefixes
        if f"{module}.".startswith(f"{prefix}.")
    ]
    return max(known)[1] if known else None


def imported_by(module: str, source: str, is_package: bool = False) -> set[str]:
    """Every module that a source text imports anywhere in it, inside functions and type-checking blocks too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            found.update(name if (name := f"{base}.{alias.name}") in MODULES else base for alias in node.names)
    return found


def imports_of(module: str) -> set[str]:
    """Every module that a module of the tree imports."""
    path = MODULES[module]
    return imported_by(module, path.read_text(encoding="utf-8"), is_package=path.name == "__init__.py")


def violations(module: str, imports: set[str]) -> list[str]:
    """What a module imports and must not: a higher layer, or a package forbidden to it."""
    own = layer(module)
    assert own is not None
    forbidden = FORBIDDEN.get(module.split(".")[0], set())
    upward = {name for name in imports if (level := layer(name)) is not None and level > own}
    return sorted(upward | {name for name in imports if name.split(".")[0] in forbidden})


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    """Protects engine <- world <- parallel_env <- agents <- experiments, and the world from torch, SB3 and Hydra."""
    assert violations(module, imports_of(module)) == []


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("envs.engine.clock", "from envs.world import World", ["envs.world"]),
        ("envs.engine.clock", "from envs.workloads import graph", []),
        ("envs.engine.clock", "from ..world import World", ["envs.world"]),
        ("envs.world", "def f():\n    import torch.nn", ["torch.nn"]),
        ("envs.world", "from envs import task_pool", ["envs"]),
        ("envs.world", "import numpy, numba", []),
        ("agents.protocols", "from hydra import main", ["hydra"]),
        ("agents.protocols", "import envs.parallel_env", []),
        ("experiments.train", "from agents.protocols import Policy", []),
    ],
)
def test_import_check_sees_violations(module: str, source: str, expected: list[str]) -> None:
    """Protects the check itself: each form of a wrong import is found, and right ones pass."""
    assert violations(module, imported_by(module, source)) == expected


@pytest.mark.parametrize("module", MODULES)
def test_nothing_imports_a_command(module: str) -> None:
    """Protects the entry points, which stand on everything else: what two of them share belongs below them."""
    commands = {module for module, _ in COMMANDS.values()}
    assert imports_of(module) & commands - {module} == SHARED.get(module, set())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_quick(name: str) -> None:
    """Protects ``--help`` from the seconds that importing the world, torch, SB3 and Hydra takes."""
    done = run_command(name, "--help")
    assert done.stdout.startswith(f"usage: parley {name} " if name in OWN_TASKS else f"parley {name}: ")
    assert imported_in(done) & SLOW_IMPORTS == set()


def test_commands_are_listed_at_once() -> None:
    """Protects who types ``parley``: every command with a line of its own, and nothing imported that takes time."""
    done = run_command()
    assert [name for name in COMMANDS if f"parley {name}" not in done.stdout] == []
    assert imported_in(done) & (SLOW_IMPORTS | {"yaml", "omegaconf"}) == set()


def test_every_command_is_there() -> None:
    """Protects the table of commands: each names a module with a main(), has settings and a recipe, and is the installed one's."""
    for name, (module, _) in COMMANDS.items():
        source = ast.parse(MODULES[module].read_text(encoding="utf-8"))
        assert any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in source.body), module
        assert name in OWN_TASKS or (ROOT / "conf" / f"{name}.yaml").is_file()
    assert set(registry.COMMANDS) == set(COMMANDS) - set(OWN_TASKS)
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts == {"parley": "experiments.__main__:main"}


def test_unknown_command() -> None:
    """Protects who mistypes: one line that names what comes closest, exit code 2."""
    done = run_command("evalute", expected=2)
    assert done.stderr == "parley: error: there is no command 'evalute', did you mean evaluate?\n"


def run_command(*arguments: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
    """Run ``parley``, told to say what it imports where it is to succeed."""
    told = ["-X", "importtime"] if expected == 0 else []
    command = [sys.executable, *told, "-m", "experiments", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == expected, done.stderr[-2000:]
    return done


def imported_in(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The packages that a command imported."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}
    assert "json" in imported or "difflib" in imported, "the interpreter did not say what it imports"
    return imported


def files_of_the_tree() -> list[Path]:
    """Files that are committed or would be; skips where the tree is not a git checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_absolute_paths_of_one_machine() -> None:
    """Protects everybody else: no file speaks of folders that only its author's machine has."""
    machine_path = re.compile(r"(?<![\w.~-])/(work|root)/")
    found = [
        str(path.relative_to(ROOT))
        for path in files_of_the_tree()
        if machine_path.search(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert found == []


def test_every_config_folder_is_a_package() -> None:
    """Protects an installed Parley: Hydra does not find configs in a folder without __init__.py."""
    folders = [
        ROOT / "conf",
        *(path for path in (ROOT / "conf").rglob("*") if path.is_dir() and path.name != "__pycache__"),
    ]
    assert [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_every_package_has_an_init() -> None:
    """Protects the wheel: setuptools leaves out folders of modules without __init__.py."""
    folders = {path.parent for path in MODULES.values()}
    assert [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize("module", MODULES)
def test_files_stay_small(module: str) -> None:
    """Protects readers: a file stays small enough to hold in the head."""
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{MODULES[module].relative_to(ROOT)} has {lines} lines, at most {MAX_LINES}: split it"
