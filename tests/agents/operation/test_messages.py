"""Messages: what happens is told completely, by name, once and in order, to whoever listens, and comes back as what it was."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.evaluation.play import decide
from agents.operation.messages.inbox import Inbox
from agents.operation.messages.messages import (
    KINDS,
    AlertNotification,
    CompletionNotification,
    HealthStatus,
    Message,
    MetricStream,
    Publisher,
    StatusUpdate,
    TaskSubmission,
    message_of,
    read_message,
    write_message,
)
from agents.operation.messages.subscribers import (
    Console,
    JsonLines,
    Memory,
    Prometheus,
    ServerSentEvents,
    Sqlite,
    TensorBoard,
    read_lines,
)
from agents.operation.messages.world_messages import follow
from agents.operation.site.example import example
from agents.operation.site.problems import SituationError
from agents.rules import negotiator, prioritizer
from envs import Phase, Scenario, Uncertainty, World
from envs.events import PROTOCOL
from envs.workloads.generators.synthetic import SyntheticWorkload
from tests.conftest import ROOT

SAID: list[Message] = [
    TaskSubmission(time=1.0, job="paper", details=example().jobs[2]),
    StatusUpdate(time=2.5, state="started", job="paper", task="write", agent="cy", expected=9.0),
    HealthStatus(time=3.0, agent="ben", up=False, detail="no answer"),
    MetricStream(time=4.0, values={"running": 1.0}, labels={"agent": 'c"y'}),
    AlertNotification(time=4.5, alert="late", job="paper", detail="\x1b[2J 20 s late", value=20.0, limit=10.0),
    CompletionNotification(time=9.25, job="paper", task="write", agent="cy", took=6.75),
]


def spoken(*subscribers: Any) -> list[Message]:
    """What a publisher says, to all of them."""
    publisher = Publisher("here")
    for each in subscribers:
        publisher.subscribe(each)
    told = [publisher.publish(message) for message in SAID]
    publisher.close()
    return told


def test_every_event_of_a_world_is_a_message() -> None:
    """Protects the table of events: each kind is translated to the message that it names, with what the event has, and nothing is lost."""
    scenario = Scenario(
        SyntheticWorkload(agents=3, jobs=12), uncertainty=Uncertainty(0.3, 0.2, 5.0, 2, 400.0, 60.0, 0.5)
    )
    world = World(scenario, 2, seed=1, record=True, auto_reset=False)
    heard = [Memory(), Memory()]
    publishers = [Publisher(f"world-{b}") for b in range(2)]
    for publisher, memory in zip(publishers, heard, strict=True):
        publisher.subscribe(memory)
    follow(world, publishers)
    out = world.reset()
    picks, bids = np.zeros(out.acting.shape, np.int32), np.zeros(out.acting.shape)
    while (out.phase != Phase.OVER).any():
        decide(out, prioritizer("wsrpt+r"), negotiator("urgency"), picks, bids)
        out = world.step(picks, bids)
    kinds = set()
    for b, memory in enumerate(heard):
        log, told = world.log(b), list(memory.messages)
        assert [message.kind for message in told] == [PROTOCOL[kind] for kind in log.kind.tolist()]
        assert [message.time for message in told] == log.time.tolist()
        assert [message.number for message in told] == list(range(len(told)))
        assert {message.source for message in told} == {f"world-{b}"}
        kinds |= {message.kind for message in told}
        units = sum(sum(m.units.values()) for m in told if m.kind == "allocation_update")
        assert units == sum(sum(m.units.values()) for m in told if m.kind == "release_notification") > 0
        assert all(m.took is not None and m.took > 0 for m in told if isinstance(m, CompletionNotification))
    assert kinds == set(KINDS) - {"metric_stream"}


def test_messages_come_back_as_they_were() -> None:
    """Protects whoever reads them: one line of JSON with kind and version, and what is no message is refused by name."""
    for message in SAID:
        line = write_message(message)
        assert "\n" not in line
        assert {"kind": message.kind, "version": 1}.items() <= json.loads(line).items()
        assert read_message(line) == message
    with pytest.raises(SituationError, match="take_over"):
        message_of({"kind": "take_over", "time": 1})
    with pytest.raises(SituationError, match=r"up is 3, must be true or false"):
        message_of({"kind": "health_status", "time": 1.0, "agent": "a", "up": 3})
    with pytest.raises(SituationError, match="version"):
        message_of({"kind": "health_status", "version": 2, "time": 1.0, "agent": "a", "up": True})


def test_who_wants_some_kinds_hears_no_others() -> None:
    """Protects subscribers from what they did not ask for, and publishers from kinds that do not exist."""
    publisher, memory = Publisher(first=7), Memory()
    end = publisher.subscribe(memory, {"health_status"})
    for message in SAID:
        publisher.publish(message)
    assert [(message.kind, message.number) for message in memory.messages] == [("health_status", 9)]
    end()
    publisher.publish(SAID[2])
    assert len(memory.messages) == 1
    with pytest.raises(SituationError, match="kinds is 'health', must be of messages, one of"):
        publisher.subscribe(memory, {"health"})


def test_files_keep_every_message(tmp_path: Path) -> None:
    """Protects records: JSONL and SQLite give back what was said, and half a line that a crash left spoils no other."""
    told = spoken(JsonLines(tmp_path / "said.jsonl"), Sqlite(tmp_path / "said.db"))
    assert list(read_lines(tmp_path / "said.jsonl")) == told
    with (tmp_path / "said.jsonl").open("ab") as file:
        file.write(b'{"kind": "health_sta')
    again = spoken(JsonLines(tmp_path / "said.jsonl"), Sqlite(tmp_path / "said.db"))
    assert list(read_lines(tmp_path / "said.jsonl")) == told + again
    base = sqlite3.connect(tmp_path / "said.db")
    rows = base.execute("SELECT kind, job, task, agent, message FROM messages ORDER BY row").fetchall()
    base.close()
    assert [read_message(row[4]) for row in rows] == told + again
    assert rows[1][:4] == ("status_update", "paper", "write", "cy")


def test_a_terminal_shows_what_people_need() -> None:
    """Protects terminals: a line for each thing that happened, none for metrics, and names are shown, not obeyed."""
    stream = io.StringIO()
    spoken(Console(stream))
    lines = stream.getvalue().splitlines()
    assert len(lines) == len(SAID) - 1
    assert lines[1].split() == ["2.50", "s", "paper/write", "started", "at", "cy"]
    assert "\\x1b[2J 20 s late" in lines[3]
    assert "\x1b" not in stream.getvalue()


def test_monitoring_systems_can_read_it(tmp_path: Path) -> None:
    """Protects Prometheus and TensorBoard: counts and values under their names, in the formats that these read."""
    prometheus = Prometheus()
    spoken(prometheus, TensorBoard(tmp_path))
    lines = prometheus.text().splitlines()
    assert 'parley_messages_total{kind="alert_notification",state="late"} 1' in lines
    assert 'parley_running{agent="c\\"y"} 1' in lines
    assert 'parley_agent_up{agent="ben"} 0' in lines
    shape = re.compile(r'(# TYPE \w+ (counter|gauge)|\w+(\{(\w+="(\\.|[^"\\])*",?)+\})? [-+\d.e]+)')
    assert all(shape.fullmatch(line) for line in lines)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(point.step, point.value) for point in events.Scalars('running/c"y')] == [(4000, 1.0)]
    assert [point.value for point in events.Scalars("messages/health_status")] == [1.0]


def test_slow_readers_are_told_what_they_missed() -> None:
    """Protects the run from slow browsers, and these from believing that they know everything."""
    stream = ServerSentEvents(most=2)
    slow, publisher = stream.open(), Publisher()
    publisher.subscribe(stream)
    for message in SAID:
        publisher.publish(message)
    fast = stream.open()
    assert slow.next() == 'event: dropped\ndata: {"dropped": 4}\n\n'
    texts = [slow.next(), slow.next()]
    assert [read_message(text.split("data: ")[1]) for text in texts if text] == [
        message.model_copy(update={"number": k}) for k, message in enumerate(SAID) if k >= 4
    ]
    assert str(texts[0]).startswith("id: 4\nevent: alert_notification\n")
    assert slow.next(timeout=0.0) == ": nothing new\n\n"
    assert stream.readers == 2
    stream.leave(slow)
    assert slow.next() is None
    publisher.close()
    assert fast.next() is None
    assert stream.readers == 0


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
def test_a_full_disk_stops_one_subscriber_only() -> None:
    """Protects the run: who cannot write is let go, and the others hear of it."""
    memory = Memory()
    told = spoken(JsonLines("/dev/full"), memory)
    alerts = [m for m in memory.messages if isinstance(m, AlertNotification) and m.alert == "deaf_subscriber"]
    assert [m.detail for m in alerts] == [
        "JsonLines hears nothing any more: [Errno 28] No space left on device: '/dev/full'"
    ]
    assert [m.number for m in memory.messages] == list(range(len(told) + 1))


def test_the_page_names_the_messages_that_there_are() -> None:
    """Protects docs/events.md: exactly the kinds that there are, with exactly their fields; and its example runs."""
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8").split("## Messages")[1]
    rows = [re.findall(r"`(\w+)`", line) for line in page.splitlines() if line.startswith("| `")]
    common = {"kind", "version", "time", "number", "source"}
    classes = Message.__args__
    assert {row[0]: set(row[1:]) for row in rows} == {
        each.model_fields["kind"].default: set(each.model_fields) - common for each in classes
    }
    exec(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)[0], {})


def numbered(*numbers: int, source: str = "site") -> list[Message]:
    """Messages with these numbers."""
    return [HealthStatus(time=float(n), number=n, source=source, agent="a", up=True) for n in numbers]


def test_messages_that_come_in_are_put_in_order() -> None:
    """Protects who listens: each message once, in the order of its source, whatever the way did to it; what it did is counted."""
    luck = np.random.default_rng(3)
    for _ in range(50):
        inbox, sent = Inbox(), [*numbered(*range(30)), *numbered(*range(20), source="other")]
        first = [sent.pop(30), sent.pop(0)]
        order = [*first, *(sent[k] for k in luck.permutation(len(sent)).tolist())]
        doubled = [message for message in order for _ in range(int(luck.integers(1, 3)))]
        out = [message for message in doubled for message in inbox.take(message)]
        for source, count in (("site", 30), ("other", 20)):
            assert [message.number for message in out if message.source == source] == list(range(count))
        assert inbox.counts["duplicate"] == len(doubled) - 50
        assert inbox.counts["in_order"] + inbox.counts["early"] == 50


def test_lost_and_late_messages_are_told() -> None:
    """Protects from waiting for ever: after so many later ones a message is given up, and told; when it comes then, it is late."""
    inbox = Inbox(most_waiting=3)
    out = [message for each in numbered(5, 8, 9, 10, 11) for message in inbox.take(each)]
    assert [(message.kind, message.number) for message in out] == [
        ("health_status", 5),
        ("alert_notification", 0),
        *(("health_status", n) for n in (8, 9, 10, 11)),
    ]
    assert isinstance(out[1], AlertNotification)
    assert out[1].detail == "2 messages did not come, from number 6 on"
    (late,) = inbox.take(numbered(7)[0])
    assert isinstance(late, AlertNotification)
    assert late.alert == "message_late"
    assert list(inbox.take(numbered(7)[0])) == []
    assert inbox.counts == {"in_order": 1, "early": 4, "lost": 2, "late": 1, "duplicate": 1}
