"""Performance over windows: what is added up, what figures mean, how sure they are, and what a load allows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch.utils.tensorboard import SummaryWriter

from agents.evaluation.play import draw_episodes, record
from agents.operation.deciding.decision import DecisionEngine
from agents.operation.deciding.history import History
from agents.operation.site.example import example
from agents.planning.settings import Search
from agents.policies import load_negotiator, load_prioritizer
from envs import default_scenario
from envs.events import EventKind, EventLog
from envs.render.spans import spans_of
from envs.scenario import Scenario, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Instance
from experiments import report as command
from experiments.reports import logs
from experiments.reports.report import Figure, Report, ReportError, as_json, from_json
from experiments.reports.windows import execution, figures
from experiments.reports.windows.analyzer import FEATURES, EfficiencyAnalyzer, features_of
from experiments.reports.windows.execution import Automatic, Execution
from experiments.reports.windows.measures import PARTS, SETTLED, Column, observe
from experiments.reports.windows.page import performance
from experiments.reports.windows.quality import sample_decisions
from scripts import efficiency
from tests.by_hand import LOG, ByHand, event_log


@pytest.fixture(scope="module")
def storm() -> tuple[Instance, EventLog]:
    """An episode with failures, breakdowns and abandoned jobs."""
    workload = SyntheticWorkload(jobs=60, eligible="all")
    scenario = Scenario(workload, uncertainty=Uncertainty(0.5, 0.2, 5.0, 3, 400.0, 60.0, 0.0))
    instance = workload.instance(1)
    return instance, record(scenario, instance, 4, load_prioritizer("wsrpt"), load_negotiator("urgency"))


def test_sums_of_an_episode_by_hand() -> None:
    """Protects the definitions: two windows of twelve seconds, every sum worked out on paper."""
    seen = observe(ByHand().instance(0), event_log(LOG), 12.0)
    first, second = (seen.sums[seen.window == w].sum(axis=0) for w in (0, 1))
    assert (seen.bottleneck, len(seen.window), seen.backlog.tolist()) == (1, 2 * PARTS, [0.0, pytest.approx(40 / 3)])
    expected = {
        Column.SECONDS: (12, 12), Column.BUSY: (24, 24), Column.AVAILABLE: (36, 36), Column.BOUND: (14, 20), Column.FLOW: (14, 23),
        Column.USEFUL: (7 / 2 + 8 / 2 + 24 / 3, 12 / 2 + 24 / 3), Column.OFFERED: (16, 0), Column.JOBS: (1, 1), Column.TASKS: (2, 1),
        Column.FAILURES: (0, 0), Column.FIRST: (1, 1), Column.FIRST_ERROR: (0, 0), Column.LATER: (0, 0),
    }  # fmt: skip
    for column, values in expected.items():
        assert (first[column], second[column]) == pytest.approx(values), column
    assert figures.USED(first) == pytest.approx(100 * 24 / 36)
    assert figures.TIMELY(second) == pytest.approx(100 * 20 / 23)
    assert figures.EFFICIENT(second) == pytest.approx(100 * (24 / 36 * 20 / 23 * 1) ** (1 / 3))


@pytest.mark.parametrize("length", [7.0, 100.0, 86_400.0])
def test_sums_do_not_depend_on_where_windows_end(storm: tuple[Instance, EventLog], length: float) -> None:
    """Protects windows: whatever their length, they add up to the episode; nothing falls between two or is counted twice."""
    instance, log = storm
    whole, cut = observe(instance, log, 1e9), observe(instance, log, length)
    assert cut.sums.sum(axis=0) == pytest.approx(whole.sums.sum(axis=0))
    assert cut.end[:-1].tolist() == cut.start[1:].tolist()
    assert (cut.start[0], cut.end[-1]) == (0.0, log.time[-1])
    assert cut.sums.min() >= 0
    assert (cut.sums[:, Column.BUSY] <= cut.sums[:, Column.AVAILABLE] + 1e-6).all()


def test_failures_and_estimates_one_by_one(storm: tuple[Instance, EventLog]) -> None:
    """Protects recovery and adaptation: the same as counted attempt by attempt, in plain Python."""
    instance, log = storm
    sums = observe(instance, log, 1e9).sums.sum(axis=0)
    spans = list(zip(*(column.tolist() for column in spans_of(log)), strict=True))
    expected = log.value[log.kind == EventKind.TASK_START]
    waited, restarted, lost, begun, errors = 0.0, 0, 0.0, {}, {True: [], False: []}  # type: ignore[var-annotated]
    for n, (agent, task, start, end, kind) in enumerate(spans):
        key = agent, int(instance.task_kind[task])
        if kind == EventKind.TASK_END:
            rank = begun.get(key, 0)
            if rank == 0 or rank >= SETTLED:
                errors[rank == 0].append(abs(np.log((end - start) / (expected[n] - start))))
        elif kind in (EventKind.TASK_FAILED, EventKind.TASK_INTERRUPTED):
            lost += end - start
            later = [other[2] for other in spans[n + 1 :] if other[1] == task]
            waited, restarted = waited + (later[0] - end if later else 0.0), restarted + bool(later)
        begun[key] = begun.get(key, 0) + 1
    assert (sums[Column.WAITED], sums[Column.RESTARTED], sums[Column.LOST]) == pytest.approx((waited, restarted, lost))
    assert (
        sums[Column.FAILURES]
        == np.isin(log.kind, (EventKind.TASK_FAILED, EventKind.TASK_INTERRUPTED)).sum()
        > restarted
        > 0
    )
    assert (sums[Column.FIRST_ERROR], sums[Column.LATER_ERROR]) == pytest.approx(
        (sum(errors[True]), sum(errors[False]))
    )


def test_the_jackknife_of_a_mean_is_the_t_interval() -> None:
    """Protects intervals: where the denominator is the same everywhere, they are Student's; clusters count once, one has no interval."""
    values = np.array([3.0, 5.0, 4.0, 8.0])
    sums = np.column_stack([values, np.ones(4)])
    told = figures.jackknife(lambda total: float(total[0] / total[1]), sums, np.arange(4))
    half = 3.182446 * values.std(ddof=1) / 2
    assert (told.value, told.low, told.high) == pytest.approx((5.0, 5.0 - half, 5.0 + half), rel=1e-5)
    twice = figures.jackknife(
        lambda total: float(total[0] / total[1]), np.repeat(sums, 2, axis=0), np.repeat(np.arange(4), 2)
    )
    assert twice == pytest.approx(told)
    alone = figures.jackknife(lambda total: float(total[0] / total[1]), sums, np.zeros(4, np.int64))
    assert np.isnan(alone.low)


