"""Find out what no schedule can beat, and the best schedules of a time limit. ``--help`` shows how."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from experiments.benchmark import SUITES
from experiments.plumbing import cli
from experiments.plumbing.building import check
from experiments.plumbing.files import check_writable

if TYPE_CHECKING:
    from envs.scenario import Objective
    from envs.workloads.instance import Instance

MOST_WORKERS = 1024


def bound(config: DictConfig) -> None:
    """Look at every instance of a suite or a scenario, print what is known of it, and keep it in ``config.out``."""
    seconds = check(config.seconds, float, "seconds")
    if not 0 <= seconds < float("inf"):
        raise cli.UsageError(f"seconds is {seconds}, must be finite and >= 0")
    workers, seed = cli.integer(config, "workers", 1, MOST_WORKERS), cli.integer(config, "seed", 0, 2**31 - 1)
    most = cli.integer(config, "options", 0)
    out = Path(check(config.out, str, "out"))
    if out.suffix != ".json" or out.is_dir():
        raise cli.UsageError(f"out={out} must be the .json file to write")
    check_writable("out", out)

    from tqdm import tqdm

    from experiments.bounds.answers import Answers
    from experiments.bounds.cpsat import check_installed
    from experiments.bounds.search import answer, better

    if seconds:
        check_installed()
    objective, instances = _instances(config)
    before = Answers.before(check(config.bounds, str | None, "bounds"), objective)
    how = {"seconds": seconds, "workers": workers, "seed": seed}
    answers = Answers(objective, {})
    with tqdm(instances, desc="bounds", unit="instance", disable=None) as bar:
        for i in bar:
            bar.set_postfix_str(i.name)
            known = before.look_up(i)
            if known is None or not known.proven:
                found = answer(objective, i, seconds if i.num_options <= most else 0.0, workers, seed)
                known = found if known is None else better(known, found)
            answers.of[known.digest] = known
            answers.write(out, how)  # after each: whoever stops this keeps what was found
    print(answers.table())
    print(f"All bounds and schedules are in {out}.")


def _instances(config: DictConfig) -> tuple[Objective, list[Instance]]:
    """What ``config.suite`` measures against bounds or, without a suite, ``config.episodes`` instances of the scenario's workload."""
    name = check(config.suite, str | None, "suite")
    if name is None:
        from agents.evaluation.play import draw_episodes

        scenario = cli.make_scenario(config)
        cli.tell_skipped(scenario)
        return scenario.objective, draw_episodes(scenario, cli.integer(config, "episodes", 1, cli.MOST_EPISODES), config.seed).instances
    known = [suite for suite, package in SUITES.items() if package]
    if name not in known:
        raise cli.UsageError(f"suite is {name!r}, must be one of {', '.join(known)}, or null for the scenario's workload")
    contests = importlib.import_module(f"experiments.{SUITES[name]}.{name}").SUITE.contests(config)
    objectives = {contest.scenario.objective for contest in contests}
    if len(objectives) > 1:
        raise cli.UsageError(f"suite={name} has several objectives, must have one: bound its scenarios one by one")
    return objectives.pop(), [i for contest in contests for i in contest.episodes.instances]


def main() -> None:
    """Run ``parley-bound``."""
    cli.run(bound, "bound")


if __name__ == "__main__":
    main()
