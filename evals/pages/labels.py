"""Where labels go so that none covers another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Return places near the wanted ones, in the same order, at least `gap` apart and between `low` and `high`.

    Labels that touch become a block around the middle of what they want; blocks that touch become one. Where there
    is too little room the gap shrinks.
    """
    if not wanted:
        return []
    apart = min(gap, (high - low) / max(1, len(wanted) - 1))
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], index))
    blocks: list[tuple[float, int]] = []  # (first place, labels)
    for index in order:
        first, size = _within(wanted[index], 1, apart, (low, high)), 1
        while blocks and blocks[-1][0] + blocks[-1][1] * apart > first:
            before, count = blocks.pop()
            middle = (before * count + (first - count * apart) * size) / (count + size)
            size += count
            first = _within(middle, size, apart, (low, high))
        blocks.append((first, size))
    places = [first + number * apart for first, size in blocks for number in range(size)]
    return [place for _, place in sorted(zip(order, places, strict=True))]


def _within(first: float, size: int, apart: float, bounds: tuple[float, float]) -> float:
    return min(max(first, bounds[0]), bounds[1] - (size - 1) * apart)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle of a drawing."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "Box") -> float:
        """Return the area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)

    def outside(self, bounds: "Box") -> float:
        """Return how far it reaches over the bounds, all sides added up."""
        over = (
            bounds.left - self.left,
            bounds.top - self.top,
            self.right - bounds.right,
            self.bottom - bounds.bottom,
        )
        return sum(max(0.0, one) for one in over)


def around(start: tuple[float, float], end: tuple[float, float], *, room: float = 2.0) -> Box:
    """Return the box around two points, with some room."""
    xs, ys = sorted((start[0], end[0])), sorted((start[1], end[1]))
    return Box(left=xs[0] - room, top=ys[0] - room, right=xs[1] + room, bottom=ys[1] + room)


def place_beside(
    points: Sequence[tuple[float, float]],
    widths: Sequence[float],
    *,
    height: float,
    bounds: Box,
    taken: Sequence[Box] = (),
) -> list[Box]:
    """Return a box beside each point: right, left, above or below it, where it covers least.

    `widths` are those of the labels. Boxes keep off what is `taken`, off all points and off the boxes placed before;
    the first points have the first choice.
    """
    avoided = [*taken, *(around(point, point, room=6) for point in points)]
    placed: list[Box] = []
    for (x, y), width in zip(points, widths, strict=True):
        choices = list(_beside(x, y, width, height))
        costs = [_cost(box, (*avoided, *placed), bounds) + 0.5 * rank for rank, box in enumerate(choices)]
        placed.append(choices[costs.index(min(costs))])
    return placed


def _beside(x: float, y: float, width: float, height: float) -> Iterable[Box]:
    half = height / 2
    for away in (9.0, 20.0):
        for down in (0.0, -height * 0.8, height * 0.8):
            yield Box(left=x + away, top=y - half + down, right=x + away + width, bottom=y + half + down)
            yield Box(left=x - away - width, top=y - half + down, right=x - away, bottom=y + half + down)
        for down in (-away - half, away + half):
            yield Box(left=x - width / 2, top=y - half + down, right=x + width / 2, bottom=y + half + down)


def _cost(box: Box, taken: Iterable[Box], bounds: Box) -> float:
    return sum(box.overlap(other) for other in taken) + 50.0 * box.outside(bounds)
