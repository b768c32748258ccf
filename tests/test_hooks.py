"""The hook, against the emulator over HTTP."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_checkly.api import endpoints
from airflow_provider_checkly.api.models import CHECK_SESSION, TEST_SESSION
from airflow_provider_checkly.emulator.default_checks import DEACTIVATED, FAILS, NEVER_ENDS, PASSES
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyError,
    ChecklyNotFound,
    ChecklyPlanLimit,
    ChecklyRateLimited,
    ChecklyRefused,
    ChecksNotRun,
    ChecksTimedOut,
    InvalidInput,
    NoMatchingChecks,
)
from airflow_provider_checkly.hooks import ChecklyHook

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator

UNKNOWN = "dddddddd-0000-4000-8000-000000000001"
EU = "eu-central-1"


@pytest.fixture(params=["send", "asend"])
def send(request: pytest.FixtureRequest) -> Any:
    """Either way to send a request to any endpoint."""

    def either(endpoint: Any, *retry_seconds: float) -> Any:
        answer = getattr(ChecklyHook(), request.param)(endpoint, *retry_seconds)
        return asyncio.run(answer) if inspect.isawaitable(answer) else answer

    return either


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_whole_run(version: str, checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only our own headers are sent, and nothing of the connection's extras."""
    extra = json.dumps({"api_version": version, "proxies": "stays-here"})
    connection = {**json.loads(checkly.connection_json), "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", json.dumps(connection))
    hook = ChecklyHook()
    (started,) = hook.trigger_check_sessions(PASSES)
    session_id = started["checkSessionId"]
    assert started["status"] == "STARTED"
    assert hook.get_check_session(session_id)["checkId"] == PASSES
    ended = hook.get_check_session_completion(session_id)
    assert ended is not None
    assert ended["status"] == "PASSED"
    assert hook.wait_for_check_sessions([session_id], timeout=5) == [ended]
    assert asyncio.run(hook.await_sessions([session_id], 5)) == [ended]
    assert hook.get_account()["id"] == checkly.account_id
    assert {record.path.split("/")[1] for record in checkly.requests[:-1]} == {version}
    for record in checkly.requests:
        assert record.headers["user-agent"].startswith("airflow-provider-checkly/")
        assert record.headers["x-checkly-account"] == checkly.account_id
        assert "stays-here" not in repr(record)


def test_still_running(checkly: Emulator) -> None:
    """408 is neither an error nor repeated."""
    hook = ChecklyHook()
    (started,) = hook.trigger_check_sessions([NEVER_ENDS])
    session_id = started["checkSessionId"]
    assert hook.get_check_session_completion(session_id, 1) is None
    assert [record.status for record in checkly.requests] == [201, 408]
    with pytest.raises(ChecksTimedOut, match="Did not end within 1") as caught:
        hook.wait_for_check_sessions(session_id, timeout=1)
    assert caught.value.session_ids == [session_id]
    with pytest.raises(ChecksTimedOut, match=session_id):
        asyncio.run(hook.await_sessions(session_id, 1))
    hook.cancel_check_session(session_id)
    (ended,) = hook.wait_for_check_sessions(session_id, timeout=5)
    assert ended["status"] == "CANCELLED"


def test_a_whole_test_session(checkly: Emulator) -> None:
    hook = ChecklyHook()
    started = hook.trigger_test_session(name="mine", run_location=EU, check_ids=[PASSES, NEVER_ENDS])
    session_id = started["testSessionId"]
    assert (started["name"], started["status"]) == ("mine", "RUNNING")
    assert hook.get_test_session(session_id)["status"] == "RUNNING"
    assert hook.get_test_session_completion(session_id, 1) is None
    with pytest.raises(ChecksTimedOut, match=session_id):
        hook.wait_for_test_sessions(session_id, 1)
    hook.cancel_test_session(session_id)
    (ended,) = hook.wait_for_test_sessions([session_id], 10)
    assert ended["status"] == "CANCELLED"
    assert asyncio.run(hook.await_sessions(session_id, 10, kind=TEST_SESSION)) == [ended]
    assert hook.get_test_session_completion(session_id) == ended
    assert {record.path.split("/")[1] for record in checkly.requests} == {"v1"}


