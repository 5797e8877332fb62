"""Nothing that a seat sees tells of the future: one realised value is changed, and every column is looked at until that value shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.columns import CANDIDATE_NAMES, CONTEST_NAMES, CONTEXT_NAMES
from envs.events import EventKind
from envs.parallel_env import TaskManagement
from envs.scenario import Knowledge, Limits, Negotiation, Objective, Reservations, Scenario, Uncertainty
from envs.workloads.instance import Instance
from envs.world import Outputs, World
from tests.reference.scenarios import Fixed, random_actions, random_case

K = EventKind
Event = tuple[float, int, int, int, int, float]
"""(time, kind, agent, job, task, value)."""
Shown = dict[str, NDArray[Any]]
"""All that seats see at once."""
Reveals = Callable[[Event], bool]
"""Whether an event is one by which a changed value may show."""

STOPS = (K.TASK_END, K.TASK_FAILED, K.TASK_INTERRUPTED)
OBJECTIVES = {
    "flow": Objective(flow=1.0),
    "tardiness": Objective(tardiness=1.0),
    "slowdown": Objective(slowdown=1.0),
    "makespan": Objective(makespan=1.0),
    "lease": Objective(lease=1.0),
    "mixed": Objective(flow=0.3, tardiness=2.0, slowdown=40.0, makespan=1.0, lease=0.1, abandonment=9.0),
}
NOISE = Uncertainty(duration_sigma=0.5)
FAILING = replace(NOISE, failure_probability=0.4, retry_delay=3.0, max_failures=2)
BREAKING = replace(NOISE, mean_time_between_failures=15.0, mean_time_to_repair=6.0)
STORM = replace(FAILING, mean_time_between_failures=20.0, mean_time_to_repair=6.0, kept_progress=0.5)
FEATURES: dict[str, dict[str, Any]] = {
    "certain": {"uncertainty": Uncertainty()},
    "noise": {},
    "failures": {"uncertainty": FAILING},
    "breakdowns": {"uncertainty": BREAKING},
    "kept progress": {"uncertainty": replace(BREAKING, kept_progress=1.0)},
    "storm": {"uncertainty": STORM},
    "no reservations": {"reservations": Reservations(allowed=False)},
    "backfill": {"reservations": Reservations(backfill=True)},
    "hold": {"reservations": Reservations(hold="start"), "uncertainty": STORM},
    "hold, backfill": {"reservations": Reservations(hold="start", backfill=True)},
    "blocking": {"reservations": Reservations(hold="start", blocking=True)},
    "blocking, backfill": {
        "reservations": Reservations(hold="start", blocking=True, backfill=True),
        "uncertainty": STORM,
    },
    "passing": {"allow_pass": True},
    "passing in a storm": {"allow_pass": True, "uncertainty": STORM, "reservations": Reservations(hold="start")},
    "passing, no reservations": {"allow_pass": True, "reservations": Reservations(allowed=False)},
    "credits": {"negotiation": Negotiation(credits=5.0)},
    "own rewards": {"cooperation": 0.0},
    "narrow window": {"candidates": 2, "uncertainty": STORM},
    "nothing learned": {"knowledge": Knowledge(learn=False)},
    "weak prior": {"knowledge": Knowledge(prior_count=0.2, prior_std=1.0)},
    "time limit": {"limits": Limits(max_time=25.0)},
    "round limit": {"limits": Limits(max_rounds=9)},
}
TRIES = {"mixed": 3}
"""Instances that each feature is tried on with an objective; one, where nothing else is said."""
COLUMNS: dict[str, tuple[str, ...]] = {
    "candidates": CANDIDATE_NAMES,
    "context": CONTEXT_NAMES,
    "negotiation": (*CANDIDATE_NAMES, *CONTEXT_NAMES, *CONTEST_NAMES),
}
"""Names along the last axis of what is shown."""


class Sight(NamedTuple):
    """What is seen when somebody decides, or at the end."""

    events: int
    """How many had happened."""
    shown: Shown


class Play(NamedTuple):
    """An episode as the seats saw it, and what happened in it."""

    sights: list[Sight]
    events: list[Event]


class Future(NamedTuple):
    """One realised value that is changed."""

    name: str
    reveals: Reveals
    instance: Instance
    tamper: Callable[[dict[str, NDArray[Any]]], None] | None = None
    """Changes the state in the middle of the episode instead."""


def scenario_of(objective: str, feature: str, instance: Instance) -> Scenario:
    """A scenario with one objective and one feature, beside noise and eight candidates."""
    parts: dict[str, Any] = {"uncertainty": NOISE, "candidates": 8, **FEATURES[feature]}
    return Scenario(Fixed(instance), OBJECTIVES[objective], **parts)


def seen(out: Outputs) -> Shown:
    """Everything that the seats of the first world see."""
    return {name: getattr(out, name)[0].copy() for name in ("phase", "time", "acting", "mask", "task", *COLUMNS)}


def by_column(part: str, shown: NDArray[Any]) -> Shown:
    """One part of what is shown, column by column where it has any."""
    if part not in COLUMNS:
        return {part: shown}
    return {f"{part}[{c}] {name}": shown[..., c] for c, name in enumerate(COLUMNS[part])}


def different(one: Shown, other: Shown) -> set[str]:
    """The columns that are not equal."""
    parts = [part for part in one if not np.array_equal(one[part], other[part])]
    pairs = [(by_column(part, one[part]), by_column(part, other[part])) for part in parts]
    return {column for a, b in pairs for column in a if not np.array_equal(a[column], b[column])}


def events_of(world: World) -> list[Event]:
    """The events of the first world so far."""
    return list(zip(*(column.tolist() for column in world.log(0)), strict=True))


def play(scenario: Scenario, future: Future, seed: int, at: int = 0) -> Play:
    """Play an episode with random legal actions, which depend on nothing but what is seen; before decision ``at`` the future is changed."""
    world = World(scenario, 1, instances=[future.instance], auto_reset=False, record=True)
    random = np.random.default_rng(seed)
    out = world.reset(seeds=np.array([seed], np.uint64))
    past: list[Event] = []
    sights: list[Sight] = []
    while True:
        sights.append(Sight(len(past) + world.log(0).time.size, seen(out)))
        if out.terminated[0] or out.truncated[0]:
            return Play(sights, past + events_of(world))
        if future.tamper is not None and len(sights) == at:
            past = events_of(world)
            state = world.get_state()
            future.tamper(state)
            world.set_state(state)
        picks, bids = random_actions(random, out.mask[0])
        out = world.step(picks[None], bids[None])


def leaks(one: Play, other: Play, reveals: Reveals) -> set[str]:
    """Columns that differ between two futures before a changed value may show: as long as the same has happened, and nothing reveals it."""
    pairs = enumerate(zip(one.events, other.events, strict=False))
    same = next((n for n, (a, b) in pairs if a != b or reveals(a)), min(len(one.events), len(other.events)))
    found: set[str] = set()
    ahead = [play.events[same] for play in (one, other) if len(play.events) > same]
    first = min((event[0] for event in ahead), default=0.0)
    if ahead and not any(reveals(event) for event in ahead if event[0] == first):
        found.add(f"what happens: {ahead}")
    for a, b in zip(one.sights, other.sights, strict=False):
        early, late = sorted((a, b), key=lambda sight: sight.events)
        if early.events > same:
            break
        if early.events != late.events:
            longer = one if late is a else other
            if longer.events[early.events][0] > early.shown["time"]:
                found.add("who is asked")
            break
        found |= different(a.shown, b.shown)
    return found


def of_task(task: int) -> Reveals:
    """How long a task takes, or whether it fails, shows when an attempt at it stops."""
    return lambda event: event[1] in STOPS and event[4] == task


def of_agent(agent: int) -> Reveals:
    """When an agent breaks down, or is repaired, shows then."""
    return lambda event: event[1] in (K.AGENT_DOWN, K.AGENT_UP) and event[2] == agent


def in_instance(i: Instance, random: np.random.Generator) -> Iterator[Future]:
    """Change what the source knows of durations, speeds and later jobs."""
    task, agent = int(random.integers(i.num_tasks)), int(random.integers(i.num_agents))
    ratio = i.task_ratio.copy()
    ratio[task] = 3.0 * ratio[task] + 0.5
    yield Future("ratio", of_task(task), replace(i, task_ratio=ratio))
    speed = i.speed.copy()
    speed[agent] *= 0.4
    yield Future("speed", lambda event: event[1] in STOPS and event[2] == agent, replace(i, speed=speed))
    late = np.flatnonzero(i.job_release > 0)
    if not late.size:
        return
    job = int(random.choice(late))
    of_job: Reveals = lambda event: event[1] == K.TASK_SUBMISSION and event[3] == job  # noqa: E731
    weight, due, owner, nominal = i.job_weight.copy(), i.job_due.copy(), i.job_owner.copy(), i.option_nominal.copy()
    weight[job], due[job], owner[job] = 7.0, i.job_release[job], (owner[job] + 1) % i.num_agents
    nominal[i.option_first[i.job_first[job]] : i.option_first[i.job_first[job + 1]]] *= 2.0
    yield Future(
        "later job", of_job, replace(i, job_weight=weight, job_due=due, job_owner=owner, option_nominal=nominal)
    )
    release = i.job_release.copy()
    release[job:] += 5.0
    yield Future(
        "release", lambda event: event[1] == K.TASK_SUBMISSION and event[3] >= job, replace(i, job_release=release)
    )
    last = i.num_jobs - 1
    if i.job_release[last] > 0:  # whether any job is still to arrive is known
        yield Future(
            "one job less", lambda event: event[1] == K.TASK_SUBMISSION and event[3] >= last - 1, without_last(i)
        )


def without_last(i: Instance) -> Instance:
    """The same jobs but for the last."""
    tasks = int(i.job_first[-2])
    options, edges = int(i.option_first[tasks]), int(i.successor_first[tasks])
    of_jobs = {
        name: getattr(i, name)[:-1] for name in ("job_release", "job_due", "job_weight", "job_owner", "job_first")
    }
    of_tasks = {name: getattr(i, name)[:tasks] for name in ("task_kind", "task_demand", "task_ratio")}
    of_options = {name: getattr(i, name)[:options] for name in ("option_agent", "option_nominal")}
    firsts = {name: getattr(i, name)[: tasks + 1] for name in ("option_first", "successor_first")}
    return replace(i, **of_jobs, **of_tasks, **of_options, **firsts, successor=i.successor[:edges])


def in_state(i: Instance, random: np.random.Generator) -> Iterator[Future]:
    """Change draws: when, and how, one running attempt ends; when one agent breaks down or is repaired; all that is drawn from here on."""
    chance = float(random.random())
    moved: list[int] = []

    def slot(state: dict[str, NDArray[Any]]) -> int:
        running = int(state["world"]["num_running"][0])
        moved[:] = [int(state["running"]["task"][0, int(chance * running)])] if running else []
        return int(chance * running)

    def end_later(state: dict[str, NDArray[Any]]) -> None:
        at = slot(state)
        if moved:
            state["running"]["ends"][0, at] += 2.5
            state["running"]["full"][0, at] += 2.5

    def fail(state: dict[str, NDArray[Any]]) -> None:
        at = slot(state)
        if moved:
            state["running"]["fails"][0, at] ^= True

    def flip(state: dict[str, NDArray[Any]]) -> None:
        state["agents"]["flip"][0, agent] = state["agents"]["flip"][0, agent] * 1.1 + 0.5

    def draw_again(state: dict[str, NDArray[Any]]) -> None:
        state["world"]["seed"] += 1

    agent = int(chance * i.num_agents)
    yield Future("end", lambda event: event[1] in STOPS and event[4] in moved, i, end_later)
    yield Future("failure", lambda event: event[1] in STOPS and event[4] in moved, i, fail)
    yield Future("breakdown", of_agent(agent), i, flip)
    # what has not begun yet: attempts of the future, breakdowns after the next ones
    yield Future("luck", lambda event: event[1] in (*STOPS, K.AGENT_DOWN, K.AGENT_UP), i, draw_again)


def coarse(i: Instance) -> Instance:
    """The same jobs, many of which arrive at the same time: what arrives later in an instant is unknown as well."""
    return replace(i, job_release=np.ceil(i.job_release / 15.0) * 15.0)


def futures(objective: str, feature: str) -> Iterator[tuple[str, Play, Play, Reveals]]:
    """Pairs of episodes that differ in one realised value, and what may reveal it."""
    for number in range(TRIES.get(objective, 1)):
        case = list(FEATURES).index(feature) + len(FEATURES) * (list(OBJECTIVES).index(objective) + number)
        instance = coarse(random_case(1000 + case)[1]) if case % 2 else random_case(1000 + case)[1]
        scenario, random = scenario_of(objective, feature, instance), np.random.default_rng(case)
        base = play(scenario, Future("", lambda event: False, instance), case)
        at = int(random.integers(1, len(base.sights))) if len(base.sights) > 1 else 0
        for change in (in_instance, in_state):
            for future in change(instance, random):
                if future.name == "failure" and not scenario.uncertainty.failure_probability:
                    continue  # the world keeps no room for retries then
                yield f"{future.name} ({case})", base, play(scenario, future, case, at), future.reveals


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_column_tells_of_the_future(objective: str, feature: str) -> None:
    """Protects the agents' ignorance, column by column, whatever the objective and the rules of play."""
    found = {name: leaks(*pair) for name, *pair in futures(objective, feature)}
    assert not {name: sorted(columns) for name, columns in found.items() if columns}


