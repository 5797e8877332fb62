"""Both roles, learned and by rule, in a shared cluster: loads, sizes of tasks and numbers of agents beyond those of training."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, Final

import numpy as np
from omegaconf import DictConfig, ListConfig, OmegaConf

from agents.evaluation.play import draw_episodes
from agents.policies import SHIPPED, is_rule
from envs.scenario import Objective
from experiments.plumbing import cli
from experiments.plumbing.building import check
from experiments.plumbing.settings import MOST_EPISODES
from experiments.reports.outcome import Outcome, Sheet
from experiments.reports.report import Cell
from experiments.suites import frame
from experiments.suites.bounds import all_is_done_once, realised_bounds
from experiments.suites.runs import ANOTHER, LEARNED, cell
from experiments.suites.standing import Rows, Scores, Standing, duels, strongest
from experiments.suites.suite import Contest, Suite

SMALL: Final = "small tasks"
LARGE: Final = "large tasks"
"""Some tasks need most of a shared resource, as the workload says; none of the small ones does."""
SIZES: Final = {"large": LARGE, "small": SMALL}
"""By what the config calls them."""
SEED: Final = 20_240_611
"""Of the episodes; nothing else draws from it."""
BASELINE: Final = ("wsrpt+w", "drf")
STRONGEST: Final = ("wsrpt+w", "urgency")
"""The rules that stand for a role in the tables of two by two."""
INDEX: Final = f"{SHIPPED}/shared_cluster_index"
SCORE: Final = "weighted_flow"


def benchmark(config: DictConfig) -> Outcome:
    """Run the suite; errors as in ``frame.benchmark``."""
    return frame.benchmark(SUITE, config)


def _contests(config: DictConfig) -> list[Contest]:
    """One for each load, number of agents and size of tasks."""
    if config.path is not None:
        raise cli.UsageError(f"path={config.path}: suite=shared_cluster draws its instances; leave it out")
    count = cli.integer(config, "episodes", 2, MOST_EPISODES)
    cli.make_scenario(config)  # whose numbers of agents and jobs are counted with below
    loads, agents, tasks = (
        _listed(config, key, kind) for key, kind in (("loads", float), ("agents", int), ("tasks", str))
    )
    if unknown := [size for size in tasks if size not in SIZES]:
        raise cli.UsageError(f"tasks has {unknown[0]!r}, must be a list of {' and '.join(SIZES)}")
    return [_contest(config, load, team, SIZES[size], count) for load, team, size in product(loads, agents, tasks)]


def _listed(config: DictConfig, key: str, kind: type[Any]) -> list[Any]:
    node = config[key]
    values: list[Any] = check(list(node) if isinstance(node, ListConfig) else node, list[kind], key)  # type: ignore[valid-type]  # a type is a value here
    if not values or len(set(values)) < len(values):
        raise cli.UsageError(f"{key} is {values}, must name one at least, each once")
    return values


def _contest(config: DictConfig, load: float, agents: int, tasks: str, count: int) -> Contest:
    """Episodes with as many jobs per agent as the config's workload has."""
    workload = {
        "load_min": load,
        "load_max": load,
        "agents": agents,
        "jobs": config.workload.jobs * agents // config.workload.agents,
    }
    if tasks == SMALL:
        workload["big_fraction"] = 0.0
    changed = OmegaConf.merge(config, {"workload": workload})
    assert isinstance(changed, DictConfig)
    scenario = cli.make_scenario(changed)
    classes = {"load": f"load {load}", "agents": f"{agents} agents", "tasks": tasks}
    draws = [
        str(number) for number in range(count)
    ]  # everywhere from the same seeds: what two loads show is no news twice
    episodes = draw_episodes(scenario, count, SEED)
    return Contest(scenario, episodes, {view: [label] * count for view, label in classes.items()}, cluster=draws)


def _tables(contests: list[Contest], standings: list[Standing]) -> list[Sheet]:
    """Who plays without rules against the strongest rules and against the index, everywhere; then each role for itself."""
    groups = _groups(contests)
    by_pair = {one.pair: one for one in standings}
    others = [
        one for one in standings if not is_rule("prioritizer", one.pair[0]) and not is_rule("negotiator", one.pair[1])
    ]
    best, index = strongest(standings, groups, SCORE), dict.fromkeys(groups, by_pair[INDEX, INDEX])
    sheets = [
        duels("Everywhere: % of the rules that are the best there", groups, best, others, SCORE),
        duels(
            "Everywhere: % of the tuned index", groups, index, [one for one in others if one.pair[0] != INDEX], SCORE
        ),
        *_gaps(contests, groups, best, others),
    ]
    if (LEARNED, LEARNED) in by_pair:
        sheets += [_two_by_two(contest.classes, place, by_pair) for place, contest in enumerate(contests)]
    return sheets


