"""A recorded workflow as real commands, with what goes wrong in practice, and how a run gets over it: ``python -m scripts.story``.

The tasks of a recorded workflow (WfFormat, from $PARLEY_DATA; where that is absent, of a generated one) become commands that sleep and
compute as long as the recorded ones did, scaled to a minute. Three things go wrong: for a while everything fails at one agent, some
commands hang at the first try, and some fail. A trained policy runs it once and first come, first served once, both under the same monitor
and optimizer. The picture has both side by side.
"""

from __future__ import annotations

import argparse
import io
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.execution.execution import ExecutionManager
from agents.operation.execution.monitor import Monitor
from agents.operation.execution.optimizer import Optimizer
from agents.operation.execution.results import Execution
from agents.operation.execution.runner import Runner
from agents.operation.execution.simulated import SimulatedExecutor
from agents.operation.execution.thresholds import Means, Thresholds
from agents.operation.messages.messages import (
    AlertNotification,
    CompletionNotification,
    Message,
    StatusUpdate,
    Subscriber,
)
from agents.operation.messages.subscribers import Console, Memory
from agents.operation.site.moments import situation_of
from agents.operation.site.situation import Situation
from envs.files import write_bytes
from envs.render.described import described_by
from envs.render.style import DOWN, DPI, FAINT, INK, PALETTE, WIDTH, plain
from envs.scenario import Scenario
from envs.workloads.generators.random_workflow import RandomWorkflow
from envs.workloads.instance import Instance
from envs.workloads.readers.wfformat import WfFormatWorkload
from experiments.plumbing.processes import ROOT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RECORDED: Final = Path("wfformat", "instances", "1000genome-chameleon-2ch-100k-001.json")
POLICIES: Final = {"policies/workflow": "A trained policy", "fifo,fcfs": "First come, first served"}
AGENTS: Final = 4
SPREAD: Final = 2.0
"""Agents are up to three times as fast, or slow, at each kind of task; that is known."""
SHORTEST: Final = 0.01
"""Shares of the run: tasks that were recorded to be shorter are made as long,"""
LONGEST: Final = 0.35
"""and those that were longer."""
COMPUTED: Final = 0.05
"""Share of a task that computes; the rest sleeps."""
LOOPS: Final = 200_000
"""That a shell counts in about a second."""
BROKEN: Final = (0.1, 0.5)
"""Shares of the undisturbed run between which everything fails at the last agent."""
FAILED_AFTER: Final = 0.3
"""Share of its time after which a command fails there."""
HANGS, FAILS = (13, 6), (9, 4)
"""Every so many tasks, from which on: the first attempt hangs, or fails."""
HANGING: Final = 4.0
"""Times as long as it should a command takes that hangs."""
SEED: Final = 3
TOLD: Final = ("straggler", "failing_agent", "failing_kind", "late", "starving", "silent_agent")


def workflow(data: Path | None) -> Instance:
    """Return the recorded workflow, or without ``data`` a generated one."""
    if data is not None:
        return WfFormatWorkload(path=str(data / RECORDED), agents=AGENTS, kind_spread=SPREAD, speed_seed=SEED).instance(
            0
        )
    generated = RandomWorkflow(stages_min=5, stages_max=5, width_max=8, agents_min=AGENTS, agents_max=AGENTS)
    return generated.instance(SEED)


def scaled(instance: Instance, seconds: float) -> Instance:
    """Return the workflow with durations such that a run without trouble takes ``seconds``; of extreme ones, less extreme ones."""
    situation = situation_of(instance, Scenario(RandomWorkflow()))
    done = ExecutionManager(DecisionEngine.load("policies/workflow"), SimulatedExecutor(situation)).run(situation)
    nominal = instance.option_nominal * (seconds / done.ended)
    return replace(instance, option_nominal=np.clip(nominal, SHORTEST * seconds, LONGEST * seconds))


def commands(instance: Instance, switch: Path) -> Situation:
    """Return the workflow as commands: at the last agent all fail while the file ``switch`` is there, and some go wrong by themselves."""
    situation = situation_of(instance, Scenario(RandomWorkflow()))
    broken = situation.agents[-1].name
    told: dict[str, Any] = situation.model_dump(exclude_defaults=True)
    for agent in told["agents"]:
        agent["at_once"] = 1
    for number, task in enumerate(told["jobs"][0]["tasks"]):
        task |= {"retries": 20, "command": _line(number, task["eligible"], broken, switch)}
    return Situation.of(told)


