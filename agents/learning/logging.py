"""Scalars for TensorBoard, by way of SB3's logger."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

from envs.files import naming

GAPS: Final = ("rollout/gap_percent", "evaluate/gap_percent")
"""How far the policies are above the rules, as they train and as they are deployed: one panel shows both."""
ENTROPY: Final = ("train_prioritizer/entropy_loss", "train_negotiator/entropy_loss")
"""How sure they are: minus the entropy of each role's decisions."""
PANELS: Final = {
    "both gaps, percent above the rules": GAPS,
    "gap of what is deployed": GAPS[1:],
    "gap of what plays in training": GAPS[:1],
    "minus the entropy, nats": ENTROPY,
}
"""Custom scalars, side by side."""


class ResumableTensorBoard(TensorBoardOutputFormat):
    """SB3's writer, but of a run that may have been continued: what an earlier process wrote past ``first_step`` is dropped."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """Write below ``folder`` from ``first_step`` on."""
        self._folder = folder
        with naming(folder):
            self.writer = SummaryWriter(str(folder), purge_step=first_step)
            panels = {name: ["Multiline", [f"^{tag}$" for tag in tags]] for name, tags in PANELS.items()}
            self.writer.add_custom_scalars({"learning": panels})
        self._is_closed = False

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Write one point of every scalar, and have the system take it: it is there even if the process is killed next."""
        with naming(self._folder):
            super().write(key_values, key_excluded, step)

    def show(self, name: str, picture: NDArray[np.uint8], step: int) -> None:
        """Write a picture [height, width, 3]."""
        with naming(self._folder):
            self.writer.add_image(name, picture, step, dataformats="HWC")

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


def show(logger: Logger, name: str, picture: NDArray[np.uint8], step: int) -> None:
    """Give a picture [height, width, 3] to TensorBoard."""
    for form in logger.output_formats:
        if isinstance(form, ResumableTensorBoard):
            form.show(name, picture, step)


def make_logger(folder: Path, first_step: int) -> Logger:
    """A logger whose scalars go to TensorBoard files in ``folder``."""
    writers: list[KVWriter] = [ResumableTensorBoard(folder, first_step)]
    return Logger(str(folder), writers)
