"""What a retry does with the sessions of an earlier try (Airflow 3.3+)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    TaskDeferred,
)
from airflow_runner import Store, TaskInstance, context, defer, requests_to, run, run_checks

from airflow_provider_checkly.emulator.default_checks import (
    FAILS,
    NEVER_ENDS,
    PASSES,
)
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyRefused,
    ChecksFailed,
)
from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.reattach import STORE_KEY

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator


UNKNOWN = "dddddddd-0000-4000-8000-000000000001"


@pytest.mark.parametrize(("status", "warned"), [(403, False), (502, True)])
def test_a_retry_after_a_failed_trigger(
    status: int, checkly: Emulator, caplog: pytest.LogCaptureFixture, *, warned: bool
) -> None:
    """It warns of running sessions only if Checkly may have started some."""
    store = Store()
    checkly.fail(method="POST", path="trigger", status=status)
    with pytest.raises(ChecklyRefused):
        run(run_checks(check_ids=PASSES), context(TaskInstance(), store))
    run(run_checks(check_ids=PASSES), context(TaskInstance(try_number=2), store))
    assert ("its sessions may still be running" in caplog.text) is warned


@pytest.mark.usefixtures("_defers_at_once")
def test_a_try_that_was_cut_off_is_continued(checkly: Emulator) -> None:
    """One POST, however often the task is cut off."""
    store, operator = Store(), run_checks(check_ids=[PASSES, NEVER_ENDS], deferrable=True)
    defer(operator, context(TaskInstance(try_number=1), store))
    again = TaskInstance(try_number=2)
    defer(run_checks(check_ids=[PASSES, NEVER_ENDS], deferrable=True), context(again, store))
    assert len(requests_to(checkly, "trigger")) == 1
    assert len(again.xcom["check_session_ids"]) == 2
    for other in (
        run_checks(tags="smoke", reattach=False, deferrable=True),
        run_checks(tags="smoke", deferrable=True),
    ):
        before = len(requests_to(checkly, "trigger"))
        cleared = TaskInstance(max_tries=again.max_tries + (1 if other.reattach else 0))
        defer(other, context(cleared, store))
        assert len(requests_to(checkly, "trigger")) == before + 1


def test_failed_sessions_are_not_continued(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    for tries in (1, 2):
        with pytest.raises(ChecksFailed):
            run(run_checks(check_ids=[PASSES, FAILS]), context(TaskInstance(try_number=tries), store))
    assert [len(r.body["target"]["checkId"]) for r in requests_to(checkly, "trigger")] == [2, 2]
    store.values[STORE_KEY]["ids"] = [UNKNOWN]
    with pytest.raises(ChecksFailed):
        run(run_checks(check_ids=[PASSES, FAILS]), context(TaskInstance(), store))
    assert "Triggering the checks again" in caplog.text


def test_only_failed_checks_run_again(checkly: Emulator) -> None:
    store, ti = Store(), TaskInstance(try_number=2)
    with pytest.raises(ChecksFailed) as caught:
        run(run_checks(check_ids=[FAILS, PASSES], retry_failed=True), context(TaskInstance(), store))
    assert not isinstance(caught.value, AirflowFailException)
    sessions = run(
        run_checks(check_ids=[FAILS, PASSES], retry_failed=True, fail_on="TIMED_OUT"), context(ti, store)
    )
    first, second = requests_to(checkly, "trigger")
    assert first.body["target"] == {"checkId": [FAILS, PASSES]}
    assert second.body["target"] == {"checkId": [FAILS]}
    assert [session["checkId"] for session in sessions] == [PASSES, FAILS]
    assert ti.xcom["check_session_ids"] == [session["checkSessionId"] for session in sessions]


def test_a_refused_trigger_keeps_the_record(checkly: Emulator) -> None:
    """Checkly did not process the second try, so the third also runs only the failed checks."""
    store = Store()
    again: dict[str, Any] = {"check_ids": [FAILS, PASSES], "retry_failed": True}
    with pytest.raises(ChecksFailed):
        run(run_checks(**again), context(TaskInstance(), store))
    checkly.fail(method="POST", path="trigger", status=403)
    with pytest.raises(ChecklyAuthError):
        run(run_checks(**again), context(TaskInstance(try_number=2), store))
    with pytest.raises(ChecksFailed):
        run(run_checks(**again), context(TaskInstance(try_number=3), store))
    assert [len(record.body["target"]["checkId"]) for record in requests_to(checkly, "trigger")] == [2, 1, 1]


def test_cut_off_while_triggering(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    checkly.fail(method="POST", path="trigger", status=502, processed=True)
    with pytest.raises(ChecklyRefused, match="502"):
        run(run_checks(check_ids=PASSES), context(TaskInstance(), store))
    assert run(run_checks(check_ids=PASSES), context(TaskInstance(try_number=2), store))
    assert "its sessions may still be running" in caplog.text
    assert len(requests_to(checkly, "trigger")) == 2


# try_number and max_tries of two tries, as seen on a real Airflow.
TWO_TRIES: dict[str, tuple[tuple[int, int], str, tuple[int, int], bool]] = {
    "a: crash in execute": ((1, 2), "runs", (2, 2), True),
    "a: crash after the resume": ((1, 2), "PASSED", (2, 2), True),
    "b: failed verdict": ((1, 2), "FAILED", (2, 2), False),
    "b: the trigger raised": ((1, 2), "runs", (2, 2), True),
    "c: clear of success": ((1, 2), "PASSED", (2, 3), False),
    "c: clear of success again": ((2, 3), "PASSED", (3, 4), False),
    "c: clear of failed, one retry, used up": ((2, 1), "FAILED", (3, 3), False),
    "c: clear of failed, no retries": ((1, 0), "FAILED", (2, 1), False),
    "d: clear of deferred": ((1, 2), "runs", (2, 3), False),
    "d: clear of deferred, no retries": ((1, 0), "runs", (2, 1), False),
    "d': crash of the try after a clear": ((2, 3), "runs", (3, 3), True),
    "e: crash of one mapped index": ((1, 2), "runs", (2, 2), True),
    "e: then both are cleared, the one": ((2, 2), "PASSED", (3, 4), False),
    "e: then both are cleared, the other": ((1, 2), "PASSED", (2, 3), False),
    "f: clear of the DAG run": ((1, 2), "runs", (2, 3), False),
    "g: clear while running, max_tries not raised": ((1, 2), "CANCELLED", (2, 2), False),
    "g: clear while running, max_tries raised": ((1, 2), "CANCELLED", (2, 3), False),
    "h: another task is cleared meanwhile": ((1, 2), "runs", (2, 2), True),
}


@pytest.mark.parametrize(("first", "status", "then", "continues"), TWO_TRIES.values(), ids=TWO_TRIES.keys())
@pytest.mark.usefixtures("_defers_at_once")
def test_which_tries_continue(
    first: tuple[int, int], status: str, then: tuple[int, int], checkly: Emulator, *, continues: bool
) -> None:
    """A retry continues with running and passed sessions; after a clear, checks are triggered again."""
    check = {"PASSED": PASSES, "FAILED": FAILS}.get(status, NEVER_ENDS)
    store, hook, before, after = (
        Store(),
        ChecklyHook(),
        *(TaskInstance(try_number=number, max_tries=most) for number, most in (first, then)),
    )
    defer(run_checks(check_ids=check, deferrable=True, retry_failed=True), context(before, store))
    (session_id,) = before.xcom["check_session_ids"]
    if status == "CANCELLED":
        hook.cancel_check_session(session_id)
    if status != "runs":
        assert hook.wait_for_check_sessions(session_id, 10)[0]["status"] == status
    with suppress(TaskDeferred):
        run_checks(check_ids=check, deferrable=True, retry_failed=True).execute(context(after, store))
    assert len(requests_to(checkly, "trigger")) == (1 if continues else 2)
    assert (after.xcom["check_session_ids"] == [session_id]) is continues


@pytest.mark.usefixtures("_defers_at_once")
def test_a_cancelled_session_is_not_continued(checkly: Emulator) -> None:
    """Not even where the gate tolerates a check that did not pass."""
    store, ti = Store(), TaskInstance()
    tolerant: dict[str, Any] = {"check_ids": [PASSES, NEVER_ENDS], "gate": Gate(max_failed=1)}
    killed = run_checks(**tolerant, deferrable=True)
    defer(killed, context(ti, store))
    killed.on_kill()
    ChecklyHook().wait_for_check_sessions(ti.xcom["check_session_ids"], 10)
    defer(run_checks(**tolerant, deferrable=True), context(TaskInstance(try_number=2), store))
    assert len(requests_to(checkly, "trigger")) == 2


def test_a_slow_check_runs_again(checkly: Emulator) -> None:
    """The gate failed although all sessions passed."""
    store = Store()
    for tries in (1, 2):
        with pytest.raises(ChecksFailed):
            run(
                run_checks(check_ids=PASSES, gate=Gate(max_response_time=0.001), retry_failed=True),
                context(TaskInstance(try_number=tries), store),
            )
    assert len(requests_to(checkly, "trigger")) == 2


@pytest.mark.usefixtures("_defers_at_once")
def test_a_record_of_an_older_release(checkly: Emulator) -> None:
    """The record that 0.1.0 leaves in the task state store is understood."""
    session_id = str(ChecklyHook().trigger_check_sessions(NEVER_ENDS)[0]["checkSessionId"])
    store = Store({"checkly_sessions": {"max_tries": 2, "ids": [session_id]}})
    ti = TaskInstance(try_number=2)
    defer(run_checks(check_ids=NEVER_ENDS, deferrable=True), context(ti, store))
    assert ti.xcom["check_session_ids"] == [session_id]
    assert len(requests_to(checkly, "trigger")) == 1
