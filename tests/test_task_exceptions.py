"""Which exception leaves a task: Airflow decides by its class whether the task is retried or skipped."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from airflow_provider_checkly import exceptions, task_exceptions
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyError,
    ChecklyRateLimited,
    ChecklyUnreachable,
    ChecklyUnreadable,
    ChecksFailed,
    ChecksNotRun,
    ChecksTimedOut,
    InvalidInput,
)
from airflow_provider_checkly.task_exceptions import NOT_RETRIED, to_airflow_exception

SKIP = {"skip": True, "retry": False}
RETRY = {"skip": False, "retry": True}
FAIL = {"skip": False, "retry": False}
TABLE: list[tuple[ChecklyError, dict[str, bool], tuple[type, ...], tuple[type, ...]]] = [
    (ChecksFailed("x"), FAIL, (ChecksFailed, AirflowFailException), ()),
    (ChecksFailed("x"), RETRY, (ChecksFailed,), (AirflowException,)),
    (ChecksFailed("x"), SKIP, (AirflowSkipException,), (ChecklyError,)),
    (ChecksTimedOut("x"), RETRY, (ChecksTimedOut,), (AirflowException,)),
    (ChecksTimedOut("x"), FAIL, (ChecksTimedOut, AirflowSensorTimeout), ()),
    (ChecksTimedOut("x"), SKIP, (AirflowSkipException,), (ChecklyError,)),
    (ChecklyAuthError("x", status=401), FAIL, (ChecklyAuthError, AirflowFailException), ()),
    (ChecklyAuthError("x", status=403), RETRY, (ChecklyAuthError,), (AirflowException,)),
    (ChecklyUnreadable("x", of_trigger=True), FAIL, (ChecklyUnreadable, AirflowFailException), ()),
    (ChecklyUnreadable("x"), RETRY, (ChecklyUnreadable,), (AirflowException,)),
    (ChecksNotRun("x", check_ids=["a"]), FAIL, (ChecksNotRun, AirflowFailException), ()),
    (InvalidInput("x"), FAIL, (InvalidInput, ValueError, AirflowFailException), ()),
    (ChecklyRateLimited("x", status=429, retry_after=5), RETRY, (ChecklyRateLimited,), (AirflowException,)),
    (ChecklyUnreachable("x", retryable=False), RETRY, (ChecklyUnreachable,), (AirflowException,)),
]


@pytest.mark.parametrize(("error", "how", "kinds", "not_kinds"), TABLE)
def test_what_leaves_the_task(
    error: ChecklyError, how: dict[str, bool], kinds: tuple[type, ...], not_kinds: tuple[type, ...]
) -> None:
    leaving = to_airflow_exception(error, **how)
    assert all(isinstance(leaving, kind) for kind in kinds)
    assert not any(isinstance(leaving, kind) for kind in not_kinds)
    assert str(leaving) == "x"
    assert str(pickle.loads(pickle.dumps(leaving))) == "x"  # noqa: S301 - our own
    assert how["skip"] or vars(leaving) == vars(error)


PERMANENT: list[Any] = [
    kind
    for kind in vars(exceptions).values()
    if isinstance(kind, type)
    and issubclass(kind, ChecklyError)
    and (kind.permanent or issubclass(kind, exceptions.ChecklyRefused | ChecklyUnreadable))
    and kind is not ChecklyRateLimited
]


@pytest.mark.parametrize("kind", PERMANENT, ids=lambda kind: kind.__name__)
def test_each_error_that_no_retry_mends_has_a_class_that_airflow_does_not_retry(kind: Any) -> None:
    twin = NOT_RETRIED[kind]
    assert issubclass(twin, kind)
    assert issubclass(twin, AirflowFailException)
    assert (twin.__name__, twin.__module__) == (kind.__name__, task_exceptions.__name__)
