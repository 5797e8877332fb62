"""What is read off the meetings: one board per question, each row some meetings, and what its cells say of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agents.policies import SHIPPED
from agents.rules.dispatching import RESERVING, split
from experiments.reports.outcome import Sheet
from experiments.reports.report import Cell
from experiments.reports.tables import number
from experiments.studies.field import DEVIATING, OTHERS, ROUNDED, SCORE, Meeting, of_deviator, of_others, worst_off
from experiments.studies.questions import Questions
from experiments.suites.runs import SAME, cell
from experiments.suites.standing import Scores, Standing

INDEX: Final = f"{SHIPPED}/large_tasks_index"
LEVELS: Final = (2, 4, 8, 16)
"""That bids are cut into, whatever was trained."""
Found = Mapping[Meeting, Standing]
Cells = Callable[[Found, list[Meeting]], Sequence[Cell]]


@dataclass(frozen=True)
class Board:
    """A table before anything is played."""

    title: str
    header: list[str]
    rows: dict[str, list[Meeting]]
    needs: list[Meeting]
    """Meetings beside those of the rows, which cells compare with."""
    cells: Cells

    def sheet(self, found: Found) -> Sheet:
        """Fill it in."""
        return Sheet(
            self.title, self.header, [[label, *self.cells(found, meetings)] for label, meetings in self.rows.items()]
        )


def boards(ask: Questions) -> list[Board]:
    """Everything that is asked; a question without variants that answer it is left out."""
    asked = [roles(ask), rewards(ask), partners(ask), deviations(ask), levels(ask), reservations(ask)]
    return [board for board in asked if len(board.rows) > 1]


def flow(one: Standing, to: Standing) -> Cell:
    """By how much the flow time differs."""
    return differs(one, to, lambda each: each.column(SCORE))


def differs(one: Standing, to: Standing, read: Callable[[Standing], Scores]) -> Cell:
    """By how much the mean of what is read off each differs, in per cent, with its interval."""
    mine, its = read(one), read(to)
    return cell(SAME if mine.shape == its.shape and bool((mine == its).all()) else one.compared(to, mine, its))


def jain(standing: Standing) -> Scores:
    """[runs, E] Jain's index."""
    return standing.column("jain")


def reserving(rule: str) -> str:
    """The rule that reserves whatever is on top."""
    return split(rule)[0] + RESERVING


def _to(base: Meeting) -> Cells:
    """Flow times of a row's meetings, compared with one of another row."""
    return lambda found, meetings: [flow(found[meeting], found[base]) for meeting in meetings]


def roles(ask: Questions) -> Board:
    """Each role by rule, tuned, learned with a rule as its partner, or learned with the other."""
    home, rules = ask.base.name, ask.rules
    prioritizers = {f"{rules.prioritizer} (rule)": rules.prioritizer, "tuned index": INDEX}
    prioritizers |= {ask.called(variant): variant.name for variant in ask.training("prioritizer")}
    negotiators = {"drf (rule)": "drf", f"{rules.negotiator} (rule)": rules.negotiator, "tuned index": INDEX}
    negotiators |= {ask.called(variant): variant.name for variant in ask.training("negotiator")}
    rows = {p: [Meeting(home, name, other) for other in negotiators.values()] for p, name in prioritizers.items()}
    title = f"Each role by rule, tuned or learned: flow time, % of {rules.name}"
    return Board(title, ["prioritizer", *(f"negotiator: {n}" for n in negotiators)], rows, [rules], _to(rules))


def rewards(ask: Questions) -> Board:
    """What agents are rewarded for, and whether winners pay."""
    name, base, asked = ask.base.name, ask.home(ask.base), ask.rewards()
    rows = {
        variant.name: [ask.home(variant)] + [ask.home(variant)._replace(how=OTHERS)] * ask.several for variant in asked
    }
    rows |= {label: [played] for label, played in _where_winners_pay(ask).items()}

    def cells(found: Found, meetings: list[Meeting]) -> list[Cell]:
        one, *partners = (found[meeting] for meeting in meetings)
        to = found[base]
        shown = [
            number(float(one.column(SCORE).mean())),
            flow(one, found[ask.rules]),
            flow(one, to),
            differs(one, to, worst_off),
        ]
        shown += [number(float(one.column("jain").mean())), differs(one, to, jain)]
        return [*shown, *([flow(partner, one) for partner in partners] or [""] * ask.several)]

    header = [
        "",
        "flow time, s",
        f"% of {ask.rules.name}",
        f"% of {name}",
        f"worst-off agent, % of {name}",
        "Jain",
        f"Jain, % of {name}",
    ]
    return Board(
        "Rewards and credits",
        header + ["with partners of other runs, % of itself"] * ask.several,
        rows,
        [base, ask.rules],
        cells,
    )


