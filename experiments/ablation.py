"""What each part of learning is worth, on one problem.

  parley ablation                                    job shops: train what is missing, then measure; half an hour
  parley ablation problem=shared_cluster             both roles in the shared cluster
  parley ablation only=[group,self-label] seeds=[0]  fewer

Ctrl-C loses nothing: the same command goes on. Every schedule is checked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from experiments import cli
from experiments.building import settings
from experiments.files import check_writable, write_text
from experiments.settings import Ablation
from experiments.study.page import command, place

if TYPE_CHECKING:
    from experiments.outcome import Outcome
    from experiments.runs import Side
    from experiments.study.variants import Run, Variant

SEED: Final = 20_261_124
"""Of the episodes that are scored; nothing else draws from it."""


def ablate(config: DictConfig) -> None:
    """Train, measure, print, and write a table and numbers where ``config.out`` says."""
    out = place(config, "a .md file comes")
    count = settings(config, Ablation).episodes

    from experiments.runs import check_rules
    from experiments.study import variants  # numba and torch come with it, which --help does without

    rules = check_rules(config)
    chosen = variants.variants(config)
    planned = variants.runs(config, chosen)
    check_writable("out", out)
    typed = command("ablation")
    variants.train_missing(planned, typed)

    from experiments.outcome import as_json, as_markdown, as_text, machine

    outcome, facts = _measure(config, rules, chosen, planned, count), machine()
    write_text(out, json.dumps(as_json(outcome, facts, typed), indent=1, allow_nan=False) + "\n")
    write_text(out.with_suffix(".md"), as_markdown(outcome, facts, typed))
    print(as_text(outcome, facts))
    print(f"All numbers are in {out}, the table in {out.with_suffix('.md')}.")


def _measure(config: DictConfig, rules: tuple[str, str], chosen: list[Variant], planned: dict[str, list[Run]], count: int) -> Outcome:
    """Score every variant under its own rules of play, on the same episodes."""
    from agents.evaluation import draw_episodes
    from agents.progress import Progress
    from experiments.outcome import Outcome, Sheet
    from experiments.runs import LEARNED, OBJECTIVE, Players, cell, difference
    from experiments.tables import number

    episodes = draw_episodes(cli.make_scenario(config), count, SEED)
    of_rules = Players([], []).play(chosen[0].scenario, episodes, *rules)
    sides: dict[str, Side] = {}
    for variant in Progress(chosen, desc="measuring", unit="variant"):
        roles = variant.roles
        folders = [str(run.folder / "policy") for run in planned[variant.name]]
        players = Players.of(folders, negotiators="negotiator" in roles)
        pair = (LEARNED, LEARNED if "negotiator" in roles else rules[1])
        sides[variant.name] = players.play(variant.scenario, episodes, *pair)
    base = sides[chosen[0].name]
    rows = []
    for variant in chosen:
        side = sides[variant.name]
        by_run = 100.0 * (side.column(OBJECTIVE).mean(axis=1) / of_rules.mean(OBJECTIVE) - 1.0)
        differences = cell(difference(side, of_rules, OBJECTIVE)), cell(difference(side, base, OBJECTIVE))
        rows.append([variant.name, *differences, " ".join(number(float(value), 3) for value in by_run), _told(config, variant)])
    header = ["variant", f"% of {' with '.join(rules)}", f"% of {chosen[0].name}", "each run, % of the rules", "what is changed"]
    checked = of_rules.schedules + sum(side.schedules for side in sides.values())
    notes = [
        f"{checked} schedules, every one checked against the rules of its scenario: no violation.",
        f"Mean objective on {count} fresh episodes, the same for all, of the best policy of each of {len(config.seeds)} runs by its own "
        "evaluation; 95 % intervals, paired bootstrap over episodes and runs. Less is better.",
    ]
    numbers = {
        "rules": {"names": rules, "objective": of_rules.column(OBJECTIVE).tolist()},
        "variants": {name: {"objective": side.column(OBJECTIVE).tolist()} for name, side in sides.items()},
        "settings": OmegaConf.to_container(config.variants, resolve=True),
    }
    problem = HydraConfig.get().runtime.choices["problem"]
    return Outcome(f"What parts of learning are worth: {problem}", [Sheet("Variants", header, rows)], notes, numbers)


def _told(config: DictConfig, variant: Variant) -> str:
    """Say what a variant changes, as on a command line."""
    from experiments.study.variants import flat

    changed = flat(config.variants[variant.name])
    return ", ".join(f"{key}={value}" for key, value in changed.items() if key) or "nothing"


def main() -> None:
    """Run ``parley ablation``."""
    cli.run(ablate, "ablation")
