"""What reports are read from: logs, evaluations and suites, and one line for whatever is none of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.evaluation.metrics import compute_metrics, jain_index
from envs.events import EventKind
from experiments.plumbing.processes import ROOT
from experiments.report import as_settings
from experiments.reports import bargaining, episode, logs, sources
from experiments.reports.report import Figure, ReportError
from tests.experiments.reports.episodes import contended


def test_schedule_has_what_the_log_has() -> None:
    """Protects charts from telling another story than the log: bars, outcomes, due dates, reservations and contests are all there."""
    instance, log = contended()
    made = episode.schedule("x", 3.0, instance, log)
    count = Counter(EventKind(kind).name for kind in log.kind.tolist())
    assert Counter(made.bars["how"])["end"] == count["TASK_END"] > 0
    assert Counter(made.bars["how"])["failed"] == count["TASK_FAILED"] > 0
    assert len(made.reservations["until"]) == count["RESERVATION"] > 0
    assert len(made.bids["bid"]) == count["RESOURCE_REQUEST"] > 0
    assert len(made.jobs["due"]) == len(made.jobs["done"]) == instance.num_jobs
    assert made.bars["start"] == sorted(made.bars["start"])
    assert {len(column) for name, column in made.bars.items() if name != "units"} == {count["TASK_START"]}
    assert [len(units) for units in made.bars["units"]] == [count["TASK_START"]] * int(instance.shared.sum())
    placed = list(zip(made.bars["agent"], made.bars["row"], strict=True))
    assert [1 + max(row for on, row in placed if on == agent) for agent in range(instance.num_agents)] == made.rows


def test_curves_end_where_the_measures_are() -> None:
    """Protects curves over time: the queue ends empty, and the last value of fairness is the measure of the whole episode."""
    instance, log = contended()
    charts = {chart.title: chart for chart in episode.charts("x", instance, log)}
    assert [curve.y[-1] for curve in charts["Queue and load: x"].curves] == [0.0, 0.0, 0.0]
    assert max(charts["Queue and load: x"].curves[2].y) > 1
    assert charts["Fairness so far: x"].curves[0].y[-1] == pytest.approx(compute_metrics(instance, log).jain)
    for curve, share in zip(charts["Utilisation: x"].curves, compute_metrics(instance, log).utilisation, strict=True):
        used = np.dot(np.diff([*curve.x, log.time[-1]]), curve.y) / log.time[-1]
        assert used == pytest.approx(100 * share, rel=1e-6)
        assert max(curve.y) <= 100 + 1e-9


def test_shares_add_up() -> None:
    """Protects the table of negotiation: of each shared resource, agents have 100 % together, and Jain's index is of these shares."""
    instance, log = contended()
    rows = episode.negotiation("x", instance, log).rows
    for column in (4, 5):
        shares = [row[column].value for row in rows[:-1] if isinstance(row[column], Figure)]
        assert sum(shares) == pytest.approx(100)
        assert rows[-1][column].value == pytest.approx(jain_index(np.array(shares)))  # type: ignore[union-attr]


def test_negotiation_over_time_ends_where_the_table_is() -> None:
    """Protects the section on negotiation: shares and their evenness end at the table's, prices are highest bids of contested rounds."""
    instance, log = contended()
    rows = episode.negotiation("x", instance, log).rows
    charts = {chart.title: chart for chart in bargaining.charts("x", instance, log)}
    assert {chart.section for chart in charts.values()} == {"Negotiation"}
    evenness = charts["Evenness of shares so far: x"].curves
    for column, resource in ((4, 0), (5, 1)):
        shares = charts[f"Shares of {instance.resources[resource]} so far: x"].curves
        assert [each.y[-1] for each in shares] == pytest.approx([row[column].value for row in rows[:-1]])  # type: ignore[union-attr]
        assert evenness[resource].y[-1] == pytest.approx(rows[-1][column].value)  # type: ignore[union-attr]
    prices, bids = charts["What contested units went for: x"].curves[0], charts["Bids in contested rounds: x"].curves
    every = [value for each in bids for value in each.y]
    assert 0 < len(prices.y) <= len(every) / 2
    assert max(prices.y) == max(every)
    assert min(prices.y) >= min(every)