def _line(number: int, seconds: dict[str, float], broken: str, switch: Path) -> str:
    """A line for the shell that takes as long as its agent should."""

    def told(share: float) -> str:
        return " ".join(f"{agent}) s={share * took:.3f};;" for agent, took in seconds.items())

    hangs, fails = (number % every == first for every, first in (HANGS, FAILS))
    loops = round(LOOPS * COMPUTED * min(seconds.values()))
    is_broken = f"[ $PARLEY_AGENT = {broken} ] && [ -e {shlex.quote(str(switch))} ]"
    gives_up = 'then echo "no such device" >&2; exit 5; fi; '
    line = f"case $PARLEY_AGENT in {told(1 - COMPUTED)} esac; "
    line += f"if {is_broken}; then sleep {FAILED_AFTER * seconds[broken]:.3f}; fi; if {is_broken}; {gives_up}"
    if hangs:
        line += f"if [ $PARLEY_TRY = 1 ]; then case $PARLEY_AGENT in {told(HANGING)} esac; fi; "
    line += f"sleep $s; if {is_broken}; {gives_up}"
    if fails:
        line += 'if [ $PARLEY_TRY = 1 ]; then echo "connection lost" >&2; exit 7; fi; '
    return line + f"i=0; while [ $i -lt {loops} ]; do i=$((i+1)); done"


class Saboteur:
    """Breaks an agent for a while, by a file that its commands look for."""

    def __init__(self, switch: Path, seconds: float) -> None:
        self._switch, self._from, self._until = switch, BROKEN[0] * seconds, BROKEN[1] * seconds

    def take(self, message: Message) -> None:
        """See what time it is."""
        if self._from <= message.time < self._until:
            self._switch.touch()
        else:
            self._switch.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave nothing behind."""
        self._switch.unlink(missing_ok=True)


@dataclass
class Bar:
    """An attempt in the picture."""

    agent: str
    task: str
    began: float
    ended: float = 0.0
    how: str = "done"
    is_copy: bool = False


@dataclass
class Told:
    """What a run was."""

    title: str
    execution: Execution
    bars: list[Bar] = field(default_factory=list)
    alerts: list[AlertNotification] = field(default_factory=list)
    avoided: list[tuple[str, float, float]] = field(default_factory=list)
    """Agents, and from when until when they were left alone."""

    @classmethod
    def of(cls, title: str, execution: Execution, messages: Sequence[Message]) -> Told:
        """Read what was said."""
        told = cls(title, execution)
        running: dict[tuple[str | None, str | None], Bar] = {}
        alone: dict[str, float] = {}
        for message in messages:
            task, agent = getattr(message, "task", None), getattr(message, "agent", None)
            ends = None
            match message:
                case StatusUpdate(state="started", task=str() as task, agent=str() as agent):
                    copy = any(key[0] == task for key in running)
                    running[task, agent] = Bar(agent, task, message.time, is_copy=copy)
                case StatusUpdate(state="stopped", task=str()):
                    ends = "stopped"
                case CompletionNotification(task=str()):
                    ends = "done"
                case AlertNotification(alert="failed"):
                    ends = "failed"
                case AlertNotification(alert=alert) if alert in TOLD:
                    told.alerts.append(message)
                case StatusUpdate(state="adjusted", detail=detail) if detail.startswith("avoid "):
                    alone.setdefault(detail.split()[1].rstrip(":"), message.time)
                case StatusUpdate(state="adjusted", detail=detail) if detail.startswith("trust "):
                    name = detail.split()[1].rstrip(":")
                    told.avoided.append((name, alone.pop(name), message.time))
            if ends is not None and (task, agent) in running:
                bar = running.pop((task, agent))
                bar.ended, bar.how = message.time, ends
                told.bars.append(bar)
        told.avoided += [(name, since, execution.ended) for name, since in alone.items()]
        return told

    @property
    def sentence(self) -> str:
        """In a few words."""
        failed, stopped = (sum(bar.how == how for bar in self.bars) for how in ("failed", "stopped"))
        copies = sum(bar.is_copy for bar in self.bars)
        return (
            f"{self.title}: {self.execution.done} of {self.execution.total} tasks done after {self.execution.ended:.1f} s "
            f"(attempts that failed: {failed}, that were ended early: {stopped}; copies: {copies}; alerts: {len(self.alerts)})"
        )


def play(instance: Instance, policy: str, seconds: float, *, quiet: bool = False) -> Told:
    """Run the commands by a policy, with all that goes wrong."""
    with tempfile.TemporaryDirectory(prefix="parley-story-") as name:
        folder, memory = Path(name), Memory(100_000)
        situation, switch = commands(instance, folder / "broken"), folder / "broken"
        runner = Runner.begin(folder / "run", situation, folder, policy)
        monitor = Monitor(Thresholds(every=max(0.02, seconds / 300), metrics_every=1e9))
        means = Means(move=True, speculate=True, rest=0.2 * seconds)
        heard: list[Subscriber] = [memory, Saboteur(switch, seconds), *([] if quiet else [Console()])]
        try:
            execution = runner.run(
                DecisionEngine.load(policy),
                log_limit=None,
                grace=0.2,
                subscribers=heard,
                overseers=[monitor, Optimizer(monitor, means)],
            )
        finally:
            runner.close()
        return Told.of(POLICIES[policy], execution, list(memory.messages))


def draw(runs: Sequence[Told], instance: Instance, seconds: float) -> Figure:
    """Draw runs one above the other, on the same axis of time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / DPI, 7.6), dpi=DPI)
    axes = figure.subplots(len(runs), 1, sharex=True, squeeze=False)[:, 0]
    kinds = {f"task-{t}": int(kind) for t, kind in enumerate(instance.task_kind.tolist())}
    for axis, told in zip(axes, runs, strict=True):
        _draw(axis, told, kinds, seconds)
    axes[-1].set_xlim(0, 1.02 * max(told.execution.ended for told in runs))
    axes[-1].set_xlabel("seconds", color=FAINT, fontsize=10)
    axes[0].legend(
        handles=list(_legend()),
        ncols=6,
        loc="lower left",
        bbox_to_anchor=(0, 1.16),
        frameon=False,
        fontsize=10,
        labelcolor=INK,
    )
    figure.subplots_adjust(left=0.07, right=0.985, top=0.87, bottom=0.08, hspace=0.36)
    return figure


