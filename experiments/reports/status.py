"""The status of an execution as a report: what analyzers found, in whatever form, wherever it is wanted."""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TextIO

from agents.operation.site.problems import printable
from agents.operation.site.retelling import retell
from agents.operation.status import ANALYZERS, Analyzer, Finding, StatusContext
from envs.files import write_text
from experiments.reports import bargaining, episode, renderers
from experiments.reports.page import html
from experiments.reports.report import Cell, Figure, Report, Sheet, as_json
from experiments.reports.tables import number

TEXT, MARKDOWN, HTML, JSON = "text", "markdown", "html", "json"
FORMS: Final = {".txt": TEXT, ".md": MARKDOWN, ".html": HTML, ".json": JSON}
"""By the suffix of a file."""
MEDIA: Final = {TEXT: "text/plain", MARKDOWN: "text/markdown", HTML: "text/html", JSON: "application/json"}
PATIENCE: Final = 10.0
"""Seconds for a webhook to answer."""
URGENT: Final = ("alert", "warning")
"""Severities, the worst first."""


class StatusError(ValueError):
    """A status that cannot be delivered as asked; the message says why."""


class Generator(Protocol):
    """Writes a report in one form."""

    def generate(self, report: Report) -> str:
        """Return the document."""


class TextGenerator:
    """For a screen."""

    def generate(self, report: Report) -> str:
        """Return plain text, in which nothing is left that a terminal would obey."""
        facts = ", ".join(f"{name} {value}" for name, value in report.facts.items())
        made = f"{report.title}: {facts}\n\n{renderers.text(report)}"
        return "\n".join(printable(line) for line in made.splitlines()) + "\n"


class MarkdownGenerator:
    """For a repository or a chat."""

    def generate(self, report: Report) -> str:
        """Return Markdown."""
        return renderers.markdown(report, ", ".join(f"{name} {value}" for name, value in report.facts.items()))


class HtmlGenerator:
    """For a browser."""

    def generate(self, report: Report) -> str:
        """Return the page, with schedule and charts."""
        return html(report)


class JsonGenerator:
    """For programs."""

    def generate(self, report: Report) -> str:
        """Return the versioned JSON form of reports, without its charts and schedules."""
        return json.dumps(
            as_json(Report(report.title, report.sheets, report.notes, facts=report.facts)), indent=1, allow_nan=False
        )


GENERATORS: Final[Mapping[str, Generator]] = {
    TEXT: TextGenerator(),
    MARKDOWN: MarkdownGenerator(),
    HTML: HtmlGenerator(),
    JSON: JsonGenerator(),
}


class Distributor(Protocol):
    """Takes a report somewhere."""

    @property
    def form(self) -> str:
        """In which form, a key of the generators."""

    @property
    def where(self) -> str:
        """For people: where to."""

    def distribute(self, document: str) -> None:
        """Take it there. Raises OSError where that fails."""


class ConsoleDistributor:
    """Prints."""

    def __init__(self, form: str = TEXT, stream: TextIO | None = None) -> None:
        """Print in a form, to a stream; None: standard output."""
        self.form, self.where, self._stream = form, "the screen", stream

    def distribute(self, document: str) -> None:
        """Print it."""
        (self._stream or sys.stdout).write(document)


class FileDistributor:
    """Writes a file, whole or not at all; its suffix says in which form."""

    def __init__(self, path: Path) -> None:
        """Write to ``path``. Raises StatusError where its suffix says nothing."""
        if path.suffix not in FORMS:
            raise StatusError(f"{path}: has the suffix {path.suffix!r}, must be one of {', '.join(FORMS)}")
        self.form, self.where, self._path = FORMS[path.suffix], str(path), path

    def distribute(self, document: str) -> None:
        """Write it."""
        write_text(self._path, document)


