"""Errors of the provider; all can be imported by users.

ChecklyError
 +- InvalidInput         an argument or a connection field that cannot work
 +- ChecklyUnreachable   no complete response: DNS, connection, TLS, proxy, timeout
 +- ChecklyRefused       Checkly responded with an error status (`status`, `message`)
 |   +- ChecklyAuthError     401, 403
 |   +- ChecklyPlanLimit     402
 |   +- ChecklyNotFound      404
 |   |   +- NoMatchingChecks     404 of a trigger
 |   +- ChecklyRateLimited   429
 +- ChecklyUnreadable    a response that does not follow Checkly's documentation
 +- ChecksNotRun         a requested check did not run (`check_ids`, `sessions`)
 +- ChecksFailed         the gate did not pass (`sessions`)
 +- ChecksTimedOut       the deadline came before the sessions ended (`session_ids`)

This module does not import Airflow. :mod:`airflow_provider_checkly.task_exceptions` maps these errors to what
leaves a task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_checkly.api.http import JsonObject


class ChecklyError(Exception):
    """Base class of all errors of the provider.

    `retryable`: whether the same request may succeed a little later. `permanent`: whether a retry of the task
    cannot succeed. `maybe_processed`: whether Checkly may have processed the request even though it failed.
    """

    retryable = False
    permanent = False
    maybe_processed = True


class InvalidInput(ChecklyError, ValueError):
    """An argument or a connection field that cannot work."""

    permanent = True
    maybe_processed = False


class ChecklyUnreachable(ChecklyError):
    """No complete response arrived.

    :param maybe_processed: whether Checkly may have processed the request even though no response arrived.
    :param retryable: False where a retry cannot succeed, e.g. an untrusted certificate.
    """

    def __init__(self, text: str, *, maybe_processed: bool = True, retryable: bool = True) -> None:
        super().__init__(text)
        self.maybe_processed = maybe_processed
        self.retryable = retryable


class ChecklyRefused(ChecklyError):
    """Checkly responded with an error status.

    :param status: the HTTP status.
    :param message: Checkly's message.
    :param retry_after: seconds after which Checkly accepts the request again, None if it does not say.
    """

    def __init__(
        self, text: str, *, status: int = 0, message: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        self.retryable = status in {408, 429, 500, 502, 503, 504}
        self.permanent = status in {400, 401, 402, 404}
        self.maybe_processed = status in range(500, 600)


class ChecklyAuthError(ChecklyRefused):
    """401: the API key is not valid; 403: it is not valid for this account or action."""


class ChecklyPlanLimit(ChecklyRefused):
    """402: the plan of the account does not include this."""


class ChecklyNotFound(ChecklyRefused):
    """404: the resource does not exist in this account."""


class NoMatchingChecks(ChecklyNotFound):
    """404 of a trigger: no active check matches the ids and tags."""


class ChecklyRateLimited(ChecklyRefused):
    """429: too many requests for this account."""


class ChecklyUnreadable(ChecklyError):
    """A response that does not follow Checkly's documentation.

    :param of_trigger: whether it is the response to a trigger; a retry would then start checks twice.
    """

    def __init__(self, text: str, *, of_trigger: bool = False) -> None:
        super().__init__(text)
        self.permanent = of_trigger


class ChecksNotRun(ChecklyError):
    """A requested check did not run.

    :param check_ids: the checks that did not run.
    :param sessions: the sessions that Checkly started.
    """

    permanent = True

    def __init__(
        self, text: str, *, check_ids: Sequence[str] = (), sessions: Sequence[JsonObject] = ()
    ) -> None:
        super().__init__(text)
        self.check_ids = list(check_ids)
        self.sessions = list(sessions)

    @classmethod
    def of(cls, check_ids: Sequence[str], sessions: Sequence[JsonObject]) -> ChecksNotRun:
        """Return the error for these checks and sessions."""
        text = (
            f"Checkly did not run {len(check_ids)} of the requested checks: {', '.join(check_ids)}. Each is "
            f"deleted, deactivated, or in another account. Activate it, or remove it from check_ids."
        )
        return cls(text, check_ids=check_ids, sessions=sessions)

    def explained(self, reasons: Mapping[str, str]) -> ChecksNotRun:
        """Return the same error with the reason for each check."""
        why = "; ".join(f"{check_id} {reason}" for check_id, reason in reasons.items())
        more = len(self.check_ids) - len(reasons)
        others = f"; and {more} more" if more else ""
        text = (
            f"Checkly did not run {len(self.check_ids)} of the requested checks: {why}{others}. "
            f"Activate or correct them, or remove them from check_ids."
        )
        return ChecksNotRun(text, check_ids=self.check_ids, sessions=self.sessions)


class ChecksFailed(ChecklyError):
    """The gate did not pass.

    :param sessions: the failing sessions, as Checkly returned them.
    """

    permanent = True

    def __init__(self, text: str, sessions: Sequence[JsonObject] = ()) -> None:
        super().__init__(text)
        self.sessions = list(sessions)


class ChecksTimedOut(ChecklyError):
    """The deadline came before the sessions ended.

    :param session_ids: the sessions that had not ended.
    """

    def __init__(self, text: str, session_ids: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.session_ids = list(session_ids)


REFUSALS: dict[int, type[ChecklyRefused]] = {
    401: ChecklyAuthError,
    402: ChecklyPlanLimit,
    403: ChecklyAuthError,
    404: ChecklyNotFound,
    429: ChecklyRateLimited,
}
