"""Operator and sensor for test sessions, beyond what they share with those for check sessions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from airflow_runner import Store, TaskInstance, context, defer, requests_to, run

from airflow_provider_checkly.emulator import Check, Emulator
from airflow_provider_checkly.emulator.default_checks import DEGRADED, FAILS, NEVER_ENDS, PASSES
from airflow_provider_checkly.exceptions import (
    ChecklyError,
    ChecksFailed,
    ChecksNotRun,
    ChecksTimedOut,
    InvalidInput,
    NoMatchingChecks,
)
from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunChecksOperator, ChecklyRunTestSessionOperator
from airflow_provider_checkly.sensors import ChecklyTestSessionSensor

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = "dddddddd-0000-4000-8000-000000000001"
EU = "eu-central-1"
MANY = 500
BLANKS = "Checkout  pays"


def task(**arguments: Any) -> ChecklyRunTestSessionOperator:
    return ChecklyRunTestSessionOperator(task_id="task", run_location=EU, **arguments)


def start(*check_ids: str) -> str:
    session = ChecklyHook().trigger_test_session(name="mine", run_location=EU, check_ids=check_ids)
    return session["testSessionId"]


# The operator


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.usefixtures("_defers_at_once")
def test_every_final_status(checkly: Emulator, *, deferrable: bool) -> None:
    ti = TaskInstance()
    (session,) = run(task(check_ids=[PASSES, DEGRADED], deferrable=deferrable), context(ti))
    assert session["status"] == "PASSED"
    assert ti.xcom["test_session_ids"] == [session["testSessionId"]]
    assert ti.xcom["checkly_link"] == session["testSessionLink"]
    with pytest.raises(ChecksFailed, match="FAILED") as caught:
        run(task(check_ids=[PASSES, FAILS], deferrable=deferrable))
    assert isinstance(caught.value, AirflowFailException)
    with pytest.raises(ChecksFailed, match="DEGRADED"):
        run(task(check_ids=[PASSES, DEGRADED], deferrable=deferrable, fail_on=["DEGRADED"]))
    with pytest.raises(AirflowSkipException):
        run(task(check_ids=FAILS, deferrable=deferrable, soft_fail=True))
    assert run(task(check_ids=FAILS, deferrable=deferrable, fail_on="TIMED_OUT"))
    assert requests_to(checkly, "check-sessions") == []


def test_refused_when_the_dag_is_parsed() -> None:
    for arguments in ({"fail_on": ["NEW"]}, {"retry_strategy": {"type": "x"}}, {"timeout": 0}):
        with pytest.raises(InvalidInput):
            task(tags="smoke", **arguments)


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.usefixtures("_defers_at_once")
def test_a_requested_check_that_did_not_run(
    checkly: Emulator, caplog: pytest.LogCaptureFixture, *, deferrable: bool
) -> None:
    """The task fails, and neither XCom nor the log says that the gate passed."""
    ti = TaskInstance()
    with pytest.raises(ChecksNotRun, match=f"{UNKNOWN} does not exist in this account") as caught:
        run(task(check_ids=[PASSES, UNKNOWN], deferrable=deferrable), context(ti))
    assert isinstance(caught.value, AirflowFailException)
    assert caught.value.check_ids == [UNKNOWN]
    gate = ti.xcom["gate"]
    assert (gate["outcome"], gate["passed"], gate["message"]) == ("error", False, str(caught.value))
    assert [(each["check_id"], each["status"], each["severity"]) for each in gate["checks"]] == [
        (UNKNOWN, "NOT_RUN", "failing"),
        (PASSES, "PASSED", "passed"),
    ]
    assert [rule["met"] for rule in gate["rules"]] == [True, False]
    assert "return_value" not in ti.xcom
    assert ti.xcom["report"].startswith("Checkly did not run 1 of the requested checks")
    said = [record.getMessage().lower() for record in caplog.records]
    assert not [
        line for line in said if "gate passed" in line or "checks passed" in line or " passed." in line
    ]
    assert len(requests_to(checkly, "trigger")) == 1


def test_tags_may_exclude_a_requested_check(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    ti = TaskInstance()
    assert run(task(check_ids=[PASSES, UNKNOWN], tags="smoke"), context(ti))
    assert ti.xcom["gate"]["passed"] is True
    assert f"Checks {UNKNOWN} did not run" in caplog.text
    assert checkly.test_sessions


def test_no_check_runs(checkly: Emulator) -> None:
    with pytest.raises(NoMatchingChecks):
        run(task(check_ids=UNKNOWN))
    with pytest.raises(AirflowSkipException):
        run(task(check_ids=UNKNOWN, on_no_match="skip", name="named"))
    last: Any = requests_to(checkly, "trigger")[-1].body
    assert last["name"] == "named"


@pytest.mark.usefixtures("_defers_at_once")
def test_later_tries(checkly: Emulator) -> None:
    store = Store()
    defer(task(check_ids=NEVER_ENDS, deferrable=True), context(TaskInstance(), store))
    defer(task(check_ids=NEVER_ENDS, deferrable=True), context(TaskInstance(try_number=2), store))
    assert len(requests_to(checkly, "trigger")) == 1
    store = Store()
    for tries in (1, 2):
        with pytest.raises(ChecksFailed):
            run(task(check_ids=FAILS, retry_failed=True), context(TaskInstance(try_number=tries), store))
    assert len(requests_to(checkly, "trigger")) == 3


def test_a_try_after_an_unclear_trigger_starts_anew(
    checkly: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()
    checkly.fail(method="POST", path="trigger", status=502, processed=True)
    with pytest.raises(ChecklyError):
        run(task(check_ids=PASSES), context(TaskInstance(), store))
    (session,) = run(task(check_ids=PASSES), context(TaskInstance(try_number=2), store))
    assert session["name"] == "dag.task run try 2"
    assert len(requests_to(checkly, "trigger")) == 2
    assert "its sessions may still be running" in caplog.text


@pytest.mark.usefixtures("_defers_at_once")
def test_the_deadline(checkly: Emulator) -> None:
    """A requested check of a running session may still run, so the timeout is what is reported."""
    ti = TaskInstance()
    with pytest.raises(ChecksTimedOut):
        run(task(check_ids=[PASSES, NEVER_ENDS], timeout=1, deferrable=True), context(ti))
    assert ti.xcom["gate"]["outcome"] == "timed_out"
    assert "NOT_RUN" not in {each["status"] for each in ti.xcom["gate"]["checks"]}
    assert len(requests_to(checkly, "cancel")) == 1


# The sensor


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.usefixtures("checkly", "_defers_at_once")
def test_the_sensor(*, deferrable: bool) -> None:
    def sensor(ids: Any, **arguments: Any) -> Any:
        return run(
            ChecklyTestSessionSensor(task_id="t", test_session_ids=ids, deferrable=deferrable, **arguments)
        )

    session_id = start(PASSES)
    assert sensor(session_id) == ChecklyHook().get_test_session(session_id)
    with pytest.raises(ChecksFailed):
        sensor([start(FAILS)])
    assert sensor([start(FAILS)], fail_on="TIMED_OUT")
    with pytest.raises(InvalidInput, match="test_session_ids"):
        sensor("")


@pytest.mark.usefixtures("checkly")
def test_the_sensor_in_reschedule_mode() -> None:
    ids = [start(PASSES), start(NEVER_ENDS)]
    ChecklyHook().wait_for_test_sessions(ids[0], 10)
    sensor = ChecklyTestSessionSensor(task_id="t", test_session_ids=ids, mode="reschedule")
    assert not sensor.poke(context()).is_done


# Names and numbers of checks


@pytest.fixture
def named() -> Iterator[Emulator]:
    checks = [
        Check(id="c1000000-0000-4000-8000-000000000001", name=BLANKS, tags=("all",), outcome="failed"),
        Check(id="c1000000-0000-4000-8000-000000000002", name="Fine", tags=("all",)),
    ]
    with Emulator(checks, speed=20) as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", emulator.connection_json)
        yield emulator


@pytest.mark.parametrize("kind", [ChecklyRunChecksOperator, ChecklyRunTestSessionOperator])
@pytest.mark.parametrize(("name", "warns"), [(BLANKS, True), ("Checkout pays", False)])
@pytest.mark.usefixtures("named", "_defers_at_once")
def test_a_name_with_two_blanks_warns_in_both_kinds_of_session(kind: Any, name: str, *, warns: bool) -> None:
    more = {"run_location": EU} if kind is ChecklyRunTestSessionOperator else {}
    ti = TaskInstance()
    operator = kind(task_id="task", tags="all", gate=Gate(warn_only=[name]), **more)
    if not warns:
        with pytest.raises(ChecksFailed):
            run(operator, context(ti))
        return
    run(operator, context(ti))
    assert [(each["status"], each["severity"]) for each in ti.xcom["gate"]["checks"]] == [
        ("FAILED", "warning"),
        ("PASSED", "passed"),
    ]


@pytest.mark.usefixtures("_defers_at_once")
def test_many_checks_in_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """One wait, and an XCom below 1 MiB."""
    checks = [
        Check(id=f"c0000000-0000-4000-8000-{n:012}", name=f"Check {n}", seconds=1, tags=("all",))
        for n in range(MANY)
    ]
    with Emulator(checks, speed=20) as checkly:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", checkly.connection_json)
        ti = TaskInstance()
        (session,) = run(task(tags="all", deferrable=True), context(ti))
        assert len(session["results"]) == MANY
        assert len(json.dumps([session])) < 1024 * 1024
        assert len(requests_to(checkly, "completion")) == 1
        assert len(json.dumps(ti.xcom["gate"])) < 64 * 1024
        assert ti.xcom["report"] == "All 500 checks passed."
        monkeypatch.setattr("airflow_provider_checkly.events.MAX_XCOM_BYTES", 1000)
        (session,) = run(task(check_ids=[check.id for check in checks[:5]]))
        assert "results" not in session
