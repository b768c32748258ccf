"""How Checkly shows a test session, and each of its results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_checkly.emulator.failures import error_group_id
from airflow_provider_checkly.emulator.results import APP, flags_json, response_time, timestamp
from airflow_provider_checkly.emulator.sessions import in_test_words

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON
    from airflow_provider_checkly.emulator.sessions import Result, Session, TestSession


def session_json(session: TestSession, account_id: str, now: float) -> dict[str, JSON]:
    """Show a test session with the results so far (schema FindOneTestSessionResponse)."""
    stopped_at = session.stopped_at if session.is_final(now) else None
    return {
        "testSessionId": session.id,
        "testSessionLink": session_link(session, account_id),
        "name": session.order.name,
        "status": session.status(now),
        "errorGroupIds": list(error_group_ids(session, now)),
        "startedAt": timestamp(session.started_at),
        "stoppedAt": None if stopped_at is None else timestamp(stopped_at),
        "timeElapsed": round(((now if stopped_at is None else stopped_at) - session.started_at) * 1000),
        "metadata": dict(session.order.metadata),
        "results": [
            result_json(session, part, result, account_id, now) for part, result in session.progress(now)
        ],
    }


def result_json(
    session: TestSession, part: Session, result: Result, account_id: str, now: float
) -> dict[str, JSON]:
    """Show a result (schema TestSessionResult); one to come says when it started, if it has."""
    pending = result.type == "PENDING"
    flags = flags_json(result)
    del flags["isCancelled"]
    return {
        "testSessionResultId": result.id,
        "testSessionResultLink": f"{session_link(session, account_id)}/results/{result.id}",
        "checkId": part.check.id,
        "checkType": part.check.checkType,
        "name": part.check.name,
        "runLocation": result.location,
        "errorGroupIds": group_ids(part, result),
        "resultType": result.type,
        "status": in_test_words(result),
        **flags,
        "responseTime": None if pending else response_time(part.check, result),
        "startedAt": timestamp(result.started_at) if result.started_at <= now else None,
        "stoppedAt": None if pending else timestamp(result.stopped_at),
    }


def group_ids(part: Session, result: Result) -> list[JSON]:
    """List the error groups of a result: one, if it has an error."""
    found = None if result.type == "PENDING" else error_group_id("test-session", part.check, result)
    return [] if found is None else [found]


def error_group_ids(session: TestSession, now: float) -> dict[JSON, None]:
    """Give the error groups of a session, each once, in the order of its results."""
    return {found: None for part, result in session.progress(now) for found in group_ids(part, result)}


def session_link(session: TestSession, account_id: str) -> str:
    """Give the page of a test session."""
    return f"{APP}/accounts/{account_id}/test-sessions/{session.id}"
