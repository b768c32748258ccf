"""Checkly without the network: an account's checks and sessions, driven by a clock that the caller gives."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from airflow_provider_checkly.emulator.sessions import Run, Session, TestSession

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from airflow_provider_checkly.emulator.checks import Check
    from airflow_provider_checkly.emulator.orders import Order
    from airflow_provider_checkly.emulator.sessions import Result
    from airflow_provider_checkly.emulator.targets import Target


class Model:
    """The state of one account. `clock` gives Unix seconds; `speed` divides how long the checks take."""

    def __init__(
        self, account_id: str, checks: Iterable[Check], clock: Callable[[], float], *, speed: float = 1.0
    ) -> None:
        self.account_id = account_id
        self.checks = tuple(checks)
        self.clock = clock
        self.speed = speed
        self._sessions: dict[str, Session] = {}
        self._tests: dict[str, TestSession] = {}

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The check sessions that were started, oldest first."""
        return tuple(self._sessions.values())

    @property
    def test_sessions(self) -> tuple[TestSession, ...]:
        """The test sessions that were started, oldest first."""
        return tuple(self._tests.values())

    def trigger(self, target: Target) -> list[Session]:
        """Start one session per matching check; an empty list says that none matched."""
        now = self.clock()
        sessions = [self._start(check, now) for check in target.pick(self.checks)]
        self._sessions.update((session.id, session) for session in sessions)
        return sessions

    def trigger_test(self, order: Order) -> TestSession | None:
        """Start one test session with all matching checks; None says that none matched."""
        now = self.clock()
        parts = tuple(self._start(order.applied(check), now) for check in order.target.pick(self.checks))
        if not parts:
            return None
        session = TestSession(str(uuid4()), order, now, parts)
        self._tests[session.id] = session
        return session

    def find(self, session_id: str) -> Session | None:
        """Look a check session up."""
        return self._sessions.get(session_id.lower())

    def find_test(self, session_id: str) -> TestSession | None:
        """Look a test session up."""
        return self._tests.get(session_id.lower())

    def find_check(self, check_id: str) -> Check | None:
        """Look a check up."""
        return next((check for check in self.checks if check.id == check_id.lower()), None)

    def results(self, check: Check) -> list[Result]:
        """List the results of a check so far, oldest session first; test sessions leave none."""
        now = self.clock()
        own = (session for session in self.sessions if session.check.id == check.id)
        return [result for session in own for result in session.results(now)]

    def cancel(self, session: Session, sequence_ids: Collection[str] | None = None) -> None:
        """Stop what can be stopped of a session: all of it, or the runs with those sequence ids."""
        self._sessions[session.id] = session.cancelled(self.clock(), sequence_ids)

    def cancel_test(self, session: TestSession, sequence_ids: Collection[str] | None = None) -> None:
        """Stop what can be stopped of a test session: all of it, or the runs with those sequence ids."""
        self._tests[session.id] = session.cancelled(self.clock(), sequence_ids)

    def seconds_left(self, session: Session | TestSession) -> float:
        """Say how long a session still runs if nobody cancels it: 0 or less when final, infinite for ever."""
        return session.stopped_at - self.clock()

    def _start(self, check: Check, now: float) -> Session:
        runs = tuple(self._run(check, number, now) for number in range(len(check.locations)))
        return Session(str(uuid4()), check, now, runs)

    def _run(self, check: Check, number: int, now: float) -> Run:
        """Plan a run. Locations finish one after the other, the last on time: progress can be seen."""
        share = (1 + (number + 1) / len(check.locations)) / 2
        tries = tuple(str(uuid4()) for _ in range(check.attempts + 1))
        seconds = check.seconds / self.speed * share / len(tries)
        return Run(str(uuid4()), check.locations[number], now, tries, seconds, check.outcome)
