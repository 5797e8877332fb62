"""``python -m tests.fuzz.run 100000``: mutated situations, each read or refused, and decided about in bounded time and memory."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import Counter
from typing import Any, Final

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.deciding.validation import violations
from agents.operation.site.problems import SituationError
from agents.operation.site.situation import Situation
from tests.fuzz.mutations import give_back, mutated, seeds

POLICIES: Final = (
    "wsrpt+r,drf", "atc,equal", "fifo,urgency",
    "policies/shared_cluster", "policies/batch_queue", "policies/workflow", "policies/project", "policies/job_shop",
)  # fmt: skip
MOST_SECONDS: Final = 5.0
"""CPU time of one document: they are small."""
MOST_GROWTH: Final = 400
"""MiB by which the process may grow behind the first thousand."""


class Fuzz:
    """Tries documents, one by one; an AssertionError, or any other, says which it was."""

    def __init__(self, policies: tuple[str, ...] = POLICIES) -> None:
        """Load the policies."""
        self._engines = [DecisionEngine.load(name) for name in policies]
        self._documents = seeds()
        self.counts: Counter[str] = Counter()
        self.slowest = 0.0

    def try_one(self, number: int) -> None:
        """Read document ``number``; decide, check the decision, and do what was decided, which must be a situation again."""
        began = time.process_time()
        document = json.dumps(mutated(self._documents, number))
        problems = None
        try:
            situation = Situation.read(document)
        except SituationError as error:
            problems = error.problems
        if problems is not None:
            assert problems
            assert all(problem.code and problem.expected and "\n" not in str(problem) for problem in problems)
            self.counts["refused"] += 1
            return
        assert Situation.read(situation.write()) == situation == Situation.of(json.loads(document))
        engine = self._engines[number % len(self._engines)]
        decision = engine.decide(situation)
        self._check(situation, decision)
        self._check(give_back(situation, decision), None)
        self.counts["fallback" if decision.fallback else "decided"] += 1
        self.slowest = max(self.slowest, time.process_time() - began)
        assert self.slowest < MOST_SECONDS, f"{self.slowest:.1f} s"

    @staticmethod
    def _check(situation: Situation, decision: Any) -> None:
        """By names and sums alone, and by hand: nothing starts twice, on nobody, or before it may."""
        if decision is None:
            return
        starts = [(each.job, each.task, each.agent) for each in decision.starts]
        assert len({each[:2] for each in starts}) == len(starts)
        assert not violations(situation, starts, [])
        up = {agent.name for agent in situation.agents if agent.up}
        waiting = {
            (job.name, task.name): task for job in situation.jobs for task in job.tasks if task.state == "waiting"
        }
        for job, task, agent in starts:
            assert agent in up
            assert (waiting[job, task].earliest or 0.0) <= situation.time
        assert json.loads(decision.write())["kind"] == "decision"


def main() -> int:
    """Run from the command line; exit code 1 where a document broke something."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("count", type=int)
    options.add_argument("--first", type=int, default=0, help="number of the first document")
    given = options.parse_args()
    fuzz, broken, base = Fuzz(), 0, 0
    began = time.perf_counter()
    for k in range(given.count):
        number = given.first + k
        try:
            fuzz.try_one(number)
        except Exception as error:  # whatever it is: it is what is looked for
            broken += 1
            print(f"document {number}: {type(error).__name__}: {error}", flush=True)
        if k == 1000:
            base = _mebibytes()
        if (k + 1) % 1000 == 0:
            counts = ", ".join(f"{count:,} {name}" for name, count in sorted(fuzz.counts.items()))
            print(
                f"{k + 1:,} documents: {counts}, {broken} broken; {_mebibytes()} MiB, slowest {fuzz.slowest:.2f} s of CPU",
                flush=True,
            )
    grown = _mebibytes() - base if base else 0
    print(f"{given.count:,} documents in {time.perf_counter() - began:.0f} s, {broken} broken, grown by {grown} MiB")
    return 1 if broken or grown > MOST_GROWTH else 0


def _mebibytes() -> int:
    """The most that the process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
