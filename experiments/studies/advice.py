"""What it means for who has to choose: for every question the best answer that was found, and what the others cost beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agents.evaluation.statistics import Interval
from experiments.reports.outcome import Sheet
from experiments.reports.tables import percent
from experiments.studies.boards import Found, reserving
from experiments.studies.field import DEVIATING, ROUNDED, SCORE, Meeting, of_deviator
from experiments.studies.frontier import points, unbeaten
from experiments.studies.questions import Questions

UNSURE: Final = "no difference shown"
"""Said where an interval holds 0."""
Answers = dict[str, Meeting]
"""By what they are called."""


def meetings(ask: Questions) -> list[Meeting]:
    """Return everything that advice rests on."""
    return [meeting for answers in questions(ask).values() for meeting in answers.values()]


def sheet(ask: Questions, found: Found) -> Sheet:
    """One row per question that has several answers, and one for fairness."""
    rows = [[question, *_verdict(answers, found)] for question, answers in questions(ask).items() if len(answers) > 1]
    rows += [*_incentives(ask, found), _fairness(ask, found)]
    return Sheet("For who has to choose", ["question", "answer", "beside it"], rows)


def questions(ask: Questions) -> dict[str, Answers]:
    """The answers to every question whose answer is who has the shortest flow time."""
    rules, home = ask.rules, ask.home
    asked = {"Which role to learn?": {f"none ({rules.name})": rules} | _roles(ask)}
    asked["Whose cost to reward, where bids are free?"] = {
        variant.name: home(variant) for variant in ask.free_rewards()
    }
    for free in ask.free_rewards():
        if paying := ask.paying(free):
            answers = {f"{free.name}, bids free": home(free)} | {paid.name: home(paid) for paid in paying}
            asked[f"Should winners pay, where the reward is that of {free.name}?"] = answers
    asked["How many bid levels?"] = {
        f"{variant.scenario.negotiation.levels}": home(variant)._replace(how=ROUNDED) for variant in ask.levels()
    }
    asked["How to reserve, where policies learn?"] = {
        ask.reserving(variant): home(variant) for variant in ask.reservations()
    }
    asked["How to reserve, where rules decide?"] = {
        f"{p}, {ask.reserving(variant)}": Meeting(variant.name, p, rules.negotiator)
        for p in (rules.prioritizer, reserving(rules.prioritizer))
        for variant in ask.reservations()
    }
    return asked


def _roles(ask: Questions) -> Answers:
    return {
        "both" if len(variant.roles) > 1 else f"the {variant.roles[0]} alone": ask.home(variant)
        for variant in ask.roles()
    }


def _verdict(answers: Answers, found: Found) -> list[str]:
    """The answer with the shortest flow time, or those that cannot be told apart from it; and by how much the others' is longer."""
    best, *others = sorted(answers, key=lambda name: float(found[answers[name]].column(SCORE).mean()))
    longer = {name: _between(answers[name], answers[best], found) for name in others}
    alike = [name for name, difference in longer.items() if _unsure(difference)]
    return [
        " or ".join([best, *alike]),
        "; ".join(f"{name} {_told(difference)}" for name, difference in longer.items()),
    ]


def _unsure(difference: Interval) -> bool:
    return not (difference.low > 0.0 or difference.high < 0.0)


def _told(difference: Interval) -> str:
    return f"{percent(difference)} %" + (f" ({UNSURE})" if _unsure(difference) else "")


def _incentives(ask: Questions, found: Found) -> Iterator[list[str]]:
    """Whether an agent gains by bidding the top for everything, where bids are free and where they are paid for."""
    for variant in ask.rewards():
        honest, deviating = found[ask.home(variant)], found[ask.home(variant)._replace(how=DEVIATING)]
        gain = deviating.compared(honest, of_deviator(deviating), of_deviator(honest))
        answer = UNSURE if _unsure(gain) else "yes" if gain.value < 0.0 else "no, it loses"
        yield [
            f"Does one agent of {variant.name} gain if it always bids the top?",
            answer,
            f"its own flow time {percent(gain)} %",
        ]


def _fairness(ask: Questions, found: Found) -> list[str]:
    """Who is on the frontier of flow time and fairness, and what its fairest end costs."""
    first, *rest = unbeaten(points(ask, found))
    told = [f"{p.label}: flow time {_told(_between(p.meeting, first.meeting, found))}, Jain {p.jain:.4f}" for p in rest]
    return [
        "What does fairness cost?",
        f"{first.label}: the shortest flow time, Jain {first.jain:.4f}",
        "; ".join(told) or "nothing: it is the fairest as well",
    ]


def _between(one: Meeting, to: Meeting, found: Found) -> Interval:
    return found[one].compared(found[to], found[one].column(SCORE), found[to].column(SCORE))
