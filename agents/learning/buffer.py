"""Where decisions are kept between being made and being learned from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from agents.networks.sets import Sets

Array = NDArray[Any]


class Table:
    """Named columns of equal length in contiguous storage that doubles when it is full."""

    def __init__(self, columns: dict[str, tuple[DTypeLike, tuple[int, ...]]]) -> None:
        """Take the dtype and the shape of one entry of each column."""
        self._storage = {name: np.empty((1024, *shape), dtype) for name, (dtype, shape) in columns.items()}
        self._size = 0

    def __len__(self) -> int:
        """Entries so far."""
        return self._size

    def __getitem__(self, name: str) -> Array:
        """A view of a column: assigning to it changes the table."""
        return self._storage[name][: self._size]

    def append(self, size: int, **values: Any) -> NDArray[np.int64]:
        """Add ``size`` entries, given by all columns, and return their indices."""
        first, self._size = self._size, self._size + size
        for name, storage in self._storage.items():
            if self._size > len(storage):
                larger = np.empty((max(2 * len(storage), self._size), *storage.shape[1:]), storage.dtype)
                larger[:first] = storage[:first]
                self._storage[name] = larger
            self._storage[name][first : self._size] = values[name]
        return np.arange(first, self._size)

    def keep(self, index: NDArray[np.int64]) -> None:
        """Forget all entries but those of ``index``, which take its order."""
        for storage in self._storage.values():
            storage[: len(index)] = storage[index]
        self._size = len(index)

    def state(self) -> dict[str, Array]:
        """A copy of every column."""
        return {name: self[name].copy() for name in self._storage}

    def load(self, state: dict[str, Array]) -> None:
        """Hold what ``state`` returned."""
        self._size = 0
        self.append(len(next(iter(state.values()))), **state)


class Samples(NamedTuple):
    """What ``MaskablePPO.train`` reads of a minibatch."""

    observations: Sets
    actions: Tensor
    old_values: Tensor
    old_log_prob: Tensor
    advantages: Tensor
    returns: Tensor
    action_masks: None = None


class Batches:
    """The decisions of a rollout that can be learned from, in random minibatches: takes the place of SB3's rollout buffer."""

    def __init__(
        self, sets: Sets, learnable: Array, actions: Array, log_prob: Array, values: Array, advantages: Array
    ) -> None:
        """Take standardised sets, the indices of the decisions to learn from, and columns of all: places or levels, what was estimated."""
        device = sets.counts.device
        self.values = values[learnable]
        self.returns = self.values + advantages[learnable]
        """In the units of the critic."""
        self._learnable = torch.from_numpy(learnable).to(device)
        self._sets = sets
        columns = (values, log_prob, advantages, values + advantages)
        self._columns = [
            torch.from_numpy(actions).to(device),
            *(torch.from_numpy(c.astype(np.float32)).to(device) for c in columns),
        ]

    def __len__(self) -> int:
        """Decisions to learn from."""
        return len(self.values)

    def get(self, batch_size: int) -> Iterator[Samples]:
        """One pass in random order, in equal minibatches of about ``batch_size``: a small last one would have a wild gradient."""
        order = torch.randperm(len(self)).to(self._learnable.device)
        for part in order.tensor_split(max(1, round(len(self) / batch_size))):
            chosen = self._learnable[part]
            actions, values, log_prob, advantages, returns = (
                column.index_select(0, chosen) for column in self._columns
            )
            yield Samples(self._sets.select(chosen), actions, values, log_prob, advantages, returns)
