"""Show a training run, an evaluation, a suite or an event log as one HTML file, which works offline.

  parley report results/shared_cluster/RUN                        the folder of a training run; the page goes there, as report.html
  parley report results/suites/job_shop.json --out suite.html     what parley benchmark or parley evaluate wrote
  parley report episode.npz --out episode.html                    an event log that experiments.reports.logs.write wrote
  parley report episode.npz --windows 24h --out performance.html  how it did, in windows of 24 hours; also of a run or an evaluation
  parley report run=results/shared_cluster/RUN out=page.html      the same as the first, as other commands are told

The page has the table with its intervals, learning curves, an episode by the best policy beside one by the best rules,
its queue, utilisation and negotiation, and the data behind every chart. It asks nothing of any other machine.
"""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from envs.files import write_text
from experiments.plumbing import cli
from experiments.plumbing.building import check_writable, settings
from experiments.plumbing.settings import Report
from experiments.plumbing.training import PAGE

WINDOWS_PAGE = "performance.html"
"""In the folder of a run, unless another name is given."""

SETTINGS = ("run", "out", "windows", "decisions", "history", "threads")
"""Before a = ; anything else that has one is a file with such a name."""
OPTIONS = ("out", "windows", "history")
"""Settings that may be written as options, with two hyphens."""


def report(config: DictConfig) -> None:
    """Read what there is, and write the page."""
    told = settings(config, Report)
    run = Path(told.run)
    if not run.exists():
        raise cli.UsageError(f"run={run} does not exist, must be the folder of a training run, or a .json or .npz file")
    name = PAGE if told.windows is None else WINDOWS_PAGE
    out = Path(told.out) if told.out is not None else run / name if run.is_dir() else run.with_suffix(".html")
    check_writable("out", out)

    from experiments.reports.page import html  # brings numba, which --help does without

    if told.windows is None:
        from experiments.reports.sources import read

        made = read(run)
    else:
        from experiments.reports import renderers
        from experiments.reports.windows import execution, page

        length = execution.seconds(told.windows)
        past = None if told.history is None else Path(told.history)
        if past is not None and not past.is_file():
            raise cli.UsageError(f"history={past} does not exist, must be a file that parley decide --history wrote")
        made = page.performance(execution.read(run, told.decisions, past), length)
        print(renderers.text(made))
    write_text(out, html(made))
    print(f"The report is {out}")


def as_settings(arguments: list[str]) -> list[str]:
    """Return a command line with ``RUN``, ``--out FILE`` and its like written as the settings run and out."""
    made: list[str] = []
    rest, before = list(arguments), ""
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.removeprefix("--").partition("=")
        if argument.startswith("--") and name in OPTIONS and (equals or rest):
            made.append(cli.override(name, value if equals else rest.pop(0)))
        elif argument.startswith(("-", "~", "+")) or before.startswith("-") or argument.partition("=")[0] in SETTINGS:
            made.append(argument)
        else:
            made.append(cli.override("run", argument))
        before = argument
    return made


def main() -> None:
    """Run ``parley report``."""
    sys.argv[1:] = as_settings(sys.argv[1:])
    cli.run(report, "report")
