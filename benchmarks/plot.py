"""A plot as SVG: latency over the number of waits, against the bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WIDTH: Final = 720
HEIGHT: Final = 440
LEFT: Final = 70
RIGHT: Final = 690
TOP: Final = 50
BOTTOM: Final = 380
FONT: Final = 'font-family="sans-serif" font-size="12" fill="#333"'
MOST_WAITS: Final = 3000
MOST_SECONDS: Final = 180

Point = tuple[float, float]


def place(waits: float, seconds: float) -> Point:
    """Return where a value stands."""
    across = LEFT + (RIGHT - LEFT) * waits / MOST_WAITS
    return across, BOTTOM - (BOTTOM - TOP) * seconds / MOST_SECONDS


def text(at: Point, words: str, anchor: str = "middle", more: str = "") -> str:
    """Return words at a place."""
    return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}" {more}>{words}</text>'


def line(points: Iterable[Point], style: str) -> str:
    """Return a line through points."""
    where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{where}" fill="none" {style}/>'


def grid() -> list[str]:
    """Return the axes with their numbers."""
    parts = []
    for seconds in range(0, MOST_SECONDS + 1, 30):
        _, y = place(0, seconds)
        parts += [
            line([(LEFT, y), (RIGHT, y)], 'stroke="#ddd"'),
            text((LEFT - 8, y + 4), str(seconds), "end"),
        ]
    for waits in range(0, MOST_WAITS + 1, 500):
        x, _ = place(waits, 0)
        parts += [line([(x, BOTTOM), (x, BOTTOM + 5)], 'stroke="#333"'), text((x, BOTTOM + 20), str(waits))]
    parts.append(line([(LEFT, BOTTOM), (RIGHT, BOTTOM)], 'stroke="#333"'))
    return parts


def dots(values: Mapping[int, float], colour: str) -> list[str]:
    """Return a dot per value that fits in."""
    places = [place(n, seconds) for n, seconds in values.items() if seconds <= MOST_SECONDS]
    return [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places]


def legend(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return what the colours mean."""
    parts = [f'<rect x="{LEFT + 10}" y="{TOP + 2}" width="450" height="64" fill="#fff"/>']
    for number, (colour, words) in enumerate(rows):
        y = TOP + 16 + 20 * number
        parts.append(f'<rect x="{LEFT + 16}" y="{y - 8}" width="12" height="8" fill="{colour}"/>')
        parts.append(text((LEFT + 36, y), words, "start"))
    return parts


def plot(bound: Mapping[int, float], ours: Mapping[int, float], alone: Mapping[int, float]) -> str:
    """Return the drawing.

    :param bound: mean seconds by number of waits; `ours` and `alone` likewise.
    :param alone: of waits that do not know of each other.
    """
    rows = (
        ("#888", "bound: no schedule does better that does not know when sessions end"),
        ("#0075ff", "this provider: one budget per account"),
        ("#d9480f", "each wait for itself, with back-off"),
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text((WIDTH / 2, 26), "How late the end of a session is noticed", more='font-size="16"'),
        *grid(),
        text((WIDTH / 2, BOTTOM + 44), "waits at once (600 requests a minute, sessions of 300 s mean)"),
        text((-(TOP + BOTTOM) / 2, 24), "seconds, mean", more='transform="rotate(-90)"'),
        line((place(n, seconds) for n, seconds in bound.items()), 'stroke="#888" stroke-width="2"'),
        *dots(ours, "#0075ff"),
        *dots(alone, "#d9480f"),
        *legend(rows),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
