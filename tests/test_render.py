"""Pictures of an episode: what they are made of is right, and they are drawn whole."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from envs.events import NONE, EventKind, EventLog
from envs.parallel_env import TaskManagement
from envs.render import frame, gantt, perfetto, text
from envs.render.spans import RUNNING, leases_of, outages_of, rows_of, spans_of
from envs.render.text import Teller
from envs.scenario import Limits, Scenario, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Instance
from tests.by_hand import LOG, ByHand, event_log
from tests.greedy import Greedy

BLUE, ORANGE = (0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00)


@pytest.fixture(scope="module")
def storm() -> tuple[Instance, EventLog]:
    """A cut-off episode in which everything occurs: failures, breakdowns, abandonment, tasks that still run."""
    troubles = Uncertainty(0.5, 0.2, 5.0, 2, 400.0, 60.0, 0.5)
    workload = SyntheticWorkload(jobs=40, eligible="all")
    instance = workload.instance(1)
    return instance, Greedy(Scenario(workload, uncertainty=troubles, limits=Limits(max_time=1500.0)), instance, 4).log


def test_spans_of_a_known_log() -> None:
    """Every attempt appears once, with its agent, its times and how it ended; what still runs ends with the log."""
    spans = spans_of(event_log(LOG[:15]))
    assert list(zip(*(column.tolist() for column in spans), strict=True)) == [
        (0, 0, 0.0, 4.0, EventKind.TASK_END),
        (1, 2, 4.0, 7.0, RUNNING),
        (0, 1, 4.0, 7.0, EventKind.TASK_END),
    ]


def test_spans_agree_with_the_log(storm: tuple[Instance, EventLog]) -> None:
    """Attempts that are retried, interrupted or cut off are neither lost nor merged."""
    _, log = storm
    spans = spans_of(log)
    for kind in (EventKind.TASK_END, EventKind.TASK_FAILED, EventKind.TASK_INTERRUPTED):
        assert 0 < np.sum(spans.end_kind == kind) == np.sum(log.kind == kind)
    assert spans.task.size == np.sum(log.kind == EventKind.TASK_START)
    assert np.all(spans.end[spans.end_kind == RUNNING] == 1500.0)
    assert np.any(spans.end_kind == RUNNING)
    assert np.all(spans.end >= spans.start)


def test_rows_do_not_overlap(storm: tuple[Instance, EventLog]) -> None:
    """Two bars never cover each other, and an agent has no more rows than tasks ran there at once."""
    instance, log = storm
    spans = spans_of(log)
    row, count = rows_of(spans, instance.num_agents)
    for a in range(instance.num_agents):
        own = np.flatnonzero(spans.agent == a)
        for k in range(count[a]):
            some = own[row[own] == k]
            assert np.all(spans.start[some][1:] >= spans.end[some][:-1])
        at_once = [np.sum((spans.start[own] <= t) & (spans.end[own] > t)) for t in spans.start[own]]
        assert count[a] == max(1, *at_once)


def test_leases_of_a_known_log() -> None:
    """The lease chart shows who held how many units, from when."""
    times, held = leases_of(ByHand().instance(0), event_log(LOG), 1)
    assert times.tolist() == [0.0, 4.0, 24.0]
    assert held.tolist() == [[2, 0, 0], [0, 2, 0]]


def test_leases_stay_within_capacity(storm: tuple[Instance, EventLog]) -> None:
    """Units that are taken and returned at one instant are not counted twice."""
    instance, log = storm
    for r in np.flatnonzero(instance.shared):
        times, held = leases_of(instance, log, int(r))
        assert np.all(np.diff(times) > 0)
        assert held.min() >= 0
        assert 0 < held.sum(axis=0).max() <= instance.shared_capacity[r]


def test_outages(storm: tuple[Instance, EventLog]) -> None:
    """Every breakdown is shown, one that lasts beyond the end up to the end."""
    _, log = storm
    outages = outages_of(log)
    assert len(outages) == np.sum(log.kind == EventKind.AGENT_DOWN)
    assert all(0 <= start <= end <= 1500.0 for _, start, end in outages)


def test_gantt_writes_a_whole_png(tmp_path: Path, storm: tuple[Instance, EventLog]) -> None:
    """The file has the promised size, and nothing else is left in the folder."""
    gantt(*storm, tmp_path / "new" / "chart.png", title="A storm")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["chart.png"]
    assert struct.unpack(">II", (tmp_path / "new" / "chart.png").read_bytes()[16:24]) == (1600, 900)


@pytest.mark.parametrize("color_by", [None, "owner", "kind", "job"])
def test_frame(storm: tuple[Instance, EventLog], color_by: str | None) -> None:
    """A frame has the shape and type that PettingZoo's rgb_array asks for, whatever the colours mean."""
    picture = frame(*storm, color_by=color_by)
    assert (picture.shape, picture.dtype) == ((900, 1600, 3), np.uint8)


