"""Short ways through reading and analysis, which most situations take, lead to where the long ways lead."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest
from pydantic import ValidationError

from agents.operation.deciding import analysis
from agents.operation.site import checks
from agents.operation.site.conversion import to_site
from agents.operation.site.situation import Situation, count_names
from tests.fuzz.mutations import mutated, seeds

DOCUMENTS = 400


def situations() -> Iterator[Situation]:
    """Mutated ones whose fields are right one by one; whether they make sense is another question."""
    documents = seeds()
    for number in range(DOCUMENTS):
        try:
            yield Situation.model_validate(mutated(documents, number))
        except ValidationError:
            continue


def test_what_looks_plain_has_no_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks and jobs that are passed over would have been found right."""
    found = [(each, checks.problems_of(each)) for each in situations()]
    assert sum(not problems for _, problems in found) > DOCUMENTS / 10
    assert sum(bool(problems) for _, problems in found) > DOCUMENTS / 10
    monkeypatch.setattr(checks, "_is_plain", lambda *_: False)
    monkeypatch.setattr(checks, "_is_plain_job", lambda *_: False)
    for each, problems in found:
        assert checks.problems_of(each) == problems


def test_jobs_at_ease_are_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """No job whose tasks fit before its due date one after the other would have been told to be late."""
    random = np.random.default_rng(1)
    sites = []
    for _ in range(30):
        built = Situation.new(100.0).agent("ann").agent("ben", speeds={"task": 2.0})
        for job in range(10):
            built.job(f"job-{job}", due=float(random.integers(90, 500)))
            for task in range(int(random.integers(1, 5))):
                p50 = float(random.integers(20, 100))
                uncertain = {"p10": p50 / random.uniform(1, 4), "p50": p50, "p90": p50 * random.uniform(1, 4)}
                before = [f"task-{task - 1}"] if task and random.random() < 0.5 else []
                duration = uncertain if random.random() < 0.5 else p50
                built.task(f"task-{task}", duration, predecessors=before, progress=float(random.choice([0.0, 0.5])))
        each = built.build()
        sites.append((each, to_site(each)))
    risks = [analysis.analyse(*site).risks for site in sites]
    told = sum(risk.kind == "late" for each in risks for risk in each)
    assert 10 < told < 290
    monkeypatch.setattr(analysis, "EASE", math.inf)
    assert [analysis.analyse(*site).risks for site in sites] == risks


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" , ", " : "), ("\n,", "\t:\n")])
def test_names_of_members_are_counted(separators: tuple[str, str]) -> None:
    """Colons in texts, and spaces before those of names, do not change the count."""
    value = {"a": "x:y", "b": [{"c": "1:"}, {"d": {}}], "e": "f :"}
    document = json.dumps(value, separators=separators)
    assert count_names(document) == count_names(document.encode()) == 5
