"""How much is searched at decision time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

JUSTIFIED: Final = 3
"""Schedules that are made for a justified one: its own, one from the right, one from the left."""

MOST_PLANS: Final = 4096
"""That a beam keeps: each has a world of its own."""


class PlanError(ValueError):
    """A search that cannot be; the message says why."""


@dataclass(frozen=True)
class Search:
    """How much is searched. The defaults are the policy's own plan, without search."""

    samples: int = 1
    """Plans of each episode: the policy's own, and others drawn from it. Where something is uncertain: none."""
    choices: int = 1
    """Likeliest actions that a lookahead completes at every decision; 1: no lookahead."""
    starts: int = 1
    """Plans of each episode, the best ones, from which a lookahead starts."""
    beam: int = 1
    """Plans of each episode that a lookahead keeps at every decision, and whose alternatives it completes; 1: the best plan alone."""
    temperature: float = 1.0
    """By which the logarithms of probabilities are divided where plans are drawn: above 1, these differ more from each other."""
    justify: bool = False
    """Whether the samples are justified, which shortens projects; each of them then counts for three. Nothing else can be justified."""
    drawn: float = 1.0
    """There: share of the samples that the policy draws; the others are crossed from the best of these."""
    slots: int = 128
    """Completions in flight at once; results do not depend on it."""
    abreast: int = 16
    """Episodes that are searched at once."""
    seconds: float = math.inf
    """Wall time per episode, shared by those searched at once; what was found by then counts. A whole plan of each is found first."""
    futures: int = 8
    """Where something is uncertain: how many of them every alternative is completed in; 0: nothing is searched there."""
    caution: float = 1.0
    """There: standard errors by which an alternative must be better than the policy's own pick."""
    ranked: bool = False
    """There: whether alternatives are completed in the order in which the policy ranks the tasks that it is shown at the decision, instead
    of asking it at every step: much faster, and the same where that order never changes and nobody bids."""
    seed: int = 0
    """Of what is drawn; it has nothing to do with the episodes' own."""

    @property
    def foresees(self) -> bool:
        """Whether it searches where something is uncertain, too: there only a lookahead can."""
        return self.choices > 1 and self.futures > 0

    @property
    def draws(self) -> int:
        """Plans that the policy draws, its own among them."""
        return max(1, int(self.samples * self.drawn) // JUSTIFIED) if self.justify else self.samples

    @property
    def crossed(self) -> int:
        """Plans that are crossed from others."""
        return max(0, self.samples // JUSTIFIED - self.draws) if self.drawn < 1 else 0

    @property
    def name(self) -> str:
        """For tables."""
        ahead = f"beam {self.beam}, {self.choices} choices" if self.beam > 1 else f"lookahead {self.choices}"
        parts = [f"best of {self.samples}" if self.samples > 1 else "", ahead if self.choices > 1 else ""]
        parts += [f"temperature {self.temperature:g}" if self.temperature != 1 else ""]
        parts += ["justified" if self.justify else "", "crossed" if self.drawn < 1 else ""]
        parts += [
            f"from {self.starts}" if self.starts > 1 else "",
            f"in {self.seconds:g} s" if math.isfinite(self.seconds) else "",
        ]
        return ", ".join(filter(None, parts)) or "greedy"

    def __post_init__(self) -> None:
        """Raise PlanError for a number out of its bounds."""
        for name in ("temperature", "drawn", "seconds", "caution"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise PlanError(f"search.{name} is {value!r}, must be a number")
        for name in ("samples", "choices", "starts", "beam", "slots", "abreast", "futures", "seed"):
            least = 0 if name in ("futures", "seed") else 1
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise PlanError(f"search.{name} is {value!r}, must be a whole number >= {least}")
        if self.beam > MOST_PLANS:
            raise PlanError(f"search.beam is {self.beam}, must be at most {MOST_PLANS}")
        if not self.seconds > 0:
            raise PlanError(f"search.seconds is {self.seconds}, must be > 0")
        if not 0 < self.temperature < math.inf:
            raise PlanError(f"search.temperature is {self.temperature}, must be > 0 and finite")
        if not isinstance(self.justify, bool) or (self.justify and max(self.choices, self.starts) > 1):
            raise PlanError(
                f"search.justify is {self.justify!r}, must be true or false, and false where choices or starts are more than 1"
            )
        if self.beam > 1 and (self.choices == 1 or self.starts > 1):
            raise PlanError(f"search.beam is {self.beam}, must be 1 where choices are 1 or starts are more than 1")
        if not 0 < self.drawn <= 1 or (self.drawn < 1 and not self.justify):
            raise PlanError(f"search.drawn is {self.drawn}, must be > 0 and <= 1, and 1 without justify")
        if not isinstance(self.ranked, bool):
            raise PlanError(f"search.ranked is {self.ranked!r}, must be true or false")
        if self.ranked and not self.foresees:
            raise PlanError(
                "search.ranked is True, must be false where nothing is looked ahead under uncertainty: choices > 1, futures > 0"
            )
        if not self.caution >= 0:
            raise PlanError(f"search.caution is {self.caution}, must be >= 0")
