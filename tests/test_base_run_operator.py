"""What a kill does to a task that runs or waits on a worker."""

from __future__ import annotations

import logging
import signal
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
)
from airflow_runner import TaskInstance, context, defer, events, requests_to, run_checks, stored

from airflow_provider_checkly.emulator.default_checks import (
    FAILS,
    NEVER_ENDS,
    PASSES,
    check_id,
)
from airflow_provider_checkly.events import from_event
from airflow_provider_checkly.exceptions import (
    ChecksFailed,
)
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunChecksOperator

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator


def test_kill(checkly: Emulator) -> None:
    """One cancel per unfinished session, and the wait ends at once."""
    operator = run_checks(check_ids=[PASSES, NEVER_ENDS], deferrable=False, timeout=60)
    previous = signal.signal(signal.SIGUSR1, lambda *_: operator.on_kill())
    ticker = threading.Timer(
        1.5, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
    )
    ticker.start()
    try:
        with pytest.raises(AirflowException, match="killed"):
            operator.execute(context())
    finally:
        signal.signal(signal.SIGUSR1, previous)
        ticker.join()
    assert len(requests_to(checkly, "cancel")) == 1


@pytest.mark.parametrize("status", [403, 404, 500])
@pytest.mark.usefixtures("_defers_at_once")
def test_a_kill_raises_nothing(status: int, checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    operator, ti = run_checks(check_ids=[PASSES, NEVER_ENDS], deferrable=True), TaskInstance()
    defer(operator, context(ti))
    checkly.fail(method="POST", path="cancel", status=status, times=None)
    with caplog.at_level(logging.INFO):
        operator.on_kill()
    assert "was not cancelled" in caplog.text
    assert "stops only Playwright Check Suites" in caplog.text
    cancelled = {record.path.split("/")[3] for record in requests_to(checkly, "cancel")}
    assert cancelled == set(ti.xcom["check_session_ids"])


@pytest.mark.usefixtures("_defers_at_once")
def test_a_kill_is_bounded(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """Where the first ten cancels hang, there is no time left for the others."""
    (never,) = (check for check in checkly.model.checks if check.id == NEVER_ENDS)
    checkly.model.checks = tuple(replace(never, id=check_id(number)) for number in range(15))
    operator = run_checks(all_checks=True, deferrable=True)
    defer(operator)
    checkly.fail(method="POST", path="cancel", delay=30, times=None)
    operator.on_kill()
    assert caplog.text.count("was not cancelled: there was no time left") == 5
    assert caplog.text.count("was not cancelled: POST ") == 10


@pytest.mark.usefixtures("checkly", "_defers_at_once")
def test_a_kill_does_not_wait_for_a_lock_of_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal interrupts this thread while it holds a lock that the look-up of the connection needs."""
    operator, lock, free = (
        run_checks(check_ids=NEVER_ENDS, deferrable=True),
        threading.Lock(),
        threading.Event(),
    )
    defer(operator)
    operator.hook = ChecklyHook()
    monkeypatch.setattr("airflow_provider_checkly.base_run_operator.ON_KILL_SECONDS", 0.2)

    def look_up(*_: object) -> Any:
        with lock:
            free.set()
        raise LookupError("no connection")

    monkeypatch.setattr(ChecklyHook, "get_connection", look_up)
    with lock:
        operator.on_kill()
        assert not free.is_set()
    assert free.wait(10)


def test_a_kill_before_the_wait(checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes while checks are triggered: the started session is cancelled, and nothing is waited for."""
    operator = run_checks(check_ids=NEVER_ENDS, timeout=60)
    real = ChecklyHook.start_check_sessions

    def killed(*arguments: Any, **options: Any) -> Any:
        operator.on_kill()
        return real(*arguments, **options)

    monkeypatch.setattr(ChecklyHook, "start_check_sessions", killed)
    with pytest.raises(AirflowException, match="killed"):
        operator.execute(context())
    assert [len(requests_to(checkly, path)) for path in ("trigger", "completion", "cancel")] == [1, 0, 1]


@pytest.mark.usefixtures("_defers_at_once")
def test_a_kill_after_the_resume(checkly: Emulator) -> None:
    """The ids come from the event, before anything else is done."""

    class Killed(ChecklyRunChecksOperator):
        def _conclude(self, *arguments: Any) -> Any:
            self.on_kill()
            return super()._conclude(*arguments)

    first = defer(run_checks(check_ids=[FAILS, NEVER_ENDS], fail_fast=True, deferrable=True))
    (event,) = events(stored(first.trigger))
    with pytest.raises(ChecksFailed):
        Killed(task_id="task", tags="smoke").execute_complete(context(), event)
    (cancel,) = requests_to(checkly, "cancel")
    assert from_event(event).unfinished == (cancel.path.split("/")[3],)


@pytest.mark.usefixtures("_defers_at_once")
def test_a_kill_without_cancel_on_kill(checkly: Emulator) -> None:
    operator = run_checks(check_ids=NEVER_ENDS, deferrable=True, cancel_on_kill=False)
    defer(operator)
    operator.on_kill()
    run_checks(tags="smoke").on_kill()
    assert requests_to(checkly, "cancel") == []


@pytest.mark.usefixtures("_defers_at_once")
def test_a_kill_without_a_connection(
    checkly: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever goes wrong, a kill does not fail."""
    operator = run_checks(check_ids=NEVER_ENDS, deferrable=True)
    defer(operator)
    monkeypatch.delenv("AIRFLOW_CONN_CHECKLY_DEFAULT")
    operator.hook = ChecklyHook("no_such_connection")
    operator.on_kill()
    assert "The sessions were not cancelled; they may still be running" in caplog.text
    assert requests_to(checkly, "cancel") == []
