"""A situation to start from: ten tasks of a small team that shares GPUs."""

from __future__ import annotations

from agents.operation.site.situation import Situation


def example() -> Situation:
    """Return ten tasks in four jobs, three agents, of which two share four GPUs with the third, and something that runs already."""
    return (
        Situation.new(time=3600.0)
        .resource("gpu", 4)
        .resource("license", 1)
        .agent("ada", speeds={"train": 1.5})
        .agent("ben")
        .agent("cy", speeds={"report": 2.0})
        .job("forecast", owner="ada", release=600.0, due=7200.0, weight=4.0)
        .task("clean", 300.0, kind="prepare", state="done", agent="ada", since=700.0, until=1150.0)
        .task(
            "fit",
            {"p10": 900.0, "p50": 1500.0, "p90": 2700.0},
            kind="train",
            demands={"gpu": 2},
            predecessors=["clean"],
        )
        .task("publish", 120.0, kind="report", demands={"license": 1}, predecessors=["fit"], eligible=["cy", "ben"])
        .job("nightly", owner="ben", release=1200.0, due=10800.0)
        .task("extract", 900.0, kind="prepare", state="running", agent="ben", since=3000.0)
        .task("load", 600.0, kind="prepare", predecessors=["extract"])
        .task("check", 60.0, kind="report", demands={"license": 1}, predecessors=["load"])
        .job("paper", owner="cy", release=2400.0, due=5400.0, weight=2.0)
        .task("figures", 400.0, kind="report", demands={"license": 1})
        .task("train", 2400.0, kind="train", demands={"gpu": 3}, eligible=["ada", "cy"])
        .task("write", 900.0, kind="report", predecessors=["figures", "train"], pinned="cy")
        .job("demo", owner="cy", release=3500.0)
        .task("record", 200.0, kind="report", demands={"gpu": 1}, failed=1)
        .seen("ada", "train", 1.1, 0.9, 1.2)
        .seen("ben", "prepare", 1.6, 1.4)
        .build()
    )
