"""The table at the top of README.md: what the suites' files say, cell by cell, and nothing else."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.learning.config import Learner
from experiments.reports import inline
from experiments.reports.headline import (
    ABSENT,
    BEGIN,
    BEST,
    END,
    INDEX,
    LEARNED,
    PUBLISHED,
    RULE,
    SAME_SEARCH,
    SEARCHED,
    Found,
    Queues,
    Row,
    put,
)
from experiments.suites import PROBLEMS
from tests.conftest import ROOT

KNOWN = Row("shops", "job_shop", "%", "family")


def contestant(name: str, kind: str, *runs: list[float]) -> dict[str, Any]:
    """What a suite writes of one."""
    return {"name": name, "kind": kind, "makespan": list(runs)}


@pytest.fixture
def document() -> dict[str, Any]:
    """A suite: four episodes, of which the last is measured against a bound, two rules, an index, a policy of two runs, and searches."""
    return {
        "machine": {"commit": "abc123"},
        "score": "makespan",
        "searches": {"best of 8": {}, "lookahead 2": {}},
        "episodes": [
            {
                "reference": 10.0,
                "cluster": str(e),
                "family": "aa" if e < 3 else "aa, to bound",
                "cell": "log",
                "log": "log",
            }
            for e in range(4)
        ],
        "contestants": [
            contestant("spt", "rule", [20.0, 22.0, 24.0, 99.0]),
            contestant("mwkr", "rule", [13.0, 13.0, 16.0, 99.0]),
            contestant("index", "tuned", [12.0, 12.0, 12.0, 99.0]),
            contestant("learned", "learned", [11.0, 11.0, 14.0, 99.0], [11.0, 11.0, 14.0, 99.0]),
            contestant("learned, best of 8", "searched", [10.0, 11.0, 12.0, 99.0], [10.0, 11.0, 12.0, 99.0]),
            contestant("learned, lookahead 2", "searched", [11.0, 11.0, 12.0, 99.0], [11.0, 11.0, 12.0, 99.0]),
            contestant("mwkr, best of 8", "rule, searched", [12.0, 12.0, 12.0, 99.0]),
            contestant("mwkr, lookahead 2", "rule, searched", [10.0, 10.0, 10.0, 99.0]),
        ],
        "published": [
            {"method": "theirs", "row": "aa", "value": 9.5},
            {"method": "SPT", "row": "aa", "value": 1.0, "rule": "spt"},
        ],
    }


def test_readme_says_what_the_suites_found() -> None:
    """Protects the headline: whoever measures anew, or changes the page by hand, has to make it again."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert inline.put(put(page, ROOT / "results" / "suites"), ROOT / "results") == page, (
        "run python -m scripts.headline"
    )
    assert page.count(ABSENT) > 0
    assert "¹ Not measured" in page


def test_every_number_of_the_readme_is_made() -> None:
    """Protects the page from numbers that nobody measures again: each is made from results, or is in the short list of constants."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert inline.claimed(page) == []
    assert {found["name"] for found in inline.VALUE.finditer(page)} == set(inline.VALUES)
    assert not re.search(r"^<!-- [a-z ]+: -->", page, re.MULTILINE), "Markdown takes a line that begins so for HTML"
    assert Learner().seconds == 300, "the page says that make train learns for five minutes"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("it is 3.2 % better", ["it is 3.2 % better"]),
        ("in 17 minutes", ["in 17 minutes"]),
        ("196 % of it", ["196 % of it"]),
        ("95 % intervals, Python 3.11 or newer, `seed=7`, [page](docs/a1.md)", []),
        ("```\nmake x=5\n```", []),
        ("<!-- gap of evolution: -->1.7 %<!-- / --> less", []),
        ("at 3.117 s", ["at 3.117 s"]),
    ],
)
def test_claims_are_seen(text: str, found: list[str]) -> None:
    """Protects the check itself: a number in a sentence is a claim, whatever it looks like; code, links and constants are none."""
    assert inline.claimed(text) == found


def test_numbers_in_sentences_are_made_anew() -> None:
    """Protects sentences: what stands between the markers is what results say, and a name that nobody makes is refused."""
    page = "by <!-- gap of evolution: -->9 %<!-- / --> with <!-- seeds of evolution: -->two<!-- / --> seeds"
    assert inline.put(page, ROOT / "results") == page.replace("9 %", "1.7 % [1.2, 2.2]").replace("two", "five")
    with pytest.raises(ValueError, match="a number called 'x', must be one of gap of evolution"):
        inline.put("<!-- x: -->1<!-- / -->", ROOT)


def test_cells(document: dict[str, Any]) -> None:
    """Protects each column: the best of its kind, on the episodes of the row alone, with runs and commit; the same search beside it."""
    cells = KNOWN.entries(Found("job_shop", document))
    who = {column: (cell.who, round(cell.figure.value, 6), cell.figure.runs) for column, cell in cells.items()}
    assert who == {
        RULE: ("mwkr", 40.0, 0),
        INDEX: ("index", 20.0, 0),
        LEARNED: ("learned", 20.0, 2),
        SEARCHED: ("learned, best of 8", 10.0, 2),
        SAME_SEARCH: ("mwkr, best of 8", 20.0, 0),
    }
    assert cells[RULE].commit == "abc123"
    assert cells[RULE].figure.low < 40 < cells[RULE].figure.high
    assert str(cells[INDEX].figure) == "20.0 [20.0, 20.0]"
    assert KNOWN.instances(Found("job_shop", document)) == 3


def test_relative_and_published(document: dict[str, Any]) -> None:
    """Protects the units: relative to the best rule, or to one instance by instance; others' values are marked, rules of theirs are not."""
    found = Found("job_shop", document)
    best = Row("", "job_shop", "%", "family", "aa", BEST, "aa").entries(found)
    assert str(best[RULE].figure) == "0.0"
    assert best[INDEX].figure.value == pytest.approx(100 * (36 / 42 - 1))
    assert (str(best[PUBLISHED].figure), best[PUBLISHED].who, best[PUBLISHED].commit) == ("9.5²", "theirs", None)
    singly = Row("", "job_shop", "%", "family", "aa", "spt", singly=True).entries(found)
    assert singly[INDEX].figure.value == pytest.approx(100 * (np.mean([12 / 20, 12 / 22, 12 / 24]) - 1))


