"""What is decided about in a run that is under way: its open jobs as a situation, or the part of them that counts most."""

from __future__ import annotations

from typing import Final

from agents.operation.execution.run_state import RunState, TaskState
from agents.operation.site.situation import Agent, Job, Reservation, Situation, Task

COPY: Final = " (copy)"
"""Behind the name of a job of which a second attempt at a task runs: agents see what it holds, and decide nothing about it."""
MOST: Final = 100
"""Tasks that are not over, of which a situation has about so many: a policy compares a few dozen at once, and decisions stay fast."""


class View:
    """Makes situations of a run, again and again; what has not changed is kept."""

    def __init__(self, state: RunState, most: int = MOST) -> None:
        """Look at a run, at about so many tasks at once."""
        self._s, self._most = state, most
        self._made: dict[str, tuple[int, Job]] = {}
        """And how often the job had changed by then."""
        self.is_cut = False
        """Whether the last situation had not all tasks."""

    def situation(self, *, whole: bool = False, without_those_down: bool = False) -> Situation | None:
        """Return what is to be decided about now, or None where nothing is.

        Args:
            whole: all of it, however much it is.
            without_those_down: as if agents that are down did not exist, for where nobody expects them back.
        """
        s = self._s
        agents = [self._agent(agent) for agent in s.first.agents]
        if without_those_down:
            agents = [agent for agent in agents if agent.up]
        names = {agent.name for agent in agents}
        shown, self.is_cut = self._chosen(len(s.tasks) if whole else self._most)
        jobs = [told for job, room in shown.items() if (told := self._job(job, names, room)) is not None]
        if not jobs or not agents:
            return None
        return Situation.model_construct(
            version=1,
            time=s.now,
            resources=s.first.resources,
            agents=agents,
            jobs=[*jobs, *self._copies(names)],
            history=[seen for seen in s.history if seen.agent in names],
            reservations=[] if without_those_down else self._standing({job.name for job in jobs}),
            price=s.price,
            balances={name: left for name, left in s.balances.items() if name in names},
        )

    def _chosen(self, most: int) -> tuple[dict[str, int], bool]:
        """Jobs that are looked at, in the run's order, each with the most tasks of it that may wait; whether any are left out.

        Where there are too many, those come first that run, then those with most weight for the work that is left.
        """
        s = self._s
        jobs = list(s.remembered)
        if sum(s.left_of(job) for job in s.open_jobs) <= most:
            return dict.fromkeys(jobs, most), False
        ranked = sorted(s.open_jobs, key=self._rank)
        shown: dict[str, int] = {}
        room = most
        for job in ranked:
            if room <= 0 and not s.runs_of(job):
                break
            shown[job] = max(0, room)
            room -= s.left_of(job)
        return {job: shown.get(job, 0) for job in jobs if job in shown or job not in s.open}, True

    def _rank(self, job: str) -> tuple[bool, bool, float]:
        s = self._s
        weight = s.jobs[job].weight * s.weights.get(job, 1.0)
        return not s.runs_of(job), job not in s.arrived, -weight / max(1, s.left_of(job))

    def _agent(self, agent: Agent) -> Agent:
        up = self._s.up[agent.name] and agent.name not in self._s.avoided
        return agent if agent.up == up else agent.model_copy(update={"up": up})

    def _job(self, name: str, agents: set[str], room: int) -> Job | None:
        s = self._s
        everybody = len(agents) == len(s.up)
        fits = len(s.jobs[name].tasks) <= room or name not in s.open
        known = self._made.get(name)
        if everybody and fits and known is not None and known[0] == s.changes[name]:
            return known[1]
        job = s.jobs[name]
        tasks = self._tasks(name, agents, room if not fits else len(job.tasks))
        if not tasks:
            return None
        made = job.model_copy(
            update={
                "tasks": tasks,
                "arrived": name in s.arrived,
                "weight": job.weight * s.weights.get(name, 1.0),
                "owner": job.owner if job.owner in agents else None,
            }
        )
        if everybody and fits and not any(each.ready and each.ready > s.now for each in s.of(name)):
            self._made[name] = s.changes[name], made
        return made

    def _tasks(self, name: str, agents: set[str], room: int) -> list[Task]:
        """Tasks of a job, every one with all that it waits for; of a job that is too large, those that run and the first that wait."""
        own = self._s.of(name)
        whole = room >= len(own)
        tasks: list[Task] = []
        kept: set[str] = set()
        done = {each.task.name for each in own if each.state == "done"}
        for each in own:
            if (not whole and each.state == "done") or (each.state == "waiting" and room <= 0):
                continue
            told = self._told(each, agents)
            if told is not None:
                if not whole and not done.isdisjoint(told.predecessors):
                    told = told.model_copy(update={"predecessors": [p for p in told.predecessors if p not in done]})
                room -= told.state == "waiting"
                kept.add(told.name)
                tasks.append(told)
        while orphans := {task.name for task in tasks if not kept.issuperset(task.predecessors)}:
            kept -= orphans
            tasks = [task for task in tasks if task.name in kept]
        return tasks

    def _told(self, each: TaskState, agents: set[str]) -> Task | None:
        """A task as a situation has it, or None where nothing can be decided about it."""
        s = self._s
        if each.state in ("failed", "blocked"):
            return None
        if each.state == "waiting":
            if each.ready is not None and each.ready > s.now:
                return None
            if len(agents) < len(s.up):
                may = {name: took for name, took in s.first.options.of(each.task).items() if name in agents}
                return each.task.model_copy(update={"eligible": may, "failed": each.failed}) if may else None
            return (
                each.task if each.failed == each.task.failed else each.task.model_copy(update={"failed": each.failed})
            )
        if each.state == "running":
            run = each.runs[0]
            change = {"state": "running", "agent": run.agent, "since": run.since}
        elif each.agent in agents:
            change = {"state": "done", "agent": each.agent, "since": each.since, "until": each.until}
        else:
            change = {"state": "done", "agent": None, "since": None, "until": each.until}
        return each.task.model_copy(update={**change, "failed": each.failed})

    def _copies(self, agents: set[str]) -> list[Job]:
        """Second attempts, as jobs of their own."""
        return [
            Job(
                name=f"{task.job}{COPY} {task.task.name}"[:200],
                release=run.since,
                arrived=True,
                tasks=[
                    task.task.model_copy(
                        update={"state": "running", "agent": run.agent, "since": run.since, "predecessors": []}
                    )
                ],
            )
            for task, run in self._s.running
            if run is not task.runs[0] and run.agent in agents
        ]

    def _standing(self, jobs: set[str]) -> list[Reservation]:
        s = self._s
        return [
            held
            for held in s.reservations
            if held.job in jobs
            and s.tasks[held.job, held.task].state == "waiting"
            and s.up[held.agent]
            and held.agent not in s.avoided
        ]
