"""Checkly's rate limit: so many requests in a fixed window of 60 seconds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.emulator.answers import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_SECONDS: Final = 60.0


class RateLimit:
    """Counts the requests of an account; a limit of 0 or None counts nothing. `clock` gives Unix seconds."""

    def __init__(self, limit: int | None, clock: Callable[[], float]) -> None:
        self.limit = limit
        self._clock = clock
        self._reset_at = -math.inf
        self._taken = 0

    def take(self) -> None:
        """Count one request, or refuse it with the 429 that says how long the window still lasts."""
        now = self._clock()
        if now >= self._reset_at:
            self._reset_at, self._taken = now + WINDOW_SECONDS, 0
        self._taken += 1
        if self.limit and self._taken > self.limit:
            raise Problem(429, headers=reset_headers(now, self._reset_at))


def reset_headers(now: float, reset_at: float) -> dict[str, str]:
    """Give the headers of a 429: whole seconds, rounded up so that obeying is enough, and Unix seconds."""
    return {
        "Retry-After": str(math.ceil(reset_at - now)),
        "X-RateLimit-Reset": str(math.ceil(reset_at)),
    }