def test_the_search_for_leaks_looks_at_everything() -> None:
    """Protects the test above from looking at nothing: every change shows in the end, and every column takes several values."""
    values: dict[str, set[bytes]] = {}
    shows: dict[str, bool] = {}
    for feature in FEATURES:
        for name, base, other, _ in futures("mixed", feature):
            change = name.split(" (")[0]
            shows[change] = shows.get(change, False) or base.events != other.events
            for sight in base.sights:
                for part, shown in sight.shown.items():
                    for column, array in by_column(part, shown).items():
                        values.setdefault(column, set()).update(array.reshape(-1).tolist())
    assert all(shows.values()), shows
    compared = ("others_gap", "line_over")
    of_one_pick = {
        f"negotiation[{c}] {name}"
        for c, name in enumerate(CANDIDATE_NAMES)
        if name.endswith("_rank") or name in compared
    }  # there are no ranks, and nothing to be compared with
    assert {column for column, taken in values.items() if len(taken) < 2} == of_one_pick


def glimpse(env: TaskManagement, observations: Any, infos: Any) -> Shown:
    """What the PettingZoo view shows, by seat."""
    views = {f"infos.{seat}": np.array(repr({**info, "terms": None})) for seat, info in infos.items()}
    for seat, view in observations.items():
        for part, array in {**view["observation"], "action_mask": view["action_mask"]}.items():
            views[f"{seat}.{part}"] = array
    return views | {"state": env.state(), "time": env.world.out.time[0].copy()}


