"""The table at the top of README.md, from what the suites have written: ``python -m scripts.headline`` puts it there."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.statistics import Interval, relative_difference
from experiments.reports.report import Figure

Scores = NDArray[np.float64]
Entries = dict[str, "Entry"]
"""By column."""

BEGIN: Final = "<!-- made by python -m scripts.headline -->"
END: Final = "<!-- end of what python -m scripts.headline made -->"
RULE, INDEX, PUBLISHED, LEARNED, SEARCHED, SAME_SEARCH = COLUMNS = (
    "rule",
    "index",
    "published",
    "learned",
    "learned with search",
    "rule or index with the same search",
)
KINDS: Final = {
    RULE: ("rule",),
    INDEX: ("tuned",),
    PUBLISHED: ("other",),
    LEARNED: ("learned",),
    SEARCHED: ("searched",),
}
"""Of contestants, by column."""
SAME_KINDS: Final = ("rule, searched", "tuned, searched")
MINUS: Final = "\N{MINUS SIGN}"
ABSENT: Final = "—¹"
ELSEWHERE: Final = "²"
IDLE: Final = 1.0005
"""Below this all mean slowdowns of a cell are printed as 1.000: nothing waits there."""
BEST: Final = "the best rule"


@dataclass(frozen=True)
class Entry:
    """Who stands in a column, and with what."""

    who: str
    """The contestant."""
    figure: Figure
    commit: str | None
    """On which it was measured; None where that was not noted."""


def _figure(value: Interval, unit: str, runs: int, mark: str = "") -> Figure:
    """A number with its interval, if it has one, and the mark of a footnote."""
    told, low, high = (f"{part:.1f}".replace("-", MINUS) for part in value)
    ends = f" [{low}, {high}]" if math.isfinite(value.low) else ""
    return Figure(value.value, f"{told}{ends}{mark}", value.low, value.high, unit=unit, runs=runs)


@dataclass(frozen=True)
class Found:
    """What a suite has written."""

    name: str
    document: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path, name: str) -> Found:
        """Read ``name``.json of a folder."""
        return cls(name, json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))

    @property
    def commit(self) -> str | None:
        """What was checked out when it was measured."""
        made: str | None = self.document["machine"].get("commit")
        return made

    def column(self, key: str) -> NDArray[np.str_]:
        """[E] what the episodes say under a key."""
        return np.array([episode[key] for episode in self.document["episodes"]], np.str_)

    def scores(self, kinds: Iterable[str]) -> dict[str, Scores]:
        """[runs, E] by name: the score of who is of these kinds, as multiples of the references where there are any."""
        references = np.array([episode["reference"] or 1.0 for episode in self.document["episodes"]])
        score, wanted = self.document["score"], set(kinds)
        return {
            one["name"]: np.array(one[score]) / references
            for one in self.document["contestants"]
            if one["kind"] in wanted
        }

    def _search(self, name: str) -> str | None:
        """The search that a contestant's name ends with, before its negotiator's if that has a name; the longest that fits."""
        fits = [how for how in self.document["searches"] if f", {how} with " in f"{name} with "]
        return max(fits, key=len, default=None)

    def shown(self, least: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
        """Who stands in each column, given the means of all contestants by column; nobody where nobody was measured."""
        chosen = {column: min(of, key=lambda name: of[name]) for column, of in least.items() if of}
        if LEARNED in chosen:
            chosen[LEARNED] = next(iter(least[LEARNED]))  # the suite's own; others are for its tables
            own = least[LEARNED][chosen[LEARNED]]
            # A search that cannot foresee plays as the policy does by itself where something is uncertain: nothing was searched.
            searched = {name: mean for name, mean in least[SEARCHED].items() if mean != own}
            chosen.pop(SEARCHED, None)
            if searched:
                chosen[SEARCHED] = min(searched, key=lambda name: searched[name])
        how = self._search(chosen[SEARCHED]) if SEARCHED in chosen else None
        same = {
            name: mean for name, mean in least[SAME_SEARCH].items() if how is not None and self._search(name) == how
        }
        chosen.pop(SAME_SEARCH, None)
        return chosen | ({SAME_SEARCH: min(same, key=lambda name: same[name])} if same else {})


@dataclass(frozen=True)
class Row:
    """Some episodes of a suite, and how they are told."""

    label: str
    suite: str
    unit: str
    view: str
    value: str = ""
    """Of the view; nothing: all that are not measured against a bound."""
    to: str = ""
    """The contestant, or BEST, to whom all are relative; nothing: their references."""
    published: str = ""
    """The row of the suite's published values for this; they are means over whole collections."""
    singly: bool = False
    """Whether ratios to ``to`` are taken instance by instance, and then averaged; else they are those of means."""

    def instances(self, found: Found) -> int:
        """How many different ones there are, or what shares its draws."""
        return len(set(found.column("cluster")[self._here(found)].tolist()))

    def _here(self, found: Found) -> NDArray[np.bool_]:
        labels = found.column(self.view)
        here: NDArray[np.bool_] = labels == self.value if self.value else ~np.char.endswith(labels, "to bound")
        return here

    def entries(self, found: Found) -> Entries:
        """Return what was measured, by column."""
        here = self._here(found)
        scores = {column: {n: s[:, here] for n, s in found.scores(kinds).items()} for column, kinds in _kinds().items()}
        shown = found.shown(
            {column: {name: float(s.mean()) for name, s in of.items()} for column, of in scores.items()}
        )
        everybody = {name: s for of in scores.values() for name, s in of.items()} | {"": np.ones((1, int(here.sum())))}
        base, cluster = everybody[shown[RULE] if self.to == BEST else self.to], found.column("cluster")[here]
        made = {}
        for column, name in shown.items():
            pair = (everybody[name] / base, everybody[""]) if self.singly else (everybody[name], base)
            value = Interval(*(100.0 * part for part in relative_difference(*pair, cluster=cluster)))
            if everybody[name] is base:
                value = Interval(0.0, math.nan, math.nan)
            runs = len(everybody[name]) if column in (LEARNED, SEARCHED) else 0
            made[column] = Entry(name, _figure(value, self.unit, runs), found.commit)
        others = [
            each for each in found.document["published"] if each["row"] == self.published and not each.get("rule")
        ]
        if others and PUBLISHED not in made:
            least = min(others, key=lambda each: float(each["value"]))
            value = Interval(float(least["value"]), math.nan, math.nan)
            made[PUBLISHED] = Entry(str(least["method"]), _figure(value, self.unit, 0, ELSEWHERE), None)
        return made


