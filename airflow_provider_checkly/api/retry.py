"""Tenacity set up for both transports: what to repeat, how long to pause, when to stop."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeVar

from tenacity import AsyncRetrying, Retrying, stop_after_delay, wait_exponential, wait_random

from airflow_provider_checkly.api.errors import ChecklyError, ChecklyRefused, ChecklyUnreachable

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from airflow_provider_checkly.api.wire import Request

log = logging.getLogger(__name__)

R = TypeVar("R", Retrying, AsyncRetrying)

LONGEST_PAUSE: Final = 60.0
"""Seconds: Checkly's rate window; a longer Retry-After is asked for again after it."""
TRIES_AFTER_500: Final = 4

_back_off = wait_exponential(multiplier=0.5, max=30) + wait_random(0, 0.5)


def is_worth_repeating(request: Request, error: BaseException, tries: int) -> bool:
    """Return whether to send a request again.

    A request that starts something is repeated only where Checkly surely did not take it:
    the connection failed, or the answer was 429.
    """
    match error:
        case ChecklyUnreachable():
            return error.transient and (request.repeatable or not error.taken)
        case ChecklyRefused(status=429):
            return True
        case ChecklyRefused(status=500):
            return request.repeatable and tries < TRIES_AFTER_500
        case ChecklyError():
            return request.repeatable and error.transient
    return False


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def pause(state: RetryCallState, patience: float) -> float:
    """Return the seconds to the next try: what Checkly asks for, else growing ones."""
    hint = getattr(_error(state), "retry_after", None)
    wanted = min(hint, LONGEST_PAUSE) + 0.1 if hint else _back_off(state)
    return max(0.0, min(wanted, patience - (state.seconds_since_start or 0)))


def _report(state: RetryCallState) -> None:
    log.warning("%s Next try in %.1f s.", _error(state), state.upcoming_sleep)


def repeats(kind: type[R], request: Request, patience: float) -> R:
    """Return a controller of tenacity for a request that may be repeated for so many seconds."""

    def worth(state: RetryCallState) -> bool:
        error = _error(state)
        return error is not None and is_worth_repeating(request, error, state.attempt_number)

    return kind(
        retry=worth,
        wait=lambda state: pause(state, patience),
        stop=stop_after_delay(patience),
        before_sleep=_report,
        reraise=True,
    )
