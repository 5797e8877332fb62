"""Photograph report pages for docs/gallery.md: ``python -m scripts.gallery``. Needs chromium (``make browser``).

The pages are of one episode of the shared cluster, by the tuned index and by the strongest rules, and of a week at a slower site.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Final

from agents.evaluation.play import draw_episodes, record
from agents.policies import load_negotiator, load_prioritizer
from envs import default_scenario
from envs.files import write_bytes
from envs.render.described import described_by
from experiments.performance.windows import WEEK
from experiments.plumbing.processes import ROOT
from experiments.reports import bargaining, episode
from experiments.reports.page import html
from experiments.reports.report import Report
from experiments.reports.windows.execution import Execution
from experiments.reports.windows.page import performance
from scripts.browser import Tab, browser

IMAGES: Final = ROOT / "docs" / "images"
POLICY: Final = "policies/shared_cluster_index"
WIDTH, HEIGHT = 1400, 1000
SEED: Final = 1


def pages() -> dict[str, str]:
    """Return the pages by the names of their pictures."""
    scenario = default_scenario()
    drawn = draw_episodes(scenario, 1, SEED)
    instance, seed = drawn.instances[0], int(drawn.seeds[0])
    players = {POLICY: (POLICY, POLICY), "wsrpt+w with urgency": ("wsrpt+w", "urgency")}
    logs = {
        name: record(scenario, instance, seed, load_prioritizer(first), load_negotiator(second))
        for name, (first, second) in players.items()
    }
    schedules = [episode.schedule(name, float("nan"), instance, log) for name, log in logs.items()]
    charts = [chart for name, log in logs.items() for chart in episode.charts(name, instance, log)]
    charts += [chart for name, log in logs.items() for chart in bargaining.charts(name, instance, log)]
    sheets = [episode.negotiation(name, instance, log) for name, log in logs.items()]
    week = draw_episodes(WEEK, 1, SEED)
    log = record(WEEK, week.instances[0], int(week.seeds[0]), load_prioritizer(POLICY), load_negotiator(POLICY))
    return {
        "report.png": html(Report("The tuned index beside the strongest rules", sheets[:1], [], charts, schedules)),
        "performance.png": html(
            performance(Execution("a week by the tuned index", [(week.instances[0], log)]), 86_400.0)
        ),
    }


def photograph(tab: Tab, page: str, path: Path) -> None:
    """Save the top of a page as a picture of few colours, with its origin in the file."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page, encoding="utf-8")
        tab.show(file, WIDTH, HEIGHT)
        tab.frames(10)
        tab.picture(file.with_suffix(".png"), whole=False)
        picture = Image.open(file.with_suffix(".png")).convert("RGB").quantize(64)
        written = io.BytesIO()
        picture.save(written, "PNG", optimize=True, pnginfo=described_by(path.stem, "python -m scripts.gallery", ""))
    write_bytes(path, written.getvalue())


def main() -> None:
    """Make both pictures again."""
    made = pages()
    with browser() as tab:
        for name, page in made.items():
            photograph(tab, page, IMAGES / name)


if __name__ == "__main__":
    main()