def _where_winners_pay(ask: Questions) -> dict[str, Meeting]:
    """The base's policies under credits that they were not trained with."""
    paying = {
        ask.credit(variant): variant
        for variant in ask.rewards()
        if ask.credit(variant) not in ("", ask.credit(ask.base))
    }
    return {
        f"{ask.base.name}, played where {credit}": ask.home(ask.base)._replace(where=paid.name)
        for credit, paid in paying.items()
    }


def partners(ask: Questions) -> Board:
    """Prioritizers of one reward with negotiators of another, which they have never met, by the same rules of play."""
    names = [variant.name for variant in ask.free_rewards()]
    base = ask.home(ask.base)
    rows = {f"prioritizer: {p}": [Meeting(ask.base.name, p, n) for n in names] for p in names}
    title = f"Partners that were trained for other rewards: flow time, % of {base.name}"
    return Board(title, ["", *(f"negotiator: {n}" for n in names)], rows, [base], _to(base))


def deviations(ask: Questions) -> Board:
    """What one agent gains, and the others lose, where it bids the top level for everything."""
    pairs = {ask.rules.name: ask.rules}
    pairs |= {variant.name: ask.home(variant) for variant in ask.rewards()} | _where_winners_pay(ask)
    rows = {label: [meeting, meeting._replace(how=DEVIATING)] for label, meeting in pairs.items()}

    def cells(found: Found, meetings: list[Meeting]) -> list[Cell]:
        honest, deviating = (found[meeting] for meeting in meetings)
        own, others = (differs(deviating, honest, read) for read in (of_deviator, of_others))
        return [own, others, flow(deviating, honest), differs(deviating, honest, jain)]

    header = ["", "its own flow time, %", "the other agents', %", "all, %", "Jain, %"]
    return Board("One agent bids the top level for everything: what changes", header, rows, [], cells)


def levels(ask: Questions) -> Board:
    """How finely bids can be told apart: bids that are cut into so many levels, and what is learned with no more than those."""
    rules, base = ask.rules, ask.home(ask.base)
    learned = {variant.scenario.negotiation.levels: ask.home(variant) for variant in ask.levels()}
    rows = {}
    for count in sorted({*LEVELS, *learned}):
        rows[str(count)] = [rules._replace(how=str(count)), base._replace(how=str(count))]
        if count in learned:
            rows[str(count)] += [learned[count]._replace(how=ROUNDED), learned[count]]

    def cells(found: Found, meetings: list[Meeting]) -> list[Cell]:
        shown = [flow(found[meeting], found[rules]) for meeting in meetings]
        return shown + [""] * (4 - len(shown))

    header = [
        "levels",
        f"{rules.negotiator}, cut",
        f"{ask.base.name}, cut",
        "learned and held to them",
        "learned with them, bids not rounded",
    ]
    return Board(f"Bid levels: flow time, % of {rules.name}", header, rows, [rules], cells)


def reservations(ask: Questions) -> Board:
    """What it changes that units can be kept for what cannot start yet, and that others may use them meanwhile."""
    places, rules = ask.reservations(), ask.rules
    rows = {}
    for p, n in (
        (rules.prioritizer, rules.negotiator),
        (reserving(rules.prioritizer), rules.negotiator),
        (INDEX, INDEX),
    ):
        rows[f"{p} with {n}".replace(f"{SHIPPED}/", "")] = [Meeting(place.name, p, n) for place in places]
    rows[f"{ask.base.name}, trained as in the first column"] = [
        Meeting(place.name, ask.base.name, ask.base.name) for place in places
    ]
    rows["trained as in each column"] = [ask.home(place) for place in places]
    title = f"Reservations: flow time, % of {rules.name} in the first column"
    return Board(
        title, ["", *(ask.reserving(place) for place in places)], rows if len(places) > 1 else {}, [rules], _to(rules)
    )
