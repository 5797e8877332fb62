"""Status reports: every form, every way out, and what happens where one of them is closed."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from agents.operation.site.example import example
from agents.operation.status import ANALYZERS, StatusContext
from experiments import status as command
from experiments.reports import logs
from experiments.reports.report import from_json
from experiments.reports.status import (
    GENERATORS,
    HTML,
    JSON,
    TEXT,
    ConsoleDistributor,
    FileDistributor,
    StatusError,
    StatusReporter,
    WebhookDistributor,
)
from tests.experiments.reports.episodes import contended

Posted = list[tuple[str, str, bytes]]


@pytest.fixture
def hook() -> Iterator[tuple[str, Posted]]:
    """A web server on this machine: what was posted to it, by path and type. /no refuses, /away sends elsewhere."""
    posted: Posted = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.path, self.headers["Content-Type"], body))
            self.send_response({"/no": 500, "/away": 302}.get(self.path, 204))
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", posted
    server.shutdown()
    thread.join()
    server.server_close()


def test_one_report_everywhere(tmp_path: Path, hook: tuple[str, Posted]) -> None:
    """Protects who is told: screen, files of every form and a webhook get the same, asynchronously as well."""
    url, posted = hook
    screen = io.StringIO()
    files = [tmp_path / f"status{suffix}" for suffix in (".txt", ".md", ".html", ".json")]
    wanted = [ConsoleDistributor(stream=screen), *map(FileDistributor, files), WebhookDistributor(f"{url}/in")]
    context = StatusContext.of_situation("mine", example())
    told = asyncio.run(StatusReporter(distributors=wanted).generate_status_report(context))
    assert [each.problem for each in told.deliveries] == [None] * len(wanted)
    assert screen.getvalue() == files[0].read_text() == GENERATORS[TEXT].generate(told.report)
    assert "warning  cannot be kept  job paper" in screen.getvalue()
    ((path, media, body),) = posted
    assert (path, media, body) == ("/in", "application/json; charset=utf-8", files[3].read_bytes())
    assert [sheet.title for sheet in from_json("x", json.loads(body)).sheets] == ["Needs attention", "Status"]
    assert files[2].read_text() == GENERATORS[HTML].generate(told.report)
    assert {f.about for f in told.findings} == {"progress", "load", "due dates", "trouble", "fairness"}


def test_a_closed_way_closes_no_other(tmp_path: Path, hook: tuple[str, Posted]) -> None:
    """Protects the others where one distributor fails: it is told which, without the webhook's path, and nobody is followed elsewhere."""
    url, posted = hook
    (tmp_path / "file").write_text("")
    wanted = [
        WebhookDistributor(f"{url}/no"),
        WebhookDistributor(f"{url}/away"),
        WebhookDistributor("http://127.0.0.1:1/secret"),
        FileDistributor(tmp_path / "file" / "x.txt"),
        FileDistributor(tmp_path / "y.txt"),
    ]
    told = StatusReporter(distributors=wanted).report_status(StatusContext.of_episode("x", *contended(), 100.0))
    problems = [each.problem for each in told.deliveries]
    assert problems[:2] == ["answered 500", "answered 302"]
    assert "refused" in str(problems[2])
    assert problems[3] is not None
    assert problems[4] is None
    assert [path for path, _, _ in posted] == ["/no", "/away"]
    assert "secret" not in str(told.deliveries)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "http://", "x", "http://[1"])
def test_addresses_that_are_none(url: str) -> None:
    """Protects the machine: a webhook is a web address and nothing else."""
    with pytest.raises(StatusError, match="must be an address that begins with http"):
        WebhookDistributor(url)


def test_forms_that_nobody_writes(tmp_path: Path) -> None:
    """Protects who misnames a file, or leaves out a generator: told at once, not when something happens."""
    with pytest.raises(StatusError, match=r"must be one of .txt, .md, .html, .json"):
        FileDistributor(tmp_path / "status.pdf")
    with pytest.raises(StatusError, match="wants 'json', must be one of text"):
        StatusReporter(ANALYZERS, [ConsoleDistributor(JSON)], {TEXT: GENERATORS[TEXT]})


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects ``parley status``: an episode at a time, in a file, and one line for what is wrong."""
    logs.write(tmp_path / "log.npz", "who", *contended())
    file, page = str(tmp_path / "log.npz"), tmp_path / "new" / "status.html"

    def run(*arguments: str) -> None:
        monkeypatch.setattr("sys.argv", ["parley status", *arguments])
        command.main()

    run(file, "--at", "200", "--to", str(page))
    told = capsys.readouterr().out
    assert told.startswith("Status of who: time 200.0 s, execution running")
    assert "Status of who" in page.read_text()
    for arguments in (
        (file, "--at", "-1"),
        (file, "--to", "x.pdf"),
        (file, "--webhook", "x"),
        (str(tmp_path / "none.npz"),),
    ):
        with pytest.raises(SystemExit) as stopped:
            run(*arguments)
        assert stopped.value.code == 2
    with pytest.raises(SystemExit) as stopped:
        run(file, "--webhook", "http://127.0.0.1:1/x")
    assert (stopped.value.code, "http://127.0.0.1: " in capsys.readouterr().err) == (1, True)
