"""XCom after every end of a task: `gate`, `report` and `report_slack` tell what the task does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
)
from airflow_runner import TaskInstance, context, run

from airflow_provider_checkly.emulator.default_checks import (
    CANCELLED,
    DEACTIVATED,
    DEGRADED,
    FAILS,
    NEVER_ENDS,
    PASSES,
    TIMES_OUT,
)
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyRefused,
    ChecklyUnreadable,
    ChecksFailed,
    ChecksNotRun,
    ChecksTimedOut,
    InvalidInput,
    NoMatchingChecks,
)
from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunChecksOperator, ChecklyRunTestSessionOperator
from airflow_provider_checkly.sensors import ChecklyCheckSessionSensor, ChecklyTestSessionSensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from airflow_provider_checkly.emulator import Emulator

    Way: TypeAlias = tuple[Callable[..., None], str, dict[str, Any]]

pytestmark = pytest.mark.usefixtures("_defers_at_once")

NUMBER = {"type": ["number", "null"]}
TEXT = {"type": "string", "minLength": 1}
OPTIONAL_TEXT = {"type": ["string", "null"], "minLength": 1}


def closed(**properties: object) -> dict[str, object]:
    """An object with these fields, all of them, and no others."""
    required = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def array(items: object) -> dict[str, object]:
    return {"type": "array", "items": items}


LOCATION = closed(location=TEXT, status=TEXT, response_time_ms=NUMBER, link=OPTIONAL_TEXT)
CHECK = closed(
    check_id=OPTIONAL_TEXT,
    name=TEXT,
    type=OPTIONAL_TEXT,
    status=TEXT,
    severity={"enum": ["failing", "warning", "tolerated", "passed"]},
    reasons=array(TEXT),
    response_time_ms=NUMBER,
    session_id=OPTIONAL_TEXT,
    link=OPTIONAL_TEXT,
    locations=array(LOCATION),
)
RULE = closed(rule=TEXT, required=TEXT, actual=TEXT, met={"type": "boolean"})
GATE = closed(
    version={"const": 1},
    outcome={"enum": ["passed", "failed", "timed_out", "error", "skipped"]},
    passed={"type": "boolean"},
    message=TEXT,
    rules=array(RULE),
    checks=array(CHECK),
    omitted={"type": "integer", "minimum": 0},
)


# How a task is run


def check_operator(check_ids: Any, ti: TaskInstance, **arguments: Any) -> None:
    run(ChecklyRunChecksOperator(task_id="task", check_ids=check_ids, **arguments), context(ti))


def test_operator(check_ids: Any, ti: TaskInstance, **arguments: Any) -> None:
    operator = ChecklyRunTestSessionOperator(
        task_id="task", check_ids=check_ids, run_location="eu-central-1", **arguments
    )
    run(operator, context(ti))


def check_sensor(check_ids: Any, ti: TaskInstance, **arguments: Any) -> None:
    started = ChecklyHook().trigger_check_sessions(check_ids)
    ids = [session["checkSessionId"] for session in started]
    run(ChecklyCheckSessionSensor(task_id="task", check_session_ids=ids, **arguments), context(ti))


def test_sensor(check_ids: Any, ti: TaskInstance, **arguments: Any) -> None:
    started = ChecklyHook().trigger_test_session(
        name="Elsewhere", run_location="eu-central-1", check_ids=check_ids
    )
    ids = started["testSessionId"]
    run(ChecklyTestSessionSensor(task_id="task", test_session_ids=ids, **arguments), context(ti))


test_operator.__test__ = test_sensor.__test__ = False  # type: ignore[attr-defined]

OPERATORS: dict[str, Way] = {
    "operator": (check_operator, "v2", {"deferrable": False}),
    "operator, deferred": (check_operator, "v2", {"deferrable": True}),
    "operator, deferred, v1": (check_operator, "v1", {"deferrable": True}),
    "test session operator": (test_operator, "v2", {"deferrable": False}),
    "test session operator, deferred": (test_operator, "v2", {"deferrable": True}),
}
SENSORS: dict[str, Way] = {
    "sensor, poke": (check_sensor, "v2", {"deferrable": False}),
    "sensor, poke, v1": (check_sensor, "v1", {"deferrable": False}),
    "sensor, reschedule": (check_sensor, "v2", {"mode": "reschedule"}),
    "sensor, deferred": (check_sensor, "v2", {"deferrable": True}),
    "test session sensor, deferred": (test_sensor, "v2", {"deferrable": True}),
}


# How it ends


@dataclass(frozen=True)
class End:
    """A task that ends in this way.

    :param fault: what goes wrong at Checkly once sessions run.
    :param severities: of the checks in `gate`, worst first; None: not looked at.
    """

    outcome: str
    error: type[Exception] | None = None
    checks: tuple[str, ...] = (PASSES,)
    arguments: dict[str, Any] = field(default_factory=dict)
    fault: dict[str, Any] | None = None
    severities: tuple[str, ...] | None = None


SKIP = {"soft_fail": True}
ANY_TASK: dict[str, End] = {
    "passed": End("passed", severities=("passed",)),
    "degraded": End("passed", None, (DEGRADED,), severities=("passed",)),
    "tolerated": End(
        "passed", None, (FAILS, PASSES), {"gate": Gate(max_failed=1)}, severities=("tolerated", "passed")
    ),
    "only a warning": End(
        "passed", None, (FAILS, PASSES), {"gate": Gate(warn_only=[FAILS])}, severities=("warning", "passed")
    ),
    "failed": End("failed", ChecksFailed, (FAILS, PASSES), severities=("failing", "passed")),
    "failed, not explained": End("failed", ChecksFailed, (FAILS,), {"explain": False}, None, ("failing",)),
    "timed out at Checkly": End("failed", ChecksFailed, (TIMES_OUT,), severities=("failing",)),
    "cancelled": End("failed", ChecksFailed, (CANCELLED,), severities=("failing",)),
    "skipped": End("skipped", AirflowSkipException, (FAILS,), SKIP, severities=("failing",)),
    "our deadline": End("timed_out", ChecksTimedOut, (NEVER_ENDS,), {"timeout": 1}),
    "our deadline, skipped": End("skipped", AirflowSkipException, (NEVER_ENDS,), SKIP | {"timeout": 1}),
    "401": End("error", ChecklyAuthError, fault={"status": 401}),
    "401 is not skipped": End("error", ChecklyAuthError, (PASSES,), SKIP, {"status": 401}),
    "500": End("error", ChecklyRefused, fault={"status": 500}),
    "unreadable": End("error", ChecklyUnreadable, fault={"status": 200, "body": "<html>"}),
    "unknown connection": End(
        "error", AirflowNotFoundException, (PASSES,), {"checkly_conn_id": "no_such_connection"}
    ),
}
OPERATOR_ONLY: dict[str, End] = {
    "not awaited": End("skipped", None, (NEVER_ENDS, FAILS), {"wait_for_completion": False}),
    "no match": End("error", NoMatchingChecks, (DEACTIVATED,)),
    "no match, skipped": End("skipped", AirflowSkipException, (DEACTIVATED,), {"on_no_match": "skip"}),
    "not run": End("error", ChecksNotRun, (PASSES, DEACTIVATED)),
    "402": End("error", ChecklyRefused, fault={"method": "POST", "path": "trigger", "status": 402}),
    "empty template": End("error", InvalidInput, ("None",)),
}
SENSOR_ONLY: dict[str, End] = {
    "never_fail": End("skipped", AirflowSkipException, (FAILS,), {"never_fail": True}),
    "never_fail, 401": End("skipped", AirflowSkipException, (PASSES,), {"never_fail": True}, {"status": 401}),
}
ROWS = [
    pytest.param(way, end, id=f"{end_name}: {way_name}")
    for ways, ends in ((OPERATORS, ANY_TASK | OPERATOR_ONLY), (SENSORS, ANY_TASK | SENSOR_ONLY))
    for end_name, end in ends.items()
    for way_name, way in ways.items()
]


@pytest.mark.parametrize(("way", "end"), ROWS)
def test_after_every_end(way: Way, end: End, checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    run_task, version, arguments = way
    connection = checkly.connection_json[:-1] + f', "extra": {{"api_version": "{version}"}}}}'
    monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", connection)
    monkeypatch.setattr("airflow_provider_checkly.api.retry.TRIES_AFTER_500", 1)
    if end.fault:
        checkly.fail(**({"method": "GET", "path": "sessions/", "times": None} | end.fault))
    ti, error = TaskInstance(), None
    try:
        run_task(list(end.checks), ti, **arguments, **end.arguments)
    except Exception as caught:  # noqa: BLE001 - whatever leaves the task is looked at
        error = caught
    assert isinstance(error, end.error) if end.error else error is None, repr(error)
    assert_told(ti, end.outcome, error)
    if end.severities is not None:
        assert tuple(each["severity"] for each in ti.xcom["gate"]["checks"]) == end.severities


def assert_told(ti: TaskInstance, outcome: str, error: Exception | None) -> None:
    """XCom tells the outcome and the error that left the task."""
    gate, report, slack = ti.xcom["gate"], ti.xcom["report"], ti.xcom["report_slack"]
    jsonschema.validate(gate, GATE)
    assert gate["outcome"] == outcome
    assert gate["passed"] is (outcome == "passed")
    assert error is None or gate["message"] == str(error)
    assert 0 < len(report) <= 3500
    assert 0 < len(slack) <= 3500
    if gate["rules"]:
        assert all(rule["met"] for rule in gate["rules"]) is gate["passed"]


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize(
    ("words", "outcome", "error"),
    [
        ("Trigger timeout", "timed_out", ChecksTimedOut),
        ("Trigger/execution timeout", "timed_out", ChecksTimedOut),
        ("Trigger failure", "error", AirflowException),
    ],
    ids=["no triggerer", "no triggerer, 2.11", "a trigger that raised"],
)
@pytest.mark.parametrize("kind", [ChecklyRunChecksOperator, ChecklyCheckSessionSensor])
def test_after_a_deferral_without_an_event(
    kind: type[Any], words: str, outcome: str, error: type[Exception], *, soft_fail: bool
) -> None:
    """`soft_fail` skips on a timeout, but not after an error."""
    which = {"tags": "smoke"} if kind is ChecklyRunChecksOperator else {"check_session_ids": PASSES}
    task, ti = kind(task_id="task", soft_fail=soft_fail, **which), TaskInstance()
    skips = soft_fail and outcome == "timed_out"
    with pytest.raises(AirflowSkipException if skips else error) as caught:
        task.resume_execution("__fail__", {"error": words}, context(ti))
    assert isinstance(caught.value, AirflowSkipException) is skips
    assert not isinstance(caught.value, AirflowFailException)
    assert_told(ti, "skipped" if skips else outcome, None)
    assert ("Trigger failure" in ti.xcom["gate"]["message"]) is (outcome == "error")


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.usefixtures("checkly")
def test_a_failed_check_in_full(*, deferrable: bool) -> None:
    """Severity, reasons with the failed assertion, and each location with its link."""
    ti = TaskInstance()
    with pytest.raises(ChecksFailed):
        check_operator([PASSES, FAILS], ti, deferrable=deferrable)
    failed, passed = ti.xcom["gate"]["checks"]
    assert (failed["check_id"], failed["status"], failed["severity"]) == (FAILS, "FAILED", "failing")
    assert any("STATUS_CODE" in reason for reason in failed["reasons"])
    assert [each["location"] for each in passed["locations"]] == ["eu-central-1", "us-east-1"]
    assert all(each["link"].startswith("http") for each in failed["locations"])
    assert ti.xcom["checkly_link"] == failed["link"]
    assert "Checkout API" in ti.xcom["report"]
