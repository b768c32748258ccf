"""Sensor, operator and hook give the same answer for every final status, however they wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow_runner import run

from airflow_provider_checkly.emulator.default_checks import (
    CANCELLED,
    DEGRADED,
    FAILS,
    NEVER_ENDS,
    PASSES,
    TIMES_OUT,
)
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyError,
    ChecklyUnreadable,
    ChecksFailed,
    ChecksTimedOut,
)
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunChecksOperator
from airflow_provider_checkly.sensors import ChecklyCheckSessionSensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_checkly.emulator import Emulator

pytestmark = pytest.mark.usefixtures("checkly", "_defers_at_once")

CHECKS = {
    "PASSED": PASSES,
    "FAILED": FAILS,
    "DEGRADED": DEGRADED,
    "TIMED_OUT": TIMES_OUT,
    "CANCELLED": CANCELLED,
}


def started(check_id: str) -> str:
    return str(ChecklyHook().trigger_check_sessions(check_id)[0]["checkSessionId"])


def operator(check_id: str, **kwargs: Any) -> Any:
    (session,) = run(ChecklyRunChecksOperator(task_id="task", check_ids=check_id, **kwargs))
    return session


def sensor(check_id: str, **kwargs: Any) -> Any:
    return run(ChecklyCheckSessionSensor(task_id="task", check_session_ids=started(check_id), **kwargs))


WAYS: dict[str, Callable[..., Any]] = {
    "operator": lambda check_id, **kwargs: operator(check_id, deferrable=False, **kwargs),
    "operator deferred": lambda check_id, **kwargs: operator(check_id, deferrable=True, **kwargs),
    "sensor poke": lambda check_id, **kwargs: sensor(check_id, deferrable=False, **kwargs),
    "sensor reschedule": lambda check_id, **kwargs: sensor(check_id, mode="reschedule", **kwargs),
    "sensor deferred": lambda check_id, **kwargs: sensor(check_id, deferrable=True, **kwargs),
}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


@pytest.fixture(params=["v1", "v2"])
def version(request: pytest.FixtureRequest, checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> str:
    connection = checkly.connection_json[:-1] + f', "extra": {{"api_version": "{request.param}"}}}}'
    monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", connection)
    return str(request.param)


@every_way
@pytest.mark.parametrize("status", CHECKS)
def test_every_final_status(way: Callable[..., Any], status: str, version: str) -> None:
    """One verdict and one value on every path; v1 reports a cancelled check session as TIMED_OUT."""
    if status in {"PASSED", "DEGRADED"}:
        session = way(CHECKS[status])
        assert session["status"] == status
        assert session["checkId"] == CHECKS[status]
        assert {result["resultType"] for result in session["results"]} == {"FINAL"}
        return
    with pytest.raises(ChecksFailed, match=status) as caught:
        way(CHECKS[status])
    assert isinstance(caught.value, AirflowFailException)
    seen = "TIMED_OUT" if version == "v1" and status == "CANCELLED" else status
    assert [session["status"] for session in caught.value.sessions] == [seen]


@every_way
def test_fail_on(way: Callable[..., Any]) -> None:
    with pytest.raises(ChecksFailed, match="DEGRADED"):
        way(CHECKS["DEGRADED"], fail_on=["DEGRADED"])
    assert way(CHECKS["FAILED"], fail_on=["DEGRADED"])["status"] == "FAILED"


@every_way
def test_the_hook_says_what_the_sensor_says(way: Callable[..., Any]) -> None:
    mine = way(CHECKS["PASSED"])
    (session,) = ChecklyHook().wait_for_check_sessions(mine["checkSessionId"], 10)
    assert session == mine


ODD_STATUS = {
    "unknown status": {"status": "NEW_ONE"},
    "no status": {"status": None},
    "not a session": {"checkSessionId": 7},
}


@every_way
@pytest.mark.parametrize("change", ODD_STATUS.values(), ids=ODD_STATUS.keys())
@pytest.mark.parametrize("soft_fail", [False, True])
def test_an_unreadable_session_fails(
    way: Callable[..., Any], change: dict[str, object], checkly: Emulator, *, soft_fail: bool
) -> None:
    """It is neither a success nor skipped, and Airflow may retry the task."""
    example = ChecklyHook().wait_for_check_sessions(started(CHECKS["PASSED"]), 10)[0]
    checkly.fail(method="GET", path="/check-sessions/", status=200, body={**example, **change}, times=None)
    with pytest.raises(ChecklyUnreadable) as caught:
        way(CHECKS["PASSED"], soft_fail=soft_fail)
    assert not isinstance(caught.value, AirflowFailException)
    assert "/v2/check-sessions/" in str(caught.value)


@every_way
def test_soft_fail_skips_on_a_failing_status(way: Callable[..., Any]) -> None:
    with pytest.raises(AirflowSkipException, match="FAILED"):
        way(CHECKS["FAILED"], soft_fail=True)


@every_way
def test_soft_fail_does_not_skip_on_an_error(way: Callable[..., Any], checkly: Emulator) -> None:
    """An error that a retry cannot fix is not retried either, with and without `soft_fail`."""
    checkly.fail(method="GET", path="/check-sessions/", status=401, times=None)
    for soft_fail in (False, True):
        with pytest.raises(ChecklyAuthError) as caught:
            way(CHECKS["PASSED"], soft_fail=soft_fail)
        assert isinstance(caught.value, AirflowFailException)


@every_way
def test_our_deadline(way: Callable[..., Any]) -> None:
    """A timeout is told apart from a check that timed out at Checkly, and `soft_fail` skips on it."""
    with pytest.raises(ChecksTimedOut, match="1 of 1 session had not ended at the deadline") as caught:
        way(NEVER_ENDS, timeout=1)
    assert "TIMED_OUT" not in str(caught.value)
    assert len(caught.value.session_ids) == 1
    is_sensor = "sensor" in next(name for name, each in WAYS.items() if each is way)
    assert isinstance(caught.value, AirflowSensorTimeout) is is_sensor
    assert not isinstance(caught.value, AirflowFailException)
    with pytest.raises(AirflowSkipException, match="deadline"):
        way(NEVER_ENDS, timeout=1, soft_fail=True)


def test_all_is_a_checkly_error() -> None:
    assert issubclass(ChecksFailed, ChecklyError)
    assert issubclass(ChecksTimedOut, ChecklyError)
