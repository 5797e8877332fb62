"""Scalars for TensorBoard, by way of SB3's logger."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

from envs.files import naming

GAPS: Final = ("rollout/gap_percent", "evaluate/gap_percent")
"""How far the policies are above the rules, as they train and as they are deployed: one panel shows both."""


class ResumableTensorBoard(TensorBoardOutputFormat):
    """SB3's writer, but of a run that may have been continued: what an earlier process wrote past ``first_step`` is dropped."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """Write below ``folder`` from ``first_step`` on."""
        self._folder = folder
        with naming(folder):
            self.writer = SummaryWriter(str(folder), purge_step=first_step)
            self.writer.add_custom_scalars_multilinechart(
                [f"^{name}$" for name in GAPS], "gaps", "percent above the rules"
            )
        self._is_closed = False

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Write one point of every scalar, and have the system take it: it is there even if the process is killed next."""
        with naming(self._folder):
            super().write(key_values, key_excluded, step)

    def close(self) -> None:
        """Write what is left."""
        with naming(self._folder):
            super().close()


class RoleLogger(Logger):
    """Passes on what the learner of one role says under a name of its own: train/loss becomes train_prioritizer/loss."""

    def __init__(self, logger: Logger, role: str) -> None:
        """Say it to ``logger``."""
        super().__init__(None, [])
        self._logger = logger
        self._prefix = f"train_{role}/"

    def record(self, key: str, value: Any, exclude: str | tuple[str, ...] | None = None) -> None:
        """Record a value."""
        self._logger.record(key.replace("train/", self._prefix, 1), value, exclude)


def make_logger(folder: Path, first_step: int) -> Logger:
    """A logger whose scalars go to TensorBoard files in ``folder``."""
    writers: list[KVWriter] = [ResumableTensorBoard(folder, first_step)]
    return Logger(str(folder), writers)
