"""``parley benchmark compare=FILE``: a run beside an earlier one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.performance.comparison import Baseline
from experiments.performance.timing import Measurement, pace
from experiments.reports.tables import ABSENT
from tests.conftest import ROOT
from tests.experiments.test_benchmark import run

COMMITTED = ROOT / "results" / "performance" / "speed.json"


def write(path: Path, **lines: Any) -> Path:
    """Write the file of a run: name = (unit, median, relative)."""
    keys = ("unit", "median", "relative")
    told = [{"name": name} | dict(zip(keys, values, strict=True)) for name, values in lines.items()]
    path.write_text(json.dumps({"measurements": told}), encoding="utf-8")
    return path


def test_ratios_are_of_speeds_on_equal_machines(tmp_path: Path) -> None:
    """Protects comparisons between machines: half the pace and half the rate, or twice the seconds, are no change; seconds turn around."""
    before = Baseline.read(write(tmp_path / "then.json", rate=("calls/s", 100.0, 10.0), wait=("s", 2.0, 20.0)))
    found = [
        Measurement("rate", "calls/s", [50.0, 40.0, 60.0], paces=[5.0, 5.0, 5.0]),
        Measurement("wait", "s", [4.0, 5.0], paces=[5.0, 4.0]),
        Measurement("new", "s", [4.0], paces=[5.0]),
    ]
    assert [before.speed(line) for line in found[:2]] == [1.0, 1.0]
    assert [row[-1] for row in before.sheet(found).rows] == ["1.00", "1.00", ABSENT]
    assert before.notes(found) == ["Nothing is slower by more than 15 % than in then.json."]


def test_what_became_slower_is_told(tmp_path: Path) -> None:
    """Protects from a loss of speed that nobody sees: beyond 15 % it has a line, up to there it has none."""
    names = {f"rate {lost}": ("calls/s", 100.0, 100.0) for lost in (14, 16)}
    before = Baseline.read(write(tmp_path / "then.json", **names, wait=("s", 1.0, 1.0)))
    found = [Measurement(f"rate {lost}", "calls/s", [100.0 - lost], paces=[1.0]) for lost in (14, 16)]
    found.append(Measurement("wait", "s", [2.0], paces=[1.0]))
    assert before.regressions(found) == ["rate 16: 16 % slower", "wait: 50 % slower"]
    assert before.notes(found) == [
        "Slower by more than 15 % than in then.json: rate 16: 16 % slower; wait: 50 % slower."
    ]


def test_a_run_without_calibration(tmp_path: Path) -> None:
    """Protects files of before the calibration loop: medians are compared as they are, and the page says so."""
    before = Baseline.read(write(tmp_path / "then.json", rate=("calls/s", 100.0, None)))
    found = [Measurement("rate", "calls/s", [80.0], paces=[5.0])]
    assert before.speed(found[0]) == 0.8
    assert "Without a calibration loop in then.json, as if the machines were equal: rate." in before.notes(found)


def test_short_form(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Protects the committed page and continuous integration: a short run is set beside it, fails on no noise and writes nothing."""
    monkeypatch.chdir(tmp_path)
    run(monkeypatch, "parts=[engine,pettingzoo]", "seconds=0.01", "repeats=1", f"compare={COMMITTED}")
    shown = capsys.readouterr().out
    assert "Beside the earlier run" in shown
    assert (
        "lower by more than 15 % than in speed.json" in shown
        or "is slower by more than 15 % than in speed.json" in shown
    )
    assert list(tmp_path.iterdir()) == []
    assert pace() > 0


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (None, [], "then.json: No such file or directory"),
        ("{", [], "must be the .json file of parley benchmark suite=speed, but: "),
        ('{"measurements": []}', [], "measurements must be a list with name, unit, median and relative"),
        ('{"measurements": [{"name": "x", "unit": "s", "median": "1"}]}', [], "must be a list with name, unit, median"),
        ("{}", ["suite=growth"], "is for suite=speed, not for suite=growth"),
    ],
)
def test_mistakes(
    text: str | None,
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects users: one line that names the file, before anything is measured."""
    file = tmp_path / "then.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, f"compare={file}", *arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
