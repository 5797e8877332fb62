"""Reports as plain text and as Markdown."""

from __future__ import annotations

from experiments.reports.report import Report
from experiments.reports.tables import table


def text(report: Report) -> str:
    """Lay the tables and notes of a report out for the screen."""
    parts = [f"{sheet.title}\n{table(sheet.header, sheet.texts, sheet.left)}" for sheet in report.sheets]
    return "\n\n".join([*parts, "\n".join(report.notes)])


def markdown(report: Report, intro: str) -> str:
    """Lay them out for the reader of a repository, with a paragraph below the title."""
    parts = [f"# {report.title}", intro]
    for sheet in report.sheets:
        lines = [list(sheet.header), [*[":--"] * sheet.left, *["--:"] * (len(sheet.header) - sheet.left)], *sheet.texts]
        parts += [
            f"## {sheet.title}",
            "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines),
        ]
    return "\n\n".join([*parts, *report.notes]) + "\n"
