"""What both families of rules share: names, errors about names, and a random number that depends on nothing but what a seat sees."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Rule = TypeVar("Rule", bound=Callable[..., Any])

GOLDEN: Final = 0x9E3779B97F4A7C15
MODULUS: Final = 2**64


class RuleError(ValueError):
    """A name that no rule has; the message lists those that there are."""


def register(table: MutableMapping[str, Any]) -> Callable[[Rule], Rule]:
    """Return a decorator that enters a function into ``table`` under its own name."""

    def enter(rule: Rule) -> Rule:
        table[rule.__name__] = rule
        return rule

    return enter


def lookup(kind: str, name: str, table: Mapping[str, Rule]) -> Rule:
    """Return the rule called ``name``.

    Raises:
        RuleError: where there is none; the message names the close matches and all that exist.
    """
    if name in table:
        return table[name]
    close = difflib.get_close_matches(name, table)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise RuleError(f"unknown {kind} rule {name!r}.{hint} Known: {', '.join(table)}")


def seen_hash(seed: int, *observations: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return [N] hashes, each of the seed and one seat's observations [N, ...] alone: whoever else is asked changes nothing.

    It is linear in what is seen, with a factor per place (Carter and Wegman 1979): zeros count for nothing, so that absent
    candidates, and therefore K, count for nothing either.
    """
    total = np.zeros(len(observations[0]), dtype=np.uint64)
    for index, observation in enumerate(observations):
        bits = np.ascontiguousarray(observation + np.float32(0.0)).view(np.uint32)  # -0.0 becomes 0.0
        words = bits.reshape(len(observation), -1).astype(np.uint64)
        start = np.uint64((seed * GOLDEN + index * MODULUS // 3) % MODULUS)
        total += words @ mix(start + np.arange(1, words.shape[1] + 1, dtype=np.uint64))
    return mix(total)


def uniform(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Turn hashes into numbers in (0, 1)."""
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the splitmix64 finaliser of each word (Steele, Lea, Flood 2014); 0 stays 0."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
