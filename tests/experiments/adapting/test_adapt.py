"""The whole of ``parley adapt``, small: every command of its page, the verdict, and one line for mistakes."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agents.evaluation.play import Results, play
from agents.evaluation.tuning import CrossEntropy
from agents.operation.deciding.decision import Deciders
from experiments import adapt, decide, situation
from experiments.adapting import learning
from experiments.adapting.fit import kolmogorov
from experiments.adapting.parts import Parts, Site
from experiments.adapting.verdict import Player, Verdict
from tests.conftest import ROOT
from tests.swf_log import write_log

PAGE = (ROOT / "docs" / "adapt.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
MODULES = {"adapt": adapt, "decide": decide, "situation": situation}
SMALL = ["--generations", "1", "--window", "32"]
Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command in a folder with a log, within this process, and return what it prints."""
    monkeypatch.chdir(tmp_path)
    write_log(tmp_path / "queue.swf")

    def call(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [f"parley {name}", *arguments])
        MODULES[name].main()
        return capsys.readouterr().out

    return call


def test_every_command_of_the_page_runs(run: Run) -> None:
    """Protects readers of docs/adapt.md: from a log to a policy in force, a shadow, and back."""
    printed = []
    for command in COMMANDS:
        _, name, *arguments = shlex.split(command)
        into = arguments[-1] if ">" in arguments else None
        out = run(name, *(arguments[:-2] if into else arguments), *(SMALL if arguments[0] == "queue.swf" else []))
        if into:
            Path(into).write_text(out, encoding="utf-8")
        printed.append(out)
    assert len(printed) == len(COMMANDS) > 6
    found = json.loads(Path("results/adapted/queue/adapted.json").read_text(encoding="utf-8"))
    assert found["verdict"]["use"] in printed[0]
    assert found["windows"] == {"first": 4, "later": 3}
    assert len(found["verdict"]["costs"]["fifo+r"]["later"]) == 3
    assert "1 of 1 decisions" in next(out for out in printed if out.startswith("in_force"))
    card = json.loads(Path("results/in_force/card.json").read_text(encoding="utf-8"))
    assert card["command"].startswith("parley adapt queue.swf")
    assert card["verdict"]["difference"] == found["verdict"]["difference"]


def test_the_command_in_a_card() -> None:
    """Protects who publishes a card: others can type what it says, and it names no folder of this machine."""
    said = ["--out", "mine/here", "--seed", "3", "logs/queue.swf", "--out=there", "--json"]
    assert adapt.typed(said, "logs/queue.swf") == "parley adapt --seed 3 queue.swf --json"


def test_the_python_of_the_page_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Protects who copies it: experience and knowledge are kept where it says."""
    monkeypatch.chdir(tmp_path)
    exec(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)[0], {})
    assert float(capsys.readouterr().out) == 1.0
    assert {path.name for path in tmp_path.iterdir()} == {"experience.db", "knowledge.json"}


def test_a_network_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects --learn both: a network learns from the index on, and is found in its folder with its rules of play."""
    small = "worlds=4 rollout=64 imitation.decisions=64 network.width=4 episodes.number=4 evaluation.episodes=2 decisions=64"
    monkeypatch.setattr(learning, "LEARNER", (*learning.LEARNER, *(f"learner.{setting}" for setting in small.split())))
    monkeypatch.setattr(learning, "SEARCH", CrossEntropy(population=4, elite=2, episodes=2))
    parts = Parts.of(Site(str(write_log(tmp_path / "queue.swf")), window=32))
    index, network = learning.learn(parts.fitted, parts.first, tmp_path, 60.0, 0, network=True, generations=1)
    assert (index.name, network.name) == ("index", "network")
    assert network.facts["decisions"] >= 64
    again = Deciders(str(tmp_path / "network"))
    assert again.rules.scenario.reservations == parts.fitted.reservations
    costs = [
        play(parts.fitted, parts.first, by, again.negotiator).objective.tolist()
        for by in (network.policy, again.prioritizer)
    ]
    assert costs[0] == costs[1]


def test_what_is_not_better_is_not_promoted_by_mistake(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects the honest no: promote refuses, says why and how to insist; nothing is in force, and nothing can be gone back to."""
    folder = Path("mine")
    folder.mkdir()
    Path("mine", "index.json").write_text('{"format": 1, "weights": {}}', encoding="utf-8")
    for arguments, said in (
        (
            ["promote", "mine"],
            "mine: is not better than a rule for sure (it has no card of parley adapt); --anyway promotes it",
        ),
        (["rollback"], "promotions.db: nothing was in force before"),
        (["shadow", "none.db"], "none.db: no such history"),
        (["none.swf"], "none.swf: cannot be read"),
        (
            ["queue.swf", "--window", "128"],
            "queue.swf: has 240 jobs that can run, 144 of them in the first part and 96 behind it",
        ),
        (["queue.swf", "--first", "1"], "--first is 1, must be in [0.1, 0.9]"),
        (["queue.swf", "--rule", "sjf"], "unknown prioritizer rule 'sjf'"),
        (["queue.swf", "--minimise", "cost"], "--minimise is 'cost', must be one of slowdown, flow"),
        (["queue.swf", "--seconds", "nan"], "--seconds is nan"),
    ):
        with pytest.raises(SystemExit) as stopped:
            run("adapt", *arguments)
        error = capsys.readouterr().err.splitlines()[-1]
        assert stopped.value.code == 2
        assert error.startswith("parley adapt: error: ")
        assert said in error


def player(name: str, first: list[float], later: list[float]) -> Player:
    """Somebody by the costs of two parts."""
    parts = (Results(np.array(cost), np.zeros((len(cost), 1)), (), 0, 0.0) for cost in (first, later))
    return Player(name, *parts)


@pytest.mark.parametrize(
    ("later", "promotes"),
    [
        ([5.0, 6.0, 5.0, 6.5], True),
        ([9.0, 12.0, 8.0, 11.0], False),
        ([15.0, 16.0, 15.0, 16.5], False),
        ([9.9, 2.0, 9.9, 9.9], False),
    ],
)
def test_only_what_is_better_for_sure_is_promoted(later: list[float], promotes: bool) -> None:
    """Protects users: the interval against the best rule of the first part decides, and not the best rule of the later part."""
    rules = [player("a", [1.0, 1.0], [10.0, 11.0, 9.0, 12.0]), player("b", [2.0, 2.0], [1.0, 1.0, 1.0, 1.0])]
    found = Verdict({each.name: each for each in rules}, {"index": player("index", [1.5, 1.5], later)}, "b")
    assert found.rule.name == "a"
    assert found.hindsight.name == "b"
    assert found.promotes is promotes
    assert ("Use what was learned (index)" if promotes else "Use the rule a") in found.sentence
    assert promotes or "Beside b it costs +950.0 [" in found.sentence


def test_a_log_in_which_nobody_waits_has_no_verdict() -> None:
    """Protects the honest no where nothing can be said: nothing is promoted, and no number is made up."""
    quiet = player("a", [0.0, 0.0], [0.0, 0.0])
    found = Verdict({"a": quiet}, {"index": player("index", [0.0, 0.0], [0.0, 0.0])}, "a")
    assert not found.promotes
    assert "as nothing waits" in found.sentence


def test_distance_of_distributions() -> None:
    """Protects the fit's table: equal samples are 0 apart, separate ones 1, and a shift of half the mass a half."""
    one = np.array([1.0, 2.0, 3.0, 4.0])
    assert kolmogorov(one, one[::-1]) == 0.0
    assert kolmogorov(one, one + 10.0) == 1.0
    assert kolmogorov(one, one + 2.0) == 0.5