def _draw(axis: Axes, told: Told, kinds: dict[str, int], seconds: float) -> None:
    plain(axis)
    names = sorted({bar.agent for bar in told.bars})
    rows = {name: -k for k, name in enumerate(names)}
    row = rows[names[-1]]
    axis.fill_between([BROKEN[0] * seconds, BROKEN[1] * seconds], row - 0.48, row + 0.48, color="#f7d6d0")
    for name, since, until in told.avoided:
        axis.plot([since, until], [rows[name] - 0.44] * 2, color=INK, linewidth=2.5, solid_capstyle="butt")
    for bar in told.bars:
        kind = kinds["-".join(bar.task.split("-")[:2])]
        look: dict[str, Any] = {"facecolor": PALETTE[kind % len(PALETTE)], "edgecolor": "white", "linewidth": 0.6}
        if bar.how == "failed":
            look |= {"facecolor": "white", "edgecolor": "#b3261e", "hatch": "xxxx"}
        elif bar.how == "stopped":
            look |= {"facecolor": DOWN, "edgecolor": FAINT, "hatch": "///"}
        axis.barh(rows[bar.agent], bar.ended - bar.began, left=bar.began, height=0.66, zorder=2, **look)
        if bar.is_copy:
            axis.plot(bar.began, rows[bar.agent] + 0.41, marker="v", color=INK, markersize=5, zorder=3)
    for alert in told.alerts:
        mark, colour = ("o", "#E69F00") if alert.alert == "straggler" else ("D", "#b3261e")
        axis.plot(alert.time, 0.72, marker=mark, color=colour, markersize=6, clip_on=False, zorder=3)
    axis.axvline(told.execution.ended, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
    axis.set_yticks([rows[name] for name in names], names)
    axis.set_ylim(min(rows.values()) - 0.6, 0.9)
    axis.set_title(told.sentence, loc="left", fontsize=11, color=INK)


def _legend() -> Iterator[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    yield Patch(facecolor="white", edgecolor="#b3261e", hatch="xxxx", label="failed")
    yield Patch(facecolor=DOWN, edgecolor=FAINT, hatch="///", label="ended early: moved, or its copy was first")
    yield Patch(facecolor="#f7d6d0", label="everything fails here")
    yield Line2D([], [], color=INK, linewidth=2.5, label="left alone")
    yield Line2D([], [], color=INK, marker="v", linestyle="", label="a copy begins")
    yield Line2D([], [], color="#E69F00", marker="o", linestyle="", label="alert: straggler (red: others)")


def main(arguments: Sequence[str] | None = None) -> list[Told]:
    """Tell the story, and draw it."""
    given = argparse.ArgumentParser(prog="python -m scripts.story", description=(__doc__ or "").partition("\n")[0])
    given.add_argument("--seconds", type=float, default=60.0, help="of the run, were there no trouble (60)")
    given.add_argument("--generated", action="store_true", help="take the generated workflow, not the recorded one")
    given.add_argument("--quiet", action="store_true", help="do not tell every event")
    given.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "story.png", help="the picture")
    told = given.parse_args(arguments)
    data = Path(os.environ.get("PARLEY_DATA", ROOT.parent / "shared" / "data"))
    recorded = not told.generated and (data / RECORDED).exists()
    instance = scaled(workflow(data if recorded else None), told.seconds)
    what = RECORDED.stem if recorded else "a generated workflow"
    print(f"{what}: {instance.num_tasks} tasks for {AGENTS} agents", file=sys.stderr)
    runs = [play(instance, policy, told.seconds, quiet=told.quiet) for policy in POLICIES]
    for each in runs:
        print(each.sentence)
    written = io.BytesIO()
    figure = draw(runs, instance, told.seconds)
    about = described_by(f"Two runs of {what}", "python -m scripts.story", "")
    figure.savefig(written, format="png", pil_kwargs={"pnginfo": about})
    write_bytes(told.out, written.getvalue())
    return runs


if __name__ == "__main__":
    main()
