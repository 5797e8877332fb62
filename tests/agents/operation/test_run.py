"""Real commands: they run as decided, end in a clear state whatever they do, and leave nothing behind; a run survives its runner."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.execution import process_table
from agents.operation.execution.jobs_file import example_jobs, filled, read_jobs
from agents.operation.execution.journal import JournalError
from agents.operation.execution.results import Execution
from agents.operation.execution.runner import Runner
from agents.operation.messages.messages import AlertNotification
from agents.operation.messages.subscribers import Memory
from agents.operation.site.situation import Situation
from experiments import run as command

if sys.platform != "linux":
    pytest.skip("processes are looked up as Linux tells of them", allow_module_level=True)

KILLS = 20 if "PARLEY_LONG" in os.environ else 5
RULES = "wsrpt,urgency"


def jobs(*tasks: dict[str, Any], workers: int = 2, **more: Any) -> Situation:
    """One job of these tasks, on two workers."""
    agents = [{"name": f"w{k}"} for k in range(workers)]
    named = [{"name": f"t{k}", **task} for k, task in enumerate(tasks)]
    return Situation.of(filled({"agents": agents, "jobs": [{"name": "j", "tasks": named}], **more}))


def run(folder: Path, situation: Situation, log_limit: int | None = None) -> tuple[Execution, Memory]:
    """Run it in a folder."""
    memory = Memory()
    runner = Runner.begin(folder / "run", situation, folder, RULES)
    try:
        return runner.run(DecisionEngine.load(RULES), log_limit=log_limit, grace=0.3, subscribers=[memory]), memory
    finally:
        runner.close()


def states(execution: Execution) -> dict[str, str]:
    """By name of task."""
    return {each.task: each.state for each in execution.tasks}


def test_commands_run_in_their_order_with_what_they_are_given(tmp_path: Path) -> None:
    """Protects users: order, working folder, variables, arguments that no shell has touched, logs, milestones, and shared units."""
    (tmp_path / "here").mkdir()
    done, memory = run(
        tmp_path,
        jobs(
            {"command": "pwd; echo $COLOUR; echo $PARLEY_AGENT >&2", "cwd": "here", "environment": {"COLOUR": "red"}},
            {"command": ["printf", "%s|", "a b", "$HOME", "*"], "predecessors": ["t0"]},
            {"predecessors": ["t1"]},
            {"command": "sleep 0.1", "demands": {"token": 1}},
            {"command": "sleep 0.1", "demands": {"token": 1}},
            resources=[{"name": "token", "capacity": 1}],
        ),
    )
    assert done.ok
    logs = {path.name: path.read_text() for path in (tmp_path / "run" / "logs").iterdir()}
    assert logs["00000-j-t0.1.log"].splitlines() == [str(tmp_path / "here"), "red", done.tasks[0].agent]
    assert logs["00001-j-t1.1.log"] == "a b|$HOME|*|"
    ends = {each.task: (each.since, each.until) for each in done.tasks}
    assert ends["t0"][1] <= ends["t1"][0] <= ends["t1"][1] <= ends["t2"][0]
    spans = sorted([ends["t3"], ends["t4"]])
    assert spans[0][1] <= spans[1][0]
    assert json.loads((tmp_path / "run" / "result.json").read_text())["done"] == 5
    assert [m.number for m in memory.messages] == list(range(len(memory.messages)))


@pytest.mark.parametrize(
    ("task", "why"),
    [
        pytest.param({"command": "exit 3", "retries": 2}, "exit code 3", id="poisoned"),
        pytest.param(
            {"command": ["no-such-program-here"], "retries": 9}, "no program 'no-such-program-here'", id="missing"
        ),
        pytest.param({"command": ["./"]}, "cannot be executed", id="not executable"),
        pytest.param({"command": "true", "cwd": "gone", "retries": 9}, "does not exist", id="no folder"),
        pytest.param({"command": "yes"}, "wrote more than 100000 bytes", id="flood"),
        pytest.param({"command": "sleep 60", "timeout": 0.2}, "longer than its timeout, 0.2 s", id="timeout"),
        pytest.param({"command": "trap '' TERM; sleep 60 & wait", "timeout": 0.2}, "timeout", id="deaf"),
        pytest.param({"command": "kill -9 $$"}, "SIGKILL", id="killed"),
        pytest.param({"command": "kill -9 $PPID; sleep 60"}, "SIGKILL", id="wrapper killed"),
        pytest.param({"command": "echo \0"}, "cannot be started", id="zero byte"),
    ],
)
def test_what_cannot_be_done_is_told_and_the_rest_is_done(task: dict[str, Any], why: str, tmp_path: Path) -> None:
    """Protects runs from bad commands: what depends on them is told, everything else is done, nothing hangs or is left running."""
    began = time.monotonic()
    done, memory = run(
        tmp_path,
        jobs(
            task,
            {"command": "true", "predecessors": ["t0"]},
            {"command": "true", "predecessors": ["t1"]},
            {"command": "true"},
        ),
        log_limit=100_000,
    )
    assert time.monotonic() - began < 30
    assert states(done) == {"t0": "failed", "t1": "blocked", "t2": "blocked", "t3": "done"}
    assert not done.ok
    assert why in done.tasks[0].detail
    assert done.tasks[2].detail == "comes after t0, which failed"
    tries = 3 if "exit 3" in str(task["command"]) else 1
    assert done.tasks[0].attempts == tries
    alerts = [m.alert for m in memory.messages if isinstance(m, AlertNotification)]
    assert alerts == ["failed"] * tries + ["abandoned"]
    assert sum(path.stat().st_size for path in (tmp_path / "run" / "logs").iterdir()) <= 110_000
    assert [pid for k in range(4) for pid in process_table.marked(f"{tmp_path / 'run'}#{k}.1")] == []


@pytest.mark.parametrize(
    "line",
    [
        "sleep 60 & echo $! > child",
        "setsid sh -c 'echo $$ > child; exec sleep 60' > /dev/null 2>&1 & while ! test -s child; do sleep 0.02; done",
    ],
    ids=["same group", "left the session"],
)
def test_nobody_outlives_a_command(line: str, tmp_path: Path) -> None:
    """Protects machines from what commands forget: children that go on, even in sessions of their own, are ended, and it is told."""
    done, memory = run(tmp_path, jobs({"command": line}))
    assert done.ok
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 2
    while process_table.started_at(child) >= 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process_table.started_at(child) == -1
    assert [m.alert for m in memory.messages if isinstance(m, AlertNotification)] == ["leftovers"]


def test_nothing_starts_where_nobody_is_up(tmp_path: Path) -> None:
    """Protects from waiting for ever: what only agents that are down may run is told, and what others may run is done."""
    agents = [{"name": "w0", "up": False}, {"name": "w1"}]
    situation = jobs(
        {"command": "true", "eligible": ["w0"]}, {"command": "true"}, {"command": "true", "predecessors": ["t0"]}
    )
    done, _ = run(tmp_path, Situation.of({**json.loads(situation.write()), "agents": agents}))
    assert states(done) == {"t0": "waiting", "t1": "done", "t2": "waiting"}
    assert done.tasks[0].detail == "nobody who may run it is up: w0"


def stop_when(runner: Runner, file: Path) -> None:
    """Have a run stopped once a file is there."""

    def wait() -> None:
        while not file.is_file():
            time.sleep(0.01)
        runner.stop()

    threading.Thread(target=wait, daemon=True).start()


def in_child(task: Callable[[], object]) -> int:
    """Run it in a process that has everything loaded; its number."""
    pid = os.fork()
    if pid == 0:
        try:
            task()
        finally:
            os._exit(0)
    return pid


def test_twenty_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    """Protects runs from kill -9 of the runner at any instant: every task begins and ends exactly once, whoever is there to see it."""
    line = 'echo "begin $PARLEY_TASK" >> seen; sleep 0.{}; echo "end $PARLEY_TASK" >> seen; exit {}'
    tasks = [
        {"command": line.format(k % 4, 0), "predecessors": [f"t{k - 1}"] if k % 3 else []} for k in range(8 * KILLS)
    ]
    situation, engine, folder = jobs(*tasks, workers=3), DecisionEngine.load(RULES), tmp_path / "run"
    Runner.begin(folder, situation, tmp_path, RULES).close()
    luck = random.Random(7)

    def go_on() -> None:
        Runner(folder).run(engine, log_limit=None)

    for _ in range(KILLS):
        child = in_child(go_on)
        time.sleep(luck.uniform(0.01, 0.4))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    runner = Runner(folder)
    done = runner.run(engine, log_limit=None)
    runner.close()
    assert done.ok
    seen = Counter((tmp_path / "seen").read_text().splitlines())
    assert seen == {f"{what} t{k}": 1 for what in ("begin", "end") for k in range(len(tasks))}
    numbers = [message.number for message in Runner(folder).journal.messages()]
    assert numbers == list(range(len(numbers)))


def test_systems_that_tell_less_of_processes_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects runs where there is neither /proc nor a handle on processes: ends, failures and limits are seen all the same."""
    monkeypatch.delattr(os, "pidfd_open")
    monkeypatch.setattr(process_table, "PROC", tmp_path / "none")
    monkeypatch.setattr(process_table, "adopt_orphans", lambda: False)
    done, _ = run(
        tmp_path, jobs({"command": "sleep 0.1"}, {"command": "exit 2"}, {"command": "sleep 60", "timeout": 0.2})
    )
    assert states(done) == {"t0": "done", "t1": "failed", "t2": "failed"}
    runner = Runner.begin(tmp_path / "again", jobs({"command": "echo x > seen; sleep 60"}), tmp_path, RULES)
    stop_when(runner, tmp_path / "seen")
    assert runner.run(DecisionEngine.load(RULES), log_limit=None, grace=0.3).interrupted
    runner.close()