def test_bars_have_the_colours_of_their_owners() -> None:
    """The first agent's bars are blue, the second's orange; halfway through the episode its bar is pale."""

    def pixels(picture: np.ndarray, colour: tuple[int, ...]) -> int:
        bars = picture[100:600, 130:1400]  # without legends and lease charts
        return int(np.all(bars == colour, axis=-1).sum())

    instance = ByHand().instance(0)
    whole, half = frame(instance, event_log(LOG)), frame(instance, event_log(LOG[:15]))
    assert pixels(whole, BLUE) > 10_000
    assert pixels(whole, ORANGE) > 10_000
    assert pixels(half, ORANGE) < 1000


def test_draws_what_has_hardly_begun() -> None:
    """An episode can be drawn from its first instant on."""
    instance = ByHand().instance(0)
    nothing = EventLog(*(np.zeros(0, np.int32 if 0 < k < 5 else np.float64) for k in range(6)))
    for log in (nothing, event_log(LOG[:1]), event_log(LOG[:4])):
        assert frame(instance, log).shape == (900, 1600, 3)
        assert text(instance, log)


def test_unknown_colouring() -> None:
    """A misspelt colouring is answered with the ones that exist."""
    with pytest.raises(ValueError, match="color_by is 'colour', must be one of owner, kind, job"):
        frame(ByHand().instance(0), event_log(LOG), color_by="colour")


def test_text_of_a_known_log() -> None:
    """The text says what runs, who is down, what waits and what is leased."""
    instance = ByHand().instance(0)
    assert text(
        instance, event_log([*LOG[:7], (2.0, EventKind.AGENT_DOWN, 1, NONE, NONE, 0.0)]), now=3.0
    ).splitlines() == [
        "by-hand at 3.0 s",
        "jobs   0 done, 2 in the system, 0 abandoned, 0 to come",
        "tasks  0 done, 1 running, 1 ready, 3 in all",
        "agent 0      0 ready | 0.0 for 3.0 s",
        "agent 1      1 ready | down",
        "tokens ████████████████░░░░░░░░ 2 of 3 leased",
    ]


def test_text_of_an_episode_that_goes_on(storm: tuple[Instance, EventLog]) -> None:
    """Whoever hears an episode piece by piece tells the same as who reads it whole, and what the attempts in the log say."""
    instance, log = storm
    teller, heard = Teller(instance), 0
    for end in range(7, log.time.size + 7, 7):
        teller.hear(EventLog(*(column[heard:end] for column in log)))
        heard = min(end, log.time.size)
        part = EventLog(*(column[:heard] for column in log))
        told = teller.tell(float(part.time[-1]))
        assert told == text(instance, part)
        assert f" {(spans_of(part).end_kind == RUNNING).sum()} running, " in told
    assert heard == log.time.size


def test_a_step_tells_of_its_own_events_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects long episodes: while people watch, each event is looked at once, and every episode begins anew."""
    heard: list[int] = []
    hear = Teller.hear
    monkeypatch.setattr(Teller, "hear", lambda self, log: (heard.append(log.time.size), hear(self, log))[1])
    env = TaskManagement(Scenario(SyntheticWorkload(jobs=10)), render_mode="human")
    for seed in (1, 2):
        heard.clear()
        env.reset(seed)
        while env.agents:
            env.step(dict.fromkeys(env.agents, 0))
        log = env.world.log(0)
        assert sum(heard) == log.time.size > len(heard)
        shown = capsys.readouterr().out
        assert shown.endswith(text(env.world.instances[0], log, float(env.world.out.time[0])) + "\n")


def test_perfetto(tmp_path: Path, storm: tuple[Instance, EventLog]) -> None:
    """The trace is plain JSON with every attempt, breakdown and lease in it."""
    instance, log = storm
    perfetto(instance, log, tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    spans = spans_of(log)
    bars = [e for e in events if e["ph"] == "X" and e["name"] != "down"]
    assert [(e["pid"], e["args"]["task"], e["ts"]) for e in bars] == list(
        zip(spans.agent.tolist(), spans.task.tolist(), (spans.start * 1e6).tolist(), strict=True)
    )
    assert sum(e["name"] == "down" and e["ph"] == "X" for e in events) == len(outages_of(log))
    assert {e["name"] for e in events if e["ph"] == "C"} == {"shared_0", "shared_1"}


def test_matplotlib_is_imported_only_to_draw() -> None:
    """Importing the world stays fast."""
    code = "import sys, envs.render; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parent.parent).returncode == 0
