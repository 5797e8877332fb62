"""The site of the documentation: its pages are gathered whole, its reference is of what exists, and the tutorial does what it says."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from scripts.site import API, gather, notebook
from tests.conftest import ROOT

TUTORIAL = ROOT / "docs" / "tutorial.ipynb"


class Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, which names a function."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def pages_of(nav: object) -> set[str]:
    """Every page in a navigation."""
    if isinstance(nav, str):
        return {nav}
    parts = nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else []
    return {page for part in parts for page in pages_of(part)}


def test_pages_are_gathered_with_what_they_link_to(tmp_path: Path) -> None:
    """Protects links on the site: every page of the navigation is there, and so is whatever any page links to, in its own place."""
    gather(tmp_path)
    nav = pages_of(yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)["nav"])
    assert [page for page in nav if not (tmp_path / page).is_file()] == []
    written = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert written - nav - {"docs/situation.schema.json"} == set()
    assert (tmp_path / "results" / "suites" / "job_shop.md").is_file()
    assert (tmp_path / "docs" / "images" / "suites.png").is_file()
    assert ".ipynb" not in (tmp_path / "docs" / "index.md").read_text(encoding="utf-8")


def test_the_reference_is_of_what_exists() -> None:
    """Protects the reference: each module on it exists, and nothing stands there twice."""
    modules = [module for page in API.values() for module in page]
    assert len(set(modules)) == len(modules)
    assert [module for module in modules if not (ROOT / f"{module.replace('.', '/')}.py").is_file()] == []


@pytest.mark.skipif(
    find_spec("mkdocs") is None or find_spec("mkdocstrings") is None, reason="no mkdocs here: make docs installs it"
)
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """Protects the site: built strictly, where a link or an anchor that leads nowhere is an error; its fonts are the reader's."""
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    gather(tmp_path / "pages")
    for old, new in (
        ("docs_dir: build/pages", tmp_path / "pages"),
        ("site_dir: build/site", tmp_path / "site"),
        ("paths: [.]", f"['{ROOT}']"),
    ):
        key = old.split(":")[0]
        assert config.count(old) == 1
        config = config.replace(old, f"{key}: {new}")
    (tmp_path / "mkdocs.yml").write_text(config, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--config-file",
        str(tmp_path / "mkdocs.yml"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    reference = (tmp_path / "site" / "api" / "operation" / "index.html").read_text(encoding="utf-8")
    assert "generate_status_report" in reference
    home = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "fonts.googleapis" not in home


def test_the_tutorial_runs(tmp_path: Path) -> None:
    """Protects who follows the tutorial: its code, cell by cell in one process, trains, compares, and leaves a page."""
    cells = json.loads(TUTORIAL.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in cells if cell["cell_type"] == "code"), "outputs are not kept"
    assert all(f"```python\n{part}\n```" in notebook(TUTORIAL) for part in code)
    for part in code:
        ast.parse(part)
    environment = {**os.environ, "PARLEY_TUTORIAL": "quick", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "against that of the strongest rules: " in done.stdout
    assert "execution efficiency" in done.stdout
    (report,) = tmp_path.glob("*/tutorial/report.html")
    assert f"The report is {report}" in done.stdout
