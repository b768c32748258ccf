"""A retry policy for tasks that use the hook; Airflow has retry policies since 3.3."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_checkly.exceptions import ChecklyError, ChecklyRateLimited, ChecksFailed

try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError as error:
    raise ImportError("airflow_provider_checkly.retry_policy needs Airflow 3.3 or newer.") from error

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

RATE_WINDOW_SECONDS: Final = 60.0
"""After so long, an account may send as many requests as before."""
MAX_PAUSE_SECONDS: Final = 3600.0


class ChecklyRetryPolicy(RetryPolicy):
    """Retry only if that may help: argument `retry_policy` of tasks that use the hook.

    An error that a retry cannot fix (a wrong API key, an unknown check, a bad argument, a limit of the plan)
    fails the task at once. After 429, the retry waits as long as Checkly asks for, at most an hour. For all
    other errors, `retries` and `retry_delay` of the task apply.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow's
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Decide by the error of Checkly that ended the task, or by the one that caused its error."""
        error = checkly_error(exception)
        if isinstance(error, ChecksFailed):  # it gets here only with `retry_failed`
            return RetryDecision.default()
        if error is not None and error.permanent:
            return RetryDecision.fail(f"{type(error).__name__}: a retry cannot succeed.")
        if isinstance(error, ChecklyRateLimited):
            asked = RATE_WINDOW_SECONDS if error.retry_after is None else error.retry_after
            pause = timedelta(seconds=min(asked, MAX_PAUSE_SECONDS))
            return RetryDecision.retry(pause, "Checkly asked for a pause (429).")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return the settings of the policy: it has none."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ChecklyRetryPolicy:  # noqa: ARG003 - Airflow's
        """Return a policy."""
        return cls()


def checkly_error(exception: BaseException | None) -> ChecklyError | None:
    """Return the error of Checkly that an exception is or was caused by."""
    seen: set[int] = set()
    while exception is not None and id(exception) not in seen:
        if isinstance(exception, ChecklyError):
            return exception
        seen.add(id(exception))
        exception = exception.__cause__
    return None
