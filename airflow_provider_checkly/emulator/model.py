"""An account without the network: its checks, and sessions as functions of time on a given clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from airflow_provider_checkly.emulator.checks import Check, Outcome
    from airflow_provider_checkly.emulator.trigger_requests import Target, TriggerRequest

TestStatus: TypeAlias = Literal["RUNNING", "PASSED", "FAILED", "CANCELLED"]


@dataclass(frozen=True)
class Result:
    """The result of one try at one location, known in advance while PENDING; times in Unix seconds.

    `number` counts the tries from 1.
    """

    id: str
    sequence_id: str
    number: int
    location: str
    type: Literal["FINAL", "ATTEMPT", "PENDING"]
    outcome: Outcome
    started_at: float
    stopped_at: float


@dataclass(frozen=True)
class Run:
    """The run of a check at one location.

    `sequence_id` is what a partial cancel names; `tries` are the ids of its results, the last one final. Each
    try takes `try_seconds`; with an outcome of `never` the last one stays open. Times in Unix seconds.
    """

    sequence_id: str
    location: str
    started_at: float
    tries: tuple[str, ...]
    try_seconds: float
    outcome: Outcome
    cancelled_at: float = math.inf

    @property
    def stopped_at(self) -> float:
        """Return when it ends; infinite for one that never does."""
        if self.outcome == "never":
            return math.inf
        return min(self.started_at + len(self.tries) * self.try_seconds, self.cancelled_at)

    def results(self, now: float) -> list[Result]:
        """Return the results so far."""
        ends = [self.started_at + number * self.try_seconds for number in range(1, len(self.tries))]
        attempts = [self._result(index, "failed", stopped_at) for index, stopped_at in enumerate(ends)]
        return [result for result in (*attempts, self._final()) if result.stopped_at <= now]

    def progress(self, now: float) -> list[Result]:
        """Return the results so far and, if it is still to come, the final one as PENDING."""
        results = self.results(now)
        return results if self.stopped_at <= now else [*results, replace(self._final(), type="PENDING")]

    def _final(self) -> Result:
        return self._result(len(self.tries) - 1, self.outcome, self.stopped_at)

    def _result(self, index: int, outcome: Outcome, stopped_at: float) -> Result:
        kind: Literal["FINAL", "ATTEMPT"] = "ATTEMPT" if self.tries[index + 1 :] else "FINAL"
        ids, started_at = (self.tries[index], self.sequence_id), self.started_at + index * self.try_seconds
        return Result(*ids, index + 1, self.location, kind, outcome, started_at, stopped_at)

    def cancelled(self, now: float) -> Run:
        """Return the run as a cancel leaves it: unchanged if it has ended already."""
        if self.stopped_at <= now:
            return self
        done = [result.id for result in self.results(now)]
        tries = (*done, self.tries[-1])
        return replace(self, tries=tries, outcome="cancelled", cancelled_at=now)


@dataclass(frozen=True)
class Session:
    """One check that was triggered once, with a run per location; `started_at` in Unix seconds."""

    id: str
    check: Check
    started_at: float
    runs: tuple[Run, ...]

    @property
    def stopped_at(self) -> float:
        """Return when its last run ends; infinite for a session that never does."""
        return max(run.stopped_at for run in self.runs)

    def is_final(self, now: float) -> bool:
        """Return whether it has ended."""
        return self.stopped_at <= now

    def results(self, now: float) -> list[Result]:
        """Return the results so far, location by location, attempts before the final one."""
        return [result for run in self.runs for result in run.results(now)]

    def status(self, now: float) -> str:
        """Return its status in the words of the v2 API; failed attempts do not count, as a retry may pass."""
        results = self.results(now)
        outcomes = {result.outcome for result in results if result.type == "FINAL"}
        if self.is_final(now):
            return _final_status(outcomes)
        if outcomes & {"failed", "timed_out"}:
            return "PROGRESS_FAILED"
        if "degraded" in outcomes:
            return "PROGRESS_DEGRADED"
        return "PROGRESS" if results else "STARTED"

    def cancelled(self, now: float, sequence_ids: Collection[str] | None = None) -> Session:
        """Return the session as a cancel leaves it, of all runs or of some; only suites can be stopped."""
        if not self.check.type.cancellable:
            return self
        return replace(
            self,
            runs=tuple(
                run.cancelled(now) if sequence_ids is None or run.sequence_id in sequence_ids else run
                for run in self.runs
            ),
        )


def _final_status(outcomes: Collection[Outcome]) -> str:
    """Return the status of a finished session: one cancelled run cancels it, else all runs ended alike."""
    if "cancelled" in outcomes:
        return "CANCELLED"
    (outcome,) = outcomes
    return outcome.upper()


@dataclass(frozen=True)
class TestSession:
    """Checks that were triggered together: one part each, all at one location. Times in Unix seconds."""

    __test__ = False  # the name is Checkly's: pytest finds no test in here

    id: str
    request: TriggerRequest
    started_at: float
    parts: tuple[Session, ...]

    @property
    def stopped_at(self) -> float:
        """Return when its last part ends; infinite for a session that never does."""
        return max(part.stopped_at for part in self.parts)

    def is_final(self, now: float) -> bool:
        """Return whether it has ended."""
        return self.stopped_at <= now

    def progress(self, now: float) -> list[tuple[Session, Result]]:
        """Return each result, come in or pending, with the part it belongs to."""
        runs = [(part, run) for part in self.parts for run in part.runs]
        return [(part, result) for part, run in runs for result in run.progress(now)]

    def status(self, now: float) -> TestStatus:
        """Return its status, which is not final before the last part has ended."""
        if not self.is_final(now):
            return "RUNNING"
        statuses = {test_status(result) for _, result in self.progress(now) if result.type == "FINAL"}
        return next(one for one in ("CANCELLED", "FAILED", "PASSED") if one in statuses)

    def cancelled(self, now: float, sequence_ids: Collection[str] | None = None) -> TestSession:
        """Return the session as a cancel leaves it, of all runs or of some; only suites can be stopped."""
        return replace(self, parts=tuple(part.cancelled(now, sequence_ids) for part in self.parts))


def test_status(result: Result) -> TestStatus:
    """Return the status of a result in a test session, where degraded is passed and timed out is failed."""
    if result.type == "PENDING":
        return "RUNNING"
    if result.outcome == "cancelled":
        return "CANCELLED"
    return "PASSED" if result.outcome in ("passed", "degraded") else "FAILED"


class Model:
    """The state of one account. `clock` gives Unix seconds; `speed` divides how long the checks take.

    `pages_url` is the address of the pages that show its sessions; timelines count from `started_at`.
    """

    def __init__(
        self, account_id: str, checks: Iterable[Check], clock: Callable[[], float], *, speed: float = 1.0
    ) -> None:
        self.account_id = account_id
        self.checks = tuple(checks)
        self.clock = clock
        self.speed = speed
        self.pages_url = f"/accounts/{account_id}"
        self.started_at = clock()
        self._sessions: dict[str, Session] = {}
        self._sessions_of: dict[str, list[str]] = {}
        self._tests: dict[str, TestSession] = {}

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Return the check sessions, oldest first."""
        return tuple(self._sessions.values())

    @property
    def test_sessions(self) -> tuple[TestSession, ...]:
        """Return the test sessions, oldest first."""
        return tuple(self._tests.values())

    def trigger(self, target: Target) -> list[Session]:
        """Start one session per matching check; return an empty list if none matched."""
        now = self.clock()
        sessions = [self._start(check, now) for check in target.select(self.checks)]
        for session in sessions:
            self._sessions[session.id] = session
            self._sessions_of.setdefault(session.check.id, []).append(session.id)
        return sessions

    def trigger_test(self, request: TriggerRequest) -> TestSession | None:
        """Start one test session with all matching checks; return None if none matched."""
        now = self.clock()
        parts = tuple(
            self._start(request.applied(check), now) for check in request.target.select(self.checks)
        )
        if not parts:
            return None
        session = TestSession(str(uuid4()), request, now, parts)
        self._tests[session.id] = session
        return session

    def find(self, session_id: str) -> Session | None:
        """Return a check session by its id."""
        return self._sessions.get(session_id.lower())

    def find_test(self, session_id: str) -> TestSession | None:
        """Return a test session by its id."""
        return self._tests.get(session_id.lower())

    def find_check(self, check_id: str) -> Check | None:
        """Return a check by its id."""
        return next((check for check in self.checks if check.id == check_id.lower()), None)

    def results(self, check: Check) -> list[Result]:
        """Return the results of a check so far, oldest session first; test sessions leave none."""
        now = self.clock()
        own = self._sessions_of.get(check.id, ())
        return [result for session_id in own for result in self._sessions[session_id].results(now)]

    def cancel(self, session: Session, sequence_ids: Collection[str] | None = None) -> None:
        """Cancel what can be cancelled of a session: all runs, or those with the sequence ids."""
        self._sessions[session.id] = session.cancelled(self.clock(), sequence_ids)

    def cancel_test(self, session: TestSession, sequence_ids: Collection[str] | None = None) -> None:
        """Cancel what can be cancelled of a test session: all runs, or those with the sequence ids."""
        self._tests[session.id] = session.cancelled(self.clock(), sequence_ids)

    def seconds_left(self, session: Session | TestSession) -> float:
        """Return how long a session still runs unless cancelled: 0 or less if it is final."""
        return session.stopped_at - self.clock()

    def _start(self, check: Check, now: float) -> Session:
        runs = tuple(self._run(check, number, now) for number in range(len(check.locations)))
        return Session(str(uuid4()), check, now, runs)

    def _run(self, check: Check, number: int, now: float) -> Run:
        """Plan a run; locations finish one after the other, the last one on time, so that progress shows."""
        share = (1 + (number + 1) / len(check.locations)) / 2
        tries = tuple(str(uuid4()) for _ in range(check.attempts + 1))
        seconds = check.seconds / self.speed * share / len(tries)
        return Run(str(uuid4()), check.locations[number], now, tries, seconds, check.outcome)
