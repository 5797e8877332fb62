"""The whole of ``parley negotiation``, small: what is trained, who meets whom, and what the tables say of it."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig

from agents.evaluation.play import draw_episodes, play
from agents.learning import checkpoint
from agents.policies import load_negotiator, load_prioritizer
from agents.rules import negotiator, prioritizer
from agents.rules.levels import Cut
from envs import default_scenario
from envs.columns import NUM_NEGOTIATION, Candidate
from experiments import negotiation
from experiments.plumbing import building, cli
from experiments.plumbing.settings import Negotiation
from experiments.studies import variants
from experiments.studies.bids import TOP, Rounded, cut, deviator, overhear, with_deviator
from experiments.studies.field import SEED, Meeting
from experiments.studies.frontier import Point, unbeaten
from experiments.studies.questions import Questions
from experiments.suites.runs import LEARNED
from experiments.suites.standing import RULE
from tests.experiments.studies.measuring import cells

TINY = [
    "workload.jobs=8",
    "learner.worlds=4",
    "learner.rollout=200",
    "learner.decisions=300",
    "learner.update.batch=64",
    "learner.network.width=4",
    "learner.network.critic_width=4",
    "learner.episodes.number=4",
    "learner.imitation.decisions=100",
    "learner.evaluation.episodes=2",
    "score.episodes=2",
    "episodes=2",
    "loads=[1.1,1.5]",
]
CHOSEN = ["team", "negotiator", "own", "own-credits", "levels-2", "backfilled"]


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run ``parley negotiation`` with its runs and its files in a folder, and return its numbers."""
    out = folder / "out.json"
    monkeypatch.setattr(sys, "argv", ["parley negotiation", f"runs={folder / 'runs'}", f"out={out}", *arguments])
    negotiation.main()
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder and the numbers of a study in which nothing can be learned."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as monkeypatch:
        return folder, run(monkeypatch, folder, *TINY, f"only=[{','.join(CHOSEN)}]", "seeds=[0,1]")


def config(*overrides: str) -> DictConfig:
    """The study's config."""
    with initialize_config_module("conf", version_base="1.3"):
        return compose("negotiation", list(overrides))


def questions() -> Questions:
    """All of the study's own variants."""
    settings = config()
    settings.only = list(settings.variants)
    tables = building.settings(settings, Negotiation).questions
    return Questions(variants.variants(settings), Meeting("team", "wsrpt+w", "urgency"), several=True, tables=tables)


def told(one: Any, to: Any) -> str:
    """How a table begins to tell a difference of means."""
    return "= 0" if one is to or np.array_equal(one, to) else f"{100 * (one.mean() / to.mean() - 1):+.1f} ["