@dataclass(frozen=True)
class Queues:
    """All cells of batch queues in which anything waits: in how many somebody is at or below the best rule, or by how much above it."""

    label: str
    unit: str
    counted: bool
    """Whether cells are counted; else the geometric mean over them is told."""
    suite: str = "batch_queue"

    def instances(self, found: Found) -> int:
        """How many windows there are that share no job."""
        return len(set(found.column("cluster").tolist()))

    def entries(self, found: Found) -> Entries:
        """Return what was measured, by column; who is trained plays by the estimates that know most, the last ones of a cell."""
        cells, logs = found.column("cell"), found.column("log")
        scores = {column: found.scores(kinds) for column, kinds in _kinds().items()}
        printed = {each["row"]: float(each["value"]) for each in found.document["published"]}
        ratios: dict[str, dict[str, list[float]]] = {column: {name: [] for name in of} for column, of in scores.items()}
        of_published = []
        for cell in dict.fromkeys(cells.tolist()):
            told = [logs == log for log in dict.fromkeys(logs[cells == cell].tolist())]
            best = min(float(s[:, here].mean()) for s in scores[RULE].values() for here in told)
            means = {c: {name: float(s[:, told[-1]].mean()) for name, s in of.items()} for c, of in scores.items()}
            if max(mean for of in means.values() for mean in of.values()) < IDLE:
                continue
            for column, of in means.items():
                for name, mean in of.items():
                    ratios[column][name].append(mean / best)
            if cell in printed:
                of_published.append(printed[cell] / best)
        logarithms = {
            column: {name: float(np.log(each).mean()) for name, each in of.items()} for column, of in ratios.items()
        }
        made = {}
        for column, name in found.shown(logarithms).items():
            runs = len(scores[column][name]) if column in (LEARNED, SEARCHED) else 0
            made[column] = self._entry(ratios[column][name], runs, found.commit, name)
        made[RULE] = self._entry(
            [1.0] * len(ratios[RULE][next(iter(ratios[RULE]))]), 0, found.commit, "the best one in each cell"
        )
        if of_published:
            made[PUBLISHED] = self._entry(of_published, 0, None, str(found.document["published"][0]["method"]))
        return made

    def _entry(self, ratios: Sequence[float], runs: int, commit: str | None, who: str) -> Entry:
        below = sum(ratio <= 1.0 for ratio in ratios)
        value = 100.0 * (math.exp(float(np.log(ratios).mean())) - 1.0)
        if self.counted:
            figure = Figure(float(below), f"{below} of {len(ratios)}", unit=self.unit, runs=runs)
        else:
            figure = _figure(Interval(value, math.nan, math.nan), self.unit, runs)
        return Entry(who, figure, commit)


