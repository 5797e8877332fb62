"""Names beside the points of a chart can be read."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.figure import Figure

from experiments.studies.labels import Named, place_labels


def test_names_lie_on_nothing() -> None:
    """Protects the picture: in a crowd no name lies on another, on a point or beyond the chart; a lone one stands beside its point."""
    random = np.random.default_rng(0)
    crowd = [Named(*random.normal(5.0, 0.2, 2), f"wsrpt with number {k}") for k in range(14)]
    lone, other = Named(2.0, 2.0, "alone"), Named(8.0, 8.0, "not named")
    figure = Figure((8.0, 7.0))
    axis = figure.subplots()
    axis.set_xlim(0, 10)
    axis.set_ylim(0, 10)
    figure.draw_without_rendering()
    boxes = place_labels(axis, [*crowd, lone], [other])
    assert len(boxes) == len(crowd) + 1
    assert not any(one.overlaps(another) for one, another in itertools.combinations(boxes, 2))
    marks = axis.transData.transform([(point.x, point.y) for point in (*crowd, lone, other)])
    assert not any(box.contains(x, y) for box in boxes for x, y in marks)
    assert all(axis.bbox.contains(box.x0, box.y0) and axis.bbox.contains(box.x1, box.y1) for box in boxes)
    beside = boxes[-1]
    assert 0 < beside.x0 - marks[-2][0] < 20
    assert abs((beside.y0 + beside.y1) / 2 - marks[-2][1]) < 1
    assert [text.get_text() for text in axis.texts].count("alone") == 1
