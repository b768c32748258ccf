"""Why checks failed: read over HTTP, within a budget, and never in the way of the failure itself."""

from __future__ import annotations

import copy
import importlib
import json
import logging
from typing import TYPE_CHECKING, Any, get_args

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException
from airflow_runner import Store, TaskInstance, context, defer, events, run, stored

from airflow_provider_checkly import failure_report
from airflow_provider_checkly.api import endpoints
from airflow_provider_checkly.emulator import Check, Emulator
from airflow_provider_checkly.emulator.checks import CheckType
from airflow_provider_checkly.exceptions import ChecksFailed, InvalidInput
from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunChecksOperator, ChecklyRunTestSessionOperator
from airflow_provider_checkly.sensors import ChecklyCheckSessionSensor

if TYPE_CHECKING:
    from collections.abc import Iterator

EU, US = "eu-central-1", "us-east-1"
ID = "c1000000-0000-4000-8000-{:012}".format
TYPES = [kind for kind in get_args(CheckType) if kind != "HEARTBEAT"]
MANY = 25


def failing_checks() -> Iterator[Check]:
    """One failing check of each type, with its type as tag; many of tag `many`; and some more."""
    for number, kind in enumerate(TYPES, 1):
        tags = (kind.lower(), "each")
        yield Check(
            id=ID(number), name=f"{kind} check", checkType=kind, tags=tags, seconds=1, outcome="failed"
        )
    for number in range(100, 100 + MANY):
        yield Check(
            id=ID(number), name=f"Check {number}", tags=("many",), locations=(EU, US), outcome="failed"
        )
    yield Check(id=ID(200), name="Late", tags=("late",), outcome="timed_out")
    yield Check(id=ID(201), name="Fine", tags=("fine", "many", "flaky"), locations=(EU, US), seconds=2)
    yield Check(id=ID(202), name="Shaky", tags=("shaky", "flaky"), outcome="failed")
    yield Check(id=ID(203), name="Slow", tags=("slow",), outcome="degraded")


