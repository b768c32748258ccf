"""Tell what goes on, at least every 5 s, and end the demo on a signal or when it takes too long."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import FrameType

SILENCE_SECONDS: Final = 4.0
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal asked for the end."""


class TookTooLong(Exception):
    """The limit of the whole demo is reached."""


class Progress:
    """Prints lines with the seconds since the start; call it again and again while something goes on.

    Signals are noticed in such a call only, never in the middle of something that must not be cut.

    :param limit: seconds after which a call raises TookTooLong.
    """

    def __init__(self, limit: float) -> None:
        self.signal = 0
        self._limit = limit
        self._start = self._last = time.monotonic()
        self._text = ""
        self._raised = False
        self._lock = threading.Lock()
        self._end = threading.Event()

    def __enter__(self) -> Self:
        for number in SIGNALS:
            signal.signal(number, self._note)
        threading.Thread(target=self._repeat, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_repeating()

    def stop_repeating(self) -> None:
        """Say no more what still goes on, so that the last text stays in view."""
        self._end.set()

    def __call__(self, text: str) -> None:
        """Say what goes on now, unless that was the last thing said; raise once if it is time to end."""
        if text != self._text:
            self._text = text
            self._say(text)
        if self._raised:
            return
        self._raised = True
        if self.signal:
            raise Interrupted
        if self.seconds > self._limit:
            raise TookTooLong(f"after {self._limit:.0f} s still: {text.strip()}")
        self._raised = False

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self._start

    def _note(self, number: int, _: FrameType | None) -> None:
        self.signal = self.signal or number

    def _repeat(self) -> None:
        while not self._end.wait(0.5):
            if time.monotonic() - self._last > SILENCE_SECONDS:
                self._say(f"    still: {self._text.strip()}")

    def _say(self, text: str) -> None:
        with self._lock:
            self._last = time.monotonic()
            try:
                print(f"[{self.seconds:4.0f} s] {text}", flush=True)
            except OSError:  # nobody reads any more
                self.signal = self.signal or signal.SIGPIPE
                sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - until the end
