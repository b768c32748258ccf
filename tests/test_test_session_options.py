"""Options of a test session: what is refused, and the request that is sent."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest
from airflow_runner import Store, TaskInstance, context, requests_to, run

from airflow_provider_checkly.emulator.default_checks import PASSES
from airflow_provider_checkly.exceptions import InvalidInput
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunTestSessionOperator
from airflow_provider_checkly.test_session_options import build_trigger_body

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator

EU = "eu-central-1"


class Place(str, Enum):  # noqa: UP042 - people have such classes
    """Its `str()` is "Place.EU"."""

    EU = EU


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "None"}, "name"),
    ({"run_location": None}, "run_location"),
    ({"check_ids": None}, "check_ids"),
    ({"environment_variables": {"": "x"}}, "environment_variables has an empty name"),
    ({"environment_variables": {"A": ""}}, "environment_variables: the value of A is an empty string"),
    ({"environment_variables": {"A": ["x"]}}, "environment_variables: the value of A is list"),
    ({"environment_variables": {None: "x"}}, "environment_variables: the name None is not a string"),
    ({"environment_variables": {b"A": "x"}}, "environment_variables: the name b'A' is not a string"),
    ({"environment_variables": {"A": datetime(2026, 1, 2, tzinfo=UTC)}}, "the value of A is datetime"),
    ({"environment_variables": ["A"]}, "environment_variables must be a dict"),
    ({"environment_variables": {str(n): "x" for n in range(51)}}, "51"),
    ({"secret_environment_variables": {"A": None}}, "secret_environment_variables: the value of A is None"),
    ({"environment_variables": {"A": "x"}, "secret_environment_variables": {"A": "y"}}, "both set A"),
    ({"retry_strategy": {"type": "OFTEN"}}, "retry_strategy"),
    ({"retry_strategy": "FIXED"}, "retry_strategy"),
    ({"metadata": {"mood": "good"}}, "mood"),
    ({"metadata": "x"}, "metadata"),
    (
        {"metadata": {"commitId": datetime(2026, 1, 2, tzinfo=UTC)}},
        "the value of commitId is datetime. A str",
    ),
    ({"metadata": {"commitId": b"abc"}}, "the value of commitId is bytes"),
    ({"metadata": {"commitId": ["abc"]}}, "the value of commitId is list"),
    ({"metadata": {"github": {"at": {1}}}}, "metadata: github cannot be sent as JSON: Object of type set"),
    ({"retry_strategy": {"type": "FIXED", "baseBackoffSeconds": timedelta(1)}}, "retry_strategy cannot be"),
    ({"retry_strategy": {"type": "FIXED", "baseBackoffSeconds": float("nan")}}, "retry_strategy cannot be"),
    ({"run_location": ["eu-central-1"]}, "run_location contains list"),
]


@pytest.mark.parametrize(("change", "named"), BAD)
def test_bad_options_send_nothing(change: dict[str, Any], named: str, checkly: Emulator) -> None:
    options: dict[str, Any] = {"name": "mine", "run_location": EU, "check_ids": PASSES, **change}
    with pytest.raises(InvalidInput, match=named):
        ChecklyHook().trigger_test_session(**options)
    assert checkly.requests == []


def test_the_shortest_body() -> None:
    assert build_trigger_body(name=" mine ", run_location=EU, check_ids=PASSES) == {
        "name": "mine",
        "runLocation": EU,
        "target": {"allowDeactivated": False, "checkId": [PASSES]},
        "refreshCache": False,
    }


def test_numbers_are_sent_as_text() -> None:
    variables = {"N": 1, "B": True, "D": Decimal("1.50"), Place.EU: Place.EU}
    metadata = {"commitId": 7, "branchName": Place.EU, "commitOwner": None, "github": {"run": (1,)}}
    odd: Any = {"environment_variables": variables, "metadata": metadata}
    body: Any = build_trigger_body(name=Place.EU, run_location=Place.EU, all_checks=True, **odd)
    sent = [(variable["key"], variable["value"]) for variable in body["environmentVariables"]]
    assert sent == [("N", "1"), ("B", "True"), ("D", "1.50"), (EU, EU)]
    assert body["metadata"] == {"commitId": "7", "branchName": EU, "github": {"run": [1]}}
    assert (body["name"], body["runLocation"]) == (EU, EU)


def operator(**arguments: Any) -> ChecklyRunTestSessionOperator:
    return ChecklyRunTestSessionOperator(task_id="task", run_location=EU, **arguments)


def test_the_request_of_the_operator(
    checkly: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Secrets come from Airflow, are masked, and appear nowhere."""
    monkeypatch.setenv("AIRFLOW_VAR_TOKEN", "s3cr3t-of-variable")
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "x", "password": "s3cr3t-of-conn"}))
    ti = TaskInstance(map_index=3)
    task = operator(
        tags=["production", "smoke"],
        allow_deactivated=True,
        environment_variables={"URL": "https://example.com"},
        secret_environment_variables={"TOKEN": "variable:TOKEN", "PASSWORD": "connection:shop"},
        retry_strategy={"type": "FIXED", "maxRetries": 1},
        refresh_cache=True,
        wait_for_completion=False,
    )
    with caplog.at_level(logging.DEBUG):
        sessions = task.execute(context(ti))
    (request,) = requests_to(checkly, "trigger")
    body: Any = request.body
    assert body["name"] == "dag.task[3] run try 1"
    assert body["runLocation"] == EU
    assert body["target"] == {"allowDeactivated": True, "matchTags": [["production", "smoke"]]}
    assert body["metadata"]["commitId"] == "run"
    assert body["retryStrategy"] == {"type": "FIXED", "maxRetries": 1}
    assert [(v["key"], v.get("secret", False)) for v in body["environmentVariables"]] == [
        ("URL", False),
        ("TOKEN", True),
        ("PASSWORD", True),
    ]
    for text in (repr(sessions), caplog.text, repr(ti.xcom), repr(request), repr(vars(task))):
        assert "s3cr3t" not in text


SECRETS = ["s3cr3t", "variable:", "variable:NO_SUCH_VARIABLE", "connection:empty", "connection:unknown"]


@pytest.mark.parametrize("reference", SECRETS)
def test_bad_references_to_secrets(
    reference: str, checkly: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are refused before a trigger is recorded for the next try."""
    monkeypatch.setenv("AIRFLOW_CONN_EMPTY", json.dumps({"conn_type": "x"}))
    where = "airflow_provider_checkly.test_session_options.Variable.get"
    monkeypatch.setattr(where, lambda _name, default: default)
    store = Store()
    with pytest.raises(InvalidInput, match="secret_environment_variables: TOKEN") as caught:
        run(operator(tags="smoke", secret_environment_variables={"TOKEN": reference}), context(store=store))
    assert not any(store.values.values())
    assert "s3cr3t" not in str(caught.value)
    assert checkly.requests == []
