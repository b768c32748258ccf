"""What users catch: the errors of the API, and the two ends of a gate that is not passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_checkly.api.errors import (
    ChecklyAuthError,
    ChecklyError,
    ChecklyNotFound,
    ChecklyPlanLimit,
    ChecklyRateLimited,
    ChecklyRefused,
    ChecklyUnreachable,
    ChecklyUnreadable,
    ChecksNotRun,
    InvalidInput,
    NoMatchingChecks,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_checkly.api.wire import JsonObject

__all__ = [
    "ChecklyAuthError",
    "ChecklyError",
    "ChecklyNotFound",
    "ChecklyPlanLimit",
    "ChecklyRateLimited",
    "ChecklyRefused",
    "ChecklyUnreachable",
    "ChecklyUnreadable",
    "ChecksFailed",
    "ChecksNotRun",
    "ChecksTimedOut",
    "InvalidInput",
    "NoMatchingChecks",
]


class ChecksFailed(ChecklyError):
    """Checks ended with a status that fails the gate.

    :param sessions: the failing sessions, as Checkly returned them.
    """

    def __init__(self, text: str, sessions: Sequence[JsonObject] = ()) -> None:
        super().__init__(text)
        self.sessions = list(sessions)


class ChecksTimedOut(ChecklyError):
    """Our deadline came before the end of all check sessions.

    :param session_ids: the sessions that had not ended.
    """

    def __init__(self, text: str, session_ids: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.session_ids = list(session_ids)
