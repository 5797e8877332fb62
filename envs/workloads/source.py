"""What the file readers share: bounded text, numbers whose errors name file, line and field, and precedence graphs."""

from __future__ import annotations

import gzip
import math
import re
import stat
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TextIO, cast

import numpy as np

from envs.workloads.drawing import integer, require
from envs.workloads.graph import NO_TASK, IntArray, find_cycle
from envs.workloads.instance import Instance, WorkloadError

MAX_LINE: Final = 2**24
"""Characters of a line; a longer one is no text that a reader of this package could mean."""
MAX_UNPACKED: Final = 100
"""Characters of text per byte on disk, beyond the first 2^19: packed text has fewer, and a file of a few kB could unpack to many GB."""
MAX_CELLS: Final = 10_000_000
"""Tasks x agents (or resources) that a file may announce, or a user ask for; checked before anything of that size is allocated."""
MAX_UNITS: Final = 2**31 - 1
"""Largest amount of a resource."""
MAX_SECONDS: Final = 1e15
"""Longest time that a file may hold: far from where sums of float64 overflow or lose whole seconds."""
MAX_AGENTS: Final = 10_000
"""Most agents of a workload that is told how many."""

_PLAIN = re.compile(r"[+-]?[0-9.][0-9.eE+-]*", re.ASCII)  # float() takes more: "1_000", "nan", digits of other scripts
_SHOWN = 40
PACKED: Final = ".gz"


@dataclass(frozen=True)
class FileWorkload(ABC):
    """A workload that comes from one file: read when first asked for, then kept. Files ending in .gz are unpacked.

    Raises:
        WorkloadError: from ``instance`` and ``report``, where the file is absent, damaged or describes impossible work.
    """

    path: str

    def __post_init__(self) -> None:
        require(isinstance(self.path, str) and self.path.strip() != "", self, "path", "the path of a file")

    def instance(self, seed: int) -> Instance:
        """Return the file's instance; there is nothing random in it, so ``seed`` is ignored."""
        return self._loaded[0]

    def report(self) -> tuple[str, ...]:
        """Return one line for everything that was skipped or put right, with its count; empty where nothing was."""
        return self._loaded[1]

    @cached_property
    def _loaded(self) -> tuple[Instance, tuple[str, ...]]:
        return self.read()

    @abstractmethod
    def read(self) -> tuple[Instance, tuple[str, ...]]:
        """Parse the file: the instance and the lines of the report."""


@contextmanager
def open_text(path: str) -> Iterator[TextIO]:
    """Open a UTF-8 text file, where bytes of older encodings do no harm; failures to read it become WorkloadErrors."""
    opener = gzip.open if path.endswith(PACKED) else open
    try:
        check_regular(path)
        with cast(TextIO, opener(path, "rt", encoding="utf-8-sig", errors="replace")) as file:
            yield file
    except (OSError, EOFError, zlib.error) as error:
        raise WorkloadError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def check_regular(path: str) -> None:
    """Raise OSError where a path leads to nothing, or to what may never end: a device, or a pipe."""
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError("is no regular file")


def most_characters(path: str) -> int:
    """Return how many characters a text file may hold, unpacked; more is refused where it is met."""
    return 2**19 + MAX_UNPACKED * Path(path).stat().st_size


def too_long(path: str) -> WorkloadError:
    """Return the error of a file that holds more than ``most_characters``."""
    return WorkloadError(f"{path}: unpacks to more than {MAX_UNPACKED} times its size, must be text")


