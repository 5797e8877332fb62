"""Numbers in the sentences of README.md, each between markers that no reader sees, from results alone: ``python -m scripts.headline``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from agents.evaluation.statistics import relative_difference
from agents.policies import SHIPPED_FOLDER
from experiments.reports.headline import BEGIN, END

VALUE: Final = re.compile(r"<!-- (?P<name>[a-z ]+): -->(?P<told>[^<]*)<!-- / -->")
"""A number that is made, with its name."""
MADE: Final = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}|{VALUE.pattern}", re.DOTALL)
"""Everything that is made."""
UNCLAIMED: Final = re.compile(r"^```.*?^```$|`[^`\n]*`|\]\([^)\s]*\)", re.DOTALL | re.MULTILINE)
"""Code, and where links lead: numbers there claim nothing."""
CONSTANTS: Final = ("95 %", "3.11", "6x6", "load 1.5", "16 agents", "SB3", "sb3")
"""What stands on the page as a number and was not measured: levels, versions, settings of what was played, names."""
WORDS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def _evolution(results: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results / "studies" / "evolution.json").read_text(encoding="utf-8"))
    return found


def _gap(results: Path) -> str:
    """By how much evolution is below the index that it starts from."""
    found = _evolution(results)
    costs = (np.array(side["objective"]) for side in (found["variants"]["default"], found["rules"]))
    value, low, high = (-100.0 * part for part in relative_difference(*costs, cluster=found["clusters"]))
    return f"{value:.1f} % [{high:.1f}, {low:.1f}]"


def _seeds(results: Path) -> str:
    return word(len(_evolution(results)["variants"]["default"]["objective"]))


def _minutes(results: Path) -> str:
    """Of learning, in each run."""
    return word(round(float(np.mean(_evolution(results)["variants"]["default"]["seconds"])) / 60.0))


def _weights(results: Path) -> str:
    """Of the index that evolution starts from; the first of them is 1."""
    index = json.loads((SHIPPED_FOLDER / "shared_cluster_index" / "index.json").read_text(encoding="utf-8"))
    return word(len(index["weights"]) - 1)


VALUES: Final[Mapping[str, Callable[[Path], str]]] = {
    "gap of evolution": _gap,
    "minutes of evolution": _minutes,
    "seeds of evolution": _seeds,
    "weights of the index": _weights,
}
"""Each number by its name, from the folder of results."""


def word(count: int) -> str:
    """A small number as a word."""
    return WORDS[count] if 0 <= count < len(WORDS) else str(count)


def put(page: str, results: Path) -> str:
    """Return the text of a page with every marked number as results have it.

    Raises:
        ValueError: a number is marked by a name that there is not.
    """

    def value(found: re.Match[str]) -> str:
        if found["name"] not in VALUES:
            raise ValueError(f"the page has a number called {found['name']!r}, must be one of {', '.join(VALUES)}")
        return f"<!-- {found['name']}: -->{VALUES[found['name']](results)}<!-- / -->"

    return VALUE.sub(value, page)


def claimed(page: str) -> list[str]:
    """Return every number of a page that is neither made nor a constant, with the words around it."""
    rest = UNCLAIMED.sub(" ", MADE.sub(" ", page))
    for constant in CONSTANTS:
        rest = re.sub(rf"(?<![\w.]){re.escape(constant)}(?![\w%]|\.\d)", " ", rest)
    return [
        " ".join(rest[max(0, found.start() - 30) : found.end() + 20].split())
        for found in re.finditer(r"\d[\d.,]*", rest)
    ]
