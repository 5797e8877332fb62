"""What a picture is made of, as text in its file: whoever finds it alone can read its title, its command and its data."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from envs.events import EventKind, EventLog
from envs.render.spans import RUNNING, label_of, spans_of
from envs.workloads.instance import Instance

if TYPE_CHECKING:  # pillow comes with matplotlib, which is imported where something is drawn
    from PIL.PngImagePlugin import PngInfo


def described_by(title: str, command: str, data: str) -> PngInfo:
    """Return the texts Title, Command (where one is known) and Data of a PNG; the data are compressed (iTXt)."""
    from PIL.PngImagePlugin import PngInfo

    made = PngInfo()
    for key, text in (("Title", title), ("Command", command), ("Data", data)):
        if text:
            made.add_itxt(key, text, zip=key == "Data")
    return made


def bars_as_csv(instance: Instance, log: EventLog) -> str:
    """Return agent, task, job, start, end (seconds) and outcome of every attempt."""
    text, job = io.StringIO(), instance.job_of_task()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["agent", "task", "job", "start", "end", "outcome"])
    for agent, task, start, end, kind in zip(*(column.tolist() for column in spans_of(log)), strict=True):
        outcome = "RUNNING" if kind == RUNNING else EventKind(kind).name
        writer.writerow([agent, label_of(instance, task), int(job[task]), start, end, outcome])
    return text.getvalue()
