"""Test sessions: hook, operator and sensor, beyond what they share with check sessions."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from airflow_runner import Store, TaskInstance, context, defer, run

from airflow_provider_checkly.exceptions import (
    ChecklyError,
    ChecklyUnreadable,
    ChecksFailed,
    ChecksNotRun,
    ChecksTimedOut,
    InvalidInput,
    NoMatchingChecks,
)
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunTestSessionOperator
from airflow_provider_checkly.sensors import ChecklyTestSessionSensor

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator

PASSES = "c0000000-0000-4000-8000-000000000001"
FAILS = "c0000000-0000-4000-8000-000000000003"
DEGRADED = "c0000000-0000-4000-8000-000000000004"
NEVER_ENDS = "c0000000-0000-4000-8000-000000000007"
UNKNOWN = "dddddddd-0000-4000-8000-000000000001"
EU = "eu-central-1"


def task(**kwargs: Any) -> ChecklyRunTestSessionOperator:
    return ChecklyRunTestSessionOperator(task_id="task", run_location=EU, **kwargs)


def asked(checkly: Emulator, path: str) -> list[Any]:
    return [record for record in checkly.requests if path in record.path]


def start(*check_ids: str) -> str:
    session = ChecklyHook().trigger_test_session(name="mine", run_location=EU, check_ids=check_ids)
    return str(session["testSessionId"])


# The hook


def test_each_method_has_its_twin(checkly: Emulator) -> None:
    names = ["trigger", "get", "await", "wait_for", "cancel"]
    for name in names:
        mine = getattr(ChecklyHook, f"{name}_test_session")
        twin = getattr(ChecklyHook, f"a{name}_test_session")
        assert str(inspect.signature(mine)) == str(inspect.signature(twin))
    hook = ChecklyHook()

    async def everything() -> list[Any]:
        session = await hook.atrigger_test_session(name="a", run_location=EU, check_ids=[PASSES, NEVER_ENDS])
        session_id = session["testSessionId"]
        seen = await hook.aget_test_session(session_id)
        running = await hook.aawait_test_session(session_id, 1)
        await hook.acancel_test_session(session_id)
        return [seen["status"], running, (await hook.await_for_test_session(session_id, 10))["status"]]

    assert asyncio.run(everything()) == ["RUNNING", None, "CANCELLED"]
    session_id = start(PASSES, NEVER_ENDS)
    assert hook.get_test_session_completion(session_id, 1) is None
    assert hook.get_test_session(session_id)["status"] == "RUNNING"
    with pytest.raises(ChecksTimedOut):
        hook.wait_for_test_sessions(session_id, 1)
    hook.cancel_test_session(session_id)
    assert hook.wait_for_test_sessions(session_id, 10)["status"] == "CANCELLED"
    assert {record.path.split("/")[1] for record in checkly.requests} == {"v1"}


@pytest.mark.usefixtures("checkly")
def test_found_by_name() -> None:
    hook = ChecklyHook()
    session_id = start(PASSES)
    assert hook.find_test_session("mine") == session_id
    assert hook.find_test_session("min") is None


@pytest.mark.parametrize("entries", [None, {"a": 1}])
def test_a_list_that_is_none(entries: object, checkly: Emulator) -> None:
    checkly.fail(method="GET", path="test-sessions", status=200, body={"entries": entries})
    with pytest.raises(ChecklyUnreadable, match="entries"):
        ChecklyHook().find_test_session("mine")


ORDERS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "None"}, "name"),
    ({"run_location": None}, "run_location"),
    ({"check_ids": None}, "check_ids"),
    ({"environment_variables": {"": "x"}}, "environment_variables"),
    ({"environment_variables": {"A": ""}}, "environment_variables: A"),
    ({"environment_variables": ["A"]}, "environment_variables"),
    ({"environment_variables": {str(n): "x" for n in range(51)}}, "51"),
    ({"secret_environment_variables": {"A": None}}, "secret_environment_variables: A"),
    ({"environment_variables": {"A": "x"}, "secret_environment_variables": {"A": "y"}}, "both name A"),
    ({"retry_strategy": {"type": "OFTEN"}}, "retry_strategy"),
    ({"retry_strategy": "FIXED"}, "retry_strategy"),
    ({"metadata": {"mood": "good"}}, "mood"),
    ({"metadata": "x"}, "metadata"),
]


@pytest.mark.parametrize(("change", "named"), ORDERS)
def test_bad_orders(change: dict[str, Any], named: str, checkly: Emulator) -> None:
    order: dict[str, Any] = {"name": "mine", "run_location": EU, "check_ids": PASSES, **change}
    with pytest.raises(InvalidInput, match=named):
        ChecklyHook().trigger_test_session(**order)
    assert checkly.requests == []


# The operator


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.usefixtures("_defers_at_once")
def test_the_verdict(checkly: Emulator, *, deferrable: bool) -> None:
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
    assert asked(checkly, "check-sessions") == []


def test_what_is_sent(
    checkly: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Secrets come from Airflow, are masked, and stand nowhere."""
    monkeypatch.setenv("AIRFLOW_VAR_TOKEN", "s3cr3t-of-variable")
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "x", "password": "s3cr3t-of-conn"}))
    ti = TaskInstance(map_index=3)
    operator = task(
        tags=["production", "smoke"],
        allow_deactivated=True,
        environment_variables={"URL": "https://example.com"},
        secret_environment_variables={"TOKEN": "variable:TOKEN", "PASSWORD": "connection:shop"},
        retry_strategy={"type": "FIXED", "maxRetries": 1},
        refresh_cache=True,
        wait_for_completion=False,
    )
    with caplog.at_level(logging.DEBUG):
        sessions = operator.execute(context(ti))
    (request,) = asked(checkly, "trigger")
    body = request.body
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
    for text in (repr(sessions), caplog.text, repr(ti.xcom), repr(request), repr(vars(operator))):
        assert "s3cr3t" not in text


