"""The operator, beyond the verdict that all paths share."""

from __future__ import annotations

import logging
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    TaskDeferred,
)
from airflow_runner import Store, TaskInstance, context, defer, events, run, stored

from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyPlanLimit,
    ChecklyUnreachable,
    ChecklyUnreadable,
    ChecksFailed,
    ChecksNotRun,
    ChecksTimedOut,
    InvalidInput,
    NoMatchingChecks,
)
from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunChecksOperator

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator

PASSES = "c0000000-0000-4000-8000-000000000001"
FAILS = "c0000000-0000-4000-8000-000000000003"
NEVER_ENDS = "c0000000-0000-4000-8000-000000000007"
UNKNOWN = "dddddddd-0000-4000-8000-000000000001"


def task(**kwargs: Any) -> ChecklyRunChecksOperator:
    return ChecklyRunChecksOperator(task_id="task", **kwargs)


def asked(checkly: Emulator, path: str) -> list[Any]:
    return [record for record in checkly.requests if path in record.path]


def deactivated(checkly: Emulator) -> str:
    return next(check.id for check in checkly.model.checks if not check.activated)


# What is refused, and when

AT_PARSE = {
    "timeout": [0, -1, float("nan"), float("inf"), True, timedelta(0)],
    "fail_on": ["PASSED", ["FAILED", "PROGRESS"], ["failed"]],
    "on_no_match": ["ignore", ""],
    "all_checks": [True, "yes"],
    "soft_fail": ["False"],
    "refresh_cache": ["no"],
}


@pytest.mark.parametrize(
    ("argument", "value"), [(argument, value) for argument, values in AT_PARSE.items() for value in values]
)
def test_refused_when_the_dag_is_parsed(argument: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=argument):
        task(tags="smoke", **{argument: value})


@pytest.mark.usefixtures("_defers_at_once")
@pytest.mark.parametrize("words", ["Trigger timeout", "Trigger/execution timeout"], ids=["3", "2.11"])
def test_airflow_s_own_time_out(words: str) -> None:
    """It comes where no triggerer runs; it is a time-out as ours, and `soft_fail` skips on it."""
    with pytest.raises(ChecksTimedOut, match="triggerer") as caught:
        task(tags="smoke").resume_execution("__fail__", {"error": words}, context())
    assert isinstance(caught.value, AirflowException)
    with pytest.raises(AirflowSkipException):
        task(tags="smoke", soft_fail=True).resume_execution("__fail__", {"error": words}, context())


def test_an_answer_to_a_trigger_that_is_not_understood(checkly: Emulator) -> None:
    """Another try would start the checks twice, so there is none."""
    checkly.fail(method="POST", path="trigger", status=201, body={"sessions": [{"status": "QUEUED"}]})
    with pytest.raises(ChecklyUnreadable, match="sessions may run") as caught:
        run(task(tags="smoke"))
    assert isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize(("status", "warned"), [(403, False), (502, True)])
def test_what_a_failed_trigger_leaves_behind(
    status: int, checkly: Emulator, caplog: pytest.LogCaptureFixture, *, warned: bool
) -> None:
    """The next try warns of sessions that may run only where some may."""
    store = Store()
    checkly.fail(method="POST", path="trigger", status=status)
    with pytest.raises(AirflowException):
        run(task(check_ids=PASSES), context(TaskInstance(), store))
    run(task(check_ids=PASSES), context(TaskInstance(try_number=2), store))
    assert ("may already run" in caplog.text) is warned


TARGETS: list[tuple[dict[str, Any], str]] = [
    ({}, "all_checks"),
    ({"check_ids": ""}, "check_ids"),
    ({"check_ids": []}, "check_ids"),
    ({"check_ids": [PASSES, None]}, "check_ids"),
    ({"check_ids": "None"}, "check_ids"),
    ({"check_ids": f"{PASSES},{FAILS}"}, "check_ids"),
    ({"check_ids": f"['{PASSES}']"}, "tojson"),
    ({"check_ids": "homepage"}, "homepage"),
    ({"tags": " "}, "tags"),
    ({"tags": ["smoke", ""]}, "tags"),
    ({"tags": [["smoke"], []]}, "tags"),
    ({"tags": ["smoke", ["api"]]}, "tags"),
    ({"tags": "None"}, "tags"),
]


