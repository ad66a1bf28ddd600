"""A picture of head scores, layer by head, as one SVG: darker is more, the best heads are framed and numbered."""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

CELL = 20
LEFT, TOP, RIGHT, BOTTOM = 64, 64, 96, 56
_PALE, _DARK = (247, 251, 255), (8, 48, 107)
_FRAME = "#d9480f"


def head_map(scores: NDArray[np.float64], best: Sequence[tuple[int, int]], *, title: str) -> str:
    """Return an SVG of `scores`, float64 (layers, heads): layer 0 below, `best` as (layer, head) numbered from 1.

    Colours run linearly from the smallest to the largest score, both written on the scale at the right.
    """
    layers, heads = scores.shape
    width, height = LEFT + heads * CELL + RIGHT, TOP + layers * CELL + BOTTOM
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(LEFT, 24, title, anchor="start", more=' font-size="15"'),
        _text(LEFT, 44, f"framed: the {len(best)} best heads, numbered in order", anchor="start"),
        *_cells(scores),
        *_frames(best, scores),
        *_axes(layers, heads),
        *_scale(scores),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _cells(scores: NDArray[np.float64]) -> Iterator[str]:
    layers, _ = scores.shape
    for (layer, head), share in np.ndenumerate(_shares(scores)):
        x, y = _corner(layer, head, layers)
        told = f"layer {layer}, head {head}: {scores[layer, head]:.4g}"
        yield (
            f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{_colour(float(share))}" stroke="white"'
            f' stroke-width="1"><title>{told}</title></rect>'
        )


def _frames(best: Sequence[tuple[int, int]], scores: NDArray[np.float64]) -> Iterator[str]:
    shares = _shares(scores)
    for rank, (layer, head) in enumerate(best, 1):
        x, y = _corner(layer, head, scores.shape[0])
        ink = "white" if shares[layer, head] > 0.5 else "#222"
        yield (
            f'<rect class="best" x="{x + 1}" y="{y + 1}" width="{CELL - 2}" height="{CELL - 2}" fill="none"'
            f' stroke="{_FRAME}" stroke-width="2"/>'
        )
        yield _text(x + CELL / 2, y + CELL / 2 + 4, str(rank), more=f' fill="{ink}" font-size="10"')


def _axes(layers: int, heads: int) -> Iterator[str]:
    bottom = TOP + layers * CELL
    for head in range(0, heads, _step(heads)):
        yield _text(LEFT + (head + 0.5) * CELL, bottom + 16, str(head))
    for layer in range(0, layers, _step(layers)):
        yield _text(LEFT - 8, bottom - (layer + 0.5) * CELL + 4, str(layer), anchor="end")
    yield _text(LEFT + heads * CELL / 2, bottom + 38, "head")
    middle = TOP + layers * CELL / 2
    yield _text(20, middle, "layer", more=f' transform="rotate(-90 20 {middle:g})"')


def _scale(scores: NDArray[np.float64]) -> Iterator[str]:
    """Yield the colour scale at the right, over the whole height of the cells."""
    layers, heads = scores.shape
    x, height = LEFT + heads * CELL + 20, layers * CELL
    stops = "".join(f'<stop offset="{at}" stop-color="{_colour(at)}"/>' for at in (0.0, 1.0))
    yield f'<defs><linearGradient id="scale" x1="0" y1="1" x2="0" y2="0">{stops}</linearGradient></defs>'
    yield f'<rect x="{x}" y="{TOP}" width="14" height="{height}" fill="url(#scale)" stroke="#888"/>'
    yield _text(x + 20, TOP + 10, f"{scores.max():.3g}", anchor="start")
    yield _text(x + 20, TOP + height, f"{scores.min():.3g}", anchor="start")


def _corner(layer: int, head: int, layers: int) -> tuple[int, int]:
    return LEFT + head * CELL, TOP + (layers - 1 - layer) * CELL


def _shares(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where each score lies between the smallest and the largest, 0 to 1."""
    lowest, range_ = scores.min(), np.ptp(scores)
    return (scores - lowest) / range_ if range_ > 0 else np.zeros_like(scores)


def _colour(share: float) -> str:
    mixed = (round(pale + share * (dark - pale)) for pale, dark in zip(_PALE, _DARK, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _step(count: int) -> int:
    """Return every how many a row or column is labelled: all up to 16, then every second, fourth or eighth."""
    return next(step for step in (1, 2, 4, 8, count) if count <= 16 * step or step == count)


def _text(x: float, y: float, text: str, *, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{more}>{escape(text)}</text>'