SECRETS = ["s3cr3t", "variable:", "variable:NO_SUCH_VARIABLE", "connection:empty", "connection:unknown"]


@pytest.mark.parametrize("reference", SECRETS)
def test_bad_secrets(reference: str, checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_EMPTY", json.dumps({"conn_type": "x"}))
    monkeypatch.setattr(
        "airflow_provider_checkly.test_session_options.Variable.get", lambda _name, default: default
    )
    store = Store()
    with pytest.raises(InvalidInput, match="secret_environment_variables: TOKEN") as caught:
        run(task(tags="smoke", secret_environment_variables={"TOKEN": reference}), context(store=store))
    assert not store.values["checkly_check_sessions"]
    assert "s3cr3t" not in str(caught.value)
    assert checkly.requests == []


def test_refused_when_the_dag_is_parsed() -> None:
    for arguments in ({"fail_on": ["TIMED_OUT"]}, {"retry_strategy": {"type": "x"}}, {"timeout": 0}):
        with pytest.raises(InvalidInput):
            task(tags="smoke", **arguments)
    with pytest.raises(InvalidInput, match="TIMED_OUT"):
        ChecklyTestSessionSensor(task_id="t", test_session_ids="{{ x }}", fail_on="TIMED_OUT")


def test_checks_that_did_not_run(checkly: Emulator) -> None:
    with pytest.raises(ChecksNotRun, match=UNKNOWN):
        run(task(check_ids=[PASSES, UNKNOWN]))
    assert run(task(check_ids=[PASSES, UNKNOWN], tags="smoke"))
    with pytest.raises(NoMatchingChecks):
        run(task(check_ids=UNKNOWN))
    with pytest.raises(AirflowSkipException):
        run(task(check_ids=UNKNOWN, on_no_match="skip", name="named"))
    assert asked(checkly, "trigger")[-1].body["name"] == "named"


def test_a_try_that_was_cut_off_finds_its_session_by_name(checkly: Emulator) -> None:
    """The window between POST and stored id is healed, since test sessions have names."""
    store = Store()
    checkly.fail(method="POST", path="trigger", status=502, processed=True)
    with pytest.raises(ChecklyError):
        run(task(check_ids=PASSES), context(TaskInstance(), store))
    (session,) = run(task(check_ids=PASSES), context(TaskInstance(try_number=2), store))
    assert session["name"] == "dag.task run try 1"
    assert len(asked(checkly, "trigger")) == 1


@pytest.mark.parametrize("started", ["2020-01-01T00:00:00.000Z", None])
def test_an_older_session_of_the_same_name_is_left_alone(started: str | None, checkly: Emulator) -> None:
    """A try was killed before its POST left: the session of that name is another run's."""
    older = ChecklyHook().get_test_session(start(PASSES))
    checkly.fail(
        method="GET",
        path=f"test-sessions/{older['testSessionId']}",
        status=200,
        body={**older, "startedAt": started},
    )
    store = Store({"checkly_check_sessions": {"max_tries": 2, "ids": [], "name": "mine", "at": time.time()}})
    (session,) = run(task(check_ids=PASSES, name="mine"), context(TaskInstance(try_number=2), store))
    assert session["testSessionId"] != older["testSessionId"]
    assert len(asked(checkly, "trigger")) == 2


@pytest.mark.usefixtures("_defers_at_once")
def test_later_tries(checkly: Emulator) -> None:
    store = Store()
    defer(task(check_ids=NEVER_ENDS, deferrable=True), context(TaskInstance(), store))
    defer(task(check_ids=NEVER_ENDS, deferrable=True), context(TaskInstance(try_number=2), store))
    assert len(asked(checkly, "trigger")) == 1
    store = Store()
    for tries in (1, 2):
        with pytest.raises(ChecksFailed):
            run(task(check_ids=FAILS, retry_failed=True), context(TaskInstance(try_number=tries), store))
    assert len(asked(checkly, "trigger")) == 3


@pytest.mark.usefixtures("_defers_at_once")
def test_time_is_up(checkly: Emulator) -> None:
    with pytest.raises(ChecksTimedOut):
        run(task(check_ids=NEVER_ENDS, timeout=1, deferrable=True))
    assert len(asked(checkly, "test-sessions")) >= 1
    assert len(asked(checkly, "cancel")) == 1


# The sensor

WAYS: dict[str, dict[str, Any]] = {
    "poke": {"deferrable": False},
    "deferred": {"deferrable": True},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.usefixtures("checkly", "_defers_at_once")
def test_the_sensor(way: dict[str, Any]) -> None:
    session_id = start(PASSES)
    session = run(ChecklyTestSessionSensor(task_id="t", test_session_ids=session_id, **way))
    assert session == ChecklyHook().get_test_session(session_id)
    with pytest.raises(ChecksFailed):
        run(ChecklyTestSessionSensor(task_id="t", test_session_ids=[start(FAILS)], **way))
    with pytest.raises(InvalidInput, match="test_session_ids"):
        run(ChecklyTestSessionSensor(task_id="t", test_session_ids="", **way))


@pytest.mark.usefixtures("checkly")
def test_the_sensor_in_reschedule_mode() -> None:
    ids = [start(PASSES), start(NEVER_ENDS)]
    ChecklyHook().wait_for_test_sessions(ids[0], 10)
    sensor = ChecklyTestSessionSensor(task_id="t", test_session_ids=ids, mode="reschedule")
    assert not sensor.poke(context()).is_done


@pytest.mark.usefixtures("_defers_at_once")
def test_many_checks_in_one_session() -> None:
    """500 checks: one wait, an event below 64 KiB, XCom below 1 MiB."""
    from airflow_provider_checkly.emulator import Check, Emulator  # noqa: PLC0415

    checks = [
        Check(id=f"c0000000-0000-4000-8000-{n:012}", name=f"Check {n}", seconds=1, tags=("all",))
        for n in range(500)
    ]
    with Emulator(checks, speed=20) as checkly, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", checkly.connection_json)
        (session,) = run(task(tags="all", deferrable=True))
        assert len(session["results"]) == 500
        assert len(json.dumps([session])) < 1024 * 1024
        assert len(asked(checkly, "completion")) == 1
        patch.setattr("airflow_provider_checkly.events.LARGEST_XCOM", 1000)
        (session,) = run(task(check_ids=[check.id for check in checks[:5]]))
        assert "results" not in session
