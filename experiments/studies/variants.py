"""What the study trains: variants of one config, as data, each once per seed, and only where the run is not there yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, ListConfig, OmegaConf

from agents.learning import checkpoint
from agents.learning.config import Learner, locate
from agents.policies import RULES, is_rule
from agents.progress import Progress
from envs.scenario import Scenario
from experiments.plumbing import cli, saved, training
from experiments.plumbing.building import check, make

TRAINED: Final = ("scenario", "workload", "learner", "device", "threads", "score")
"""Nodes of the study's config that each of its runs gets, as its variant changes them."""
CHANGED: Final = ("scenario", "workload", "learner")
"""Nodes that a variant may change, and in which a run that is there must be what would be trained. The workload is what a variant
learns from: all are scored on the same episodes."""


@dataclass(frozen=True)
class Variant:
    """One way to set up a scenario and to learn in it."""

    name: str
    config: DictConfig
    """Of its runs, but for seed and folder."""
    scenario: Scenario

    @property
    def roles(self) -> list[str]:
        """Which roles it trains."""
        return [str(role) for role in self.config.learner.roles]


@dataclass(frozen=True)
class Replicate:
    """A variant trained with a seed."""

    variant: Variant
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        """That of its folder."""
        return self.folder.name

    @property
    def config(self) -> DictConfig:
        """Everything that training is told."""
        config = OmegaConf.merge(self.variant.config, {"seed": self.seed, "folder": str(self.folder), "resume": None})
        assert isinstance(config, DictConfig)
        return config

    def is_there(self) -> bool:
        """Whether it was trained to its end.

        Raises:
            UsageError, CheckpointError: where the folder holds a run of other settings, or a damaged one.
        """
        if not (self.folder / training.CONFIG).is_file():
            return False
        there = saved.read(self.folder / training.CONFIG)
        found, wanted = (flat({node: config.get(node) for node in CHANGED}) for config in (there, self.config))
        for key in sorted(found.keys() & wanted.keys()):  # a setting that came after the run did not make it what it is
            if found[key] != wanted[key]:
                raise cli.UsageError(
                    f"runs: {self.folder} was trained with {key}={found[key]}, here it is {wanted[key]}; give another folder"
                )
        facts, learner = checkpoint.load_facts(self.folder / checkpoint.NAME), self.variant.config.learner
        return bool(facts["decisions"] >= learner.decisions or facts["seconds"] >= learner.seconds)

    def learn(self, command: str) -> None:
        """Train it, or go on where it was interrupted; ``command`` is noted."""
        resumed = (self.folder / training.CONFIG).exists()
        training.learn(training.saved_config(self.folder) if resumed else self.config, command, resumed)


def variants(config: DictConfig) -> list[Variant]:
    """Return the variants that ``config.only`` names, in its order.

    Raises:
        UsageError, ConfigError: where one is unknown, or asks for what no config has.
    """
    known = config.variants
    if not isinstance(known, DictConfig):
        raise cli.UsageError(f"variants is {known!r}, must be a mapping from names to what each changes")
    names = check(list(config.only) if isinstance(config.only, ListConfig) else config.only, list[str], "only")
    if not names:
        raise cli.UsageError("only is an empty list, must name a variant")
    if unknown := [name for name in names if name not in known]:
        raise cli.UsageError(f"only has {unknown[0]!r}, must be some of {', '.join(map(str, known))}")
    return [_variant(config, name, known[name]) for name in dict.fromkeys(names)]


def _variant(config: DictConfig, name: str, changed: Any) -> Variant:
    if not name.replace("-", "_").isidentifier() or any(is_rule(role, name) for role in RULES):
        raise cli.UsageError(f"variants has {name!r}, must be a word that is no rule's name")
    if not isinstance(changed, DictConfig):
        raise cli.UsageError(
            f"variants.{name} is {changed!r}, must be a mapping such as {{scenario: {{cooperation: 0.5}}}}"
        )
    if other := [str(node) for node in changed if node not in CHANGED]:
        raise cli.UsageError(f"variants.{name}.{other[0]} cannot be changed, must be in {' or '.join(CHANGED)}")
    common = OmegaConf.masked_copy(config, list(TRAINED))
    merged = OmegaConf.merge(common, changed)
    assert isinstance(merged, DictConfig)
    try:
        locate(make(merged, "learner", Learner))
        return Variant(name, merged, cli.make_scenario(merged))
    except ValueError as error:
        raise cli.UsageError(f"variants.{name}: {error}") from None


def replicates(config: DictConfig, chosen: list[Variant]) -> dict[str, list[Replicate]]:
    """Return the replicates of each variant, one per seed.

    Raises:
        UsageError, ConfigError: where ``config.seeds`` or ``config.runs`` is wrong.
    """
    seeds = check(list(config.seeds) if isinstance(config.seeds, ListConfig) else config.seeds, list[int], "seeds")
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise cli.UsageError(f"seeds is {seeds}, must be a list of different integers >= 0")
    folder = Path(check(config.runs, str, "runs"))
    return {
        variant.name: [Replicate(variant, seed, folder / f"{variant.name}-s{seed}") for seed in seeds]
        for variant in chosen
    }


def train_missing(replicates: dict[str, list[Replicate]], command: str) -> None:
    """Train what is not there: all variants with the first seed, then with the second, so that a half has everything once.

    Raises:
        UsageError, CheckpointError: as ``Replicate.is_there``, for all before any is trained.
        KeyboardInterrupt: where the user stopped it; what was trained is kept.
    """
    missing = [run for by_seed in zip(*replicates.values(), strict=True) for run in by_seed if not run.is_there()]
    with Progress(missing, desc="training", unit="run") as bar:
        for number, run in enumerate(bar, 1):
            print(f"{run.name}, {number} of {len(missing)} runs to train:", flush=True)
            try:
                run.learn(command)
            except KeyboardInterrupt:
                raise KeyboardInterrupt("the same command goes on") from None


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    """Values of a nested mapping by their dotted keys."""
    if OmegaConf.is_config(node):
        node = OmegaConf.to_container(node, resolve=True)
    if not isinstance(node, dict):
        return {prefix: node}
    below: list[dict[str, Any]] = [
        flat(part, f"{prefix}.{name}" if prefix else str(name)) for name, part in node.items()
    ]
    return {key: value for part in below for key, value in part.items()}
