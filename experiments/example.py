"""Print a situation to start from. ``--help`` shows how."""

from __future__ import annotations

from experiments.plumbing.operating import parser


def main() -> None:
    """Run ``parley example``."""
    parser(
        "example",
        "A situation of ten tasks, as JSON, to change into your own.",
        file=False,
        policy=False,
        as_json=False,
    ).parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("example"):
        from agents.operation.example import example

        print(example().write(indent=1))


if __name__ == "__main__":
    main()