def test_what_a_load_allows_is_about_right() -> None:
    """Protects the learned analyzer: on sites that it has never seen, it is off by about what it says; what is strange is named."""
    analyzer = EfficiencyAnalyzer.load()
    prioritizer, negotiator = load_prioritizer(analyzer.policy), load_negotiator(analyzer.policy)
    errors, inside = [], 0
    for number in range(20_000, 20_016):
        drawn = efficiency.scenario(number)
        instance = drawn.workload.instance(number)
        log = record(drawn, instance, number, prioritizer, negotiator)
        seen = observe(instance, log, efficiency.DAY)
        features, sums = features_of(instance, log, seen), seen.sums[seen.window == 0].sum(axis=0)
        if sums[Column.SECONDS] > efficiency.DAY / 2:
            told, value = analyzer.expect(features[0]).efficiency, figures.EFFICIENT(sums)
            errors.append(value - told.value)
            inside += told.low <= value <= told.high
    assert len(errors) > 8
    assert np.sqrt(np.mean(np.square(errors))) < 2.0 * analyzer.error
    assert inside >= 0.75 * len(errors)
    assert analyzer.explained > 0.5
    strange = np.array(analyzer.centre)
    strange[0] += 20.0
    assert analyzer.expect(strange).outside == (FEATURES[0],)


