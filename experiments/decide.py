"""Decide what each agent should do now, from a situation. ``--help`` shows how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.plumbing.operating import clock, parser, print_table, read_situation

if TYPE_CHECKING:
    from agents.operation.deciding.decision import Decision
    from agents.operation.deciding.shadow import Comparison


def show(decision: Decision) -> None:
    """Print a decision for people."""
    now = decision.time
    who = (
        decision.policy
        if not decision.fallback
        else f"{decision.policy}, as the policy gave no answer: {decision.reason}"
    )
    print(f"Now is {now:g} s; decided by {who}, in {decision.took_ms:.1f} ms.\n")
    granted: dict[tuple[str, str], list[str]] = {}
    for grant in decision.grants:
        granted.setdefault((grant.job, grant.task), []).append(f"{grant.units} {grant.resource}")
    columns = ("agent", "starts", "gets", "bid", "done in")
    rows = [
        (
            each.agent,
            f"{each.job}/{each.task}",
            ", ".join(granted.get((each.job, each.task), [])),
            _bid(each.bid),
            clock(each.expected_end - now),
        )
        for each in decision.starts
    ]
    print_table("Start now", columns, rows, right=("bid", "done in"))
    waits = [
        (each.agent, f"{each.job}/{each.task}", clock(each.start - now), each.reason) for each in decision.reservations
    ]
    print_table("Keep a place", ("agent", "for", "from in", "why"), waits, right=("from in",))
    if not rows and not waits:
        print("Nothing starts now.\n")
    ranked = [
        (
            each.agent,
            each.rank,
            f"{each.job}/{each.task}",
            "" if each.score is None else f"{each.score:.3f}",
            "picked" if each.picked else "",
        )
        for each in decision.priorities
    ]
    print_table("Priorities", ("agent", "rank", "task", "score", ""), ranked, right=("rank", "score"))
    binds = [(each.kind, each.name, each.blocked) for each in decision.analysis.constraints]
    print_table("What binds", ("constraint", "of", "tasks blocked"), binds, right=("tasks blocked",))
    risks = [
        (each.kind, each.name, "" if each.probability is None else f"{each.probability:.0%}", each.detail)
        for each in decision.analysis.risks
    ]
    print_table("Risks", ("risk", "of", "probability", "why"), risks, right=("probability",))
    for warning in decision.warnings:
        print(f"warning: {warning['path']} is {warning['value']}, must be {warning['expected']}")


def show_beside(name: str, found: Comparison) -> None:
    """Print what a policy in the shadow would have done."""
    if not found.covered:
        print(f"{name} gave no answer of its own: {found.reason}")
        return
    rows = [(start, "both") for start in found.both]
    rows += [(start, "only decided") for start in found.only_made]
    rows += [(start, f"only {name}") for start in found.only_other]
    print_table(f"Beside {name}", ("start", "by"), rows)
    print(f"{name} would have decided {'the same' if found.same else 'otherwise'}.")


def _bid(bid: float | None) -> str:
    return "" if bid is None else f"{bid:.3g}"


def main() -> None:
    """Run ``parley decide``."""
    options = parser("decide", "What each agent should do now, who gets which shared units, and why.")
    options.add_argument(
        "--fallback",
        default="wsrpt,urgency",
        help="rules that decide where the policy gives no valid answer (wsrpt,urgency)",
    )
    options.add_argument("--deadline-ms", type=float, help="milliseconds after which the fallback decides")
    options.add_argument("--history", metavar="DB", help="append the situation and the decision to this file")
    options.add_argument("--shadow", metavar="POLICY", help="say what this policy would have decided instead")
    given = options.parse_args()

    from experiments.plumbing import cli

    with cli.user_errors("decide"):
        situation = read_situation(given.file, as_json=given.json)
        from agents.operation.deciding.decision import DecisionEngine
        from agents.operation.deciding.shadow import compare

        cli.set_threads(1)
        if given.deadline_ms is not None and not given.deadline_ms >= 0:
            raise cli.UsageError(f"--deadline-ms is {given.deadline_ms:g}, must be a number >= 0")
        decision = DecisionEngine.load(given.policy, given.fallback).decide(situation, deadline_ms=given.deadline_ms)
        if given.history is not None:
            from agents.operation.deciding.history import History

            History(Path(given.history)).append(situation, decision)
        beside = None
        if given.shadow is not None:
            beside = compare(decision, DecisionEngine.load(given.shadow, given.fallback).decide(situation))
        if given.json and beside is not None:
            print(
                json.dumps(
                    {"kind": "beside", "decision": decision.model_dump(), "shadow": beside.model_dump()}, indent=1
                )
            )
        elif given.json:
            print(decision.write(indent=1))
        else:
            show(decision)
            if beside is not None:
                show_beside(given.shadow, beside)


if __name__ == "__main__":
    main()
