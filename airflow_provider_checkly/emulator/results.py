"""What the results of check sessions and test sessions have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON, Check
    from airflow_provider_checkly.emulator.sessions import Result

APP: Final = "https://app.checklyhq.com"
# Their response time is that of the run; the other types measure only the operation, a part of it.
WHOLE_RUN: Final = frozenset({"AGENTIC", "BROWSER", "MULTI_STEP", "PLAYWRIGHT"})
OPERATION_SHARE: Final = 0.8


def timestamp(seconds: float) -> str:
    """Write Unix seconds the way Checkly does: `2025-08-28T18:23:40.262Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def response_time(check: Check, result: Result) -> int | None:
    """Say how long the operation took, in milliseconds; nothing is known of one that was cancelled."""
    if result.outcome == "cancelled":
        return None
    share = 1 if check.checkType in WHOLE_RUN else OPERATION_SHARE
    return round((result.stopped_at - result.started_at) * share * 1000)


def flags_json(result: Result) -> dict[str, JSON]:
    """Say how it went; nothing is known of a result that is still to come."""
    outcome = None if result.type == "PENDING" else result.outcome
    return {
        "hasErrors": outcome == "timed_out",
        "hasFailures": outcome == "failed",
        "isDegraded": outcome == "degraded",
        "aborted": outcome == "timed_out",
        "isCancelled": outcome == "cancelled",
    }


def trace_id(result: Result) -> str:
    """Give the OpenTelemetry trace of a result."""
    return result.id.replace("-", "")
