"""The whole of ``parley benchmark``, small: what it measures, prints and writes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envs import default_scenario
from envs.workloads.generators.random_stochastic_job_shop import RandomStochasticJobShop
from experiments import benchmark
from experiments.performance import calibration, decisions, speed
from experiments.performance import run as running
from experiments.performance.players import WorldPlayer
from experiments.performance.timing import Goal, Measurement, take_turns
from experiments.suites import SUITES, public_data, published
from tests.conftest import ROOT


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run ``parley benchmark`` with these arguments."""
    monkeypatch.setattr(sys, "argv", ["parley benchmark", *arguments])
    benchmark.main()


def measured(out: Path) -> dict[str, Any]:
    """The measurements in a file, by name."""
    return {line["name"]: line for line in json.loads(out.read_text(encoding="utf-8"))["measurements"]}


def test_rules_reach_their_published_gaps(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects the engine: it builds the schedules that an independent builder makes, and the checker finds no fault in them."""

    def some(study: published.Study) -> published.Study:
        return replace(
            study, groups=lambda data: [group for group in study.groups(data) if group.name in ("abz", "j60")]
        )

    monkeypatch.setattr(published, "STUDIES", tuple(some(study) for study in published.STUDIES[:2]))
    out = tmp_path / "new" / "published.json"
    run(monkeypatch, "suite=published", f"data={data_dir}", f"out={out}")
    document = json.loads(out.read_text(encoding="utf-8"))
    assert document["schedules_checked"] == 5 * 4 + 10 * 3
    assert document["largest_difference_to_reference"] < 0.1
    assert document["command"] == "parley benchmark suite=published"
    markdown = out.with_suffix(".md").read_text(encoding="utf-8")
    assert "| abz | 5 | 25.1 | 16.6 | 14.6 | 24.6 |" in markdown
    assert str(data_dir) not in markdown
    assert "all 7 means agree" in capsys.readouterr().out


def test_every_collection_is_found(data_dir: Path) -> None:
    """Protects the groups: each has files, as many best known values as files, and a name of its own."""
    for study in published.STUDIES:
        groups = study.groups(data_dir)
        assert len({group.name for group in groups}) == len(groups) > 0
        for group in groups:
            assert group.workloads
            assert group.best is None or (len(group.best) == len(group.workloads) and (group.best > 0).all())
        assert {name for name, _ in study.reference} <= {group.name for group in groups}


def test_growth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Protects the comparison of long and short streams, and the weighing of fresh processes."""
    out = tmp_path / "growth.json"
    run(monkeypatch, "suite=growth", "jobs=3000", "few_jobs=100", "decisions=200", f"out={out}")
    found = measured(out)
    assert found["engine, 3,000 jobs"]["median"] < found["total, 3,000 jobs"]["median"]
    assert len(found["total, ratio"]["runs"]) == 10
    assert 0 < found["memory, 3,000 jobs generated"]["median"] < 100_000
    assert 0 < found["memory, 3,000 lines of SWF"]["median"] < 100_000
    assert str(out) in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("make") is None, reason="compared with GNU make")
def test_running_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects what parley run is said to cost: everybody runs all commands, and the overhead is the difference."""
    monkeypatch.setattr(running, "COMMANDS", 20)
    monkeypatch.setattr(running, "JOBS", 4)
    monkeypatch.setattr(running, "POLICIES", ("wsrpt,urgency",))
    out = tmp_path / "run.json"
    run(monkeypatch, "suite=run", "repeats=1", f"out={out}")
    found = {name: line["median"] for name, line in measured(out).items()}
    made, ran = found["GNU make"], found["parley run, wsrpt,urgency"]
    assert found["overhead of parley run, wsrpt,urgency"] == pytest.approx(1e3 / ran - 1e3 / made)
    assert found["CPU of the runner, wsrpt,urgency"] > 0


def test_decisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the times of decisions: every size and policy, in parts and beside the bare policy, which is quicker."""
    monkeypatch.setattr(decisions, "CALLS", 3)
    monkeypatch.setattr(decisions, "SIZES", (decisions.Size(4, 2, 4, 1, (3.0, 10.0)),))
    out = tmp_path / "decisions.json"
    run(monkeypatch, "suite=decisions", "repeats=2", f"out={out}")
    found = measured(out)
    assert len(found) == 6 * len(decisions.POLICIES)
    assert all(each["median"] > 0 for each in found.values())
    assert all(
        found[f"8 tasks, 4 agents, {name}: CPU, over the bare policy's"]["median"] > 1 for name in decisions.POLICIES
    )


def test_calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects plans: far more than half of what happens lies between p10 and p90, and not everything does."""
    workload = RandomStochasticJobShop(jobs_min=6, jobs_max=6, machines_min=5, machines_max=5)
    monkeypatch.setattr(calibration, "FAMILIES", {"shop": ("policies/stochastic_job_shop", workload)})
    out = tmp_path / "calibration.json"
    run(monkeypatch, "suite=calibration", "episodes=4", f"out={out}")
    (found,) = json.loads(out.read_text())["families"]
    assert found["ends"] > 100
    assert 0.6 < found["inside"] < 0.95


def test_speed_of_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the speed suite: all batches and numbers of threads, with a goal and a verdict where there is a goal."""
    out = tmp_path / "speed.json"
    run(monkeypatch, "parts=[engine,pettingzoo]", "workload.jobs=6", "seconds=0.005", "repeats=3", f"out={out}")
    found = measured(out)
    assert [name for name in found if name.startswith("World, B = ")] == [
        f"World, B = {b}, {threads}" for b in (1, 64, 256) for threads in ("1 thread", "2 threads")
    ]
    assert all(len(line["runs"]) == 3 and line["median"] > 0 for line in found.values())
    assert found["PettingZoo"]["met"] in (True, False)
    assert out.with_suffix(".md").is_file()


