"""Priorities: how the policy ranks what each agent could do next, and which columns moved each candidate, measured by occlusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.operation.deciding.instant import Asked, Outcome, play_instant
from agents.operation.deciding.reasons import find_task
from agents.operation.site.conversion import Site
from agents.operation.site.play_rules import DEFAULT, PlayRules
from agents.operation.site.situation import Part, Situation
from agents.protocols import Negotiator, Prioritizer, Ranker, Scorer
from agents.rules import RuleNegotiator
from envs.columns import CANDIDATE_NAMES, RAW_CANDIDATE

MOVERS: Final = 5
"""Columns that are told per candidate, the strongest first."""
TOLD: Final = 3
"""Candidates that are told per agent where nobody asks for explanations: these, and what was picked."""
SMALLEST: Final = 1e-6
"""Smaller effects are rounding."""


class Priority(Part):
    """What the policy thinks of one candidate of one agent."""

    job: str
    task: str
    agent: str
    rank: int
    """Among the agent's candidates, 1 is the highest."""
    score: float | None
    """In the policy's own units; of a trained one, the logarithm of its probability. Null: the policy does not say."""
    picked: bool
    moved_by: dict[str, float]
    """By how much the score differs from what it were if the column had the mean value of the agent's candidates; only where asked for."""


class PriorityManager:
    """Says what a policy ranks by."""

    def __init__(self, prioritizer: Prioritizer) -> None:
        """Take the policy."""
        self.prioritizer = prioritizer

    def determine_priorities(
        self,
        tasks: Sequence[str],
        context: Situation,
        *,
        rules: PlayRules = DEFAULT,
        negotiator: Negotiator | None = None,
    ) -> list[Priority]:
        """Return the priorities of tasks, ``JOB/TASK`` or ``TASK``, with what moved them; none are those of all.

        Raises:
            SituationError: a task does not exist.
        """
        from agents.operation.site.conversion import to_site

        site = to_site(context, rules.scenario.negotiation.credits)
        wanted = {find_task(site, name) for name in tasks}
        outcome = play_instant(site, rules.scenario, self.prioritizer, negotiator or RuleNegotiator("urgency"))
        ranked = self.rank(site, outcome, explain=True)
        return [each for each in ranked if not wanted or site.numbers[each.job, each.task] in wanted]

    def rank(self, site: Site, outcome: Outcome, *, explain: bool = False) -> list[Priority]:
        """Return the priorities that agents had when they were first asked in an instant, agent by agent, the highest first."""
        ranked: list[Priority] = []
        asked_before: set[int] = set()
        for asked in outcome.asked:
            new = [n for n, a in enumerate(asked.agents.tolist()) if a not in asked_before]
            asked_before.update(asked.agents.tolist())
            moved = self._movers(asked, new) if explain else {}
            ranked += _ranked(site, asked, new, moved, asked.mask.shape[1] if explain else TOLD)
        return ranked

    def _movers(self, asked: Asked, seats: Sequence[int]) -> dict[tuple[int, int], dict[str, float]]:
        """By seat and candidate, the columns whose occlusion changes its score most."""
        if asked.scores is None:
            return {}
        found = {}
        for n in seats:
            legal = np.flatnonzero(asked.mask[n, :-1])
            if not len(legal):
                continue
            seen = asked.candidates[n]
            mean = seen[legal].mean(axis=0)
            columns = [c for c in range(seen.shape[1]) if c not in RAW_CANDIDATE and np.ptp(seen[legal, c]) > 0]
            occluded = np.repeat(seen[None], len(columns), axis=0)
            for row, c in enumerate(columns):
                occluded[row, legal, c] = mean[c]
            if not columns:
                continue
            scores = self._score(occluded, asked, n)
            own = self._score(seen[None], asked, n)[0]
            for k in legal.tolist():
                effects = own[k] - scores[:, k]
                order = np.argsort(-np.abs(effects))[:MOVERS]
                found[n, k] = {
                    CANDIDATE_NAMES[columns[row]]: float(effects[row]) for row in order if abs(effects[row]) > SMALLEST
                }
        return found

    def _score(self, candidates: NDArray[np.float32], asked: Asked, n: int) -> NDArray[np.float64]:
        count = len(candidates)
        context, mask = np.repeat(asked.context[[n]], count, axis=0), np.repeat(asked.mask[[n]], count, axis=0)
        if isinstance(self.prioritizer, Ranker):
            return self.prioritizer.values(candidates, context)
        assert isinstance(self.prioritizer, Scorer)  # whoever gave scores is one or the other
        return self.prioritizer.scores(candidates, context, mask).astype(np.float64)


def _ranked(
    site: Site, asked: Asked, seats: Sequence[int], moved: dict[tuple[int, int], dict[str, float]], most: int
) -> list[Priority]:
    legal = asked.mask[seats, :-1]
    counts = legal.sum(axis=1).tolist()
    scores = asked.scores[seats, : legal.shape[1]] if asked.scores is not None else np.zeros(legal.shape)
    orders = np.argsort(
        np.where(legal, -scores, np.inf), axis=1, kind="stable"
    )  # legal ones come first: so in the mask
    ranked = []
    for n, own, order, count in zip(seats, scores, orders.tolist(), counts, strict=True):
        agent, picked = site.situation.agents[int(asked.agents[n])].name, int(asked.picks[n])
        for rank, k in enumerate(order[:count]):
            if rank >= most and k != picked:
                continue
            job, task = site.tasks[int(asked.tasks[n, k])]
            ranked.append(
                Priority(
                    job=job.name,
                    task=task.name,
                    agent=agent,
                    rank=rank + 1,
                    score=float(own[k]) if asked.scores is not None else None,
                    picked=k == picked,
                    moved_by=moved.get((n, k), {}),
                )
            )
    return ranked
