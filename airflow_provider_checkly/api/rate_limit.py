"""One request budget and one client per account and event loop, shared by all waits in a triggerer.

Checkly allows an account 600 requests in 60 seconds. A long poll of 30 seconds costs two requests a minute,
so about 250 waits can poll all the time. Above that, requests queue here, first come, first served; without
the queue most of them would be answered 429.

The rule: a window never holds more requests than the budget, and requests follow each other at twice the
even rate at most. A batch of waits that starts together thus spends its window over 30 seconds, as long as
its polls are held, not in one burst that would leave nothing for the rest of the minute. Checkly says how
much of its limit is used only by a 429. It means that others use the account: the budget steps back a
little, or by more if requests queued and yet not even three quarters of it passed in the last minute, as
when many triggerers start together. The smaller the budget, the nearer to the even rate it is spent. After
twelve minutes without a 429 it grows again, slowly at first: of many processes, only a few try for more at a
time. It is whole again after twelve more.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias
from weakref import WeakKeyDictionary

from airflow_provider_checkly.api.endpoints import retry_after
from airflow_provider_checkly.exceptions import ChecklyRateLimited

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from airflow_provider_checkly.api.http import Credentials, Request, Response

AsyncSender: TypeAlias = "Callable[[Request, float], Awaitable[Response]]"
"""Send one request once, without blocking the event loop; see `transport.Sender`."""
OpenSender: TypeAlias = "Callable[[], AbstractAsyncContextManager[AsyncSender]]"

WINDOW_SECONDS: Final = 60.25
"""Checkly's rate limit window and a margin, since requests take different times to arrive."""
STEP_BACK: Final = 0.95
"""What a 429 leaves of the budget."""
CROWDED_STEP_BACK: Final = 0.7
"""What it leaves if requests queued although less than `CROWDED` of the budget passed in a window."""
CROWDED: Final = 0.75
QUIET_SECONDS: Final = 720.0
"""Time without a 429 after which the budget grows again; twice that makes it whole."""
MIN_SHARE: Final = 0.02
"""Part of the full budget that always remains."""
PAUSE_SECONDS: Final = 5.0
"""Pause of all waits of an account after a 429 without Retry-After."""
OVERTIME_SECONDS: Final = 5.0
"""A request may take this much longer than the time that is left for it."""


@dataclass(slots=True)
class RateWindow:
    """Decide when the next request may be sent; times are seconds of one monotonic clock.

    :param per_minute: requests in any 60 seconds, at most.
    """

    per_minute: float
    _share: float = 1.0
    _refused_at: float = 0.0
    _paused_until: float = 0.0
    _sent: deque[float] = field(default_factory=deque)

    def delay(self, now: float) -> float:
        """Return the seconds until the next request may be sent."""
        allowed = self.allowed(now)
        moments = [now, self._paused_until]
        if self._passed(now):
            peak = 1 + allowed / self.per_minute
            moments.append(self._sent[-1] + WINDOW_SECONDS / (allowed * peak))
        if len(self._sent) >= allowed:
            moments.append(self._sent[-allowed] + WINDOW_SECONDS)
        return max(moments) - now

    def allowed(self, now: float) -> int:
        """Return how many requests a window may hold now."""
        growing = max(0.0, (now - self._refused_at) / QUIET_SECONDS - 1)
        return max(1, round(self.per_minute * min(1.0, self._share + growing**2)))

    def sent(self, now: float) -> None:
        """Count a request."""
        self._sent.append(now)

    def refused(self, now: float, sent_at: float, retry_after: float, *, backlog: bool) -> None:
        """Handle a 429: pause all requests for `retry_after` seconds, and shrink the budget.

        Requests in progress when the first one was refused shrink it only once. The pause is at most
        one window.

        :param backlog: whether requests are queued.
        """
        if sent_at >= self._paused_until:
            allowed = self.allowed(now)
            crowded = backlog and self._passed(now) < CROWDED * allowed
            left = CROWDED_STEP_BACK if crowded else STEP_BACK
            self._share = max(MIN_SHARE, left * allowed / self.per_minute)
            self._refused_at = now
        self._paused_until = max(self._paused_until, now + min(retry_after, WINDOW_SECONDS))

    def _passed(self, now: float) -> int:
        """Return how many requests the window holds."""
        while self._sent and self._sent[0] <= now - WINDOW_SECONDS:
            self._sent.popleft()
        return len(self._sent)


