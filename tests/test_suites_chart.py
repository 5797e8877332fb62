"""The chart of all suites: what it shows is what the suites wrote, put over the best rule of each row."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from agents.evaluation.statistics import relative_difference
from envs.render.style import WIDTH
from experiments.suites import PROBLEMS
from scripts import suites_chart
from scripts.suites_chart import LEARNED, PANELS, PUBLISHED, SEARCHED, TAILLARD, TUNED, rows_of

PANEL = {panel.suite: panel for panel in PANELS}


def contestant(name: str, kind: str, score: str, *runs: list[float]) -> dict[str, Any]:
    """What a suite writes of one."""
    return {"name": name, "kind": kind, score: list(runs)}


@pytest.fixture
def shops() -> dict[str, Any]:
    """Three flexible job shops, two of them of one family, with published values of which one is a rule."""
    episodes = [
        {"reference": reference, "family": family} for reference, family in ((10.0, "mk"), (20.0, "mk"), (5.0, "edata"))
    ]
    return {
        "command": "x",
        "score": "makespan",
        "episodes": episodes,
        "contestants": [
            contestant("spt", "rule", "makespan", [15, 30, 6]),
            contestant("mwkr", "rule", "makespan", [12, 24, 7]),
            contestant("learned", "learned", "makespan", [11, 22, 6], [13, 26, 6]),
            contestant("learned, best of 8", "searched", "makespan", [11, 22, 6], [11, 22, 6]),
            contestant("learned, lookahead 3", "searched", "makespan", [10, 24, 5], [12, 24, 5]),
        ],
        "published": [
            {"method": "MWKR", "row": "mk", "value": 50.0, "rule": "mwkr"},
            {"method": "A", "row": "mk", "value": 35.0, "rule": ""},
            {"method": "B", "row": "mk", "value": 80.0, "rule": ""},
            {"method": "A", "row": "edata", "value": 14.0, "rule": ""},
        ],
    }


def test_ratios(shops: dict[str, Any]) -> None:
    """Protects the chart: multiples over the best rule's, their intervals, the best search, and others tied to ours by a common rule."""
    mk, edata = rows_of(shops, PANEL["flexible_job_shop"])
    assert (mk.label, mk.rule, edata.label, edata.rule) == ("mk", "mwkr", "edata", "spt")
    assert mk.ratios[LEARNED] == (pytest.approx(1.0), "learned")
    told = relative_difference([[1.1, 1.1], [1.3, 1.3]], [[1.2, 1.2]])
    assert mk.ends[LEARNED] == (pytest.approx(1 + told.low), pytest.approx(1 + told.high))
    assert mk.ends[LEARNED][0] < 1.0 < mk.ends[LEARNED][1]
    assert PUBLISHED not in mk.ends
    assert mk.ratios[SEARCHED] == (pytest.approx(1.1 / 1.2), "learned, best of 8")
    assert edata.ratios[SEARCHED] == (pytest.approx(5 / 6), "learned, lookahead 3")
    assert mk.ratios[PUBLISHED] == (pytest.approx(1.35 / 1.5), "A")
    assert edata.ratios[PUBLISHED] == (pytest.approx(1.14 / 1.2), "A")


def test_searches_that_did_without(shops: dict[str, Any]) -> None:
    """Protects from a search that is none: where it played as the policy does by itself, another counts, although it is worse."""
    shops["contestants"][3]["makespan"] = shops["contestants"][2]["makespan"]
    shops["contestants"][4]["makespan"] = [[14, 28, 6], [14, 28, 6]]
    mk, edata = rows_of(shops, PANEL["flexible_job_shop"])
    assert mk.ratios[SEARCHED] == (pytest.approx(1.4 / 1.2), "learned, lookahead 3")
    assert SEARCHED not in edata.ratios


