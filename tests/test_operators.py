"""The operator, beyond the verdict that all paths share (test_same_verdict.py)."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    AirflowSkipException,
)
from airflow_runner import TaskInstance, context, defer, events, requests_to, run, run_checks, stored

from airflow_provider_checkly.emulator.default_checks import (
    DEACTIVATED,
    FAILS,
    PASSES,
)
from airflow_provider_checkly.exceptions import (
    ChecklyPlanLimit,
    ChecklyRefused,
    ChecklyUnreachable,
    ChecklyUnreadable,
    ChecksFailed,
    ChecksNotRun,
    InvalidInput,
    NoMatchingChecks,
)
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunChecksOperator

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator


UNKNOWN = "dddddddd-0000-4000-8000-000000000001"


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
        run_checks(tags="smoke", **{argument: value})


def test_an_unreadable_response_to_a_trigger(checkly: Emulator) -> None:
    """A retry would start the checks twice, so there is none."""
    checkly.fail(method="POST", path="trigger", status=201, body={"sessions": [{"status": "QUEUED"}]})
    with pytest.raises(ChecklyUnreadable, match="Sessions may have started") as caught:
        run(run_checks(tags="smoke"))
    assert isinstance(caught.value, AirflowFailException)


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
    """With an empty target, Checkly would run, and alert on, every check."""
    with pytest.raises(InvalidInput, match=named) as caught:
        run(run_checks(deferrable=deferrable, **arguments))
    assert isinstance(caught.value, AirflowFailException)
    assert checkly.requests == []


@pytest.mark.parametrize("rendered", ["", "None", None, []])
def test_a_template_that_renders_to_an_empty_value(rendered: object, checkly: Emulator) -> None:
    """The other argument alone would match more checks."""
    operator = run_checks(check_ids="{{ x }}", tags="smoke")
    operator.check_ids = rendered
    with pytest.raises(InvalidInput, match="check_ids"):
        run(operator)
    assert checkly.requests == []


def test_templates_are_left_alone_when_the_dag_is_parsed(checkly: Emulator) -> None:
    """__init__ only assigns template fields; nothing is looked up while a DAG is parsed."""
    with DAG("templates", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
        operator = run_checks(check_ids="{{ ids }}", tags="{{ tag }}", checkly_conn_id="{{ conn }}")
        mapped = ChecklyRunChecksOperator.partial(task_id="mapped", tags="smoke").expand(
            check_ids=[PASSES, FAILS]
        )
    assert mapped.task_id == "mapped"
    operator.render_template_fields({"ids": PASSES, "tag": "smoke", "conn": "checkly_default"})
    (session,) = run(operator)
    assert session["checkId"] == PASSES
    (request,) = requests_to(checkly, "trigger")
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
    """A list means AND, a list of lists OR of ANDs; an id is sent once."""
    run(run_checks(wait_for_completion=False, refresh_cache=True, **arguments))
    (request,) = requests_to(checkly, "trigger")
    assert request.path == "/v2/check-sessions/trigger"
    assert request.body.pop("refreshCache") is True
    assert request.body.get("target") == target


@pytest.mark.parametrize("deferrable", [False, True])
def test_without_waiting(checkly: Emulator, *, deferrable: bool) -> None:
    """It returns what started and does not defer; a branch on the gate does not take it for a pass."""
    ti = TaskInstance()
    sessions = run_checks(check_ids=[FAILS], wait_for_completion=False, deferrable=deferrable).execute(
        context(ti)
    )
    assert [session["status"] for session in sessions] == ["STARTED"]
    assert ti.xcom["check_session_ids"] == [sessions[0]["checkSessionId"]]
    assert (ti.xcom["gate"]["outcome"], ti.xcom["gate"]["passed"]) == ("skipped", False)
    assert ti.xcom["gate"]["message"].startswith("Started 1 check session. The gate is not evaluated")
    assert requests_to(checkly, "completion") == []


def test_no_match(checkly: Emulator) -> None:
    with pytest.raises(NoMatchingChecks, match="No matching checks") as caught:
        run(run_checks(tags="no-such-tag"))
    assert isinstance(caught.value, AirflowFailException)
    with pytest.raises(AirflowSkipException, match="No matching checks"):
        run(run_checks(tags="no-such-tag", on_no_match="skip"))
    with pytest.raises(NoMatchingChecks) as soft:
        run(run_checks(tags="no-such-tag", soft_fail=True))
    assert isinstance(soft.value, AirflowFailException)
    assert requests_to(checkly, "completion") == []


@pytest.mark.usefixtures("checkly")
def test_a_check_that_did_not_run(caplog: pytest.LogCaptureFixture) -> None:
    """Checkly responds 201 although checks are deleted or deactivated; tags may exclude a check."""
    ti = TaskInstance()
    with pytest.raises(ChecksNotRun, match=UNKNOWN) as caught:
        run(run_checks(check_ids=[PASSES, UNKNOWN, DEACTIVATED]), context(ti))
    assert caught.value.check_ids == [UNKNOWN, DEACTIVATED]
    assert isinstance(caught.value, AirflowFailException)
    assert ti.xcom["check_session_ids"] == [s["checkSessionId"] for s in caught.value.sessions]
    assert ti.xcom["checkly_link"] == caught.value.sessions[0]["checkSessionLink"]
    rules = {rule["rule"]: rule["met"] for rule in ti.xcom["gate"]["rules"]}
    assert rules["requested"] is False
    statuses = {each["check_id"]: each["status"] for each in ti.xcom["gate"]["checks"]}
    assert statuses == {UNKNOWN: "NOT_RUN", DEACTIVATED: "NOT_RUN", PASSES: "STARTED"}
    with caplog.at_level(logging.WARNING):
        assert len(run(run_checks(check_ids=[PASSES, FAILS], tags="smoke"))) == 1
    assert f"Checks {FAILS} did not run" in caplog.text


@pytest.mark.parametrize(
    ("status", "kind", "retried"),
    [(400, "ChecklyRefused", False), (402, "ChecklyPlanLimit", False), (403, "ChecklyAuthError", True)],
)
def test_a_refused_trigger(status: int, kind: str, checkly: Emulator, *, retried: bool) -> None:
    """The error holds Checkly's message, and is not retried if a retry cannot succeed."""
    checkly.fail(method="POST", path="trigger", status=status, body={"statusCode": status, "message": "Why."})
    with pytest.raises(ChecklyRefused, match=rf"POST /v2/check-sessions/trigger.*{status}.*Why\.") as caught:
        run(run_checks(tags="smoke"))
    assert type(caught.value).__name__ == kind
    assert isinstance(caught.value, AirflowFailException) is not retried
    assert checkly.api_key not in repr(caught.value)