def _kinds() -> dict[str, tuple[str, ...]]:
    return {**KINDS, SAME_SEARCH: SAME_KINDS}


KNOWN: Final = "% above the best known makespan"
LFT: Final = "% of LFT's makespan"
HEFT: Final = "% of HEFT's makespan"
OF_BEST: Final = "% of the best rule's flow time"
FLEXIBLE: Final = {"mk": "Brandimarte", "edata": "Hurink edata", "rdata": "Hurink rdata", "vdata": "Hurink vdata"}
SIZES: Final = (30, 60, 120)
ROWS: Final[tuple[Row | Queues, ...]] = (
    Row("job shops: the classical ones here", "job_shop", KNOWN, "family"),
    *(
        Row(f"flexible job shops: {n}, the part here", "flexible_job_shop", KNOWN, "family", f, "", f)
        for f, n in FLEXIBLE.items()
    ),
    *(
        Row(f"stochastic job shops: {s}", "stochastic_job_shop", "% above an oracle", "size", s, "", s)
        for s in ("6x6", "10x10")
    ),
    *(
        Row(f"projects: generated, {n} tasks", "project", LFT, "family", f"generated {n}, to bound", "lft", singly=True)
        for n in (30, 60, 120)
    ),
    *(Row(f"workflows: {d}", "workflow", HEFT, "durations", d, "HEFT") for d in ("certain", "sigma 0.2", "sigma 0.5")),
    *(
        Row(f"shared cluster: 12 settings, {t}", "shared_cluster", OF_BEST, "tasks", t, BEST)
        for t in ("large tasks", "small tasks")
    ),
    *(
        Row(f"shared cluster: load 1.5, 4 agents, {t}", "shared_cluster_lookahead", OF_BEST, "tasks", t, BEST)
        for t in ("large tasks", "small tasks")
    ),
    Queues("batch queues: all cells where anything waits", "% above the best rule of each cell, geometric mean", False),
    Queues("the same, at or below the best rule", "cells", True),
)


def table(folder: Path) -> str:
    """Return the table in Markdown, and what is to be said below it, from the suites' files in a folder."""
    suites = {name: Found.read(folder, name) for name in dict.fromkeys(row.suite for row in ROWS)}
    lines = [
        ["", "unit; less is better but in counts", "instances", *COLUMNS, "runs"],
        [":--", ":--", *["--:"] * (len(COLUMNS) + 2)],
    ]
    for row in ROWS:
        entries = row.entries(suites[row.suite])
        shown = [str(entries[column].figure) if column in entries else ABSENT for column in COLUMNS]
        lines.append(
            [
                row.label,
                row.unit,
                str(row.instances(suites[row.suite])),
                *shown,
                str(max((entry.figure.runs for entry in entries.values()), default=0)),
            ]
        )
    commits = {found.name: found.commit or "not noted" for found in suites.values()}
    made = ", ".join(f"[{name}](results/suites/{name}.md) ({commit})" for name, commit in commits.items())
    return "\n".join(
        [
            *(f"| {' | '.join(line)} |" for line in lines),
            "",
            "Rules, indices and searches are the best of theirs on these very episodes; 95 % intervals by instance and training run "
            "([docs/statistics.md](docs/statistics.md)); 'runs' were trained. ¹ Not measured, or not published. ² On the whole collection, "
            f"of which a part is here. From (with the commit that was measured): {made}.",
        ]
    )


def put(readme: str, folder: Path) -> str:
    """Return the text of a page with the table between its markers.

    Raises:
        ValueError: where it has not both of them, once and in order.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in after:
        raise ValueError(f"the page must have {BEGIN} and, behind it, {END}, each once")
    return f"{before}{BEGIN}\n{table(folder)}\n{END}{after}"
