from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from airflow_runner import TaskInstance, context
from status_account import ABSENT, CART, CHECKS, NEVER, OFF, READ_ONLY, SHOP, requests

from airflow_provider_checkly.emulator import Check, Emulator
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyUnreadable,
    ChecksFailed,
    InvalidInput,
    NoMatchingChecks,
)
from airflow_provider_checkly.gate.availability import AvailabilityRules, evaluate_availability
from airflow_provider_checkly.operators import ChecklyAvailabilityOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

ANALYTICS = "/v1/analytics/checks"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(CHECKS, keys={READ_ONLY: "read_only"}) as emulator:
        text = emulator.connection_json.replace(emulator.api_key, READ_ONLY)
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", text)
        yield emulator


def operator(**arguments: Any) -> ChecklyAvailabilityOperator:
    if not {"check_ids", "tags", "all_checks"} & arguments.keys():
        arguments["check_ids"] = SHOP
    if not {"min_availability", "max_p95_response_time"} & arguments.keys():
        arguments["min_availability"] = 99.5
    return ChecklyAvailabilityOperator(task_id="was_available", **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"min_availability": 99.9},
        {"min_availability": 98, "tags": "shop"},
        {"max_p95_response_time": 60_000},
        {"min_availability": 98, "max_p95_response_time": 60_000, "period": "last7Days", "tags": ["shop"]},
    ],
    ids=str,
)
def test_checks_that_kept_to_the_rules(account: Emulator, arguments: dict[str, Any]) -> None:
    ti = TaskInstance()
    found: Any = operator(**arguments).execute(context(ti))
    assert {each["checkId"] for each in found} == ({SHOP, CART} if "tags" in arguments else {SHOP})
    assert ti.xcom["gate"]["outcome"] == "passed"
    assert all(rule["met"] for rule in ti.xcom["gate"]["rules"])
    assert "met the rules" in ti.xcom["report"]
    assert ti.xcom["checkly_link"]
    (asked,) = (record for record in account.requests if record.path == ANALYTICS)
    assert asked.query == {"quickRange": arguments.get("period", "last24Hours")}


FAILING: list[tuple[dict[str, Any], str]] = [
    ({"tags": "shop"}, "Cart.*availability 98 % is below 99.5 %"),
    ({"max_p95_response_time": 0.001}, "Shop.*p95 .* is above"),
    ({"check_ids": NEVER}, "Never ran.*no availability is known"),
    ({"check_ids": NEVER, "max_p95_response_time": 5}, "Never ran.*no response time is known"),
    ({"check_ids": [SHOP, ABSENT]}, f"1 of 2 checks .*{ABSENT}.*does not exist in this account"),
    ({"check_ids": OFF}, "Switched off.*is deactivated"),
    ({"all_checks": True}, "2 of 3 checks"),
]


@pytest.mark.parametrize(("arguments", "text"), FAILING, ids=[str(row[0]) for row in FAILING])
def test_checks_that_did_not(account: Emulator, arguments: dict[str, Any], text: str) -> None:
    ti = TaskInstance()
    with pytest.raises(ChecksFailed, match=text) as caught:
        operator(**arguments).execute(context(ti))
    assert isinstance(caught.value, AirflowFailException)
    assert ti.xcom["gate"]["outcome"] == "failed"
    assert ti.xcom["gate"]["checks"][0]["severity"] == "failing"
    assert ti.xcom["checkly_link"]
    assert account.requests


def test_soft_fail_skips(account: Emulator) -> None:
    ti = TaskInstance()
    with pytest.raises(AirflowSkipException):
        operator(check_ids=CART, soft_fail=True).execute(context(ti))
    assert ti.xcom["gate"]["outcome"] == "skipped"
    account.fail(path="analytics", status=403)
    with pytest.raises(ChecklyAuthError):
        operator(soft_fail=True).execute(context())


@pytest.mark.parametrize("body", [{"x": 1}, "<html>", [3]])
def test_an_answer_that_cannot_be_read_is_never_green(account: Emulator, body: Any) -> None:
    account.fail(path="analytics", body=body)
    with pytest.raises(ChecklyUnreadable):
        operator().execute(context())


