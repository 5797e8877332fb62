"""The policies that a learner is given: rules, or tuned indices, that it is measured against, and that play the roles it does not learn."""

from __future__ import annotations

from pathlib import Path

from agents.learning.config import Learner
from agents.networks.architecture import PRIORITIZER
from agents.protocols import Negotiator, Prioritizer, rules_of_play
from agents.rules import conditional, index
from agents.rules import negotiator as negotiation_rule
from agents.rules import prioritizer as dispatching_rule
from envs.scenario import Scenario


def rules(learner: Learner) -> tuple[Prioritizer, Negotiator]:
    """The rules, or tuned indices, that the learner is measured against.

    Raises:
        RuleError: for a name that is neither a rule's nor that of a folder with an index.
    """
    prioritizer, negotiator = learner.episodes.prioritizer, learner.episodes.negotiator
    return (
        conditional.load(Path(prioritizer) / index.FILE)
        if Path(prioritizer, index.FILE).is_file()
        else dispatching_rule(prioritizer),
        conditional.load(Path(negotiator) / index.FILE)
        if Path(negotiator, index.FILE).is_file()
        else negotiation_rule(negotiator),
    )


def learned_by(scenario: Scenario, learner: Learner) -> Scenario:
    """Return what the learner plays in: where no prioritizer is learned, the rules of play are those of the rule in its place."""
    return scenario if PRIORITIZER in learner.roles else rules_of_play(scenario, rules(learner)[0])
