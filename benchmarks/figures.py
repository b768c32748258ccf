"""Figures beside their goals, as the tables print them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


@dataclass(frozen=True)
class Figure:
    """What was measured.

    :param goal: the most it may be; None where it is shown for comparison only.
    :param margin: what a short run multiplies the goal with.
    :param spread: the least and the most of several runs, of which `value` is the median.
    """

    what: str
    value: float
    unit: str = ""
    goal: float | None = None
    margin: float = 1.0
    spread: tuple[float, float] | None = None

    def missed(self, *, quick: bool) -> bool:
        """Return whether the goal is missed, in a short run by more than the margin."""
        return self.goal is not None and self.value > self.goal * (self.margin if quick else 1)


def number(value: float) -> str:
    """Return a number with three digits that count."""
    if value == 0 or abs(value) >= 100:  # noqa: PLR2004 - digits
        return f"{value:,.0f}"
    return f"{value:.3g}"


def row(figure: Figure, *, quick: bool) -> tuple[str, str, str, str]:
    """Return the cells of a figure."""
    unit = f" {figure.unit}" if figure.unit else ""
    limit = "" if figure.goal is None else f"<= {number(figure.goal)}{unit}"
    if limit and quick and figure.margin != 1:
        limit += f" (here x {number(figure.margin)})"
    verdict = "" if figure.goal is None else ("MISSED" if figure.missed(quick=quick) else "yes")
    spread = "" if figure.spread is None else " ({} to {})".format(*map(number, figure.spread))
    return figure.what, limit, f"{number(figure.value)}{unit}{spread}", verdict


def over_seeds(
    what: str, values: Sequence[float], unit: str = "", goal: float | None = None, margin: float = 1.0
) -> Figure:
    """Return the median of several runs, with their spread where they differ."""
    spread = (min(values), max(values)) if min(values) < max(values) else None
    return Figure(what, median(values), unit, goal, margin, spread)


def table(figures: Iterable[Figure], *, quick: bool) -> str:
    """Return a Markdown table that is readable as plain text, too."""
    rows = [("what", "goal", "measured", "reached"), *(row(figure, quick=quick) for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, cells, widths)) + " |" for cells in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value below which that part of the values lies; 0 where there are none."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else 0.0


def command(measure: Callable[[bool], list[Figure]]) -> None:
    """Be one of the commands: measure, print the table, fail where a goal is missed."""
    parser = argparse.ArgumentParser(description=sys.modules[measure.__module__].__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run, as in CI, with generous margins")
    quick = parser.parse_args().quick
    figures = measure(quick)
    print(table(figures, quick=quick))
    sys.exit(any(figure.missed(quick=quick) for figure in figures))