def test_long_curves_keep_their_extremes() -> None:
    """Protects peaks of long episodes from being thinned out."""
    y = np.zeros(100_000)
    y[54_321] = 9
    thin = episode.curve("x", np.arange(100_000.0), y)
    assert len(thin.x) <= episode.MOST_POINTS + 2
    assert (thin.x[-1], max(thin.y)) == (99_999, 9)


def test_a_log_comes_back(tmp_path: Path) -> None:
    """Protects logs that are kept: the same title, instance and events, and a report of them."""
    instance, log = contended()
    logs.write(tmp_path / "log.npz", "who", instance, log)
    title, again, events = logs.read(tmp_path / "log.npz")
    assert title == "who"
    assert all(np.array_equal(a, b) for a, b in zip(log, events, strict=True))
    assert episode.schedule("x", 1.0, again, events) == episode.schedule("x", 1.0, instance, log)
    report = sources.read(tmp_path / "log.npz")
    assert (report.title, len(report.schedules), report.sheets[0].title) == ("who", 1, "Negotiation: who")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("log_agent", 99, r"log_agent\[0\] is 99, must be below 4"),
        ("log_kind", 77, r"log_kind\[0\] is 77, must be below 15"),
        ("log_task", -5, r"log_task\[0\] is -5"),
        ("log_time", np.nan, "log_time must be finite"),
        ("instance_job_owner", 99, "job_owner|job 0"),
        ("instance_name", None, "is no event log"),
    ],
)
def test_damaged_logs(tmp_path: Path, name: str, value: Any, told: str) -> None:
    """Protects against files that are not what they say: refused in one line, whatever column is wrong."""
    instance, log = contended()
    logs.write(tmp_path / "log.npz", "who", instance, log)
    columns = dict(np.load(tmp_path / "log.npz"))
    if value is None:
        del columns[name]
    else:
        columns[name][0] = value
    np.savez(tmp_path / "log.npz", **columns)
    with pytest.raises(ValueError, match=told) as refused:
        logs.read(tmp_path / "log.npz")
    assert type(refused.value).__module__.startswith(("envs", "experiments"))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("x.json", "[]", "is a list, must be an object"),
        ("x.json", "{", "no JSON"),
        ("x.json", "{}", "has no key 'report'"),
        ("x.json", '{"contestants": [{}]}', "is no suite's"),
        ("x.npz", "PK", "is no event log"),
        ("x.txt", "", "must be the folder of a run"),
    ],
)
def test_files_of_which_there_is_no_report(tmp_path: Path, name: str, text: str, told: str) -> None:
    """Protects who names a wrong file: one line that names it."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ReportError, match=told):
        sources.read(tmp_path / name)
    with pytest.raises(ReportError, match=r"has no config.yaml"):
        sources.read(tmp_path)


@pytest.mark.parametrize("path", sorted((ROOT / "results" / "suites").glob("*.json")), ids=lambda path: path.stem)
def test_every_suite_that_is_published_has_a_report(path: Path) -> None:
    """Protects files that are older than reports."""
    if "contestants" not in json.loads(path.read_text(encoding="utf-8")):
        pytest.skip("has no contestants: it was written before suites had one frame")
    report = sources.read(path)
    assert len(report.sheets[0].rows) > 1
    assert "benchmark suite=" in report.facts["command"]


def test_an_evaluation_that_asks_for_the_environment(tmp_path: Path) -> None:
    """Protects secrets: a config in a file that came from elsewhere may not refer to anything, and the tables are shown all the same."""
    told = {"format": 1, "title": "t", "sheets": [], "notes": [], "facts": {}}
    document = {"report": told, "pairs": [], "config": {"seed": "${oc.env:HOME}"}, "versions": {}}
    (tmp_path / "e.json").write_text(json.dumps(document))
    report = sources.read(tmp_path / "e.json")
    assert "seed is '${oc.env:HOME}', must be plain" in report.notes[0]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["a/b", "--out", "c d.html"], ["run=a/b", "out='c d.html'"]),
        (["a=b/run", "--out=c.html"], ["run='a=b/run'", "out=c.html"]),
        (["run=a", "out=b", "--cfg", "job"], ["run=a", "out=b", "--cfg", "job"]),
    ],
)
def test_command_line(typed: list[str], meant: list[str]) -> None:
    """Protects the short form: RUN and --out are the settings, whatever characters they have."""
    assert as_settings(typed) == meant
