"""The command ``parley``: lists what there is, and hands over to the one that is asked for. Imports nothing before it has to."""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import Final

COMMANDS: Final = {
    "train": ("experiments.train", "learn policies for a scenario, then compare them with rules"),
    "evaluate": ("experiments.evaluate", "score policies and rules on the same episodes"),
    "report": ("experiments.report", "show a run, an evaluation, a suite or an event log as one HTML file"),
    "benchmark": ("experiments.benchmark", "measure speed, rules on public benchmarks, or a suite"),
    "bound": ("experiments.bound", "find out what no schedule can beat"),
    "tune": ("experiments.tune", "tune an index of a few weights"),
    "ship": ("experiments.ship", "ship the median of several training runs, with its card"),
    "ablation": ("experiments.ablation", "what each part of learning is worth"),
    "negotiation": ("experiments.negotiation", "what negotiation is worth"),
    "decide": ("experiments.decide", "what each agent should do now, from a file of your own tasks"),
    "explain": ("experiments.explain", "why, and why not"),
    "plan": ("experiments.plan", "who does what when, with its uncertainty"),
    "what-if": ("experiments.what_if", "the same plan with an agent down, a job more, another due date"),
    "run": ("experiments.run", "run commands as a policy decides, and go on where it was killed"),
    "status": ("experiments.status", "what is done, what runs, what is late, what went wrong"),
    "serve": ("experiments.serve", "decide and plan over HTTP, with a situation that is kept and changed by name"),
    "adapt": ("experiments.adapt", "from a log of your own to a policy that is better there, or to the rule to use"),
    "situation": ("experiments.situation", "make a file of tasks from a file in a public format"),
    "example": ("experiments.example", "print a file of tasks to start from"),
    "history": ("experiments.history", "list and replay the decisions that were kept"),
}
"""The module of each command, whose ``main`` runs it, and one line for the list."""
OWN_TASKS: Final = (
    "decide",
    "explain",
    "plan",
    "what-if",
    "run",
    "status",
    "serve",
    "adapt",
    "situation",
    "example",
    "history",
)
"""Commands that take files and options; all others take settings, Hydra's way."""
HELP: Final = ("-h", "--help")
EXIT_USER_ERROR: Final = 2


def main() -> None:
    """Run ``parley``; exit code 2 where there is no such command."""
    name, *arguments = sys.argv[1:] or HELP[1:]
    if name in HELP:
        print(overview())
        return
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, 1)
        told = f"did you mean {close[0]}?" if close else f"must be one of {', '.join(COMMANDS)}"
        print(f"parley: error: there is no command {name!r}, {told}", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)
    module = COMMANDS[name][0]
    if name not in OWN_TASKS and any(argument in HELP for argument in arguments):
        from experiments.plumbing.manual import manual

        print(manual(name, module, arguments))
        return
    sys.argv = [f"parley {name}", *arguments]
    importlib.import_module(module).main()


def overview() -> str:
    """What ``parley`` alone prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  parley {name:{width}}  {told}" for name, (_, told) in COMMANDS.items()]
    return "\n".join(
        [
            "Parley: what to do next, and who gets which shared resource.",
            "",
            *lines,
            "",
            "More on each: parley COMMAND --help",
        ]
    )


if __name__ == "__main__":
    main()
