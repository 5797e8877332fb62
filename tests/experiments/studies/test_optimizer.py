"""The optimizer's ablation: everybody has the same luck, what is given up costs, and the whole study, small."""

from __future__ import annotations

from dataclasses import replace

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.execution.results import Execution, TaskResult
from agents.operation.site.moments import situation_of
from agents.operation.site.situation import Situation
from envs.scenario import Scenario
from experiments.studies.optimizer import METRICS, POLICY, SWITCHES, TROUBLES, WORKLOAD, costs, run, study

FEW = replace(WORKLOAD, jobs=8)


def test_where_nothing_is_done_nothing_differs() -> None:
    """Protects the pairing: a means that finds nothing to do changes nothing, as luck depends on no decision."""
    situation = situation_of(FEW.instance(1), Scenario(FEW))
    engine = DecisionEngine.load(POLICY)
    alone, _ = run(situation, TROUBLES["breakdowns"], SWITCHES["none"], engine, 1)
    watched, optimizer = run(situation, TROUBLES["breakdowns"], SWITCHES["move"], engine, 1)
    assert not optimizer.done
    assert watched == alone


def test_what_is_given_up_costs_until_the_end() -> None:
    """Protects the comparison: losing a job early is not cheaper than doing it."""
    situation = (
        Situation.new().agent("a").job("j", weight=2.0, due=5.0, release=1.0).task("x", 1.0).task("y", 1.0).build()
    )

    def result(task: str, until: float | None) -> TaskResult:
        state = "failed" if until is None else "done"
        return TaskResult(job="j", task=task, state=state, agent="a", since=1.0, until=until, attempts=1, detail="")

    whole = Execution(began=0, ended=9, policy="", decisions=1, interrupted=False, done=2, total=2, tasks=[])
    done = whole.model_copy(update={"tasks": [result("x", 2.0), result("y", 4.0)]})
    lost = whole.model_copy(update={"tasks": [result("x", 2.0), result("y", None)]})
    assert costs(situation, done) == {"flow": 6.0, "tardiness": 0.0, "lost": 0.0}
    assert costs(situation, lost) == {"flow": 16.0, "tardiness": 8.0, "lost": 1.0}


def test_leaving_a_broken_agent_alone_helps() -> None:
    """Protects the study: where all fails at one agent, moving work is worth something, and the tables have every switch."""
    trouble = "an agent where all fails"
    outcome = study(2, {trouble: TROUBLES[trouble]}, FEW)
    found = outcome.numbers["troubles"][trouble]
    assert found["flow"]["move"]["value"] < -0.05
    assert found["actions"]["avoid"] >= 1
    assert [sheet.rows[0][0] for sheet in outcome.sheets] == [trouble] * (len(METRICS) + 1)
