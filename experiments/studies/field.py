"""Who meets whom by which rules of play: every meeting is played once, on the same fresh episodes, every schedule checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.evaluation.play import Episodes, Results, draw_episodes, play, play_by
from agents.policies import is_rule, load_negotiator, load_prioritizer
from agents.progress import Progress
from agents.protocols import Negotiator, Prioritizer, rules_of_play
from envs.scenario import Scenario
from envs.workloads.generators.synthetic import SyntheticWorkload
from experiments.plumbing.cli import UsageError
from experiments.studies.bids import Rounded, cut, deviator, overhear, with_deviator
from experiments.studies.variants import Replicate, Variant
from experiments.suites.runs import LEARNED, Side
from experiments.suites.standing import RULE, TUNED, Scores, Standing

SEED: Final = 20_261_122
"""Of the episodes that are scored; nothing else draws from it."""
HEARING: Final = 20_261_123
"""Of the episodes on which bids are listened to."""
HEARD: Final = 8
"""How many of those for each load."""
SCORE: Final = "weighted_flow"
WORLDS: Final = 256
"""Episodes in flight at once: the more, the less a network's decision takes."""
OTHERS: Final = "of other runs"
ROUNDED: Final = "held to its levels"
DEVIATING: Final = "one bids the top"


class Meeting(NamedTuple):
    """Policies and the rules of play that they meet under. Names are those of variants, of rules, or of the tuned index."""

    where: str
    """The variant whose scenario is played."""
    prioritizer: str
    negotiator: str
    how: str = ""
    """OTHERS: each run's prioritizer with the next run's negotiator; ROUNDED, DEVIATING: see ``bids``; a number: bids are cut into so
    many levels."""

    @property
    def name(self) -> str:
        """Who plays."""
        return f"{self.prioritizer} with {self.negotiator}"


class Field:
    """Loads the policies of all runs, and plays."""

    def __init__(
        self, chosen: list[Variant], runs: Mapping[str, list[Replicate]], loads: list[float], count: int
    ) -> None:
        """Draw the same episodes of each load for all."""
        self._variants = {variant.name: variant for variant in chosen}
        self._runs = runs
        self._episodes = _draw(chosen[0].scenario, loads, count, SEED)
        self._clusters = np.tile(np.arange(count), len(loads))  # the k-th of each load is drawn from the same seeds
        self._heard = _draw(chosen[0].scenario, loads, HEARD, HEARING)
        self._policies: dict[tuple[str, str], list[Any]] = {}
        self._bids: dict[tuple[int, int], NDArray[np.float64]] = {}

    def meet(self, meetings: Iterable[Meeting]) -> dict[Meeting, Standing]:
        """Play every meeting once; those that differ in nothing but what the scenario is called share their schedules."""
        wanted = list(dict.fromkeys(meetings))
        played: dict[tuple[object, ...], Standing] = {}
        found: dict[Meeting, Standing] = {}
        with Progress(wanted, desc="meetings") as bar:
            for meeting in bar:
                bar.set_postfix_str(meeting.name)
                key = (_rules_of_play(self._variants[meeting.where].scenario), *meeting[1:])
                if key not in played:
                    played[key] = self._play(meeting)
                found[meeting] = played[key]
        return found

    def _play(self, meeting: Meeting) -> Standing:
        results = tuple(self._results(meeting, *pair) for pair in self._pairs(meeting))
        side = Side(meeting.prioritizer, meeting.negotiator, results)
        size = len(self._episodes.seeds)
        return Standing(
            meeting.name, self._kind(meeting), [side], [np.ones(size)], np.ones(size, np.bool_), [self._clusters]
        )

    def _kind(self, meeting: Meeting) -> str:
        if meeting.prioritizer in self._variants or meeting.negotiator in self._variants:
            return LEARNED
        return (
            RULE if is_rule("prioritizer", meeting.prioritizer) and is_rule("negotiator", meeting.negotiator) else TUNED
        )

    def _results(self, meeting: Meeting, prioritizer: Prioritizer, negotiator: Negotiator) -> Results:
        scenario, episodes = self._variants[meeting.where].scenario, self._episodes
        if meeting.how == DEVIATING:
            played = rules_of_play(scenario, prioritizer)
            return play_by(
                lambda world, first: with_deviator(prioritizer, negotiator, world, first),
                played,
                episodes,
                worlds=WORLDS,
            )
        if meeting.how == ROUNDED:
            negotiator = Rounded(negotiator)
        elif meeting.how.isdigit():
            negotiator = cut(negotiator, self._overheard(scenario, prioritizer, negotiator), int(meeting.how))
        return play(scenario, episodes, prioritizer, negotiator, worlds=WORLDS)

    def _overheard(self, scenario: Scenario, prioritizer: Prioritizer, negotiator: Negotiator) -> NDArray[np.float64]:
        """What a pair bids in other episodes; listened to once, as all bids are cut by the rules of play of the first variant."""
        pair = id(prioritizer), id(negotiator)
        if pair not in self._bids:
            self._bids[pair] = overhear(negotiator, prioritizer, scenario, self._heard)
        return self._bids[pair]

    def _pairs(self, meeting: Meeting) -> list[tuple[Prioritizer, Negotiator]]:
        """One pair of what is not trained; else one per run, or per run and the next one."""
        prioritizers, negotiators = (
            self._of("prioritizer", meeting.prioritizer),
            self._of("negotiator", meeting.negotiator),
        )
        if meeting.how == OTHERS:
            negotiators = negotiators[1:] + negotiators[:1]
        number = max(len(prioritizers), len(negotiators))
        return [(prioritizers[i % len(prioritizers)], negotiators[i % len(negotiators)]) for i in range(number)]

    def _of(self, role: str, name: str) -> list[Any]:
        """The policies of a variant's runs, or what plays a role that it does not train; else the rule or the index of that name."""
        if (role, name) not in self._policies:
            load = load_prioritizer if role == "prioritizer" else load_negotiator
            variant = self._variants.get(name)
            names = [name] if variant is None else [str(run.folder) for run in self._runs[name]]
            if variant is not None and role not in variant.roles:
                names = [str(variant.config.learner.episodes[role])]
            self._policies[role, name] = [load(each) for each in names]
        return self._policies[role, name]