@pytest.mark.parametrize(
    "body",
    [
        [],
        [None],
        [{"availability": 100}],
        [{"checkId": CART, "availability": 100}],
        *(
            [{"checkId": SHOP, "availability": each}]
            for each in ("100", None, True, [100], 100.1, 9950, -1, 10**400)
        ),
        [{"checkId": SHOP, "availability": 99}, {"checkId": SHOP.upper(), "availability": 100}],
    ],
    ids=lambda body: str(body)[:90],
)
def test_an_answer_without_the_check_is_never_green(account: Emulator, body: Any) -> None:
    account.fail(path="analytics", body=body)
    with pytest.raises(ChecksFailed, match="no availability is known"):
        operator().execute(context())


@pytest.mark.parametrize("p95", [None, -1, "5", True, 10**400, [5]], ids=lambda value: str(value)[:10])
def test_a_response_time_that_cannot_be_is_never_green(account: Emulator, p95: Any) -> None:
    account.fail(path="analytics", body=[{"checkId": SHOP, "availability": 100, "responseTime_p95": p95}])
    with pytest.raises(ChecksFailed, match="no response time is known"):
        operator(max_p95_response_time=1000).execute(context())


@pytest.mark.parametrize(
    ("availability", "text"), [(99.499999, "99.499999 % is below 99.5 %"), (0.995, "0.995 % is below")]
)
def test_a_narrow_miss_is_shown_as_one(account: Emulator, availability: float, text: str) -> None:
    account.fail(path="analytics", body=[{"checkId": SHOP, "availability": availability}])
    with pytest.raises(ChecksFailed, match=text):
        operator().execute(context())


def test_trouble_is_repeated_although_it_is_a_post(account: Emulator) -> None:
    account.fail(path="analytics", status=503, processed=True)
    assert operator().execute(context())
    assert requests(account, ANALYTICS, "POST") == 2


def test_a_hundred_checks_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [
        Check(id=f"{n:08d}-0000-4000-8000-000000000000", name=str(n), availability=100) for n in range(250)
    ]
    with Emulator(checks) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", emulator.connection_json)
        found: Any = operator(all_checks=True).execute(context())
        assert len(found) == 250
        assert [requests(emulator, ANALYTICS, "POST"), requests(emulator, "/v1/checks")] == [3, 3]


def test_tags_that_match_nothing_are_an_error(account: Emulator) -> None:
    with pytest.raises(NoMatchingChecks):
        operator(tags="none").execute(context())
    assert account.requests


def test_no_checks_are_not_available() -> None:
    evaluation = evaluate_availability(AvailabilityRules(99.0, None, "last24Hours"), {}, [], str)
    assert evaluation.outcome == "failed"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"min_availability": None}, "min_availability or max_p95_response_time is needed"),
    ({"min_availability": 0}, "min_availability must be a number above 0"),
    ({"min_availability": 100.1}, "min_availability must be a number above 0"),
    ({"min_availability": "99.5"}, "min_availability must be a number above 0"),
    ({"min_availability": True}, "min_availability must be a number above 0"),
    ({"min_availability": float("nan")}, "min_availability must be a number above 0"),
    ({"min_availability": -5}, "min_availability must be a number above 0"),
    ({"min_availability": float("inf")}, "min_availability must be a number above 0"),
    *(
        ({"max_p95_response_time": each}, "max_p95_response_time must be milliseconds")
        for each in (-1, 0, "500", True, float("nan"), float("inf"), 10**400)
    ),
    ({"period": "last24Hrs"}, "period must be one of last24Hours"),
    ({"soft_fail": "no"}, "soft_fail must be True or False"),
    ({"check_ids": SHOP, "tags": "shop"}, "not check_ids and tags"),
    ({"check_ids": None}, "none of them is given"),
]


@pytest.mark.parametrize(("arguments", "text"), BAD, ids=[str(row[0])[:60] for row in BAD])
def test_bad_arguments_are_refused_when_the_dag_is_read(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        operator(**arguments)
