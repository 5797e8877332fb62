"""``parley serve``: every command of docs/serve.md, its settings, its end, and one line for mistakes."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from agents.operation.settings import Operation, Planning, Service
from agents.operation.site.example import example
from agents.operation.site.situation import Situation
from experiments import serve
from experiments.plumbing.building import ConfigError
from experiments.plumbing.manual import choices
from experiments.plumbing.operation import read_operation
from tests.agents.operation.service.asking import Asker, serving
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
ADDRESS = f"http://127.0.0.1:{Service().port}"
TOKEN = "a-token-that-is-long"
STARTS = 120.0
"""Seconds for a process to begin on a machine with other things to do."""


def curl(ask: Asker, command: str) -> httpx.Response:
    """Ask as curl would; ``--json`` takes text or, behind an @, a file."""
    words, method, body = shlex.split(command), "GET", ""
    assert words.pop(0) == "curl"
    address = words.pop()
    assert address.startswith(f"{ADDRESS}/")
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "--json":
            body = words.pop(0)
            body = Path(body[1:]).read_text(encoding="utf-8") if body.startswith("@") else body
            method = "POST" if method == "GET" else method
        else:
            assert word == "-s"
    headers = {"content-type": "application/json"} if body else {}
    return ask(method, address.removeprefix(ADDRESS), content=body, headers=headers)


def test_every_command_of_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects readers of docs/serve.md: each request gets what it asks for, and the situation is what the page says."""
    monkeypatch.chdir(tmp_path)
    Path("tasks.json").write_text(example().write(), encoding="utf-8")
    others = [command for command in COMMANDS if not command.startswith("curl ")]
    assert others == [
        "pip install 'parley-world[service]'",
        "parley serve --history decisions.db",
        "parley example > tasks.json",
    ]
    with serving(history="decisions.db") as ask:
        for command in COMMANDS:
            if command.startswith("curl "):
                answer = curl(ask, command)
                assert answer.is_success, f"{command}\n{answer.text}"
        now = Situation.read(ask("GET", "/situation").text)
    assert len(COMMANDS) > 12
    assert now.time == 3660.0
    assert [agent.name for agent in now.agents][-1] == "dan"
    assert [(job.name, job.due) for job in now.jobs][-1] == ("paper", 9000.0)


def test_the_python_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Protects whoever copies it."""
    exec(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)[0], {})
    assert "/decide" in capsys.readouterr().out


def test_settings_of_the_page_are_those_there_are(tmp_path: Path) -> None:
    """Protects docs/serve.md: its file is one, and its defaults are the code's."""
    file = tmp_path / "mine.yaml"
    file.write_text(re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)[0], encoding="utf-8")
    assert read_operation(str(file)) == Operation(
        deadline_ms=500.0,
        history="decisions.db",
        planning=Planning(seconds=2.0, futures=32),
        service=Service(port=9000, decisions=4, waiting=256),
    )
    told = {}
    for names, defaults in re.findall(r"^\| (`[a-z_.]+`(?:, `[a-z_.]+`)*) \| ([\d., ]+) \|", PAGE, re.MULTILINE):
        told |= dict(zip(re.findall(r"`(.*?)`", names), map(float, defaults.split(", ")), strict=True))
    made = Operation()
    assert told == {name: getattr(made.service if "." in name else made, name.split(".")[-1]) for name in told}
    assert len(told) == 7


