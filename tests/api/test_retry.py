"""Retries: which requests are sent again, after which pause, and until when."""

from __future__ import annotations

import logging

import pytest
from tenacity import Future, RetryCallState, Retrying

from airflow_provider_checkly import exceptions
from airflow_provider_checkly.api import retry
from airflow_provider_checkly.api.http import Request

GET = Request("GET", "/v2/check-sessions/1")
TRIGGER = Request("POST", "/v2/check-sessions/trigger", repeatable=False)
CANCEL = Request("POST", "/v1/check-sessions/1/cancel")
REFUSED = exceptions.ChecklyRefused


@pytest.mark.parametrize(
    ("error", "repeats", "triggers_again"),
    [
        (exceptions.ChecklyUnreachable("", maybe_processed=False), True, True),
        (exceptions.ChecklyUnreachable("", maybe_processed=True), True, False),
        (exceptions.ChecklyUnreachable("", maybe_processed=False, retryable=False), False, False),
        (exceptions.ChecklyUnreachable("", maybe_processed=True, retryable=False), False, False),
        (exceptions.ChecklyRateLimited("", status=429), True, True),
        (REFUSED("", status=408), True, False),
        (REFUSED("", status=500), True, False),
        (REFUSED("", status=502), True, False),
        (REFUSED("", status=503), True, False),
        (REFUSED("", status=504), True, False),
        (REFUSED("", status=302), False, False),
        (REFUSED("", status=400), False, False),
        (exceptions.ChecklyAuthError("", status=401), False, False),
        (exceptions.ChecklyPlanLimit("", status=402), False, False),
        (exceptions.ChecklyAuthError("", status=403), False, False),
        (exceptions.ChecklyNotFound("", status=404), False, False),
        (exceptions.NoMatchingChecks("", status=404), False, False),
        (REFUSED("", status=409), False, False),
        (REFUSED("", status=501), False, False),
        (exceptions.ChecklyUnreadable(""), False, False),
        (exceptions.ChecksNotRun(""), False, False),
        (exceptions.InvalidInput(""), False, False),
        (ConnectionError(), False, False),
        (KeyboardInterrupt(), False, False),
    ],
)
def test_which_errors_are_retried(
    error: BaseException,
    *,
    repeats: bool,
    triggers_again: bool,
) -> None:
    """Nothing is triggered twice; other requests are sent again until Checkly recovers."""
    assert retry.should_retry(GET, error, 1) is repeats
    assert retry.should_retry(CANCEL, error, 1) is repeats
    assert retry.should_retry(TRIGGER, error, 1) is triggers_again


@pytest.mark.parametrize(("status", "tries"), [(500, 4), (502, 1000), (503, 1000), (504, 1000), (429, 1000)])
def test_only_a_500_is_given_up_after_a_few_tries(status: int, tries: int) -> None:
    """The deadline ends the retries of all others."""
    error = REFUSED("", status=status)
    assert retry.should_retry(GET, error, tries - 1)
    assert retry.should_retry(GET, error, tries) is (status != 500)


def state_after(error: BaseException | None, tries: int, since_start: float) -> RetryCallState:
    """Return the state of tenacity after so many tries."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = tries
    if error:
        state.outcome = Future.construct(tries, error, has_exception=True)
    state.outcome_timestamp = state.start_time + since_start
    return state


@pytest.mark.parametrize(
    ("error", "tries", "shortest", "longest"),
    [
        (REFUSED("", status=502), 1, 0.5, 1),
        (REFUSED("", status=502), 3, 2, 2.5),
        (REFUSED("", status=502), 50, 30, 30.5),
        (REFUSED("", status=502, retry_after=None), 1, 0.5, 1),
        (REFUSED("", status=429, retry_after=0), 1, 0.5, 1),
        (REFUSED("", status=429, retry_after=0), 9, 30, 30.5),
        (REFUSED("", status=429, retry_after=7), 9, 7.1, 7.1),
        (REFUSED("", status=429, retry_after=600), 1, 60.35, 60.35),
        (REFUSED("", status=429, retry_after=float("inf")), 1, 60.35, 60.35),
        (exceptions.ChecklyUnreachable(""), 1, 0.5, 1),
        (None, 1, 0.5, 1),
    ],
)
def test_pauses(error: BaseException | None, tries: int, shortest: float, longest: float) -> None:
    """Retry-After counts up to a window of the rate limit; without it, pauses grow, with jitter.

    A Retry-After of 0 does not count: ten requests a second would use up the budget of the account.
    """
    for _ in range(20):
        assert shortest <= retry.pause(state_after(error, tries, 0), 1000) <= longest


@pytest.mark.parametrize(("since_start", "pause"), [(0, 7.1), (95, 5), (100, 0), (200, 0)])
def test_no_pause_outlasts_the_time_for_retries(since_start: float, pause: float) -> None:
    state = state_after(REFUSED("", status=429, retry_after=7), 2, since_start)
    assert retry.pause(state, 100) == pytest.approx(pause)


def test_a_retry_is_logged_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    state = state_after(REFUSED("GET /here: Checkly responded 502: x.", status=502), 1, 0)
    state.upcoming_sleep = 0.75
    controller = retry.retrying(Retrying, GET, 1)
    assert controller.before_sleep
    controller.before_sleep(state)
    assert caplog.messages == ["GET /here: Checkly responded 502: x. Retrying in 0.8 s."]


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("retry_seconds", "tries"),
    [(0, 1), (-5, 1), (0.05, 2), (1000, 3)],
)
def test_when_the_time_is_up_the_last_error_is_raised(retry_seconds: float, tries: int) -> None:
    sent = []

    def send() -> str:
        sent.append(1)
        if len(sent) < 3:
            raise REFUSED(f"number {len(sent)}", status=503, retry_after=0)
        return "at last"

    try:
        answer = retry.retrying(Retrying, GET, retry_seconds)(send)
    except REFUSED as error:
        answer = str(error)
    assert len(sent) == tries
    assert answer == ("at last" if tries == 3 else f"number {tries}")


def test_a_success_is_not_repeated() -> None:
    assert retry.retrying(Retrying, GET, 10)(lambda: "at once") == "at once"
