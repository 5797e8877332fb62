"""docs/guide.md: every part names code that exists, and a line by which it is seen to work, which works."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from agents.operation.messages.subscribers import read_lines
from experiments.__main__ import main
from tests.conftest import ROOT

ROWS = [
    line for line in (ROOT / "docs" / "guide.md").read_text(encoding="utf-8").splitlines() if line.startswith("| **")
]
PARTS = {re.findall(r"\*\*(.+?)\*\*", row)[0]: row for row in ROWS}
JOBS = {
    "agents": [{"name": "a"}, {"name": "b"}],
    "jobs": [{"name": "j", "tasks": [{"name": f"t{t}", "duration": 0.1, "command": "sleep 0.1"} for t in range(3)]}],
}
"""Commands that take no longer than they have to."""
MAKES = {"--knowledge": "known.json", "--messages": "said.jsonl"}


def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str) -> str:
    """What a command prints that ends well."""
    monkeypatch.setattr(sys, "argv", command.split())
    main()
    return capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="there is no shell")
@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_seen_to_work(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects readers of the guide: each part has one command, which runs, says something and leaves what it names."""
    monkeypatch.chdir(tmp_path)
    (command,) = re.findall(r"See it work: `(parley [^`]+)`", PARTS[part])
    Path("tasks.json").write_text(printed(capsys, monkeypatch, "parley example"), encoding="utf-8")
    Path("jobs.json").write_text(json.dumps(JOBS), encoding="utf-8")
    out = printed(capsys, monkeypatch, command)
    assert len(out.splitlines()) >= 1
    if " run " in command:
        assert "3 of 3 tasks done in" in out
    for option, file in MAKES.items():
        assert (option in command) == Path(file).exists()
    if Path("said.jsonl").exists():
        assert "completion_notification" in {message.kind for message in read_lines("said.jsonl")}


def test_every_part_names_its_code() -> None:
    """Protects the table: all nine parts are there, and every file that it names."""
    assert len(PARTS) == len(ROWS) == 9
    for part, row in PARTS.items():
        files = re.findall(r"`((?:agents|envs|experiments)/[^`]+)`", row)
        assert files, part
        assert [file for file in files if not (ROOT / file).exists()] == []