def _gaps(contests: list[Contest], groups: Rows, rules: Mapping[str, Standing], others: list[Standing]) -> list[Sheet]:
    """By how much the strongest rules of each row, and the others, exceed a lower bound: the mean over episodes."""
    if not all(all_is_done_once(contest.scenario) for contest in contests):
        return []
    bounds = [bounds_of(contest) for contest in contests]
    rows: list[list[Cell]] = []
    for label, group in groups.items():
        least = np.concatenate([bounds[place] for place in group])
        gaps = [frame.in_cell(one.multiples(SCORE, group) / least, True) for one in (rules[label], *others)]
        rows.append([label, str(len(least)), rules[label].name, *gaps])
    header = ["", "episodes", "rules", "their gap", *(one.name for one in others)]
    return [Sheet("Gap to the lower bound: mean % above it", header, rows)]


def bounds_of(contest: Contest) -> Scores:
    """Return [E] weighted mean flow times that no schedules are below."""
    episodes = contest.episodes
    bounds = realised_bounds(contest.scenario, episodes, Objective(flow=1.0))
    weights = np.array([i.job_weight.sum() for i in episodes.instances])
    return np.asarray(bounds / weights[episodes.instance])


def _groups(contests: list[Contest]) -> dict[str, list[int]]:
    """The contests of each class, those of each combination, and all."""
    groups: dict[str, list[int]] = {frame.ALL: list(range(len(contests)))}
    for view in contests[0].classes:
        for place, contest in enumerate(contests):
            groups.setdefault(contest.classes[view][0], []).append(place)
    return groups | {_label(contest.classes): [place] for place, contest in enumerate(contests)}


def _label(classes: dict[str, list[str]]) -> str:
    return ", ".join(labels[0] for labels in classes.values())


def _two_by_two(classes: dict[str, list[str]], place: int, by_pair: dict[tuple[str, str], Standing]) -> Sheet:
    """Each role by its strongest rule or learned; where there are several runs, with the negotiators of other runs too."""
    negotiators = [n for n in (STRONGEST[1], LEARNED, ANOTHER) if (LEARNED, n) in by_pair]
    base = by_pair[BASELINE]
    rows: list[list[Cell]] = []
    for prioritizer in (STRONGEST[0], LEARNED):
        pairs = [(prioritizer, negotiator) for negotiator in negotiators]
        row = ["" if pair not in by_pair else cell(by_pair[pair].difference(base, SCORE, [place])) for pair in pairs]
        rows.append([prioritizer, *row])
    title = f"{_label(classes).capitalize()}: each role by rule or learned, % of {' with '.join(BASELINE)}"
    return Sheet(title, ["prioritizer", *(f"negotiator {negotiator}" for negotiator in negotiators)], rows)


SUITE: Final = Suite(
    name="shared_cluster",
    title="Shared clusters",
    contests=_contests,
    views=(),
    rules=(
        BASELINE,
        STRONGEST,
        ("wsrpt", "drf"),
        ("wsrpt", "urgency"),
        ("wsrpt+w", "fcfs"),
        ("wsrpt+w", "equal"),
        ("wsrpt+r", "drf"),
        ("wsrpt+r", "urgency"),
        ("wspt", "drf"),
        ("wspt", "urgency"),
        ("atc", "drf"),
        ("atc", "urgency"),
        ("atc+r", "urgency"),
        ("saf", "urgency"),
        ("fifo", "drf"),
    ),
    searches=(),
    tuned=((INDEX, INDEX),),
    learned=(
        (LEARNED, LEARNED),
        (LEARNED, ANOTHER),
        (LEARNED, STRONGEST[1]),
        (LEARNED, BASELINE[1]),
        (STRONGEST[0], LEARNED),
        ("wsrpt+r", LEARNED),
    ),
    metrics=(SCORE, "mean_slowdown", "jain"),
    unit="weighted mean flow time, s",
    tables=_tables,
    notes=(
        "Every combination of load, number of agents and size of tasks has as many episodes. Agents have as many jobs each everywhere, and "
        f"share the same two resources. '{LARGE}': some tasks need most of one of them; '{SMALL}': none does.",
        f"The tuned index is a weighted sum of columns in both roles, {INDEX}: tuned on 8 agents at loads 0.8 to 2.0, with large tasks in "
        "half of the instances.",
        f"'{ANOTHER}': every prioritizer with the negotiators of all other runs. Reserving rules (+r) lose here because an agent that "
        "reserves leaves its other slots idle until the next event.",
        "The lower bound is one for a clairvoyant who knows all realised durations, and for whom one resource at a time is a machine that "
        "may be divided and interrupted, while nothing else is scarce: no schedule need come near. It is left out where tasks may fail.",
    ),
)
