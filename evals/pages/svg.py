"""SVG as text: elements that escape whatever they are given, scales, ticks and marks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from .looks import Look

ROOM_PER_LETTER = 0.56
"""Width of a letter on average, in font sizes; system fonts differ, so labels keep some distance."""


def element(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """Return one element. Text and attributes are escaped, Markup is not; None leaves an attribute out.

    `class_` stands for class, and underscores for hyphens, except in `viewBox` and the like.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(shown(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(escape(child) for child in children)
    return Markup(f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>")


def shown(value: str | float) -> str:
    """Return an attribute's text; coordinates have at most one decimal."""
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def drawing(width: float, height: float, name: str, *children: str, described: str) -> Markup:
    """Return a whole drawing that screen readers know by its name and description."""
    return element(
        "svg",
        element("title", name),
        element("desc", described),
        *children,
        viewBox=f"0 0 {shown(width)} {shown(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=f"{name}. {described}",
    )


def group(*children: str, look: Look | None = None, kind: str = "") -> Markup:
    """Return children as one; those of a system carry its number and colour."""
    if look is None:
        return element("g", *children, class_=kind or None)
    return element("g", *children, class_=f"{kind} {look.colour}".strip(), data_s=str(look.number))


def text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "") -> Markup:
    """Return words at a place, `anchor` being "start", "middle" or "end" of them."""
    return element("text", words, x=x, y=y, text_anchor=anchor, class_=kind or None)


def line(start: tuple[float, float], end: tuple[float, float], *, kind: str) -> Markup:
    """Return a straight line."""
    return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=kind)


def path(points: Iterable[tuple[float, float]], *, kind: str, dash: str = "", is_closed: bool = False) -> Markup:
    """Return lines from point to point."""
    steps = "L".join(f"{shown(x)} {shown(y)}" for x, y in points)
    closing = "Z" if is_closed else ""
    return element("path", d=f"M{steps}{closing}", class_=kind, stroke_dasharray=dash or None)


def mark(x: float, y: float, look: Look, *, radius: float = 4.5, kind: str = "mark") -> Markup:
    """Return a system's mark around a point."""
    if look.shape == "circle":
        return element("circle", cx=x, cy=y, r=radius, class_=kind)
    corners = [(x + radius * dx, y + radius * dy) for dx, dy in _CORNERS[look.shape]]
    return path(corners, kind=kind, is_closed=True)


def _star() -> list[tuple[float, float]]:
    sizes = (1.3, 0.58)
    turns = [math.pi * corner / 5 - math.pi / 2 for corner in range(10)]
    return [(sizes[n % 2] * math.cos(turn), sizes[n % 2] * math.sin(turn)) for n, turn in enumerate(turns)]


_PLUS = ((-0.4, -1.15), (0.4, -1.15), (0.4, -0.4), (1.15, -0.4), (1.15, 0.4), (0.4, 0.4))
_CORNERS: dict[str, Sequence[tuple[float, float]]] = {
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "triangle": ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
    "diamond": ((0, -1.3), (1.1, 0), (0, 1.3), (-1.1, 0)),
    "wedge": ((0, 1.2), (1.1, -0.8), (-1.1, -0.8)),
    "plus": (*_PLUS, *((-x, -y) for x, y in _PLUS)),
    "star": _star(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From values `low` to `high` to places `start` to `end`; by logarithm with `is_log`, for values above 0."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a value; one beyond the ends is put at the end."""
        low, high, at = (math.log(one) if self.is_log else one for one in (self.low, self.high, self._held(value)))
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def _held(self, value: float) -> float:
        return min(max(value, self.low), self.high)


def width_of(words: str, *, size: float) -> float:
    """Return about how wide words are, in the unit of `size`, the font's."""
    return len(words) * size * ROOM_PER_LETTER


def clipped(words: str, letters: int) -> str:
    """Return words that have no more than this many letters, an ellipsis being one."""
    return words if len(words) <= letters else f"{words[: letters - 1].rstrip()}…"
