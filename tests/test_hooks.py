"""The hook, alike in its blocking and its awaitable methods."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest

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
    from collections.abc import Callable

    from airflow_provider_checkly.emulator import Emulator

PASSES = "c0000000-0000-4000-8000-000000000001"
NEVER_ENDS = "c0000000-0000-4000-8000-000000000007"
UNKNOWN = "dddddddd-0000-4000-8000-000000000001"

Ask = "Callable[..., Any]"


def blocking(method: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(ChecklyHook(), method)(*args, **kwargs)


def awaitable(method: str, *args: Any, **kwargs: Any) -> Any:
    return asyncio.run(getattr(ChecklyHook(), f"a{method}")(*args, **kwargs))


both = pytest.mark.parametrize("ask", [blocking, awaitable])


def test_each_method_has_its_twin() -> None:
    methods = [
        "trigger_check_sessions",
        "get_check_session",
        "get_check_session_completion",
        "wait_for_check_sessions",
        "cancel_check_session",
        "cancel_sessions",
        "get_account",
    ]
    for method in methods:
        mine, twin = getattr(ChecklyHook, method), getattr(ChecklyHook, f"a{method}")
        assert inspect.iscoroutinefunction(twin)
        assert str(inspect.signature(mine)) == str(inspect.signature(twin)), method


@both
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_whole_run(
    ask: Callable[..., Any], version: str, checkly: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall 31: our headers only; nothing of the connection's extras leaves the process."""
    extra = json.dumps({"api_version": version, "proxies": "stays-here"})
    connection = {**json.loads(checkly.connection_json), "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", json.dumps(connection))
    (started,) = ask("trigger_check_sessions", PASSES)
    session_id = started["checkSessionId"]
    assert started["status"] == "STARTED"
    assert ask("get_check_session", session_id)["checkId"] == PASSES
    ended = ask("get_check_session_completion", session_id)
    assert ended["status"] == "PASSED"
    assert ask("wait_for_check_sessions", [session_id], timeout=5) == [ended]
    assert ask("get_account")["id"] == checkly.account_id
    assert {record.path.split("/")[1] for record in checkly.requests[:-1]} == {version}
    for record in checkly.requests:
        assert record.headers["user-agent"].startswith("airflow-provider-checkly/")
        assert record.headers["x-checkly-account"] == checkly.account_id
        assert "stays-here" not in repr(record)


@both
def test_still_running(ask: Callable[..., Any], checkly: Emulator) -> None:
    """Pitfall 63: 408 is no error and no retry."""
    (started,) = ask("trigger_check_sessions", [NEVER_ENDS])
    assert ask("get_check_session_completion", started["checkSessionId"], 1) is None
    assert [record.status for record in checkly.requests] == [201, 408]
    with pytest.raises(ChecksTimedOut, match="Not ended within 1 s"):
        ask("wait_for_check_sessions", started["checkSessionId"], timeout=1)
    ask("cancel_check_session", started["checkSessionId"])
    (ended,) = ask("wait_for_check_sessions", started["checkSessionId"], timeout=5)
    assert ended["status"] == "CANCELLED"


REFUSALS: list[tuple[int, type[ChecklyError]]] = [
    (400, ChecklyRefused),
    (401, ChecklyAuthError),
    (402, ChecklyPlanLimit),
    (403, ChecklyAuthError),
    (404, ChecklyNotFound),
    (418, ChecklyRefused),
]


@both
@pytest.mark.parametrize(("status", "kind"), REFUSALS)
def test_refusals(ask: Callable[..., Any], status: int, kind: type[ChecklyError], checkly: Emulator) -> None:
    """An error of its own each, with method, path, status and Checkly's message; never the key."""
    checkly.fail(method="GET", path="accounts/me", status=status, body={"message": "Because."})
    with pytest.raises(kind, match=rf"GET /v1/accounts/me: Checkly answered {status}: Because\.") as caught:
        ask("get_account")
    assert getattr(caught.value, "status", None) == status
    assert checkly.api_key not in repr(caught.value) + repr(caught.value.__dict__)
    assert len(checkly.requests) == 1


@both
def test_rate_limited(ask: Callable[..., Any], checkly: Emulator) -> None:
    """Pitfall 15: Retry-After is obeyed, and nothing runs twice."""
    checkly.fail(method="POST", path="trigger", status=429, headers={"Retry-After": "0"}, times=2)
    assert len(ask("trigger_check_sessions", PASSES)) == 1
    assert [record.status for record in checkly.requests] == [429, 429, 201]
    assert len(checkly.sessions) == 1
    checkly.fail(method="POST", path="trigger", status=429, headers={"Retry-After": "0"}, times=None)
    with pytest.raises(ChecklyRateLimited, match="429"):
        ask("trigger_check_sessions", PASSES, timeout=0.5)