def test_only_two_methods_are_awaitable() -> None:
    """A method has no awaitable twin; `asend` reaches every endpoint."""
    names = [name for name in dir(ChecklyHook) if not name.startswith("_") and name in _own_names()]
    awaitable = [name for name in names if inspect.iscoroutinefunction(getattr(ChecklyHook, name))]
    assert awaitable == ["arun_polling", "asend", "await_sessions", "load_settings"]


def _own_names() -> set[str]:
    ours = [each for each in ChecklyHook.__mro__ if each.__module__.startswith("airflow_provider_checkly.")]
    return {name for each in ours for name in vars(each)}


# Any endpoint


def test_both_ways_to_send(send: Any, checkly: Emulator) -> None:
    found = send(endpoints.get_check(PASSES))
    assert found == ChecklyHook().get_check(PASSES)
    assert len(checkly.requests) == 2


REFUSALS: list[tuple[int, type[ChecklyError]]] = [
    (400, ChecklyRefused),
    (401, ChecklyAuthError),
    (402, ChecklyPlanLimit),
    (403, ChecklyAuthError),
    (404, ChecklyNotFound),
    (418, ChecklyRefused),
]


@pytest.mark.parametrize(("status", "kind"), REFUSALS)
def test_refusals(send: Any, status: int, kind: type[ChecklyError], checkly: Emulator) -> None:
    """A class for each, with method, path, status and Checkly's message, and without the key."""
    body = {"statusCode": status, "error": "x", "message": "Because."}
    checkly.fail(method="GET", path="checks", status=status, body=body)
    with pytest.raises(kind, match=rf"GET /v1/checks/{PASSES}: .*{status}.*Because\.") as caught:
        send(endpoints.get_check(PASSES))
    assert getattr(caught.value, "status", None) == status
    assert checkly.api_key not in repr(caught.value) + repr(caught.value.__dict__)
    assert len(checkly.requests) == 1


def trigger(*check_ids: str) -> Any:
    return endpoints.trigger_check_sessions("v2", check_ids, [], refresh_cache=False)


def test_rate_limited(send: Any, checkly: Emulator) -> None:
    """Retry-After is obeyed, and nothing runs twice."""
    checkly.fail(method="POST", path="trigger", status=429, headers={"Retry-After": "0"}, times=2)
    assert len(send(trigger(PASSES))) == 1
    assert [record.status for record in checkly.requests] == [429, 429, 201]
    assert len(checkly.sessions) == 1
    checkly.fail(method="POST", path="trigger", status=429, headers={"Retry-After": "0"}, times=None)
    with pytest.raises(ChecklyRateLimited, match="429"):
        send(trigger(PASSES), 0.5)


@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": "after"}, {"drop": "body"}, {"status": 500}])
def test_a_trigger_that_checkly_may_have_processed_is_not_repeated(
    send: Any, fault: dict[str, Any], checkly: Emulator
) -> None:
    checkly.fail(method="POST", path="trigger", processed=True, **fault)
    with pytest.raises(ChecklyError, match="POST /v2/check-sessions/trigger"):
        send(trigger(PASSES))
    assert len(checkly.sessions) == 1
    assert len(checkly.requests) == 1


@pytest.mark.parametrize("way", ["wait_for_check_sessions", "await_sessions"])
@pytest.mark.parametrize("drop", ["before", "headers", "body", "after"])
def test_a_connection_that_breaks_during_a_wait(way: str, drop: str, checkly: Emulator) -> None:
    """Wherever it breaks, a read is repeated."""
    hook = ChecklyHook()
    (started,) = hook.trigger_check_sessions(PASSES)
    checkly.fail(method="GET", path="completion", drop=drop)
    found = getattr(hook, way)(started["checkSessionId"], timeout=20)
    (ended,) = asyncio.run(found) if inspect.isawaitable(found) else found
    assert ended["status"] == "PASSED"
    assert len(checkly.requests) == 3


