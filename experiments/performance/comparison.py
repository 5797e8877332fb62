"""A run of the speed benchmark beside an earlier one, maybe of another machine: what became slower."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from envs import strict_json
from experiments.performance.timing import SECONDS, Measurement
from experiments.plumbing import cli
from experiments.reports.outcome import Sheet
from experiments.reports.tables import ABSENT, number

REGRESSION: Final = 0.15
"""Loss of speed that is told: runs on a machine that others use differ by as much as 10 %."""


@dataclass(frozen=True)
class Baseline:
    """The measurements of an earlier run, by name."""

    file: Path
    lines: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, file: Path) -> Baseline:
        """Read the JSON that ``parley benchmark`` wrote.

        Raises:
            UsageError: it cannot be read, or holds no measurements.
        """
        try:
            lines = {line["name"]: line for line in strict_json.loads(file.read_bytes())["measurements"]}
            if not lines or not all(_is_measurement(line) for line in lines.values()):
                raise ValueError("measurements must be a list with name, unit, median and relative")
        except OSError as error:
            raise cli.UsageError(f"compare={file}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise cli.UsageError(
                f"compare={file} must be the .json file of parley benchmark suite=speed, but: {type(error).__name__}({error})"
            ) from None
        return cls(file, lines)

    def speed(self, now: Measurement) -> float:
        """How many times as fast a measurement is as it was, for equal paces of the machine where both are known; NaN where one lacks."""
        before = self.lines.get(now.name)
        if before is None or before["unit"] != now.unit or not now.runs or not before["median"]:
            return math.nan
        ratio: float = now.relative / before["relative"] if self.is_calibrated(now) else now.value / before["median"]
        return float(1.0 / ratio if now.unit == SECONDS else ratio)

    def is_calibrated(self, now: Measurement) -> bool:
        """Whether the calibration loop ran beside both."""
        return bool(now.paces) and bool(self.lines[now.name].get("relative"))

    def regressions(self, found: list[Measurement]) -> list[str]:
        """Say what lost more than ``REGRESSION`` of its speed."""
        return [
            f"{line.name}: {100 * (1 - self.speed(line)):.0f} % slower"
            for line in found
            if self.speed(line) < 1 - REGRESSION
        ]

    def sheet(self, found: list[Measurement]) -> Sheet:
        """Lay the two out."""
        rows = []
        for line in found:
            before, speed = self.lines.get(line.name, {}).get("median"), self.speed(line)
            told = ABSENT if math.isnan(speed) else f"{speed:.2f}"
            rows.append(
                [line.name, ABSENT if before is None else number(before, 3), number(line.value, 3), line.unit, told]
            )
        return Sheet("Beside the earlier run", ["", "before", "now", "unit", "times as fast"], rows)

    def notes(self, found: list[Measurement]) -> list[str]:
        """Say what became slower, and how far the two can be compared."""
        slower = self.regressions(found)
        limit = f"by more than {100 * REGRESSION:.0f} % than in {self.file.name}"
        notes = [f"Slower {limit}: {'; '.join(slower)}." if slower else f"Nothing is slower {limit}."]
        bare = [line.name for line in found if not math.isnan(self.speed(line)) and not self.is_calibrated(line)]
        if bare:
            notes.append(
                f"Without a calibration loop in {self.file.name}, as if the machines were equal: {', '.join(bare)}."
            )
        return notes


def _is_measurement(line: dict[str, Any]) -> bool:
    """Whether a line says what is compared; numbers are absent where something could not be measured."""
    amounts = (line["median"], line.get("relative"))
    are_numbers = all(
        amount is None or (isinstance(amount, float | int) and not isinstance(amount, bool) and amount > 0)
        for amount in amounts
    )
    return isinstance(line["name"], str) and isinstance(line["unit"], str) and are_numbers
