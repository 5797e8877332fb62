"""A trained policy on disk: a folder with its weights (safetensors) and its description (JSON). Opening one never runs code.

Nothing in it depends on the scenario: it decides for any number of candidates, agents and resources.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as unpacked
from safetensors.torch import save as packed

from agents.networks.architecture import PRIORITIZER, ROLES, Brain, NegotiatorActor, Spec
from agents.networks.sets import Sets, gather, to_actions
from agents.protocols import Decider, Mask, Observation
from envs import strict_json
from envs.files import replacing, write_bytes, write_text

FORMAT: Final = 1
DESCRIPTION: Final = "policy.json"
WEIGHTS: Final = "weights.safetensors"
DIGEST: Final = "weights_sha256"
"""In the description, of the file of the weights; policies of earlier versions have none."""
MAX_BYTES: Final = 256 * 2**20
"""A larger file is no policy."""


class ArtifactError(ValueError):
    """A policy on disk that cannot be used; the message names the file, what is wrong with it and what would be right."""


class TrainedPrioritizer:
    """A trained network in the prioritizer's place, without exploration; see :class:`agents.protocols.Scorer`."""

    def __init__(self, brain: Brain, training: dict[str, Any] | None = None) -> None:
        """Take the network and what is known of its training."""
        self.brain = brain
        self.training = training or {}

    def pick(self, candidates: Observation, context: Observation, mask: Mask) -> NDArray[np.int32]:
        """Return the likeliest action of each seat [N]."""
        by_place, counts = self._by_place(candidates, context, mask)
        return to_actions(by_place.argmax(axis=1), counts, mask.shape[1] - 1)

    def scores(self, candidates: Observation, context: Observation, mask: Mask) -> Observation:
        """Return the log-probabilities of all actions [N, K+1], -inf where illegal."""
        by_place, counts = self._by_place(candidates, context, mask)
        scores = np.full(mask.shape, -np.inf, np.float32)
        scores[mask] = by_place[
            np.arange(by_place.shape[1]) < (counts + mask[:, -1])[:, None]
        ]  # both ascend by seat and action
        return scores

    def compile_picks(self) -> Decider:
        """Return the network as it is now, compiled; see :class:`agents.protocols.CompiledPrioritizer`."""
        from agents.compiled.mind import Mind  # compiling takes seconds: only where somebody plays

        return Mind(self.brain)

    @torch.no_grad()
    def farthest(self, candidates: Observation, context: Observation, mask: Mask) -> float:
        """Return how many standard deviations of training the farthest column of any legal candidate or context is away."""
        reader, rows = self.brain.reader, torch.from_numpy(candidates[mask[:, :-1]])
        return max(
            reader.rows.farthest(reader.rows.tame(rows)),
            reader.context.farthest(reader.context.tame(torch.from_numpy(context))),
        )

    @torch.no_grad()
    def _by_place(
        self, candidates: Observation, context: Observation, mask: Mask
    ) -> tuple[Observation, NDArray[np.int64]]:
        """Log-probabilities [N, most candidates + 1], passing comes behind a seat's last candidate; and how many those are [N]."""
        rows, counts = gather(candidates, mask[:, :-1], np.arange(len(mask)))
        device = self.brain.reader.context.mean.device  # to ask parameters() takes longer than a small network
        sets = Sets.of(*(torch.from_numpy(part).to(device) for part in (rows, counts, context, mask[:, -1])))
        return self.brain(self.brain.reader(sets)).cpu().numpy(), counts


class TrainedNegotiator:
    """A trained network in the negotiator's place, without exploration; see :class:`agents.protocols.Negotiator`."""

    def __init__(self, brain: Brain, training: dict[str, Any] | None = None) -> None:
        """Take the network and what is known of its training."""
        self.brain = brain
        self.training = training or {}

    @torch.no_grad()
    def bid(self, observation: Observation) -> NDArray[np.float64]:
        """Return the wanted level of each seat [N], not rounded: the world clears on real bids, and fewer of them are equal."""
        device = self.brain.reader.context.mean.device  # to ask parameters() takes longer than a small network
        sets = self.brain.reader(Sets.without_rows(torch.from_numpy(observation).to(device)))
        assert isinstance(self.brain.actor, NegotiatorActor)
        wanted: NDArray[np.float64] = self.brain.actor.mu(sets).cpu().numpy().astype(np.float64)
        return wanted

    def compile_bids(self) -> Decider:
        """Return the network as it is now, compiled; see :class:`agents.protocols.CompiledNegotiator`."""
        from agents.compiled.mind import Mind

        return Mind(self.brain)


def trained(brain: Brain, training: dict[str, Any] | None = None) -> TrainedPrioritizer | TrainedNegotiator:
    """Put a network in its role's place."""
    return TrainedPrioritizer(brain, training) if brain.spec.role == PRIORITIZER else TrainedNegotiator(brain, training)