@pytest.mark.parametrize(("arguments", "named"), TARGETS)
@pytest.mark.parametrize("deferrable", [False, True])
def test_refused_before_any_request(
    arguments: dict[str, Any], named: str, checkly: Emulator, *, deferrable: bool
) -> None:
    """Pitfalls 19, 68 and 70: an empty target would run, and alert on, every check."""
    with pytest.raises(InvalidInput, match=named) as caught:
        run(task(deferrable=deferrable, **arguments))
    assert isinstance(caught.value, AirflowFailException)
    assert checkly.requests == []


@pytest.mark.parametrize("rendered", ["", "None", None, []])
def test_a_template_that_renders_to_nothing(rendered: object, checkly: Emulator) -> None:
    """Pitfall 70: the other argument must not widen the target."""
    operator = task(check_ids="{{ x }}", tags="smoke")
    operator.check_ids = rendered
    with pytest.raises(InvalidInput, match="check_ids"):
        run(operator)
    assert checkly.requests == []


def test_templates_are_left_alone_when_the_dag_is_parsed(checkly: Emulator) -> None:
    """Pitfalls 19 and 46: __init__ assigns; nothing is looked up while a DAG is parsed."""
    with DAG("templates", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        operator = task(check_ids="{{ ids }}", tags="{{ tag }}", checkly_conn_id="{{ conn }}")
        mapped = ChecklyRunChecksOperator.partial(task_id="mapped", tags="smoke").expand(
            check_ids=[PASSES, FAILS]
        )
    assert mapped.task_id == "mapped"
    operator.render_template_fields({"ids": PASSES, "tag": "smoke", "conn": "checkly_default"})
    (session,) = run(operator)
    assert session["checkId"] == PASSES
    (request,) = asked(checkly, "trigger")
    assert request.body["target"] == {"checkId": [PASSES], "matchTags": [["smoke"]]}


# What is triggered


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ({"check_ids": PASSES}, {"checkId": [PASSES]}),
        ({"check_ids": [PASSES, PASSES.upper()]}, {"checkId": [PASSES]}),
        ({"check_ids": f'["{PASSES}"]'}, {"checkId": [PASSES]}),
        ({"check_ids": (each for each in [PASSES])}, {"checkId": [PASSES]}),
        ({"tags": "smoke"}, {"matchTags": [["smoke"]]}),
        ({"tags": ["smoke", "!checkout"]}, {"matchTags": [["smoke", "!checkout"]]}),
        ({"tags": [["smoke"], ["api", "web"]]}, {"matchTags": [["smoke"], ["api", "web"]]}),
        ({"tags": '[["smoke"], ["api"]]'}, {"matchTags": [["smoke"], ["api"]]}),
        ({"all_checks": True}, None),
    ],
)
def test_the_target(arguments: dict[str, Any], target: object, checkly: Emulator) -> None:
    """Pitfall 69: a list is AND, a list of lists OR of ANDs; an id is sent once."""
    run(task(wait_for_completion=False, refresh_cache=True, **arguments))
    (request,) = asked(checkly, "trigger")
    assert request.path == "/v2/check-sessions/trigger"
    assert request.body.pop("refreshCache") is True
    assert request.body.get("target") == target


@pytest.mark.parametrize("deferrable", [False, True])
def test_without_waiting(checkly: Emulator, *, deferrable: bool) -> None:
    """Pitfall 33: it returns what started, without a verdict, and does not defer."""
    ti = TaskInstance()
    sessions = task(check_ids=[FAILS], wait_for_completion=False, deferrable=deferrable).execute(context(ti))
    assert [session["status"] for session in sessions] == ["STARTED"]
    assert ti.xcom["check_session_ids"] == [sessions[0]["checkSessionId"]]
    assert asked(checkly, "completion") == []


def test_no_match(checkly: Emulator) -> None:
    """Pitfall 38."""
    with pytest.raises(NoMatchingChecks, match="No matching checks") as caught:
        run(task(tags="no-such-tag"))
    assert isinstance(caught.value, AirflowFailException)
    with pytest.raises(AirflowSkipException, match="No matching checks"):
        run(task(tags="no-such-tag", on_no_match="skip"))
    with pytest.raises(NoMatchingChecks) as plain:
        run(task(tags="no-such-tag", soft_fail=True))
    assert not isinstance(plain.value, AirflowException)
    assert asked(checkly, "completion") == []


