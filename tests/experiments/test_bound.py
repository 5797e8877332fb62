"""parley bound: CP-SAT against all schedules of small instances, files that are checked when read, and gaps of suites to them."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.scenario import Objective
from envs.workloads.readers.job_shop import JobShopWorkload
from experiments import benchmark, bound
from experiments.bounds.analytic import lower_bound
from experiments.bounds.answers import Answer, Answers, digest_of
from experiments.bounds.grid import Grid
from experiments.bounds.search import answer
from experiments.plumbing.cli import UsageError
from experiments.suites.bounds import reference_of
from tests.by_hand import OBJECTIVE, TEAM_COST, ByHand
from tests.experiments.test_bounds import OBJECTIVES, least
from tests.small import every_end, small

ORTOOLS = pytest.mark.skipif(
    importlib.util.find_spec("ortools") is None, reason="ortools is an optional extra: pip install '.[bounds]'"
)
SHOP = "3 3\n0 3 1 2 2 2\n0 2 2 1 1 4\n1 4 2 3 0 1\n"
"""The three jobs of OR-Tools' own job shop, of which the best makespan is 11; no bound without search is above 10."""


def run(monkeypatch: pytest.MonkeyPatch, command: Any, *arguments: str) -> None:
    """Run a command with these arguments."""
    monkeypatch.setattr(sys, "argv", ["parley", *arguments])
    command.main()


@pytest.fixture
def shops(tmp_path: Path) -> Path:
    """A folder of two job shops, neither with a best known value."""
    folder = tmp_path / "shops"
    folder.mkdir()
    (folder / "aa1.txt").write_text(SHOP, encoding="utf-8")
    (folder / "bb1.txt").write_text("2 2\n0 3 1 2\n1 4 0 1\n", encoding="utf-8")
    return folder


@ORTOOLS
@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("seed", [0, 2, 4])
def test_cpsat_finds_the_best(seed: int, name: str) -> None:
    """Protects optima: of all schedules of a small instance in whole numbers, none is cheaper than what is called optimal."""
    i = small(seed)
    found = answer(OBJECTIVES[name], i, 20.0, workers=1, seed=0)
    assert found.status == "optimal" or name in ("slowdown", "all")  # 1 / length has no small unit
    assert found.cost == pytest.approx(least(OBJECTIVES[name], i, every_end(i)))
    assert found.bound <= found.cost * (1 + 1e-12)
    assert found.bound >= found.cost * (1 - 1e-3)


@ORTOOLS
@pytest.mark.parametrize("seed", [1, 3, 5])
def test_bounds_hold_for_real_durations(seed: int) -> None:
    """Protects bounds from rounding: with durations of many digits they stay below the best schedule, and close to it."""
    i = small(seed, whole=False)
    ends = every_end(i)
    for objective in OBJECTIVES.values():
        found, best = answer(objective, i, 20.0, workers=1, seed=0), least(objective, i, ends)
        assert found.cost is not None
        assert found.bound <= best * (1 + 1e-12) <= found.cost * (1 + 2e-12)
        assert found.bound >= best * (1 - 1e-2)


@ORTOOLS
def test_leases_and_every_term() -> None:
    """Protects mixed objectives: the schedule of tests/by_hand.py is the best there is."""
    found = answer(OBJECTIVE, ByHand().instance(0), 20.0, workers=1, seed=0)
    assert (found.cost, found.agents) == (pytest.approx(TEAM_COST), [0, 0, 1])


