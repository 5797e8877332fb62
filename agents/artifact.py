"""A trained policy on disk: a folder with its weights (safetensors) and its description (JSON). Opening one never runs code.

Nothing in it depends on the scenario: it decides for any number of candidates, agents and resources.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as packed

from agents.networks import PRIORITIZER, ROLES, Brain, NegotiatorActor, Spec
from agents.policy import Decider, Mask, Observation
from agents.sets import Gathered, Sets, gather, to_actions

FORMAT: Final = 1
DESCRIPTION: Final = "policy.json"
WEIGHTS: Final = "weights.safetensors"
MAX_BYTES: Final = 256 * 2**20
"""A larger file is no policy."""


class ArtifactError(ValueError):
    """A policy on disk that cannot be used; the message names the file, what is wrong with it and what would be right."""


class TrainedPrioritizer:
    """A trained network in the prioritizer's place, without exploration; see :class:`agents.policy.Scorer`."""

    def __init__(self, brain: Brain, training: dict[str, Any] | None = None) -> None:
        """Take the network and what is known of its training."""
        self.brain = brain
        self.training = training or {}

    def pick(self, candidates: Observation, context: Observation, mask: Mask) -> NDArray[np.int32]:
        """Return the likeliest action of each seat [N]."""
        by_place, numbers, counts = self._by_place(candidates, context, mask)
        return to_actions(by_place.argmax(axis=1), numbers, counts, mask.shape[1] - 1)

    def scores(self, candidates: Observation, context: Observation, mask: Mask) -> Observation:
        """Return the log-probabilities of all actions [N, K+1], -inf where illegal."""
        by_place, _, counts = self._by_place(candidates, context, mask)
        scores = np.full(mask.shape, -np.inf, np.float32)
        scores[mask] = by_place[np.arange(by_place.shape[1]) < (counts + mask[:, -1])[:, None]]  # both ascend by seat and action
        return scores

    def compile_picks(self) -> Decider:
        """Return the network as it is now, compiled; see :class:`agents.policy.CompiledPrioritizer`."""
        from agents.compiled.mind import Mind  # compiling takes seconds: only where somebody plays

        return Mind(self.brain)

    @torch.no_grad()
    def _by_place(self, candidates: Observation, context: Observation, mask: Mask) -> Gathered:
        """Log-probabilities [N, most candidates + 1] by place among the legal actions; and what ``gather`` says of the places."""
        rows, numbers, counts = gather(candidates, mask[:, :-1], np.arange(len(mask)))
        device = next(self.brain.parameters()).device
        sets = Sets.of(*(torch.from_numpy(part).to(device) for part in (rows, counts, context, mask[:, -1])))
        return self.brain(self.brain.reader(sets)).cpu().numpy(), numbers, counts


class TrainedNegotiator:
    """A trained network in the negotiator's place, without exploration; see :class:`agents.policy.Negotiator`."""

    def __init__(self, brain: Brain, training: dict[str, Any] | None = None) -> None:
        """Take the network and what is known of its training."""
        self.brain = brain
        self.training = training or {}

    @torch.no_grad()
    def bid(self, observation: Observation) -> NDArray[np.float64]:
        """Return the wanted level of each seat [N], not rounded: the world clears on real bids, and fewer of them are equal."""
        device = next(self.brain.parameters()).device
        sets = self.brain.reader(Sets.without_rows(torch.from_numpy(observation).to(device)))
        assert isinstance(self.brain.actor, NegotiatorActor)
        wanted: NDArray[np.float64] = self.brain.actor.mu(sets).cpu().numpy().astype(np.float64)
        return wanted

    def compile_bids(self) -> Decider:
        """Return the network as it is now, compiled; see :class:`agents.policy.CompiledNegotiator`."""
        from agents.compiled.mind import Mind

        return Mind(self.brain)


def trained(brain: Brain, training: dict[str, Any] | None = None) -> TrainedPrioritizer | TrainedNegotiator:
    """Put a network in its role's place."""
    return TrainedPrioritizer(brain, training) if brain.spec.role == PRIORITIZER else TrainedNegotiator(brain, training)


