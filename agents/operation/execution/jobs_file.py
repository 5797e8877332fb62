"""Files of commands to run: situations, of which what everybody would say alike may be left out."""

from __future__ import annotations

import os
from typing import Any, Final

from agents.operation.site.problems import read_json
from agents.operation.site.situation import Situation

GUESS: Final = 10.0
"""Seconds that a task is taken to last of which nobody says anything; what tasks of its kind really take is learned while they run."""


def read_jobs(document: str | bytes) -> Situation:
    """Read a JSON document: a situation in which ``time`` is 0, ``agents`` are one worker per core, and durations are GUESS by default.

    Raises:
        SituationError: with every problem that was found.
    """
    value = read_json(document)
    return Situation.of(filled(value) if isinstance(value, dict) else value)


def filled(value: dict[str, Any]) -> dict[str, Any]:
    """Return what a document means that leaves things out."""
    jobs = value.get("jobs")
    return {
        "time": 0.0,
        "agents": [{"name": f"worker-{k + 1}"} for k in range(cores())],
        **value,
        **({"jobs": [_job(job) for job in jobs]} if isinstance(jobs, list) else {}),
    }


def _job(job: Any) -> Any:
    tasks = job.get("tasks") if isinstance(job, dict) else None
    return {**job, "tasks": [_task(task) for task in tasks]} if isinstance(tasks, list) else job


def _task(task: Any) -> Any:
    told = not isinstance(task, dict) or "duration" in task or isinstance(task.get("eligible"), dict)
    return task if told else {**task, "duration": GUESS}


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def example_jobs() -> Situation:
    """Return commands to start from: data in four parts that are prepared, joined and looked at, beside something that fails once."""
    built = Situation.new().resource("memory", 4).agent("one", at_once=2).agent("two", speeds={"count": 1.5})
    built.job("survey", due=20.0, weight=2.0)
    for part in range(4):
        file = f'"$PARLEY_FOLDER"/part-{part}.txt'
        built.task(f"draw-{part}", 0.5, kind="draw", command=f"seq {part} 4 4000 > {file} && sleep 0.2")
        count = f"wc -l < {file}"
        built.task(
            f"count-{part}", 0.2, kind="count", demands={"memory": 2}, predecessors=[f"draw-{part}"], command=count
        )
    counted = [f"count-{part}" for part in range(4)]
    built.task("join", 0.2, predecessors=counted, command='sort -n "$PARLEY_FOLDER"/part-?.txt | uniq | wc -l')
    built.job("upload", weight=4.0)
    built.task("send", 0.2, retries=2, timeout=10.0, command='echo "try $PARLEY_TRY"; test "$PARLEY_TRY" -ge 2')
    built.task("report", 0.2, predecessors=["send"], command=["echo", "sent"])
    return built.build()
