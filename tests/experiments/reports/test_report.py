"""Typed reports: a number keeps what has to be known of it, in JSON and back, and every renderer writes the same."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from agents.evaluation.statistics import Interval
from experiments.reports import renderers
from experiments.reports.report import (
    Chart,
    Curve,
    Figure,
    Report,
    ReportError,
    Sheet,
    as_json,
    from_json,
    numbers,
    plain,
)

FAR = Figure.relative(Interval(-0.031, -0.04, -0.022), runs=3, episodes=64)
REPORT = Report(
    "Who | what",
    [Sheet("Everybody", ["who", "% of the best"], [["a|b", FAR], ["c", Figure.of(math.nan)]])],
    ["Less is better."],
    [Chart("Gap", "decisions", "%", [Curve("in training", [0.0, 1.0], [math.nan, 2.0])])],
    facts={"command": "parley x"},
)


def test_a_figure_knows_its_interval() -> None:
    """Protects numbers from being told without their uncertainty, their unit and how many runs and episodes they stand on."""
    assert (FAR.value, FAR.low, FAR.high) == pytest.approx((-3.1, -4.0, -2.2))
    assert (str(FAR), FAR.unit, FAR.ends, FAR.runs, FAR.episodes) == ("-3.1 [-4.0, -2.2]", "%", "95 %", 3, 64)
    assert str(Figure.of(math.nan)) == "-"


def test_json_and_back() -> None:
    """Protects files that reports are written to: strict JSON, versioned, and nothing is lost of tables, notes and facts."""
    document = json.loads(json.dumps(as_json(REPORT), allow_nan=False))
    back = from_json("x.json", document)
    assert document["format"] == 1
    assert document["charts"][0]["curves"][0]["y"] == [None, 2.0]
    assert as_json(back) == as_json(Report(REPORT.title, REPORT.sheets, REPORT.notes, facts=REPORT.facts))
    assert back.sheets[0].rows[0][1] == FAR


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 2}, "x.json: format is 2, must be 1"),
        (
            {"sheets": [{"title": "t", "header": ["a", "b"], "rows": [["c"]], "left": 1}]},
            "a row of 't' has not as many cells",
        ),
        ({"sheets": [{"title": "t", "header": ["a"], "rows": [[{"value": 1}]], "left": 1}]}, "x.json: is no report"),
        ({"facts": []}, "x.json: is no report"),
    ],
)
def test_what_is_no_report(change: dict[str, Any], told: str) -> None:
    """Protects who names a wrong file: one line, with the file and what is wrong."""
    with pytest.raises(ReportError, match=told):
        from_json("x.json", as_json(REPORT) | change)
    with pytest.raises(ReportError, match=r"x.json: format is \[\], must be 1"):
        from_json("x.json", [])


def test_text_and_markdown_say_the_same() -> None:
    """Protects readers of either: the same cells, and a bar in a name does not become a column."""
    text, page = renderers.text(REPORT), renderers.markdown(REPORT, "Made by hand.")
    assert [line.split() for line in text.splitlines()[3:5]] == [["a|b", "-3.1", "[-4.0,", "-2.2]"], ["c", "-"]]
    assert "| a\\|b | -3.1 [-4.0, -2.2] |\n| c | - |" in page
    assert "| :-- | --: |" in page
    assert page.startswith("# Who | what\n\nMade by hand.\n\n## Everybody")
    assert page.endswith("Less is better.\n")


def test_infinity_comes_back() -> None:
    """Protects configs that went through JSON: what is unlimited is unlimited again, and words stay words."""
    config = {"a": [math.inf, -math.inf, 1], "b": {"c": "infinite"}}
    assert numbers(json.loads(json.dumps(plain(config), allow_nan=False))) == config
