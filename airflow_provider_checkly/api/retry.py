"""Retries of a request, for both transports: what is repeated, the pause, and when to stop (tenacity).

A 429 is handled here (the pause of the request) and in `rate_limit` (the budget of the account).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeVar

from tenacity import AsyncRetrying, Retrying, stop_after_delay, wait_exponential, wait_random

from airflow_provider_checkly.api.rate_limit import WINDOW_SECONDS
from airflow_provider_checkly.exceptions import ChecklyError, ChecklyRefused, ChecklyUnreachable

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from airflow_provider_checkly.api.http import Request

log = logging.getLogger(__name__)

R = TypeVar("R", Retrying, AsyncRetrying)

TRIES_AFTER_500: Final = 4

_back_off = wait_exponential(multiplier=0.5, max=30) + wait_random(0, 0.5)


def should_retry(request: Request, error: BaseException, tries: int) -> bool:
    """Return whether to send a request again.

    A request that starts something is repeated only if Checkly definitely did not process it: the connection
    failed, or the response was 429.
    """
    match error:
        case ChecklyUnreachable():
            return error.retryable and (request.repeatable or not error.maybe_processed)
        case ChecklyRefused(status=429):
            return True
        case ChecklyRefused(status=500):
            return request.repeatable and tries < TRIES_AFTER_500
        case ChecklyError():
            return request.repeatable and error.retryable
    return False


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def pause(state: RetryCallState, retry_seconds: float) -> float:
    """Return the seconds before the next try: `Retry-After` up to a minute, else exponential back-off."""
    hint = getattr(_error(state), "retry_after", None)
    wanted = min(hint, WINDOW_SECONDS) + 0.1 if hint else _back_off(state)
    return max(0.0, min(wanted, retry_seconds - (state.seconds_since_start or 0)))


def _report(state: RetryCallState) -> None:
    log.warning("%s Retrying in %.1f s.", _error(state), state.upcoming_sleep)


def retrying(kind: type[R], request: Request, retry_seconds: float) -> R:
    """Return tenacity's controller for a request that may be repeated for `retry_seconds`."""

    def is_retryable(state: RetryCallState) -> bool:
        error = _error(state)
        return error is not None and should_retry(request, error, state.attempt_number)

    return kind(
        retry=is_retryable,
        wait=lambda state: pause(state, retry_seconds),
        stop=stop_after_delay(retry_seconds),
        before_sleep=_report,
        reraise=True,
    )
