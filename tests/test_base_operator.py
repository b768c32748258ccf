"""How tasks wait: look first, then here or in the triggerer, up to the deadline."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
)
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS
from airflow_runner import TaskInstance, context, defer, requests_to, run, run_checks

from airflow_provider_checkly.base_operator import initial_wait
from airflow_provider_checkly.emulator.default_checks import (
    FAILS,
    NEVER_ENDS,
    PASSES,
)
from airflow_provider_checkly.exceptions import (
    ChecklyUnreadable,
    ChecksFailed,
    ChecksTimedOut,
)

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator


@pytest.mark.usefixtures("_defers_at_once")
@pytest.mark.parametrize("words", ["Trigger timeout", "Trigger/execution timeout"], ids=["3", "2.11"])
def test_airflow_s_own_time_out(words: str) -> None:
    """It comes where no triggerer runs; it is a timeout as ours, and `soft_fail` skips on it."""
    with pytest.raises(ChecksTimedOut, match="triggerer") as caught:
        run_checks(tags="smoke").resume_execution("__fail__", {"error": words}, context())
    assert not isinstance(caught.value, AirflowFailException)
    with pytest.raises(AirflowSkipException):
        run_checks(tags="smoke", soft_fail=True).resume_execution("__fail__", {"error": words}, context())


def test_it_looks_before_it_defers(checkly: Emulator) -> None:
    """A check that ends within seconds needs no deferral, and gets the same verdict."""
    with pytest.raises(ChecksFailed):
        run_checks(check_ids=FAILS, deferrable=True).execute(context())
    assert len(requests_to(checkly, "completion")) == 1


@pytest.mark.parametrize(
    ("given", "least"), [(None, "5"), (None, "1"), ("0", "5"), ("2.5", "5"), ("", "5")], ids=repr
)
def test_the_initial_wait(monkeypatch: pytest.MonkeyPatch, given: str | None, least: str) -> None:
    """Without a setting it is what a deferral takes at least."""
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", least)
    if given is not None:
        monkeypatch.setenv("AIRFLOW__CHECKLY__INITIAL_WAIT", given)
    rent = int(least) + 5 if AIRFLOW_V_3_1_PLUS else 2
    assert initial_wait() == (float(given) if given else rent)


@pytest.mark.parametrize("given", ["soon", "-1", "nan", "inf", "10 s"])
def test_an_initial_wait_that_makes_no_sense(
    checkly: Emulator, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """It is refused before any request."""
    monkeypatch.setenv("AIRFLOW__CHECKLY__INITIAL_WAIT", given)
    with pytest.raises(AirflowFailException, match=r"\[checkly\] initial_wait must be"):
        run_checks(tags="smoke", deferrable=True).execute(context())
    assert checkly.requests == []


def test_a_short_timeout_needs_no_deferral(checkly: Emulator) -> None:
    with pytest.raises(ChecksTimedOut):
        run_checks(check_ids=NEVER_ENDS, deferrable=True, timeout=1).execute(context())
    assert len(requests_to(checkly, "cancel")) == 1


def test_an_error_during_the_look_defers(checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The triggerer continues with the requests."""
    monkeypatch.setenv("AIRFLOW__CHECKLY__INITIAL_WAIT", "2")
    checkly.fail(method="GET", path="completion", status=503, times=None)
    assert defer(run_checks(tags="smoke", deferrable=True)).trigger.session_ids


@pytest.mark.usefixtures("_defers_at_once")
def test_the_deadline(checkly: Emulator) -> None:
    """It is absolute wall-clock time, not after `execution_timeout`; Airflow's own comes later."""
    long_ago = TaskInstance(start_date=datetime.now(UTC) - timedelta(seconds=100))
    for timeout, execution_timeout, left in [
        (50, None, 50),
        (timedelta(minutes=2), None, 120),
        (3600, timedelta(seconds=160), 60),
        (30, timedelta(seconds=160), 30),
    ]:
        operator = run_checks(
            tags="smoke", deferrable=True, timeout=timeout, execution_timeout=execution_timeout
        )
        deferred = defer(operator, context(long_ago))
        assert deferred.trigger.deadline - time.time() == pytest.approx(left, abs=2)
        assert deferred.timeout is not None
        assert deferred.timeout.total_seconds() > left + 60
    assert checkly.api_key not in repr(deferred.trigger.serialize())


def test_the_shortest_deferral(checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler of Airflow 3.1 to 3.3.2 fails tasks that are resumed too soon."""
    monkeypatch.setenv("AIRFLOW__CHECKLY__INITIAL_WAIT", "0")
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "5")
    trigger = defer(run_checks(tags="smoke", deferrable=True)).trigger
    hold = 8 if AIRFLOW_V_3_1_PLUS else 0
    assert trigger.max_hold_seconds == hold
    assert trigger.not_before - time.time() == pytest.approx(hold, abs=2)
    assert len(requests_to(checkly, "trigger")) == 1


@pytest.mark.usefixtures("_defers_at_once")
def test_a_time_out_cancels(checkly: Emulator) -> None:
    """The unfinished sessions are cancelled, then the task fails and may be retried."""
    with pytest.raises(ChecksTimedOut, match="deadline") as caught:
        run(run_checks(check_ids=[PASSES, NEVER_ENDS], deferrable=True, timeout=1))
    assert not isinstance(caught.value, AirflowFailException)
    (cancel,) = requests_to(checkly, "cancel")
    assert caught.value.session_ids == [cancel.path.split("/")[3]]
    with pytest.raises(ChecksTimedOut):
        run(run_checks(check_ids=NEVER_ENDS, timeout=1, cancel_on_kill=False))
    assert len(requests_to(checkly, "cancel")) == 1


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.usefixtures("_defers_at_once")
def test_fail_fast(checkly: Emulator, *, deferrable: bool) -> None:
    with pytest.raises(ChecksFailed, match="1 of 2"):
        run(run_checks(check_ids=[FAILS, NEVER_ENDS], fail_fast=True, deferrable=deferrable, timeout=60))
    assert requests_to(checkly, "cancel") == []


@pytest.mark.parametrize("event", [None, {}, "success", {"status": "success"}, {"version": 2}], ids=repr)
def test_an_event_of_another_trigger(event: object) -> None:
    """It is never success."""
    with pytest.raises(ChecklyUnreadable, match="event"):
        run_checks(tags="smoke").execute_complete(context(), event)