def play_env(scenario: Scenario, instance: Instance, seed: int) -> Play:
    """Play an episode of the PettingZoo view with random actions, some of them illegal."""
    env = TaskManagement(replace(scenario, workload=Fixed(instance)), render_mode="ansi")
    random = np.random.default_rng(seed)
    observations, infos = env.reset(seed=seed)
    sights = [Sight(len(events_of(env.world)), glimpse(env, observations, infos))]
    while env.agents:
        actions = {seat: int(random.integers(env.action_space(seat).n)) for seat in env.agents}  # type: ignore[attr-defined]  # Discrete
        observations, _, _, _, infos = env.step(actions)
        sights.append(Sight(len(events_of(env.world)), glimpse(env, observations, infos)))
    return Play(sights, events_of(env.world))


@pytest.mark.parametrize("feature", ["storm", "hold", "blocking, backfill", "passing in a storm", "credits"])
def test_the_pettingzoo_view_tells_nothing_of_the_future(feature: str) -> None:
    """Protects ``infos`` and ``state()`` too; rewards and cost terms are no part of what is seen (docs/world.md, section 6)."""
    for case in range(10):
        instance = random_case(case)[1]
        scenario = scenario_of("mixed", feature, instance)
        base = play_env(scenario, instance, case)
        changes = list(in_instance(instance, np.random.default_rng(case)))
        found = {
            future.name: leaks(base, play_env(scenario, future.instance, case), future.reveals) for future in changes
        }
        assert not {name: sorted(parts) for name, parts in found.items() if parts}, case
