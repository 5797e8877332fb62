"""Performance over windows of 24 hours: a week at a shared cluster, by the shipped policy, its index and the strongest rules."""

from __future__ import annotations

from typing import Final

import torch
from omegaconf import DictConfig

from agents.evaluation.play import draw_episodes, record
from agents.policies import load_negotiator, load_prioritizer
from agents.progress import Progress
from agents.protocols import Scorer
from envs.events import EventKind
from envs.scenario import Scenario, Uncertainty
from envs.workloads.generators.synthetic import SyntheticWorkload
from experiments.plumbing import cli
from experiments.reports import report
from experiments.reports.outcome import Outcome, Sheet
from experiments.reports.windows.execution import Automatic, Execution
from experiments.reports.windows.page import performance
from experiments.reports.windows.quality import sample_decisions

DAY: Final = 86_400.0
WEEK: Final = Scenario(
    SyntheticWorkload(jobs=1000, duration_mean=600.0, load_min=0.9, load_max=0.9, arrivals="diurnal"),
    uncertainty=Uncertainty(duration_sigma=0.4, failure_probability=0.02, retry_delay=60.0, max_failures=20),
    candidates=16,
)
"""About seven days at nine tenths of what the cluster can do, busier by day than by night."""
PLAYERS: Final = {
    "policies/shared_cluster": ("policies/shared_cluster", "policies/shared_cluster"),
    "policies/shared_cluster_index": ("policies/shared_cluster_index", "policies/shared_cluster_index"),
    "wsrpt+w with urgency": ("wsrpt+w", "urgency"),
    "fifo with fcfs": ("fifo", "fcfs"),
}
DECISIONS: Final = 120
"""That are looked at again, of each player."""
MOST_EPISODES: Final = 1000
SEED: Final = 24


def benchmark(config: DictConfig) -> Outcome:
    """Play ``config.episodes`` weeks by everybody, and report on them.

    Raises:
        UsageError: for settings out of bounds.
    """
    count = cli.integer(config, "episodes", 1, MOST_EPISODES)
    torch.set_num_threads(1)
    episodes = draw_episodes(WEEK, count, SEED)
    sheets: list[Sheet] = []
    notes: list[str] = []
    for name, (first, second) in Progress(PLAYERS.items(), desc="windows", unit="player"):
        prioritizer, negotiator = load_prioritizer(first), load_negotiator(second)
        played = [
            (instance, record(WEEK, instance, int(seed), prioritizer, negotiator))
            for instance, seed in (
                (episodes.instances[i], s) for i, s in zip(episodes.instance, episodes.seeds, strict=True)
            )
        ]
        starts = sum(int((log.kind == EventKind.TASK_START).sum()) for _, log in played)
        sampled = None
        if isinstance(prioritizer, Scorer):
            sampled = sample_decisions(WEEK, episodes, prioritizer, negotiator, min(1.0, DECISIONS / starts))
        told = performance(Execution(name, played, sampled, automatic=Automatic(starts, starts)), DAY)
        sheets.append(
            Sheet(f"{told.sheets[0].title}: {name}", told.sheets[0].header, told.sheets[0].rows, told.sheets[0].left)
        )
        if not notes:
            windows = told.sheets[1]
            days = [row for row in windows.rows if str(row[0]).startswith("1.")] or list(windows.rows)
            sheets.append(Sheet(f"The first week of {name}, day by day", windows.header, days, windows.left))
            notes += told.notes
    notes += [
        f"{count} weeks of {WEEK.workload.jobs} jobs on 4 agents, offered load 0.9, arrivals by day and night, durations with sigma 0.4, "  # type: ignore[attr-defined]
        "2 % of attempts fail. All play the same weeks with the same luck. Simulations have neither fallback nor person.",
    ]
    numbers = {
        "sheets": [report.as_json(report.Report(sheet.title, [sheet]))["sheets"][0] for sheet in sheets],
        "notes": notes,
    }
    return Outcome("Performance over windows of 24 hours", sheets, notes, numbers)
