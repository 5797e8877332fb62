"""Who plays in a suite: rules, what is tuned and what is learned, as they stand and with search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from omegaconf import DictConfig

from agents.planning.plan import is_deterministic
from agents.planning.settings import Search
from agents.policies import SHIPPED
from agents.progress import Progress
from experiments.plumbing.searching import listed, searched
from experiments.suites import standing
from experiments.suites.runs import ANOTHER, LEARNED, Players, Side
from experiments.suites.suite import Contest, Pairing, Suite

NOBODY: Final = ""
"""In the place of the negotiator of who is no pair."""

Sides = dict[str, Side]
"""By name."""


def searches(config: DictConfig, suite: Suite) -> dict[str, Search]:
    """Return the searches of the list ``config.search``, or without one those of the suite, by name.

    Raises:
        UsageError, PlanError: where a setting is unknown or out of its bounds.
    """
    return {search.name: search for search in suite.searches} if config.search is None else listed(config.search)


def meet(suite: Suite, contest: Contest, players: Players, bar: Progress, sides: Sides) -> None:
    """Let everybody play a contest without search, every schedule checked, and enter them into ``sides`` one by one."""
    scenario, episodes = contest.scenario, contest.episodes

    def enter(name: str, side: Side) -> None:
        sides[name] = side
        bar.update(side.schedules)

    for pair in (*suite.rules, *suite.tuned):
        bar.set_postfix_str(" with ".join(pair))
        enter(name_of(suite, *pair), players.play(scenario, episodes, *pair))
    for name, plays in suite.others.items():
        bar.set_postfix_str(name)
        enter(name, Side(name, NOBODY, (plays(scenario, episodes),)))
    for pair in learned(suite, players):
        bar.set_postfix_str(" with ".join(pair))
        enter(name_of(suite, *pair), players.play(scenario, episodes, *pair))


def searchers(suite: Suite, players: Players, best: Pairing) -> list[Pairing]:
    """Who plays with search as well: what is learned first, and beside it, with the same searches, the best rules and what is tuned."""
    return [*learned(suite, players)[:1], best, *suite.tuned]


def meet_with_search(
    suite: Suite,
    contest: Contest,
    players: Players,
    pair: Pairing,
    search: Mapping[str, Search],
    own: Side,
    bar: Progress,
) -> Sides:
    """Let a pair play a contest with every search; where something is uncertain, those that do not foresee do as it did by itself."""
    scenario, episodes = contest.scenario, contest.episodes
    deterministic = all(is_deterministic(scenario, instance) for instance in episodes.instances)
    sides: Sides = {}
    for called, how in search.items():
        bar.set_postfix_str(f"{' with '.join(pair)}, {called}")
        results = own.results
        if deterministic or how.foresees:
            results = tuple(searched(scenario, episodes, *seats, how, deterministic) for seats in players.pairs(*pair))
        side = sides[searched_name(suite, pair, called)] = Side(f"{pair[0]}, {called}", pair[1], results)
        bar.update(side.schedules)
    return sides


def learned(suite: Suite, players: Players) -> list[Pairing]:
    """The pairs of ``suite.learned`` for which there are enough runs: one, or two for those of different runs."""
    runs = len(players.prioritizers)
    return [pair for pair in suite.learned if runs >= (2 if ANOTHER in pair else 1)]


def kind_of(suite: Suite, name: str, search: Iterable[str]) -> str:
    """What sort of contestant the one of that name is, in the words of ``standing``; ``search`` are the names of searches."""
    sorts = {standing.RULE: suite.rules, standing.TUNED: suite.tuned, LEARNED: suite.learned}
    kinds = {name_of(suite, *pair): kind for kind, pairs in sorts.items() for pair in pairs} | dict.fromkeys(
        suite.others, standing.OTHER
    )
    with_search = {
        standing.SEARCHED: suite.learned,
        standing.RULE_SEARCHED: suite.rules,
        standing.TUNED_SEARCHED: suite.tuned,
    }
    for kind, pairs in with_search.items():
        kinds |= {searched_name(suite, pair, how): kind for how in search for pair in pairs}
    return kinds[name]


def searched_name(suite: Suite, pair: Pairing, search: str) -> str:
    """How a pair with a search is called."""
    return name_of(suite, f"{pair[0]}, {search}", pair[1])


def name_of(suite: Suite, prioritizer: str, negotiator: str) -> str:
    """How a pair is called: without its negotiator where all have the same one."""
    alike = len({pair[1] for pair in (*suite.rules, *suite.tuned, *suite.learned)}) == 1
    names = [name.removeprefix(f"{SHIPPED}/") for name in (prioritizer, negotiator)]
    return names[0] if alike else " with ".join(names)