def test_recipes_are_settings() -> None:
    """Protects conf/operation: the default changes nothing, every recipe is valid, and what the command line says counts."""
    assert read_operation("default") == Operation()
    assert {name for name in choices("operation") if not isinstance(read_operation(name), Operation)} == set()
    changed = read_operation("service", {"service.port": 1, "policy": "wsrpt,drf"})
    assert (changed.service.port, changed.policy) == (1, "wsrpt,drf")
    assert changed.service.decisions == read_operation("service").service.decisions != Service().decisions


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("service: {port: 99999}", "service.port is 99999, must be in 0..65535"),
        ("service: {prot: 1}", r"operation.service.prot is unknown \(did you mean port\?\)"),
        ("polcy: x", r"operation.polcy is unknown \(did you mean policy\?\)"),
        ("deadline_ms: soon", "operation.deadline_ms is 'soon', must be a number or null"),
        ("planning: {rivals: fifo}", "operation.planning.rivals is 'fifo', must be a list"),
        ("policy: [", "must be YAML"),
        ("- policy", "is a list, must be a mapping"),
        ("policy: ${oc.env:NONE_SUCH}", "NONE_SUCH"),
    ],
)
def test_wrong_settings_name_file_and_key(text: str, message: str, tmp_path: Path) -> None:
    """Protects who writes a file of settings."""
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as error:
        read_operation(str(file))
    assert str(file) in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "token", "message"),
    [
        (["--config", "defualt"], None, "--config is 'defualt' (did you mean default?)"),
        (["--host", "0.0.0.0"], None, "--host is '0.0.0.0' and there is no token"),
        (["--host", "none.invalid"], TOKEN, "cannot listen at port 8731 of 'none.invalid'"),
        (["--port", "-1"], None, "service.port is -1"),
        (["--deadline-ms", "nan"], None, "deadline_ms is nan"),
        ([], "short", "PARLEY_TOKEN: the token has 5 letters, must be 16 or more"),
        (["--token-file", "none.txt"], None, "none.txt: No such file"),
        (["--port", "0", "--policy", "none"], None, "unknown prioritizer rule 'none'"),
        (["--port", "0", "--policy", "wsrpt,urgency", "--shadow", "none"], None, "unknown prioritizer rule 'none'"),
        (["--port", "0", "--policy", "wsrpt,urgency", "--history", "some.txt"], None, "some.txt: no history"),
        (
            ["--port", "TAKEN"],
            None,
            "of '127.0.0.1': Address already in use; must be a name of this machine and a port",
        ),
    ],
)
def test_wrong_arguments_are_one_line(
    arguments: list[str],
    token: str | None,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects users from tracebacks, and everybody from a service that is open to all."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(serve.TOKEN, raising=False)
    Path("some.txt").write_text("some text that is longer than the head of a database\n" * 9, encoding="utf-8")
    if token is not None:
        monkeypatch.setenv(serve.TOKEN, token)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        typed = [str(taken.getsockname()[1]) if word == "TAKEN" else word for word in arguments]
        monkeypatch.setattr(sys, "argv", ["parley serve", *typed])
        with pytest.raises(SystemExit) as stopped:
            serve.main()
    err = capsys.readouterr().err
    assert stopped.value.code == 2
    assert err.startswith("parley serve: error: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("none.invalid", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, is_own: bool) -> None:
    """Protects the rule that nobody else is served without a token."""
    assert serve.is_loopback(host) is is_own


@contextmanager
def process(folder: Path, *arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command; offers the process and its address."""
    command = [sys.executable, "-m", "experiments", "serve", "--port", "0", "--policy", "wsrpt,urgency", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            found = re.match(r"(http://127\.0\.0\.1:[1-9]\d*) serves wsrpt,urgency;", running.stdout.readline())
            assert found, running.stderr and running.stderr.read()
            yield running, found[1]
        finally:
            running.kill()


def test_sigterm_finishes_what_runs(tmp_path: Path) -> None:
    """Protects who waits for an answer when the service is told to stop: it comes, nobody new is let in, and the exit code is 0."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    with process(tmp_path, "--token-file", str(file)) as (running, address):
        assert httpx.get(f"{address}/metrics").status_code == 401
        answers: list[httpx.Response] = []
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        ask = threading.Thread(target=lambda: answers.append(_plan(address, headers)))
        ask.start()
        _until_it_works(address)
        running.send_signal(signal.SIGTERM)
        ask.join(STARTS)
        assert answers[0].status_code == 200
        assert json.loads(answers[0].text)["futures"] > 1
        assert running.wait(STARTS) == 0
        assert running.stderr is not None
        assert running.stderr.read().splitlines()[-1] == "parley serve: stopped; everything was finished"
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{address}/health")


def test_sigterm_does_not_wait_for_ever(tmp_path: Path) -> None:
    """Protects who stops a service: what does not end in the stated time is given up, and told."""
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"service": {"stop_seconds": 1}}), encoding="utf-8")
    with process(tmp_path, "--config", str(file)) as (running, address):
        ask = threading.Thread(target=lambda: _plan(address, {"Content-Type": "application/json"}, 60.0))
        ask.start()
        _until_it_works(address)
        running.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert running.wait(STARTS) == 1
        assert time.monotonic() - began < 10.0
        ask.join(STARTS)
        assert running.stderr is not None
        assert running.stderr.read().splitlines()[-1] == "parley serve: stopped; 1 unfinished after 1 s"


def _plan(address: str, headers: dict[str, str], seconds: float = 1.0) -> httpx.Response:
    """Ask for a plan that takes a while; an answer of 0 where the connection broke."""
    query = f"seconds={seconds}&futures=100000"
    try:
        return httpx.post(f"{address}/plan?{query}", content=example().write(), headers=headers, timeout=STARTS)
    except httpx.TransportError:
        return httpx.Response(0)


def _until_it_works(address: str) -> None:
    until = time.monotonic() + STARTS
    while not httpx.get(f"{address}/health", timeout=STARTS).json()["working"]:
        assert time.monotonic() < until
        time.sleep(0.05)
