"""Old files load or are refused clearly: whatever is of a later format is refused in one line that says which, and so are other columns."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents import policies
from agents.learning import checkpoint
from agents.networks.architecture import PRIORITIZER
from agents.networks.artifact import DESCRIPTION, WEIGHTS
from agents.operation.deciding.history import History
from agents.operation.execution.journal import Journal
from agents.operation.knowledge.experiences import Experiences
from agents.operation.knowledge.knowledge import KnowledgeIntegrator
from agents.operation.knowledge.promotions import Promotions
from agents.operation.messages.messages import read_message
from agents.operation.site import play_rules
from agents.operation.site.situation import Situation
from agents.policies import SHIPPED_FOLDER
from agents.rules import index
from experiments.reports import logs, report
from tests.by_hand import LOG, ByHand, event_log

LATER = 99


def site() -> Situation:
    """The smallest situation."""
    return Situation.new().agent("ada").job("paper").task("write", 1.0).build()


def told(path: Path, key: str = "format") -> None:
    """Have a JSON file say that it is of a later format."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {key: LATER}), encoding="utf-8")


def marked(path: Path) -> None:
    """Have a file of SQLite say that it is of a later format."""
    with closing(sqlite3.connect(path)) as base:
        base.execute(f"PRAGMA user_version = {LATER}")


def network(path: Path) -> Callable[[], Any]:
    """A trained policy."""
    shutil.copytree(SHIPPED_FOLDER / "job_shop", path)
    told(path / PRIORITIZER / DESCRIPTION)
    return lambda: policies.load(path)


def tuned(path: Path) -> Callable[[], Any]:
    """An index."""
    shutil.copytree(SHIPPED_FOLDER / "saf_index", path)
    told(path / index.FILE)
    return lambda: policies.load_prioritizer(str(path))


def rules_of_play(path: Path) -> Callable[[], Any]:
    """The rules that a policy plays by."""
    shutil.copytree(SHIPPED_FOLDER / "job_shop", path)
    told(path / play_rules.FILE)
    return lambda: play_rules.read(path)


def run(path: Path) -> Callable[[], Any]:
    """A checkpoint."""
    facts: dict[str, Any] = {"iteration": 1, "decisions": 1, "seconds": 1.0, "best": None, "seed": 0, "threads": 1}
    checkpoint.save(path, {"a": np.zeros(1)}, facts | {"device": "cpu", "torch": "2", "format": LATER})
    return lambda: checkpoint.load_latest(path)


def situation(path: Path) -> Callable[[], Any]:
    """A situation."""
    path.write_text(site().write(), encoding="utf-8")
    told(path, "version")
    return lambda: Situation.read(path.read_bytes())


def message(path: Path) -> Callable[[], Any]:
    """A message of a run, as its journal and its stream hold them."""
    path.write_text(json.dumps({"kind": "health_status", "version": LATER, "time": 1.0, "agent": "a", "up": True}))
    return lambda: read_message(path.read_bytes())


def history(path: Path) -> Callable[[], Any]:
    """Decisions of before."""
    History(path)
    marked(path)
    return lambda: History(path)


def journal(path: Path) -> Callable[[], Any]:
    """A run of real commands."""
    Journal.begin(path, site()).close()
    marked(path)
    return lambda: Journal(path)


def experiences(path: Path) -> Callable[[], Any]:
    """What was executed."""
    Experiences(path)
    marked(path)
    return lambda: Experiences(path)


def promotions(path: Path) -> Callable[[], Any]:
    """The book of promotions."""
    Promotions(path, path.with_name("in_force"))
    marked(path)
    return lambda: Promotions(path, path.with_name("in_force"))


def knowledge(path: Path) -> Callable[[], Any]:
    """What was learned of agents."""
    KnowledgeIntegrator(path).save()
    told(path)
    return lambda: KnowledgeIntegrator(path)


def events(path: Path) -> Callable[[], Any]:
    """An event log."""
    path = path.with_suffix(".npz")
    logs.write(path, "x", ByHand().instance(0), event_log(LOG))
    with np.load(path) as columns:
        np.savez(path, **{**columns, "format": np.asarray(LATER)})
    return lambda: logs.read(path)


def tables(path: Path) -> Callable[[], Any]:
    """The report of an evaluation or a suite."""
    document = report.as_json(report.Report("x", [], [])) | {"format": LATER}
    return lambda: report.from_json(str(path), document)


MAKERS = (
    network,
    tuned,
    rules_of_play,
    run,
    situation,
    message,
    history,
    journal,
    experiences,
    promotions,
    knowledge,
    events,
    tables,
)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_a_later_format_is_named(make: Callable[[Path], Callable[[], Any]], tmp_path: Path) -> None:
    """Protects whoever has two versions of Parley: no file of the later one is misread, and all say what they are."""
    read = make(tmp_path / "given")
    with pytest.raises(ValueError, match=str(LATER)) as caught:
        read()
    said = str(caught.value)
    assert "must be" in said
    assert "\n" not in said
    assert "damaged" not in said


def test_an_event_log_of_before_is_read(tmp_path: Path) -> None:
    """Protects old event logs: those that say no format are of the first."""
    path = tmp_path / "old.npz"
    logs.write(path, "x", ByHand().instance(0), event_log(LOG))
    with np.load(path) as columns:
        old = {name: column for name, column in columns.items() if name != logs.VERSION}
    assert len(old) == len(columns.files) - 1
    np.savez(path, **old)
    assert len(logs.read(path)[2].time) == len(LOG)


def test_a_policy_with_other_columns_is_refused_by_them(tmp_path: Path) -> None:
    """Protects from a policy of a version with other columns: all of those that are not here are named, with the file."""
    shutil.copytree(SHIPPED_FOLDER / "job_shop", tmp_path / "given")
    path = tmp_path / "given" / PRIORITIZER / DESCRIPTION
    described = json.loads(path.read_text(encoding="utf-8"))
    described["candidate_columns"] += ["moon", "mars"]
    path.write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(ValueError, match=r"policy\.json: unknown columns 'mars', 'moon', must be one of startable, "):
        policies.load(tmp_path / "given")
    assert (path.parent / WEIGHTS).is_file()
