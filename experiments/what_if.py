"""Compare plans: as things are, and as they would be after a change. ``--help`` shows how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from experiments.plan import add_planning
from experiments.plumbing.operating import clock, parser, print_table, read_situation


def main() -> None:
    """Run ``parley what-if``."""
    options = parser(
        "what-if", "How plans change if an agent goes down, a due date moves, or anything else changes by name."
    )
    add_planning(options)
    options.add_argument(
        "--down",
        action="append",
        default=[],
        metavar="AGENT",
        help="what if it goes down now; what it runs starts again",
    )
    options.add_argument(
        "--due", action="append", default=[], metavar="JOB=SECONDS", help="what if this were its due date"
    )
    options.add_argument(
        "--changes",
        action="append",
        default=[],
        metavar="FILE",
        help="what if these changes, as JSON, were merged by name",
    )
    given = options.parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("what-if"):
        situation = read_situation(given.file, as_json=given.json)
        from agents.operation.planning.planning import TaskPlanner
        from agents.operation.site.problems import read_json
        from agents.operation.site.situation import down

        changes: dict[str, Any] = {f"{name} down": down(situation, name) for name in given.down}
        for text in given.due:
            job, _, seconds = text.rpartition("=")
            try:
                changes[f"{job} due {seconds}"] = {"jobs": [{"name": job, "due": float(seconds)}]}
            except ValueError:
                raise cli.UsageError(f"--due is {text!r}, must be JOB=SECONDS") from None
            if job not in [each.name for each in situation.jobs]:
                raise cli.UsageError(f"--due names {job!r}, must name a job of {given.file}")
        for name in given.changes:
            changes[name] = read_json(Path(name).read_bytes())
        if not changes:
            raise cli.UsageError("no change is given, must be one of --down, --due and --changes at least")
        cli.set_threads(1)
        plans = TaskPlanner(given.policy, ()).what_if(
            situation, changes, seconds=given.seconds, futures=given.futures, seed=given.seed
        )
        if given.json:
            print(
                json.dumps(
                    {"kind": "what_if", "plans": {name: plan.model_dump() for name, plan in plans.items()}}, indent=1
                )
            )
            return
        now = plans["now"]
        ends = {name: {job.job: job for job in plan.jobs} for name, plan in plans.items()}
        jobs = list(dict.fromkeys(job for each in ends.values() for job in each))
        rows = [
            (job, *(clock(each[job].end.p50 - now.time) if job in each else "" for each in ends.values()))
            for job in jobs
        ]
        print_table("Jobs: median end, from now", ("job", *ends), rows, right=tuple(ends))
        late = [
            (
                job,
                *(
                    "" if job not in each or (share := each[job].on_time) is None else f"{share:.0%}"
                    for each in ends.values()
                ),
            )
            for job in jobs
            if any(job in each and each[job].on_time is not None for each in ends.values())
        ]
        print_table("Jobs: on time", ("job", *ends), late, right=tuple(ends))
        print_table(
            "Cost: median", tuple(ends), [[f"{plan.cost.p50:,.0f}" for plan in plans.values()]], right=tuple(ends)
        )


if __name__ == "__main__":
    main()
