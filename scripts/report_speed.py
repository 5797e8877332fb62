"""What a report costs its reader: the page's size, the first paint, and the pictures per second with 50,000 bars.

python -m scripts.report_speed                    of a schedule that is made up
python -m scripts.report_speed RUN/report.html    and of a page
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from experiments.reports.page import html
from experiments.reports.report import Report, Schedule
from scripts.browser import Tab, browser

BARS: Final = 50_000
AGENTS, ROWS = 16, 4
WIDTHS: Final = (390, 1600)
LOADS: Final = 5
FRAMES: Final = 120
PAINTED: Final = """new Promise(done => new PerformanceObserver(list => {
  for (const entry of list.getEntriesByName("first-contentful-paint")) done(entry.startTime);
}).observe({ type: "paint", buffered: true }))"""
MOVES: Final = f"""(async () => {{
  const drawn = [], shown = [];
  const chart = charts.find(each => each instanceof Gantt), draw = chart.draw.bind(chart);
  chart.draw = () => {{ const began = performance.now(); draw(); drawn.push(performance.now() - began); }};
  chart.figure.scrollIntoView();
  while (!chart.seen) await new Promise(requestAnimationFrame);
  let before = performance.now();
  for (let k = 0; k < {FRAMES}; k++) {{
    if (k % 3) moments.pan(k % 2 ? 0.07 : -0.05); else moments.zoom(k < {FRAMES // 2} ? 1.25 : 0.8);
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    shown.push((now - before) / 2); before = now;
  }}
  return [drawn, shown];
}})()"""
"""Zooms in and out again, moving on the way; two pictures for each move, as the first may show what was before."""


def made_up(bars: int = BARS, seed: int = 0) -> Schedule:
    """Return a busy schedule of so many bars in rows, with leases, reservations, contests and due dates."""
    random = np.random.default_rng(seed)
    each = bars // (AGENTS * ROWS)
    columns: dict[str, list[Any]] = {name: [] for name in ("agent", "row", "job", "start", "end")}
    for agent in range(AGENTS):
        for row in range(ROWS):
            edges = np.cumsum(random.exponential(30.0, 2 * each)).round(3)
            columns["agent"] += [agent] * each
            columns["row"] += [row] * each
            columns["start"] += edges[0::2].tolist()
            columns["end"] += edges[1::2].tolist()
    count = len(columns["start"])
    order = np.argsort(columns["start"], kind="stable")
    jobs = max(1, count // 5)
    told = {name: [columns[name][n] for n in order] for name in ("agent", "row", "start", "end")}
    told["job"] = [n % jobs for n in range(count)]
    told["name"] = [f"task {n}" for n in range(count)]
    told["how"] = [("end", "end", "end", "failed")[n % 4] for n in range(count)]
    told["units"] = [random.integers(0, 9, count).tolist(), random.integers(0, 3, count).tolist()]
    end = max(told["end"])
    marks = {"agent": told["agent"][::4], "name": told["name"][::4], "time": told["start"][::4]}
    due = np.sort(random.uniform(0, end, jobs)).round(1)
    of_jobs = {
        "name": [str(j) for j in range(jobs)],
        "owner": [j % AGENTS for j in range(jobs)],
        "release": [0.0] * jobs,
    }
    of_jobs |= {"due": due.tolist(), "done": (due + random.normal(-50, 60, jobs)).round(1).tolist()}
    return Schedule(
        f"{count:,} bars",
        1.0,
        end,
        [f"agent {a}" for a in range(AGENTS)],
        [ROWS] * AGENTS,
        ["memory", "licences"],
        [9 * AGENTS * ROWS, 3 * AGENTS * ROWS],
        told,
        of_jobs,
        marks | {"until": [time + 20 for time in marks["time"]]},
        marks | {"bid": random.uniform(0, 15, len(marks["time"])).round(2).tolist()},
        {"agent": [], "start": [], "end": []},
    )


def first_paint(tab: Tab, page: Path, width: int) -> float:
    """The median of several loads, in milliseconds from the request."""
    times = []
    for _ in range(LOADS):
        tab.show(page, width)
        times.append(tab.run(PAINTED))
    return float(np.median(times))


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, browser() as tab:
        busy = Path(folder, "busy.html")
        busy.write_text(html(Report("Busy", [], schedules=[made_up()])), encoding="utf-8")
        for page in (*map(Path, sys.argv[1:]), busy):
            print(f"{page.name}: {page.stat().st_size / 1e6:.2f} MB")
            for width in WIDTHS:
                print(
                    f"  {width} pixels wide: first paint after {first_paint(tab, page, width):.0f} ms (median of {LOADS})"
                )
                if tab.run("charts.some(each => each instanceof Gantt)"):
                    drawn, shown = (np.array(times) for times in tab.run(MOVES))
                    for what, times in (("drawing", drawn), ("from picture to picture", shown)):
                        print(
                            f"    {what}: median {np.median(times):.1f} ms, 95th of 100 {np.quantile(times, 0.95):.1f} ms"
                        )


if __name__ == "__main__":
    main()