def test_a_full_disk_ends_the_run_and_it_goes_on_later(tmp_path: Path) -> None:
    """Protects journals: where nothing can be written down any more nothing more is begun, all ends, and a resumed run does the rest."""
    situation, engine, folder = jobs(*[{"command": "sleep 0.02"}] * 60), DecisionEngine.load(RULES), tmp_path / "run"
    Runner.begin(folder, situation, tmp_path, RULES).close()
    size = sum(path.stat().st_size for path in folder.glob("journal.db*"))

    def go_on() -> None:
        runner = Runner(folder)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 60_000, size + 60_000))
        try:
            runner.run(engine, log_limit=None)
        except JournalError as error:
            os._exit(7 if "journal.db: cannot be written" in str(error) else 8)

    assert os.waitstatus_to_exitcode(os.waitpid(in_child(go_on), 0)[1]) == 7
    until = time.monotonic() + 5.0  # a process that was killed is in the table until the system has buried it
    while left := [pid for k in range(60) for pid in process_table.marked(f"{folder}#{k}.1")]:
        assert time.monotonic() < until, left
        time.sleep(0.01)
    runner = Runner(folder)
    before = sum(task.state == "done" for task in runner.state.tasks.values())
    assert 0 < before < 60
    assert runner.run(engine, log_limit=None).ok
    runner.close()


