"""What TensorBoard is told when a run has been compared with rules: its settings, its scores and pictures.

They go into the run's own folder: ``tensorboard --logdir results`` shows runs under their own names, and its HParams table has a line for
each, to be sorted by any setting or score.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from envs.files import naming

SETTINGS: Final = ("scenario", "workload", "learner", "seed")
"""Parts of a config that differ between runs that are compared."""
SUFFIX: Final = ".score"
"""Of the file that is written at the end, beside those of learning."""


def note(
    folder: Path,
    config: Mapping[str, Any],
    text: str,
    scores: Mapping[str, float],
    pictures: Mapping[str, NDArray[np.uint8]],
    step: int,
) -> None:
    """Write the settings, scores and pictures of the run in ``folder`` as of ``step`` decisions; ``text`` is its config as YAML.

    Raises:
        OSError: where the disk does not take them.
    """
    told = {f"score/{name}": value for name, value in scores.items() if math.isfinite(value)}
    settings = dict(flat({name: config[name] for name in SETTINGS if name in config}))
    for earlier in folder.glob(f"events.*{SUFFIX}"):  # of the same run before it went on: it has one end
        earlier.unlink()
    with naming(folder), SummaryWriter(str(folder), filename_suffix=SUFFIX) as writer:
        for summary in hparams(settings, told):  # type: ignore[no-untyped-call]
            writer.file_writer.add_summary(summary)
        for name, value in told.items():
            writer.add_scalar(name, value, step)
        writer.add_text("config", "\n".join(f"    {line}" for line in text.splitlines()), step)
        for name, picture in pictures.items():
            writer.add_image(name, picture, step, dataformats="HWC")


def flat(value: Any, name: str = "") -> Iterator[tuple[str, bool | float | str]]:
    """Yield every setting by its dotted name, as a kind of value that the HParams table sorts."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from flat(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, bool | int | float) and math.isfinite(value):
        yield name, value
    else:
        yield name, str(value)
