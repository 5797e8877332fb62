"""Who plays in a suite: rules, what is learned as it stands, and what is learned with search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf

from agents.evaluation import Episodes, Results, play_by
from agents.flight import follow
from agents.foresight import look_ahead
from agents.planner import is_certain, plan
from agents.policy import Negotiator, Prioritizer, Scorer
from agents.progress import Progress
from agents.search import Search
from envs.scenario import Scenario
from experiments.cli import UsageError
from experiments.policies import SHIPPED
from experiments.runs import ANOTHER, LEARNED, Players, Side
from experiments.suites import standing
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
    if config.search is None:
        return {search.name: search for search in suite.searches}
    listed: Any = OmegaConf.to_container(config.search, resolve=True) if OmegaConf.is_config(config.search) else config.search
    if not isinstance(listed, list) or not all(isinstance(options, dict) for options in listed):
        raise UsageError(f"search is {listed!r}, must be a list such as [{{samples:128}},{{choices:3}}]")
    try:
        made = [Search(**options) for options in listed]
    except TypeError as error:  # an unknown setting, a word where a number belongs
        known = ", ".join(field.name for field in fields(Search))
        raise UsageError(f"search has what is no search: {error}; it may have {known}") from None
    found: dict[str, Search] = {}
    for search in made:
        if search.name in found:
            raise UsageError(f"search lists {search.name!r} twice: tables could not tell them apart; ask for them one after the other")
        found[search.name] = search
    return found


def meet(suite: Suite, contest: Contest, players: Players, search: Mapping[str, Search], bar: Progress, sides: Sides) -> None:
    """Let everybody play a contest, every schedule checked, and enter them into ``sides`` one by one.

    Where something is uncertain, searches that do not foresee do without.
    """
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
        own = players.play(scenario, episodes, *pair)
        enter(name_of(suite, *pair), own)
        if pair != suite.learned[0]:
            continue
        certain = all(is_certain(scenario, instance) for instance in episodes.instances)
        for called, how in search.items():
            bar.set_postfix_str(f"{' with '.join(pair)}, {called}")
            results = own.results
            if certain or how.foresees:
                results = tuple(searched(scenario, episodes, *seats, how, certain) for seats in players.pairs(*pair))
            enter(name_of(suite, f"{pair[0]}, {called}", pair[1]), Side(f"{pair[0]}, {called}", pair[1], results))


def learned(suite: Suite, players: Players) -> list[Pairing]:
    """The pairs of ``suite.learned`` for which there are enough runs: one, or two for those of different runs."""
    runs = len(players.prioritizers)
    return [pair for pair in suite.learned if runs >= (2 if ANOTHER in pair else 1)]


def searched(
    scenario: Scenario, episodes: Episodes, prioritizer: Prioritizer, negotiator: Negotiator, search: Search, certain: bool
) -> Results:
    """Play with search, every schedule checked; where all is certain, plans are made first, and their wall time is what counts."""
    if not isinstance(prioritizer, Scorer):
        raise UsageError("only a trained prioritizer says how likely its actions are, as a search needs")
    if not certain:
        return play_by(look_ahead(prioritizer, negotiator, search), scenario, episodes, label=search.name, progress=True)
    planned = plan(scenario, episodes, prioritizer, negotiator, search, label=search.name, progress=True)
    return replace(play_by(follow(planned.plans), scenario, episodes), seconds=planned.seconds)


def kind_of(suite: Suite, name: str) -> str:
    """What sort of contestant the one of that name is, in the words of ``standing``."""
    sorts = {standing.RULE: suite.rules, standing.TUNED: suite.tuned, LEARNED: suite.learned}
    kinds = {name_of(suite, *pair): kind for kind, pairs in sorts.items() for pair in pairs} | dict.fromkeys(suite.others, standing.OTHER)
    return kinds.get(name, standing.SEARCHED)


def name_of(suite: Suite, prioritizer: str, negotiator: str) -> str:
    """How a pair is called: without its negotiator where all have the same one."""
    alike = len({pair[1] for pair in (*suite.rules, *suite.tuned, *suite.learned)}) == 1
    names = [name.removeprefix(f"{SHIPPED}/") for name in (prioritizer, negotiator)]
    return names[0] if alike else " with ".join(names)
