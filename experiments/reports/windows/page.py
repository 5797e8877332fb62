"""The performance report: three composites and what they are made of, each figure with definition and interval, then window by window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.statistics import Interval
from envs.workloads.instance import FloatArray
from experiments.reports.report import Cell, Chart, Curve, Figure, Report, Sheet
from experiments.reports.tables import number
from experiments.reports.windows import figures
from experiments.reports.windows.analyzer import EfficiencyAnalyzer, Expectation, features_of
from experiments.reports.windows.execution import Automatic, Execution
from experiments.reports.windows.figures import AUTONOMY, QUALITY, Defined, Function, figure, jackknife, mean_of, ratio
from experiments.reports.windows.measures import SETTLED, Column, Observed, observe
from experiments.reports.windows.quality import Sampled

NOT_MEASURED: Final = Figure(math.nan, "not measured")
FEWEST: Final = 5
"""Windows of one execution from which on they are the observations; before, parts of windows are."""
MOST_ROWS: Final = 31
"""Windows that are told one by one."""
X: Final = "window"
"""What the axis of their charts measures."""


class _Looked(IntEnum):
    """What is added up of decisions that were looked at again."""

    AGREED = 0
    REGRET = 1
    COST = 2
    NUMBER = 3


class _Window(NamedTuple):
    """One window of one episode."""

    episode: int
    number: int
    start: float
    end: float
    parts: FloatArray
    """[parts, Column]."""
    expected: Expectation | None
    """None: nothing was done in it."""

    @property
    def sums(self) -> FloatArray:
        return np.asarray(self.parts.sum(axis=0))


def performance(execution: Execution, length: float) -> Report:
    """Return the report of an execution over windows of ``length`` seconds."""
    analyzer = EfficiencyAnalyzer.load()
    windows = [
        window
        for e, (instance, log) in enumerate(execution.played)
        for seen in (observe(instance, log, length),)
        for window in _windows(e, seen, features_of(instance, log, seen), analyzer)
    ]
    cluster, by = _clusters(windows, len(execution.played))
    sums = np.concatenate([window.parts for window in windows])
    rows = [
        *(_row(each, jackknife(each.of, sums, cluster)) for each in figures.EXECUTION_FIGURES),
        _row(_allowed(analyzer), _against(windows, cluster)),
        *_quality(execution, sums),
        *_autonomy(execution, sums, cluster),
    ]
    rows.sort(key=lambda row: (figures.EXECUTION, QUALITY, AUTONOMY).index(str(row[0])))
    header = ["of", "figure", "what it is", "unit", "value, 95 % interval"]
    sheets = [Sheet("Performance", header, rows, left=4), _by_window(windows, length)]
    notes = [
        f"{len(windows)} windows of {_told(length)} in {len(execution.played)} episode(s), from time 0 on; the last of each ends with it.",
        f"Intervals leave out one {by} after the other (jackknife, t quantiles).",
        *execution.notes,
    ]
    outside = sorted({name for window in windows if window.expected for name in window.expected.outside})
    if outside:
        notes.append(
            f"Some windows are unlike those that the expected efficiency was learned from, in: {', '.join(outside)}. "
            "What is expected of them means little."
        )
    return Report(f"Performance: {execution.title}", sheets, notes, _charts(windows))


def _windows(episode: int, seen: Observed, features: FloatArray, analyzer: EfficiencyAnalyzer) -> list[_Window]:
    made = []
    for w in range(len(seen.backlog)):
        here = seen.window == w
        parts = seen.sums[here]
        known = math.isfinite(figures.EFFICIENT(parts.sum(axis=0)))
        expected = analyzer.expect(features[w]) if known else None
        made.append(_Window(episode, w, float(seen.start[here][0]), float(seen.end[here][-1]), parts, expected))
    return made


def _clusters(windows: Sequence[_Window], episodes: int) -> tuple[NDArray[np.int64], str]:
    """[parts] which of them are one observation, and what that is called."""
    sizes = [len(window.parts) for window in windows]
    if episodes > 1:
        return np.repeat([window.episode for window in windows], sizes), "episode"
    if len(windows) >= FEWEST:
        return np.repeat(np.arange(len(windows)), sizes), "window"
    return np.arange(sum(sizes)), "part of a window"


def _row(defined: Defined, interval: Interval) -> list[Cell]:
    told = (
        figure(interval, defined.unit, defined.least, defined.most) if math.isfinite(interval.value) else NOT_MEASURED
    )
    return [defined.composite, defined.name, defined.definition, defined.unit, told]


def _unknown(sums: FloatArray) -> float:
    return math.nan


def _allowed(analyzer: EfficiencyAnalyzer) -> Defined:
    return Defined(
        figures.EXECUTION,
        "against what its load allows",
        "points",
        f"execution efficiency less what {analyzer.policy} reaches at such a load and mix, mean by time; expected by a regression on "
        f"{analyzer.windows} simulated windows, which is off by {analyzer.error:.1f} points (root mean square) in those left out",
        _unknown,
        least=-math.inf,
    )


def _against(windows: Sequence[_Window], cluster: NDArray[np.int64]) -> Interval:
    """The mean over time of efficiency less what was expected."""
    rows, index, at = [], [], 0
    for window in windows:
        if window.expected is not None:
            lasted = float(window.sums[Column.SECONDS])
            rows.append([lasted * (figures.EFFICIENT(window.sums) - window.expected.efficiency.value), lasted])
            index.append(int(cluster[at]))
        at += len(window.parts)
    sums = np.array(rows, np.float64).reshape(-1, 2)
    if not len(sums):
        return figures.NOTHING
    return jackknife(ratio(0, 1), sums, np.array(index))


def _quality(execution: Execution, sums: FloatArray) -> list[list[Cell]]:
    """Rows of decision quality."""
    accuracy, regret = ratio(_Looked.AGREED, _Looked.NUMBER, 100.0), ratio(_Looked.REGRET, _Looked.COST, 100.0)

    def spared(total: FloatArray) -> float:
        return 100.0 - max(0.0, regret(total))

    count = 0 if execution.sampled is None else len(execution.sampled.agreed)
    some = f"of {count} decisions" if count else "of decisions"
    looked = (
        f"{some}, drawn at random, that were looked at again with lookahead over three actions in 16 imagined futures"
    )
    defined = (
        Defined(
            QUALITY,
            QUALITY,
            "%",
            "geometric mean of decision accuracy and 100 % less regret",
            mean_of(accuracy, spared),
            most=100.0,
        ),
        Defined(
            QUALITY,
            "decision accuracy",
            "%",
            f"{looked}: no alternative was better by more than luck explains",
            accuracy,
            most=100.0,
        ),
        Defined(
            QUALITY,
            "regret",
            "%",
            "there: what picks cost more than the best alternative, of what was still to be paid",
            regret,
            least=-math.inf,
        ),
    )
    found, index = _of_sample(execution.sampled)
    rows = [_row(each, jackknife(each.of, found, index) if count else figures.NOTHING) for each in defined]
    what = (
        "error of expected durations, mean |log(actual / expected)|: how much smaller "
        f"after {SETTLED} tasks of a kind than at an agent's first (interval: by tasks)"
    )
    rows.append(
        _row(
            Defined(QUALITY, "adaptation speed", "%", what, _unknown, least=-math.inf),
            figures.adaptation(sums.sum(axis=0)),
        )
    )
    what = "slope of the gap to the rules over decisions of training, by least squares; negative where it learns"
    slope = Defined(QUALITY, "learning rate", "points per million", what, _unknown, least=-math.inf)
    return [*rows, _row(slope, execution.learning or figures.NOTHING)]


def _of_sample(sampled: Sampled | None) -> tuple[FloatArray, NDArray[np.int64]]:
    """Sums [n, _Looked]; by episode, or one by one where there is one episode."""
    if sampled is None:
        return np.zeros((0, 4)), np.zeros(0, np.int64)
    sums = np.column_stack([sampled.agreed, sampled.regret, sampled.cost, np.ones(len(sampled.agreed))])
    alone = len(np.unique(sampled.episode)) < 2
    return sums, np.arange(len(sums)) if alone else sampled.episode


def _autonomy(execution: Execution, sums: FloatArray, cluster: NDArray[np.int64]) -> list[list[Cell]]:
    """Rows of autonomous capability."""
    automatic, total = execution.automatic or Automatic(0, 0), sums.sum(axis=0)
    managed = figures.share(automatic.alone, automatic.decisions)
    recovered = figures.share(total[Column.RESTARTED], total[Column.FAILURES])
    known = [each for each in (managed, recovered) if math.isfinite(each.value)]
    whole = (
        Interval(*(math.prod(ends) ** (1.0 / len(known)) for ends in zip(*known, strict=True)))
        if math.isfinite(managed.value)
        else figures.NOTHING
    )
    parts = "geometric mean of self-management and error recovery, of those that there are (its ends: of theirs)"
    made = f"of {automatic.decisions:,} decisions" if execution.automatic else "of decisions"
    alone = f"{made}, those made without fallback or person (interval: Wilson 1927)"
    again = f"of {total[Column.FAILURES]:,.0f} attempts that failed or were interrupted, those whose task was started again (Wilson)"
    rows = [
        _row(Defined(AUTONOMY, AUTONOMY, "%", parts, _unknown), whole),
        _row(Defined(AUTONOMY, "self-management", "%", alone, _unknown), managed),
        _row(Defined(AUTONOMY, "error recovery", "%", again, _unknown), recovered),
    ]
    rows += [_row(each, jackknife(each.of, sums, cluster)) for each in figures.RECOVERY_FIGURES]
    how, gain = execution.saved or ("", figures.NOTHING)
    saved = Interval(*(-100.0 * part for part in (gain.value, gain.high, gain.low)))
    defined = Defined(
        AUTONOMY,
        "optimisation ability",
        "% of cost",
        f"what the optimizer{f', {how},' if how else ''} saved against the same policies without it, on the same episodes and luck",
        _unknown,
    )
    told = Figure(
        saved.value,
        f"{number(saved.value, 3)} [{number(saved.low, 3)}, {number(saved.high, 3)}]",
        saved.low,
        saved.high,
        unit="%",
    )
    rows.append(
        [defined.composite, defined.name, defined.definition, defined.unit, told if execution.saved else NOT_MEASURED]
    )
    return rows


COLUMNS: Final[dict[str, tuple[Function, float]]] = {
    "load": (figures.LOAD, math.inf),
    "utilisation": (figures.USED, 100.0),
    "time efficiency": (figures.TIMELY, 100.0),
    "cost effectiveness": (figures.FRUITFUL, 100.0),
    "execution efficiency": (figures.EFFICIENT, 100.0),
}
"""Of the table of windows, and the most that each can be."""


def _by_window(windows: Sequence[_Window], length: float) -> Sheet:
    rows: list[list[Cell]] = []
    for window in windows[:MOST_ROWS]:
        own = np.arange(len(window.parts))
        lasted = window.end - window.start
        done = float(window.sums[Column.JOBS])
        name = f"{window.episode + 1}.{window.number + 1}" if windows[-1].episode else str(window.number + 1)
        cells: list[Cell] = [figure(jackknife(of, window.parts, own), "%", 0.0, most) for of, most in COLUMNS.values()]
        expected = figure(window.expected.efficiency, "%", 0.0, 100.0) if window.expected else NOT_MEASURED
        difference = figures.EFFICIENT(window.sums) - window.expected.efficiency.value if window.expected else math.nan
        rows.append(
            [
                name,
                Figure(lasted, _told(lasted), unit="s"),
                Figure(done, f"{done:,.0f}"),
                *cells,
                expected,
                Figure.of(difference, 2, unit="points"),
            ]
        )
    header = [
        "window",
        "lasts",
        "jobs done",
        "load, %",
        "utilisation, %",
        "time efficiency, %",
        "cost effectiveness, %",
        "execution efficiency, %",
    ]
    more = f" (the first {MOST_ROWS} of {len(windows)})" if len(windows) > MOST_ROWS else ""
    return Sheet(
        f"Windows of {_told(length)}{more}; intervals by eighths of a window",
        [*header, "its load allows, %", "points above that"],
        rows,
    )


def _charts(windows: Sequence[_Window]) -> list[Chart]:
    """Efficiency window by window, where there are enough to see a course."""
    own = [window for window in windows if window.episode == 0]
    if len(own) < 3:
        return []
    x = [float(window.number + 1) for window in own]
    curves = [
        Curve(name, x, [of(window.sums) for window in own]) for name, (of, _) in COLUMNS.items() if name != "load"
    ]
    allowed = [window.expected.efficiency.value if window.expected else math.nan for window in own]
    load = [figures.LOAD(window.sums) for window in own]
    return [
        Chart("Efficiency, window by window", X, "%", [*curves, Curve("its load allows", x, allowed)]),
        Chart("Load, window by window", X, "% of the bottleneck", [Curve("load", x, load)]),
    ]


def _told(seconds: float) -> str:
    """A length of time as people say it."""
    for size, unit in ((3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
