"""A retry policy for tasks that use the hook; Airflow knows retry policies since 3.3."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_checkly.exceptions import ChecklyError, ChecklyRateLimited

try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError as error:
    raise ImportError("airflow_provider_checkly.retry_policy needs Airflow 3.3 or newer.") from error

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

RATE_WINDOW: Final = 60.0
"""Seconds after which Checkly's budget of requests is whole again."""
LONGEST_PAUSE: Final = 3600.0


class ChecklyRetryPolicy(RetryPolicy):
    """Retry what may get better: argument `retry_policy` of tasks that use the hook.

    What has no prospect (a wrong key, a missing check, a bad argument, the plan's limit) fails at once. After
    429 the retry waits for as long as Checkly asks, an hour at most. All else is as the task's `retries` and
    `retry_delay` say.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow's
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Decide by the error of Checkly that ended the task, or that caused what did."""
        error = checkly_error(exception)
        if error is not None and error.permanent:
            return RetryDecision.fail(f"{type(error).__name__}: another try cannot end better.")
        if isinstance(error, ChecklyRateLimited):
            seconds = RATE_WINDOW if error.retry_after is None else min(error.retry_after, LONGEST_PAUSE)
            return RetryDecision.retry(timedelta(seconds=seconds), "Checkly asked for a pause.")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return what the policy is, for Airflow's serialized DAG: it has no settings."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ChecklyRetryPolicy:  # noqa: ARG003 - Airflow's
        """Return the policy again."""
        return cls()


def checkly_error(exception: BaseException | None) -> ChecklyError | None:
    """Return an error of Checkly, or the one that caused an exception."""
    seen: set[int] = set()
    while exception is not None and id(exception) not in seen:
        if isinstance(exception, ChecklyError):
            return exception
        seen.add(id(exception))
        exception = exception.__cause__
    return None
