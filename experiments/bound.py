"""What no schedule can beat, and the best schedules that CP-SAT finds in a time limit.

  parley bound suite=job_shop path=DIR seconds=60 out=shops.json    every instance of a folder
  parley bound suite=job_shop path=DIR seconds=600 bounds=shops.json out=shops.json    ten minutes for what is not proved yet
  parley benchmark suite=job_shop path=DIR bounds=shops.json        gaps to what that found
  parley bound suite=job_shop seconds=0 out=quick.json               bounds that need no search
  parley bound scenario=project workload=project workload.path=FILE out=project.json    one project
  parley bound workload.jobs=6 seed=3 episodes=4 out=few.json        small instances of the default scenario

Durations are as they are realised without noise: a bound knows what no agent can know, and holds for every way to decide.
Every schedule is checked. CP-SAT comes with ortools: pip install 'parley-world[bounds]'.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from experiments.plumbing import cli
from experiments.plumbing.building import check_writable, settings
from experiments.plumbing.settings import Bound
from experiments.suites import PROBLEMS, SUITES

if TYPE_CHECKING:
    from envs.scenario import Objective
    from envs.workloads.instance import Instance


def bound(config: DictConfig) -> None:
    """Look at every instance of a suite or a scenario, print what is known of it, and keep it in ``config.out``."""
    told = settings(config, Bound)
    out = Path(told.out)
    if out.suffix != ".json" or out.is_dir():
        raise cli.UsageError(f"out={out} must be the .json file to write")
    check_writable("out", out)

    from agents.progress import Progress
    from experiments.bounds.answers import Answers
    from experiments.bounds.cpsat import check_installed
    from experiments.bounds.search import answer, better

    if told.seconds:
        check_installed()
    objective, instances = _instances(config, told)
    before = Answers.before(told.bounds, objective)
    how = {"seconds": told.seconds, "workers": told.workers, "seed": told.seed}
    answers = Answers(objective, {})
    with Progress(instances, desc="bounds", unit="instance") as bar:
        for i in bar:
            bar.set_postfix_str(i.name)
            known = before.look_up(i)
            if known is None or not known.proven:
                found = answer(
                    objective, i, told.seconds if i.num_options <= told.options else 0.0, told.workers, told.seed
                )
                known = found if known is None else better(known, found)
            answers.of[known.digest] = known
            answers.write(out, how)  # after each: whoever stops this keeps what was found
    print(answers.table())
    print(f"All bounds and schedules are in {out}.")


def _instances(config: DictConfig, told: Bound) -> tuple[Objective, list[Instance]]:
    """What ``config.suite`` measures against bounds or, without a suite, ``config.episodes`` instances of the scenario's workload."""
    name = told.suite
    if name is None:
        from agents.evaluation.play import draw_episodes

        scenario = cli.make_scenario(config)
        cli.tell_skipped(scenario)
        return scenario.objective, draw_episodes(scenario, told.episodes, told.seed).instances
    known = list(PROBLEMS)
    if name not in known:
        raise cli.UsageError(
            f"suite is {name!r}, must be one of {', '.join(known)}, or null for the scenario's workload"
        )
    contests = importlib.import_module(f"experiments.{SUITES[name]}.{name}").SUITE.contests(config)
    objectives = {contest.scenario.objective for contest in contests}
    if len(objectives) > 1:
        raise cli.UsageError(f"suite={name} has several objectives, must have one: bound its scenarios one by one")
    return objectives.pop(), [i for contest in contests for i in contest.episodes.instances]


def main() -> None:
    """Run ``parley bound``."""
    cli.run(bound, "bound")
