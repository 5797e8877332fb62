"""Pictures of an episode from its instance and event log: Gantt and lease charts, text, traces for Perfetto."""

from envs.render.chart import frame, gantt
from envs.render.text import text
from envs.render.trace import perfetto

__all__ = ["frame", "gantt", "perfetto", "text"]
