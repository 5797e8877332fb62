"""The rules of play that a policy was trained under, as JSON beside it: how it waits, what it minimises, how much it sees."""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from envs.scenario import Knowledge, Limits, Negotiation, Objective, Reservations, Scenario, ScenarioError, Uncertainty
from envs.workloads.instance import Instance

FILE: Final = "rules.json"
"""In the folder of a policy."""
FORMAT: Final = 1
MAX_BYTES: Final = 2**16
PARTS: Final[dict[str, type]] = {
    "objective": Objective,
    "uncertainty": Uncertainty,
    "knowledge": Knowledge,
    "reservations": Reservations,
    "negotiation": Negotiation,
    "limits": Limits,
}
PLAIN: Final[dict[str, type]] = {"candidates": int, "allow_pass": bool, "cooperation": float}


class PlayRulesError(ValueError):
    """Rules of play that cannot be used; the message names the file, the field and what would be right."""


@dataclass(frozen=True)
class Elsewhere:
    """A workload that has no instances of its own: the situations come from outside."""

    def instance(self, seed: int) -> Instance:
        """Refuse."""
        raise PlayRulesError("these rules of play have no workload: situations come from outside")


@dataclass(frozen=True)
class PlayRules:
    """What a policy takes for granted."""

    scenario: Scenario
    """Without a workload."""
    prioritizer: str
    """The rule, or policy, that decided in training where this role was not trained."""
    negotiator: str

    def as_json(self) -> dict[str, Any]:
        """Return what ``read`` reads."""
        parts = {name: _plain(asdict(getattr(self.scenario, name))) for name in PARTS}
        own = {name: getattr(self.scenario, name) for name in PLAIN}
        return {"format": FORMAT, **parts, **own, "prioritizer": self.prioritizer, "negotiator": self.negotiator}

    def text(self) -> str:
        """Return the file."""
        return json.dumps(self.as_json(), indent=1, allow_nan=False) + "\n"


DEFAULT: Final = PlayRules(
    Scenario(Elsewhere(), objective=Objective(flow=1.0), uncertainty=Uncertainty(duration_sigma=0.4), candidates=32),
    "wsrpt",
    "urgency",
)
"""For rules of dispatching, which were not trained: weighted flow time, and everything of a situation is seen up to 32 candidates."""


def rules_of(scenario: Scenario, prioritizer: str, negotiator: str) -> PlayRules:
    """Return the rules of play of a scenario, without its workload."""
    parts = {name: getattr(scenario, name) for name in (*PARTS, *PLAIN)}
    return PlayRules(Scenario(Elsewhere(), **parts), prioritizer, negotiator)


def read(folder: Path) -> PlayRules:
    """Read the rules of play from the folder of a policy; in that of a training run they lie one folder up.

    Raises:
        PlayRulesError: where there are none, or they are damaged.
    """
    path = folder.parent / FILE if folder.name == "policy" and not (folder / FILE).is_file() else folder / FILE
    if not path.is_file():
        raise PlayRulesError(
            f"{path}: no such file; a policy that decides about situations needs the rules that it was trained under"
        )
    if path.stat().st_size > MAX_BYTES:
        raise PlayRulesError(f"{path}: {path.stat().st_size} bytes, must be at most {MAX_BYTES}")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise PlayRulesError(f"{path}: not JSON: {error}") from None
    known = {"format", *PARTS, *PLAIN, "prioritizer", "negotiator"}
    if isinstance(value, dict) and value.get("format", FORMAT) != FORMAT:
        raise PlayRulesError(
            f"{path}: format is {value['format']!r:.40}, must be {FORMAT}: another version of Parley wrote it"
        )
    if not isinstance(value, dict) or set(value) != known:
        raise PlayRulesError(
            f"{path}: must be an object with format {FORMAT} and {', '.join(sorted(known - {'format'}))}"
        )
    try:
        parts = {name: _part(name, kind, value[name]) for name, kind in PARTS.items()}
        own = {name: _checked(name, kind, value[name]) for name, kind in PLAIN.items()}
        scenario = Scenario(Elsewhere(), **parts, **own)
        return PlayRules(scenario, *(_checked(name, str, value[name]) for name in ("prioritizer", "negotiator")))
    except (PlayRulesError, ScenarioError) as error:
        raise PlayRulesError(f"{path}: {error}") from None


def _plain(part: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity: null stands for it."""
    return {name: None if isinstance(value, float) and math.isinf(value) else value for name, value in part.items()}


def _part(name: str, kind: type, value: Any) -> Any:
    if not isinstance(value, dict):
        raise PlayRulesError(f"{name} is {value!r}, must be an object")
    defaults = {field.name: field.default for field in fields(kind) if field.default is not MISSING}
    if unknown := set(value) - set(defaults):
        raise PlayRulesError(f"{name}.{sorted(unknown)[0]} is unknown, must be one of {', '.join(defaults)}")
    return kind(
        **{
            key: math.inf if each is None else _checked(f"{name}.{key}", type(defaults[key]), each)
            for key, each in value.items()
        }
    )


def _checked(name: str, kind: type, value: Any) -> Any:
    fits = isinstance(value, int | float) and not isinstance(value, bool) if kind is float else type(value) is kind
    if not fits:
        raise PlayRulesError(f"{name} is {value!r}, must be {'a number' if kind is float else kind.__name__}")
    return value
