"""Shadow mode: another policy decides beside the one that is obeyed, and it is told how often the two agree and how far apart they are."""

from __future__ import annotations

from typing import NamedTuple

from agents.operation.deciding.decision import Decision
from agents.operation.site.situation import Part


class Comparison(Part):
    """What another policy would have done in the same situation."""

    policy: str
    """The other one."""
    covered: bool
    """It decided itself; otherwise its fallback did, which says nothing about it."""
    reason: str | None
    """Why it did not."""
    same: bool
    """The same tasks start at the same agents."""
    both: list[str]
    """Starts that both make, ``JOB/TASK at AGENT``,"""
    only_made: list[str]
    """those that only the decision makes,"""
    only_other: list[str]
    """and those that only the other one would make."""
    moved: int
    """Tasks that both start, at different agents."""


def compare(made: Decision, other: Decision) -> Comparison:
    """Compare a decision with what another policy decides in its place."""
    one, two = ({(start.job, start.task): start.agent for start in each.starts} for each in (made, other))
    return Comparison(
        policy=other.policy,
        covered=not other.fallback,
        reason=other.reason,
        same=one == two,
        both=_named(dict(one.items() & two.items())),
        only_made=_named(dict(one.items() - two.items())),
        only_other=_named(dict(two.items() - one.items())),
        moved=sum(one[task] != two[task] for task in one.keys() & two.keys()),
    )


def _named(starts: dict[tuple[str, str], str]) -> list[str]:
    return sorted(f"{job}/{task} at {agent}" for (job, task), agent in starts.items())


class Shadow(NamedTuple):
    """What came of many comparisons; all counts but the first are of those that are covered."""

    decisions: int = 0
    covered: int = 0
    """The other policy decided itself."""
    agreed: int = 0
    """The same tasks start at the same agents."""
    starts: int = 0
    """As they were decided,"""
    starts_other: int = 0
    """as the other policy would have them,"""
    starts_agreed: int = 0
    """and those that both have."""
    moved: int = 0
    """Tasks that both start, at different agents."""

    def plus(self, found: Comparison) -> Shadow:
        """Return the counts with one comparison more."""
        if not found.covered:
            return self._replace(decisions=self.decisions + 1)
        both = len(found.both)
        return Shadow(
            self.decisions + 1,
            self.covered + 1,
            self.agreed + found.same,
            self.starts + both + len(found.only_made),
            self.starts_other + both + len(found.only_other),
            self.starts_agreed + both,
            self.moved + found.moved,
        )

    @property
    def distance(self) -> float | None:
        """Share of all starts, of either, that only one of the two has: 0 where they agree; None where nothing starts."""
        every = self.starts + self.starts_other - self.starts_agreed
        return 1 - self.starts_agreed / every if every else None

    def as_json(self) -> dict[str, float | None]:
        """Return the counts by name, the coverage first, and the distance."""
        return {**self._asdict(), "distance": self.distance}

    def __str__(self) -> str:
        if not self.covered:
            return f"0 of {self.decisions} decisions are covered: the other policy left all of them to its fallback."
        told = (
            f"{self.covered} of {self.decisions} decisions are covered; {self.agreed} of these ({self.agreed / self.covered:.0%}) are "
            f"the same, and {self.starts_agreed} of {self.starts} starts."
        )
        if self.distance is None or self.agreed == self.covered:
            return told
        each = (self.starts + self.starts_other - 2 * self.starts_agreed) / (self.covered - self.agreed)
        return (
            f"{told} Where they differ, {each:.1f} starts do so; in all, {self.distance:.0%} of what either starts is not "
            f"what the other starts, and {self.moved} tasks go to another agent."
        )
