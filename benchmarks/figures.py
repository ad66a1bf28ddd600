"""What a benchmark hands back: figures with their targets, every repetition, and how busy the machine was."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from rich.console import Console
from rich.table import Table

Bound: TypeAlias = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number, and the bound it is held to, if any."""

    name: str
    value: float
    unit: str = ""
    bound: Bound | None = None
    target: float | None = None

    @property
    def ok(self) -> bool | None:
        """Whether the bound holds; None without one."""
        if self.bound is None or self.target is None:
            return None
        return self.value >= self.target if self.bound == "at least" else self.value <= self.target

    @property
    def aim(self) -> str:
        """The bound in words."""
        if self.bound is None or self.target is None:
            return ""
        return f"{'>=' if self.bound == 'at least' else '<='} {self.target:g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything one run of one benchmark measured.

    `repetitions` keeps every single measurement by name; `load` is the one-minute load average at the start and
    at the end, to be read against `cores`.
    """

    benchmark: str
    protocol: dict[str, object]
    n: dict[str, int]
    figures: tuple[Figure, ...]
    repetitions: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    load: tuple[float, float] = (0.0, 0.0)
    cores: int = os.cpu_count() or 1

    def write(self, path: Path | None) -> None:
        """Write the report as JSON, if a path is given."""
        if path is not None:
            figures = [{**asdict(figure), "ok": figure.ok} for figure in self.figures]
            metrics = {figure.name: figure.value for figure in self.figures}
            machine = {"python": sys.version.split()[0], "machine": platform.machine()}
            text = json.dumps({**asdict(self), "figures": figures, "metrics": metrics, **machine}, indent=2)
            path.write_text(text + "\n", encoding="utf-8")

    def show(self) -> None:
        """Print the figures as a table."""
        sizes = ", ".join(f"{count:,} {what}" for what, count in self.n.items())
        title = f"{self.benchmark}: {sizes}; load {self.load[0]:.1f} to {self.load[1]:.1f} on {self.cores} cores"
        print_figures(title, [(self.benchmark, figure) for figure in self.figures])


def print_figures(title: str, rows: Sequence[tuple[str, Figure]], *, with_benchmark: bool = False) -> None:
    """Print figures under a title, with target and verdict."""
    table = Table(title=title, title_justify="left")
    if with_benchmark:
        table.add_column("benchmark")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("target", justify="right")
    table.add_column("")
    for benchmark, figure in rows:
        verdict = {True: "[green]ok", False: "[bold red]missed", None: ""}[figure.ok]
        cells = [figure.name, f"{rounded(figure.value)} {figure.unit}".rstrip(), figure.aim, verdict]
        table.add_row(*([benchmark] if with_benchmark else []), *cells)
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def rounded(value: float) -> str:
    """Return a number with four figures, at least its whole part."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if 0.999 <= value < 1.0:
        return f"{value:.6f}"
    return f"{value:.4g}"


def load_average() -> float:
    """Return the one-minute load average; 0.0 where the system has none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values lie, interpolated."""
    if len(values) < 2:
        return values[0] if values else 0.0
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = min(int(place), len(ordered) - 2)
    return ordered[low] + (place - low) * (ordered[low + 1] - ordered[low])


def median(values: Sequence[float]) -> float:
    """Return the median; 0.0 of nothing."""
    return statistics.median(values) if values else 0.0
