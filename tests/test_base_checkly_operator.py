"""XCom `gate`, `report` and `report_slack` are there after every end of a task, and agree with it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from airflow.exceptions import AirflowException
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow_runner import TaskInstance, context, run, run_checks

from airflow_provider_checkly.airflow_workarounds import TRIGGER_FAILED
from airflow_provider_checkly.emulator.default_checks import DEGRADED, FAILS, NEVER_ENDS, PASSES
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyUnreadable,
    ChecksFailed,
    ChecksNotRun,
    ChecksTimedOut,
    InvalidInput,
    NoMatchingChecks,
)
from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunTestSessionOperator
from airflow_provider_checkly.sensors import ChecklyCheckSessionSensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_checkly.emulator import Emulator

UNKNOWN = "dddddddd-0000-4000-8000-000000000001"
EU = "eu-central-1"
MALFORMED = {"path": "completion", "status": 200, "body": {"status": "NEW"}, "times": None}
REFUSED = {"path": "completion", "status": 401, "times": None}
REFUSED["body"] = {"statusCode": 401, "error": "Unauthorized", "message": "No."}

End = tuple[dict[str, Any], dict[str, Any], type[BaseException] | None, str, str]
ENDS: dict[str, End] = {
    "passed": ({"check_ids": PASSES}, {}, None, "passed", "Homepage API passed."),
    "degraded": ({"check_ids": DEGRADED}, {}, None, "passed", "Product images passed (1 DEGRADED)."),
    "tolerated": (
        {"check_ids": [PASSES, FAILS], "gate": Gate(max_failed=1)},
        {},
        None,
        "passed",
        "1 of 2 checks passed; the gate tolerates the others: Checkout API FAILED.",
    ),
    "failed": (
        {"check_ids": [PASSES, FAILS]},
        {},
        ChecksFailed,
        "failed",
        "1 of 2 checks did not pass: Checkout API FAILED.",
    ),
    "failed, without details": (
        {"check_ids": [PASSES, FAILS], "explain": False},
        {},
        ChecksFailed,
        "failed",
        "1 of 2 checks did not pass: Checkout API FAILED.",
    ),
    "failed, may be retried": (
        {"check_ids": FAILS, "retry_failed": True},
        {},
        ChecksFailed,
        "failed",
        "1 of 1 check did not pass: Checkout API FAILED.",
    ),
    "failed, skipped": (
        {"check_ids": FAILS, "soft_fail": True},
        {},
        AirflowSkipException,
        "skipped",
        "1 of 1 check did not pass: Checkout API FAILED.",
    ),
    "timed out": (
        {"check_ids": NEVER_ENDS, "timeout": 1},
        {},
        ChecksTimedOut,
        "timed_out",
        "1 of 1 session had not ended at the deadline",
    ),
    "timed out, skipped": (
        {"check_ids": NEVER_ENDS, "timeout": 1, "soft_fail": True},
        {},
        AirflowSkipException,
        "skipped",
        "1 of 1 session had not ended at the deadline",
    ),
    "no match": (
        {"check_ids": UNKNOWN},
        {},
        NoMatchingChecks,
        "error",
        f"No requested check ran: {UNKNOWN} does not exist in this account.",
    ),
    "no match, skipped": (
        {"tags": "no-such-tag", "on_no_match": "skip"},
        {},
        AirflowSkipException,
        "skipped",
        "No active check has the tags 'no-such-tag'.",
    ),
    "not run": (
        {"check_ids": [PASSES, UNKNOWN]},
        {},
        ChecksNotRun,
        "error",
        "Checkly did not run 1 of the requested checks",
    ),
    "not run, with soft_fail": (
        {"check_ids": [PASSES, UNKNOWN], "soft_fail": True},
        {},
        ChecksNotRun,
        "error",
        "Checkly did not run 1 of the requested checks",
    ),
    "an error of the API": (
        {"check_ids": PASSES},
        REFUSED,
        ChecklyAuthError,
        "error",
        "GET /v2/check-sessions",
    ),
    "an error of the API, with soft_fail": (
        {"check_ids": PASSES, "soft_fail": True},
        REFUSED,
        ChecklyAuthError,
        "error",
        "GET /v2/check-sessions",
    ),
    "a malformed response": (
        {"check_ids": PASSES},
        MALFORMED,
        ChecklyUnreadable,
        "error",
        "GET /v2/check-sessions",
    ),
    "an empty template": ({"check_ids": ""}, {}, InvalidInput, "error", "check_ids contains an empty value"),
    "an unknown connection": (
        {"check_ids": PASSES, "checkly_conn_id": "no_such_connection"},
        {},
        AirflowException,
        "error",
        "The conn_id `no_such_connection` isn't defined",
    ),
}


def assert_reported(ti: TaskInstance, outcome: str, message: str) -> None:
    gate = ti.xcom["gate"]
    assert (gate["outcome"], gate["passed"]) == (outcome, outcome == "passed")
    assert gate["message"].startswith(message)
    assert set(gate) == {"version", "outcome", "passed", "message", "rules", "checks", "omitted"}
    assert len(json.dumps(gate)) < 64 * 1024
    for key in ("report", "report_slack"):
        plain = ti.xcom[key].replace("\\", "").replace("&lt;", "<").replace("&gt;", ">")
        assert plain.startswith(message[:60])


def assert_ends(task: Any, error: type[BaseException] | None, outcome: str, message: str) -> None:
    """Run a task to its end, which must be this one in Airflow and in XCom."""
    ti = TaskInstance()
    if error is None:
        run(task, context(ti))
    else:
        with pytest.raises(error) as caught:
            run(task, context(ti))
        assert isinstance(caught.value, AirflowSkipException) is (outcome == "skipped")
    assert_reported(ti, outcome, message)


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
@pytest.mark.usefixtures("_defers_at_once")
def test_every_end(end: End, checkly: Emulator, *, deferrable: bool) -> None:
    arguments, fault, error, outcome, message = end
    if fault:
        checkly.fail(method="GET", **fault)
    assert_ends(run_checks(deferrable=deferrable, **arguments), error, outcome, message)


@pytest.mark.parametrize("kind", ["check", "test"])
@pytest.mark.usefixtures("checkly", "_defers_at_once")
def test_no_triggerer(kind: str) -> None:
    """Airflow ends the deferral itself, and another process of the task hears of it."""
    for soft_fail, error, outcome in (
        (False, ChecksTimedOut, "timed_out"),
        (True, AirflowSkipException, "skipped"),
    ):
        arguments: Any = {"check_ids": PASSES, "deferrable": True, "soft_fail": soft_fail}
        task: Any = (
            run_checks(**arguments)
            if kind == "check"
            else ChecklyRunTestSessionOperator(task_id="task", run_location=EU, **arguments)
        )
        ti = TaskInstance()
        with pytest.raises(error):
            task.resume_execution(TRIGGER_FAILED, {"error": "Trigger timeout"}, context(ti))
        assert_reported(ti, outcome, "No triggerer reported in time.")


@pytest.mark.parametrize("soft_fail", [False, True])
def test_a_trigger_that_failed(*, soft_fail: bool) -> None:
    """An error that is not expected in a trigger fails the task, whatever `soft_fail` says."""
    ti = TaskInstance()
    task = run_checks(check_ids=PASSES, deferrable=True, soft_fail=soft_fail)
    with pytest.raises(Exception, match="Trigger failure") as caught:
        task.resume_execution(TRIGGER_FAILED, {"error": "Trigger failure"}, context(ti))
    assert not isinstance(caught.value, AirflowSkipException | AirflowFailException)
    assert_reported(ti, "error", "The trigger failed: Trigger failure.")


SensorEnd = tuple[str, dict[str, Any], type[BaseException] | None, str, str]
SENSED: dict[str, SensorEnd] = {
    "passed": (PASSES, {}, None, "passed", "Homepage API passed."),
    "failed": (FAILS, {}, ChecksFailed, "failed", "1 of 1 check did not pass: Checkout API FAILED."),
    "failed, skipped": (FAILS, {"soft_fail": True}, AirflowSkipException, "skipped", "1 of 1 check did not"),
    "timed out": (NEVER_ENDS, {"timeout": 1}, ChecksTimedOut, "timed_out", "1 of 1 session had not ended"),
}
MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule", "poke_interval": 0.1},
    "deferrable": {"deferrable": True},
}


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
@pytest.mark.parametrize("end", SENSED.values(), ids=SENSED.keys())
@pytest.mark.usefixtures("checkly", "_defers_at_once")
def test_every_end_of_a_sensor(end: SensorEnd, mode: dict[str, Any]) -> None:
    check_id, arguments, error, outcome, message = end
    (session,) = ChecklyHook().trigger_check_sessions(check_id)
    sensor = ChecklyCheckSessionSensor(
        task_id="task", check_session_ids=session["checkSessionId"], **arguments, **mode
    )
    assert_ends(sensor, error, outcome, message)


UNEVALUATED: list[Callable[[], Any]] = [
    lambda: run_checks(check_ids=PASSES, wait_for_completion=False),
    lambda: run_checks(check_ids=NEVER_ENDS, deferrable=True),
]


@pytest.mark.parametrize("task", UNEVALUATED)
@pytest.mark.usefixtures("checkly", "_defers_at_once")
def test_no_report_before_the_gate_is_evaluated(task: Callable[[], Any]) -> None:
    ti = TaskInstance()
    with suppress(TaskDeferred):
        task().execute(context(ti))
    assert ti.xcom["check_session_ids"]
    assert not {"gate", "report", "report_slack"} & set(ti.xcom)
