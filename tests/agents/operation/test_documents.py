"""Documents as editors write them."""

from __future__ import annotations

import pytest

from agents.operation.site.problems import SituationError, read_json


def test_a_byte_order_mark_is_passed_over() -> None:
    """Protects who saves a file with an editor that marks it as UTF-8; a second mark is no JSON, and neither is one elsewhere."""
    told = '{"time": 0}'
    assert read_json(told.encode("utf-8-sig")) == read_json("\ufeff" + told) == {"time": 0}
    for wrong in ("\ufeff\ufeff" + told, told + "\ufeff"):
        with pytest.raises(SituationError, match="JSON"):
            read_json(wrong)
