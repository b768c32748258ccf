"""What no schedule can beat that does not know when sessions end."""

from __future__ import annotations

import math
from typing import Final

BISECTIONS: Final = 200


def gap(waits: float, rate: float, mean: float, hold: float) -> float:
    """Return the seconds between two long polls of a session, g in N/R = g + D e^(-g/D) (1 - e^(-W/D))."""

    def missing(g: float) -> float:
        return g + mean * math.exp(-g / mean) * (1 - math.exp(-hold / mean)) - waits / rate

    low, high = 0.0, waits / rate
    if missing(low) >= 0:
        return 0.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if missing(middle) < 0 else (low, middle)
    return low


def bound(waits: float, per_minute: float, mean: float = 300.0, hold: float = 30.0) -> float:
    """Return the mean seconds by which ends are noticed late, under the best schedule.

    :param waits: N, in a steady state; durations are exponential.
    :param per_minute: 60 R, requests.
    :param mean: D, of the durations, in seconds.
    :param hold: W, of one long poll, in seconds.
    """
    g = gap(waits, per_minute / 60, mean, hold)
    return (g - mean * (1 - math.exp(-g / mean))) / (1 - math.exp(-(g + hold) / mean))
