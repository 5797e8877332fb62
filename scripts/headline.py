"""Put every number of README.md there, the table and those in sentences, from results/ alone: ``python -m scripts.headline``."""

from __future__ import annotations

from envs.files import write_text
from experiments.plumbing.processes import ROOT
from experiments.reports import inline
from experiments.reports.headline import put


def main() -> None:
    """Make them again; all else on the page stays."""
    page, results = ROOT / "README.md", ROOT / "results"
    write_text(page, inline.put(put(page.read_text(encoding="utf-8"), results / "suites"), results))


if __name__ == "__main__":
    main()
