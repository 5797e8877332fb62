"""Who answers which question: the tables of the config, and the words for what variants differ in."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields

from experiments.plumbing import settings
from experiments.plumbing.cli import UsageError
from experiments.studies.field import Meeting
from experiments.studies.variants import Variant


@dataclass(frozen=True)
class Questions:
    """The variants, of which the first is what the others are compared with."""

    chosen: list[Variant]
    rules: Meeting
    """The strongest pair of rules, by the rules of play of the first."""
    several: bool
    """Whether there are several runs of each, so that they can meet."""
    tables: settings.Questions
    """Who answers what, by name; only those that were chosen are there."""

    @property
    def base(self) -> Variant:
        """The first."""
        return self.chosen[0]

    @staticmethod
    def home(variant: Variant) -> Meeting:
        """A variant's own policies by its own rules of play; a role that it does not train is played by the rule."""
        return Meeting(variant.name, variant.name, variant.name)

    def about(self, table: Collection[str]) -> list[Variant]:
        """The chosen variants of a table, the base first; the base alone where it is not in the table."""
        return [variant for variant in self.chosen if variant.name in table] if self.base.name in table else [self.base]

    def roles(self) -> list[Variant]:
        """Those that differ in which roles they train, and in who plays the other."""
        return self.about(self.tables.roles)

    def training(self, role: str) -> list[Variant]:
        """Those of them that train this one."""
        return [variant for variant in self.roles() if role in variant.roles]

    def free_rewards(self) -> list[Variant]:
        """Those that differ in what agents are rewarded for, where bids are free."""
        return self.about(self.tables.rewards)

    def rewards(self) -> list[Variant]:
        """Those, and the same where winners pay."""
        return self.about([*self.tables.rewards, *self.tables.paid])

    def paying(self, free: Variant) -> list[Variant]:
        """Those that differ from ``free`` in that winners pay."""
        return [variant for variant in self.chosen if self.tables.paid.get(variant.name) == free.name]

    def levels(self) -> list[Variant]:
        """Those that differ in how many levels bids have."""
        return self.about(self.tables.levels)

    def reservations(self) -> list[Variant]:
        """Those that differ in how units may be kept."""
        return self.about(self.tables.reservations)

    @staticmethod
    def called(variant: Variant) -> str:
        """How it learned, in a word."""
        return "learned together" if len(variant.roles) > 1 else "learned alone"

    @staticmethod
    def reserving(variant: Variant) -> str:
        """How units are kept, in a word."""
        reservations = variant.scenario.reservations
        if not reservations.allowed:
            return "no reservations"
        return ("backfilled" if reservations.backfill else "strict") + (
            ", until the start" if reservations.hold == "start" else ""
        )

    @staticmethod
    def credit(variant: Variant) -> str:
        """What bids cost, in a few words; nothing where they are free."""
        credits = variant.scenario.negotiation.credits
        return f"winners pay out of {credits:g} credits" if credits else ""


def check_tables(tables: settings.Questions, known: Collection[str]) -> None:
    """Raise UsageError where a table names what is no variant."""
    for table in fields(tables):
        named = getattr(tables, table.name)
        for name in [*named, *(named.values() if isinstance(named, dict) else ())]:
            if name not in known:
                raise UsageError(f"questions.{table.name} has {name!r}, must be among variants: {', '.join(known)}")
