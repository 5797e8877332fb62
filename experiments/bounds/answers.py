"""What is known of instances: a schedule, what it costs, what no schedule can beat. Kept in JSON, checked when read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from envs import strict_json
from envs.files import write_text
from envs.scenario import Objective, Scenario, ScenarioError
from envs.schedule import Schedule, event_log
from envs.validate import validate
from envs.workloads.instance import Instance
from experiments.plumbing.building import ConfigError, check
from experiments.plumbing.cli import UsageError
from experiments.reports.tables import number, table

SAME: Final = 1e-9
"""Relative: costs that differ by less are equal."""


class _Given:
    """A workload that has one instance."""

    def __init__(self, i: Instance) -> None:
        self._instance = i

    def instance(self, seed: int) -> Instance:
        """Return it."""
        return self._instance


@dataclass(frozen=True)
class Answer:
    """What is known of one instance."""

    name: str
    digest: str
    """Of its arrays; see :func:`digest_of`."""
    bound: float
    """No schedule costs less."""
    cost: float | None
    """Of the schedule; None: there is none."""
    seconds: float
    """Wall time of finding out."""
    agents: list[int]
    """[T] of the schedule; empty where there is none."""
    starts: list[float]
    """[T] seconds."""

    @property
    def status(self) -> str:
        """'optimal': the schedule costs what no schedule can beat; 'feasible': it may cost more; 'bound': there is no schedule."""
        return "bound" if self.cost is None else "optimal" if self.proven else "feasible"

    @property
    def proven(self) -> bool:
        """Whether the schedule is as good as any."""
        return self.cost is not None and self.cost <= self.bound * (1 + SAME)

    @property
    def gap(self) -> str:
        """By how much the schedule exceeds the bound."""
        return "" if self.cost is None or self.bound <= 0 else f"{100 * (self.cost / self.bound - 1):.2f} %"


@dataclass(frozen=True)
class Answers:
    """Of one objective."""

    objective: Objective
    of: dict[str, Answer]
    """By digest."""

    def write(self, path: Path, how: dict[str, Any]) -> None:
        """Write a file; ``how`` says how the answers came about."""
        listed = [asdict(answer) | {"status": answer.status} for answer in self.of.values()]
        write_text(
            path, json.dumps({**how, "objective": asdict(self.objective), "instances": listed}, allow_nan=False) + "\n"
        )

    @classmethod
    def read(cls, path: Path) -> Answers:
        """Read a file.

        Raises:
            UsageError: where it is absent or damaged.
        """
        try:
            content = strict_json.loads(path.read_text(encoding="utf-8"))
            listed = content["instances"]
            names = {field.name for field in fields(Answer)}
            answers = [
                check({k: v for k, v in one.items() if k in names}, Answer, f"instances[{n}]")
                for n, one in enumerate(listed)
            ]
            objective: Objective = check(content["objective"], Objective, "objective")
        except (OSError, ConfigError, ScenarioError) as error:
            raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsageError(f"{path}: is no file of parley bound: {error!r}") from None
        return cls(objective, {answer.digest: answer for answer in answers})

    @classmethod
    def before(cls, name: str | None, objective: Objective) -> Answers:
        """Read the file that a user names, which must be about an objective; without a name nothing is known.

        Raises:
            UsageError: where the file is absent, damaged or about something else.
        """
        if name is None:
            return cls(objective, {})
        answers = cls.read(Path(name))
        if answers.objective != objective:
            raise UsageError(f"bounds: {name} is about {answers.objective}, must be about {objective}")
        return answers

    def table(self) -> str:
        """Lay them out for the screen."""
        rows = []
        for each in self.of.values():
            known = [number(each.bound), "" if each.cost is None else number(each.cost)]
            rows.append([each.name, each.status, *known, each.gap, number(each.seconds, 3)])
        return table(["", "status", "bound", "cost", "gap", "seconds"], rows)

    def look_up(self, i: Instance) -> Answer | None:
        """Return what is known of an instance; its schedule is checked once more.

        Raises:
            UsageError: where the file says what cannot be.
        """
        answer = self.of.get(digest_of(i))
        if answer is not None and answer.cost is not None:
            try:
                cost = cost_of(self.objective, i, Schedule(np.array(answer.agents, np.int32), np.array(answer.starts)))
            except ValueError as error:
                raise UsageError(f"bounds: the schedule of {answer.name} is none: {error}") from None
            if abs(cost - answer.cost) > SAME * cost:
                raise UsageError(f"bounds: the schedule of {answer.name} costs {cost!r}, not {answer.cost!r}")
        return answer


def digest_of(i: Instance) -> str:
    """Return a name of what an instance is, whatever it is called."""
    found = hashlib.sha256()
    for field in fields(i):
        value = getattr(i, field.name)
        if isinstance(value, np.ndarray):
            found.update(f"{field.name} {value.dtype.str} {value.shape};".encode() + value.tobytes())
    return found.hexdigest()[:32]


def cost_of(objective: Objective, i: Instance, made: Schedule) -> float:
    """Return what a schedule costs, in the words of the independent checker.

    Raises:
        ValueError: where it does not fit the instance, or breaks a rule.
    """
    if not made.agent.shape == made.start.shape == (i.num_tasks,):
        raise ValueError(f"{i.name}: a schedule has an agent and a start for each of {i.num_tasks} tasks")
    report = validate(Scenario(_Given(i), objective), i, 0, event_log(i, made))
    report.raise_if_bad()
    return report.costs["team"]