# Arguments

BAD: list[tuple[str, tuple[Any, ...], str]] = [
    ("trigger_check_sessions", (), "check_ids"),
    ("trigger_check_sessions", ([],), "check_ids"),
    ("trigger_check_sessions", ("x",), "check_ids"),
    ("get_check_session", ("../../accounts/me",), "check_session_id"),
    ("get_check_session_completion", (UNKNOWN, 0), "max_wait_seconds.*0"),
    ("get_check_session_completion", (UNKNOWN, 31), "max_wait_seconds.*31"),
    ("get_check_session_completion", (UNKNOWN, 1.5), "max_wait_seconds.*1.5"),
    ("wait_for_check_sessions", ([], 5), "check_session_ids"),
    ("wait_for_check_sessions", (UNKNOWN, 0), "timeout"),
    ("wait_for_test_sessions", ("x", 5), "test_session_ids"),
    ("cancel_check_session", ("None",), "check_session_id"),
    ("cancel_test_session", ("None",), "test_session_id"),
    ("get_test_session", ("x",), "test_session_id"),
]


@pytest.mark.parametrize(("method", "arguments", "named"), BAD)
def test_bad_arguments_send_nothing(
    method: str, arguments: tuple[Any, ...], named: str, checkly: Emulator
) -> None:
    with pytest.raises(InvalidInput, match=named):
        getattr(ChecklyHook(), method)(*arguments)
    assert checkly.requests == []


@pytest.mark.parametrize(("ids", "timeout", "named"), [([], 5, "check_session_ids"), (UNKNOWN, 0, "timeout")])
def test_bad_arguments_of_an_awaited_wait(ids: Any, timeout: float, named: str, checkly: Emulator) -> None:
    with pytest.raises(InvalidInput, match=named):
        asyncio.run(ChecklyHook().await_sessions(ids, timeout))
    assert checkly.requests == []


# Checks that do not run


def test_a_check_that_does_not_run(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    hook = ChecklyHook()
    with pytest.raises(ChecksNotRun, match=UNKNOWN) as caught:
        hook.trigger_check_sessions([PASSES, UNKNOWN])
    assert caught.value.check_ids == [UNKNOWN]
    assert [session["checkId"] for session in caught.value.sessions] == [PASSES]
    assert len(hook.trigger_check_sessions([PASSES, UNKNOWN], ["smoke"])) == 1
    assert UNKNOWN in caplog.text
    assert checkly.sessions


@pytest.mark.usefixtures("checkly")
def test_no_check_runs() -> None:
    """The error says why, for ids and for tags."""
    hook = ChecklyHook()
    with pytest.raises(NoMatchingChecks) as caught:
        hook.trigger_check_sessions([UNKNOWN, DEACTIVATED])
    assert f"{UNKNOWN} does not exist in this account; {DEACTIVATED} is deactivated." in str(caught.value)
    with pytest.raises(NoMatchingChecks, match=r"does not exist in this account; 2 more\."):
        hook.trigger_check_sessions([f"{UNKNOWN[:-2]}{n}" for n in range(20, 32)])
    with pytest.raises(NoMatchingChecks) as caught:
        hook.trigger_test_session(name="mine", run_location=EU, tags=["smoke", "no,such"])
    assert "No active check has the tags 'smoke' and 'no,such'. All tags of a list must match" in str(
        caught.value
    )
    assert "A comma does not separate tags" in str(caught.value)


@pytest.mark.usefixtures("checkly")
def test_many_sessions_are_read_in_order() -> None:
    hook = ChecklyHook()
    ids = [
        each["checkSessionId"] for _ in range(6) for each in hook.trigger_check_sessions(tags="production")
    ]
    assert [each["checkSessionId"] for each in hook.read_sessions(ids, CHECK_SESSION)] == ids


# Results


@pytest.fixture
def known() -> dict[str, tuple[str, ...]]:
    """Arguments for each method that reads a document."""
    hook = ChecklyHook()
    (started,) = hook.trigger_check_sessions(FAILS)
    (session,) = hook.wait_for_check_sessions(started["checkSessionId"], 20)
    test = hook.trigger_test_session(name="mine", run_location=EU, check_ids=FAILS)
    (ended,) = hook.wait_for_test_sessions(test["testSessionId"], 20)
    own = (FAILS, session["results"][-1]["checkResultId"])
    result: Any = hook.get_check_result(*own)
    return {
        "get_check": (FAILS,),
        "get_check_result": own,
        "get_check_result_assets": own,
        "get_test_session_result": (
            ended["testSessionId"],
            ended["results"][-1]["testSessionResultId"],
        ),
        "get_error_group": (result["errorGroupIds"][0],),
    }


def test_documents_of_results(checkly: Emulator, known: dict[str, tuple[str, ...]]) -> None:
    hook = ChecklyHook()
    for name, arguments in known.items():
        found = getattr(hook, name)(*arguments)
        assert isinstance(found, dict)
        sent = len(checkly.requests)
        with pytest.raises(InvalidInput):
            getattr(hook, name)(*["x" for _ in arguments])
        with pytest.raises(ChecklyNotFound):
            getattr(hook, name)(*[UNKNOWN for _ in arguments])
        assert len(checkly.requests) == sent + 1


# The Test button


def press(monkeypatch: pytest.MonkeyPatch, checkly: Emulator, **changes: object) -> tuple[bool, str]:
    connection = {**json.loads(checkly.connection_json), **changes}
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(connection))
    return ChecklyHook("other").test_connection()