def save(folder: Path, brain: Brain, training: dict[str, Any]) -> None:
    """Write the network and what is known of its training (JSON values) to a folder, which is replaced as a whole."""
    new, old = folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    new.mkdir(parents=True)
    (new / WEIGHTS).write_bytes(packed({name: tensor.cpu().contiguous() for name, tensor in brain.state_dict().items()}))
    description = {"format": FORMAT, **asdict(brain.spec), "training": training}
    (new / DESCRIPTION).write_text(json.dumps(description, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    if folder.exists():
        folder.replace(old)
    new.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def load(folder: Path, role: str) -> TrainedPrioritizer | TrainedNegotiator:
    """Read the policy of a role from its folder, or from a folder that holds one of that name.

    Raises:
        ArtifactError: where there is none, or it is damaged, of another format, or of the other role.
    """
    roles = [name for name in ROLES if (folder / name).is_dir()]
    if roles and role not in roles:
        raise ArtifactError(f"{folder}: has no {role}, only a {' and a '.join(roles)}; give a rule, or a policy that has one")
    folder = folder / role if roles else folder
    description = _description(folder / DESCRIPTION)
    spec = _spec(folder / DESCRIPTION, description)
    if spec.role != role:
        raise ArtifactError(f"{folder}: holds a {spec.role}, not a {role}")
    try:
        brain = Brain(spec)
    except ValueError as error:
        raise ArtifactError(f"{folder / DESCRIPTION}: {error}") from None
    _fill(brain, folder / WEIGHTS)
    training = description.get("training")
    return trained(brain, training if isinstance(training, dict) else {})


def _bounded(path: Path) -> Path:
    if not path.is_file():
        raise ArtifactError(f"{path}: no such file; a trained policy is a folder with {DESCRIPTION} and {WEIGHTS}")
    if path.stat().st_size > MAX_BYTES:
        raise ArtifactError(f"{path}: {path.stat().st_size} bytes, must be at most {MAX_BYTES}")
    return path


def _description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(_bounded(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path}: not JSON: {error}") from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ArtifactError(f"{path}: must be an object with format {FORMAT}")
    return description


def _spec(path: Path, description: dict[str, Any]) -> Spec:
    def names(key: str) -> tuple[str, ...]:
        value = description.get(key)
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value) or len(set(value)) < len(value):
            raise ArtifactError(f"{path}: {key} must be a list of different column names")
        return tuple(value)

    def number(key: str) -> int:
        value = description.get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ArtifactError(f"{path}: {key} is {value!r}, must be a whole number")
        return value

    guide = description.get("guide", {})
    if not isinstance(guide, dict):
        raise ArtifactError(f"{path}: guide is {guide!r}, must be an object of weights by column")
    ordinal = description.get("ordinal", True)
    if not isinstance(ordinal, bool):
        raise ArtifactError(f"{path}: ordinal is {ordinal!r}, must be true or false")
    if description.get("role") not in ROLES:
        raise ArtifactError(f"{path}: role is {description.get('role')!r}, must be one of {', '.join(ROLES)}")
    try:
        return Spec(
            description["role"], names("candidate_columns"), names("context_columns"), number("width"), number("levels"), guide, ordinal
        )
    except ArtifactError:
        raise
    except ValueError as error:
        raise ArtifactError(f"{path}: {error}") from None


def _fill(brain: Brain, path: Path) -> None:
    try:
        weights = load_file(_bounded(path))
    except (SafetensorError, OSError) as error:
        raise ArtifactError(f"{path}: damaged: {error}") from None
    for name, tensor in brain.state_dict().items():
        if name not in weights or weights[name].shape != tensor.shape or weights[name].dtype != tensor.dtype:
            raise ArtifactError(f"{path}: {name} is missing or not {tuple(tensor.shape)} {tensor.dtype}, as {DESCRIPTION} says it is")
        if not torch.isfinite(weights[name]).all():
            raise ArtifactError(f"{path}: {name} has a value that is not finite")
    if extra := sorted(set(weights) - set(brain.state_dict())):
        raise ArtifactError(f"{path}: {extra[0]} is no weight of the network that {DESCRIPTION} describes")
    brain.load_state_dict(weights)
