"""Both roles, learned and by rule, in a shared cluster at fixed loads: does learning pay, in which role, and together with whom?"""

from __future__ import annotations

from typing import Any, Final

from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from agents.evaluation import draw_episodes
from agents.statistics import Interval, relative_difference
from envs.workloads.instance import FloatArray
from experiments import cli
from experiments.bounds.hindsight import hindsight
from experiments.outcome import Outcome, Sheet
from experiments.runs import ANOTHER, LEARNED, OBJECTIVE, Players, Side, cell, difference, policies
from experiments.tables import number, percent

LOADS: Final = (1.1, 1.5)
SEED: Final = 20_240_611
"""Of the episodes; nothing else draws from it."""
BASELINE: Final = ("wsrpt", "drf")
RULES: Final = (
    BASELINE,
    ("fifo", "drf"),
    ("wsrpt", "fcfs"),
    ("wsrpt", "equal"),
    ("wsrpt", "urgency"),
    ("wsrpt+r", "drf"),
    ("wsrpt+r", "urgency"),
    ("atc", "urgency"),
)
WITH_LEARNED: Final = (
    (LEARNED, "urgency"),
    (LEARNED, "drf"),
    ("wsrpt", LEARNED),
    ("wsrpt+r", LEARNED),
    (LEARNED, LEARNED),
)
MEASURES: Final = ("weighted_flow", "mean_slowdown", "jain")
HEADER: Final = ["", "weighted flow, s", "% of WSRPT, DRF", "% of best rules", "slowdown", "Jain", "decisions/s"]

Sides = dict[tuple[str, str], Side]


def measure(config: DictConfig) -> Outcome:
    """Let rules and the policies of ``config.runs`` play the same episodes at each load and check every schedule.

    Raises:
        UsageError, ArtifactError: where a run is absent or damaged.
        InvalidEpisode: where a schedule breaks the rules of the scenario.
    """
    episodes, folders = cli.integer(config, "episodes", 2, cli.MOST_EPISODES), policies(config)
    players = Players.of(folders)
    crosses, whole, above, checked = [], [], [], 0
    numbers: dict[str, Any] = {"runs": len(folders), "episodes": episodes, "seed": SEED, "loads": {}}
    for load in LOADS:
        sides, best, least = contest(config, load, episodes, players)
        against = {pair: (difference(side, sides[BASELINE], OBJECTIVE), difference(side, best, OBJECTIVE)) for pair, side in sides.items()}
        crosses.append(_cross(load, best, {pair: base for pair, (base, _) in against.items()}))
        whole.append(Sheet(f"Load {load}: everybody", HEADER, [_row(side, *against[pair]) for pair, side in sides.items()]))
        checked += sum(side.schedules for side in sides.values())
        numbers["loads"][str(load)] = {
            "best_rules": best.name,
            "least": least.tolist(),
            "sides": [_numbers(side, *against[pair]) for pair, side in sides.items()],
        }
        if least.all():
            above.append(f"{percent(relative_difference(best.column(OBJECTIVE), least))} % at load {load}")
    notes = [
        f"{checked} schedules, every one checked against the rules of the scenario: no violation.",
        f"{episodes} episodes per load, the same for everybody; {len(folders)} training runs. Differences are of the objective, the sum of "
        "weighted flow times (less is better), with 95 % intervals: bootstrap over common episodes and, for what is learned, over runs.",
        "The best rules are the pair of rules with the smallest mean on these very episodes. "
        f"'{ANOTHER}': every prioritizer with the negotiators of all other runs.",
    ]
    if above:
        notes.append(
            f"The best rules are above a bound for somebody who knows every duration and arrival from the start: {', '.join(above)}."
        )
    return Outcome("Learned policies and rules in a shared cluster", crosses + whole, notes, numbers)


def contest(config: DictConfig, load: float, count: int, players: Players) -> tuple[Sides, Side, FloatArray]:
    """Return what everybody achieved at a load, by names, the best rules, which meet what is learned in either role, and a bound [E]."""
    at_load = OmegaConf.merge(config, {"workload": {"load_min": load, "load_max": load}})
    assert isinstance(at_load, DictConfig)
    scenario = cli.make_scenario(at_load)
    episodes = draw_episodes(scenario, count, SEED)
    sides: Sides = {}
    for pair in tqdm(RULES, desc=f"load {load}, rules", disable=None):
        sides[pair] = players.play(scenario, episodes, *pair)
    best = min(sides.values(), key=lambda side: side.mean(OBJECTIVE))
    learned = [*WITH_LEARNED, (best.prioritizer, LEARNED), (LEARNED, best.negotiator)]
    if len(players.prioritizers) > 1:
        learned.append((LEARNED, ANOTHER))
    for pair in tqdm(list(dict.fromkeys(learned)), desc=f"load {load}, learned", disable=None):
        sides[pair] = players.play(scenario, episodes, *pair)
    return sides, best, hindsight(scenario, episodes)


def _cross(load: float, best: Side, differences: dict[tuple[str, str], Interval]) -> Sheet:
    """Both roles by the best rule or learned."""
    title = f"Load {load}: each role by its best rule or learned, % of WSRPT with DRF"
    rows = [[p, *(cell(differences[p, n]) for n in (best.negotiator, LEARNED))] for p in (best.prioritizer, LEARNED)]
    return Sheet(title, ["prioritizer", f"negotiator {best.negotiator}", f"negotiator {LEARNED}"], rows)


def _row(side: Side, base: Interval, best: Interval) -> list[str]:
    flow, slowdown, jain = (number(side.mean(name)) for name in MEASURES)
    return [side.name, flow, cell(base), cell(best), slowdown, jain, f"{side.speed:,.0f}"]


def _numbers(side: Side, base: Interval, best: Interval) -> dict[str, Any]:
    return {
        "prioritizer": side.prioritizer,
        "negotiator": side.negotiator,
        "to_baseline": base._asdict(),
        "to_best_rules": best._asdict(),
        "means": {name: side.mean(name) for name in MEASURES},
        "decisions_per_second": side.speed,
        "objective": side.column(OBJECTIVE).tolist(),
    }