class WebhookDistributor:
    """Posts JSON, or another form, to an address."""

    def __init__(self, url: str, form: str = JSON, patience: float = PATIENCE) -> None:
        """Post to ``url``; wait ``patience`` seconds at most. Raises StatusError where it is no http or https address."""
        try:
            parts = urllib.parse.urlsplit(url)
            known = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            known = False
        if not known:
            raise StatusError(f"webhook {url!r} must be an address that begins with http:// or https://")
        self.form, self._url, self._patience = form, url, patience
        self.where = f"{parts.scheme}://{parts.hostname}"  # paths of webhooks are secrets
        self._opener = urllib.request.build_opener(_Stay())

    def distribute(self, document: str) -> None:
        """Post it. Raises OSError where nobody answers, or something else than 2xx."""
        headers = {"Content-Type": f"{MEDIA[self.form]}; charset=utf-8"}
        request = urllib.request.Request(self._url, document.encode(), headers, method="POST")
        try:
            with self._opener.open(request, timeout=self._patience) as answer:
                answer.read(0)
        except urllib.error.HTTPError as error:
            error.close()
            raise OSError(f"answered {error.code}") from None


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: an answer that says to go on is a failure."""

    def redirect_request(self, *_: object) -> None:
        """Refuse."""


class Delivery(NamedTuple):
    """What became of one delivery."""

    where: str
    problem: str | None
    """None: it arrived."""


class StatusReport(NamedTuple):
    """What was found and said."""

    findings: list[Finding]
    report: Report
    deliveries: list[Delivery]


class StatusReporter:
    """Analyses an execution, and tells it in every form and place that is wanted."""

    def __init__(
        self,
        analyzers: Sequence[Analyzer] = ANALYZERS,
        distributors: Sequence[Distributor] = (),
        generators: Mapping[str, Generator] = GENERATORS,
    ) -> None:
        """Take what looks, what writes, by form, and what delivers.

        Raises:
            StatusError: a distributor wants a form that nothing generates.
        """
        for distributor in distributors:
            if distributor.form not in generators:
                raise StatusError(
                    f"{distributor.where} wants {distributor.form!r}, must be one of {', '.join(generators)}"
                )
        self._analyzers, self._distributors, self._generators = analyzers, distributors, generators

    async def generate_status_report(self, context: StatusContext) -> StatusReport:
        """Report in a thread of its own, as ``report_status`` does."""
        return await asyncio.to_thread(self.report_status, context)

    def report_status(self, context: StatusContext) -> StatusReport:
        """Analyse, write and deliver; a delivery that fails is told, and keeps nobody else from theirs."""
        findings = [finding for analyzer in self._analyzers for finding in analyzer.analyse(context)]
        report = as_report(context, findings)
        documents: dict[str, str] = {}
        deliveries = []
        for distributor in self._distributors:
            form = distributor.form
            document = documents.get(form) or documents.setdefault(form, self._generators[form].generate(report))
            try:
                distributor.distribute(document)
                problem = None
            except OSError as error:
                problem = str(error.strerror or getattr(error, "reason", None) or error)
            deliveries.append(Delivery(distributor.where, problem))
        return StatusReport(findings, report, deliveries)


def as_report(context: StatusContext, findings: Sequence[Finding]) -> Report:
    """Lay findings out: what needs attention first, then everything; for a page, also the schedule and its charts so far."""
    ranked = sorted((f for f in findings if f.severity in URGENT), key=lambda f: URGENT.index(f.severity))
    urgent: list[list[Cell]] = [[f.severity, f.name, f"{f.detail} ({f.definition})", _figure(f)] for f in ranked]
    rows: list[list[Cell]] = [[f.about, f.name, f.definition, _figure(f)] for f in findings]
    header = ["of", "figure", "what it is", "value"]
    sheets = [Sheet("Needs attention", ["", "figure", "what", "value"], urgent, left=3)] if urgent else []
    sheets.append(Sheet("Status", header, rows, left=3))
    over = "cut off" if context.truncated else "finished" if context.over else "running"
    counted = {severity: sum(f.severity == severity for f in findings) for severity in URGENT}
    attention = ", ".join(f"{count} {name}{'s' * (count > 1)}" for name, count in counted.items() if count)
    verb = "needs" if sum(counted.values()) <= 1 else "need"
    note = f"It is {over} at {number(context.time)} s. {attention or 'Nothing'} {verb} attention."
    log = retell(context.instance, context.log)
    played, of = log.time.size > 0, (context.title, context.instance, log)
    return Report(
        f"Status of {context.title}",
        sheets,
        [note],
        [*episode.charts(*of), *bargaining.charts(*of)] if played else [],
        [episode.schedule(context.title, float("nan"), context.instance, log, context.agents)] if played else [],
        {"time": f"{number(context.time)} s", "execution": over},
    )


def _figure(finding: Finding) -> Figure:
    if finding.value is None:
        return Figure.of(float("nan"), unit=finding.unit)
    unit = finding.unit.removesuffix("s") if finding.value == 1 and len(finding.unit) > 1 else finding.unit
    whole = finding.value == round(finding.value) and finding.unit != "%"
    shown = f"{finding.value:,.0f}" if whole else number(finding.value)
    return Figure(finding.value, f"{shown} {unit}".strip(), unit=finding.unit)
