"""Search at decision time, as it is asked for on a command line: for whoever says how likely its actions are, rule, index or network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from omegaconf import OmegaConf

from agents.evaluation.play import Episodes, Results, play_by
from agents.planning.completions import follow
from agents.planning.plan import is_deterministic, plan
from agents.planning.rollout import look_ahead
from agents.planning.settings import Search
from agents.protocols import Negotiator, Prioritizer, Scorer
from envs.scenario import Scenario
from experiments.plumbing.cli import UsageError


def listed(asked: Any) -> dict[str, Search]:
    """Return the searches of a list such as ``[{samples:128},{choices:3}]``, by name; none where it is null.

    Raises:
        UsageError, PlanError: where a setting is unknown or out of its bounds.
    """
    given: Any = OmegaConf.to_container(asked, resolve=True) if OmegaConf.is_config(asked) else asked
    if given is None:
        return {}
    if not isinstance(given, list) or not all(isinstance(options, dict) for options in given):
        raise UsageError(f"search is {given!r}, must be a list such as [{{samples:128}},{{choices:3}}]")
    try:
        made = [Search(**options) for options in given]
    except TypeError as error:  # an unknown setting, a word where a number belongs
        known = ", ".join(field.name for field in fields(Search))
        raise UsageError(f"search has what is no search: {error}; it may have {known}") from None
    found: dict[str, Search] = {}
    for search in made:
        if search.name in found:
            raise UsageError(
                f"search lists {search.name!r} twice: tables could not tell them apart; ask for them one after the other"
            )
        found[search.name] = search
    return found


def check_searches(scenario: Scenario, episodes: Episodes, asked: Iterable[Search]) -> None:
    """Raise UsageError for a search that could do nothing, or nothing right, in some of these episodes."""
    unsure = next((i for i in episodes.instances if not is_deterministic(scenario, i)), None)
    team = max(i.num_agents for i in episodes.instances)
    for search in asked:
        if unsure is not None and not search.foresees:
            raise UsageError(
                f"search: {search.name} plans beforehand, which nobody can in {unsure.name}, where something is uncertain; "
                "must look ahead there: choices > 1 and futures > 0"
            )
        check_ranked(search, team)


def check_ranked(search: Search, team: int) -> None:
    """Raise UsageError where completions by rank, in which nobody bids, are asked for and several agents contest something."""
    if search.ranked and team > 1:
        raise UsageError(
            f"search.ranked is true, must be false where several agents play, here {team}: nobody bids in such completions"
        )


def searched(
    scenario: Scenario,
    episodes: Episodes,
    prioritizer: Prioritizer,
    negotiator: Negotiator,
    search: Search,
    deterministic: bool,
) -> Results:
    """Play with search, every schedule checked; where all is known beforehand, plans are made first, and their wall time is what counts.

    Raises:
        UsageError: where the prioritizer does not say how likely its actions are.
    """
    if not isinstance(prioritizer, Scorer):
        raise UsageError(f"a {type(prioritizer).__name__} does not say how likely its actions are, as a search needs")
    if not deterministic:
        return play_by(look_ahead(prioritizer, negotiator, search), scenario, episodes)
    planned = plan(scenario, episodes, prioritizer, negotiator, search)
    return replace(play_by(follow(planned.plans), scenario, episodes), seconds=planned.seconds)
