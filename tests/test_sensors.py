"""The sensor, beyond the verdict that all paths share."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS
from airflow_runner import TaskInstance, context, defer, run

from airflow_provider_checkly.exceptions import ChecklyNotFound, ChecksFailed, ChecksTimedOut, InvalidInput
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.sensors import ChecklyCheckSessionSensor

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator

PASSES = "c0000000-0000-4000-8000-000000000001"
FAILS = "c0000000-0000-4000-8000-000000000003"
NEVER_ENDS = "c0000000-0000-4000-8000-000000000007"
UNKNOWN = "dddddddd-0000-4000-8000-000000000001"


class Rescheduled(TaskInstance):
    """A task instance in reschedule mode."""

    def get_first_reschedule_date(self, _context: Any) -> None:
        """Return nothing: it was not rescheduled yet."""


def start(*check_ids: str) -> list[str]:
    sessions = {
        session["checkId"]: session["checkSessionId"]
        for session in ChecklyHook().trigger_check_sessions(check_ids)
    }
    return [str(sessions[check_id]) for check_id in check_ids]


def sensor(ids: Any, **kwargs: Any) -> ChecklyCheckSessionSensor:
    return ChecklyCheckSessionSensor(task_id="task", check_session_ids=ids, **kwargs)


def paths(checkly: Emulator) -> list[str]:
    return [record.path.rpartition("/")[2] for record in checkly.requests]


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("ids", ["", "None", [], [None], "x", "a,b", None])
def test_refused_before_any_request(ids: object, checkly: Emulator, *, deferrable: bool) -> None:
    """Pitfalls 19 and 70."""
    with pytest.raises(InvalidInput, match="check_session_ids") as caught:
        run(sensor(ids, deferrable=deferrable))
    assert isinstance(caught.value, AirflowFailException)
    assert checkly.requests == []


def test_refused_when_the_dag_is_parsed() -> None:
    for arguments in ({"timeout": 0}, {"fail_on": ["PASSED"]}):
        with pytest.raises(InvalidInput):
            sensor("{{ x }}", **arguments)


def test_poke_intervals() -> None:
    assert sensor("{{ x }}").poke_interval == 1
    assert sensor("{{ x }}", mode="reschedule").poke_interval == 60
    assert sensor("{{ x }}", poke_interval=timedelta(seconds=7)).poke_interval == 7


@pytest.mark.usefixtures("checkly")
def test_the_shape_of_the_value() -> None:
    """A dict for one id given as a string, a list for a list."""
    (one,) = start(PASSES)
    two = start(PASSES, FAILS)
    assert run(sensor(one))["checkSessionId"] == one
    assert [session["checkSessionId"] for session in run(sensor([one]))] == [one]
    assert [session["checkSessionId"] for session in run(sensor(json.dumps([one, one])))] == [one]
    assert [session["checkSessionId"] for session in run(sensor(two, fail_on=[]))] == two


@pytest.mark.usefixtures("_defers_at_once")
@pytest.mark.parametrize("deferrable", [False, True])
def test_the_link(checkly: Emulator, *, deferrable: bool) -> None:
    ti, ids = TaskInstance(), start(PASSES, FAILS)
    with pytest.raises(ChecksFailed):
        run(sensor(ids, deferrable=deferrable), context(ti))
    assert ti.xcom["checkly_link"].endswith(ids[1])
    assert "cancel" not in paths(checkly)


def test_a_poke_is_one_long_poll(checkly: Emulator) -> None:
    """It asks the next unfinished session only, and says how to free the slot."""
    task = sensor(start(PASSES, NEVER_ENDS), timeout=2)
    with pytest.raises(ChecksTimedOut, match="1 of 2") as caught:
        task.execute(context())
    assert isinstance(caught.value, AirflowSensorTimeout)
    # one poll of what ends, polls of what does not, and the last look
    assert paths(checkly)[:3] == ["trigger", "completion", "completion"]
    assert "cancel" not in paths(checkly)
    (pause,) = {record.query["maxWaitSeconds"] for record in checkly.requests[2:3]}
    assert int(pause) <= 2


def test_poking_on(
    checkly: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("airflow_provider_checkly.sensors.MAX_WAIT_SECONDS", 2)
    task = sensor(start(NEVER_ENDS)[0])
    assert not task.poke(context()).is_done
    assert not task.poke(context()).is_done
    assert paths(checkly) == ["trigger", "completion", "completion"]
    with caplog.at_level(logging.INFO), pytest.raises(ChecksTimedOut):
        sensor(task.check_session_ids, timeout=1).execute(context())
    assert "would free its slot" in caplog.text


def test_reschedule_reads_up_to_the_first_unfinished(checkly: Emulator) -> None:
    never, passes = start(NEVER_ENDS, PASSES)
    assert not sensor([never, passes], mode="reschedule").poke(context()).is_done
    assert paths(checkly)[1:] == [never]


@pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="Airflow 2 looks into its database there")
@pytest.mark.usefixtures("checkly")
def test_reschedule_through_execute() -> None:
    (ended,) = start(PASSES)
    ChecklyHook().wait_for_check_sessions(ended, 10)
    sensor(ended, mode="reschedule").poke(context())
    where = context(Rescheduled())
    assert sensor(ended, mode="reschedule").execute(where)["status"] == "PASSED"


def test_a_session_that_is_unknown(checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_checkly.api.polling.GRACE", 1.5)
    began = time.monotonic()
    with pytest.raises(ChecklyNotFound, match="No such check session") as caught:
        run(sensor(UNKNOWN))
    assert isinstance(caught.value, AirflowFailException)
    assert time.monotonic() - began > 1
    assert len(checkly.requests) >= 2


@pytest.mark.usefixtures("_defers_at_once", "checkly")
def test_the_deadline() -> None:
    """Pitfall 10: the sensor's own timeout, with Airflow's only behind it."""
    deferred = defer(sensor(start(NEVER_ENDS), deferrable=True, timeout=timedelta(minutes=2)))
    assert deferred.trigger.deadline - time.time() == pytest.approx(120, abs=2)
    assert deferred.timeout is not None
    assert deferred.timeout.total_seconds() > 180


@pytest.mark.usefixtures("_defers_at_once")
def test_a_sensor_never_cancels(checkly: Emulator) -> None:
    """It did not start the sessions: neither a kill nor its deadline ends them."""
    ids = start(NEVER_ENDS)
    task = sensor(ids, deferrable=True)
    assert defer(task).trigger.cancel_on_kill is False
    task.on_kill()
    for deferrable in (False, True):
        with pytest.raises(ChecksTimedOut):
            run(sensor(ids, deferrable=deferrable, timeout=1))
    assert "cancel" not in paths(checkly)


def resume(task: ChecklyCheckSessionSensor, error: str) -> None:
    task.resume_execution("__fail__", {"error": error}, context())


@pytest.mark.parametrize("words", ["Trigger timeout", "Trigger/execution timeout"], ids=["3", "2.11"])
def test_the_time_out_of_airflow_itself(words: str) -> None:
    """Pitfalls 10 and 11: it is a time-out on every version, and `soft_fail` skips on it."""
    with pytest.raises(AirflowSensorTimeout, match="triggerer"):
        resume(sensor("{{ x }}"), words)
    for skips in ("soft_fail", "never_fail"):
        with pytest.raises(AirflowSkipException):
            resume(sensor("{{ x }}", **{skips: True}), words)


@pytest.mark.parametrize("deferrable", [False, True])
def test_never_fail_skips_on_all_that_goes_wrong(checkly: Emulator, *, deferrable: bool) -> None:
    """Airflow's argument of sensors means the same, whether a session ends before the deferral or after."""
    (failed,) = start(FAILS)
    ChecklyHook().wait_for_check_sessions(failed, 10)
    with pytest.raises(AirflowSkipException):
        run(sensor(failed, never_fail=True, deferrable=deferrable))
    checkly.fail(path="check-sessions", status=401, times=None)
    with pytest.raises(AirflowSkipException):
        run(sensor(failed, never_fail=True, deferrable=deferrable))


@pytest.mark.parametrize(
    ("defaults", "interval"),
    [
        ({}, 1),
        ({"mode": "reschedule"}, 60),
        ({"poke_interval": 7}, 7),
        ({"mode": "reschedule", "poke_interval": 300}, 300),
    ],
)
def test_defaults_of_the_dag_count(defaults: dict[str, Any], interval: float) -> None:
    with DAG("dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), default_args=defaults):
        one = sensor(UNKNOWN)
        many = ChecklyCheckSessionSensor.partial(task_id="many").expand(check_session_ids=[UNKNOWN])
    assert (one.mode, one.poke_interval) == (defaults.get("mode", "poke"), interval)
    assert many.partial_kwargs.get("poke_interval", interval) == interval


def test_a_trigger_that_broke() -> None:
    """Pitfall 11: no reason to skip."""
    for soft_fail in (False, True):
        with pytest.raises(AirflowException, match="Trigger failure") as caught:
            resume(sensor("{{ x }}", soft_fail=soft_fail), "Trigger failure")
        assert not isinstance(caught.value, AirflowSkipException)
