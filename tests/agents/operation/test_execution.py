"""Executions in simulated time: they go as episodes of a World do, and end in a clear state whatever goes wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.evaluation.play import record
from agents.operation.deciding.decision import DecisionEngine
from agents.operation.execution.execution import ExecutionManager
from agents.operation.execution.results import Execution
from agents.operation.execution.run_state import RunState
from agents.operation.execution.simulated import SimulatedExecutor
from agents.operation.execution.view import MOST, View
from agents.operation.messages.messages import Publisher, StatusUpdate, TaskSubmission
from agents.operation.messages.subscribers import Memory
from agents.operation.site.moments import situation_of
from agents.operation.site.problems import SituationError
from agents.operation.site.situation import Situation
from envs import Uncertainty
from envs.events import EventKind
from envs.workloads.generators.random_flexible_job_shop import RandomFlexibleJobShop
from envs.workloads.generators.synthetic import SyntheticWorkload
from envs.workloads.instance import Workload

LUCK = Uncertainty(0.3, 0.15, 0.0, 1000, 400.0, 60.0)
"""Noise, failures, breakdowns; no progress is kept, and nothing is given up."""


def simulated(
    situation: Situation, policy: str = "wsrpt,urgency", luck: Uncertainty | None = None, **how: int
) -> tuple[Execution, Memory]:
    """Run it; what came of it, and what was said."""
    memory, publisher = Memory(), Publisher()
    publisher.subscribe(memory)
    executor = SimulatedExecutor(situation, luck, seed=3)
    manager = ExecutionManager(DecisionEngine.load(policy), executor, publisher=publisher, **how)  # type: ignore[arg-type]
    return manager.run(situation), memory


@pytest.mark.parametrize(
    ("policy", "workload"),
    [
        ("wsrpt,urgency", SyntheticWorkload(jobs=8, eligible="all")),
        ("policies/shared_cluster", SyntheticWorkload(agents=3, jobs=6)),
        ("policies/flexible_job_shop", RandomFlexibleJobShop(jobs_min=5, jobs_max=5, machines_min=4, machines_max=4)),
    ],
)
def test_an_execution_goes_as_an_episode_does(policy: str, workload: Workload) -> None:
    """Protects comparisons in simulation: same starts, by whom and when, as in a World with the same luck."""
    engine = DecisionEngine.load(policy)
    scenario = replace(engine.deciders.rules.scenario, workload=workload, uncertainty=LUCK)
    instance = workload.instance(5)
    instance = replace(instance, task_ratio=np.ones(instance.num_tasks))
    log = record(scenario, instance, 3, engine.deciders.prioritizer, engine.deciders.negotiator)
    begun = log.kind == EventKind.TASK_START
    expected = list(zip(log.time[begun].tolist(), log.agent[begun].tolist(), log.task[begun].tolist(), strict=True))
    engine.deciders.rules = replace(
        engine.deciders.rules, scenario=replace(scenario, workload=engine.deciders.rules.scenario.workload)
    )
    situation = situation_of(instance, scenario)
    memory, publisher = Memory(), Publisher()
    publisher.subscribe(memory, {"status_update"})
    slower = {
        (f"agent-{a}", f"kind-{kind}"): 1 / speed
        for a, row in enumerate(instance.speed.tolist())
        for kind, speed in enumerate(row)
    }
    executor = SimulatedExecutor(situation, LUCK, seed=3, factors=slower)
    done = ExecutionManager(engine, executor, publisher=publisher, retries=1000).run(situation)
    assert done.ok
    places = {agent.name: a for a, agent in enumerate(situation.agents)}
    numbers = {(each.job, each.task): t for t, each in enumerate(done.tasks)}
    found = [
        (m.time, places[m.agent], numbers[m.job, m.task])
        for m in memory.messages
        if isinstance(m, StatusUpdate) and m.state == "started" and m.agent and m.job and m.task
    ]
    assert [row[1:] for row in found] == [row[1:] for row in expected]
    assert [row[0] for row in found] == pytest.approx([row[0] for row in expected], rel=1e-12)
    assert (log.kind == EventKind.TASK_FAILED).any()
    assert (log.kind == EventKind.AGENT_DOWN).any()


def wide(jobs: int, tasks: int) -> Situation:
    """Many equal jobs of tasks that may run side by side."""
    built = Situation.new().agent("a").agent("b")
    for j in range(jobs):
        built.job(f"j{j}", weight=1.0 + j)
        for t in range(tasks):
            built.task(f"t{t}", 1.0, predecessors=[f"t{t - 1}"] if t % 2 else [])
    return built.build()


@pytest.mark.parametrize(("jobs", "tasks"), [(40, 4), (1, 160)], ids=["many jobs", "a large job"])
def test_large_runs_are_decided_about_in_parts(jobs: int, tasks: int) -> None:
    """Protects decisions from growing with the run: what is looked at is bounded, nothing is lost, and nobody idles."""
    situation = wide(jobs, tasks)
    state = RunState(situation)
    for job in situation.jobs:
        state.apply(TaskSubmission(time=0.0, job=job.name))
    view = View(state)
    part, whole = view.situation(), view.situation(whole=True)
    assert part is not None
    assert whole is not None
    assert sum(len(job.tasks) for job in whole.jobs) == jobs * tasks
    assert MOST / 2 < sum(len(job.tasks) for job in part.jobs) <= MOST + tasks % MOST
    assert part.jobs[-1].name == situation.jobs[-1].name
    part.model_copy(update={}).checked()
    done, _ = simulated(situation)
    assert done.ok
    assert done.ended == pytest.approx(jobs * tasks / 2, abs=1.0)


def test_who_can_do_nothing_of_what_counts_most_gets_something_else() -> None:
    """Protects liveness: an agent for which nothing is in the part that is looked at gets what is outside of it."""
    built = Situation.new().agent("a").agent("b")
    for j in range(MOST + 20):
        built.job(f"j{j}", weight=9.0)
        built.task("t", 1.0, eligible=["a"])
    built.job("last", weight=1.0).task("t", 1.0, eligible=["b"])
    done, _ = simulated(built.build())
    assert done.ok
    assert done.tasks[-1].since == 0.0


def test_what_fails_too_often_is_given_up_and_the_rest_is_done() -> None:
    """Protects runs from poisoned tasks in simulation, too; attempts are counted, and what comes after them is told."""
    situation = Situation.new().agent("a").job("j").task("x", 1.0).task("y", 1.0, predecessors=["x"]).task("z", 1.0)
    done, memory = simulated(situation.build(), luck=Uncertainty(failure_probability=0.99), retries=2)
    assert {each.task: each.state for each in done.tasks} == {"x": "failed", "y": "blocked", "z": "failed"}
    assert [each.attempts for each in done.tasks] == [3, 0, 3]
    assert sum(m.kind == "alert_notification" for m in memory.messages) == 3 + 3 + 2


@pytest.mark.parametrize("survivors", [1, 2])
def test_breakdowns_of_everybody_are_outlived(survivors: int) -> None:
    """Protects recovery: with agents that break down again and again, one or all of them, everything is done in the end."""
    built = Situation.new()
    for a in range(2):
        built.agent(f"a{a}", up=a < survivors)
    built.job("j")
    for t in range(12):
        built.task(f"t{t}", 10.0)
    luck = Uncertainty(mean_time_between_failures=40.0, mean_time_to_repair=20.0)
    done, memory = simulated(built.build(), luck=luck)
    assert done.ok
    assert any(m.kind == "health_status" for m in memory.messages)
    assert any(each.attempts > 1 for each in done.tasks)


def test_second_runs_go_on_where_the_first_was_left() -> None:
    """Protects resuming: messages alone bring a run to where it stood, and it goes on from there to the same end."""
    situation = wide(3, 4)
    done, memory = simulated(situation)
    state = RunState(situation)
    for message in list(memory.messages)[: len(memory.messages) // 2]:
        state.apply(message)
    for message in [
        StatusUpdate(time=state.now, state="stopped", job=task.job, task=task.task.name, agent=run.agent)
        for task, run in state.running
    ]:
        state.apply(message)
    left = sum(task.state == "waiting" for task in state.tasks.values())
    assert 0 < left < 12
    executor = SimulatedExecutor(situation.model_copy(update={"time": state.now}))
    rest = ExecutionManager(DecisionEngine.load("wsrpt,urgency"), executor).run(state)
    assert rest.ok
    assert rest.ended <= done.ended + 2


def test_what_runs_already_cannot_be_run() -> None:
    """Protects from claims: a task that is said to run was not started here, and messages name what exists."""
    built = Situation.new(time=5.0).agent("a").job("j").task("t", 9.0, state="running", agent="a", since=1.0)
    with pytest.raises(SituationError, match=r"jobs\[0\].tasks\[0\].state is 'running'"):
        RunState(built.build())
    state = RunState(wide(1, 1))
    for message, words in (
        (StatusUpdate(time=0.0, state="started", job="j0", task="none", agent="a"), "name of a task of job 'j0'"),
        (StatusUpdate(time=0.0, state="started", job="none", task="t0", agent="a"), "job is 'none'"),
        (StatusUpdate(time=0.0, state="started", job="j0", task="t0", agent="c"), "agent is 'c'"),
    ):
        with pytest.raises(SituationError, match=words):
            state.apply(message)