def test_the_fit_finds_what_is_there() -> None:
    """Protects the fit: a law with a product in it is found, and the error that is told is that of episodes that were left out."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, len(FEATURES)))
    share = 1 / (1 + np.exp(-(0.5 * features[:, 0] - 0.3 * features[:, 1] * features[:, 2])))
    made = EfficiencyAnalyzer.fit(features, 100 * share, np.arange(400) // 4, "x")
    assert (made.windows, made.episodes) == (400, 100)
    assert made.error < 1.5
    assert made.explained > 0.98
    noise = EfficiencyAnalyzer.fit(features, rng.uniform(20, 80, 400), np.arange(400) // 4, "x")
    assert noise.explained < 0.1


def test_good_decisions_look_better_than_bad_ones() -> None:
    """Protects decision quality: longest first is found out, by disagreement and by regret; equal seeds look at equal decisions."""
    scenario = replace(default_scenario(), workload=SyntheticWorkload(jobs=16))
    episodes = draw_episodes(scenario, 2, 3)
    urgency = load_negotiator("urgency")
    good, again, bad = (
        sample_decisions(scenario, episodes, load_prioritizer(name), urgency, 0.4, how=Search(choices=2, futures=8))
        for name in ("wsrpt+w", "wsrpt+w", "lpt")
    )  # type: ignore[arg-type]
    assert all(np.array_equal(one, two) for one, two in zip(good, again, strict=True))
    assert set(good.episode.tolist()) == {0, 1}
    assert len(good.agreed) > 20
    assert good.agreed.mean() > bad.agreed.mean()
    assert bad.regret.sum() / bad.cost.sum() > max(0.0, good.regret.sum() / good.cost.sum())


def value(report: Report, name: str) -> Figure:
    """The figure of a name in the table."""
    (found,) = (row[-1] for row in report.sheets[0].rows if row[1] == name)
    assert isinstance(found, Figure)
    return found


def test_every_figure_is_defined_and_sure_or_not_measured(storm: tuple[Instance, EventLog]) -> None:
    """Protects readers: each figure stands beside its definition and has an interval, or says that it was not measured."""
    told = performance(Execution("x", [storm], automatic=Automatic(100, 98)), 200.0)
    missing = {str(row[1]) for row in told.sheets[0].rows if str(row[-1]) == "not measured"}
    assert missing == {"decision quality", "decision accuracy", "regret", "learning rate", "optimisation ability"}
    for row in told.sheets[0].rows:
        assert len(str(row[2])) > 15
        figure = row[-1]
        assert isinstance(figure, Figure)
        assert str(row[1]) in missing or (figure.low <= figure.value <= figure.high and "[" in figure.shown), row[1]
    assert value(told, "self-management").value == 98
    assert 92 < value(told, "self-management").low < 95
    assert [row[0] for row in told.sheets[1].rows][:2] == ["1", "2"]
    assert [chart.title for chart in told.charts] == ["Efficiency, window by window", "Load, window by window"]
    assert from_json("x", json.loads(json.dumps(as_json(told)))).sheets[0].texts == told.sheets[0].texts


def test_the_command(storm: tuple[Instance, EventLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects ``parley report --windows``: an event log, with a history of real decisions; wrong lengths are one line."""
    logs.write(tmp_path / "log.npz", "who", *storm)
    history = History(tmp_path / "past.db")
    situation = example()
    decision = DecisionEngine.load("wsrpt,urgency").decide(situation)
    for fallback in (False, False, True):
        history.append(situation, decision.model_copy(update={"fallback": fallback}))
    out = tmp_path / "page.html"
    arguments = [str(tmp_path / "log.npz"), "--windows", "5m", "--history", str(history.path), f"--out={out}"]
    monkeypatch.setattr("sys.argv", ["parley report", *arguments])
    command.main()
    page = out.read_text(encoding="utf-8")
    assert "Performance: who" in page
    assert "of 3 decisions, those made without fallback or person" in page
    for wrong in ("24", "0h", "h", "-1h", "1e3h", "24 h"):
        with pytest.raises(ReportError, match="must be a length such as 24h"):
            execution.seconds(wrong)
    assert execution.seconds("1.5d") == 129_600


def test_the_slope_of_a_learning_curve(tmp_path: Path) -> None:
    """Protects the learning rate: the least-squares line through what a run has logged, and nothing of a run that has logged too little."""
    assert execution.slope(tmp_path) is None
    with SummaryWriter(str(tmp_path / "tensorboard")) as writer:
        for step, gap in ((0, 5.0), (1_000_000, 2.5), (2_000_000, 2.0), (3_000_000, -1.5)):
            writer.add_scalar("evaluate/gap_percent", gap, step)
    told = execution.slope(tmp_path)
    assert told is not None
    assert told.value == pytest.approx(-2.0)
    half = 4.302653 * np.sqrt(np.sum(np.square([0.0, -0.5, 1.0, -0.5])) / 2 / 5)
    assert (told.low, told.high) == pytest.approx((-2.0 - half, -2.0 + half), rel=1e-5)


def test_an_evaluation_is_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protects performance of policies: decisions are looked at again, and what a search saved is told under equal luck."""
    from experiments import evaluate

    out = tmp_path / "e.json"
    settings = [
        "workload.jobs=12",
        "episodes=3",
        "prioritizer=wsrpt+w",
        "negotiator=urgency",
        "search=[{choices:2,futures:2}]",
        f"out={out}",
    ]
    monkeypatch.setattr("sys.argv", ["parley evaluate", *settings])
    evaluate.main()
    told = performance(execution.read(out, 20), 86_400.0)
    assert "wsrpt+w with urgency" in told.title
    assert value(told, "decision accuracy").value > 0
    assert "lookahead 2" in str(next(row[2] for row in told.sheets[0].rows if row[1] == "optimisation ability"))
    assert np.isfinite(value(told, "optimisation ability").low)
    assert len(told.sheets[1].rows) == 3