def save(folder: Path, brain: Brain, training: dict[str, Any]) -> None:
    """Write the network and what is known of its training (JSON values) to a folder, which is replaced as a whole.

    Raises:
        OSError: where the disk does not take it; what was there stays.
    """
    weights = packed({name: tensor.cpu().contiguous() for name, tensor in brain.state_dict().items()})
    description = {
        "format": FORMAT,
        **asdict(brain.spec),
        "training": training,
        DIGEST: hashlib.sha256(weights).hexdigest(),
    }
    with replacing(folder) as new:
        write_bytes(new / WEIGHTS, weights)
        write_text(new / DESCRIPTION, json.dumps(description, indent=2, allow_nan=False) + "\n")


def load(folder: str | Path, role: str | None = None) -> TrainedPrioritizer | TrainedNegotiator:
    """Read a policy from its folder, or from a folder that holds one per role; ``role`` may be left out where there is but one.

    Raises:
        ArtifactError: where there is none, or it is damaged, of another format, or of the other role; or where there is no such role.
    """
    folder = Path(folder)
    if role is not None and role not in ROLES:
        raise ArtifactError(f"role is {role!r}, must be {' or '.join(ROLES)}")
    roles = [name for name in ROLES if (folder / name).is_dir()]
    if role is None and len(roles) > 1:
        raise ArtifactError(f"{folder}: has a {' and a '.join(roles)}; say which one, as in load(folder, {roles[0]!r})")
    if roles and role not in (None, *roles):
        raise ArtifactError(
            f"{folder}: has no {role}, only a {' and a '.join(roles)}; give a rule, or a policy that has one"
        )
    folder = folder / (role or roles[0]) if roles else folder
    text, weights = _both(folder)
    description = _description(folder / DESCRIPTION, text)
    spec = _spec(folder / DESCRIPTION, description)
    if role not in (None, spec.role):
        raise ArtifactError(f"{folder}: holds a {spec.role}, not a {role}")
    if description.get(DIGEST, found := hashlib.sha256(weights).hexdigest()) != found:
        raise ArtifactError(
            f"{folder / WEIGHTS}: damaged: its SHA-256 is {found}, must be {description[DIGEST]}, as {DESCRIPTION} says"
        )
    try:
        brain = Brain(spec)
    except ValueError as error:
        raise ArtifactError(f"{folder / DESCRIPTION}: {error}") from None
    _fill(brain, folder / WEIGHTS, weights)
    training = description.get("training")
    return trained(brain, training if isinstance(training, dict) else {})


def _both(folder: Path) -> tuple[bytes, bytes]:
    """Description and weights that belong together, even if somebody replaces the folder meanwhile."""
    text, weights = _read(folder / DESCRIPTION), _read(folder / WEIGHTS)
    while text != (now := _read(folder / DESCRIPTION)):
        text, weights = now, _read(folder / WEIGHTS)
    return text, weights


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise ArtifactError(f"{path}: no such file; a trained policy is a folder with {DESCRIPTION} and {WEIGHTS}")
    if path.stat().st_size > MAX_BYTES:
        raise ArtifactError(f"{path}: {path.stat().st_size} bytes, must be at most {MAX_BYTES}")
    return path.read_bytes()


def _description(path: Path, text: bytes) -> dict[str, Any]:
    try:
        description = strict_json.loads(text.decode("utf-8"))
    except ValueError as error:
        raise ArtifactError(f"{path}: not JSON: {error}") from None
    if not isinstance(description, dict) or "format" not in description:
        raise ArtifactError(f"{path}: must be an object with format {FORMAT}")
    if description["format"] != FORMAT:
        raise ArtifactError(
            f"{path}: format is {description['format']!r}, must be format {FORMAT}: another version of Parley wrote it"
        )
    return description


def _spec(path: Path, description: dict[str, Any]) -> Spec:
    def names(key: str) -> tuple[str, ...]:
        value = description.get(key)
        if (
            not isinstance(value, list)
            or not all(isinstance(name, str) for name in value)
            or len(set(value)) < len(value)
        ):
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
            description["role"],
            names("candidate_columns"),
            names("context_columns"),
            number("width"),
            number("levels"),
            guide,
            ordinal,
        )
    except ArtifactError:
        raise
    except ValueError as error:
        raise ArtifactError(f"{path}: {error}") from None


def _fill(brain: Brain, path: Path, packed_weights: bytes) -> None:
    try:
        weights = unpacked(packed_weights)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ArtifactError(f"{path}: damaged: {error}") from None
    for name, tensor in brain.state_dict().items():
        if name not in weights or weights[name].shape != tensor.shape or weights[name].dtype != tensor.dtype:
            raise ArtifactError(
                f"{path}: {name} is missing or not {tuple(tensor.shape)} {tensor.dtype}, as {DESCRIPTION} says it is"
            )
        if not torch.isfinite(weights[name]).all():
            raise ArtifactError(f"{path}: {name} has a value that is not finite")
    if extra := sorted(set(weights) - set(brain.state_dict())):
        raise ArtifactError(f"{path}: {extra[0]} is no weight of the network that {DESCRIPTION} describes")
    brain.load_state_dict(weights)