def test_a_connection_that_works(monkeypatch: pytest.MonkeyPatch, checkly: Emulator) -> None:
    assert press(monkeypatch, checkly) == (
        True,
        "Connected to Checkly account 'Checkly emulator' (plan Team).",
    )


WRONG: list[tuple[dict[str, object], str]] = [
    ({"password": "wrong"}, "API key"),
    ({"login": UNKNOWN}, "account"),
    ({"host": "http://127.0.0.1:9"}, "Check host, DNS, proxy and certificates"),
    ({"password": ""}, "password (API key)"),
    ({"host": "ftp://x"}, "ftp://x"),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG)
def test_a_connection_that_does_not_work(
    changes: dict[str, object], expected: str, monkeypatch: pytest.MonkeyPatch, checkly: Emulator
) -> None:
    """A wrong key, a wrong account and no network are told apart."""
    works, text = press(monkeypatch, checkly, **changes)
    assert not works
    assert expected in text
    assert checkly.api_key not in text


@pytest.mark.parametrize("path", ["/v1", "/v2/", "/v1/accounts/me", "/api"])
def test_a_host_with_a_wrong_path(path: str, monkeypatch: pytest.MonkeyPatch, checkly: Emulator) -> None:
    """It is named, whether a button, a trigger or a sensor meets it first; nothing is skipped."""
    works, text = press(monkeypatch, checkly, host=f"{checkly.url}{path}")
    assert not works
    hook = ChecklyHook("other")
    for call in (
        lambda: hook.trigger_check_sessions(tags="smoke"),
        lambda: hook.get_check_session(UNKNOWN),
    ):
        with pytest.raises(ChecklyRefused) as caught:
            call()
        assert not isinstance(caught.value, NoMatchingChecks)
        for words in ("host of the connection", "connection 'other'", f"{checkly.url}{path}".rstrip("/")):
            assert words in str(caught.value)
            assert words in text


def test_a_server_that_answers_everything(monkeypatch: pytest.MonkeyPatch, checkly: Emulator) -> None:
    checkly.fail(path="accounts", status=200, body={"status": "ok"})
    works, text = press(monkeypatch, checkly)
    assert not works
    assert "is not an account" in text


def test_an_unexpected_status(monkeypatch: pytest.MonkeyPatch, checkly: Emulator) -> None:
    checkly.fail(path="accounts", status=418)
    works, text = press(monkeypatch, checkly)
    assert not works
    assert "418" in text


def test_no_connection() -> None:
    works, text = ChecklyHook("no_such_connection").test_connection()
    assert not works
    assert "no_such_connection" in text
