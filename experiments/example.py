"""Print a situation to start from. ``--help`` shows how."""

from __future__ import annotations

from experiments.plumbing.operating import parser


def main() -> None:
    """Run ``parley example``."""
    options = parser(
        "example",
        "A situation of ten tasks, as JSON, to change into your own.",
        file=False,
        policy=False,
        as_json=False,
    )
    options.add_argument("--run", action="store_true", help="instead, a file of commands for parley run")
    given = options.parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("example"):
        from agents.operation.execution.jobs_file import example_jobs
        from agents.operation.site.example import example

        print((example_jobs() if given.run else example()).write(indent=1))


if __name__ == "__main__":
    main()
