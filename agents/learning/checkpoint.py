"""The whole state of a run in one file, replaced at once, with the two before it. Opening one never runs code."""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as packed

from agents.learning.buffer import Array
from agents.learning.ppo import RolePPO
from envs.files import writing

FORMAT: Final = 2
NAME: Final = "checkpoint.safetensors"
KEPT: Final = 3
"""Checkpoints: the newest and those before it."""
FACTS: Final[Mapping[str, tuple[type, ...]]] = {
    "iteration": (int,),
    "decisions": (int,),
    "seconds": (float,),
    "best": (float, type(None)),
    "seed": (int,),
    "threads": (int,),
    "device": (str,),
    "torch": (str,),
}
"""What is told beside the arrays."""
PASS: Final = ".score_pass."
"""In the names of the weights that only decisions with leave to pass give a gradient to."""
UNREADABLE: Final = (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What safetensors, numpy and json raise over a damaged file."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be continued from; the message names the file and what is wrong with it."""


def save(path: Path, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> None:
    """Write arrays and facts (JSON values), and set the last ones aside.

    Whoever reads at any moment, even after a crash, finds a checkpoint that is whole. Raises OSError where the disk does not take it.
    """
    flat = {name: plain(array) for name, array in arrays.items()}
    told = json.dumps({"format": FORMAT, **facts}, allow_nan=False)
    with writing(path) as file:
        file.write(packed(flat, {"facts": told, "sha256": _digest(flat, told)}))
        file.flush()  # a full disk is known before the last ones are touched
        _set_aside(path)


def load(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read arrays (records as bytes: view them as their dtype) and facts.

    Raises:
        CheckpointError: where the file is missing, damaged or of another format.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, "numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
            metadata = file.metadata() or {}
        facts = json.loads(metadata["facts"])
        version = facts["format"]
    except UNREADABLE as error:
        raise CheckpointError(f"{path}: damaged: {' '.join(str(error).split())}") from None
    if version != FORMAT:
        raise CheckpointError(
            f"{path}: is a checkpoint of format {version!r}, must be {FORMAT}: another version of Parley wrote it"
        )
    if metadata.get("sha256") != _digest(arrays, metadata["facts"]):
        raise CheckpointError(f"{path}: damaged: what is in it has another digest than what was saved")
    _check_facts(path, facts)
    return arrays, facts


def load_latest(path: Path) -> tuple[Path, dict[str, Array], dict[str, Any]]:
    """Read the newest checkpoint that is whole, of the one at ``path`` and those set aside; say on stderr why it is not the first.

    Raises:
        CheckpointError: where none is; the message is of the first.
    """
    errors = []
    for each in _kept(path):
        try:
            arrays, facts = load(each)
        except CheckpointError as error:
            errors.append(str(error))
            continue
        if errors:
            print(f"{'; '.join(errors)}; going on from {each.name}, of iteration {facts['iteration']}", file=sys.stderr)
        return each, arrays, facts
    raise CheckpointError(errors[0])


def load_facts(path: Path) -> dict[str, Any]:
    """Read the facts alone; as ``load_latest``."""
    return load_latest(path)[2]


def _kept(path: Path) -> list[Path]:
    """Where the newest checkpoint is, and the older ones, newest first."""
    return [path, *(path.with_stem(f"{path.stem}-{back}") for back in range(1, KEPT))]


def _set_aside(path: Path) -> None:
    kept = _kept(path)
    for newer, older in reversed(list(pairwise(kept))):
        if newer.exists():
            newer.replace(older)


def _digest(arrays: Mapping[str, Array], told: str) -> str:
    """SHA-256 of everything: facts, names, dtypes, shapes and bytes."""
    sha = hashlib.sha256(told.encode())
    for name in sorted(arrays):
        array = arrays[name]
        sha.update(f"\n{name} {array.dtype.str} {array.shape} ".encode())
        sha.update(array.reshape(-1).view(np.uint8).data)
    return sha.hexdigest()


def _check_facts(path: Path, facts: Mapping[str, Any]) -> None:
    for name, kinds in FACTS.items():
        value = facts.get(name, ...)
        ok = type(value) in kinds and (not isinstance(value, float) or math.isfinite(value))
        if not ok or (name != "best" and isinstance(value, int | float) and not 0 <= value < 2**63):
            wanted = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
            raise CheckpointError(f"{path}: {name} is {value!r}, must be a finite {wanted}")


def plain(array: Array) -> Array:
    """Return an array as it is stored: contiguous, records as bytes."""
    array = np.asarray(array, order="C")
    return array.view(np.uint8) if array.dtype.names else array


def below(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Prefix the names of arrays."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def part(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays that ``below`` prefixed."""
    return {name.removeprefix(f"{prefix}."): array for name, array in arrays.items() if name.startswith(f"{prefix}.")}


def model_state(model: RolePPO) -> dict[str, Array]:
    """Weights, buffers and optimiser of a model."""
    policy = {name: tensor.cpu().numpy() for name, tensor in model.policy.state_dict().items()}
    steps = model.policy.optimizer.state_dict()["state"]
    optimizer = {
        f"{index}.{name}": tensor.cpu().numpy() for index, entry in steps.items() for name, tensor in entry.items()
    }
    return below("policy", policy) | below("optimizer", optimizer)


def load_model(model: RolePPO, state: Mapping[str, Array]) -> None:
    """Continue as the model that ``model_state`` was taken from. Raises ValueError where the state is not one of such a model."""
    policy, optimizer = part("policy", state), part("optimizer", state)
    fit(policy, part("policy", model_state(model)))
    _check_optimizer(model, optimizer)
    model.policy.load_state_dict({name: torch.from_numpy(array) for name, array in policy.items()})
    whole = model.policy.optimizer.state_dict()
    whole["state"] = {}
    for name, array in optimizer.items():
        index, entry = name.split(".")
        whole["state"].setdefault(int(index), {})[entry] = torch.from_numpy(array)
    model.policy.optimizer.load_state_dict(whole)


def _check_optimizer(model: RolePPO, state: Mapping[str, Array]) -> None:
    """Adam knows all weights that get their gradients together, or none of them: some methods have no critic, some decisions no pass."""
    together: dict[str, dict[str, Array]] = {}
    for place, (name, weights) in enumerate(model.policy.named_parameters()):
        like = weights.detach().cpu().numpy()
        own = {f"{place}.step": np.zeros((), np.float32), f"{place}.exp_avg": like, f"{place}.exp_avg_sq": like}
        together.setdefault(PASS if PASS in name else name.partition(".")[0], {}).update(own)
    fit(state, {name: like for own in together.values() if own.keys() & state.keys() for name, like in own.items()})
    for name, array in state.items():
        within(name, array, -np.inf if name.endswith(".exp_avg") else 0.0)


def random_state() -> dict[str, Array]:
    """The state of torch's generators, the only ones that a learner draws from twice."""
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state().numpy()} | {f"cuda{k}": state.numpy() for k, state in enumerate(devices)}


def load_random(state: Mapping[str, Array]) -> None:
    """Continue the generators of the devices that are here. Raises ValueError, or torch's RuntimeError, for what is not their state."""
    own = random_state()
    here = {name: array for name, array in own.items() if name in state or name == "cpu"}
    fit({name: array for name, array in state.items() if name in here}, here)
    torch.set_rng_state(torch.from_numpy(state["cpu"]))
    for k in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        if f"cuda{k}" in state:
            torch.cuda.set_rng_state(torch.from_numpy(state[f"cuda{k}"]), k)


def fit(
    state: Mapping[str, Array], like: Mapping[str, Array], table: tuple[str, ...] = (), finite: bool = True
) -> None:
    """Check a state against one of the same make: names, dtypes, shapes and, where asked for, that numbers are finite.

    Arrays whose names begin with one of ``table`` may have any number of rows.

    Raises:
        ValueError: where it does not fit; the message names the array.
    """
    if wrong := sorted(state.keys() ^ like.keys()):
        raise ValueError(f"{wrong[0]} is {'missing' if wrong[0] in like else 'not known here'}")
    for name, own in like.items():
        found = state[name]
        shape = (*found.shape[:1], *own.shape[1:]) if table and name.startswith(table) else own.shape
        if found.dtype != own.dtype or found.shape != shape or found.ndim != own.ndim:
            raise ValueError(f"{name} is {found.dtype} {list(found.shape)}, must be {own.dtype} {list(shape)}")
        if finite and found.dtype.kind == "f" and not np.isfinite(found).all():
            raise ValueError(f"{name} has a number that is not finite")


def check_columns(told: object, own: Mapping[str, list[str]]) -> None:
    """Compare what networks read, by role, with what they read now; roles of which nothing is told pass, as in older checkpoints.

    Raises:
        ValueError: they are not equal; the message names the columns.
    """
    by_role = told if isinstance(told, dict) else {}
    for role, now in own.items():
        if (before := by_role.get(role, now)) == now:
            continue
        names = {str(name) for name in before} if isinstance(before, list) else set()
        gone, new = ", ".join(sorted(names.difference(now))), ", ".join(sorted(set(now) - names))
        raise ValueError(f"its {role} reads other columns, with {gone or 'no others'} and without {new or 'none'}")


def within(name: str, array: Array, low: float, high: Array | float = np.inf) -> None:
    """Check that all of an array is in ``low``..``high``. Raises ValueError where it is not."""
    if not ((array >= low) & (array <= high)).all():
        raise ValueError(f"{name} has a value that is out of its bounds")
