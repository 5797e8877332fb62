"""Promotions: what is in force is what the book says, and what was before comes back without its folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agents.operation.deciding.decision import DecisionEngine
from agents.operation.knowledge.promotions import CARD, PromotionError, Promotions, reason_of
from agents.operation.site.play_rules import FILE, rules_of
from agents.rules import index
from envs import default_scenario
from envs.files import write_text
from tests.agents.operation.test_decision import busy


def policy(folder: Path, weight: float) -> Path:
    """Make the folder of an index with rules of play."""
    folder.mkdir()
    write_text(folder / index.FILE, json.dumps({"format": 1, "weights": {"log_duration": weight}}))
    write_text(folder / FILE, rules_of(default_scenario(), "saf", "fcfs").text())
    return folder


@pytest.fixture
def book(tmp_path: Path) -> Promotions:
    """A new book."""
    return Promotions(tmp_path / "results" / "promotions.db", tmp_path / "results" / "in_force")


def weight_in_force(book: Promotions) -> float:
    """What the index in force weighs durations by."""
    found: float = json.loads((book.in_force / index.FILE).read_text(encoding="utf-8"))["weights"]["log_duration"]
    return found


def test_promote_and_roll_back(tmp_path: Path, book: Promotions) -> None:
    """Protects who has to go back at night: two steps back and one forward, with the folders gone that were promoted from."""
    assert book.current() is None
    for number, weight in enumerate((-1.0, -2.0, -3.0), 1):
        assert book.promote(policy(tmp_path / f"p{number}", weight), f"try {number}").number == number
        assert weight_in_force(book) == weight
        shutil.rmtree(tmp_path / f"p{number}")
    again = Promotions(book.book, book.in_force)
    assert again.roll_back("worse").source.endswith("p2")
    assert weight_in_force(again) == -2.0
    again.roll_back("worse still")
    assert weight_in_force(again) == -1.0
    with pytest.raises(PromotionError, match="nothing was in force before"):
        again.roll_back("")
    again.promote(policy(tmp_path / "p4", -4.0), "")
    again.roll_back("")
    assert weight_in_force(again) == -1.0
    assert [entry.action for entry in again.entries()] == ["promoted"] * 3 + ["rolled back"] * 2 + [
        "promoted",
        "rolled back",
    ]


def test_who_is_killed_between_book_and_folder(tmp_path: Path, book: Promotions) -> None:
    """Protects a promotion from a crash: the book counts, and the folder is put right."""
    book.promote(policy(tmp_path / "one", -1.0), "")
    write_text(book.in_force / index.FILE, "half of it")
    assert book.current() is not None
    assert weight_in_force(book) == -1.0
    shutil.rmtree(book.in_force)
    book.current()
    assert weight_in_force(book) == -1.0


def test_what_is_in_force_decides_by_its_rules_of_play(tmp_path: Path, book: Promotions) -> None:
    """Protects what was measured: an index that comes with rules of play decides by them, as it was trained."""
    book.promote(policy(tmp_path / "one", -1.0), "")
    engine = DecisionEngine.load(str(book.in_force))
    assert engine.deciders.rules.scenario.objective == default_scenario().objective
    assert engine.deciders.rules.prioritizer == "saf"
    assert not engine.decide(busy()).fallback


def test_what_cannot_be_promoted(tmp_path: Path, book: Promotions) -> None:
    """Protects users: one line that says what is missing; and files that are something else are left alone."""
    with pytest.raises(PromotionError, match="nowhere: holds no policy"):
        book.promote(tmp_path / "nowhere", "")
    (policy(tmp_path / "one", -1.0) / FILE).unlink()
    with pytest.raises(PromotionError, match=r"one: has no rules.json"):
        book.promote(tmp_path / "one", "")
    assert book.entries() == []
    write_text(tmp_path / "text", "no database, whatever it is called\n" * 40)
    with pytest.raises(PromotionError, match="text: must hold promotions"):
        Promotions(tmp_path / "text", tmp_path / "in_force")


def test_cards(tmp_path: Path) -> None:
    """Protects the honest no: a card says whether the policy is better for sure, and a damaged one is named."""
    told = {
        "promotes": True,
        "difference": {"value": -0.2, "low": -0.3, "high": -0.1},
        "best_rule_of_first_part": "saf",
    }
    write_text(tmp_path / CARD, json.dumps({"verdict": told}))
    assert reason_of(tmp_path) == (True, "-20.0 % [-30.0, -10.0] beside saf")
    write_text(tmp_path / CARD, json.dumps({"verdict": {}}))
    with pytest.raises(PromotionError, match=r"card.json: cannot be read as a card of parley adapt"):
        reason_of(tmp_path)
    (tmp_path / CARD).unlink()
    assert reason_of(tmp_path)[0] is False