def test_the_same_search_is_the_same(document: dict[str, Any]) -> None:
    """Protects the last column: best of 8 is not best of 80, nor is it one that goes on to look ahead; negotiators may follow."""
    alike = copy.deepcopy(document)
    alike["searches"] = {"best of 8": {}, "best of 80": {}, "lookahead 2": {}, "best of 80, lookahead 2": {}}
    names = {
        "learned, best of 8": "learned, best of 80 with learned",
        "learned, lookahead 2": "learned, best of 80, lookahead 2 with learned",
    }
    for one in alike["contestants"]:
        one["name"] = names.get(one["name"], one["name"])
    assert SAME_SEARCH not in KNOWN.entries(Found("job_shop", alike))
    alike["contestants"][-1]["name"] = "mwkr, best of 80 with drf"
    assert KNOWN.entries(Found("job_shop", alike))[SAME_SEARCH].who == "mwkr, best of 80 with drf"


def test_what_was_not_searched_is_not_told(document: dict[str, Any]) -> None:
    """Protects the fourth column: a search that played as the policy does by itself is none, and nothing stands beside it."""
    idle = copy.deepcopy(document)
    for one in idle["contestants"]:
        if one["kind"] == "searched":
            one["makespan"] = idle["contestants"][3]["makespan"]
    assert {SEARCHED, SAME_SEARCH}.isdisjoint(KNOWN.entries(Found("job_shop", idle)))


def test_queues_count_where_anything_waits(document: dict[str, Any]) -> None:
    """Protects counts: cells in which all have 1.000 do not count; the best rule of each cell is what is compared with."""
    queues = copy.deepcopy(document)
    queues["published"] = [{"method": "RL", "row": "busy", "value": 1.5}]
    queues["contestants"] = [
        contestant("a", "rule", [1.0, 1.0, 2.0, 3.0]),
        contestant("b", "rule", [1.0, 1.0, 4.0, 2.0]),
    ]
    queues["contestants"].append(contestant("learned", "learned", [1.0, 1.0, 1.9, 2.2]))
    for episode, cell in zip(queues["episodes"], ("idle", "idle", "busy", "other"), strict=True):
        episode |= {"cell": cell, "log": cell, "reference": None}
    cells = Queues("", "cells", True).entries(Found("batch_queue", queues))
    assert {column: str(cell.figure) for column, cell in cells.items()} == {
        RULE: "2 of 2",
        LEARNED: "1 of 2",
        PUBLISHED: "1 of 1",
    }
    mean = Queues("", "%", False).entries(Found("batch_queue", queues))
    assert mean[LEARNED].figure.value == pytest.approx(100 * (np.sqrt(1.9 / 2 * 2.2 / 2) - 1))


def test_markers(tmp_path: Path) -> None:
    """Protects the rest of the page: only what is between the markers changes, and a page without them is refused."""
    for page in ("", f"{END} {BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"):
        with pytest.raises(ValueError, match="the page must have"):
            put(page, tmp_path)


def test_every_suite_can_be_told_again() -> None:
    """Protects intervals: each file of results says of every episode which others are no news beside it."""
    for path in sorted(file for name in PROBLEMS for file in (ROOT / "results" / "suites").glob(f"{name}*.json")):
        episodes = json.loads(path.read_text(encoding="utf-8"))["episodes"]
        assert all(isinstance(episode["cluster"], str) for episode in episodes), path.name
