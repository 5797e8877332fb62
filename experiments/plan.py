"""Plan what will probably happen: who does what when, in simulated futures. ``--help`` shows how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.plumbing.operating import clock, parser, print_table, read_situation

if TYPE_CHECKING:
    import argparse

    from agents.operation.planning import ExecutionPlan, Spread


def show(plan: ExecutionPlan) -> None:
    """Print a plan for people: times are counted from now."""
    now = plan.time
    print(f"Now is {now:g} s; {plan.futures} futures, decided by {plan.policy}, in {plan.took_seconds:.1f} s.\n")
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


def _three(spread: Spread, now: float) -> tuple[str, str, str]:
    return clock(spread.p10 - now), clock(spread.p50 - now), clock(spread.p90 - now)


def add_planning(options: argparse.ArgumentParser) -> None:
    """Add what plans need to be told."""
    options.add_argument(
        "--seconds", type=float, default=5.0, help="wall time, after which no further futures are begun (5)"
    )
    options.add_argument("--futures", type=int, default=64, help="most futures (64)")
    options.add_argument("--seed", type=int, default=0, help="equal seeds give equal futures (0)")


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
    given = options.parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("plan"):
        situation = read_situation(given.file, as_json=given.json)
        from agents.operation.planning import RULES, TaskPlanner

        cli.set_threads(1)
        planner = TaskPlanner(given.policy, RULES if given.rival is None else given.rival)
        plan = planner.plan_task_execution(situation, seconds=given.seconds, futures=given.futures, seed=given.seed)
        if given.job is not None:
            job = plan.job(given.job)
            early, middle, late = _three(job.end, plan.time)
            text = f"{job.job}: place {job.position} of {len(plan.jobs)}; done in {middle} ({early} to {late})"
            print(
                job.model_dump_json(indent=1)
                if given.json
                else text + ("" if job.on_time is None else f"; on time: {job.on_time:.0%}")
            )
        elif given.json:
            print(plan.write(indent=1))
        else:
            show(plan)


if __name__ == "__main__":
    main()