def test_the_whole_study(studied: tuple[Path, dict[str, Any]]) -> None:
    """Protects the study: every number is a mean over the episodes, none of one, and the tables say what the numbers say."""
    folder, found = studied
    out = folder / "out.json"
    assert found["command"] == shlex.join(["parley", "negotiation", *TINY, f"only=[{','.join(CHOSEN)}]", "seeds=[0,1]"])
    assert found["variants"] == {name: [f"{name}-s{seed}" for seed in (0, 1)] for name in CHOSEN}
    flow = {
        (m["where"], m["prioritizer"], m["negotiator"], m["how"]): np.array(m["weighted_flow"]["by_run"])
        for m in found["meetings"]
    }
    rules, team, own = (
        flow["team", "wsrpt+w", "urgency", ""],
        flow["team", "team", "team", ""],
        flow["own", "own", "own", ""],
    )
    assert rules.shape == (1,)
    assert team.shape == flow["team", "team", "team", "of other runs"].shape == (2,)
    numbers = [m[name] for m in found["meetings"] for name in ("weighted_flow", "mean_slowdown", "jain", "worst_off")]
    assert {tuple(each) for each in numbers} == {("mean", "by_run", "to_rules")}  # and no list of all episodes
    for m in found["meetings"]:  # but what intervals are made of
        assert [np.mean(run) for run in m["by_cluster"]] == pytest.approx(m["weighted_flow"]["by_run"], rel=1e-5)
    assert {len(each["by_run"]) for each in numbers} == {1, 2}

    chosen = variants.variants(config(*TINY))[0].config
    policy, again = str(folder / "runs" / "team-s1"), []
    for load in (1.1, 1.5):
        chosen.workload.load_min = chosen.workload.load_max = load
        scenario = cli.make_scenario(chosen)
        again.append(
            play(scenario, draw_episodes(scenario, 2, SEED), load_prioritizer(policy), load_negotiator(policy))
        )
    assert team[1] == pytest.approx(np.mean([results.column("weighted_flow") for results in again]))
    of_team = next(m["weighted_flow"] for m in found["meetings"] if m["prioritizer"] == m["negotiator"] == "team")
    assert of_team["mean"] == pytest.approx(team.mean())
    assert of_team["to_rules"]["value"] == pytest.approx(team.mean() / rules.mean() - 1)

    roles = cells(out, "Each role by rule, tuned or learned")
    assert roles["wsrpt+w (rule)"][1] == "= 0"
    assert roles["wsrpt+w (rule)"][0].startswith(told(flow["team", "wsrpt+w", "drf", ""], rules))
    assert roles["learned together"][3].startswith(told(team, rules))
    rewards = cells(out, "Rewards and credits")
    assert set(rewards) - {"", ":--"} == {
        "team",
        "own",
        "own-credits",
        "team, played where winners pay out of 50 credits",
    }
    assert rewards["own"][2].startswith(told(own, team))
    levels = cells(out, "Bid levels")
    assert levels["2"][0].startswith(told(flow["team", "wsrpt+w", "urgency", "2"], rules))
    assert levels["8"][2:] == ["", ""]
    reserving = cells(out, "Reservations")["wsrpt+r with urgency"]
    assert reserving[1].startswith(told(flow["backfilled", "wsrpt+r", "urgency", ""], rules))
    advice = cells(out, "For who has to choose")
    assert advice["How many bid levels?"][0] in ("2", "16", "2 or 16", "16 or 2")
    means = {"team": float(team.mean()), "own": float(own.mean())}
    assert advice["Whose cost to reward, where bids are free?"][0].startswith(min(means, key=means.__getitem__))
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_a_run_is_trained_once(
    studied: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protects hours of training: a run that is there is played as it is, one that did not end goes on, others are refused."""
    folder, found = studied
    settings = [*TINY, "only=[team]", "seeds=[0]"]
    weights, saved = (
        folder / "runs" / "team-s0" / name for name in ("policy/negotiator/weights.safetensors", checkpoint.NAME)
    )
    before = weights.stat().st_mtime_ns, saved.stat().st_mtime_ns
    again = run(monkeypatch, folder, *settings)
    assert (weights.stat().st_mtime_ns, saved.stat().st_mtime_ns) == before
    key = ("where", "prioritizer", "negotiator", "how")
    first = {tuple(m[name] for name in key): m["weighted_flow"]["by_run"][0] for m in found["meetings"]}
    assert all(m["weighted_flow"]["by_run"][0] == first[tuple(m[name] for name in key)] for m in again["meetings"])
    arrays, facts = checkpoint.load(saved)
    checkpoint.save(saved, arrays, facts | {"decisions": 200})
    capsys.readouterr()
    run(monkeypatch, folder, *settings)
    assert "team-s0, 1 of 1 runs to train" in capsys.readouterr().out
    assert checkpoint.load_facts(saved)["decisions"] > 300
    with pytest.raises(SystemExit):
        run(monkeypatch, folder, *settings, "learner.decisions=400")
    assert (
        "team-s0 was trained with learner.decisions=300, here it is 400; give another folder" in capsys.readouterr().err
    )


def changed(variant: variants.Variant, base: variants.Variant) -> set[str]:
    """In what a variant differs from another."""
    mine, its = variants.flat(variant.config), variants.flat(base.config)
    return {key for key in mine.keys() | its.keys() if mine.get(key) != its.get(key)}


def test_tables_hold_what_they_ask() -> None:
    """Protects the tables: a variant differs from the first in what its question asks, and in nothing else."""
    ask = questions()
    roles = {"learner.roles", "learner.episodes.prioritizer", "learner.episodes.negotiator"}
    cooperation, credits = "scenario.cooperation", "scenario.negotiation.credits"
    reservations = {"scenario.reservations.allowed", "scenario.reservations.backfill"}
    tables = [
        (ask.roles(), roles),
        (ask.free_rewards(), {cooperation}),
        (ask.levels(), {"scenario.negotiation.levels"}),
    ]
    for table, about in [*tables, (ask.reservations(), reservations)]:
        assert len(table) > 2
        assert [bool(changed(variant, ask.base)) for variant in table] == [False] + [True] * (len(table) - 1)
        assert all(changed(variant, ask.base) <= about for variant in table)
    paying = {free.name: ask.paying(free) for free in ask.free_rewards()}
    assert {name: [paid.name for paid in paid] for name, paid in paying.items()} == {
        "team": ["team-credits"],
        "mixed": [],
        "own": ["own-credits"],
    }
    for free in ask.free_rewards():
        assert all(changed(paid, free) == {credits} for paid in paying[free.name])
    assert [v.name for v in ask.rewards()] == ["team", "mixed", "own", "own-credits", "team-credits"]
    assert [v.scenario.negotiation.levels for v in ask.levels()] == [16, 2, 4, 8]
    assert [ask.reserving(v) for v in ask.reservations()] == ["strict", "backfilled", "no reservations"]
    assert [v.name for v in ask.training("prioritizer")] == ["team", "prioritizer"]
    assert [v.name for v in ask.training("negotiator")] == ["team", "negotiator"]
    assert all(v.config.learner.decisions == ask.base.config.learner.decisions for v in ask.chosen)


class Wish:
    """A negotiator that bids the weight key of its pick."""

    def bid(self, observation: Any) -> Any:
        """Return [N] bids."""
        return observation[:, Candidate.WSRPT].astype(np.float64)


def test_levels() -> None:
    """Protects the table of levels: bids are whole, or keep their order in levels that were equally common."""
    seen = np.zeros((5, NUM_NEGOTIATION), np.float32)
    seen[:, Candidate.WSRPT] = [-0.2, 0.4, 0.6, 2.5, 7.0]
    assert Rounded(Wish()).bid(seen).tolist() == [0, 0, 1, 2, 7]
    assert Cut(Wish(), np.array([0.5, 2.5])).bid(seen).tolist() == [0, 0, 1, 2, 2]
    scenario = default_scenario()
    bids = overhear(negotiator("urgency"), prioritizer("wsrpt"), scenario, draw_episodes(scenario, 2, 0))
    borders = cut(negotiator("urgency"), bids, 4).borders
    assert np.bincount(np.searchsorted(borders, bids, side="right")) == pytest.approx(len(bids) / 4, rel=0.1)


def test_one_agent_bids_the_top() -> None:
    """Protects the table of deviations: in every episode another agent bids the top, always, and nobody else's bid changes."""
    from envs import Phase, World

    scenario = default_scenario()
    world = World(scenario, 6, seed=3)
    out, choose = world.reset(), with_deviator(prioritizer("wsrpt"), negotiator("drf"), world, 1)
    agents = [deviator(1 + b, world.num_agents) for b in range(6)]
    assert agents == [1, 2, 3, 0, 1, 2]
    picks, bids = np.zeros(out.acting.shape, np.int32), np.zeros(out.acting.shape)
    tops = others = 0
    for _ in range(200):
        bids[:] = 0.0
        choose(out, picks, bids)
        for b, a in enumerate(agents):
            asked = out.acting[b] & (out.phase[b] == Phase.NEGOTIATE)
            assert bids[b, a] == (TOP if asked[a] else 0.0)
            tops += int(asked[a])
            others += int(asked.sum() - asked[a])
            assert (np.delete(bids[b], a) <= 1.0).all()
        out = world.step(picks, bids)
    assert tops > 10 < others


def test_frontier() -> None:
    """Protects the frontier: who is beaten in one of the two and level in the other is not on it."""
    meeting = Meeting("team", "wsrpt", "urgency")
    fast, fair, slow, level = (
        Point(label, kind, flow, jain, meeting)
        for label, kind, flow, jain in (
            ("fast", LEARNED, 10.0, 0.8),
            ("fair", RULE, 12.0, 0.9),
            ("slow", RULE, 13.0, 0.9),
            ("level", RULE, 10.0, 0.7),
        )
    )
    assert unbeaten([fast, fair, slow, level]) == [fast, fair]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["only=[nosuch]"], "only has 'nosuch', must be some of team, prioritizer"),
        (["only=[]"], "only is an empty list, must name a variant"),
        (["seeds=[1,1]"], "seeds is [1, 1], must be a list of different integers >= 0"),
        (["episodes=1"], "episodes is 1, must be an integer in 2..100000"),
        (["loads=[]"], "loads is an empty list, must name one at least"),
        (["loads=[0]"], "load_min is 0"),
        (["questions.levels=[team,x]"], "questions.levels has 'x', must be among variants: team, prioritizer"),
        (["+questions.paid.own=nosuch"], "questions.paid has 'nosuch', must be among variants: team, prioritizer"),
        (["+questions.paid.own=[team]"], "questions.paid.own is ['team'], must be text"),
        (["rules.negotiator=nosuch"], "unknown negotiator rule 'nosuch'"),
        (
            ["+variants.x={threads:3}"],
            "variants.x.threads cannot be changed, must be in scenario or workload or learner",
        ),
        (["+variants.drf={}"], "variants has 'drf', must be a word that is no rule's name"),
        (["+variants.x=3"], "variants.x is 3, must be a mapping"),
        (["+variants.x={scenario:{cooperation:2}}"], "cooperation is 2.0, must be in [0, 1]"),
        (["workload=lublin"], "workload has no load to set, must be synthetic"),
    ],
)
def test_mistakes_of_the_user(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Protects users: one line and exit code 2, before anything is trained."""
    only = [f"only=[{arguments[0][10:].split('=')[0]}]"] if arguments[0].startswith("+variants.") else []
    with pytest.raises(SystemExit) as exit_:
        run(monkeypatch, tmp_path, *TINY, *arguments, *only)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
