"""An independent checker of a finished event log: precedence, capacity, eligibility, leases, draws and costs.

It is written from ``docs/world.md`` and reads the log, never the engine: what the two agree on was computed twice.
"""

from envs.validate.report import Report, ScheduleError, validate

__all__ = ["Report", "ScheduleError", "validate"]
