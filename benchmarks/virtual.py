"""Hours of waiting in seconds: an event loop whose clock jumps, and a Checkly that is only arithmetic."""

from __future__ import annotations

import asyncio
import json
import random
import selectors
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api.endpoints import SessionEndpoints
from airflow_provider_checkly.api.http import Request, Response
from airflow_provider_checkly.api.models import CHECK_SESSION
from airflow_provider_checkly.api.polling import Polling
from airflow_provider_checkly.api.transport import arun

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from contextlib import AbstractAsyncContextManager
    from typing import Any, TypeAlias

    from airflow_provider_checkly.api.rate_limit import AsyncSender

    Client: TypeAlias = AbstractAsyncContextManager[AsyncSender]

LIMIT: Final = 600
WINDOW: Final = 60.0


class _NoFiles(selectors.SelectSelector):
    """Never waits: the loop's clock is moved instead."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        self.loop.now += max(0.0, timeout or 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which sleeping takes no time."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = _NoFiles()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Return the seconds since the loop was made."""
        return self.now


def run(work: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine to its end, on a clock that jumps."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(work(loop))
    finally:
        loop.close()


@dataclass
class Checkly:
    """Checkly's completion endpoint and its rate limit, over sessions that end at known times.

    :param limit: requests in any 60 seconds; None: unlimited.
    :param refused: times of 429s; `asked`: times of all requests.
    """

    loop: VirtualLoop
    limit: int | None = LIMIT
    ends: dict[str, float] = field(default_factory=dict)
    asked: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    _counted: deque[float] = field(default_factory=deque)

    async def answer(self, request: Request) -> Response:
        """Answer one request, holding it as Checkly does."""
        began = self.loop.now
        self.asked.append(began)
        if (wait := self._over_the_limit(began)) is not None:
            self.refused.append(began)
            return Response(request, 429, {"retry-after": str(int(wait) + 1)}, b"{}")
        return await self._held(request, began)

    def use(self) -> None:
        """Count a request of somebody else."""
        self._over_the_limit(self.loop.now)

    async def _held(self, request: Request, began: float) -> Response:
        session_id = request.path.split("/")[3]
        left = self.ends[session_id] - began
        await asyncio.sleep(min(max(0.0, left), request.hold))
        if left > request.hold:
            return Response(request, 408, {"retry-after": "0"}, b"{}", self.loop.now - began)
        session = {"checkSessionId": session_id, "checkId": session_id, "status": "PASSED"}
        return Response(request, 200, {}, json.dumps(session).encode(), self.loop.now - began)

    def _over_the_limit(self, now: float) -> float | None:
        while self._counted and self._counted[0] <= now - WINDOW:
            self._counted.popleft()
        if self.limit and len(self._counted) >= self.limit:
            return self._counted[0] + WINDOW - now
        self._counted.append(now)
        return None


@dataclass(frozen=True)
class Load:
    """Waits of one process in a steady state: whenever a session was found to have ended, another one starts.

    :param mean: of the exponential durations of sessions, in seconds.
    :param seconds: for which ends are counted; it goes on for `cool_down`, so that the last of them meet the
        same crowd as all others.
    :param warm_up: seconds at the start whose ends are not counted.
    :param process: its number among those that share the account.
    """

    waits: int
    mean: float = 300.0
    seconds: float = 3 * 3600.0
    warm_up: float = 1800.0
    cool_down: float = 600.0
    seed: int = 1
    process: int = 0


async def noticed(checkly: Checkly, sender: AsyncSender, session_id: str, end: float) -> float:
    """Wait for a session; return how late its end was noticed, in seconds."""
    checkly.ends[session_id] = end
    polling = Polling(CHECK_SESSION, [session_id], clock=checkly.loop.time)
    await arun(polling.steps(SessionEndpoints(CHECK_SESSION), end + 10**6), sender)
    del checkly.ends[session_id]
    return checkly.loop.now - end


async def detect(
    checkly: Checkly, client: Client, load: Load, late: list[float] | None = None
) -> list[float]:
    """Return how late the end of each session was noticed, in seconds.

    :param late: is filled while it runs.
    """
    late = [] if late is None else late
    chance = random.Random(f"{load.seed} {load.process}")  # noqa: S311 - a simulation

    async def one_after_the_other(number: int, sender: AsyncSender) -> None:
        count = 0
        await asyncio.sleep(chance.uniform(0, 60))
        while checkly.loop.now < load.seconds + load.cool_down:
            session_id = f"{number:08x}-{load.process:04x}-4000-8000-{count:012x}"
            count += 1
            end = checkly.loop.now + chance.expovariate(1 / load.mean)
            lateness = await noticed(checkly, sender, session_id, end)
            if load.warm_up < end <= load.seconds:
                late.append(lateness)

    async with client as sender:
        await asyncio.gather(*(one_after_the_other(number, sender) for number in range(load.waits)))
    return late


async def batch(checkly: Checkly, client: Client, ends: Sequence[float], process: int = 0) -> list[float]:
    """Return how late the end of each session was noticed, in seconds, where all waits start now."""
    async with client as sender:
        ids = (f"{number:08x}-{process:04x}-4000-8000-000000000000" for number in range(len(ends)))
        return await asyncio.gather(
            *(noticed(checkly, sender, name, end) for name, end in zip(ids, ends, strict=True))
        )
