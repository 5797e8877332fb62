"""The page of a report: other people's text stays text, nothing is fetched, and it is small."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from experiments.reports import bargaining, episode
from experiments.reports.page import html
from experiments.reports.report import Figure, Report, Sheet
from tests.experiments.reports.episodes import HOSTILE, contended

SAFE = re.compile(r"default-src 'none'; style-src '(sha256-[^']+)'; script-src '(sha256-[^']+)'; img-src data:")


class Elements(HTMLParser):
    """What a browser would make of a page: elements by name, and the text in them."""

    def __init__(self, page: str) -> None:
        """Read it."""
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))
        self._open = tag
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        """What follows is of no element that is looked at."""
        self._open = ""

    def handle_data(self, data: str) -> None:
        """Note its text."""
        if self._open:
            self.texts[self._open][-1] += data


@pytest.fixture(scope="module")
def page() -> str:
    """A page on which everything that may be somebody else's text is hostile."""
    instance, log = contended()
    played = [episode.schedule(HOSTILE, 12.5, instance, log)] * 2
    sheets = [
        Sheet(HOSTILE, [HOSTILE, HOSTILE], [[HOSTILE, Figure.of(1.5, unit=HOSTILE)]]),
        episode.negotiation(HOSTILE, instance, log),
    ]
    charts = [*episode.charts(HOSTILE, instance, log), *bargaining.charts(HOSTILE, instance, log)]
    return html(Report(HOSTILE, sheets, [HOSTILE], charts, played, {HOSTILE: HOSTILE}))


def test_hostile_text_stays_text(page: str) -> None:
    """Protects who opens a page about somebody else's files: no name becomes an element, an attribute or a script."""
    elements = Elements(page)
    names = [name for name, _ in elements.found]
    assert names.count("script") == 2
    assert {"img", "iframe", "object", "form", "a"} & set(names) == set()
    assert not [attribute for _, attributes in elements.found for attribute in attributes if attribute.startswith("on")]
    assert elements.texts["h1"][0] == elements.texts["title"][0] == elements.texts["caption"][0] == HOSTILE
    data = json.loads(elements.texts["script"][0])
    assert data["title"] == data["schedules"][0]["title"] == HOSTILE
    assert HOSTILE in data["schedules"][0]["bars"]["name"][0]


def test_only_our_script_may_run(page: str) -> None:
    """Protects against what escaping might miss: the page's policy lets nothing load, and nothing run but the script it came with."""
    elements = Elements(page)
    policy = next(
        attributes["content"] for name, attributes in elements.found if name == "meta" and "http-equiv" in attributes
    )
    found = SAFE.fullmatch(policy or "")
    assert found is not None
    for claimed, text in zip(found.groups(), (elements.texts["style"][0], elements.texts["script"][1]), strict=True):
        assert claimed == "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert re.findall(r"https?://", page) == []
    for forbidden in ("eval(", "innerHTML", "insertAdjacentHTML", "document.write", "fetch("):
        assert forbidden not in elements.texts["script"][1]


def test_same_report_same_page(page: str) -> None:
    """Protects comparisons of pages: nothing in them depends on when they were made."""
    instance, log = contended()
    report = Report("x", [], schedules=[episode.schedule("x", np.nan, instance, log)])
    assert html(report) == html(report)
    assert "cost" not in next(text for text in Elements(html(report)).texts["h3"])