def test_rows_that_are_one(shops: dict[str, Any]) -> None:
    """Protects job shops: all families with best known values are one row, generated ones another, bounds of others are left out."""
    for episode, family in zip(shops["episodes"], ("la", "la, to bound", "generated 15x15, to bound"), strict=True):
        episode["family"] = family
    classical, generated = rows_of(shops, PANEL["job_shop"])
    assert classical.ratios[LEARNED][0] == pytest.approx(1.2 / 1.2)
    assert (generated.label, generated.ratios[LEARNED][0]) == (TAILLARD, 1.0)


def test_kinds_of_estimates() -> None:
    """Protects batch queues: the best rule with any estimates counts, what is learned has the last ones, published values are the same."""
    episodes = [
        {"reference": None, "cell": cell, "estimates": estimates}
        for cell in ("X, blocking", "X, blocking, last windows")
        for estimates in ("requested", "by user")
    ]
    contestants = [
        contestant("fifo+r", "rule", "mean_slowdown", [50, 50, 9, 9]),
        contestant("saf+r", "rule", "mean_slowdown", [60, 40, 9, 9]),
        contestant("learned", "learned", "mean_slowdown", [90, 30, 9, 9]),
    ]
    published = [{"method": "FCFS", "row": "X, blocking", "value": 49, "rule": "fifo+r"}]
    published.append({"method": "RL", "row": "X, blocking", "value": 50, "rule": ""})
    found = {
        "command": "x",
        "score": "mean_slowdown",
        "episodes": episodes,
        "contestants": contestants,
        "published": published,
    }
    (row,) = rows_of(found, PANEL["batch_queue"])
    assert (row.rule, row.ratios) == ("saf+r, by user", {LEARNED: (0.75, "learned"), PUBLISHED: (1.25, "RL")})


def test_both_roles_and_other_ways() -> None:
    """Protects what the chart does not flatter: the tuned index, HEFT, and of many learned pairs the suite's own."""
    contestants = [
        contestant("wsrpt with drf", "rule", "flow", [10]),
        contestant("index", "tuned", "flow", [8]),
        contestant("HEFT", "other", "flow", [7]),
        contestant("learned with learned", "learned", "flow", [9]),
        contestant("wsrpt with learned", "learned", "flow", [6]),
    ]
    episodes = [{"reference": None, "load": "load 1.1"}]
    found = {"command": "x", "score": "flow", "episodes": episodes, "contestants": contestants, "published": []}
    (row,) = rows_of(found, PANEL["shared_cluster"])
    assert row.ratios == {TUNED: (0.8, "index"), PUBLISHED: (0.7, "HEFT"), LEARNED: (0.9, "learned with learned")}


def test_every_suite_has_its_panel() -> None:
    """Protects the chart of all suites from leaving one out."""
    assert set(PANEL) == set(PROBLEMS)


def test_picture(shops: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the command: suites without results are left out, and a picture of the page's width is written."""
    (tmp_path / "flexible_job_shop.json").write_text(json.dumps(shops), encoding="utf-8")
    monkeypatch.setattr(
        sys, "argv", ["suites_chart", "--results", str(tmp_path), "--out", str(tmp_path / "suites.png")]
    )
    suites_chart.main()
    height, width, _ = imread(tmp_path / "suites.png").shape
    assert width == WIDTH
    assert 300 < height < width


@pytest.mark.parametrize(
    ("old", "message"),
    [(False, "has results of no suite: parley benchmark suite=NAME writes them"), (True, "run x again")],
)
def test_mistakes_of_the_user(
    old: bool,
    message: str,
    shops: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects users: one line and exit code 2 where there are no results, or only some that an older version wrote."""
    if old:
        del shops["contestants"][0]["kind"]
        (tmp_path / "flexible_job_shop.json").write_text(json.dumps(shops), encoding="utf-8")
    monkeypatch.setattr(
        sys, "argv", ["suites_chart", "--results", str(tmp_path), "--out", str(tmp_path / "suites.png")]
    )
    with pytest.raises(SystemExit) as exit_:
        suites_chart.main()
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "suites.png").exists()
