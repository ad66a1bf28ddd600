"""Where axes begin, end and have their ticks."""

import math
from collections.abc import Iterable

STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
LEAST_SPAN = 0.2


def fraction_bounds(values: Iterable[float]) -> tuple[float, float]:
    """Return whole tenths around fractions, at least two tenths apart, within 0 and 1."""
    held = [min(max(value, 0.0), 1.0) for value in values] or [0.0, 1.0]
    low, high = math.floor(min(held) * 10 + 1e-9) / 10, math.ceil(max(held) * 10 - 1e-9) / 10
    if high - low < LEAST_SPAN:
        low = max(0.0, high - LEAST_SPAN)
    return low, max(high, low + LEAST_SPAN)


def field_bounds(ours: Iterable[float], references: Iterable[float]) -> tuple[float, float]:
    """Return bounds for what is compared: references may raise them, but not drag them down."""
    held = list(ours)
    low, high = fraction_bounds(held)
    above = [value for value in references if value >= low]
    return fraction_bounds([*held, *above, low, high])


def fraction_ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Return round fractions from `low` to `high`, no more than `most` and the one on which they begin."""
    step = next((step for step in STEPS if (high - low) / step <= most), 0.5)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [round(number * step, 6) for number in range(first, last + 1)]


def symmetric_bound(values: Iterable[float]) -> float:
    """Return the round fraction that reaches beyond all values on either side of 0."""
    most = max((abs(value) for value in values), default=0.0)
    return next((bound for bound in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5) if most <= bound), 1.0)


def log_bounds(values: Iterable[float]) -> tuple[float, float]:
    """Return 1, 2 or 5 times a power of ten below and above all values, which are above 0."""
    held = list(values)
    low, high = _round_down(min(held)), _round_up(max(held))
    return (low, high) if high > low else (low / 2, high * 2)


def log_ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Return powers of ten from `low` to `high`; twice and five times of them where there is room."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [factor * 10.0**decade for decade in decades for factor in factors]
        held = [tick for tick in found if low * 0.999 <= tick <= high * 1.001]
        if len(held) <= most:
            break
    return held


def _round_down(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= value * 1.001)


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return min(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * 0.999)