class RateLimiter:
    """Let the requests of one account pass in the order of arrival.

    :param clock: monotonic time in seconds; default: that of the machine.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or time.monotonic
        self.window = RateWindow(per_minute)
        self._queue = asyncio.Lock()
        self._queued = 0

    def is_free(self) -> bool:
        """Return whether a request may pass immediately."""
        return not self._queued and self.window.delay(self._clock()) <= 0

    async def turn(self) -> float:
        """Wait for a turn; return the time of it."""
        self._queued += 1
        try:
            async with self._queue:
                while (delay := self.window.delay(self._clock())) > 0:  # noqa: ASYNC110 - time, not an event
                    await asyncio.sleep(delay)  # a 429 may have extended it meanwhile
                now = self._clock()
                self.window.sent(now)
                return now
        finally:
            self._queued -= 1

    def refused(self, sent_at: float, retry_after: float) -> None:
        """Handle a 429."""
        self.window.refused(self._clock(), sent_at, retry_after, backlog=self._queued > 0)


class SharedClient:
    """Send the requests of one account; the connection pool is open while somebody uses it.

    :param open_sender: opens the sender that the requests go through.
    :param max_connections: concurrent requests.
    """

    def __init__(self, open_sender: OpenSender, limiter: RateLimiter, max_connections: int) -> None:
        self.limiter = limiter
        self._open_sender = open_sender
        self._slots = asyncio.Semaphore(max_connections)
        self._opening = asyncio.Lock()
        self._open = AsyncExitStack()
        self._sender: AsyncSender | None = None
        self._users = 0

    async def __aenter__(self) -> AsyncSender:
        async with self._opening:
            if self._sender is None:
                self._sender = await self._open.enter_async_context(self._open_sender())
            self._users += 1
            return partial(self._send, self._sender)

    async def __aexit__(self, *_: object) -> None:
        self._users -= 1
        async with self._opening:
            if not self._users:
                self._sender = None
                await self._open.aclose()

    async def _send(self, sender: AsyncSender, request: Request, retry_seconds: float) -> Response:
        if self.limiter.is_free() and not self._slots.locked():
            return await self._send_in_turn(sender, request, retry_seconds)
        try:
            async with asyncio.timeout(retry_seconds + OVERTIME_SECONDS):
                return await self._send_in_turn(sender, request, retry_seconds)
        except TimeoutError:
            text = f"{request}: not sent in time; the request budget of the account is used up."
            raise ChecklyRateLimited(text, status=HTTPStatus.TOO_MANY_REQUESTS) from None

    async def _send_in_turn(self, sender: AsyncSender, request: Request, retry_seconds: float) -> Response:
        async with self._slots:
            sent_at = await self.limiter.turn()
            response = await sender(request, retry_seconds)
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            hint = retry_after(response)
            self.limiter.refused(sent_at, PAUSE_SECONDS if hint is None else hint)
        return response


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Credentials, SharedClient]] = WeakKeyDictionary()
_limiters: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], RateLimiter]] = (
    WeakKeyDictionary()
)


def shared_client(
    credentials: Credentials, open_sender: OpenSender, *, per_minute: float, max_connections: int
) -> SharedClient:
    """Return the client that all waits of an account in this event loop share.

    :param open_sender: opens a sender, for a new client.
    :param per_minute: requests in any 60 seconds, at most.
    :param max_connections: concurrent requests; a client in use keeps its own.
    """
    loop = asyncio.get_running_loop()
    limiters = _limiters.setdefault(loop, {})
    limiter = limiters.setdefault((credentials.base_url, credentials.account_id), RateLimiter(per_minute))
    limiter.window.per_minute = per_minute
    clients = _clients.setdefault(loop, {})
    if credentials not in clients:
        clients[credentials] = SharedClient(open_sender, limiter, max_connections)
    return clients[credentials]
