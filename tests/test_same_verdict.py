"""Sensor, operator and hook give the same answer for every final status, however they wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow_runner import context, run

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
    "PASSED": "c0000000-0000-4000-8000-000000000001",
    "FAILED": "c0000000-0000-4000-8000-000000000003",
    "DEGRADED": "c0000000-0000-4000-8000-000000000004",
    "TIMED_OUT": "c0000000-0000-4000-8000-000000000005",
    "CANCELLED": "c0000000-0000-4000-8000-000000000006",
}
NEVER_ENDS = "c0000000-0000-4000-8000-000000000007"


def started(check_id: str) -> str:
    return str(ChecklyHook().trigger_check_sessions(check_id)[0]["checkSessionId"])


def operator(check_id: str, **kwargs: Any) -> Any:
    (session,) = run(ChecklyRunChecksOperator(task_id="task", check_ids=check_id, **kwargs))
    return session


def sensor(check_id: str, **kwargs: Any) -> Any:
    return run(ChecklyCheckSessionSensor(task_id="task", check_session_ids=started(check_id), **kwargs))


def reschedule(check_id: str, **kwargs: Any) -> Any:
    """Each round is a task process of its own."""
    session_id = started(check_id)
    while True:
        task = ChecklyCheckSessionSensor(
            task_id="task", check_session_ids=session_id, mode="reschedule", **kwargs
        )
        if (answer := task.poke(context())).is_done:
            return answer.xcom_value


WAYS: dict[str, Callable[..., Any]] = {
    "operator": lambda check_id, **kwargs: operator(check_id, deferrable=False, **kwargs),
    "operator deferred": lambda check_id, **kwargs: operator(check_id, deferrable=True, **kwargs),
    "sensor poke": lambda check_id, **kwargs: sensor(check_id, deferrable=False, **kwargs),
    "sensor reschedule": reschedule,
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
    """Pitfalls 8, 9 and 34: one verdict and one value on every path."""
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
def test_what_is_not_understood_fails(
    way: Callable[..., Any], change: dict[str, object], checkly: Emulator, *, soft_fail: bool
) -> None:
    """Pitfalls 8 and 11: fail closed, and not skipped."""
    example = ChecklyHook().wait_for_check_sessions(started(CHECKS["PASSED"]), 10)[0]
    checkly.fail(method="GET", path="/check-sessions/", status=200, body={**example, **change}, times=None)
    with pytest.raises(ChecklyUnreadable) as caught:
        way(CHECKS["PASSED"], soft_fail=soft_fail)
    assert isinstance(caught.value, AirflowException) is not soft_fail
    assert "/v2/check-sessions/" in str(caught.value)


@every_way
def test_soft_fail_skips_on_a_failing_status(way: Callable[..., Any]) -> None:
    """Pitfall 11."""
    with pytest.raises(AirflowSkipException, match="FAILED"):
        way(CHECKS["FAILED"], soft_fail=True)


@every_way
def test_soft_fail_does_not_skip_on_an_error(way: Callable[..., Any], checkly: Emulator) -> None:
    """Pitfalls 11 and 37: skipping is for failing checks; what another try cannot mend is not retried."""
    checkly.fail(method="GET", path="/check-sessions/", status=401, times=None)
    with pytest.raises(ChecklyAuthError) as caught:
        way(CHECKS["PASSED"], soft_fail=True)
    assert not isinstance(caught.value, AirflowException)
    with pytest.raises(ChecklyAuthError) as caught:
        way(CHECKS["PASSED"])
    assert isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize("way", [w for n, w in WAYS.items() if "reschedule" not in n])
def test_our_deadline(way: Callable[..., Any]) -> None:
    """Pitfalls 5, 10 and 11: the deadline is ours, and skips where `soft_fail` says so."""
    with pytest.raises(ChecksTimedOut, match=r"still running|its start") as caught:
        way(NEVER_ENDS, timeout=1)
    assert "TIMED_OUT" not in str(caught.value)
    is_sensor = "sensor" in next(name for name, each in WAYS.items() if each is way)
    assert isinstance(caught.value, AirflowSensorTimeout) is is_sensor
    with pytest.raises(AirflowSkipException, match="deadline"):
        way(NEVER_ENDS, timeout=1, soft_fail=True)


def test_all_is_a_checkly_error() -> None:
    assert issubclass(ChecksFailed, ChecklyError)
    assert issubclass(ChecksTimedOut, ChecklyError)
