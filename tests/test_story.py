"""The story of two runs: what is told of it happened, and the picture is made of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from matplotlib.image import imread

from scripts import story

if sys.platform != "linux":
    pytest.skip("processes are looked up as Linux tells of them", allow_module_level=True)


def test_the_story_ends_well(tmp_path: Path) -> None:
    """Protects the README's picture: real commands fail at a broken agent and by themselves, are seen to, and all is done by both."""
    runs = story.main(["--seconds", "0.5", "--generated", "--quiet", "--out", str(tmp_path / "story.png")])
    assert [told.title for told in runs] == list(story.POLICIES.values())
    for told in runs:
        assert told.execution.ok
        ended = [bar for bar in told.bars if bar.how == "done"]
        assert len(ended) == told.execution.total
        assert {bar.how for bar in told.bars} >= {"done", "failed"}
        assert all(bar.ended >= bar.began for bar in told.bars)
    assert imread(tmp_path / "story.png").shape[1] == story.WIDTH
