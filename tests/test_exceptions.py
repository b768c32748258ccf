"""The tree of errors: what each one means for a retry, and that it survives a pickle, as Airflow requires."""

from __future__ import annotations

import inspect
import pickle

import pytest

from airflow_provider_checkly import exceptions


@pytest.mark.parametrize(
    ("error", "retryable", "permanent"),
    [
        (exceptions.ChecklyError("x"), False, False),
        (exceptions.InvalidInput("x"), False, True),
        (exceptions.ChecklyUnreachable("x"), True, False),
        (exceptions.ChecklyUnreachable("x", maybe_processed=False), True, False),
        (exceptions.ChecklyUnreachable("x", retryable=False), False, False),
        (exceptions.ChecklyRefused("x", status=302), False, False),
        (exceptions.ChecklyRefused("x", status=400), False, True),
        (exceptions.ChecklyAuthError("x", status=401), False, True),
        (exceptions.ChecklyPlanLimit("x", status=402), False, True),
        (exceptions.ChecklyAuthError("x", status=403), False, False),
        (exceptions.ChecklyNotFound("x", status=404), False, True),
        (exceptions.NoMatchingChecks("x", status=404), False, True),
        (exceptions.ChecklyRefused("x", status=405), False, False),
        (exceptions.ChecklyRefused("x", status=408), True, False),
        (exceptions.ChecklyRateLimited("x", status=429), True, False),
        (exceptions.ChecklyRefused("x", status=500), True, False),
        (exceptions.ChecklyRefused("x", status=501), False, False),
        (exceptions.ChecklyRefused("x", status=502), True, False),
        (exceptions.ChecklyRefused("x", status=503), True, False),
        (exceptions.ChecklyRefused("x", status=504), True, False),
        (exceptions.ChecklyUnreadable("x"), False, False),
        (exceptions.ChecklyUnreadable("x", of_trigger=True), False, True),
        (exceptions.ChecksNotRun("x"), False, True),
        (exceptions.ChecksFailed("x"), False, True),
        (exceptions.ChecksTimedOut("x"), False, False),
    ],
)
def test_what_an_error_means_for_a_retry(
    error: exceptions.ChecklyError,
    *,
    retryable: bool,
    permanent: bool,
) -> None:
    """A retry of the task is pointless on 400, 401, 402 and 404; a 403 may pass."""
    assert (error.retryable, error.permanent) == (retryable, permanent)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ChecklyError("text"),
        exceptions.InvalidInput("text"),
        exceptions.ChecklyUnreachable("text", maybe_processed=False, retryable=False),
        exceptions.ChecklyRefused("text", status=503, message="later", retry_after=1.5),
        exceptions.ChecklyAuthError("text", status=403, message="no"),
        exceptions.ChecklyPlanLimit("text", status=402),
        exceptions.ChecklyNotFound("text", status=404),
        exceptions.NoMatchingChecks("text", status=404),
        exceptions.ChecklyRateLimited("text", status=429, retry_after=60.0),
        exceptions.ChecklyUnreadable("text", of_trigger=True),
        exceptions.ChecksNotRun("text", check_ids=["a"], sessions=[{"checkId": "b"}]),
        exceptions.ChecksFailed("text", [{"status": "FAILED"}]),
        exceptions.ChecksTimedOut("text", ["a"]),
    ],
)
def test_errors_survive_a_pickle(error: exceptions.ChecklyError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - it was made here
    assert (type(again), str(again), vars(again)) == (type(error), "text", vars(error))


def test_no_error_is_an_airflow_exception() -> None:
    """Airflow's base sensor skips on some AirflowExceptions, so none may leave the hook by accident."""
    found = [error for _, error in inspect.getmembers(exceptions, inspect.isclass)]
    assert len(found) == 13
    assert all(issubclass(error, exceptions.ChecklyError) for error in found)
    assert {base.__module__ for error in found for base in error.__mro__} == {exceptions.__name__, "builtins"}


def test_checks_that_did_not_run_are_named() -> None:
    error = exceptions.ChecksNotRun.of(["a", "b"], [{"checkId": "c"}])
    assert (error.check_ids, error.sessions) == (["a", "b"], [{"checkId": "c"}])
    assert str(error) == (
        "Checkly did not run 2 of the requested checks: a, b. Each is deleted, deactivated, or in another "
        "account. Activate it, or remove it from check_ids."
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (exceptions.ChecklyError("x"), True),
        (exceptions.InvalidInput("x"), False),
        (exceptions.ChecklyUnreachable("x", maybe_processed=True), True),
        (exceptions.ChecklyUnreachable("x", maybe_processed=False), False),
        (exceptions.ChecklyRefused("x", status=502), True),
        (exceptions.ChecklyRateLimited("x", status=429), False),
        (exceptions.ChecklyUnreadable("x"), True),
    ],
)
def test_whether_checkly_may_have_processed_the_request(
    error: exceptions.ChecklyError, *, expected: bool
) -> None:
    assert error.maybe_processed is expected
