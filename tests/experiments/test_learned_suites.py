"""The suites that set what was trained several times beside the rules, small and with networks that learned nothing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.artifact import save
from agents.networks import NEGOTIATOR, PRIORITIZER, Brain, Spec
from experiments import batch_queue, benchmark, public_data
from experiments.public_data import LATE_JOBS, TRAINING_JOBS
from experiments.runs import ANOTHER, LEARNED, Players


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of two training runs of both roles."""
    folders = [tmp_path_factory.mktemp("run") for _ in range(2)]
    for seed, folder in enumerate(folders):
        torch.manual_seed(seed)
        save(folder / "policy" / PRIORITIZER, Brain(Spec.default(PRIORITIZER, 4)), {})
        save(folder / "policy" / NEGOTIATOR, Brain(Spec.default(NEGOTIATOR, 4, levels=16)), {})
    return folders


def measured(monkeypatch: pytest.MonkeyPatch, out: Path, *arguments: str) -> dict[str, Any]:
    """What ``parley-benchmark`` with these arguments writes."""
    monkeypatch.setattr(sys, "argv", ["parley-benchmark", *arguments, f"out={out}"])
    benchmark.main()
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def listed(runs: list[Path]) -> str:
    """The setting that names the runs."""
    return f"runs=[{','.join(map(str, runs))}]"


def test_who_meets_whom(runs: list[Path]) -> None:
    """Protects cross-play: partners of the same run, or of every other run, and rules alone play once."""
    players = Players.of([str(run / "policy") for run in runs])
    (p, q), (m, n) = players.prioritizers, players.negotiators
    assert players.pairs(LEARNED, LEARNED) == [(p, m), (q, n)]
    assert players.pairs(LEARNED, ANOTHER) == [(p, n), (q, m)]
    assert [pair[1] for pair in players.pairs("wsrpt", LEARNED)] == [m, n]
    assert [pair[0] for pair in players.pairs(LEARNED, "drf")] == [p, q]
    assert len(players.pairs("wsrpt", "drf")) == 1


def test_shared_cluster(runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the comparison of both roles: who plays, the baseline's zero, and the best rules' place in the table of two by two."""
    out = tmp_path / "shared_cluster.json"
    found = measured(monkeypatch, out, "suite=shared_cluster", listed(runs), "episodes=2", "workload.jobs=8")
    assert list(found["loads"]) == ["1.1", "1.5"]
    for load in found["loads"].values():
        sides = {(side["prioritizer"], side["negotiator"]): side for side in load["sides"]}
        assert sides["wsrpt", "drf"]["to_baseline"] == {"value": 0.0, "low": 0.0, "high": 0.0}
        assert np.shape(sides["wsrpt", "drf"]["objective"]) == (1, 2)
        assert all(np.shape(sides["learned", negotiator]["objective"]) == (2, 2) for negotiator in ("learned", "drf", ANOTHER))
        rules = {names: side for names, side in sides.items() if not any(name.startswith(LEARNED) for name in names)}
        assert len(rules) == 8
        assert all((np.array(side["objective"]) >= load["least"]).all() for side in sides.values())
        assert min(load["least"]) > 0
        best = min(rules, key=lambda names: float(np.mean(rules[names]["objective"])))
        assert load["best_rules"] == f"{best[0]} with {best[1]}"
        value = np.mean(sides["learned", "learned"]["objective"]) / np.mean(rules[best]["objective"]) - 1
        assert sides["learned", "learned"]["to_best_rules"]["value"] == pytest.approx(value)
        assert (best[0], LEARNED) in sides
        assert (LEARNED, best[1]) in sides
    assert found["loads"]["1.1"] != found["loads"]["1.5"]
    page = out.with_suffix(".md").read_text(encoding="utf-8")
    assert page.count("| = 0 |") >= 4
    assert "The best rules are above a bound" in page


def test_batch_queue(runs: list[Path], data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the late windows: behind what is for training, side by side, played by rules with one queue and by pairs."""
    windows = public_data.late_windows(data_dir, 4).workloads
    assert [window.start for window in windows] == list(range(TRAINING_JOBS, TRAINING_JOBS + 7 * LATE_JOBS, LATE_JOBS))
    monkeypatch.setattr(public_data, "TRAINING_JOBS", 9_936)  # two windows of 32, the last jobs of the log
    monkeypatch.setattr(public_data, "LATE_JOBS", 32)
    monkeypatch.setattr(batch_queue, "LATE_JOBS", 32)
    monkeypatch.setattr(batch_queue, "RULES", ("spt",))
    found = measured(monkeypatch, tmp_path / "batch_queue.json", "suite=batch_queue", listed(runs), f"data={data_dir}")
    sides = [(side["prioritizer"], side["negotiator"]) for side in found["sides"]]
    assert sides == [("spt", "one queue"), ("spt+r", "one queue"), ("spt", "fcfs"), ("spt", "urgency"), ("learned", "learned")]
    assert np.shape(found["sides"][-1]["mean_slowdown"]["windows"]) == (2, 2)
    assert found["schedules_checked"] == 4 * 2 + 2 * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["suite=shared_cluster"], "suite=shared_cluster needs runs=[FOLDER,...], the folders of training runs"),
        (["suite=shared_cluster", "runs=[no/such]"], "runs has no/such, which holds no policy: must be the folder of a training run"),
        (["suite=shared_cluster", "runs=x", "episodes=1"], "episodes is 1, must be an integer in 2..100000"),
    ],
)
def test_mistakes_of_the_user(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects users: one line and exit code 2, before anything is played."""
    with pytest.raises(SystemExit) as exit_:
        measured(monkeypatch, tmp_path / "out.json", *arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
