"""List, show and make again the decisions of a history. ``--help`` shows how."""

from __future__ import annotations

import json
from pathlib import Path

from experiments.decide import show
from experiments.plumbing.operating import parser, print_table


def main() -> None:
    """Run ``parley history``."""
    options = parser("history", "Decisions that parley decide --history has kept.", file=False, policy=False)
    options.add_argument("file", metavar="DB", help="the history")
    options.add_argument("--last", type=int, default=20, metavar="N", help="list the last so many (20)")
    options.add_argument("--show", type=int, metavar="NUMBER", help="show this decision")
    options.add_argument(
        "--replay",
        action="store_true",
        help="make every decision again, and say what differs; exit code 1 if anything does",
    )
    options.add_argument("--beside", metavar="POLICY", help="say how often this policy would have decided the same")
    options.add_argument(
        "--shadow", metavar="POLICY", help="say what going on with this policy would have cost, in simulated futures"
    )
    options.add_argument("--futures", type=int, default=16, help="of each situation, with --shadow (16)")
    given = options.parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("history"):
        if not Path(given.file).is_file():
            raise cli.UsageError(f"{given.file}: no such history; parley decide FILE --history {given.file} begins one")
        from agents.operation.deciding.history import History

        history = History(Path(given.file))
        if given.show is not None:
            decision = history.get(given.show)[1]
            print(decision.write(indent=1)) if given.json else show(decision)
        elif given.beside is not None:
            from agents.operation.deciding.decision import DecisionEngine

            cli.set_threads(1)
            shadow = history.beside(DecisionEngine.load(given.beside))
            print(json.dumps({"kind": "shadow", "policy": given.beside, **shadow.as_json()}) if given.json else shadow)
        elif given.shadow is not None:
            from agents.operation.planning.shadow_cost import shadow_cost

            cli.set_threads(1)
            cost = shadow_cost(history, given.shadow, futures=given.futures)
            print(cost.model_dump_json(indent=1) if given.json else cost)
        elif given.replay:
            cli.set_threads(1)
            different = list(history.replay())
            if given.json:
                print(
                    json.dumps(
                        {
                            "kind": "replay",
                            "decisions": len(history.entries()),
                            "different": [each._asdict() for each in different],
                        }
                    )
                )
            else:
                print_table("What differs", ("decision", "of", "before", "now"), different, right=("decision",))
                print(
                    f"{len(history.entries())} decisions made again; {len({each.number for each in different})} of them differ."
                )
            if different:
                raise SystemExit(1)
        else:
            entries = history.entries(last=given.last)
            if given.json:
                print(json.dumps([entry._asdict() for entry in entries], indent=1))
            else:
                columns = ("number", "made", "time", "policy", "fallback", "starts")
                print_table("Decisions", columns, entries, right=("number", "time", "starts"))


if __name__ == "__main__":
    main()
