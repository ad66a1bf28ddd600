"""The paper under a chart: its field, grid lines and what stands along its edges."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .svg import Scale, group, line, text

WIDE, NARROW = 1130.0, 356.0
"""Widths of drawings for screens and for telephones, in CSS pixels: text is as large on either."""
WIDE_PANEL, PANEL = 550.0, 326.0
"""Widths of drawings that stand two, or three, beside each other."""
SIZE = 12.0
"""The font's size in every drawing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Where a chart's points lie, in pixels from the drawing's upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def across(self, low: float, high: float, *, is_log: bool = False) -> Scale:
        """Return the scale from left to right."""
        return Scale(low=low, high=high, start=self.left, end=self.right, is_log=is_log)

    def upwards(self, low: float, high: float) -> Scale:
        """Return the scale from bottom to top."""
        return Scale(low=low, high=high, start=self.bottom, end=self.top)


def rows_of(field: Field, scale: Scale, ticks: Sequence[float], label: Callable[[float], str]) -> Markup:
    """Return horizontal grid lines with their labels at the left."""
    drawn: list[str] = []
    for tick in ticks:
        y = scale(tick)
        drawn.append(line((field.left, y), (field.right, y), kind="grid"))
        drawn.append(text(field.left - 8, y + SIZE / 3, label(tick), anchor="end", kind="tick"))
    return group(*drawn)


def columns_of(field: Field, scale: Scale, ticks: Sequence[float], label: Callable[[float], str]) -> Markup:
    """Return vertical grid lines with their labels beneath."""
    drawn: list[str] = []
    for tick in ticks:
        x = scale(tick)
        drawn.append(line((x, field.top), (x, field.bottom), kind="grid"))
        drawn.append(text(x, field.bottom + SIZE + 6, label(tick), anchor="middle", kind="tick"))
    return group(*drawn)


def caption_of(field: Field, words: str) -> Markup:
    """Return what the horizontal axis shows, beneath its labels."""
    return text((field.left + field.right) / 2, field.bottom + 2 * SIZE + 16, words, anchor="middle", kind="axis")


def heading_of(field: Field, words: str, *, left: float | None = None) -> Markup:
    """Return what the vertical axis shows, above it and read like any line."""
    return text(4 if left is None else left, field.top - 12, words, kind="axis")
