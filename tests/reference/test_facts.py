"""The twin's draws and static facts have the answers that were published or derived by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference.draws import What, draw, mix, uniform
from tests.reference.graph import facts_of
from tests.reference.scenarios import JobSpec, TaskSpec, build


def test_draws_known_answers() -> None:
    """Protects the generator: the finaliser gives the published splitmix64 sequence from state 0, and draws depend on every argument."""
    golden = 0x9E3779B97F4A7C15
    assert [mix(golden), mix(2 * golden % 2**64)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]
    different = {
        draw(s, w, i, k) for s in (0, 2**64 - 1) for w in (What.FAILS, What.REPAIR) for i in (0, 1) for k in (0, 1)
    }
    assert len(different) == 16
    assert np.mean([uniform(7, What.FAILS, i, 0) for i in range(2000)]) == pytest.approx(0.5, abs=0.02)


def test_static_facts_of_a_diamond() -> None:
    """Protects tails, heads, routes and lengths: 0 -> 1, 2 -> 3 with nominal 1, 5 (2 at agent 1), 2, 4; task 3 really takes half."""
    tasks = [
        TaskSpec({0: 1.0}, [1]),
        TaskSpec({0: 5.0, 1: 2.0}, [1], after=(0,)),
        TaskSpec({0: 2.0, 1: 2.0}, [1], after=(0,)),
        TaskSpec({1: 4.0}, [1], after=(1, 2), ratio=0.5),
    ]
    facts = facts_of(build([JobSpec(tasks, release=3.0, due=1.0)], [False], [0], [[1], [1]], [[1.0], [1.0]]))
    assert [task.tail for task in facts.tasks] == [7.0, 6.0, 6.0, 4.0]
    assert [task.head for task in facts.tasks] == [1.0, 3.0, 3.0, 7.0]
    assert [task.primary for task in facts.tasks] == [0, 1, 0, 1]
    assert [task.num_successors for task in facts.tasks] == [3, 1, 1, 0]
    assert [task.next_work for task in facts.tasks] == [4.0, 4.0, 4.0, 0.0]
    assert [task.next_agents for task in facts.tasks] == [[1, 1], [1], [1], []]
    job = facts.jobs[0]
    assert (job.cp, job.total, job.length) == (7.0, 9.0, 5.0)
    assert (job.tardy_at, job.slow_at) == (3.0, 13.0)
