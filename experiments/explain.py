"""Say why a task starts now, or why it does not. ``--help`` shows how."""

from __future__ import annotations

from experiments.plumbing.operating import parser, print_table, read_situation


def main() -> None:
    """Run ``parley explain``."""
    options = parser("explain", "Why a task starts now, or why not, and which columns moved its priority.")
    options.add_argument("--task", required=True, metavar="NAME", help="JOB/TASK, or TASK where only one job has it")
    given = options.parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("explain"):
        situation = read_situation(given.file, as_json=given.json)
        from agents.operation.deciding.decision import DecisionEngine
        from agents.operation.deciding.explanation import explain

        cli.set_threads(1)
        told, decision = explain(DecisionEngine.load(given.policy), situation, given.task)
        if given.json:
            print(told.model_dump_json(indent=1))
            return
        name = f"{told.job}/{told.task}"
        if told.starts:
            start = next(each for each in decision.starts if (each.job, each.task) == (told.job, told.task))
            print(f"{name} starts now at {start.agent}, as {decision.policy} decides.\n")
        else:
            print(f"{name} does not start now, as {decision.policy} decides:")
            print("".join(f"  {reason}\n" for reason in told.reasons))
        agents = {each.agent for each in told.priorities}
        rows = [
            (
                each.agent,
                each.rank,
                f"{each.job}/{each.task}" + (" (picked)" if each.picked else ""),
                "" if each.score is None else f"{each.score:.3f}",
                ", ".join(f"{column} {effect:+.2f}" for column, effect in each.moved_by.items()),
            )
            for each in decision.priorities
            if each.agent in agents
        ]
        print_table(
            "Priorities of whom it was shown",
            ("agent", "rank", "task", "score", "moved by"),
            rows,
            right=("rank", "score"),
        )


if __name__ == "__main__":
    main()
