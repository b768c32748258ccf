"""Long polling: a generator decides which session to poll next, until all have ended or the deadline comes.

It does no I/O: it yields a `Poll`, is sent the answer (a session, `StillRunning` or an error) and returns a
`WaitResult`. Sessions run side by side at Checkly, so one long poll at a time, in turn, notices the last end
immediately and costs about two requests a minute.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.endpoints import MAX_WAIT_SECONDS, Endpoint, SessionEndpoints, StillRunning
from airflow_provider_checkly.api.http import JsonObject
from airflow_provider_checkly.exceptions import ChecklyError, ChecklyNotFound, ChecklyRateLimited

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_checkly.api.models import SessionKind

log = logging.getLogger(__name__)

EARLY_408_PAUSE: Final = 1.0
"""Seconds before the next poll if Checkly says "still running" long before it had to."""
MAX_408_PAUSE: Final = 5.0
"""Seconds: a longer Retry-After on 408 would cost more than the poll it saves."""
FAIL_FAST_WAIT: Final = 5
"""Seconds of one long poll if the failure of another session should be noticed soon."""
NOT_FOUND_GRACE: Final = 10.0
"""Seconds: after a 404 this soon, the session may not be visible everywhere yet."""
LAST_LOOK_SECONDS: Final = 60.0
"""Time for the last read at the deadline; many waits may reach it together, on one budget."""


@dataclass(frozen=True, slots=True)
class Poll:
    """The next request.

    :param pause: seconds to sleep first.
    :param retry_seconds: how long the request may be repeated.
    """

    endpoint: Endpoint[JsonObject | StillRunning]
    pause: float
    retry_seconds: float


Answer: TypeAlias = JsonObject | StillRunning | ChecklyError


@dataclass(frozen=True, slots=True)
class WaitResult:
    """What a wait found.

    :param ids: the sessions that were waited for.
    :param sessions: the last known state of each session; None if an event was too small to carry them and
        they must be read again.
    :param unfinished: ids of the sessions that had not ended.
    :param late: whether our deadline ended the wait.
    :param error: the error that ended the wait.
    """

    ids: tuple[str, ...]
    sessions: tuple[JsonObject, ...] | None = ()
    unfinished: tuple[str, ...] = ()
    late: bool = False
    error: ChecklyError | None = None

    @property
    def final(self) -> list[JsonObject]:
        """The sessions that have ended."""
        return [session for session in self.sessions or () if models.is_final(session)]


Steps: TypeAlias = Generator[Poll, Answer | None, WaitResult]


@dataclass(slots=True)
class Polling:
    """The sessions of a wait, with the last state of each.

    :param ids: UUIDs in lower case, each once.
    :param stop_on: statuses that end the wait for all (fail fast).
    :param logged: ids of sessions whose end has been logged before.
    :param clock: wall-clock time in seconds.
    :param seen: the last state of each session, by id.
    :param unfinished: ids of the sessions that are not known to have ended.
    :param has_warned: whether a response that is not Checkly's has been logged.
    """

    kind: SessionKind
    ids: Sequence[str]
    stop_on: frozenset[str] = frozenset()
    logged: frozenset[str] = frozenset()
    clock: Callable[[], float] = field(default_factory=lambda: time.time)
    seen: dict[str, JsonObject] = field(default_factory=dict, init=False)
    unfinished: list[str] = field(init=False)
    has_warned: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Start with no session known to have ended."""
        self.unfinished = list(self.ids)

    @classmethod
    def of(
        cls, kind: SessionKind, sessions: Sequence[JsonObject], stop_on: frozenset[str] = frozenset()
    ) -> Polling:
        """Return a wait for sessions whose state is known."""
        seen = {models.session_id(session): session for session in sessions}
        polling = cls(kind, list(seen), stop_on)
        for session_id, session in seen.items():
            polling.record(session_id, session)
        return polling

    def result(self, *, late: bool = False) -> WaitResult:
        """Return what is known now."""
        unfinished = tuple(self.unfinished)
        sessions = tuple(session for i in self.ids if (session := self.seen.get(i)))
        return WaitResult(tuple(self.ids), sessions, unfinished, late=late and bool(unfinished))

    def record(self, session_id: str, session: JsonObject) -> bool:
        """Remember the state of a session; return whether it has ended."""
        self.seen[session_id] = session
        if (is_final := models.is_final(session)) and session_id in self.unfinished:
            self.unfinished.remove(session_id)
        return is_final

    def steps(self, endpoints: SessionEndpoints, deadline: float, *, last_look: bool = True) -> Steps:
        """Poll in turn until all sessions have ended, one ends the wait, or the deadline comes.

        :param deadline: absolute wall-clock time in seconds.
        :param last_look: whether unfinished sessions are read once more at the deadline.
        """
        fresh_until = self.clock() + NOT_FOUND_GRACE
        turn = deque(self.unfinished)
        completion = cache(endpoints.completion)
        pause = 0.0
        while turn and (left := deadline - self.clock() - pause) >= 1:
            answer = yield Poll(completion(turn[0], self._hold(left)), pause, left)
            pause = self._pause_after(answer, deadline, fresh_until)
            if not isinstance(answer, dict):
                turn.rotate(-1)
                continue
            self._record_end(turn.popleft(), answer)
            if not self.unfinished or models.status(answer) in self.stop_on:
                return self.result()
        if turn and last_look:
            yield from self._look_once_more(endpoints, turn, deadline)
        return self.result(late=True)

    def _hold(self, left: float) -> int:
        """Return the seconds of the next long poll."""
        longest = FAIL_FAST_WAIT if self.stop_on and len(self.unfinished) > 1 else MAX_WAIT_SECONDS
        return max(1, min(longest, round(left)))

    def _pause_after(self, answer: Answer | None, deadline: float, fresh_until: float) -> float:
        """Return the seconds to pause before the next request.

        :raises ChecklyError: the answer is an error that another poll cannot fix.
        """
        match answer:
            case StillRunning(retry_after=hint, early=early, from_checkly=from_checkly):
                if not from_checkly and not self.has_warned:
                    self.has_warned = True
                    log.warning("A proxy, and not Checkly's API, seems to have responded 408; still polling.")
                return max(min(hint or 0, MAX_408_PAUSE), EARLY_408_PAUSE if early else 0)
            case ChecklyNotFound() if self.clock() < fresh_until:
                log.info("%s The session may not be visible yet; retrying.", answer)
                return EARLY_408_PAUSE
            case ChecklyError() if answer.retryable and deadline - self.clock() < 1:
                return 0.0
            case ChecklyError():
                raise answer
        return 0.0

    def _look_once_more(self, endpoints: SessionEndpoints, turn: Sequence[str], deadline: float) -> Steps:
        """Read each unfinished session: the state counts first, the deadline second."""
        until = max(self.clock(), deadline) + LAST_LOOK_SECONDS
        for session_id in turn:
            if (left := until - max(self.clock(), deadline)) <= 0:
                break
            answer = yield Poll(endpoints.get(session_id), max(0.0, deadline - self.clock()), left)
            if isinstance(answer, ChecklyError) and not isinstance(answer, ChecklyRateLimited):
                raise answer
            if isinstance(answer, dict):
                self._record_end(session_id, answer)
        return self.result(late=True)

    def _record_end(self, session_id: str, session: JsonObject) -> None:
        if self.record(session_id, session) and session_id not in self.logged:
            seconds = models.seconds(session)
            log.info(
                "%s %s%s (%d of %s ended)",
                models.label(session),
                models.status(session),
                "" if seconds is None else f" after {seconds:.1f} s",
                len(self.ids) - len(self.unfinished),
                self.kind.count(len(self.ids)),
            )
