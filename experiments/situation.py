"""Make a situation of a public file: SWF, WfFormat, PSPLIB, job shop. ``--help`` shows how."""

from __future__ import annotations

from experiments.plumbing.operating import parser
from experiments.plumbing.public_files import FORMATS, workload


def main() -> None:
    """Run ``parley situation``."""
    options = parser(
        "situation",
        "A situation, as JSON, in which the jobs of a public file wait.",
        file=False,
        policy=False,
        as_json=False,
    )
    options.add_argument(
        "--from", dest="source", required=True, metavar="FILE", help="SWF, WfFormat, PSPLIB (.sm, .rcp) or a job shop"
    )
    options.add_argument("--format", choices=FORMATS, help="by default what the name's ending says")
    options.add_argument(
        "--at", type=float, default=0.0, metavar="SECONDS", help="now: what was released by then is waiting (0)"
    )
    options.add_argument("--jobs", type=int, default=0, help="of an SWF log, the first so many (all)")
    given = options.parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("situation"):
        from agents.operation.site.moments import situation_of
        from agents.operation.site.play_rules import DEFAULT

        if not given.at >= 0:
            raise cli.UsageError(f"--at is {given.at}, must be a number >= 0")
        source = workload(given.source, given.format, given.jobs)
        print(situation_of(source.instance(0), DEFAULT.scenario, given.at).write(indent=1))


if __name__ == "__main__":
    main()
