"""Plan what will probably happen: who does what when, in simulated futures. ``--help`` shows how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from experiments.plumbing.operating import clock, parser, print_table, read_situation

if TYPE_CHECKING:
    import argparse

    from agents.operation.planning.difference import Difference
    from agents.operation.planning.futures import Futures
    from agents.operation.planning.planning import ExecutionPlan, JobPlan, Spread


def show(plan: ExecutionPlan) -> None:
    """Print a plan for people: times are counted from now."""
    now = plan.time
    by = f"as the previous plan says, the rest by {plan.policy}" if plan.kept else f"decided by {plan.policy}"
    frozen = f"; {plan.frozen} tasks are frozen" if plan.frozen else ""
    print(f"Now is {now:g} s; {plan.futures} futures, {by}, in {plan.took_seconds:.1f} s{frozen}.\n")
    tried = [
        (each.policy, f"{each.cost:,.0f}", f"{each.more:+,.0f}", f"{each.low:+,.0f} .. {each.high:+,.0f}")
        for each in plan.contenders
    ]
    print_table(
        "Who decides best here", ("policy", "mean cost", "more", "95 %"), tried, right=("mean cost", "more", "95 %")
    )
    tasks = [
        (each.agent, f"{each.job}/{each.task}", *_three(each.start, now), *_three(each.end, now)) for each in plan.tasks
    ]
    heads = ("start p10", "p50", "p90", "end p10", "p50 ", "p90 ")
    print_table("Tasks", ("agent", "task", *heads), tasks, right=heads)
    jobs = [
        (
            each.position,
            each.job,
            *_three(each.end, now),
            "" if each.due is None else clock(each.due - now),
            "" if each.on_time is None else f"{each.on_time:.0%}",
        )
        for each in plan.jobs
    ]
    print_table(
        "Jobs",
        ("place", "job", "end p10", "p50", "p90", "due", "on time"),
        jobs,
        right=("place", "end p10", "p50", "p90", "due", "on time"),
    )
    print("Assumed: " + "; ".join(plan.assumptions) + ".")


def show_job(plan: ExecutionPlan, job: JobPlan) -> None:
    """Print when one job will be done, and its place in the queue."""
    early, middle, late = _three(job.end, plan.time)
    on_time = "" if job.on_time is None else f"; on time: {job.on_time:.0%}"
    print(f"{job.job}: place {job.position} of {len(plan.jobs)}; done in {middle} ({early} to {late}){on_time}")


def show_difference(found: Difference, now: float) -> None:
    """Print what changed since the previous plan."""
    rows = [
        (
            each.what,
            f"{each.job}/{each.task}",
            *(
                part
                for place in (each.before, each.after)
                for part in (("", "") if place is None else (place.agent, clock(place.start - now)))
            ),
            "" if each.by is None else clock(each.by),
        )
        for each in found.shifts
    ]
    columns = ("", "task", "was at", "started in", "is at", "starts in", "later by")
    print_table("What changes", columns, rows, right=("started in", "starts in", "later by"))
    print(f"Tasks that stay as they were planned: {found.same}; that do not: {len(rows)}.\n")


def _three(spread: Spread, now: float) -> tuple[str, str, str]:
    return clock(spread.p10 - now), clock(spread.p50 - now), clock(spread.p90 - now)


def add_planning(options: argparse.ArgumentParser) -> None:
    """Add what plans need to be told."""
    options.add_argument(
        "--seconds", type=float, default=5.0, help="wall time, after which no further futures are begun (5)"
    )
    options.add_argument("--futures", type=int, default=64, help="most futures (64)")
    options.add_argument("--seed", type=int, default=0, help="equal seeds give equal futures (0)")


SOURCES: Final = ("belief", "quantiles", "log")


def _add_source(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--luck",
        choices=SOURCES,
        default=SOURCES[0],
        help="durations vary as is believed, exactly as given quantiles say, or as they did in a log (belief)",
    )
    options.add_argument(
        "--log",
        metavar="FILE",
        help="the log: another situation, a history, or a public file; without it, what the situation itself has seen",
    )
    options.add_argument(
        "--arrivals", type=float, metavar="SECONDS", help="jobs of the log come again for so long from now"
    )


def _source(luck: str, log: str | None, arrivals: float | None) -> Futures:
    """Where futures come from.

    Raises:
        UsageError: options contradict each other, or the log is none.
    """
    from agents.operation.planning.bootstrap import Arriving, ByLog
    from agents.operation.planning.futures import ByBelief, ByQuantiles
    from experiments.plumbing.cli import UsageError
    from experiments.plumbing.public_files import read_log

    if log is not None and luck != "log" and arrivals is None:
        raise UsageError("--log is given, and neither --luck log nor --arrivals, which read it")
    if arrivals is not None and log is None:
        raise UsageError("--arrivals is given without --log FILE, whose jobs come again")
    past = None if log is None else read_log(log)
    source: Futures = {"belief": ByBelief, "quantiles": ByQuantiles}[luck]() if luck != "log" else ByLog(past)
    return source if arrivals is None or past is None else Arriving(source, past, arrivals)


def _add_change(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--previous",
        metavar="PLAN.json",
        help="a plan that --json wrote: change as little of it as possible, and say what changes",
    )
    options.add_argument(
        "--keep",
        type=float,
        metavar="SHARE",
        help="follow the previous plan unless another costs less by more than this share (0)",
    )
    options.add_argument(
        "--freeze",
        type=float,
        metavar="SECONDS",
        help="what was to start so soon keeps its agent and its order, whoever decides (0)",
    )


def read_plan(file: str) -> ExecutionPlan:
    """Read a plan that ``--json`` wrote, with what changed or without.

    Raises:
        UsageError: it is none.
    """
    from pydantic import ValidationError

    from agents.operation.planning.planning import ExecutionPlan
    from agents.operation.site.problems import SituationError, from_pydantic, read_json
    from experiments.plumbing.cli import UsageError

    try:
        value = read_json(Path(file).read_bytes())
        return ExecutionPlan.model_validate(value.get("plan", value) if isinstance(value, dict) else value)
    except ValidationError as error:
        problem = from_pydantic(error.errors(include_url=False, include_context=False))[0]
    except SituationError as error:
        problem = error.problems[0]
    raise UsageError(f"{file}: no plan as parley plan --json writes it: {problem}")


def main() -> None:
    """Run ``parley plan``."""
    options = parser("plan", "When everything will probably be done, by whom, and by which policy.")
    add_planning(options)
    options.add_argument(
        "--rival",
        action="append",
        metavar="POLICY",
        help="compare with this policy, instead of some rules; may be repeated",
    )
    options.add_argument(
        "--job", metavar="NAME", help="tell only when this job will be done, and its place in the queue"
    )
    options.add_argument("--chart", metavar="PLAN.png", help="draw the plan with its uncertainty into this file, too")
    _add_source(options)
    _add_change(options)
    given = options.parse_args()

    from experiments.plumbing import cli
    from experiments.plumbing.building import check_writable

    with cli.user_errors("plan"):
        situation = read_situation(given.file, as_json=given.json)
        from agents.operation.planning.difference import difference
        from agents.operation.planning.planning import RULES, Change, TaskPlanner

        cli.set_threads(1)
        if given.chart is not None:
            if not given.chart.endswith(".png"):
                raise cli.UsageError(f"--chart is {given.chart!r}, must be the name of a .png file")
            check_writable("--chart", Path(given.chart))
        for name in ("keep", "freeze"):
            if getattr(given, name) is not None and given.previous is None:
                raise cli.UsageError(f"--{name} is given without --previous PLAN.json")
        change = (
            Change(read_plan(given.previous), given.keep or 0.0, given.freeze or 0.0)
            if given.previous is not None
            else None
        )
        source = _source(given.luck, given.log, given.arrivals)
        planner = TaskPlanner(given.policy, RULES if given.rival is None else given.rival, source=source)
        plan = planner.plan_task_execution(
            situation, seconds=given.seconds, futures=given.futures, seed=given.seed, change=change
        )
        changes = None if change is None else difference(change.previous, plan)
        if given.chart is not None:
            from agents.operation.planning.chart import draw_plan

            draw_plan(plan, given.chart)
        if given.job is not None:
            job = plan.job(given.job)
            print(job.model_dump_json(indent=1)) if given.json else show_job(plan, job)
        elif given.json:
            print(_as_json(plan, changes))
        else:
            show(plan)
            if changes is not None:
                print()
                show_difference(changes, plan.time)


def _as_json(plan: ExecutionPlan, changes: Difference | None) -> str:
    """The plan; beside a previous one, both the plan and what changes."""
    if changes is None:
        return plan.write(indent=1)
    return json.dumps({"kind": "changed_plan", "plan": plan.model_dump(), "difference": changes.model_dump()}, indent=1)


if __name__ == "__main__":
    main()
