"""Reports that change: what readers are told, and that no reader, however slow, holds anything up."""

from __future__ import annotations

import json
import math
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from agents.operation.messages.messages import CompletionNotification
from experiments import run as run_command
from experiments import train
from experiments.plumbing.cli import UsageError
from experiments.reports.live import board as boards
from experiments.reports.live import server as servers
from experiments.reports.live.board import Board, TooManyReadersError
from experiments.reports.live.learning import Learning
from experiments.reports.live.server import shown
from experiments.reports.report import Chart, Curve, Report, Sheet
from tests.experiments.reports.episodes import contended
from tests.experiments.reports.live_runs import NAME, Told


class Counter:
    """A report that is another one each time."""

    def __init__(self, size: int = 1) -> None:
        """Begin at 0; ``size`` is that of a cell."""
        self.made, self.size = 0, size

    def __call__(self) -> Report:
        """Make one."""
        self.made += 1
        fixed = Sheet("Fixed", ["x"], [["1"]])
        curves = [Curve("c", [0.0], [math.nan])]
        return Report(
            "R", [Sheet("S", ["n"], [[f"{self.made}" * self.size]]), fixed], (), [Chart("C", "s", "y", curves)]
        )


def events(text: str) -> list[tuple[str, Any]]:
    """The events of a stream, comments left out."""
    made = [each.split("\n", 1) for each in text.split("\n\n") if each.startswith("event: ")]
    return [(kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for kind, data in made]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything happens fifty times a second."""
    monkeypatch.setattr(boards, "EVERY", 0.02)
    monkeypatch.setattr(servers, "TICK", 0.02)


@pytest.fixture
def address(quick: None, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[str, int]]:
    """Where a report is shown that is large, and another one each time."""
    with shown(Board(Counter(100_000), share=1.0), 0, "over now"):
        url = capsys.readouterr().err.split()[1]
        yield url, int(url.rstrip("/").rpartition(":")[2])
    assert capsys.readouterr().err == "over now\n"


def test_readers_are_told_what_changed(quick: None) -> None:
    """Protects readers and lines: everything at first, then what is new, nothing twice; without readers nothing is made."""
    counter = Counter()
    board = Board(counter, share=1.0)
    assert counter.made == 0
    with board.reader() as had:
        first = events(board.news(had))
        assert [kind for kind, _ in first] == ["layout", "part", "part", "part"]
        assert first[0][1] == [[["S", ["n"]], ["Fixed", ["x"]]], [["C", "s", ["c"]]], []]
        assert first[3][1]["part"]["curves"][0]["y"] == [None]
        assert board.news(had) == ""
        time.sleep(0.05)
        assert [(data["kind"], data["at"], data["part"]["rows"]) for _, data in events(board.news(had))] == [
            ("sheets", 0, [["2"]])
        ]
        assert events(board.news(had, last=True))[0][1]["part"]["rows"] == [["3"]]


def test_making_reports_takes_no_more_than_its_share(quick: None) -> None:
    """Protects learning: what is slow to make is made rarely, however often readers ask."""

    def slow() -> Report:
        end = time.thread_time() + 0.03
        while time.thread_time() < end:
            pass
        return counter()

    counter = Counter()
    board, had = Board(slow, share=0.01), dict[str, str]()
    board.news(had)
    for _ in range(5):
        time.sleep(0.05)
        assert board.news(had) == ""
    assert counter.made == 1


def test_no_more_readers_than_there_may_be() -> None:
    """Protects the machine: the last reader is refused, and one who leaves makes room."""
    board = Board(Counter())
    readers = [board.reader() for _ in range(boards.MOST_READERS)]
    for reader in readers:
        reader.__enter__()
    with pytest.raises(TooManyReadersError), board.reader():
        pass
    readers[0].__exit__(None, None, None)
    with board.reader():
        assert board.readers == boards.MOST_READERS


def test_slow_and_gone_readers_hold_nobody_up(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects runs and other readers from who never reads, and from who is gone: they get the newest, and the end comes at once."""
    url, port = address
    stuck = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
    for each in stuck:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        each.sendall(f"GET /news HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    time.sleep(0.1)
    stuck.pop().close()
    began, seen = time.monotonic(), set[str]()
    with urllib.request.urlopen(f"{url}news", timeout=5) as stream:
        while len(seen) < 5:
            line = stream.readline()
            if b'"title": "S"' in line:
                seen.add(json.loads(line.removeprefix(b"data: "))["part"]["rows"][0][0])
    assert time.monotonic() - began < 4.0
    monkeypatch.setattr(servers, "LAST", 0.1)  # those that are stuck are not waited for any longer
    for each in stuck:
        each.close()


def test_who_leaves_makes_room_at_once(address: tuple[str, int]) -> None:
    """Protects who loads the page again and again: readers that are gone do not count, though nobody has written to them since."""
    url, _ = address
    for _ in range(2 * boards.MOST_READERS):
        with urllib.request.urlopen(f"{url}news", timeout=5) as stream:
            assert stream.readline() == b"event: layout\n"
        time.sleep(0.1)


def test_only_this_machine_only_this_page(address: tuple[str, int], quick: None) -> None:
    """Protects who runs it: other names are refused, so are other paths and ways to ask, and nothing may be embedded or kept."""
    url, port = address
    with urllib.request.urlopen(url, timeout=5) as answer:
        page = answer.read().decode()
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert "connect-src 'self'" in page
    for path, host, status in (
        ("", "evil.example", 421),
        ("news", "evil.example", 421),
        ("../etc/passwd", None, 404),
        ("%2e%2e/x", None, 404),
    ):
        request = urllib.request.Request(url + path, headers={} if host is None else {"Host": host})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=5)
        assert refused.value.code == status
        refused.value.close()
    with pytest.raises(UsageError, match=rf"live={port}: .* must be a free port"), shown(Board(Counter()), port, ""):
        pass


def test_the_end_is_told_with_the_last_report(quick: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects who looks on: the last that comes is how it ended, and how to get the report."""
    state = ["begun"]
    with shown(Board(lambda: Report("R", [Sheet("S", ["is"], [state])])), 0, "the report: parley report X"):
        stream = urllib.request.urlopen(capsys.readouterr().err.split()[1] + "news", timeout=5)
        while b"begun" not in stream.readline():
            pass
        state[0] = "ended"
    with stream:
        told = events(stream.read().decode().lstrip())
    assert told[-2][1]["part"]["rows"] == [["ended"]]
    assert told[-1] == ("over", {"how": "the report: parley report X"})


def test_what_learning_shows() -> None:
    """Protects who watches learning: its curves, where it stands, and an episode after an evaluation, which costs little."""
    played: list[int] = []

    def first(_: object) -> Any:
        played.append(1)
        return contended()

    training: Any = SimpleNamespace(
        decisions=100,
        seconds=0.0,
        spent=0.5,
        best=None,
        evaluation=SimpleNamespace(first=first),
        method=SimpleNamespace(policies=lambda: None),
    )
    learning = Learning("results/x", "parley train")
    assert learning.report().charts == []
    learning.hear(training, {"rollout/gap_percent": 3.0, "rollout/episode_cost": 5.0, "time/unknown": 1.0})
    assert [chart.title for chart in learning.report().charts] == ["Gap to the rules", "Cost of an episode"]
    assert learning.report().schedules == []
    training.decisions, training.best = 200, 2.0
    evaluated = {"rollout/gap_percent": 2.5, "evaluate/gap_percent": 2.0, "evaluate/cost": 4.0}
    learning.hear(training, evaluated)
    learning.hear(training, evaluated)
    told = learning.report()
    assert len(played) == 1, "no time was learned in, so the second one is too much"
    assert [curve.name for curve in told.charts[0].curves] == ["in training", "at evaluations, greedy"]
    assert (told.charts[0].curves[0].x, told.charts[0].curves[0].y) == ([100, 200, 200], [3.0, 2.5, 2.5])
    assert {str(row[0]): str(row[1]) for row in told.sheets[0].rows}["best gap at evaluations"] == "2.000"
    assert len(told.schedules[0].bars["start"]) > 30


def test_what_a_run_of_commands_shows() -> None:
    """Protects who watches commands: bars with their ends, leases, queue, alerts and messages; at its end how it ended."""
    told = Told()
    told.play()
    shown = told.commands.report()
    bars = shown.schedules[0].bars
    assert (bars["start"], bars["end"]) == ([1.0, 2.0, 14.0], [3.0, 4.0, 15.5])
    assert bars["how"] == ["end", "failed", "running"]
    assert bars["units"] == [[1, 1, 1]]
    assert shown.schedules[0].outages == {"agent": [1, 1], "start": [5.0, 15.5], "end": [6.5, 15.5]}
    assert shown.schedules[0].reservations["until"] == [3.0]
    assert shown.schedules[0].bids["bid"] == [2.0]
    queue, progress, used = shown.charts
    assert [each.name for each in used.curves] == ["agents", f"units of {NAME}"]
    assert queue.curves[1].y[-1] == progress.curves[0].y[-1] == 1.0
    assert used.curves[1].y[-1] == 50.0
    alerts = {sheet.title: sheet.texts for sheet in shown.sheets}["Alerts that stand"]
    assert [row[1] for row in alerts] == ["late"]
    assert shown.sheets[-1].texts[0] == ["15.50", f"{NAME}b is down"]
    ended = CompletionNotification(time=15.6, job=NAME, task=f"{NAME}1", agent=f"{NAME}a", took=1.6)
    told.state.apply(ended)
    told.commands.take(ended)
    told.commands.close()
    assert told.commands.report().charts[1].curves[0].y[-1] == 2.0


def test_two_at_once_have_rows_of_their_own() -> None:
    """Protects pictures of agents that run several tasks: bars do not cover each other, and rows are used again."""
    told = Told()
    for time_, task in ((1.0, 0), (2.0, 1)):
        told.start(time_, task, "a")
    told.done(3.0, 0, "a")
    told.start(4.0, 2, "a")
    shown = told.commands.report().schedules[0]
    named = dict(zip(shown.bars["name"], shown.bars["row"], strict=True))
    assert named == {f"{NAME}0": 0, f"{NAME}1": 1, f"{NAME}2": 0}
    assert list(shown.rows) == [2, 1]


def test_off_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects who does not ask for it: nothing is imported, and no thread begins."""
    for name in [name for name in sys.modules if name.startswith("experiments.reports.live")]:
        monkeypatch.delitem(sys.modules, name)
    before = threading.active_count()
    runner: Any = None
    with train.shown(None, "f", "c") as hear, run_command.shown_live(None, runner, "p") as live:
        assert (hear, live) == (None, None)
        assert threading.active_count() == before
    assert [name for name in sys.modules if name.startswith("experiments.reports.live")] == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["seed=1"], ["seed=1"]),
        (["--live"], ["live=0"]),
        (["--live=8080", "seed=1"], ["live=8080", "seed=1"]),
        (["--multirun", "seed=1,2", "--live"], ["--multirun", "live=0", "seed=1,2"]),
        (["--live=x"], ["live=x"]),
    ],
)
def test_the_option_is_a_setting(typed: list[str], meant: list[str]) -> None:
    """Protects who types --live: it may stand anywhere, also in a sweep."""
    assert train.with_live(typed) == meant