# XCom and log


@pytest.mark.usefixtures("_defers_at_once")
def test_xcom_is_there_before_the_wait(checkly: Emulator) -> None:
    """Ids and link are pushed while the task is still waiting."""
    ti = TaskInstance()
    defer(run_checks(check_ids=[PASSES, FAILS], deferrable=True), context(ti))
    assert len(ti.xcom["check_session_ids"]) == 2
    assert ti.xcom["checkly_link"].endswith(ti.xcom["check_session_ids"][0])
    assert requests_to(checkly, "completion") == []


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.usefixtures("checkly", "_defers_at_once")
def test_the_link_leads_to_the_first_failing_session(*, deferrable: bool) -> None:
    ti = TaskInstance()
    with pytest.raises(ChecksFailed, match="1 of 2 checks did not pass: Checkout API FAILED"):
        run(run_checks(check_ids=[PASSES, FAILS], deferrable=deferrable), context(ti))
    assert f"/checks/{FAILS}/" in ti.xcom["checkly_link"]


@pytest.mark.usefixtures("_defers_at_once")
def test_a_resumed_task_needs_only_the_event(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """Without a request, its log has the failed rule, the check, and the link to its session."""
    deferred = defer(run_checks(check_ids=[PASSES, FAILS], deferrable=True))
    (event,) = events(stored(deferred.trigger))
    checkly.clear()
    caplog.clear()
    with pytest.raises(ChecksFailed):
        run_checks(tags="anything", deferrable=True, explain=False).execute_complete(context(), event)
    assert checkly.requests == []
    assert "Gate not passed:" in caplog.text
    assert f"Checkout API FAILED: {checkly.url}/accounts/" in caplog.text


def test_progress_and_how_to_free_the_slot(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        run(run_checks(tags=["production", "smoke"], deferrable=False))
    assert "deferrable=True would free its slot" in caplog.text
    assert f'Started check session "Homepage API": {checkly.url}/accounts/' in caplog.text
    assert re.search(r"Homepage API PASSED after [\d.]+ s \(1 of 2 check sessions ended\)", caplog.text)
    assert re.search(r"Homepage PASSED after [\d.]+ s \(2 of 2 check sessions ended\)", caplog.text)
    assert "All 2 checks passed." in caplog.text
    assert checkly.api_key not in caplog.text


def test_quick_check_types_come_first(checkly: Emulator) -> None:
    """A suite of half an hour must not hide for long what a quick check found."""
    fleet = checkly.model.checks
    kinds = ("PLAYWRIGHT", "BROWSER", "API", "MULTI_STEP", "AGENTIC", "TCP")
    checkly.model.checks = tuple(
        replace(fleet[0], id=f"d0000000-0000-4000-8000-{number:012}", checkType=kind, seconds=0.2)
        for number, kind in enumerate(kinds)
    )
    ti = TaskInstance()
    found = run_checks(all_checks=True).execute(context(ti))
    assert [each["checkType"] for each in found] == [
        *("API", "TCP"),
        *("BROWSER", "MULTI_STEP"),
        *("PLAYWRIGHT", "AGENTIC"),
    ]
    first = [record.path.split("/")[3] for record in requests_to(checkly, "completion")]
    assert first == [each["checkSessionId"] for each in found] == ti.xcom["check_session_ids"]


def test_without_a_link(checkly: Emulator) -> None:
    """A session without a link does not fail the task."""
    ti = TaskInstance()
    (session,) = run(run_checks(check_ids=PASSES))
    body = {"sessions": [{**session, "checkSessionLink": None}]}
    checkly.fail(method="POST", path="trigger", status=201, body=body)
    run(run_checks(check_ids=PASSES, wait_for_completion=False), context(ti))
    assert "checkly_link" not in ti.xcom


def test_errors_of_the_network_are_retried_by_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_CHECKLY_DEFAULT",
        '{"conn_type": "checkly", "login": "a", "password": "k", "host": "http://127.0.0.1:9"}',
    )
    with pytest.raises(ChecklyUnreachable) as caught:
        run(run_checks(tags="smoke", timeout=1))
    assert not isinstance(caught.value, AirflowFailException)


def test_the_plan_limit_has_a_name(checkly: Emulator) -> None:
    checkly.fail(method="POST", path="trigger", status=402)
    with pytest.raises(ChecklyPlanLimit):
        ChecklyHook().trigger_check_sessions(tags="smoke")
