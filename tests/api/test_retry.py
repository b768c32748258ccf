"""What is worth repeating, how long the pauses are, and when it ends."""

from __future__ import annotations

import logging

import pytest
from tenacity import Future, RetryCallState, Retrying

from airflow_provider_checkly import exceptions
from airflow_provider_checkly.api import retry
from airflow_provider_checkly.api.http import Request

GET = Request("GET", "/v2/check-sessions/1")
START = Request("POST", "/v2/check-sessions/trigger", repeatable=False)
CANCEL = Request("POST", "/v1/check-sessions/1/cancel")
REFUSED = exceptions.ChecklyRefused


@pytest.mark.parametrize(
    ("error", "asked_again", "started_again"),
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
def test_what_is_worth_repeating(
    error: BaseException,
    *,
    asked_again: bool,
    started_again: bool,
) -> None:
    """Pitfalls 2, 14 and 15: nothing is started twice, and questions outlive trouble."""
    assert retry.is_worth_repeating(GET, error, 1) is asked_again
    assert retry.is_worth_repeating(CANCEL, error, 1) is asked_again
    assert retry.is_worth_repeating(START, error, 1) is started_again


@pytest.mark.parametrize(("status", "tries"), [(500, 4), (502, 1000), (503, 1000), (504, 1000), (429, 1000)])
def test_only_500_is_given_up_after_a_few_tries(status: int, tries: int) -> None:
    """Pitfall 14: the deadline ends it, not a count of tries."""
    error = REFUSED("", status=status)
    assert retry.is_worth_repeating(GET, error, tries - 1)
    assert retry.is_worth_repeating(GET, error, tries) is (status != 500)


def state_after(error: BaseException | None, tries: int, since_start: float) -> RetryCallState:
    """What tenacity knows after so many tries."""
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
        (REFUSED("", status=429, retry_after=600), 1, 60.1, 60.1),
        (REFUSED("", status=429, retry_after=float("inf")), 1, 60.1, 60.1),
        (exceptions.ChecklyUnreachable(""), 1, 0.5, 1),
        (None, 1, 0.5, 1),
    ],
)
def test_pauses(error: BaseException | None, tries: int, shortest: float, longest: float) -> None:
    """Pitfalls 15 and 59: what Checkly asks for, up to a window of its limit; else growing, with jitter.

    "At once" is not taken by its word: ten requests a second would use the account's budget up.
    """
    for _ in range(20):
        assert shortest <= retry.pause(state_after(error, tries, 0), 1000) <= longest


@pytest.mark.parametrize(("since_start", "pause"), [(0, 7.1), (95, 5), (100, 0), (200, 0)])
def test_no_pause_outlasts_the_patience(since_start: float, pause: float) -> None:
    state = state_after(REFUSED("", status=429, retry_after=7), 2, since_start)
    assert retry.pause(state, 100) == pytest.approx(pause)


def test_a_repeat_is_logged_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    state = state_after(REFUSED("GET /here: Checkly answered 502: x.", status=502), 1, 0)
    state.upcoming_sleep = 0.75
    repeats = retry.repeats(Retrying, GET, 1)
    assert repeats.before_sleep
    repeats.before_sleep(state)
    assert caplog.messages == ["GET /here: Checkly answered 502: x. Next try in 0.8 s."]


@pytest.mark.parametrize(
    ("patience", "tries"),
    [(0, 1), (-5, 1), (0.05, 2), (1000, 3)],
)
def test_patience_ends_the_repeats_and_the_last_error_comes_out(patience: float, tries: int) -> None:
    asked = []

    def ask() -> str:
        asked.append(1)
        if len(asked) < 3:
            raise REFUSED(f"number {len(asked)}", status=503, retry_after=0)
        return "at last"

    try:
        answer = retry.repeats(Retrying, GET, patience)(ask)
    except REFUSED as error:
        answer = str(error)
    assert len(asked) == tries
    assert answer == ("at last" if tries == 3 else f"number {tries}")


def test_what_succeeds_is_not_repeated() -> None:
    assert retry.repeats(Retrying, GET, 10)(lambda: "at once") == "at once"
