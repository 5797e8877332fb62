"""Rules: decisions made by a formula, in the same places as trained networks and from the same columns."""

from agents.rules.bidding import NEGOTIATORS, RuleNegotiator, negotiator
from agents.rules.dispatching import PRIORITIZERS, RESERVING, RulePrioritizer, prioritizer, split
from agents.rules.index import Index
from agents.rules.registry import RuleError

__all__ = [
    "NEGOTIATORS",
    "PRIORITIZERS",
    "RESERVING",
    "Index",
    "RuleError",
    "RuleNegotiator",
    "RulePrioritizer",
    "negotiator",
    "prioritizer",
    "split",
]
