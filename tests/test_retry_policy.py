"""The retry policy for Airflow 3.3 and newer, and the error on older ones."""

from __future__ import annotations

import importlib
import sys
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_checkly import exceptions
from airflow_provider_checkly.task_exceptions import to_airflow_exception

MODULE = "airflow_provider_checkly.retry_policy"


def test_an_older_airflow_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airflow.sdk", None)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    with pytest.raises(ImportError, match=r"needs Airflow 3\.3"):
        importlib.import_module(MODULE)


@pytest.fixture
def policy() -> Any:
    pytest.importorskip("airflow.sdk.definitions.retry_policy", reason="Airflow 3.3")
    module: Any = importlib.import_module(MODULE)
    return module.ChecklyRetryPolicy()


def caused_by(cause: Exception) -> Exception:
    error = RuntimeError("mine")
    error.__cause__ = cause
    return error


def circle() -> Exception:
    error = RuntimeError("a")
    error.__cause__ = RuntimeError("b")
    error.__cause__.__cause__ = error
    return error


LIMITED = exceptions.ChecklyRateLimited
CASES: list[tuple[Exception, str, float | None]] = [
    (exceptions.ChecklyAuthError("x", status=401), "FAIL", None),
    (exceptions.ChecklyPlanLimit("x", status=402), "FAIL", None),
    (exceptions.NoMatchingChecks("x", status=404), "FAIL", None),
    (exceptions.ChecklyRefused("x", status=400), "FAIL", None),
    (exceptions.InvalidInput("x"), "FAIL", None),
    (exceptions.ChecksNotRun("x"), "FAIL", None),
    (caused_by(exceptions.ChecklyNotFound("x", status=404)), "FAIL", None),
    (exceptions.ChecklyAuthError("x", status=403), "DEFAULT", None),
    (exceptions.ChecklyUnreachable("x"), "DEFAULT", None),
    (exceptions.ChecksFailed("x"), "DEFAULT", None),
    (exceptions.ChecksTimedOut("x"), "DEFAULT", None),
    (LIMITED("x", status=429, retry_after=17.5), "RETRY", 17.5),
    (LIMITED("x", status=429), "RETRY", 60),
    (LIMITED("x", status=429, retry_after=1e300), "RETRY", 3600),
    (ValueError("x"), "DEFAULT", None),
    (circle(), "DEFAULT", None),
]


@pytest.mark.parametrize(("error", "action", "seconds"), CASES, ids=lambda each: type(each).__name__)
def test_the_decision(policy: Any, error: Exception, action: str, seconds: float | None) -> None:
    decision = policy.evaluate(error, 1, 3, None)
    assert decision.action.name == action
    assert decision.retry_delay == (None if seconds is None else timedelta(seconds=seconds))
    assert (decision.reason is None) == (action == "DEFAULT")


def test_errors_as_they_leave_our_own_tasks(policy: Any) -> None:
    limited = LIMITED("x", status=429, retry_after=5)
    leaving = to_airflow_exception(limited, skip=False, retry=True)
    assert policy.evaluate(leaving, 1, 3).retry_delay == timedelta(seconds=5)
    refused = exceptions.ChecklyAuthError("x", status=401)
    assert policy.evaluate(to_airflow_exception(refused, skip=False, retry=False), 1, 3).action.name == "FAIL"


def test_it_survives_serialization(policy: Any) -> None:
    assert isinstance(type(policy).deserialize(policy.serialize()), type(policy))
