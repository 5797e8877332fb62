"""The lines of a batch log in the Standard Workload Format: numbers that are checked one by one, and what the header says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Final

from envs.workloads.instance import WorkloadError
from envs.workloads.source import MAX_SECONDS, field_error, lines, plain_float

FIELDS: Final = 18
UNKNOWN: Final = -1
"""What the format writes where a value was not recorded."""
USED: Final[Mapping[int, str]] = {
    1: "job number",
    2: "submit time",
    4: "run time",
    5: "allocated processors",
    8: "requested processors",
    9: "requested time",
    11: "status",
    17: "preceding job",
}
"""Fields that every job has, by their numbers in the format."""
_TIMES: Final = (2, 4, 9)
_SIZES: Final = ("MaxProcs", "MaxNodes")
"""Lines of the header that say how many processors there are; the first that has a number counts."""
_HEADER: Final = re.compile(rf"\s*;\s*({'|'.join(_SIZES)})\s*:(.*)", re.ASCII)
_COUNT: Final = re.compile(r"([+-]?[0-9]{1,9})(?![0-9.,])", re.ASCII)

Header = dict[str, tuple[int, str]]
"""What the header says, by the names of ``_SIZES``: the number of the line and the text behind the colon."""


def records(path: str, groups: list[Mapping[int, str]], header: Header) -> Iterator[tuple[float, ...]]:
    """Yield the named fields of each job, group by group, checked one by one; fill ``header`` on the way."""
    names = [(position, name) for group in groups for position, name in group.items()]
    pick = itemgetter(*(position - 1 for position, _ in names))
    for line_number, line in lines(path):
        fields = line.split()
        if not fields or fields[0][0] == ";":
            if match := _HEADER.match(line):
                header.setdefault(match[1], (line_number, match[2].strip()))
            continue
        if len(fields) != FIELDS:
            raise WorkloadError(f"{path}:{line_number}: has {len(fields)} fields, must have {FIELDS}")
        try:
            values: tuple[float, ...] = tuple(map(int, pick(fields)))
            plain = min(values) >= UNKNOWN and max(values) <= MAX_SECONDS and "_" not in line and line.isascii()
        except ValueError:
            plain = False
        yield values if plain else _careful(path, line_number, fields, names)


def _careful(path: str, line: int, fields: list[str], names: list[tuple[int, str]]) -> tuple[float, ...]:
    """Return the named fields of a line where they are not all short integers, or say which one is wrong."""
    values = tuple(plain_float(fields[position - 1]) for position, _ in names)
    for (position, name), value in zip(names, values, strict=True):
        whole = position not in _TIMES
        if not (0 <= value <= MAX_SECONDS or value == UNKNOWN) or (whole and value % 1):
            bound = f"{'an integer' if whole else 'a number'} in 0..{MAX_SECONDS:g}, or {UNKNOWN} for unknown"
            raise field_error(path, line, position, name, fields[position - 1], bound)
    return values


def capacity_of(path: str, header: Header, default: int) -> int:
    """Return how many processors there are; ``default`` where the header does not say, unless that is 0."""
    capacity = 0
    for name in reversed(_SIZES):
        line, text = header.get(name, (0, ""))
        match = _COUNT.match(text)
        if text and match is None:
            raise WorkloadError(
                f"{path}:{line}: {name} of the header is {text!r:.40}, must be an integer; or say how many with processors=..."
            )
        if match is not None and int(match[1]) > 0:
            capacity = int(match[1])
    if not (capacity or default):
        raise WorkloadError(
            f"{path}: the header has neither MaxProcs nor MaxNodes > 0; say how many with processors=... or default_processors=..."
        )
    return capacity or default
