"""Sessions as functions of time: frozen data that says, for any moment, what Checkly would show."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_checkly.emulator.checks import Check, Outcome
    from airflow_provider_checkly.emulator.orders import Order


# In the words of the v2 API; the last five are final.
SessionStatus: TypeAlias = Literal[
    "STARTED",
    "PROGRESS",
    "PROGRESS_FAILED",
    "PROGRESS_DEGRADED",
    "PASSED",
    "FAILED",
    "DEGRADED",
    "TIMED_OUT",
    "CANCELLED",
]
TestStatus: TypeAlias = Literal["RUNNING", "PASSED", "FAILED", "CANCELLED"]
FINAL: Final[dict[Outcome, SessionStatus]] = {
    "passed": "PASSED",
    "failed": "FAILED",
    "degraded": "DEGRADED",
    "timed_out": "TIMED_OUT",
    "cancelled": "CANCELLED",
}


@dataclass(frozen=True)
class Result:
    """What one try at one location came to, or, while PENDING, will come to; times in Unix seconds.

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
    try takes `try_seconds`; an outcome of `never` leaves the last one open. Times in Unix seconds.
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
        """When it ends; infinite for one that never does."""
        if self.outcome == "never":
            return math.inf
        return min(self.started_at + len(self.tries) * self.try_seconds, self.cancelled_at)

    def results(self, now: float) -> list[Result]:
        """List the results that have come in by then."""
        attempts = [self._attempt(number) for number in range(len(self.tries) - 1)]
        return [result for result in (*attempts, self._final()) if result.stopped_at <= now]

    def progress(self, now: float) -> list[Result]:
        """List the results that have come in by then, and the final one in any case."""
        results = self.results(now)
        return results if self.stopped_at <= now else [*results, replace(self._final(), type="PENDING")]

    def _attempt(self, number: int) -> Result:
        started_at = self.started_at + number * self.try_seconds
        return self._result(number, "ATTEMPT", "failed", started_at + self.try_seconds)

    def _final(self) -> Result:
        return self._result(len(self.tries) - 1, "FINAL", self.outcome, self.stopped_at)

    def _result(
        self, number: int, kind: Literal["FINAL", "ATTEMPT"], outcome: Outcome, stopped_at: float
    ) -> Result:
        started_at = self.started_at + number * self.try_seconds
        ids = self.tries[number], self.sequence_id
        return Result(*ids, number + 1, self.location, kind, outcome, started_at, stopped_at)

    def cancelled(self, now: float) -> Run:
        """Give the run as it is when it is stopped then: unchanged if it has ended already."""
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
        """When its last run ends; infinite for a session that never does."""
        return max(run.stopped_at for run in self.runs)

    def is_final(self, now: float) -> bool:
        """Tell whether it has ended by then."""
        return self.stopped_at <= now

    def results(self, now: float) -> list[Result]:
        """List the results that have come in by then, location by location, attempts before the final one."""
        return [result for run in self.runs for result in run.results(now)]

    def status(self, now: float) -> SessionStatus:
        """Say what state it is in by then; only final results colour it: an attempt may be made good."""
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
        """Give the session as a cancel then leaves it, whole or those runs; only suites can be stopped."""
        if self.check.checkType != "PLAYWRIGHT":
            return self
        return replace(
            self,
            runs=tuple(
                run.cancelled(now) if sequence_ids is None or run.sequence_id in sequence_ids else run
                for run in self.runs
            ),
        )


def _final_status(outcomes: Collection[Outcome]) -> SessionStatus:
    """Judge a finished session: one cancelled run makes it cancelled, else all runs ended alike."""
    if "cancelled" in outcomes:
        return "CANCELLED"
    (outcome,) = outcomes
    return FINAL[outcome]


@dataclass(frozen=True)
class TestSession:
    """Checks that were triggered together: one part each, all at one location. Times in Unix seconds."""

    __test__ = False  # the name is Checkly's: pytest finds no test in here

    id: str
    order: Order
    started_at: float
    parts: tuple[Session, ...]

    @property
    def stopped_at(self) -> float:
        """When its last part ends; infinite for a session that never does."""
        return max(part.stopped_at for part in self.parts)

    def is_final(self, now: float) -> bool:
        """Tell whether it has ended by then."""
        return self.stopped_at <= now

    def progress(self, now: float) -> list[tuple[Session, Result]]:
        """List each result that has come in or is still to come, with the part it belongs to."""
        runs = [(part, run) for part in self.parts for run in part.runs]
        return [(part, result) for part, run in runs for result in run.progress(now)]

    def status(self, now: float) -> TestStatus:
        """Say what state it is in by then: no final word before the last part has ended."""
        if not self.is_final(now):
            return "RUNNING"
        statuses = {in_test_words(result) for _, result in self.progress(now) if result.type == "FINAL"}
        return next(one for one in ("CANCELLED", "FAILED", "PASSED") if one in statuses)

    def cancelled(self, now: float, sequence_ids: Collection[str] | None = None) -> TestSession:
        """Give the session as a cancel then leaves it, whole or those runs; only suites can be stopped."""
        return replace(self, parts=tuple(part.cancelled(now, sequence_ids) for part in self.parts))


def in_test_words(result: Result) -> TestStatus:
    """Judge a result in the words of test sessions, where degraded is passed and timed out is failed."""
    if result.type == "PENDING":
        return "RUNNING"
    if result.outcome == "cancelled":
        return "CANCELLED"
    return "PASSED" if result.outcome in ("passed", "degraded") else "FAILED"
