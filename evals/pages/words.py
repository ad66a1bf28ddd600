"""How numbers and names of figures are written on pages: one decimal where intervals are whole points wide."""

from ..summary import Difference, Figure
from .grid import NO_CELL, NOTHING, Cell

LONG_NAMES = {
    "MRR": "mean reciprocal rank",
    "nDCG@10": "nDCG of the first 10",
    "pool": "recall of everything there was to rank",
    "F1": "token F1 of answers",
    "EM": "exact matches",
    "judge": "answers the judge calls right",
    "F1 audited": "token F1 against the audited key",
}


def percent(fraction: float | None) -> str:
    """Return a fraction in per cent, without the sign."""
    return NOTHING if fraction is None else f"{100 * fraction + 0.0:.1f}"


def interval(figure: Figure | Difference) -> str:
    """Return the bounds of a 95 % interval, in per cent "54.1–60.8", in points "−1.2 to 3.4"."""
    low, high = (round(100 * bound, 1) + 0.0 for bound in (figure.low, figure.high))
    if isinstance(figure, Figure):
        return f"{low:.1f}–{high:.1f}"
    return f"{low:.1f} to {high:.1f}".replace("-", "−")


def points(difference: Difference) -> str:
    """Return a difference in percentage points, with its sign."""
    return f"{round(100 * difference.value, 1) + 0.0:+.1f}".replace("-", "−")


def signed(fraction: float) -> str:
    """Return whole percentage points with their sign, 0 without one."""
    return "0" if fraction == 0 else f"{100 * fraction:+.0f}".replace("-", "−")


def number(value: float | None) -> str:
    """Return a number of tokens and the like: whole from 100 on."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}".removesuffix(".0")


def milliseconds(value: float) -> str:
    """Return a time with its unit, in seconds from one second on, three digits or more."""
    if value >= 1_000:
        seconds = value / 1000
        return f"{seconds:,.0f} s" if seconds >= 100 else f"{seconds:.{1 if seconds >= 10 else 2}f} s"
    if value >= 10:
        return f"{value:,.0f} ms"
    return f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, in the plural unless it is one."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def metric_words(metric: str) -> str:
    """Return what a metric is called in a sentence: "recall within 854 tokens"."""
    kind, sign, at = metric.partition("@")
    if sign and kind == "recall":
        return f"recall within {int(at):,} tokens"
    if sign and kind == "R":
        return f"recall among the first {at}"
    return LONG_NAMES.get(metric, metric)


def capitalised(words: str) -> str:
    """Return words as a heading begins; "nDCG" stays as it is."""
    return words if words.startswith("nDCG") else f"{words[:1].upper()}{words[1:]}"


def figure_cell(figure: Figure | None, *, is_best: bool = False) -> Cell:
    """Return a rate with its interval."""
    if figure is None:
        return NO_CELL
    return Cell(text=percent(figure.value), detail=interval(figure), order=figure.value, is_best=is_best)


def difference_cell(difference: Difference | None) -> Cell:
    """Return a difference with its interval and stars: one where it is significant, two still after Holm."""
    if difference is None:
        return NO_CELL
    stars = ("**" if difference.survives_holm else "*") if difference.is_significant else ""
    return Cell(text=points(difference) + stars, detail=interval(difference), order=difference.value)


def number_cell(value: float | None) -> Cell:
    """Return a number that is no rate."""
    return NO_CELL if value is None else Cell(text=number(value), order=value)


def name_cell(name: str, *, system: str = "", detail: str = "") -> Cell:
    """Return a name; `system` puts its mark before it."""
    return Cell(text=name, system=system, detail=detail)
