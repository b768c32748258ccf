"""The sensors, beyond the verdict that all paths share (test_same_verdict.py)."""

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
from airflow_runner import TaskInstance, context, defer, run

from airflow_provider_checkly.emulator.default_checks import FAILS, NEVER_ENDS, PASSES
from airflow_provider_checkly.exceptions import ChecklyNotFound, ChecksFailed, ChecksTimedOut, InvalidInput
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.sensors import ChecklyCheckSessionSensor

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator

UNKNOWN = "dddddddd-0000-4000-8000-000000000001"


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
    """Without valid ids there is nothing to wait for."""
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
    monkeypatch.setattr("airflow_provider_checkly.base_sensor.MAX_WAIT_SECONDS", 2)
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


def test_reschedule_until_the_end(checkly: Emulator) -> None:
    """Each round is a process of its own, which reads the session once."""
    (session_id,) = start(PASSES)
    assert run(sensor(session_id, mode="reschedule"))["status"] == "PASSED"
    assert set(paths(checkly)) == {"trigger", session_id}


def test_all_sessions_are_read_after_the_time_out_of_reschedule_mode(checkly: Emulator) -> None:
    """A failed session is noticed although one before it never ends."""
    never, fails = start(NEVER_ENDS, FAILS)
    ChecklyHook().wait_for_check_sessions(fails, 10)
    with pytest.raises(ChecksFailed, match="1 of 2 checks did not pass"):
        run(sensor([never, fails], mode="reschedule", timeout=0.2, explain=False))
    assert fails in paths(checkly)[-2:]  # both are read side by side


def test_an_unknown_session(checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for again for a while, since it may not be visible everywhere yet."""
    monkeypatch.setattr("airflow_provider_checkly.api.polling.NOT_FOUND_GRACE", 1.5)
    with pytest.raises(ChecklyNotFound, match="No such check session") as caught:
        run(sensor(UNKNOWN))
    assert isinstance(caught.value, AirflowFailException)
    assert len(checkly.requests) >= 2


@pytest.mark.usefixtures("_defers_at_once", "checkly")
def test_the_deadline() -> None:
    """It is the sensor's own timeout; Airflow's comes later."""
    deferred = defer(sensor(start(NEVER_ENDS), deferrable=True, timeout=timedelta(minutes=2)))
    assert deferred.trigger.deadline - time.time() == pytest.approx(120, abs=2)
    assert deferred.timeout is not None
    assert deferred.timeout.total_seconds() > 180


@pytest.mark.usefixtures("_defers_at_once")
def test_a_sensor_never_cancels(checkly: Emulator) -> None:
    """It did not start the sessions, so neither a kill nor its deadline cancels them."""
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
def test_airflow_s_own_time_out(words: str) -> None:
    """It is a timeout on every version, and `soft_fail` skips on it."""
    with pytest.raises(AirflowSensorTimeout, match="triggerer"):
        resume(sensor("{{ x }}"), words)
    for skips in ("soft_fail", "never_fail"):
        with pytest.raises(AirflowSkipException):
            resume(sensor("{{ x }}", **{skips: True}), words)


EVERY_MODE = [{"deferrable": False}, {"mode": "reschedule"}, {"deferrable": True}]


@pytest.mark.parametrize("mode", EVERY_MODE, ids=["poke", "reschedule", "deferrable"])
def test_never_fail_skips_on_every_error(checkly: Emulator, mode: dict[str, Any]) -> None:
    """Airflow's argument means the same in every mode."""
    (failed,) = start(FAILS)
    ChecklyHook().wait_for_check_sessions(failed, 10)
    with pytest.raises(AirflowSkipException, match="1 of 1 check did not pass"):
        run(sensor(failed, never_fail=True, **mode))
    checkly.fail(path="check-sessions", status=401, times=None)
    with pytest.raises(AirflowSkipException, match="401"):
        run(sensor(failed, never_fail=True, **mode))
    with pytest.raises(AirflowSkipException, match="no_such_connection"):
        run(sensor(failed, never_fail=True, checkly_conn_id="no_such_connection", **mode))


@pytest.mark.parametrize(
    ("defaults", "interval"),
    [
        ({}, 1),
        ({"mode": "reschedule"}, 60),
        ({"poke_interval": 7}, 7),
        ({"mode": "reschedule", "poke_interval": 300}, 300),
    ],
)
def test_default_args_of_the_dag(defaults: dict[str, Any], interval: float) -> None:
    with DAG("dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), default_args=defaults):
        one = sensor(UNKNOWN)
        many = ChecklyCheckSessionSensor.partial(task_id="many").expand(check_session_ids=[UNKNOWN])
    assert (one.mode, one.poke_interval) == (defaults.get("mode", "poke"), interval)
    assert many.partial_kwargs.get("poke_interval", interval) == interval


def test_a_failed_trigger() -> None:
    """`soft_fail` does not skip on it."""
    for soft_fail in (False, True):
        with pytest.raises(AirflowException, match="Trigger failure") as caught:
            resume(sensor("{{ x }}", soft_fail=soft_fail), "Trigger failure")
        assert not isinstance(caught.value, AirflowSkipException)
