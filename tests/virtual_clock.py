"""Time for tests: the pauses of the code under test pass at once, and all clocks are set forward instead."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

REAL_TIME, REAL_MONOTONIC = time.time, time.monotonic
REAL_SLEEP, REAL_ASYNC_SLEEP = time.sleep, asyncio.sleep


class VirtualClock:
    """Lets the main thread sleep without waiting; servers in other threads sleep in real time.

    A test therefore sees pauses of their real length, and a busy machine does not change what it sees. Real
    time passes, too, while a response is on its way, so only one wait at a time can use this clock.
    """

    def __init__(self) -> None:
        self.ahead = 0.0
        self._due: list[tuple[float, Callable[[], object]]] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Replace the clocks and the ways to sleep."""
        monkeypatch.setattr(time, "time", lambda: REAL_TIME() + self.ahead)
        monkeypatch.setattr(time, "monotonic", lambda: REAL_MONOTONIC() + self.ahead)
        monkeypatch.setattr(time, "sleep", self._sleep)
        monkeypatch.setattr(asyncio, "sleep", self._async_sleep)

    def call_after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something as soon as the main thread has slept for so many seconds from now."""
        self._due.append((self.ahead + seconds, action))

    def _sleep(self, seconds: float) -> None:
        if threading.current_thread() is threading.main_thread():
            self._set_forward(seconds)
        else:
            REAL_SLEEP(seconds)

    async def _async_sleep(self, seconds: float) -> None:
        if threading.current_thread() is not threading.main_thread():
            await REAL_ASYNC_SLEEP(seconds)
            return
        end = self.ahead + seconds
        while True:
            self._set_forward(min(end - self.ahead, _seconds_to_next_timer()))
            for _ in range(3):  # timeouts that are due by now come first
                await REAL_ASYNC_SLEEP(0)
            if self.ahead >= end:
                return

    def _set_forward(self, seconds: float) -> None:
        self.ahead += max(0.0, seconds)
        due = [action for moment, action in self._due if moment <= self.ahead]
        self._due = [each for each in self._due if each[0] > self.ahead]
        for action in due:
            action()


def _seconds_to_next_timer() -> float:
    loop = asyncio.get_running_loop()
    timers = [timer.when() for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]  # noqa: SLF001
    return max(min(timers, default=float("inf")) - loop.time(), 0.001)
