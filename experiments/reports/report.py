"""Reports: typed figures in sheets, curves and schedules, and the one versioned JSON form of them.

Whatever tells people something is a :class:`Report`; text and Markdown (``renderers``) and HTML (``page``) are ways to show it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from agents.evaluation.statistics import Interval
from experiments.reports.tables import number, percent

FORMAT: Final = 1
"""Of the JSON; raised when a key changes its meaning."""
CONFIDENCE: Final = "95 %"
RUNS: Final = "least and most of the runs"


class ReportError(ValueError):
    """What was read is no report; the message names the file and what it must be."""


@dataclass(frozen=True)
class Figure:
    """One number, and what has to be known of it."""

    value: float
    """NaN: it does not exist."""
    shown: str
    """As every renderer writes it, its interval included."""
    low: float = math.nan
    high: float = math.nan
    """Ends of its interval; NaN where it has none."""
    ends: str = CONFIDENCE
    """What the ends are."""
    unit: str = ""
    runs: int = 0
    """Training runs behind it, 1 of rules; 0 where that was not counted."""
    episodes: int = 0
    """Episodes behind it; 0 where that was not counted."""

    def __str__(self) -> str:
        """For a table."""
        return self.shown

    @classmethod
    def of(cls, value: float, digits: int = 4, *, unit: str = "", runs: int = 0, episodes: int = 0) -> Figure:
        """A number without an interval."""
        return cls(float(value), number(value, digits), unit=unit, runs=runs, episodes=episodes)

    @classmethod
    def relative(cls, interval: Interval, *, shown: str | None = None, runs: int = 0, episodes: int = 0) -> Figure:
        """A relative difference with its 95 % interval, in per cent."""
        value, low, high = (100.0 * part for part in interval)
        return cls(
            value, percent(interval) if shown is None else shown, low, high, unit="%", runs=runs, episodes=episodes
        )


Cell = str | Figure
"""Of a sheet: a word, or a number."""


@dataclass(frozen=True)
class Sheet:
    """One table."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    left: int = 1
    """Columns that say who or what; the others are numbers."""

    @property
    def texts(self) -> list[list[str]]:
        """The rows as renderers write them."""
        return [[str(cell) for cell in row] for row in self.rows]


@dataclass(frozen=True)
class Curve:
    """Points of one chart that belong together."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Chart:
    """Curves over one axis."""

    title: str
    x: str
    """What the axis measures; "s": it is the time of the schedules, and moves with them."""
    y: str
    curves: Sequence[Curve]
    style: str = "line"
    """line, step (a value holds until the next) or points."""
    section: str = ""
    """The heading below which a page shows it; nothing: by what x measures."""


@dataclass(frozen=True)
class Schedule:
    """One episode, as one pair of policies played it: columns of equal length, times in seconds."""

    title: str
    """Who played."""
    cost: float
    """The weighted cost of the team; NaN where nobody noted it."""
    end: float
    agents: Sequence[str]
    rows: Sequence[int]
    """[agents] how many tasks each runs at once, at most."""
    resources: Sequence[str]
    """The shared ones, S of them."""
    capacity: Sequence[int]
    """[S] units."""
    bars: Mapping[str, Sequence[Any]]
    """agent, row, job, name, start, end, how (end, failed, interrupted, running), and units [S] of columns."""
    jobs: Mapping[str, Sequence[Any]]
    """name, owner, release, due (None: none), done (None: never)."""
    reservations: Mapping[str, Sequence[Any]]
    """agent, name, time, until: the expected start."""
    bids: Mapping[str, Sequence[Any]]
    """agent, name, time, bid: one per participant of a contested round."""
    outages: Mapping[str, Sequence[Any]]
    """agent, start, end."""


@dataclass(frozen=True)
class Report:
    """Everything that is to be shown of a run, an evaluation, a suite or an episode."""

    title: str
    sheets: Sequence[Sheet]
    """The first one is the headline."""
    notes: Sequence[str] = ()
    """Sentences below the tables."""
    charts: Sequence[Chart] = ()
    schedules: Sequence[Schedule] = ()
    """Of the same episode."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What it was made by, when, on what."""


def as_json(report: Report) -> dict[str, Any]:
    """Return a report in the types that JSON has."""
    made: dict[str, Any] = plain({"format": FORMAT, **asdict(report)})
    return made


def from_json(where: str, document: Any) -> Report:
    """Return the tables, notes and facts of a report that :func:`as_json` made, its curves and schedules left out.

    Raises:
        ReportError: where it is none of this format; the message begins with ``where``.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else document
        raise ReportError(f"{where}: format is {found!r:.40}, must be {FORMAT}: write it again with this version")
    try:
        sheets = [
            Sheet(
                str(each["title"]),
                _words(each["header"]),
                [[_cell(cell) for cell in row] for row in each["rows"]],
                int(each["left"]),
            )
            for each in document["sheets"]
        ]
        for sheet in sheets:
            if any(len(row) != len(sheet.header) for row in sheet.rows):
                raise ValueError(f"a row of {sheet.title!r} has not as many cells as its header")
        facts = {str(key): str(value) for key, value in document["facts"].items()}
        return Report(str(document["title"]), sheets, _words(document["notes"]), facts=facts)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(
            f"{where}: is no report ({type(error).__name__}: {error}), must be as this version writes it"
        ) from None


def plain(value: Any) -> Any:
    """``value`` without what JSON does not have: NaN becomes None, infinity (no limit, in a config) a word."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def numbers(value: Any) -> Any:
    """``value`` with the words for infinity, which :func:`plain` wrote, as numbers again."""
    if isinstance(value, dict):
        return {key: numbers(part) for key, part in value.items()}
    if isinstance(value, list):
        return [numbers(part) for part in value]
    return float(value) if value in ("inf", "-inf") else value


def _words(values: Any) -> list[str]:
    return [str(value) for value in values]


def _cell(value: Any) -> Cell:
    if isinstance(value, str):
        return value
    ends = {name: math.nan if value[name] is None else float(value[name]) for name in ("value", "low", "high")}
    words = {name: str(value[name]) for name in ("shown", "ends", "unit")}
    return Figure(**ends, **words, runs=int(value["runs"]), episodes=int(value["episodes"]))  # type: ignore[arg-type]
