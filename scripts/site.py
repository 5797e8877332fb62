"""Build the site of the documentation into build/site; any warning ends it: ``python -m scripts.site``, or ``make docs``.

The pages are copied to build/pages in the same places that they have in the repository, with whatever they link to, so that links lead
to the same things on the site as there. The tutorial becomes a page, and the reference of the API is made from docstrings.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from experiments.plumbing.processes import ROOT

PAGES: Final = ROOT / "build" / "pages"
FIRST: Final = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
"""Beside all of docs/; the others are found by links."""
LINK: Final = re.compile(r"\]\((?!\w+:)([^)#\s]+)")
API: Final = {
    "envs": (
        "envs.world",
        "envs.scenario",
        "envs.workloads.instance",
        "envs.events",
        "envs.outputs",
        "envs.parallel_env",
        "envs.seat_env",
        "envs.validate.report",
        "envs.render.chart",
        "envs.render.trace",
        "envs.state.snapshot",
    ),
    "agents": (
        "agents.policies",
        "agents.protocols",
        "agents.evaluation.play",
        "agents.evaluation.metrics",
        "agents.evaluation.statistics",
        "agents.planning.plan",
        "agents.planning.rollout",
        "agents.planning.settings",
        "agents.learning.config",
        "agents.learning.loop",
    ),
    "operation": (
        "agents.operation.site.situation",
        "agents.operation.deciding.decision",
        "agents.operation.planning.planning",
        "agents.operation.deciding.priorities",
        "agents.operation.deciding.coordination",
        "agents.operation.deciding.analysis",
        "agents.operation.deciding.history",
        "agents.operation.status",
        "experiments.reports.status",
    ),
    "reports": (
        "experiments.reports.report",
        "experiments.reports.renderers",
        "experiments.reports.sources",
        "experiments.reports.logs",
        "experiments.reports.windows.measures",
        "experiments.reports.windows.figures",
        "experiments.reports.windows.analyzer",
        "experiments.reports.windows.page",
    ),
}
"""Pages of the reference, and the modules on each."""


def notebook(path: Path) -> str:
    """Return a notebook as Markdown: its code is shown, not what it printed."""
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = [("".join(cell["source"]), cell["cell_type"]) for cell in cells]
    return "\n\n".join(f"```python\n{text}\n```" if kind == "code" else text for text, kind in texts) + "\n"


def gather(into: Path) -> None:
    """Copy every page, and whatever pages link to, to where it is in the repository.

    Raises:
        FileNotFoundError: a link leads nowhere.
    """
    shutil.rmtree(into, ignore_errors=True)
    waiting = [*(ROOT / name for name in FIRST), *sorted((ROOT / "docs").glob("*.md"))]
    done: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file in done:
            continue
        done.add(file)
        place = into / file.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".ipynb":
            place.with_suffix(".md").write_text(notebook(file), encoding="utf-8")
            continue
        if file.suffix != ".md":
            shutil.copyfile(file, place)
            continue
        text = file.read_text(encoding="utf-8")
        place.write_text(re.sub(r"(\]\([^)\s]*)\.ipynb", r"\1.md", text), encoding="utf-8")
        waiting += [(file.parent / found).resolve() for found in LINK.findall(text)]
    for name, modules in API.items():
        page = into / "api" / f"{name}.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"# {name}\n\n" + "\n\n".join(f"::: {module}" for module in modules) + "\n", encoding="utf-8")


def main() -> None:
    """Gather, and build; exit code 1 where anything is amiss."""
    gather(PAGES)
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--config-file",
        str(ROOT / "mkdocs.yml"),
    ]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit(1)
    print(f"The site is {ROOT / 'build' / 'site' / 'index.html'}")


if __name__ == "__main__":
    main()
