"""The trace for Perfetto: by the letter of the Trace Event Format, and in Perfetto's own trace processor where that is installed."""

from __future__ import annotations

import json
import math
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.events import EventKind, EventLog
from envs.render import perfetto
from envs.render.spans import spans_of
from envs.scenario import Limits, Scenario, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Instance
from tests.greedy import Greedy

PROCESSOR = shutil.which("trace_processor_shell") or shutil.which("trace_processor")
NAMED = ("process_name", "thread_name")


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Instance, EventLog, Path]:
    """A cut-off episode in which everything occurs, and its trace."""
    troubles = Uncertainty(0.5, 0.2, 5.0, 2, 400.0, 60.0, 0.5)
    workload = SyntheticWorkload(jobs=40, eligible="all")
    instance = workload.instance(1)
    log = Greedy(Scenario(workload, uncertainty=troubles, limits=Limits(max_time=1500.0)), instance, 4).log
    path = tmp_path_factory.mktemp("trace") / "trace.json"
    perfetto(instance, log, path)
    return instance, log, path


def problems(event: dict[str, Any]) -> list[str]:
    """What is wrong with an event by the Trace Event Format (Google 2016)."""
    wrong = [f"{key} is {event.get(key)!r}" for key in ("pid",) if not isinstance(event.get(key), int)]
    if not isinstance(event.get("name"), str) or not event["name"]:
        wrong.append("has no name")
    kind = event.get("ph")
    times = {"X": ("ts", "dur"), "i": ("ts",), "C": ("ts",), "M": ()}.get(str(kind))
    if times is None:
        return [*wrong, f"ph is {kind!r}"]
    wrong += [f"{key} is {event.get(key)!r}" for key in times if not _is_time(event.get(key))]
    if kind in ("X", "i", "M") and not isinstance(event.get("tid"), int):
        wrong.append("has no tid")
    if kind == "i" and event.get("s") not in ("g", "p", "t"):
        wrong.append(f"s is {event.get('s')!r}")
    if kind == "M" and (event["name"] not in NAMED or not isinstance(event.get("args", {}).get("name"), str)):
        wrong.append("names nothing")
    if kind == "C" and not all(isinstance(value, int | float) for value in event.get("args", {"": None}).values()):
        wrong.append("counts no numbers")
    return wrong


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


def test_the_format(storm: tuple[Instance, EventLog, Path]) -> None:
    """Protects the file from being refused or drawn wrong: every event has what its kind needs, and slices of a row nest or do not meet."""
    events = json.loads(storm[2].read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(name))[
        "traceEvents"
    ]
    assert [wrong for event in events for wrong in problems(event)] == []
    rows: dict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            rows[event["pid"], event["tid"]].append((event["ts"], -event["dur"]))
    assert len(rows) > 4
    for slices in rows.values():
        open_until: list[float] = []
        for start, minus in sorted(slices):
            while open_until and open_until[-1] <= start + 1e-3:
                open_until.pop()
            assert not open_until or start - minus <= open_until[-1] + 1e-3
            open_until.append(start - minus)
    named = {(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"}
    assert set(rows) <= named


@pytest.mark.parametrize(
    "event",
    [
        {"ph": "Z", "name": "x", "pid": 0},
        {"ph": "X", "name": "x", "pid": 0, "tid": 0, "ts": 1.0},
        {"ph": "X", "name": "", "pid": 0, "tid": 0, "ts": 1.0, "dur": -1.0},
        {"ph": "i", "name": "x", "pid": 0, "tid": 0, "ts": 1.0},
        {"ph": "C", "name": "x", "pid": 0, "ts": 1.0, "args": {"a": "1"}},
        {"ph": "M", "name": "x", "pid": 0, "tid": 0, "args": {}},
    ],
)
def test_the_check_sees_what_is_wrong(event: dict[str, Any]) -> None:
    """Protects the check itself."""
    assert problems(event)


@pytest.mark.skipif(
    PROCESSOR is None, reason="no trace_processor_shell on the PATH (https://get.perfetto.dev/trace_processor)"
)
def test_perfetto_reads_it(storm: tuple[Instance, EventLog, Path]) -> None:
    """Protects who opens it in Perfetto: its own processor finds every attempt with its length, and a counter per shared resource."""
    processor = pytest.importorskip("perfetto.trace_processor", reason="pip install perfetto")
    instance, log, path = storm
    config = processor.TraceProcessorConfig(bin_path=PROCESSOR)
    with processor.TraceProcessor(trace=str(path), config=config) as opened:
        (found,) = opened.query("select count(*) as n, sum(dur) / 1e9 as seconds from slice where name != 'down'")
        (counters,) = opened.query("select count(distinct name) as n from counter_track")
    spans = spans_of(log)
    assert found.n == np.sum(log.kind == EventKind.TASK_START)
    assert found.seconds == pytest.approx(float((spans.end - spans.start).sum()), rel=1e-6)
    assert counters.n >= instance.shared.sum()
