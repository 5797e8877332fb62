"""The examples of docs/clients.md run as they stand; unless PARLEY_LONG is set, with less to learn."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

MOST_LINES = 15
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+ \(`\w+`\))$(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
(SHOPS,) = re.findall(r"^## Job shops 6x6$.*?^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
"""What most sections use."""
IS_LONG = bool(os.environ.get("PARLEY_LONG"))


def blocks(section: str) -> list[str]:
    """The Python of a section."""
    return re.findall(r"^```python\n(.*?)^```$", SECTIONS[section], flags=re.MULTILINE | re.DOTALL)


def run(section: str) -> dict[str, Any]:
    """Run a section's blocks one after the other; short ones learn from a thousandth of the steps, in whole rollouts."""
    names: dict[str, Any] = {"__name__": "example"}
    for block in [SHOPS, *blocks(section)]:
        source = block if IS_LONG else re.sub(r"\b(\d+)_000\b", r"\1", block)
        exec(compile(source, section, "exec"), names)  # it is ours
    return names


@pytest.mark.parametrize("section", SECTIONS)
def test_an_example_runs(
    section: str, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects who copies an example: it is short, runs, and says something."""
    client = re.findall(r"\(`(\w+)`\)", section)[0]
    if importlib.util.find_spec(client) is None:
        pytest.skip(f"{client} is not installed: make test-clients")
    assert blocks(section)
    assert max(len([line for line in block.splitlines() if line]) for block in blocks(section)) <= MOST_LINES
    monkeypatch.chdir(tmp_path)
    names = run(section)
    assert capfd.readouterr().out.strip()
    if IS_LONG and client == "sb3_contrib":
        assert names["costs"]["learned"] < names["costs"]["fdd_mwkr"]


def test_readme_shows_the_same() -> None:
    """Protects the README's example by the one that is run."""
    (masked,) = (section for section in SECTIONS if "sb3_contrib" in section)
    assert blocks(masked)[0] in (ROOT / "README.md").read_text(encoding="utf-8")
