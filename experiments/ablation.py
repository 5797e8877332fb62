"""What each part of learning is worth, on one problem.

  parley ablation                                    job shops: train what is missing, then play; half an hour
  parley ablation problem=shared_cluster             both roles in the shared cluster
  parley ablation only=[group,self-label] seeds=[0]  fewer

Ctrl-C loses nothing: the same command goes on. Every schedule is checked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from envs.files import write_text
from experiments.plumbing import cli
from experiments.plumbing.building import check_writable, settings
from experiments.plumbing.settings import Ablation
from experiments.studies.page import command, place

if TYPE_CHECKING:
    from experiments.reports.outcome import Outcome
    from experiments.studies.variants import Replicate, Variant
    from experiments.suites.runs import Side

SEED: Final = 20_261_124
"""Of the episodes that are scored; nothing else draws from it."""


def ablate(config: DictConfig) -> None:
    """Train, play, print, and write a table, numbers and curves where ``config.out`` says."""
    out = place(config, "a .md file comes")
    count = settings(config, Ablation).episodes

    from experiments.studies import curves, variants  # numba and torch come with it, which --help does without
    from experiments.suites.runs import check_rules

    rules = check_rules(config)
    chosen = variants.variants(config)
    replicates = variants.replicates(config, chosen)
    check_writable("out", out)
    typed = command("ablation")
    variants.train_missing(replicates, typed)

    from experiments.reports.outcome import as_json, as_markdown, as_text, machine

    outcome, facts = _score(config, rules, chosen, replicates, count), machine()
    write_text(out, json.dumps(as_json(outcome, facts, typed), indent=1, allow_nan=False) + "\n")
    write_text(out.with_suffix(".md"), as_markdown(outcome, facts, typed))
    curves.draw(replicates, out.with_suffix(".png"), typed)
    print(as_text(outcome, facts))
    print(f"All numbers are in {out}, the table in {out.with_suffix('.md')}, the curves in its .png.")


def _score(
    config: DictConfig,
    rules: tuple[str, str],
    chosen: list[Variant],
    replicates: dict[str, list[Replicate]],
    count: int,
) -> Outcome:
    """Score every variant under its own rules of play, on the same episodes."""
    import numpy as np

    from agents.evaluation.play import draw_episodes
    from agents.evaluation.statistics import INTERVALS
    from agents.learning import checkpoint
    from agents.progress import Progress
    from experiments.reports.outcome import Outcome, Sheet
    from experiments.reports.report import Cell
    from experiments.reports.tables import number
    from experiments.studies import curves
    from experiments.suites.runs import LEARNED, OBJECTIVE, Players, cell, difference

    episodes = draw_episodes(cli.make_scenario(config), count, SEED)
    of_rules = Players([], []).play(chosen[0].scenario, episodes, *rules)
    sides: dict[str, Side] = {}
    for variant in Progress(chosen, desc="scoring", unit="variant"):
        roles = variant.roles
        folders = [str(run.folder / "policy") for run in replicates[variant.name]]
        players = Players.of(folders, negotiators="negotiator" in roles)
        pair = (LEARNED, LEARNED if "negotiator" in roles else rules[1])
        sides[variant.name] = players.play(variant.scenario, episodes, *pair)
    base = sides[chosen[0].name]
    rows: list[list[Cell]] = []
    budgets: dict[str, dict[str, list[float]]] = {}
    for variant in chosen:
        side = sides[variant.name]
        spent = [checkpoint.load_facts(run.folder / checkpoint.NAME) for run in replicates[variant.name]]
        budgets[variant.name] = {
            name: [facts[name] for facts in spent] for name in ("decisions", "iteration", "seconds")
        }
        by_run = 100.0 * (side.column(OBJECTIVE).mean(axis=1) / of_rules.mean(OBJECTIVE) - 1.0)
        differences = (cell(difference(side, to, OBJECTIVE, episodes.instance)) for to in (of_rules, base))
        rows.append([variant.name, *differences, " ".join(number(float(value), 3) for value in by_run)])
        for scalar in (curves.TRAINING, curves.GREEDY):
            found = np.array([curves.thirds(curves.read(run.folder, scalar)) for run in replicates[variant.name]])
            rows[-1].append(" to ".join(number(value, 2) for value in found.mean(axis=0).tolist()))
        rows[-1] += [f"{np.mean(values):,.0f}" for values in budgets[variant.name].values()] + [_told(config, variant)]
    header = ["variant", f"% of {' with '.join(rules)}", f"% of {chosen[0].name}", "each run, % of the rules"]
    header += [
        "training, first to last third",
        "greedy",
        "decisions played",
        "iterations",
        "s of learning",
        "what is changed",
    ]
    checked = of_rules.schedules + sum(side.schedules for side in sides.values())
    notes = [
        f"{checked} schedules, every one checked against the rules of its scenario: no violation.",
        f"Mean objective on {count} fresh episodes, the same for all, of the best policy of each of {len(config.seeds)} runs by its own "
        f"evaluation. {INTERVALS} Less is better.",
        "First to last third: the mean gap to the rules of learning, in %, in the first third of the decisions and in the last, of what "
        "plays in training and of what is deployed.",
        "Budgets count decisions played: all that the learning roles made while collecting, whether they were learned from or not; what "
        "rules showed them before (learner.imitation) is not among them. The last iteration ends behind the budget. Means over runs.",
    ]
    numbers = {
        "rules": {"names": rules, "objective": of_rules.column(OBJECTIVE).tolist()},
        "variants": {
            name: {"objective": side.column(OBJECTIVE).tolist()} | budgets[name] for name, side in sides.items()
        },
        "clusters": episodes.instance.tolist(),
        "settings": OmegaConf.to_container(config.variants, resolve=True),
    }
    problem = HydraConfig.get().runtime.choices["problem"]
    return Outcome(f"What parts of learning are worth: {problem}", [Sheet("Variants", header, rows)], notes, numbers)


def _told(config: DictConfig, variant: Variant) -> str:
    """Say what a variant changes, as on a command line."""
    from experiments.studies.variants import flat

    changed = flat(config.variants[variant.name])
    return ", ".join(f"{key}={value}" for key, value in changed.items() if key) or "nothing"


def main() -> None:
    """Run ``parley ablation``."""
    cli.run(ablate, "ablation")