def test_speed_of_policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the lines of completions: the compiled loop is measured beside torch, and is the faster one; searches take a while."""
    monkeypatch.setattr(speed, "SHOP", 4)
    out = tmp_path / "speed.json"
    run(monkeypatch, "parts=[completions]", "seconds=0.005", "repeats=1", f"out={out}")
    found = measured(out)
    for name in speed.COMPLETED:
        assert found[speed.COMPLETIONS[name, True]]["median"] > found[speed.COMPLETIONS[name, False]]["median"] > 0
    assert all(found[name]["median"] > 0 for name in speed.SEARCHES)


def test_player_counts_choices() -> None:
    """Protects the meaning of decisions per second: one for each acting seat, and every action of the player is legal."""
    player = WorldPlayer(default_scenario(), 4, 1)
    counted = 0
    for _ in range(300):
        acting = int(player.world.out.acting.sum())
        made = player.choose()
        assert made == acting
        counted += made
        player.step()  # raises where an action is illegal
    assert counted > 300


def test_turns() -> None:
    """Protects comparisons on noisy machines: A B A B, never A A B B."""
    order: list[str] = []

    def task(name: str, value: float) -> float:
        order.append(name)
        return value

    class Bar:
        total = None

        def set_description(self, text: str) -> None: ...
        def update(self) -> None: ...

    runs = take_turns({"a": lambda: task("a", 1.0), "b": lambda: task("b", 2.0)}, 3, Bar())
    assert order == ["a", "b"] * 3
    assert runs == {"a": [1.0] * 3, "b": [2.0] * 3}


@pytest.mark.parametrize(
    ("runs", "at_most", "met"),
    [([1, 9, 2], True, True), ([4, 4], True, False), ([4, 1, 4], False, True), ([], True, None)],
)
def test_verdict(runs: list[float], at_most: bool, met: bool | None) -> None:
    """Protects verdicts: the median decides, in the right direction, and nothing measured is nothing met."""
    assert Measurement("x", "s", runs, Goal(3.0, at_most, "")).met is met


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["suite=nosuch"],
            f"suite is 'nosuch', must be one of {', '.join(SUITES)}",
        ),
        (["suite=published", "data=no/such"], "data=no/such is no folder; say with data=PATH or PARLEY_DATA where"),
        (["suite=published", "data=."], "jsp/instances has no file abz*.txt"),
        (["suite=growth", "jobs=5"], "jobs is 5, must be an integer in 1000..10000000"),
        (
            ["parts=[engine,nosuch]"],
            "parts is ['engine', 'nosuch'], must be some of engine, completions, pettingzoo, training, start",
        ),
        (["parts=[]"], "parts is [], must be some of engine, completions, pettingzoo, training, start"),
        (["out=true"], "out is True, must be text or null"),
        (["seconds=0"], "seconds is 0.0, must be a number > 0"),
        (["repeats=0"], "repeats is 0, must be an integer in 1..1000"),
        (["out=table.txt"], "out=table.txt must be the .json file to write"),
    ],
)
def test_mistakes_of_the_user(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects users: one line, exit code 2, and nothing written, before anything is measured."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, *arguments)
    captured = capsys.readouterr()
    assert exit_.value.code == 2
    assert captured.out == ""
    assert "parley benchmark: error: " in captured.err
    assert message in captured.err
    assert list(tmp_path.iterdir()) == []


def test_damaged_bounds(tmp_path: Path) -> None:
    """Protects users of their own data: the file and the entry that is missing are named."""
    folder = tmp_path / "rcpsp"
    for name in public_data.PROJECTS:
        (folder / "patterson" / name).mkdir(parents=True)
        (folder / "patterson" / name / f"{name}_1.rcp").write_text("1 1\n", encoding="utf-8")
    (folder / public_data.BOUNDS).write_text('{"instances": {"j30_1": {"ub": 3}}}', encoding="utf-8")
    with pytest.raises(
        ValueError,
        match=r"bks_dev.json: must give instances.NAME.ub for every file beside it, but: KeyError\('j60_1'\)",
    ):
        public_data.projects(tmp_path)


def test_help() -> None:
    """Protects --help: it answers at once, without torch and numba."""
    command = [sys.executable, "-X", "importtime", "-m", "experiments", "benchmark", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    imported = {
        line.rsplit("|", 1)[1].strip().split(".")[0]
        for line in done.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert imported.isdisjoint({"torch", "numba", "stable_baselines3"})
    assert "suite=growth" in done.stdout
    for group in ("scenario", "workload"):
        assert (
            f"{group}    {' '.join(sorted(path.stem for path in (ROOT / 'conf' / group).glob('*.yaml')))}\n"
            in done.stdout
        )
    assert "experiment=" not in done.stdout