@ORTOOLS
def test_gaps_to_what_was_found(
    shops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects the way from a search to a suite's gaps: optima count as best known, and are no bounds any more."""
    file, out = tmp_path / "known.json", tmp_path / "out.json"
    run(monkeypatch, bound, "suite=job_shop", f"path={shops}", "seconds=20", f"out={file}")
    assert "optimal" in capsys.readouterr().out
    monkeypatch.setattr("experiments.suites.runs.SHIPPED", "no/such")
    run(monkeypatch, benchmark, "suite=job_shop", f"path={shops}", f"bounds={file}", f"out={out}")
    episodes = json.loads(out.read_text(encoding="utf-8"))["episodes"]
    assert {(each["instance"], each["reference"], each["family"]) for each in episodes} == {
        ("aa1.txt", 11, "aa"),
        ("bb1.txt", 6, "bb"),
    }


def test_without_search(
    shops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects those without ortools: seconds=0 keeps the bounds that need no search, and a suite measures against them."""
    file = tmp_path / "known.json"
    run(monkeypatch, bound, "suite=job_shop", f"path={shops}", "seconds=0", f"out={file}")
    assert "aa1.txt" in capsys.readouterr().out
    found = Answers.read(file)
    i = JobShopWorkload(str(shops / "aa1.txt")).instance(0)
    known = found.look_up(i)
    assert known is not None
    assert (known.status, known.bound, known.cost) == ("bound", lower_bound(Objective(makespan=1.0), i), None)
    assert found.look_up(ByHand().instance(0)) is None


def test_what_is_known_is_taken_over(shops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects long searches: a second run keeps the schedules of the first, and the better bound."""
    i = JobShopWorkload(str(shops / "bb1.txt")).instance(0)
    known = Answer("bb1.txt", digest_of(i), 5.0, 8.0, 1.0, [0, 1, 1, 0], [0.0, 4.0, 0.0, 7.0])
    file = tmp_path / "known.json"
    Answers(Objective(flow=0.0, makespan=1.0), {known.digest: known}).write(file, {})
    run(monkeypatch, bound, "suite=job_shop", f"path={shops}", "seconds=0", f"bounds={file}", f"out={file}")
    found = Answers.read(file).of
    assert len(found) == 2
    assert (found[known.digest].cost, found[known.digest].bound, found[known.digest].starts) == (8, 6, known.starts)


def test_scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects bounds of generated instances: as many as asked for, of the scenario's objective."""
    file = tmp_path / "known.json"
    run(monkeypatch, bound, "workload.jobs=4", "workload.agents=2", "episodes=3", "seconds=0", f"out={file}")
    found = Answers.read(file)
    assert len(found.of) == 3
    assert found.objective == Objective(flow=1.0)


def test_schedules_are_checked_when_read(tmp_path: Path) -> None:
    """Protects gaps from wrong files: a schedule that is none, costs something else, or is of another instance, is not believed."""
    i = ByHand().instance(0)
    good = Answer("by-hand", digest_of(i), 0.0, TEAM_COST, 1.0, [0, 0, 1], [0.0, 4.0, 4.0])
    path = tmp_path / "known.json"

    def look_up(**changes: Any) -> Answer | None:
        Answers(OBJECTIVE, {good.digest: Answer(**{**vars(good), **changes})}).write(path, {})
        return Answers.read(path).look_up(i)

    assert look_up() == good
    assert good.status == "feasible"
    for changes, message in (
        ({"starts": [0.0, 3.0, 4.0]}, "the schedule of by-hand is none: by-hand: the event log breaks the rules"),
        ({"agents": [0, 1, 1]}, "is none: by-hand: an agent is no option of its task"),
        ({"starts": [0.0]}, "is none: by-hand: a schedule has an agent and a start for each of 3 tasks"),
        ({"cost": 7.0}, "costs 168.0, not 7.0"),
    ):
        with pytest.raises(UsageError, match=message):
            look_up(**changes)
    assert digest_of(i) != digest_of(small(0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no file of parley bound"),
        ("[]", "is no file of parley bound"),
        ('{"objective": {"flow": 1}, "instances": [{"name": "a"}]}', r"instances\[0\].digest is missing"),
        ('{"objective": {"flow": -1}, "instances": []}', "Objective.flow is -1"),
    ],
)
def test_damaged_files(text: str, message: str, tmp_path: Path) -> None:
    """Protects users of their own files: one line that names the file and what is wrong."""
    path = tmp_path / "known.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=rf"known.json: .*{message}"):
        Answers.read(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["seconds=-1"], "seconds is -1.0, must be finite and >= 0"),
        (["workers=0"], "workers is 0, must be an integer in 1..1024"),
        (["options=many"], "options is 'many', must be an integer"),
        (["out=x.txt"], "out=x.txt must be the .json file to write"),
        (["suite=no_such"], "suite is 'no_such', must be one of job_shop, flexible_job_shop, "),
        (["suite=job_shop", "path=no/such"], "path: no/such is no folder"),
        (["episodes=0"], "episodes is 0, must be"),
    ],
)
def test_mistakes_of_the_user(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects users: one line and exit code 2, and nothing written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, bound, "seconds=0", "out=known.json", *arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ortools_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects users without the extra: one line says how to get it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        run(monkeypatch, bound, f"out={tmp_path / 'known.json'}")
    assert "CP-SAT needs ortools" in capsys.readouterr().err


def test_other_objectives_are_refused(tmp_path: Path) -> None:
    """Protects gaps: a file about flow times says nothing about makespans."""
    from omegaconf import OmegaConf

    Answers(Objective(flow=1.0), {}).write(tmp_path / "known.json", {})
    config = OmegaConf.create({"bounds": str(tmp_path / "known.json")})
    with pytest.raises(UsageError, match="must be about"):
        reference_of(config, Objective(makespan=1.0))


def test_units() -> None:
    """Protects exactness: numbers with a common decimal unit are kept as they are; others go to the side that they are told."""
    grid = Grid.of(np.array([0.0, 0.5, 1.25]), 9.0)
    assert (grid.unit, grid.exact, grid.down(np.array([1.25])).tolist()) == (0.25, True, [5])
    grid = Grid.of(np.array([np.pi, 2.0]), 65536.0)
    assert (grid.unit, grid.exact) == (1.0, False)
    assert (grid.down(np.array([np.pi])).tolist(), grid.up(np.array([np.pi])).tolist()) == ([3], [4])