@both
@pytest.mark.parametrize("fault", [{"status": 502}, {"drop": "after"}, {"drop": "body"}, {"status": 500}])
def test_a_trigger_that_may_have_been_taken_is_not_repeated(
    ask: Callable[..., Any], fault: dict[str, Any], checkly: Emulator
) -> None:
    """Pitfall 2."""
    checkly.fail(method="POST", path="trigger", processed=True, **fault)
    with pytest.raises(ChecklyError, match="POST /v2/check-sessions/trigger"):
        ask("trigger_check_sessions", PASSES)
    assert len(checkly.sessions) == 1
    assert len(checkly.requests) == 1


@both
@pytest.mark.parametrize("drop", ["before", "headers", "body", "after"])
def test_a_connection_that_breaks_while_waiting(
    ask: Callable[..., Any], drop: str, checkly: Emulator
) -> None:
    """Pitfall 14: whatever breaks, a read is asked again."""
    (started,) = ask("trigger_check_sessions", PASSES)
    checkly.fail(method="GET", path="completion", drop=drop)
    (ended,) = ask("wait_for_check_sessions", started["checkSessionId"], timeout=20)
    assert ended["status"] == "PASSED"
    assert len(checkly.requests) == 3


@both
def test_bad_input_asks_nothing(ask: Callable[..., Any], checkly: Emulator) -> None:
    for method, arguments, named in [
        ("trigger_check_sessions", (), "check_ids"),
        ("trigger_check_sessions", ([],), "check_ids"),
        ("trigger_check_sessions", ("x",), "check_ids"),
        ("get_check_session", ("../../accounts/me",), "check_session_id"),
        ("get_check_session_completion", (UNKNOWN, 0), "max_wait_seconds.*0"),
        ("get_check_session_completion", (UNKNOWN, 31), "max_wait_seconds.*31"),
        ("get_check_session_completion", (UNKNOWN, 1.5), "max_wait_seconds.*1.5"),
        ("wait_for_check_sessions", ([], 5), "check_session_ids"),
        ("wait_for_check_sessions", (UNKNOWN, 0), "timeout"),
        ("cancel_check_session", ("None",), "check_session_id"),
    ]:
        with pytest.raises(InvalidInput, match=named):
            ask(method, *arguments)
    assert checkly.requests == []


@both
@pytest.mark.usefixtures("checkly")
def test_checks_that_did_not_run(ask: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ChecksNotRun, match=UNKNOWN) as caught:
        ask("trigger_check_sessions", [PASSES, UNKNOWN])
    assert [session["checkId"] for session in caught.value.sessions] == [PASSES]
    assert len(ask("trigger_check_sessions", [PASSES, UNKNOWN], ["smoke"])) == 1
    assert UNKNOWN in caplog.text
    with pytest.raises(NoMatchingChecks):
        ask("trigger_check_sessions", UNKNOWN)


@pytest.mark.usefixtures("checkly")
def test_many_are_read_in_order() -> None:
    ids = [
        s["checkSessionId"] for _ in range(6) for s in ChecklyHook().trigger_check_sessions(tags="production")
    ]
    assert [s["checkSessionId"] for s in ChecklyHook().read_sessions(ids)] == ids


class TestButton:
    """Pitfall 50: a wrong key, a wrong account and no network are told apart."""

    def ask(self, monkeypatch: pytest.MonkeyPatch, checkly: Emulator, **changes: object) -> tuple[bool, str]:
        connection = {**json.loads(checkly.connection_json), **changes}
        monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(connection))
        return ChecklyHook("other").test_connection()

    def test_all_well(self, monkeypatch: pytest.MonkeyPatch, checkly: Emulator) -> None:
        good, text = self.ask(monkeypatch, checkly)
        assert good
        assert "'Checkly emulator' (plan Team)" in text

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"password": "wrong"}, "does not accept the API key"),
            ({"login": UNKNOWN}, "not for this account ID"),
            ({"host": "http://127.0.0.1:9"}, "cannot be reached"),
            ({"password": ""}, "password (API key) is missing"),
            ({"host": "ftp://x"}, "no valid URL"),
        ],
    )
    def test_what_is_wrong(
        self, changes: dict[str, object], expected: str, monkeypatch: pytest.MonkeyPatch, checkly: Emulator
    ) -> None:
        good, text = self.ask(monkeypatch, checkly, **changes)
        assert not good
        assert expected in text
        assert checkly.api_key not in text

    def test_a_busy_account(self, monkeypatch: pytest.MonkeyPatch, checkly: Emulator) -> None:
        checkly.fail(path="accounts", status=418)
        assert "418" in self.ask(monkeypatch, checkly)[1]

    def test_no_connection(self) -> None:
        good, text = ChecklyHook("no_such_connection").test_connection()
        assert not good
        assert "no_such_connection" in text
