"""From a log of your own to a policy that is better there than any rule, or to the rule to use. ``--help`` shows how."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from experiments.plumbing.operating import print_table

if TYPE_CHECKING:
    from agents.operation.knowledge.promotions import Promotions

PLACE: Final = Path("results")
"""Where promotions are: policies there are found by name, as in ``--policy in_force``."""
BOOK: Final = "promotions.db"
IN_FORCE: Final = "in_force"
PROMOTE, ROLL_BACK, SHADOW, LIST = VERBS = ("promote", "rollback", "shadow", "promotions")
EPILOG: Final = f"""
then:
  parley adapt promote FOLDER   put a policy in force: --policy {IN_FORCE} is that policy from then on
  parley adapt rollback         put in force again what was before
  parley adapt shadow DB        what is in force decides beside the decisions of a history
  parley adapt promotions       every change of what is in force
"""


def main() -> None:
    """Run ``parley adapt``."""
    verb = sys.argv[1] if len(sys.argv) > 1 and sys.argv[1] in VERBS else None
    given = _verb(verb).parse_args(sys.argv[2:]) if verb else _parser().parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("adapt"):
        cli.set_threads(1)
        if verb is None:
            _adapt(given)
            return
        from agents.operation.knowledge.promotions import Promotions

        book = Promotions(PLACE / BOOK, PLACE / IN_FORCE)
        {PROMOTE: _promote, ROLL_BACK: _roll_back, SHADOW: _shadow, LIST: _list}[verb](given, book)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="parley adapt",
        description="Fit a scenario to the first part of a batch log, learn on it, and compare with all rules on the later part, which "
        "nobody has seen. What was learned is promotable only if it is better for sure.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("log", metavar="LOG", help="a batch log in the Standard Workload Format, perhaps packed")
    made.add_argument("--seconds", type=float, default=120.0, help="of learning (120); comparing comes on top")
    made.add_argument("--rule", default="fifo+r", help="what you use today; +r keeps the head's place (fifo+r)")
    made.add_argument("--first", type=float, default=0.6, metavar="SHARE", help="of the jobs to learn from (0.6)")
    made.add_argument("--window", type=int, default=0, metavar="JOBS", help="of a window (256, fewer for short logs)")
    made.add_argument("--minimise", default="slowdown", help="slowdown or flow (slowdown)")
    made.add_argument("--no-backfill", action="store_true", help="nobody overtakes the head of the queue")
    made.add_argument(
        "--estimate",
        default="requested",
        help="what is known of durations: requested, requested_or_actual or actual (requested)",
    )
    made.add_argument("--default-request", type=float, default=0.0, metavar="SECONDS", help="of jobs that request none")
    made.add_argument("--unknown-run", type=float, default=0.0, metavar="SECONDS", help="jobs of unknown run time run")
    made.add_argument("--processors", type=int, default=0, help="in the pool (those of the log's header)")
    made.add_argument(
        "--learn", default="index", choices=("index", "both"), help="an index, or a network as well (index)"
    )
    made.add_argument(
        "--generations", type=int, default=0, help="of the index's search, instead of what --seconds allow"
    )
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--out", metavar="FOLDER", help="for policy, card and tables (results/adapted/NAME OF THE LOG)")
    made.add_argument(
        "--promote", action="store_true", help="put the policy in force at once, if it is better for sure"
    )
    made.add_argument("--json", action="store_true", help="write JSON instead of tables")
    return made


def _verb(verb: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog=f"parley adapt {verb}", allow_abbrev=False)
    if verb == PROMOTE:
        made.add_argument("folder", metavar="FOLDER", help="a policy, as parley adapt leaves it in FOLDER/policy")
        made.add_argument("--anyway", action="store_true", help="though it was not shown to be better than a rule")
    if verb == SHADOW:
        made.add_argument("history", metavar="DB", help="decisions that parley decide --history has kept")
        made.add_argument("--policy", help="the one to decide beside them (what is in force)")
    if verb in (PROMOTE, ROLL_BACK):
        made.add_argument("--reason", default="", help="for the book")
    made.add_argument("--json", action="store_true", help="write JSON instead of tables")
    return made


def _adapt(given: argparse.Namespace) -> None:
    from experiments.adapting.adaptation import POLICY, Budget, adapt
    from experiments.adapting.parts import Site
    from experiments.plumbing.building import check_writable
    from experiments.plumbing.cli import UsageError

    if not 0 < given.seconds <= 1e6:
        raise UsageError(f"--seconds is {given.seconds:g}, must be a number in (0, 1e6]")
    if given.generations < 0 or given.seed < 0:
        raise UsageError(f"--generations is {given.generations} and --seed {given.seed}, must be whole numbers >= 0")
    site = Site(
        given.log,
        share=given.first,
        window=given.window,
        minimise=given.minimise,
        backfill=not given.no_backfill,
        estimate=given.estimate,
        default_request=given.default_request,
        unknown_run=given.unknown_run,
        processors=given.processors,
    )
    folder = (
        Path(given.out)
        if given.out
        else PLACE / "adapted" / Path(given.log).name.removesuffix(".gz").removesuffix(".swf")
    )
    check_writable("--out", folder / "adapted.json")
    command = typed(sys.argv[1:], given.log)
    budget = Budget(given.seconds, given.seed, given.learn == "both", given.generations)
    adapted = adapt(site, given.rule, budget, folder, command)

    from envs.files import write_text
    from experiments.reports.outcome import as_json, as_markdown, as_text, machine

    outcome, facts = adapted.outcome(), machine()
    document = json.dumps(as_json(outcome, facts, command), indent=1, allow_nan=False) + "\n"
    write_text(folder / "adapted.json", document)
    write_text(folder / "adapted.md", as_markdown(outcome, facts, command))
    if given.json:
        print(document, end="")
    else:
        print(as_text(outcome, facts))
        print(f"\nEverything is in {folder}; what was learned, with its card, in {folder / POLICY}.")
    if given.promote and adapted.verdict.promotes:
        from agents.operation.knowledge.promotions import Promotions

        _put(Promotions(PLACE / BOOK, PLACE / IN_FORCE), folder / POLICY, "", as_json=given.json)


def typed(arguments: list[str], log: str) -> str:
    """The command as others can type it: the log by its name, and without the folder that it wrote to."""
    told = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if "--out" not in (argument.split("=")[0], before):
            told.append(Path(log).name if argument == log else argument)
    return shlex.join(["parley", "adapt", *told])


def _promote(given: argparse.Namespace, book: Promotions) -> None:
    from agents.operation.knowledge.promotions import PromotionError, reason_of

    better, why = reason_of(Path(given.folder))
    if not (better or given.anyway):
        raise PromotionError(
            f"{given.folder}: is not better than a rule for sure ({why}); --anyway promotes it all the same"
        )
    _put(book, Path(given.folder), given.reason, as_json=given.json)


def _put(book: Promotions, folder: Path, reason: str, *, as_json: bool) -> None:
    from agents.operation.knowledge.promotions import reason_of

    made = book.promote(folder, reason or reason_of(folder)[1])
    _say(made._asdict(), f"{folder} is in force, as --policy {IN_FORCE}: promotion {made.number}.", as_json)


def _roll_back(given: argparse.Namespace, book: Promotions) -> None:
    made = book.roll_back(given.reason)
    _say(
        made._asdict(), f"{made.source} is in force again, as --policy {IN_FORCE}: promotion {made.number}.", given.json
    )


def _shadow(given: argparse.Namespace, book: Promotions) -> None:
    from agents.operation.deciding.decision import DecisionEngine
    from agents.operation.deciding.history import History
    from agents.operation.knowledge.promotions import PromotionError
    from experiments.plumbing.cli import UsageError

    if not Path(given.history).is_file():
        raise UsageError(f"{given.history}: no such history; parley decide FILE --history {given.history} begins one")
    if given.policy is None and book.current() is None:
        raise PromotionError(f"{book.book}: nothing was promoted yet, must be, or --policy must name one")
    name = given.policy or IN_FORCE
    shadow = History(Path(given.history)).beside(DecisionEngine.load(name))
    _say({"kind": "shadow", "policy": name, **shadow._asdict()}, f"{name}: {shadow}", given.json)


def _list(given: argparse.Namespace, book: Promotions) -> None:
    entries = book.entries()
    if given.json:
        print(json.dumps([entry._asdict() for entry in entries], indent=1))
        return
    rows = [
        (entry.number, entry.made, entry.action, entry.source, entry.digest[:12], entry.reason) for entry in entries
    ]
    print_table("Promotions", ("number", "made", "what", "policy", "SHA-256", "why"), rows, right=("number",))
    if not entries:
        print("Nothing was promoted yet.")


def _say(value: dict[str, object], sentence: str, as_json: bool) -> None:
    print(json.dumps(value) if as_json else sentence)


if __name__ == "__main__":
    main()
