"""The documentation says what the code has: names, readers, ranges and links are compared, so that pages cannot go stale."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_module
from numpy.typing import NDArray

from agents.evaluation.play import decide
from agents.learning.config import locate
from agents.rules import NEGOTIATORS, PRIORITIZERS, negotiator, prioritizer
from envs import Negotiation, Objective, Phase, Reservations, Uncertainty, World, default_scenario
from envs.columns import (
    CANDIDATE_NAMES,
    CONTEST_NAMES,
    CONTEXT_NAMES,
    NUM_CANDIDATE,
    NUM_CONTEXT,
    RAW_CANDIDATE,
    RAW_CONTEXT,
)
from envs.engine.codes import Term
from envs.events import PROTOCOL, EventKind
from envs.workloads.generators.synthetic import SyntheticWorkload
from experiments.plumbing import cli, registry
from experiments.plumbing.building import find, make
from experiments.plumbing.manual import choices
from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *(ROOT / "results").rglob("*.md")])
COLUMNS = {
    "Candidate columns": (CANDIDATE_NAMES, [CANDIDATE_NAMES[c] for c in RAW_CANDIDATE]),
    "Context columns": (CONTEXT_NAMES, [CONTEXT_NAMES[c] for c in RAW_CONTEXT]),
    "Contest columns": (CONTEST_NAMES, []),
}
RANGES = {
    "{0, 1}": (0.0, 1.0),
    "[0, 1]": (0.0, 1.0),
    "[-1, 1]": (-1.0, 1.0),
    "[0, inf)": (0.0, np.inf),
    "real": (-np.inf, np.inf),
}

Row = list[str]


def sections(page: str) -> dict[str, str]:
    """The text below each heading of a page of docs/."""
    parts = re.split(r"^#+ +(.+)$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def table(page: str, heading: str) -> list[Row]:
    """The cells of the first table below a heading, without its head."""
    rows = re.search(r"(?:^\|.*\n)+", sections(page)[heading], flags=re.MULTILINE)
    assert rows is not None, f"{page} has no table below {heading!r}"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows[0].splitlines()[2:]]


def codes(text: str) -> list[str]:
    """What stands in backticks, in order."""
    return re.findall(r"`([^`]+)`", text)


def named(page: str, heading: str) -> list[str]:
    """What the first column of a table names in backticks, in order."""
    return [name for row in table(page, heading) for name in codes(row[0])]


@pytest.mark.parametrize("heading", COLUMNS)
def test_every_column_is_explained(heading: str) -> None:
    """Protects docs/columns.md: it has exactly the columns that there are, in their order, and says which are raw."""
    names, raw = COLUMNS[heading]
    assert named("columns.md", heading) == list(names)
    assert [codes(row[0])[0] for row in table("columns.md", heading) if "(raw)" in row[0]] == raw
    assert all(row[1] and row[2] for row in table("columns.md", heading))


def test_who_reads_a_column_is_true() -> None:
    """Protects docs/columns.md: the rules it names as readers are those whose formulas have the column."""
    readers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, rule in [*PRIORITIZERS.items(), *NEGOTIATORS.items()]:
        for kind, column in re.findall(r"\b(Candidate|Context|Contest)\.(\w+)", inspect.getsource(rule)):
            readers[kind, column.lower()].append(name)
    readers["Candidate", "startable"] = ["all"]  # RulePrioritizer looks at it for all of them
    found = {
        (heading.split()[0], codes(row[0])[0]): row[4] for heading in COLUMNS for row in table("columns.md", heading)
    }
    assert {key: sorted(said.split(", ")) for key, said in found.items() if said} == {
        key: sorted(names) for key, names in readers.items()
    }


def seen_by_asked_seats() -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Rows of all three tables that asked seats see in a world with everything: failures, breakdowns, credits, alternatives."""
    scenario = replace(
        default_scenario(),
        workload=SyntheticWorkload(agents=3, jobs=16, eligible="all"),
        uncertainty=Uncertainty(0.4, 0.1, 5.0, 2, 400.0, 60.0, 0.5),
        objective=Objective(flow=1.0, tardiness=1.0, slowdown=10.0, lease=0.1, makespan=1.0),
        negotiation=Negotiation(credits=50.0),
        reservations=Reservations(backfill=True),
        candidates=6,
        allow_pass=True,
    )
    world = World(scenario, 8, seed=1)
    out = world.reset()
    players = prioritizer("random+r"), negotiator("urgency")
    picks, bids = np.zeros(out.acting.shape, np.int32), np.zeros(out.acting.shape)
    for _ in range(300):
        asked = out.acting & (out.phase == Phase.PRIORITISE)[:, None]
        yield "Candidate columns", out.candidates[asked][out.mask[asked][:, :-1]]
        yield "Context columns", out.context[asked]
        bidding = out.negotiation[out.acting & (out.phase == Phase.NEGOTIATE)[:, None]]
        parts = np.split(bidding, [NUM_CANDIDATE, NUM_CANDIDATE + NUM_CONTEXT], axis=1)
        yield from zip(COLUMNS, parts, strict=True)
        decide(out, *players, picks, bids)
        out = world.step(picks, bids)


