"""The tree of errors: what each one means for a retry, and that it survives a pickle (Airflow makes them)."""

from __future__ import annotations

import pickle

import pytest

from airflow_provider_checkly import exceptions
from airflow_provider_checkly.api import errors


@pytest.mark.parametrize(
    ("error", "transient", "permanent"),
    [
        (errors.ChecklyError("x"), False, False),
        (errors.InvalidInput("x"), False, True),
        (errors.ChecklyUnreachable("x"), True, False),
        (errors.ChecklyUnreachable("x", taken=False), True, False),
        (errors.ChecklyUnreachable("x", hopeless=True), False, False),
        (errors.ChecklyRefused("x", status=302), False, False),
        (errors.ChecklyRefused("x", status=400), False, True),
        (errors.ChecklyAuthError("x", status=401), False, True),
        (errors.ChecklyPlanLimit("x", status=402), False, True),
        (errors.ChecklyAuthError("x", status=403), False, False),
        (errors.ChecklyNotFound("x", status=404), False, True),
        (errors.NoMatchingChecks("x", status=404), False, True),
        (errors.ChecklyRefused("x", status=405), False, False),
        (errors.ChecklyRefused("x", status=408), True, False),
        (errors.ChecklyRateLimited("x", status=429), True, False),
        (errors.ChecklyRefused("x", status=500), True, False),
        (errors.ChecklyRefused("x", status=501), False, False),
        (errors.ChecklyRefused("x", status=502), True, False),
        (errors.ChecklyRefused("x", status=503), True, False),
        (errors.ChecklyRefused("x", status=504), True, False),
        (errors.ChecklyUnreadable("x"), False, False),
        (errors.ChecksNotRun("x"), False, True),
    ],
)
def test_what_an_error_means_for_another_try(
    error: errors.ChecklyError,
    *,
    transient: bool,
    permanent: bool,
) -> None:
    """Pitfall 37: no pointless retries on 400, 401, 402 and 404; 403 may pass."""
    assert (error.transient, error.permanent) == (transient, permanent)


@pytest.mark.parametrize(
    "error",
    [
        errors.ChecklyError("text"),
        errors.InvalidInput("text"),
        errors.ChecklyUnreachable("text", taken=False, hopeless=True),
        errors.ChecklyRefused("text", status=503, message="later", retry_after=1.5),
        errors.ChecklyAuthError("text", status=403, message="no"),
        errors.ChecklyPlanLimit("text", status=402),
        errors.ChecklyNotFound("text", status=404),
        errors.NoMatchingChecks("text", status=404),
        errors.ChecklyRateLimited("text", status=429, retry_after=60.0),
        errors.ChecklyUnreadable("text"),
        errors.ChecksNotRun("text", check_ids=["a"], sessions=[{"checkId": "b"}]),
        exceptions.ChecksFailed("text", [{"status": "FAILED"}]),
        exceptions.ChecksTimedOut("text", ["a"]),
    ],
)
def test_errors_survive_a_pickle(error: errors.ChecklyError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - it was made here
    assert (type(again), str(again), vars(again)) == (type(error), "text", vars(error))


def test_every_error_is_one_of_ours_and_none_of_airflows() -> None:
    """Pitfall 11: Airflow's base class skips some AirflowExceptions."""
    found = [getattr(exceptions, name) for name in exceptions.__all__]
    assert all(issubclass(error, errors.ChecklyError) for error in found)
    assert {base.__module__ for error in found for base in error.__mro__} == {
        "airflow_provider_checkly.api.errors",
        "airflow_provider_checkly.exceptions",
        "builtins",
    }


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.ChecklyError("x"), True),
        (errors.InvalidInput("x"), False),
        (errors.ChecklyUnreachable("x", taken=True), True),
        (errors.ChecklyUnreachable("x", taken=False), False),
        (errors.ChecklyRefused("x", status=502), True),
        (errors.ChecklyRateLimited("x", status=429), False),
        (errors.ChecklyUnreadable("x"), True),
    ],
)
def test_whether_a_trigger_may_have_started_something(error: errors.ChecklyError, *, expected: bool) -> None:
    assert error.may_have_started is expected