def test_a_clock_that_is_set_back_does_not_stop_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects resumed runs: the time of a run never goes back, whatever the machine's clock says."""
    situation = jobs({"command": "true"}, {"command": "exit 1", "retries": 1})
    run(tmp_path, situation)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    runner = Runner(tmp_path / "run")
    last = runner.state.now
    done = runner.run(DecisionEngine.load(RULES), log_limit=None)
    runner.close()
    assert done.ended >= last


def test_what_comes_after_a_failed_task_is_counted(tmp_path: Path) -> None:
    """Protects whoever reads alerts: tasks that failed by themselves are not said to come after another one."""
    bad = {"command": "false"}
    _, memory = run(tmp_path, jobs(bad, bad, bad, {"command": "true", "predecessors": ["t2"]}))
    told = sorted(m.detail for m in memory.messages if isinstance(m, AlertNotification) and m.alert == "abandoned")
    assert told == [f"t{k} failed, {n} of its tasks come after it and are not run" for k, n in ((0, 0), (1, 0), (2, 1))]


def test_the_command_runs_resumes_and_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects ``parley run``: the example ends with 0, what failed with 1, a mistake with 2 and one line; runs are resumed by name."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["run", *arguments])
        try:
            command.main()
        except SystemExit as stopped:
            return int(str(stopped.code))
        return 0

    Path("jobs.json").write_text(example_jobs().write())
    assert call("jobs.json", "--policy", RULES, "--messages", "said.jsonl") == 0
    out, err = capsys.readouterr()
    assert out.startswith("11 of 11 tasks done in ")
    assert "upload/send at one: exit code 1" in err or "upload/send at two: exit code 1" in err
    assert len(Path("said.jsonl").read_text().splitlines()) > 25
    assert call("jobs.json", "--policy", RULES) == 2
    assert "exists; go on with it by --resume" in capsys.readouterr().err
    ended = Path("jobs.run/result.json").read_bytes()
    assert call("jobs.json", "--resume", "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(ended)
    assert Path("jobs.run/result.json").read_bytes() == ended
    Path("bad.json").write_text('{"jobs": [{"name": "j", "tasks": [{"name": "t", "command": "false"}]}]}')
    assert call("bad.json", "--policy", RULES) == 1
    assert "j/t   failed         1  exit code 1, see logs/00000-j-t.1.log" in capsys.readouterr().out
    assert call("--resume", "bad.run") == 1
    assert "0 of 1 tasks done" in capsys.readouterr().out
    circle = [{"name": a, "command": "true", "predecessors": [b]} for a, b in ("xy", "yx")]
    Path("circle.json").write_text(json.dumps({"jobs": [{"name": "j", "tasks": circle}]}))
    for arguments, words in (
        (["circle.json"], "circle.json: jobs[0].tasks is 'x' waits for itself, must be a job without circles"),
        (["none.json"], "none.json: No such file"),
        (["none.json", "--resume"], "none.run/journal.db: no such journal"),
        (["bad.run"], "bad.run: is a folder"),
        (["-"], "--folder is absent"),
        (["circle.json", "--log-limit", "-1"], "--log-limit is -1"),
    ):
        assert call(*arguments) == 2
        err = capsys.readouterr().err
        assert words in err
        assert err.count("\n") == 1


def test_one_runner_at_a_time(tmp_path: Path) -> None:
    """Protects journals: a second runner of the same folder is refused while the first one lives."""
    runner = Runner.begin(tmp_path / "run", jobs({"command": "true"}), tmp_path, RULES)
    with pytest.raises(JournalError, match="is being run by somebody else"):
        Runner(tmp_path / "run")
    runner.close()
    Runner(tmp_path / "run").close()


def test_who_is_asked_to_stop_stops_and_can_go_on(tmp_path: Path) -> None:
    """Protects Ctrl-C: what runs is ended and waits again, and a resumed run does it all."""
    Runner.begin(
        tmp_path / "run",
        jobs(
            {"command": 'echo x >> seen; test "$PARLEY_TRY" = 2 || sleep 60'},
            {"command": "sleep 0.5", "predecessors": ["t0"]},
        ),
        tmp_path,
        RULES,
    ).close()
    runner, engine = Runner(tmp_path / "run"), DecisionEngine.load(RULES)
    stop_when(runner, tmp_path / "seen")
    done = runner.run(engine, log_limit=None)
    runner.close()
    assert (done.interrupted, states(done)) == (True, {"t0": "waiting", "t1": "waiting"})
    assert list(process_table.marked(f"{tmp_path / 'run'}#0.1")) == []
    runner = Runner(tmp_path / "run")
    assert runner.run(engine, log_limit=None).ok
    runner.close()
    assert (tmp_path / "seen").read_text() == "x\nx\n"


def test_what_a_file_leaves_out_is_what_everybody_would_say() -> None:
    """Protects short files: time, workers and durations are filled in, and everything else is checked as ever."""
    read = read_jobs('{"jobs": [{"name": "j", "tasks": [{"name": "t", "command": "true"}]}]}')
    assert (read.time, read.jobs[0].tasks[0].duration) == (0.0, 10.0)
    assert [agent.name for agent in read.agents] == [f"worker-{k + 1}" for k in range(len(os.sched_getaffinity(0)))]
    with pytest.raises(ValueError, match=r"jobs\[0\].tasks is 3, must be a list"):
        read_jobs('{"jobs": [{"name": "j", "tasks": 3}]}')
    with pytest.raises(ValueError, match="must be an object"):
        read_jobs("3")
