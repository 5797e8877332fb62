"""Put the table at the top of README.md there, from results/suites/*.json alone: ``python -m scripts.headline``."""

from __future__ import annotations

from envs.files import write_text
from experiments.plumbing.processes import ROOT
from experiments.reports.headline import put


def main() -> None:
    """Make the table again; all else on the page stays."""
    page = ROOT / "README.md"
    write_text(page, put(page.read_text(encoding="utf-8"), ROOT / "results" / "suites"))


if __name__ == "__main__":
    main()
