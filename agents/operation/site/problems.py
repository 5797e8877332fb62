"""What is wrong with a user's input: every problem has a code, a place, the value found there and what would be right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from pydantic_core import ErrorDetails

MOST_BYTES: Final = 32 * 2**20
"""Of a document."""
MOST_DEPTH: Final = 16
"""Of nested objects and lists."""
BYTE_ORDER_MARK: Final = "\ufeff"
"""Which some editors write before everything else, and readers of JSON may pass over (RFC 8259)."""
SHOWN: Final = 60
"""Letters of a value that a message repeats."""
MOST_PROBLEMS: Final = 100
"""That are told of one document."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or, as a warning, odd."""

    code: str
    """What kind of problem: ``unknown_agent``."""
    path: str
    """Where: ``jobs[3].tasks[1].demands.gpu``."""
    value: str
    """What stands there, cut short."""
    expected: str
    """What would be right."""
    severity: str = "error"
    """``error`` or ``warning``."""

    def __str__(self) -> str:
        return f"{self.path or 'the document'} is {self.value}, must be {self.expected} ({self.code})"

    def as_json(self) -> dict[str, str]:
        """Return the fields by name."""
        return asdict(self)


class SituationError(ValueError):
    """Input that cannot be used; the message tells the first problem, ``problems`` has all."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Take at least one problem."""
        self.problems = list(problems)
        more = len(self.problems) - 1
        super().__init__(
            f"{self.problems[0]}" + (f"; and {more} more problem{'s' if more > 1 else ''}" if more else "")
        )


def shown(value: object) -> str:
    """A value as a message repeats it."""
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def printable(text: str) -> str:
    """Spell out what a terminal would obey instead of show: names are other people's text."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def path_of(place: Iterable[str | int]) -> str:
    """Write a place as people do: ``jobs[3].tasks[1].name``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


_EXPECTED: Final = {
    "missing": "given",
    "extra_forbidden": "left out: there is no such field",
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "finite_number": "a finite number",
}
_LENGTHS: Final = re.compile(r"^\w+ should have (at (?:least|most) \d+ \w+).*")
"""Bounds of lists, texts and objects."""
_ALTERNATIVES: Final = ("constrained-float", "Quantiles")
_SERIES: Final = ("list[", "dict[")
"""What pydantic puts into places for the alternatives that it tried; they are no part of the document."""
_TYPES: Final = ("float_type", "list_type", "dict_type", "model_type")
"""What the alternatives that were not meant have to say."""


def from_pydantic(errors: Iterable[ErrorDetails]) -> list[Problem]:
    """Translate pydantic's errors. Where there are alternatives, it tells of each: what the one that was meant says is kept."""
    found: dict[str, Problem] = {}
    for error in errors:
        parts = [part for part in error["loc"] if part not in _ALTERNATIVES and not str(part).startswith(_SERIES)]
        path, code = path_of(parts), error["type"]
        expected = _EXPECTED.get(code) or _LENGTHS.sub(r"of \1", error["msg"]).removeprefix("Input should be ")
        value = "absent" if code == "missing" else shown(error["input"])
        before = found.get(path)
        if before is None or (before.code in _TYPES and code not in _TYPES):
            found[path] = Problem(code, path, value, expected)
        elif before.code in _TYPES and code in _TYPES and expected not in before.expected:
            found[path] = Problem(before.code, path, value, f"{before.expected} or {expected}")
    meant = [
        problem
        for path, problem in found.items()
        if problem.code not in _TYPES or not any(other.startswith((f"{path}.", f"{path}[")) for other in found)
    ]
    return meant[:MOST_PROBLEMS]


class _Unreadable(ValueError):
    """Carries a problem out of the JSON parser."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Unreadable(
            Problem("duplicate_key", "", f"an object with two members {shown(twice)}", "one with different members")
        )
    return members


def _constant(text: str) -> float:
    raise _Unreadable(Problem("finite_number", "", f"a document with {text}", "one with finite numbers only"))


def read_json(document: str | bytes) -> Any:
    """Parse a document of bounded size and depth, whose objects name every member once and whose numbers are finite.

    Raises:
        SituationError: where it is none.
    """
    if len(document) > MOST_BYTES:
        raise SituationError([Problem("too_large", "", f"{len(document)} bytes long", f"at most {MOST_BYTES} bytes")])
    try:
        text = document.decode("utf-8") if isinstance(document, bytes) else document
        value = json.loads(text.removeprefix(BYTE_ORDER_MARK), object_pairs_hook=_unique, parse_constant=_constant)
    except _Unreadable as error:
        raise SituationError([error.problem]) from None
    except RecursionError:
        raise SituationError([Problem("too_deep", "", "nested without end", f"at most {MOST_DEPTH} deep")]) from None
    except ValueError as error:
        start = document[:SHOWN].decode("utf-8", "replace") if isinstance(document, bytes) else document[:SHOWN]
        raise SituationError([Problem("json", "", shown(start), f"JSON: {error}")]) from None
    _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    """Refuse what is nested more deeply than MOST_DEPTH."""
    level = [value] if type(value) in (dict, list) else []
    for _ in range(MOST_DEPTH):
        if not level:
            return
        level = [
            part
            for each in level
            for part in (each.values() if type(each) is dict else each)
            if type(part) in (dict, list)
        ]
    if level:
        raise SituationError(
            [Problem("too_deep", "", f"nested more than {MOST_DEPTH} deep", f"at most {MOST_DEPTH} deep")]
        )
