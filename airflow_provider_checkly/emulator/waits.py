"""Long polls: requests that are held until what they wait for has ended."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from airflow_provider_checkly.emulator.answers import Problem

if TYPE_CHECKING:
    from collections.abc import Callable


class Waits:
    """Who waits for what; `retry_after` is what a 408 says in seconds (None: nothing), `message` its text."""

    def __init__(self, retry_after: int | None, message: str) -> None:
        self._headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._message = message
        self._woken: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def hold(self, name: str, seconds: float, seconds_left: Callable[[], float]) -> None:
        """Return once nothing is left of it; after so many seconds it is a 408."""
        deadline = asyncio.get_running_loop().time() + seconds
        while seconds_left() > 0:
            patience = deadline - asyncio.get_running_loop().time()
            if patience <= 0:
                raise Problem(408, self._message, headers=self._headers)
            await self._sleep(name, min(patience, seconds_left()))

    def wake(self, name: str) -> None:
        """Let them look again: what they wait for may have ended sooner."""
        self._woken.pop(name, asyncio.Event()).set()

    async def _sleep(self, name: str, seconds: float) -> None:
        """Sleep until woken or until the time is up: a single timer."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken[name].wait()
        except TimeoutError:
            pass
