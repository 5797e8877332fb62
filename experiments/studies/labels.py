"""Names beside the points of a chart: each as close to its own point as it can be without lying on another name or point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from envs.render.style import FAINT, INK

if TYPE_CHECKING:  # drawing is rare and matplotlib slow to import
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

FONT: Final = 9
MARK: Final = 5.0
"""Half a mark's size in points of the page."""
AWAY: Final = 3.0
"""Points of the page between a mark and its name."""
MOST: Final = 40
"""Steps of half a line that a name goes up or down, at most."""


class Named(NamedTuple):
    """A point, in units of the data."""

    x: float
    y: float
    name: str


def place_labels(axis: Axes, points: Sequence[Named], others: Sequence[Named] = ()) -> list[Bbox]:
    """Name ``points``, the topmost first, clear of each other and of ``others``; a thin line leads to names that had to move away.

    The chart must have its final limits and place. Returns where the names are, in pixels.
    """
    from matplotlib.transforms import Bbox

    scale = axis.figure.dpi / 72
    places = {point: axis.transData.transform((point.x, point.y)) for point in (*points, *others)}
    taken = [
        Bbox.from_bounds(x - MARK * scale, y - MARK * scale, 2 * MARK * scale, 2 * MARK * scale)
        for x, y in places.values()
    ]
    named: list[Bbox] = []
    for point in sorted(points, key=lambda each: (-each.y, each.x)):
        text = axis.annotate(
            point.name, (point.x, point.y), (0, 0), textcoords="offset points", fontsize=FONT, color=INK, va="center"
        )
        x, y = places[point]
        size = text.get_window_extent()
        box = _free(x, y, size.width, size.height, (MARK + AWAY) * scale, [*taken, *named], axis.bbox)
        text.set_position(((box.x0 - x) / scale, (box.y0 + size.height / 2 - y) / scale))
        named.append(box)
        if abs(box.y0 + size.height / 2 - y) > size.height:
            end = ((box.x0 if box.x0 > x else box.x1) - x) / scale, (box.y0 + size.height / 2 - y) / scale
            line = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.6, "shrinkA": 0, "shrinkB": MARK}
            axis.annotate("", (point.x, point.y), end, textcoords="offset points", arrowprops=line)
    return named


def _free(x: float, y: float, width: float, height: float, away: float, taken: Sequence[Bbox], chart: Bbox) -> Bbox:
    """The place closest to (x, y) that is in the chart and not taken, to the right of it if it can be; the first one if there is none."""
    from matplotlib.transforms import Bbox

    steps = sorted(range(-MOST, MOST + 1), key=abs)
    tried = [
        Bbox.from_bounds(left, y + step * height / 2 - height / 2, width, height)
        for step in steps
        for left in (x + away * (1 + (abs(step) > 2)), x - width - away * (1 + (abs(step) > 2)))
    ]
    inside = (
        box for box in tried if chart.x0 <= box.x0 and box.x1 <= chart.x1 and chart.y0 <= box.y0 and box.y1 <= chart.y1
    )
    return next((box for box in inside if not box.count_overlaps(taken)), tried[0])
