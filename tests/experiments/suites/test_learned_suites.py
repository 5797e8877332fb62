"""The suites that set what was trained several times beside the rules, small and with networks that learned nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module

from agents.networks.architecture import NEGOTIATOR, PRIORITIZER, Brain, Spec
from agents.networks.artifact import save
from experiments.suites.runs import ANOTHER, LEARNED, Players, Side
from experiments.suites.shared_cluster import SUITE, bounds_of
from experiments.suites.standing import Standing
from tests.experiments.studies.measuring import cells, measured

INDEX = "shared_cluster_index with shared_cluster_index"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of two training runs of both roles."""
    folders = [tmp_path_factory.mktemp("run") for _ in range(2)]
    for seed, folder in enumerate(folders):
        torch.manual_seed(seed)
        save(folder / "policy" / PRIORITIZER, Brain(Spec.default(PRIORITIZER, 4)), {})
        save(folder / "policy" / NEGOTIATOR, Brain(Spec.default(NEGOTIATOR, 4, levels=16)), {})
    return folders


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


@pytest.mark.parametrize(
    ("negotiator", "pairs", "trained"),
    [(LEARNED, 3, 3), ("drf", 1, 1), (ANOTHER, 2, 2), (ANOTHER, 6, 3), (ANOTHER, 12, 4)],
)
def test_pairs_are_not_runs(negotiator: str, pairs: int, trained: int) -> None:
    """Protects intervals of cross-play: what three runs play with each other's partners is three observations, not six."""
    side = Side(LEARNED, negotiator, (None,) * pairs)  # type: ignore[arg-type]  # results are not looked at
    assert side.runs == trained


def test_the_same_runs_are_compared_run_by_run() -> None:
    """Protects studies of one variant in two ways: where both sides are the same runs, what differs between runs is no doubt."""

    def standing(negotiator: str, costs: np.ndarray) -> Standing:
        results = tuple(SimpleNamespace(column=lambda metric, run=run: run) for run in costs)
        side = Side(LEARNED, negotiator, results)  # type: ignore[arg-type]  # all that is asked of results
        return Standing("", LEARNED, [side], [np.ones(20)], np.ones(20, np.bool_), [np.arange(20)])

    runs = np.outer([1.0, 2.0, 3.0], np.ones(20))
    one, to, other = standing(LEARNED, 1.1 * runs), standing(LEARNED, runs), standing("drf", runs)
    assert one.difference(to, "cost") == pytest.approx((0.1, 0.1, 0.1))
    assert one.difference(other, "cost").low < -0.5


def test_shared_cluster(runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects the comparison of both roles: who plays where, the strongest rules of each row, the bound, and the tables of two by two."""
    cells_played = ["loads=[1.1,1.5]", "agents=[4,8]", "tasks=[small]"]
    out = tmp_path / "shared_cluster.json"
    said = ["suite=shared_cluster", "episodes=2", "workload.jobs=8", *cells_played]
    found = measured(monkeypatch, out, listed(runs), *said)
    assert [(each["load"], each["agents"]) for each in found["episodes"][::2]] == [
        (f"load {load}", f"{agents} agents") for load in (1.1, 1.5) for agents in (4, 8)
    ]
    flow = {one["name"]: np.array(one["weighted_flow"]) for one in found["contestants"]}
    assert flow["wsrpt+w with drf"].shape == flow[INDEX].shape == (1, 8)
    trained = (f"{LEARNED} with {LEARNED}", f"{LEARNED} with {ANOTHER}", f"wsrpt+w with {LEARNED}")
    assert {flow[name].shape for name in trained} == {(2, 8)}
    rules = {name: flow[name] for name in flow if "learned" not in name and "index" not in name}
    assert len(rules) == 15
    rows = cells(out, "Everywhere: % of the rules that are the best there")
    for label, chosen in (
        ("all", slice(None)),
        ("load 1.5", slice(4, None)),
        ("load 1.1, 8 agents, small tasks", slice(2, 4)),
    ):
        means = {name: values[:, chosen].mean() for name, values in flow.items()}
        best = min(rules, key=means.__getitem__)
        episodes, to, *shown = rows[label]
        assert (int(episodes), to) == (rules[best][:, chosen].size, best)
        others = (INDEX, f"{LEARNED} with {LEARNED}", f"{LEARNED} with {ANOTHER}")
        assert [each.split()[0] for each in shown] == [
            f"{100 * (means[name] / means[best] - 1):+.1f}" for name in others
        ]
    assert len(cells(out, "Everywhere: % of the tuned index")["all"]) == 4
    with initialize_config_module("conf", version_base="1.3"):
        bounds = np.concatenate([bounds_of(contest) for contest in SUITE.contests(compose("benchmark", said))])
    assert bounds.min() > 0
    assert all((values >= bounds).all() for values in flow.values())
    for label, chosen in (("all", slice(None)), ("4 agents", [0, 1, 4, 5])):
        count, to, *gaps = cells(out, "Gap to the lower bound")[label]
        shown = [f"{100 * ((flow[name] / bounds)[:, chosen].mean() - 1):.1f}" for name in (to, *others)]
        assert (count, [gap.split()[0] for gap in gaps]) == (str(bounds[chosen].size), shown)
    roles = cells(out, "Load 1.5, 4 agents, small tasks: each role by rule or learned, % of wsrpt+w with drf")
    value = 100 * (flow[f"{LEARNED} with {ANOTHER}"][:, 4:6].mean() / flow["wsrpt+w with drf"][:, 4:6].mean() - 1)
    assert roles[LEARNED][2].split()[0] == f"{value:+.1f}"
    assert roles["wsrpt+w"][2] == ""


def test_one_run_has_no_partners_of_others(runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects who has trained once: everything but cross-play is measured; and bounds: where tasks fail, there are none."""
    cell = ["loads=[1.1]", "agents=[4]", "tasks=[large]", "scenario.uncertainty.failure_probability=0.1"]
    found = measured(
        monkeypatch,
        tmp_path / "out.json",
        "suite=shared_cluster",
        f"runs=[{runs[0]}]",
        "episodes=2",
        "workload.jobs=8",
        *cell,
    )
    names = [one["name"] for one in found["contestants"]]
    assert f"{LEARNED} with {LEARNED}" in names
    assert f"{LEARNED} with {ANOTHER}" not in names
    assert "Gap to" not in (tmp_path / "out.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["suite=shared_cluster", "runs=[no/such]"],
            "runs has no/such, which holds no policy: must be the folder of a training run",
        ),
        (["suite=shared_cluster", "episodes=1"], "episodes is 1, must be an integer in 2..100000"),
        (["suite=shared_cluster", "loads=[]"], "loads is [], must name one at least, each once"),
        (["suite=shared_cluster", "agents=[x]"], "agents[0] is 'x', must be an integer"),
        (["suite=shared_cluster", "tasks=[huge]"], "tasks has 'huge', must be a list of large and small"),
        (["suite=shared_cluster", "path=x"], "path=x: suite=shared_cluster draws its instances; leave it out"),
    ],
)
def test_mistakes_of_the_user(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects users: one line and exit code 2, before anything is played."""
    with pytest.raises(SystemExit) as exit_:
        measured(monkeypatch, tmp_path / "out.json", *arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