def lines(path: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file with their numbers, from 1; memory is that of one line, time that of the file as it is packed."""
    with open_text(path) as file:
        number, room = 0, most_characters(path)
        while line := file.readline(MAX_LINE):
            number += 1
            room -= len(line)
            if len(line) == MAX_LINE:
                raise WorkloadError(
                    f"{path}:{number}: line has {MAX_LINE} characters or more, must be shorter: is this a text file?"
                )
            if room < 0:
                raise too_long(path)
            yield number, line


def files_in(folder: Path, *suffixes: str, below: bool = False) -> list[Path]:
    """Return the files in a folder, and ``below`` it, whose names end in one of ``suffixes``, or in that and .gz, sorted.

    Of a file that lies there both packed and not, only the latter counts.
    """
    found = {
        path
        for suffix in suffixes
        for end in ("", PACKED)
        for path in folder.glob(f"{'**/' if below else ''}*{suffix}{end}")
    }
    return sorted(path for path in found if path.suffix != PACKED or path.with_suffix("") not in found)


def stem(file: Path) -> str:
    """Return the name of a file without its ending, packed or not."""
    return Path(file.name.removesuffix(PACKED)).stem


def data_lines(path: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are neither blank nor comments (#)."""
    return ((number, line) for number, line in lines(path) if line.strip() and not line.lstrip().startswith("#"))


def check_shop(shop: Any, machines: int = 1) -> None:
    """Raise WorkloadError where a generator has wrong bounds: jobs_min, jobs_max, machines_max, machines_min (at least ``machines``)."""
    for low, high, least in (("jobs_min", "jobs_max", 1), ("machines_min", "machines_max", machines)):
        first = getattr(shop, low)
        require(integer(first, least), shop, low, f"an integer >= {least}")
        require(integer(getattr(shop, high), first), shop, high, f"an integer >= {low}, {first}")
    require(shop.machines_max <= MAX_AGENTS, shop, "machines_max", f"at most {MAX_AGENTS}")
    require(
        shop.jobs_max * shop.machines_max <= MAX_CELLS,
        shop,
        "jobs_max",
        f"at most {MAX_CELLS} with machines_max multiplied",
    )


def check_size(path: str, what: str, cells: int) -> None:
    """Raise WorkloadError where a file announces more than MAX_CELLS."""
    if cells > MAX_CELLS:
        raise WorkloadError(f"{path}: {what} make {cells}, must be at most {MAX_CELLS}")


class Numbers:
    """The numbers of some lines, taken one after another; every error names file, line, field and value."""

    def __init__(self, path: str, source: Iterable[tuple[int, str]]) -> None:
        self.path = path
        self.line = 0
        """Line of the number taken last."""
        self._field = 0
        self._tokens = (
            (number, field, token) for number, text in source for field, token in enumerate(text.split(), 1)
        )

    def integer(self, name: str, low: int, high: int = MAX_UNITS) -> int:
        """Take an integer in [low, high], called ``name`` in the file's format."""
        bound = f"an integer in {low}..{high}" if high < MAX_UNITS else f"an integer >= {low}"
        token = self._take(name, bound)
        value = int(token) if re.fullmatch(r"[+-]?[0-9]{1,18}", token, re.ASCII) else None
        if value is None or not low <= value <= high:
            raise self.error(name, token, bound)
        return value

    def number(self, name: str) -> float:
        """Take a number in [0, MAX_SECONDS]."""
        bound = f"a number in 0..{MAX_SECONDS:g}"
        token = self._take(name, bound)
        value = plain_float(token)
        if not 0 <= value <= MAX_SECONDS:
            raise self.error(name, token, bound)
        return value

    def end(self, what: str) -> None:
        """Raise WorkloadError where a number is left over after ``what``."""
        if (rest := next(self._tokens, None)) is not None:
            self.line, self._field, token = rest
            raise self.error("left over", token, f"absent: {what} ended before it")

    def error(self, name: str, token: str, bound: str) -> WorkloadError:
        """Return the error of the number taken last."""
        return field_error(self.path, self.line, self._field, name, token, bound)

    def _take(self, name: str, bound: str) -> str:
        taken = next(self._tokens, None)
        if taken is None:
            place = f"{self.path}:{self.line}" if self.line else self.path
            raise WorkloadError(f"{place}: the numbers end before {name}, which must be {bound}")
        self.line, self._field, token = taken
        return token


def field_error(path: str, line: int, field: int, name: str, token: str, bound: str) -> WorkloadError:
    """Return the error of one field; ``line`` and ``field`` count from 1."""
    shown = token if len(token) <= _SHOWN else f"{token[:_SHOWN]}..."
    return WorkloadError(f"{path}:{line}: field {field} ({name}) is {shown!r}, must be {bound}")


def plain_float(token: str) -> float:
    """Return the number that a token spells in plain decimal notation, NaN where it spells none."""
    try:
        return float(token) if _PLAIN.fullmatch(token) else math.nan
    except ValueError:
        return math.nan


def precedence(path: str, names: Sequence[str], edges: Iterable[tuple[int, int]]) -> tuple[IntArray, IntArray]:
    """Return ``successor_first`` [T+1] and ``successor`` [E] of the edges (before, after); repeated edges count once.

    Raises:
        WorkloadError: where the graph has a cycle; the message has the task's entry in ``names`` [T].
    """
    pairs = np.array(sorted(set(edges)), dtype=np.int32).reshape(-1, 2)
    first = np.searchsorted(pairs[:, 0], np.arange(len(names) + 1)).astype(np.int32)
    successor = np.ascontiguousarray(pairs[:, 1])
    stuck = find_cycle(first, successor)
    if stuck != NO_TASK:
        raise WorkloadError(f"{path}: the precedence graph has a cycle that task {names[stuck]} lies on or waits for")
    return first, successor


def build(path: str, **parts: Any) -> Instance:
    """Return the Instance of these parts, named after the file; what it refuses is said with the whole path."""
    name = Path(path).name
    try:
        return Instance(name=name, **parts)
    except WorkloadError as error:
        raise WorkloadError(f"{path}: {str(error).removeprefix(f'{name}: ')}") from None
