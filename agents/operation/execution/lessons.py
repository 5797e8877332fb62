"""What runs teach later ones: each begins with what is believed of its agents, and what it saw is integrated when it has ended."""

from __future__ import annotations

import time
from pathlib import Path

from agents.operation.execution.journal import Journal
from agents.operation.knowledge.experience import Executed, Experience, ExperienceCollector
from agents.operation.knowledge.knowledge import Integrated, KnowledgeIntegrator
from agents.operation.site.situation import Situation
from envs.scenario import Knowledge


class Lessons:
    """The knowledge of all runs that name the same file. Runs have clocks of their own; what is known ages by that of the world."""

    def __init__(self, path: Path, prior: Knowledge) -> None:
        """Go on from a file, or begin one; raises KnowledgeError where it holds something else."""
        self._integrator = KnowledgeIntegrator(path, prior=prior)

    def told(self, situation: Situation) -> Situation:
        """Return a situation with what is believed of its agents at its kinds of tasks; what it says itself of a pair goes first."""
        said = {(seen.agent, seen.kind) for seen in situation.history}
        agents = {agent.name for agent in situation.agents}
        kinds = {task.kind for job in situation.jobs for task in job.tasks}
        known = [
            seen
            for seen in self._integrator.base.history(time.time())
            if seen.agent in agents and seen.kind in kinds and (seen.agent, seen.kind) not in said
        ]
        return situation.model_copy(update={"history": [*situation.history, *known]}).checked()

    def learn(self, journal: Journal) -> Integrated:
        """Take in a run that has ended, from its journal, and save."""
        run = Executed.really(journal.situation, journal.messages(), journal.fact("policy"))
        return self._integrator.integrate(
            _moved(ExperienceCollector().collect(run), journal.begun() - run.situation.time)
        )


def _moved(experience: Experience, by: float) -> Experience:
    """The same so many seconds later: in the time of the world instead of that of a run."""
    attempts = [
        each.model_copy(update={"began": each.began + by, "ended": each.ended + by}) for each in experience.attempts
    ]
    jobs = [
        each.model_copy(
            update={
                "release": each.release + by,
                "due": None if each.due is None else each.due + by,
                "ended": None if each.ended is None else each.ended + by,
            }
        )
        for each in experience.jobs
    ]
    moved = {"began": experience.began + by, "ended": experience.ended + by, "attempts": attempts, "jobs": jobs}
    return experience.model_copy(update=moved)
