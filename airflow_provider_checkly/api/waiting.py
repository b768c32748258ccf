"""A generator that decides which session to ask next, until all are final or it is late.

It does no I/O: it yields an `Ask`, is sent the answer (a session, `StillRunning` or an error), and returns
a `Waited`. Sessions run side by side at Checkly, so one long poll at a time, in turn, notices the last end at
once and costs about two requests a minute.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from airflow_provider_checkly.api import model
from airflow_provider_checkly.api.calls import MAX_WAIT_SECONDS, Call, SessionEndpoints, StillRunning
from airflow_provider_checkly.api.errors import ChecklyError, ChecklyNotFound, ChecklyRateLimited
from airflow_provider_checkly.api.wire import JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)

EARLY_PAUSE: Final = 1.0
"""Seconds before the next poll where Checkly says "still running" long before it had to."""
LONGEST_408_PAUSE: Final = 5.0
"""Seconds: a longer Retry-After on 408 would cost more than the poll it saves."""
FAIL_FAST_HOLD: Final = 5
"""Seconds of a poll where the failure of another session should be noticed soon."""
GRACE: Final = 10.0
"""Seconds: a 404 so soon after the start may be a session that is not yet known everywhere."""
LAST_LOOK: Final = 60.0
"""Seconds for the last look at the deadline: many waits may come to it at once, on one budget."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What to ask next.

    :param pause: seconds to sleep first.
    :param patience: seconds for which the request is repeated where that may help.
    """

    call: Call[JsonObject | StillRunning]
    pause: float
    patience: float


Answer: TypeAlias = JsonObject | StillRunning | ChecklyError


@dataclass(frozen=True, slots=True)
class Waited:
    """What a wait found.

    :param sessions: by id, in the order asked for: the last state of each session that was seen.
    :param unfinished: ids of the sessions that are not final.
    :param late: whether the deadline ended the wait.
    """

    sessions: dict[str, JsonObject]
    unfinished: tuple[str, ...]
    late: bool = False


Plan: TypeAlias = Generator[Ask, Answer | None, Waited]


@dataclass(slots=True)
class Wait:
    """A wait for sessions.

    :param ids: the sessions; UUIDs in lower case, each once.
    :param deadline: absolute wall-clock time in seconds.
    :param stop_on: statuses that end the wait for all (fail fast).
    :param hold: seconds that one long poll may take.
    :param last_look: whether unfinished sessions are read once more at the deadline.
    :param known: the last state of each session that was seen; kept up to date.
    :param clock: wall-clock time in seconds.
    """

    endpoints: SessionEndpoints
    ids: Sequence[str]
    deadline: float
    stop_on: frozenset[str] = frozenset()
    hold: int = MAX_WAIT_SECONDS
    last_look: bool = True
    known: dict[str, JsonObject | None] = field(default_factory=dict)
    clock: Callable[[], float] = time.time

    def plan(self) -> Plan:
        """Ask in turn until all sessions are final, one ends the wait, or the deadline has come."""
        fresh_until = self.clock() + GRACE
        turn = deque(self._unfinished())
        pause = 0.0
        while turn and (left := self._left(pause)) >= 1:
            answer = yield self._poll(turn[0], left, pause)
            pause = self._pause_after(answer, fresh_until)
            if not isinstance(answer, dict):
                turn.rotate(-1)
            elif self._record(turn.popleft(), answer):
                return self._waited(late=False)
        if turn and self.last_look:
            yield from self._look_once_more(turn)
        return self._waited(late=True)

    def _left(self, pause: float) -> float:
        return self.deadline - self.clock() - pause

    def _unfinished(self) -> list[str]:
        return [i for i in self.ids if not ((seen := self.known.get(i)) and model.is_final(seen))]

    def _waited(self, *, late: bool) -> Waited:
        unfinished = tuple(self._unfinished())
        seen = {i: session for i in self.ids if (session := self.known.get(i))}
        return Waited(seen, unfinished, late=late and bool(unfinished))

    def _poll(self, session_id: str, left: float, pause: float) -> Ask:
        longest = FAIL_FAST_HOLD if self.stop_on and len(self._unfinished()) > 1 else self.hold
        hold = max(1, min(longest, round(left)))
        return Ask(self.endpoints.completion(session_id, hold), pause, left)

    def _pause_after(self, answer: Answer | None, fresh_until: float) -> float:
        """Return the seconds to pause before the next request.

        :raises ChecklyError: the answer is an error that more asking does not mend.
        """
        match answer:
            case StillRunning(retry_after=hint, early=early):
                return max(min(hint or 0, LONGEST_408_PAUSE), EARLY_PAUSE if early else 0)
            case ChecklyNotFound() if self.clock() < fresh_until:
                log.info("%s It may be too new; asking again.", answer)
                return EARLY_PAUSE
            case ChecklyError() if answer.transient and self._left(0) < 1:
                return 0.0
            case ChecklyError():
                raise answer
        return 0.0

    def _look_once_more(self, turn: Sequence[str]) -> Plan:
        """Read each unfinished session: the state counts first, the deadline second."""
        until = max(self.clock(), self.deadline) + LAST_LOOK
        for session_id in turn:
            if (patience := until - max(self.clock(), self.deadline)) <= 0:
                break
            answer = yield Ask(self.endpoints.get(session_id), max(0.0, self._left(0)), patience)
            if isinstance(answer, ChecklyError) and not isinstance(answer, ChecklyRateLimited):
                raise answer
            if isinstance(answer, dict):
                self._record(session_id, answer)
        return self._waited(late=True)

    def _record(self, session_id: str, session: JsonObject) -> bool:
        """Remember a session; return whether the wait is over."""
        self.known[session_id] = session
        unfinished = len(self._unfinished())
        if model.is_final(session):
            _report(session, len(self.ids) - unfinished, len(self.ids))
        return not unfinished or model.status(session) in self.stop_on


def _report(session: JsonObject, ended: int, asked: int) -> None:
    seconds, status = model.seconds(session), model.status(session)
    took = "" if seconds is None else f" after {seconds:.1f} s"
    log.log(
        logging.INFO if status in model.GOOD else logging.WARNING,
        "%s %d of %d ended: %s %s%s. %s",
        model.kind_of(session).noun.capitalize(),
        ended,
        asked,
        model.label(session),
        status,
        took,
        model.link(session),
    )
