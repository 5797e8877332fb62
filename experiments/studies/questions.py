"""Which variants answer which question: found out from what they change, so that a new variant finds its table by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from experiments.studies.field import Meeting
from experiments.studies.variants import Variant

LEVELS: Final = ("scenario.negotiation.levels", "learner.update.bid_sigma", "learner.update.bid_sigma_end")
"""The spread of the bid head is in levels, and may go with them."""
ROLES: Final = ("learner.roles", "learner.episodes.prioritizer", "learner.episodes.negotiator")
"""A role that is not trained is played by what ``learner.episodes`` names."""
COOPERATION: Final = "scenario.cooperation"
CREDITS: Final = "scenario.negotiation.credits"
RESERVATIONS: Final = "scenario.reservations"


@dataclass(frozen=True)
class Questions:
    """The variants, of which the first is what the others are compared with."""

    chosen: list[Variant]
    rules: Meeting
    """The strongest pair of rules, by the rules of play of the first."""
    several: bool
    """Whether there are several runs of each, so that they can meet."""

    @property
    def base(self) -> Variant:
        """The first."""
        return self.chosen[0]

    @staticmethod
    def home(variant: Variant) -> Meeting:
        """A variant's own policies by its own rules of play; a role that it does not train is played by the rule."""
        return Meeting(variant.name, variant.name, variant.name)

    def about(self, *keys: str) -> list[Variant]:
        """The base, and the variants that differ from it in these keys, or what is below them, and in nothing else."""
        return [variant for variant in self.chosen if variant.differs_only(self.base, *keys)]

    def about_rewards(self) -> list[Variant]:
        """Those that differ in what agents are rewarded for, or whether winners pay."""
        return self.about(COOPERATION, CREDITS)

    def about_levels(self) -> list[Variant]:
        """Those that differ in how many levels bids have."""
        return self.about(*LEVELS)

    def about_roles(self) -> list[Variant]:
        """Those that differ in which roles they train, and in who plays the other."""
        return self.about(*ROLES)

    def training(self, role: str) -> list[Variant]:
        """Those of them that train this one."""
        return [variant for variant in self.about_roles() if role in variant.roles]

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
        return ("backfilled" if reservations.backfill else "strict") + (", until the start" if reservations.hold == "start" else "")

    @staticmethod
    def credit(variant: Variant) -> str:
        """What bids cost, in a few words; nothing where they are free."""
        credits = variant.scenario.negotiation.credits
        return f"winners pay out of {credits:g} credits" if credits else ""
