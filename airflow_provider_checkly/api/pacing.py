"""One request budget per account in a process: first come, first served, evenly spaced only under pressure.

Checkly allows an account 600 requests in 60 seconds. A wait that is held for 30 seconds costs two a minute,
so that some 250 waits are covered all the time; above that they take turns here instead of drowning in 429s.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW: Final = 60.25
"""Seconds that Checkly counts requests over, and a little more: some are longer on their way than others."""
SHRINK: Final = 0.85
"""What a 429 leaves of the budget: others use the account, too."""
GROWTH: Final = 0.04
"""What comes back of the full budget, per minute without a 429."""
SMALLEST: Final = 0.1
"""The part of the full budget that always remains."""


@dataclass(slots=True)
class Budget:
    """Decides when the next request may be sent; times are seconds of one monotonic clock.

    :param per_minute: requests in any 60 seconds, at most.
    """

    per_minute: float
    _share: float = 1.0
    _grown_at: float = 0.0
    _paused_until: float = 0.0
    _sent: deque[float] = field(default_factory=deque)

    def delay(self, now: float, *, backlog: bool) -> float:
        """Return the seconds until the next request may be sent: none while the window has room.

        :param backlog: whether it had to queue; such requests are spaced evenly, since they would come in
            bursts, a window apart, otherwise.
        """
        while self._sent and self._sent[0] <= now - WINDOW:
            self._sent.popleft()
        allowed = self.allowed(now)
        moments = [now, self._paused_until]
        if len(self._sent) >= allowed:
            moments.append(self._sent[-allowed] + WINDOW)
        if backlog and self._sent:
            moments.append(self._sent[-1] + WINDOW / allowed)
        return max(moments) - now

    def allowed(self, now: float) -> int:
        """Return the requests that any window may hold now."""
        grown = self._share + GROWTH * (now - self._grown_at) / WINDOW
        self._share, self._grown_at = min(1.0, grown), now
        return max(1, int(self.per_minute * self._share))

    def sent(self, now: float) -> None:
        """Count a request."""
        self._sent.append(now)

    def refused(self, now: float, sent_at: float, retry_after: float) -> None:
        """Learn from a 429: nobody asks before `retry_after` seconds are over, and the budget shrinks.

        Requests that were on their way when the first of them was refused shrink it only once. A longer hint
        than Checkly's window is asked about again after it.
        """
        if sent_at >= self._paused_until:
            self._share = max(SMALLEST, self._share * SHRINK)
        self._paused_until = max(self._paused_until, now + min(retry_after, WINDOW))


class Pacer:
    """Lets the requests of one account pass in the order in which they came.

    :param clock: monotonic time in seconds.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget = Budget(per_minute, _grown_at=clock())
        self._clock = clock
        self._queue = asyncio.Lock()

    def is_free(self) -> bool:
        """Return whether a request may pass at once."""
        return not self._queue.locked() and self.budget.delay(self._clock(), backlog=False) <= 0

    async def turn(self) -> float:
        """Wait for a turn; return the time at which it came."""
        backlog = self._queue.locked()
        async with self._queue:
            while (delay := self.budget.delay(self._clock(), backlog=backlog)) > 0:  # noqa: ASYNC110 - time, not an event
                await asyncio.sleep(delay)  # a 429 may have made it longer meanwhile
            now = self._clock()
            self.budget.sent(now)
            return now

    def refused(self, sent_at: float, retry_after: float) -> None:
        """Learn from a 429."""
        self.budget.refused(self._clock(), sent_at, retry_after)
