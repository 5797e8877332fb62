"""The whole state of a run in one file, replaced at once. Opening one never runs code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as packed

from agents.learning.buffer import Array
from agents.learning.ppo import RolePPO

FORMAT: Final = 1
NAME: Final = "checkpoint.safetensors"


class CheckpointError(ValueError):
    """A checkpoint that cannot be continued from; the message names the file and what is wrong with it."""


def save(path: Path, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> None:
    """Write arrays and facts (JSON values). Whoever reads at any moment finds the old file or the new one, whole."""
    plain = {name: _plain(array) for name, array in arrays.items()}
    temporary = path.with_name(f"{path.name}.new")
    told = json.dumps({"format": FORMAT, **facts}, allow_nan=False)
    temporary.write_bytes(packed(plain, {"facts": told}))  # with the rights of any new file; save_file gives them to the owner alone
    temporary.replace(path)


def load(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read arrays (records as bytes: view them as their dtype) and facts.

    Raises:
        CheckpointError: where the file is missing, damaged or of another format.
    """
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, _facts(path, file)  # noqa: SIM118  # it is no mapping


def load_facts(path: Path) -> dict[str, Any]:
    """Read the facts alone, which takes no time; errors as in ``load``."""
    with _opened(path) as file:
        return _facts(path, file)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, "numpy") as file:
            yield file
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path}: damaged: {error}") from None


def _facts(path: Path, file: Any) -> dict[str, Any]:
    facts = json.loads((file.metadata() or {}).get("facts", "null"))
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise CheckpointError(f"{path}: is no checkpoint of format {FORMAT}")
    return facts


def _plain(array: Array) -> Array:
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
    optimizer = {f"{index}.{name}": tensor.cpu().numpy() for index, entry in steps.items() for name, tensor in entry.items()}
    return below("policy", policy) | below("optimizer", optimizer)


def load_model(model: RolePPO, state: Mapping[str, Array]) -> None:
    """Continue as the model that ``model_state`` was taken from."""
    model.policy.load_state_dict({name: torch.from_numpy(array) for name, array in part("policy", state).items()})
    optimizer = model.policy.optimizer.state_dict()
    optimizer["state"] = {}
    for name, array in part("optimizer", state).items():
        index, entry = name.split(".")
        optimizer["state"].setdefault(int(index), {})[entry] = torch.from_numpy(array)
    model.policy.optimizer.load_state_dict(optimizer)


def random_state() -> dict[str, Array]:
    """The state of torch's generators, the only ones that a learner draws from twice."""
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state().numpy()} | {f"cuda{k}": state.numpy() for k, state in enumerate(devices)}


def load_random(state: Mapping[str, Array]) -> None:
    """Continue the generators."""
    torch.set_rng_state(torch.from_numpy(state["cpu"]))
    for k in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        if f"cuda{k}" in state:
            torch.cuda.set_rng_state(torch.from_numpy(state[f"cuda{k}"]), k)