def test_columns_keep_to_their_ranges() -> None:
    """Protects docs/columns.md: nothing that an asked seat sees lies outside the range that the page gives, and columns move."""
    bounds = {heading: np.array([RANGES[row[3]] for row in table("columns.md", heading)]) for heading in COLUMNS}
    moved = {heading: np.zeros(len(bounds[heading]), bool) for heading in COLUMNS}
    for heading, rows in seen_by_asked_seats():
        low, high = bounds[heading].T
        outside = ((rows < low - 1e-6) | (rows > high + 1e-6)).any(axis=0)
        assert not outside.any(), [COLUMNS[heading][0][c] for c in np.flatnonzero(outside)]
        moved[heading] |= (rows != 0).any(axis=0)
    still = [COLUMNS[heading][0][c] for heading in COLUMNS for c in np.flatnonzero(~moved[heading])]
    assert still == ["time_to_free"]  # every task of this world takes a slot: without a free one an agent is not asked


def test_every_rule_is_explained() -> None:
    """Protects docs/rules.md: it has exactly the rules that there are."""
    assert named("rules.md", "Prioritizers") == list(PRIORITIZERS)
    assert named("rules.md", "Negotiators") == list(NEGOTIATORS)


def test_every_event_is_explained() -> None:
    """Protects docs/events.md: it has exactly the kinds that there are, each with its message."""
    found = [(codes(row[0])[0], row[4]) for row in table("events.md", "Events")]
    assert found == [(kind.name, PROTOCOL[kind]) for kind in EventKind]


def test_every_cost_term_is_explained() -> None:
    """Protects docs/glossary.md: it has exactly the terms that an objective weighs and that outputs count."""
    terms = named("glossary.md", "Cost terms")
    assert terms == [field.name for field in fields(Objective)]
    assert terms == [term.name.lower() for term in Term]


def test_terms_are_defined_once() -> None:
    """Protects the glossary: one word, one meaning."""
    pages = [
        heading for heading in sections("glossary.md") if heading not in ("Glossary", "Cost terms")
    ]  # those are names in code
    terms = [term for heading in pages for row in table("glossary.md", heading) for term in row[0].split(", ")]
    assert [term for term in set(terms) if terms.count(term) > 1] == []


def test_every_workload_is_explained() -> None:
    """Protects docs/workloads.md: a section per workload that can be configured, with exactly its parameters."""
    explained = {codes(heading)[0] for heading in sections("workloads.md") if codes(heading)}
    assert explained == set(choices("workload"))
    for name, dotted in registry.WORKLOADS.items():
        assert named("workloads.md", f"`{name}`") == [field.name for field in fields(find(dotted))]
    for name in explained - set(registry.WORKLOADS):
        recipe = yaml.safe_load((ROOT / "conf" / "workload" / f"{name}.yaml").read_text(encoding="utf-8"))
        changed = {key: str(value) for key, value in recipe.items() if key != "defaults"}
        assert {codes(row[0])[0]: row[1] for row in table("workloads.md", f"`{name}`")} == changed


@pytest.mark.parametrize("method", ["ppo", "group", "self_label", "evolution"])
def test_every_scalar_is_explained(method: str, tmp_path: Path) -> None:
    """Protects docs/learning.md: what a run sends to TensorBoard is exactly what the page explains for its method."""
    from stable_baselines3.common.logger import Logger

    from agents.learning.loop import Training

    small = "worlds=4 rollout=400 imitation.decisions=200 network.width=4 episodes.number=4 evaluation.every=1 evaluation.episodes=2"
    groups = "evolution.pairs=4 groups.number=2 groups.rollouts=4 groups.extremes=0 roles=[prioritizer,negotiator]"
    settings = [f"learner.{setting}" for setting in f"{small} {groups}".split()]
    with initialize_config_module("conf", version_base="1.3"):
        config = compose("train", [f"learner={method}", "workload.jobs=12", *settings])
    run = Training(cli.make_scenario(config), locate(make(config, "learner")), tmp_path, seed=0)
    logger, sent = Logger(None, []), set()
    while "rollout/episodes" not in sent:
        for name, value in run.iterate(logger).items():
            logger.record(name, value)
        sent |= {name for name in logger.name_to_value if "tensorboard" not in (logger.name_to_excluded[name] or ())}
    explained = {name: row[1] for row in table("learning.md", "Every scalar") for name in codes(row[0])}
    expected = {name for name, methods in explained.items() if methods == "all" or method in methods.split(", ")}
    assert {re.sub("prioritizer|negotiator", "ROLE", name) for name in sent} == expected


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Protects readers: every relative link of a page leads to a file that exists, and to a heading that it has."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        headings = (
            re.findall(r"^#+ +(.+)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            if anchor and target.is_file()
            else []
        )
        if not target.exists() or (anchor and anchor not in map(slug, headings)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_paths_exist(page: Path) -> None:
    """Protects readers: every file or folder of the project that a page names is there."""
    path = re.compile(r"(envs|agents|experiments|conf|tests|docs|scripts)/[\w/.]*")
    gone = [
        code for code in codes(page.read_text(encoding="utf-8")) if path.fullmatch(code) and not (ROOT / code).exists()
    ]
    assert gone == []


def test_index_lists_every_page() -> None:
    """Protects readers: no page of docs/ is left out of its index."""
    linked = set(re.findall(r"\]\((\w+\.md)\)", (DOCS / "index.md").read_text(encoding="utf-8")))
    assert linked == {page.name for page in DOCS.glob("*.md")} - {"index.md"}