def worst_off(standing: Standing) -> Scores:
    """[runs, E] the weighted flow time of the agent that waits longest."""
    worst: Scores = np.nanmax(_by_agent(standing), axis=2)
    return worst


def of_deviator(standing: Standing) -> Scores:
    """[runs, E] the weighted flow time of the agent that would bid the top in DEVIATING, whether it does or not."""
    return _by_agent(standing)[:, *_deviators(standing)]


def of_others(standing: Standing) -> Scores:
    """[runs, E] the mean of the other agents' weighted flow times."""
    by_agent = _by_agent(standing).copy()
    by_agent[:, *_deviators(standing)] = np.nan
    mean: Scores = np.nanmean(by_agent, axis=2)
    return mean


def _deviators(standing: Standing) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    count, agents = _by_agent(standing).shape[1:]
    return np.arange(count), np.array([deviator(e, agents) for e in range(count)])


def _by_agent(standing: Standing) -> Scores:
    """[runs, E, A] weighted flow times; NaN of an agent without jobs."""
    return np.array(
        [[metrics.flow_by_agent for metrics in results.metrics] for results in standing.sides[0].results], np.float64
    )


def _draw(scenario: Scenario, loads: list[float], count: int, seed: int) -> Episodes:
    """Return ``count`` episodes of each load, one load after the other. Nothing but the workload differs between loads."""
    if not isinstance(scenario.workload, SyntheticWorkload):
        raise UsageError("workload has no load to set, must be synthetic")
    workloads = [replace(scenario.workload, load_min=load, load_max=load) for load in loads]
    drawn = [draw_episodes(replace(scenario, workload=workload), count, seed) for workload in workloads]
    first = np.cumsum([0, *(len(episodes.instances) for episodes in drawn)])
    return Episodes(
        [instance for episodes in drawn for instance in episodes.instances],
        np.concatenate([episodes.instance + start for start, episodes in zip(first, drawn, strict=False)]).astype(
            np.int32
        ),
        np.concatenate([episodes.seeds for episodes in drawn]),
    )


def _rules_of_play(scenario: Scenario) -> str:
    """Equal where the same decisions lead to the same schedule: neither what is rewarded nor how bids are learned matters to the world."""
    return repr(replace(scenario, cooperation=1.0, negotiation=replace(scenario.negotiation, levels=2)))