def test_a_check_that_did_not_run(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """Checkly answers 201 although ids are deleted or deactivated."""
    ti = TaskInstance()
    with pytest.raises(ChecksNotRun, match=UNKNOWN) as caught:
        run(task(check_ids=[PASSES, UNKNOWN, deactivated(checkly)]), context(ti))
    assert caught.value.check_ids == [UNKNOWN, deactivated(checkly)]
    assert isinstance(caught.value, AirflowFailException)
    assert ti.xcom["check_session_ids"] == [s["checkSessionId"] for s in caught.value.sessions]
    assert ti.xcom["checkly_link"] == caught.value.sessions[0]["checkSessionLink"]
    with caplog.at_level(logging.WARNING):
        assert len(run(task(check_ids=[PASSES, FAILS], tags="smoke"))) == 1
    assert FAILS in caplog.text


@pytest.mark.parametrize(
    ("status", "kind", "retried"),
    [(400, "ChecklyRefused", False), (402, "ChecklyPlanLimit", False), (403, "ChecklyAuthError", True)],
)
def test_checkly_says_no(status: int, kind: str, checkly: Emulator, *, retried: bool) -> None:
    """Pitfalls 16 and 37: the whole reason, and no retry where it cannot get better."""
    checkly.fail(method="POST", path="trigger", status=status, body={"statusCode": status, "message": "Why."})
    with pytest.raises(
        AirflowException, match=rf"POST /v2/check-sessions/trigger.*{status}.*Why\."
    ) as caught:
        run(task(tags="smoke"))
    assert type(caught.value).__name__ == kind
    assert isinstance(caught.value, AirflowFailException) is not retried
    assert checkly.api_key not in repr(caught.value)


# What is left behind


@pytest.mark.usefixtures("_defers_at_once")
def test_xcom_is_there_before_the_wait(checkly: Emulator) -> None:
    """Pitfall 20: ids and link are pushed while the task is still waiting."""
    ti = TaskInstance()
    defer(task(check_ids=[PASSES, FAILS], deferrable=True), context(ti))
    assert len(ti.xcom["check_session_ids"]) == 2
    assert ti.xcom["checkly_link"].endswith(ti.xcom["check_session_ids"][0])
    assert asked(checkly, "completion") == []


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.usefixtures("checkly", "_defers_at_once")
def test_the_link_leads_to_the_first_failing_session(*, deferrable: bool) -> None:
    ti = TaskInstance()
    with pytest.raises(ChecksFailed, match="1 of 2 checks did not pass: Checkout API FAILED"):
        run(task(check_ids=[PASSES, FAILS], deferrable=deferrable), context(ti))
    assert f"/checks/{FAILS}/" in ti.xcom["checkly_link"]


@pytest.mark.usefixtures("_defers_at_once")
def test_resuming_alone_tells_the_story(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """Pitfalls 36, 39, 43 and 57: the event is all that a resumed task needs, and its log says it all."""
    deferred = defer(task(check_ids=[PASSES, FAILS], deferrable=True))
    (event,) = events(stored(deferred.trigger))
    checkly.clear()
    caplog.clear()
    with pytest.raises(ChecksFailed):
        task(tags="anything", deferrable=True).execute_complete(context(), event)
    assert f"Checkout API FAILED: {checkly.url}/accounts/" in caplog.text


def test_progress_and_how_to_free_the_slot(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        run(task(tags=["production", "smoke"], deferrable=False))
    assert "deferrable=True would free its slot" in caplog.text
    assert "Check session 1 of 2 ended: Homepage API PASSED after" in caplog.text
    assert "Check session 2 of 2 ended: Homepage PASSED after" in caplog.text
    assert "Passed: 2 PASSED." in caplog.text
    assert checkly.api_key not in caplog.text


# How it waits


def test_it_looks_before_it_defers(checkly: Emulator) -> None:
    """Pitfall 9: what ends soon needs no deferral, and gets the same verdict."""
    with pytest.raises(ChecksFailed):
        task(check_ids=FAILS, deferrable=True).execute(context())
    assert len(asked(checkly, "completion")) == 1


def test_a_short_timeout_needs_no_deferral(checkly: Emulator) -> None:
    with pytest.raises(ChecksTimedOut):
        task(check_ids=NEVER_ENDS, deferrable=True, timeout=1).execute(context())
    assert len(asked(checkly, "cancel")) == 1


def test_trouble_during_the_look_defers(checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfall 14: the triggerer goes on asking."""
    monkeypatch.setattr("airflow_provider_checkly.base_operator.INITIAL_WAIT_SECONDS", 2)
    checkly.fail(method="GET", path="completion", status=503, times=None)
    assert defer(task(tags="smoke", deferrable=True)).trigger.session_ids


@pytest.mark.usefixtures("_defers_at_once")
def test_the_deadline(checkly: Emulator) -> None:
    """Pitfalls 5 and 6: absolute, wall clock, not after `execution_timeout`, Airflow's own only behind it."""
    long_ago = TaskInstance(start_date=datetime.now(UTC) - timedelta(seconds=100))
    for timeout, execution_timeout, left in [
        (50, None, 50),
        (timedelta(minutes=2), None, 120),
        (3600, timedelta(seconds=160), 60),
        (30, timedelta(seconds=160), 30),
    ]:
        operator = task(tags="smoke", deferrable=True, timeout=timeout, execution_timeout=execution_timeout)
        deferred = defer(operator, context(long_ago))
        assert deferred.trigger.deadline - time.time() == pytest.approx(left, abs=2)
        assert deferred.timeout is not None
        assert deferred.timeout.total_seconds() > left + 60
    assert checkly.api_key not in repr(deferred.trigger.serialize())


def test_no_deferral_is_shorter_than_airflow_bears(
    checkly: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler of Airflow 3.1 to 3.3.2 fails tasks that are resumed too soon."""
    monkeypatch.setattr("airflow_provider_checkly.base_operator.INITIAL_WAIT_SECONDS", 0)
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "5")
    trigger = defer(task(tags="smoke", deferrable=True)).trigger
    assert trigger.hold_back == 8
    assert trigger.not_before - time.time() == pytest.approx(8, abs=2)
    assert len(asked(checkly, "trigger")) == 1


@pytest.mark.usefixtures("_defers_at_once")
def test_the_time_is_up(checkly: Emulator) -> None:
    """Pitfall 5: what can be cancelled is, then the task fails and may be retried."""
    with pytest.raises(ChecksTimedOut, match="deadline") as caught:
        run(task(check_ids=[PASSES, NEVER_ENDS], deferrable=True, timeout=1))
    assert isinstance(caught.value, AirflowException)
    assert not isinstance(caught.value, AirflowFailException)
    (cancel,) = asked(checkly, "cancel")
    assert caught.value.session_ids == [cancel.path.split("/")[3]]
    with pytest.raises(ChecksTimedOut):
        run(task(check_ids=NEVER_ENDS, timeout=1, cancel_on_kill=False))
    assert len(asked(checkly, "cancel")) == 1


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.usefixtures("_defers_at_once")
def test_fail_fast(checkly: Emulator, *, deferrable: bool) -> None:
    with pytest.raises(ChecksFailed, match="1 of 2"):
        run(task(check_ids=[FAILS, NEVER_ENDS], fail_fast=True, deferrable=deferrable, timeout=60))
    assert asked(checkly, "cancel") == []


def test_an_event_that_is_not_ours() -> None:
    """Pitfall 21."""
    for event in (None, {}, "success", {"status": "success"}, {"version": 2}):
        with pytest.raises(AirflowException, match="event"):
            task(tags="smoke").execute_complete(context(), event)


# What a later try does (Airflow 3.3+)


@pytest.mark.usefixtures("_defers_at_once")
def test_a_try_that_was_cut_off_is_continued(checkly: Emulator) -> None:
    """Pitfall 1: one POST, however often the task is cut off."""
    store, operator = Store(), task(check_ids=[PASSES, NEVER_ENDS], deferrable=True)
    defer(operator, context(TaskInstance(try_number=1), store))
    again = TaskInstance(try_number=2)
    defer(task(check_ids=[PASSES, NEVER_ENDS], deferrable=True), context(again, store))
    assert len(asked(checkly, "trigger")) == 1
    assert len(again.xcom["check_session_ids"]) == 2
    for other in (task(tags="smoke", reattach=False, deferrable=True), task(tags="smoke", deferrable=True)):
        before = len(asked(checkly, "trigger"))
        cleared = TaskInstance(max_tries=again.max_tries + (1 if other.reattach else 0))
        defer(other, context(cleared, store))
        assert len(asked(checkly, "trigger")) == before + 1


def test_failed_sessions_are_not_continued(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    for tries in (1, 2):
        with pytest.raises(ChecksFailed):
            run(task(check_ids=[PASSES, FAILS]), context(TaskInstance(try_number=tries), store))
    assert [len(r.body["target"]["checkId"]) for r in asked(checkly, "trigger")] == [2, 2]
    store.values["checkly_check_sessions"]["ids"] = [UNKNOWN]
    with pytest.raises(ChecksFailed):
        run(task(check_ids=[PASSES, FAILS]), context(TaskInstance(), store))
    assert "triggered again" in caplog.text


def test_only_failed_checks_run_again(checkly: Emulator) -> None:
    store, ti = Store(), TaskInstance(try_number=2)
    with pytest.raises(ChecksFailed) as caught:
        run(task(check_ids=[FAILS, PASSES], retry_failed=True), context(TaskInstance(), store))
    assert not isinstance(caught.value, AirflowFailException)
    sessions = run(
        task(check_ids=[FAILS, PASSES], retry_failed=True, fail_on="TIMED_OUT"), context(ti, store)
    )
    first, second = asked(checkly, "trigger")
    assert first.body["target"] == {"checkId": [FAILS, PASSES]}
    assert second.body["target"] == {"checkId": [FAILS]}
    assert [session["checkId"] for session in sessions] == [PASSES, FAILS]
    assert ti.xcom["check_session_ids"] == [session["checkSessionId"] for session in sessions]


def test_a_trigger_that_was_refused_forgets_nothing(checkly: Emulator) -> None:
    """Checkly took nothing from the second try: the third runs the failed checks only, too."""
    store = Store()
    again: dict[str, Any] = {"check_ids": [FAILS, PASSES], "retry_failed": True}
    with pytest.raises(ChecksFailed):
        run(task(**again), context(TaskInstance(), store))
    checkly.fail(method="POST", path="trigger", status=403)
    with pytest.raises(ChecklyAuthError):
        run(task(**again), context(TaskInstance(try_number=2), store))
    with pytest.raises(ChecksFailed):
        run(task(**again), context(TaskInstance(try_number=3), store))
    assert [len(record.body["target"]["checkId"]) for record in asked(checkly, "trigger")] == [2, 1, 1]


def test_cut_off_while_triggering(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    checkly.fail(method="POST", path="trigger", status=502, processed=True)
    with pytest.raises(AirflowException, match="502"):
        run(task(check_ids=PASSES), context(TaskInstance(), store))
    assert run(task(check_ids=PASSES), context(TaskInstance(try_number=2), store))
    assert "sessions may already run" in caplog.text
    assert len(asked(checkly, "trigger")) == 2


# The rows of a table that was found on a real Airflow: a clear raises `max_tries`, a retry does not.
ROWS: dict[str, tuple[tuple[int, int], str, tuple[int, int], bool]] = {
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


@pytest.mark.parametrize(("first", "status", "then", "goes_on"), ROWS.values(), ids=ROWS.keys())
@pytest.mark.usefixtures("_defers_at_once")
def test_what_a_try_goes_on_with(
    first: tuple[int, int], status: str, then: tuple[int, int], checkly: Emulator, *, goes_on: bool
) -> None:
    """Pitfall 1."""
    check = {"PASSED": PASSES, "FAILED": FAILS}.get(status, NEVER_ENDS)
    store, hook, before, after = (
        Store(),
        ChecklyHook(),
        *(TaskInstance(try_number=number, max_tries=most) for number, most in (first, then)),
    )
    defer(task(check_ids=check, deferrable=True, retry_failed=True), context(before, store))
    (session_id,) = before.xcom["check_session_ids"]
    if status == "CANCELLED":
        hook.cancel_check_session(session_id)
    if status != "runs":
        assert hook.wait_for_check_sessions(session_id, 10)[0]["status"] == status
    with suppress(TaskDeferred):
        task(check_ids=check, deferrable=True, retry_failed=True).execute(context(after, store))
    assert len(asked(checkly, "trigger")) == (1 if goes_on else 2)
    assert (after.xcom["check_session_ids"] == [session_id]) is goes_on


@pytest.mark.usefixtures("_defers_at_once")
def test_what_a_kill_cancelled_is_not_gone_on_with(checkly: Emulator) -> None:
    """Row g, where a gate tolerates a check that did not pass."""
    store, ti = Store(), TaskInstance()
    tolerant: dict[str, Any] = {"check_ids": [PASSES, NEVER_ENDS], "gate": Gate(max_failed=1)}
    killed = task(**tolerant, deferrable=True)
    defer(killed, context(ti, store))
    killed.on_kill()
    ChecklyHook().wait_for_check_sessions(ti.xcom["check_session_ids"], 10)
    defer(task(**tolerant, deferrable=True), context(TaskInstance(try_number=2), store))
    assert len(asked(checkly, "trigger")) == 2


def test_what_was_too_slow_runs_again(checkly: Emulator) -> None:
    """The retry of a verdict that failed, though all sessions passed."""
    store = Store()
    for tries in (1, 2):
        with pytest.raises(ChecksFailed):
            run(
                task(check_ids=PASSES, gate=Gate(max_response_time=0.001), retry_failed=True),
                context(TaskInstance(try_number=tries), store),
            )
    assert len(asked(checkly, "trigger")) == 2


@pytest.mark.usefixtures("_defers_at_once")
def test_what_an_older_release_stored_is_gone_on_with(checkly: Emulator) -> None:
    """Pitfall 54: what 0.1.0 left in the task's state."""
    session_id = str(ChecklyHook().trigger_check_sessions(NEVER_ENDS)[0]["checkSessionId"])
    store = Store({"checkly_check_sessions": {"max_tries": 2, "ids": [session_id], "name": ""}})
    ti = TaskInstance(try_number=2)
    defer(task(check_ids=NEVER_ENDS, deferrable=True), context(ti, store))
    assert ti.xcom["check_session_ids"] == [session_id]
    assert len(asked(checkly, "trigger")) == 1


# Kill on a worker


def test_kill(checkly: Emulator) -> None:
    """Pitfalls 4 and 40: one cancel per unfinished session, and the wait ends at once."""
    operator = task(check_ids=[PASSES, NEVER_ENDS], deferrable=False, timeout=60)
    previous = signal.signal(signal.SIGUSR1, lambda *_: operator.on_kill())
    ticker = threading.Timer(
        1.5, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
    )
    ticker.start()
    began = time.monotonic()
    try:
        with pytest.raises(AirflowException, match="killed"):
            run(operator)
    finally:
        signal.signal(signal.SIGUSR1, previous)
        ticker.join()
    assert time.monotonic() - began < 30
    assert len(asked(checkly, "cancel")) == 1


@pytest.mark.parametrize("status", [403, 404, 500])
@pytest.mark.usefixtures("_defers_at_once")
def test_a_kill_raises_nothing(status: int, checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    operator = task(check_ids=[PASSES, NEVER_ENDS], deferrable=True)
    defer(operator)
    checkly.fail(method="POST", path="cancel", status=status, times=None)
    with caplog.at_level(logging.INFO):
        operator.on_kill()
    assert "was not cancelled" in caplog.text
    assert "Playwright Check Suites only" in caplog.text
    assert {record.path.split("/")[3] for record in asked(checkly, "cancel")} == set(operator._known)  # noqa: SLF001


@pytest.mark.usefixtures("_defers_at_once")
def test_a_kill_is_bounded(checkly: Emulator) -> None:
    """Pitfall 40: four seconds in all, however many sessions Checkly lets hang."""
    operator = task(check_ids=NEVER_ENDS, deferrable=True)
    defer(operator)
    operator._known = {f"c0000000-0000-4000-8000-{number:012}": None for number in range(15)}  # noqa: SLF001
    checkly.fail(method="POST", path="cancel", delay=30, times=None)
    began = time.monotonic()
    operator.on_kill()
    assert 3 < time.monotonic() - began < 6


@pytest.mark.usefixtures("checkly")
def test_a_kill_never_waits_for_what_it_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfall 40: a signal comes while this thread holds a lock that a look-up of the connection needs."""
    operator, lock, free = task(check_ids=NEVER_ENDS), threading.Lock(), threading.Event()
    operator._known = {NEVER_ENDS: None}  # noqa: SLF001
    monkeypatch.setattr("airflow_provider_checkly.operators.KILL_SECONDS", 0.2)

    def look_up(*_: object) -> Any:
        with lock:
            free.set()
        raise LookupError("no connection")

    monkeypatch.setattr(ChecklyHook, "get_connection", look_up)
    with lock:
        operator.on_kill()
        assert not free.is_set()
    assert free.wait(10)


def test_checks_that_end_soon_are_asked_first(checkly: Emulator) -> None:
    """Many sessions in one task: a suite of half an hour must not hide for long what a quick check found."""
    fleet = checkly.model.checks
    kinds = ("PLAYWRIGHT", "BROWSER", "API", "MULTI_STEP", "AGENTIC", "TCP")
    checkly.model.checks = tuple(
        replace(fleet[0], id=f"d0000000-0000-4000-8000-{number:012}", checkType=kind, seconds=0.2)
        for number, kind in enumerate(kinds)
    )
    ti = TaskInstance()
    found = task(all_checks=True).execute(context(ti))
    assert [each["checkType"] for each in found] == [
        *("API", "TCP"),
        *("BROWSER", "MULTI_STEP"),
        *("PLAYWRIGHT", "AGENTIC"),
    ]
    first = [record.path.split("/")[3] for record in asked(checkly, "completion")]
    assert first == [each["checkSessionId"] for each in found] == ti.xcom["check_session_ids"]


def test_a_kill_before_the_wait(checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes while checks are triggered: what was started is cancelled, and the task waits for nothing."""
    operator = task(check_ids=NEVER_ENDS, timeout=60)
    real = ChecklyHook.trigger_check_sessions

    def killed(*arguments: Any, **options: Any) -> Any:
        operator.on_kill()
        return real(*arguments, **options)

    monkeypatch.setattr(ChecklyHook, "trigger_check_sessions", killed)
    with pytest.raises(AirflowException, match="killed"):
        run(operator)
    assert [len(asked(checkly, path)) for path in ("trigger", "completion", "cancel")] == [1, 0, 1]


@pytest.mark.usefixtures("_defers_at_once")
def test_a_kill_after_the_resume(checkly: Emulator) -> None:
    """Pitfall 39: the ids come from the event, before anything else is done."""

    class Killed(ChecklyRunChecksOperator):
        def _judge(self, *arguments: Any) -> Any:
            self.on_kill()
            return super()._judge(*arguments)

    first = defer(task(check_ids=[FAILS, NEVER_ENDS], fail_fast=True, deferrable=True))
    (event,) = events(stored(first.trigger))
    with pytest.raises(ChecksFailed):
        Killed(task_id="task", tags="smoke").execute_complete(context(), event)
    (cancel,) = asked(checkly, "cancel")
    assert event["unfinished"] == [cancel.path.split("/")[3]]


@pytest.mark.usefixtures("_defers_at_once")
def test_a_kill_that_may_not_cancel(checkly: Emulator) -> None:
    operator = task(check_ids=NEVER_ENDS, deferrable=True, cancel_on_kill=False)
    defer(operator)
    operator.on_kill()
    task(tags="smoke").on_kill()
    assert asked(checkly, "cancel") == []


@pytest.mark.usefixtures("_defers_at_once")
def test_a_kill_without_a_connection(
    checkly: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Pitfall 40: whatever goes wrong, a kill does not fail."""
    operator = task(check_ids=NEVER_ENDS, deferrable=True)
    defer(operator)
    monkeypatch.delenv("AIRFLOW_CONN_CHECKLY_DEFAULT")
    operator.hook = ChecklyHook("no_such_connection")
    operator.on_kill()
    assert "Nothing was cancelled" in caplog.text
    assert asked(checkly, "cancel") == []


def test_without_a_link(checkly: Emulator) -> None:
    """A session whose link Checkly leaves out is no reason to fail."""
    ti = TaskInstance()
    (session,) = run(task(check_ids=PASSES))
    body = {"sessions": [{**session, "checkSessionLink": None}]}
    checkly.fail(method="POST", path="trigger", status=201, body=body)
    run(task(check_ids=PASSES, wait_for_completion=False), context(ti))
    assert "checkly_link" not in ti.xcom


def test_errors_of_the_network_are_retried_by_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_CHECKLY_DEFAULT",
        '{"conn_type": "checkly", "login": "a", "password": "k", "host": "http://127.0.0.1:9"}',
    )
    with pytest.raises(ChecklyUnreachable) as caught:
        run(task(tags="smoke", timeout=1))
    assert isinstance(caught.value, AirflowException)
    assert not isinstance(caught.value, AirflowFailException)


def test_the_plan_limit_has_a_name(checkly: Emulator) -> None:
    checkly.fail(method="POST", path="trigger", status=402)
    with pytest.raises(ChecklyPlanLimit):
        ChecklyHook().trigger_check_sessions(tags="smoke")