@pytest.fixture(params=[True])
def checkly(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setattr(failure_report, "FIRST_ANALYSIS_PAUSE", 0.2)
    with Emulator(failing_checks(), speed=20, rca=request.param) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", emulator.connection_json)
        yield emulator


def fail(caplog: pytest.LogCaptureFixture, tag: str, **kwargs: Any) -> tuple[ChecksFailed, Any, str]:
    """The error, the XCom and the log of a failing task."""
    ti = TaskInstance()
    kind: Any = ChecklyRunTestSessionOperator if "run_location" in kwargs else ChecklyRunChecksOperator
    with caplog.at_level(logging.INFO), pytest.raises(ChecksFailed) as caught:
        run(kind(task_id="task", tags=tag, **kwargs), context(ti))
    return caught.value, ti.xcom, "\n".join(record.getMessage() for record in caplog.records)


def detail_requests(checkly: Emulator) -> list[str]:
    """The paths of the requests that were made after the evaluation."""
    paths = [record.path for record in checkly.requests]
    parts = ("check-results", "/results/", "error-groups", "root-cause", "/v1/checks/")
    return [path for path in paths if any(part in path for part in parts)]


def severities(xcom: Any) -> list[tuple[str, str]]:
    return [(each["name"], each["severity"]) for each in xcom["gate"]["checks"]]


WHY = {
    "API": "assertion: STATUS_CODE: EQUALS 200, was 503",
    "URL": "error: Assertion failed: status code is less than 400, received 503",
    "BROWSER": "error: Error: expect(locator).toBeVisible() failed",
    "MULTI_STEP": "error: Error: expect(received).toBe(expected)",
    "PLAYWRIGHT": "at a guest can check out, tests/checkout.spec.ts:14",
    "TCP": "error: connect ECONNREFUSED",
    "DNS": "error: queryA ENOTFOUND",
    "ICMP": "error: 100% packet loss",
    "SSL": "error: CERT_EXPIRED",
    "GRPC": "error: 14 UNAVAILABLE",
    "TRACEROUTE": "assertion: HOP_COUNT: LESS_THAN 20, was 30",
    "AGENTIC": "assertion: The order is confirmed: expected an order confirmation, was a form",
}


@pytest.mark.parametrize("more", [{}, {"run_location": EU}], ids=["check session", "test session"])
@pytest.mark.parametrize("kind", TYPES)
def test_every_check_type_is_explained(
    checkly: Emulator, caplog: pytest.LogCaptureFixture, kind: str, more: dict[str, Any]
) -> None:
    error, xcom, log = fail(caplog, kind.lower(), **more)
    assert f"{kind} check FAILED in {EU}" in log
    if kind not in {"SSL", "GRPC", "TRACEROUTE"} or not more:
        assert WHY[kind] in log
    assert f"  result: {checkly.url}/accounts/" in log
    assert xcom["report"].startswith("1 of 1 check did not pass")
    assert f"check FAILED in {EU}" in xcom["report"]
    assert xcom["gate"]["checks"][0]["name"] == f"{kind} check"
    assert len(xcom["report"]) <= 3500
    assert "\x1b" not in log
    assert isinstance(error, AirflowFailException)
    assert 1 <= len(detail_requests(checkly)) <= 3


@pytest.mark.parametrize("kind", ["BROWSER", "MULTI_STEP", "PLAYWRIGHT"])
def test_links_to_recordings(caplog: pytest.LogCaptureFixture, kind: str, checkly: Emulator) -> None:
    _, xcom, log = fail(caplog, kind.lower())
    wanted = ["trace"] if kind == "MULTI_STEP" else ["video", "trace", "screenshot"]
    for name in wanted:
        assert f"  {name}: {checkly.url}/" in log
        assert f"[{name}](" in xcom["report"]


def test_the_asset_manifest_is_read_if_the_details_have_no_links(
    checkly: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    _, _, log = fail(caplog, "agentic")
    assert "  screenshot: " in log
    assert detail_requests(checkly)[-1].endswith("/assets")


@pytest.mark.usefixtures("_defers_at_once")
@pytest.mark.parametrize("deferrable", [False, True])
def test_twenty_requests_at_most(
    checkly: Emulator, caplog: pytest.LogCaptureFixture, *, deferrable: bool
) -> None:
    """One result of each check comes before the second of any."""
    error, xcom, log = fail(caplog, "many", deferrable=deferrable)
    assert len(error.sessions) == MANY
    assert len(detail_requests(checkly)) == failure_report.MAX_REQUESTS
    assert len({path.split("/")[3] for path in detail_requests(checkly)}) == failure_report.MAX_REQUESTS
    assert log.count("was 503") == failure_report.MAX_REQUESTS
    assert len(xcom["report"]) <= 3500


def test_it_can_be_turned_off(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    _, xcom, log = fail(caplog, "many", explain=False)
    assert detail_requests(checkly) == []
    assert xcom["report"].startswith(f"{MANY} of {MANY + 1} checks did not pass: Check 100 FAILED;")
    assert xcom["report_slack"] == xcom["report"]
    assert "was 503" not in log
    assert "Gate not passed:" in log
    assert f"Check 100 FAILED: {checkly.url}/" in log


FAULTS: dict[str, tuple[dict[str, Any], int]] = {
    "not found": ({"status": 404}, 2),
    "not allowed": ({"status": 403}, 1),
    "rate limited": ({"status": 429, "headers": {"Retry-After": "60"}}, 1),
    "error": ({"status": 500}, 1),
    "dropped": ({"drop": "before"}, 1),
    "not JSON": ({"status": 200, "body": "x"}, 2),
    "unexpected JSON": ({"status": 200, "body": {"apiCheckResult": 7, "errorGroupIds": "x"}}, 2),
}


@pytest.mark.parametrize(("fault", "requests"), FAULTS.values(), ids=FAULTS.keys())
def test_an_error_in_the_details_masks_nothing(
    checkly: Emulator, caplog: pytest.LogCaptureFixture, fault: dict[str, Any], requests: int
) -> None:
    """The error of the gate stays the same, with its link, and a warning of one line."""
    checkly.fail(path="check-results", times=None, **fault)
    error, xcom, log = fail(caplog, "late", gate=Gate(max_response_time=1))
    assert "Late TIMED_OUT" in str(error)
    assert isinstance(error, AirflowFailException)
    complaints = log.count("Checkly did not give all details")
    assert complaints == (0 if "apiCheckResult" in str(fault) else 1)
    assert len(detail_requests(checkly)) <= requests
    assert "Late TIMED_OUT in eu-central-1" in log
    assert "[result](" in xcom["report"]


@pytest.mark.usefixtures("_defers_at_once")
def test_a_deleted_connection_masks_nothing(
    checkly: Emulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resumed task needs the connection for the details only."""
    task = ChecklyRunChecksOperator(task_id="task", tags="api", deferrable=True)
    (event,) = events(stored(defer(task).trigger))
    monkeypatch.delenv("AIRFLOW_CONN_CHECKLY_DEFAULT")
    again = ChecklyRunChecksOperator(task_id="task", tags="api", deferrable=True)
    with pytest.raises(ChecksFailed):
        again.execute_complete(context(TaskInstance()), event)
    assert "Checkly did not give all details" in caplog.text
    assert checkly.sessions


def test_no_second_request_after_one_that_hangs(
    checkly: Emulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_report, "SECONDS_PER_REQUEST", 0.3)
    checkly.fail(path="check-results", delay=5)
    _, _, log = fail(caplog, "many")
    assert "no complete response in time" in log
    assert len(detail_requests(checkly)) == 1


def test_no_request_without_time(checkly: Emulator) -> None:
    hook = ChecklyHook()
    budget = failure_report.RequestBudget(hook, until=0)
    assert budget.is_used_up
    assert budget.send(endpoints.get_check(ID(1))) is None
    assert checkly.requests == []


def test_soft_fail_is_explained(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    ti = TaskInstance()
    with caplog.at_level(logging.INFO), pytest.raises(AirflowSkipException):
        run(ChecklyRunChecksOperator(task_id="task", tags="api", soft_fail=True), context(ti))
    assert "was 503" in caplog.text
    assert detail_requests(checkly)


def test_a_failing_sensor_is_explained(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    (session,) = ChecklyHook().trigger_check_sessions(ID(1))
    ti, ids = TaskInstance(), str(session["checkSessionId"])
    with pytest.raises(ChecksFailed):
        run(ChecklyCheckSessionSensor(task_id="task", check_session_ids=ids), context(ti))
    assert ti.xcom["report"]
    assert ti.xcom["gate"]["passed"] is False
    assert checkly.requests
    assert "FAILED" in caplog.text


# Gates over HTTP


def test_only_the_locations_that_were_too_slow(caplog: pytest.LogCaptureFixture, checkly: Emulator) -> None:
    _, xcom, log = fail(caplog, "fine", gate=Gate(max_response_time=1))
    assert "Fine PASSED in us-east-1" in log
    assert "  gate: " in log
    assert len(detail_requests(checkly)) == 2
    assert xcom["checkly_link"]


def test_a_passed_gate(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    ti = TaskInstance()
    gate = Gate(warn_only="Shaky")
    with caplog.at_level(logging.INFO):
        sessions = run(ChecklyRunChecksOperator(task_id="task", tags="flaky", gate=gate), context(ti))
    assert len(sessions) == 2
    assert ti.xcom["gate"]["passed"] is True
    assert severities(ti.xcom) == [("Shaky", "warning"), ("Fine", "passed")]
    assert "Gate passed:" in caplog.text
    assert ti.xcom["report"] == "1 of 2 checks passed; the gate tolerates the others: Shaky FAILED."
    assert detail_requests(checkly) == []


@pytest.mark.usefixtures("checkly")
def test_a_misspelt_warning_is_named(caplog: pytest.LogCaptureFixture) -> None:
    _, _, log = fail(caplog, "flaky", gate=Gate(warn_only=["Shakey", "Fine"]))
    assert "warn_only 'Shakey' matches no check of this task; use a check's id or exact name." in log
    assert "'Fine' matches" not in log


@pytest.mark.parametrize(("tag", "requests"), [("shaky", 1), ("x", 1)])
def test_tags_make_a_warning(checkly: Emulator, tag: str, requests: int) -> None:
    task = ChecklyRunChecksOperator(
        task_id="task", tags="flaky", gate=Gate(warn_only_tags=tag), explain=False
    )
    if tag == "x":
        with pytest.raises(ChecksFailed):
            run(task)
    else:
        assert len(run(task)) == 2
    assert detail_requests(checkly) == [f"/v1/checks/{ID(202)}"] * requests


def test_tags_that_cannot_be_read_make_no_warning(
    checkly: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    checkly.fail(path="/v1/checks/", status=403)
    _, _, log = fail(caplog, "flaky", gate=Gate(warn_only_tags="shaky"), explain=False)
    assert "tags of 1 failing check(s) could not be read" in log
    checkly.fail(path="/v1/checks/", status=200, body={"tags": None})
    fail(caplog, "flaky", gate=Gate(warn_only_tags="shaky"), explain=False)


def test_tags_are_read_for_twenty_failing_checks(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """The failures of the others count, and the log says that their tags are unknown."""
    error, _, log = fail(caplog, "many", gate=Gate(warn_only_tags="many"), explain=False)
    assert len(error.sessions) == MANY - failure_report.MAX_REQUESTS
    assert len(detail_requests(checkly)) == failure_report.MAX_REQUESTS
    assert "tags of 5 failing check(s) could not be read: at most 20 are read" in log


def test_a_gate_for_a_test_session(checkly: Emulator) -> None:
    ti = TaskInstance()
    gate = Gate(min_passed_percent=50)
    task = ChecklyRunTestSessionOperator(task_id="task", run_location=EU, tags="flaky", gate=gate)
    assert len(run(task, context(ti))) == 1
    assert severities(ti.xcom) == [("Shaky", "tolerated"), ("Fine", "passed")]
    assert checkly.test_sessions


def test_a_degraded_check_is_explained(caplog: pytest.LogCaptureFixture, checkly: Emulator) -> None:
    _, _, log = fail(caplog, "slow", fail_on="DEGRADED")
    assert "Slow DEGRADED in eu-central-1" in log
    assert len(detail_requests(checkly)) == 1


def test_contradictions_are_refused_when_the_dag_is_parsed() -> None:
    for more in ({"fail_on": "FAILED", "gate": Gate()}, {"fail_fast": True, "gate": Gate(max_failed=1)}):
        with pytest.raises(InvalidInput):
            ChecklyRunChecksOperator(task_id="task", tags="x", **more)
    assert ChecklyRunTestSessionOperator(task_id="t", tags="x", run_location=EU, gate=Gate("TIMED_OUT")).gate
    with pytest.raises(InvalidInput):
        ChecklyCheckSessionSensor(task_id="task", check_session_ids="x", fail_on=[], gate=Gate())


def test_a_retry_continues_with_failures_that_the_gate_tolerates(checkly: Emulator) -> None:
    store, gate = Store(), Gate(max_failed=1)
    for tries in (1, 2):
        ti = TaskInstance(try_number=tries)
        run(ChecklyRunChecksOperator(task_id="task", tags="flaky", gate=gate), context(ti, store))
    for tries in (3, 4):
        again = ChecklyRunChecksOperator(task_id="task", tags="flaky", gate=Gate(max_failed=0))
        with pytest.raises(ChecksFailed):
            run(again, context(TaskInstance(try_number=tries), store))
    assert len([record for record in checkly.requests if record.path.endswith("/trigger")]) == 3


# Root-cause analyses


def test_an_analysis_is_requested_and_awaited(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    _, xcom, log = fail(caplog, "api", root_cause_analysis=True)
    assert "  root cause: [INFRA ERROR] The service behind" in log
    assert "impact: Users of" in xcom["report"]
    assert len([path for path in detail_requests(checkly) if "root-cause-analyses/error-groups" in path]) == 1
    assert len(detail_requests(checkly)) <= failure_report.MAX_REQUESTS
    caplog.clear()
    checkly.clear()
    _, _, log = fail(caplog, "api", root_cause_analysis=True)
    assert "root cause: [INFRA ERROR]" in log
    assert not any("root-cause" in path for path in detail_requests(checkly)), "an existing analysis is free"


def test_an_analysis_of_a_test_session(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    _, _, log = fail(caplog, "api", run_location=EU, root_cause_analysis=True)
    assert "root cause: [INFRA ERROR]" in log
    assert any("root-cause-analyses/test-session-error-groups" in path for path in detail_requests(checkly))


@pytest.mark.parametrize("checkly", [False], indirect=True)
def test_a_plan_without_analyses(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    _, _, log = fail(caplog, "api", root_cause_analysis=True)
    assert log.count("402") == 1
    assert "was 503" in log
    assert checkly.requests


def test_analyses_are_few(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    fail(caplog, "each", root_cause_analysis=True)
    orders = [
        record for record in checkly.requests if "root-cause" in record.path and record.method == "POST"
    ]
    assert len(orders) == failure_report.MAX_ANALYSES
    assert len(detail_requests(checkly)) <= failure_report.MAX_REQUESTS


def test_an_analysis_that_takes_too_long(
    checkly: Emulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_report, "ANALYSIS_SECONDS", 0.3)
    monkeypatch.setattr(failure_report, "FIRST_ANALYSIS_PAUSE", 0.1)
    checkly.fail(path="root-cause-analyses/[0-9a-f]", status=202, body={"id": "x"}, times=None)
    _, _, log = fail(caplog, "api", root_cause_analysis=True)
    assert "The analysis has not finished" in log


def test_no_analysis_without_requests_left_to_read_it(
    checkly: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch = pytest.MonkeyPatch()
    with monkeypatch.context() as patch:
        patch.setattr(failure_report, "ANALYSIS_REQUESTS", 2)
        fail(caplog, "api", root_cause_analysis=True)
    assert not any("root-cause" in path for path in detail_requests(checkly))


def test_no_analysis_after_an_error(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    checkly.fail(path="check-results", status=500, times=None)
    fail(caplog, "api", root_cause_analysis=True)
    assert not any("root-cause" in path for path in detail_requests(checkly))
    assert failure_report.MAX_TOTAL_SECONDS == 90


# Parsing and mapping


def test_a_gate_survives_copies_and_mapping() -> None:
    gate = Gate({"FAILED", "CANCELLED"}, max_failed=1, warn_only=["b", "a"])
    with DAG("dag", schedule=None) as dag:
        ChecklyRunChecksOperator(task_id="plain", tags="x", gate=gate)
        ChecklyRunChecksOperator.partial(task_id="mapped", gate=gate).expand(check_ids=[ID(1), ID(2)])
        ChecklyCheckSessionSensor.partial(task_id="each", check_session_ids="x").expand(gate=[gate, Gate()])
    twin: Any = copy.deepcopy(dag)
    assert twin.get_task("plain").gate == gate
    mapped: Any = dag.get_task("mapped")
    assert mapped.partial_kwargs["gate"] == gate
    assert repr(gate) in json.dumps(serialized(dag))


def serialized(dag: DAG) -> Any:
    """The DAG as Airflow stores it; the same text each time it is parsed."""
    module: Any = importlib.import_module("airflow.serialization.serialized_objects")
    serializer = getattr(module, "DagSerialization", None) or module.SerializedDAG
    return serializer.to_dict(dag)
