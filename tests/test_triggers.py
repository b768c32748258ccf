"""The trigger."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow_runner import events, stored

from airflow_provider_checkly import triggers
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.triggers import ChecklySessionTrigger
from airflow_provider_checkly.events import WaitResult

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator

PASSES = "c0000000-0000-4000-8000-000000000001"
FAILS = "c0000000-0000-4000-8000-000000000003"
NEVER_ENDS = "c0000000-0000-4000-8000-000000000007"
CONN = "checkly_default"


def start(*check_ids: str) -> list[str]:
    return [str(s["checkSessionId"]) for s in ChecklyHook().trigger_check_sessions(check_ids)]


def in_seconds(seconds: float) -> float:
    return time.time() + seconds


def cancels(checkly: Emulator) -> list[str]:
    return [record.path.split("/")[3] for record in checkly.requests if record.path.endswith("cancel")]


def test_what_is_stored() -> None:
    """Pitfalls 17, 23, 24, 53 and 54: every argument, JSON only, no secret, new ones with defaults."""
    odd: dict[str, Any] = {
        "checkly_conn_id": "other",
        "session_ids": [PASSES],
        "deadline": 1.5,
        "stop_on": ["DEGRADED", "FAILED"],
        "not_before": 2.5,
        "hold_back": 3.5,
        "cancel_on_kill": True,
        "resource": "test-sessions",
    }
    trigger = ChecklySessionTrigger(**odd)
    assert list(inspect.signature(ChecklySessionTrigger).parameters) == list(odd)
    assert json.loads(json.dumps(trigger.serialize()[1])) == odd
    assert stored(trigger).serialize() == trigger.serialize()
    module, _, name = trigger.serialize()[0].rpartition(".")
    assert getattr(__import__(module, fromlist=[name]), name) is ChecklySessionTrigger
    assert stored(ChecklySessionTrigger(CONN, [PASSES], 1)).hold_back == 0


def test_what_an_older_release_stored(checkly: Emulator) -> None:
    """Pitfall 54: the arguments that 0.1.0 left in the database build a trigger, all or the least of them."""
    ids = start(PASSES)
    path, arguments = json.loads(
        """["airflow_provider_checkly.triggers.ChecklySessionTrigger", {"checkly_conn_id": "checkly_default",
        "session_ids": ["ID"], "deadline": 1790000000.5, "stop_on": ["CANCELLED", "FAILED", "TIMED_OUT"],
        "not_before": 1780000000.25, "hold_back": 8.0, "cancel_on_kill": true, "resource": "check-sessions"}]
        """.replace("ID", ids[0])
    )
    module, _, name = path.rpartition(".")
    kind = getattr(import_module(module), name)
    assert json.loads(json.dumps(kind(**arguments).serialize())) == [path, arguments]
    for stored_arguments in (arguments, {name: arguments[name] for name in list(arguments)[:3]}):
        (event,) = events(kind(**{**stored_arguments, "deadline": in_seconds(10)}))
        assert event["sessions"][0]["status"] == "PASSED"
    assert cancels(checkly) == []


def test_one_event_in_every_case(checkly: Emulator) -> None:
    """Pitfalls 16, 22 and 26."""
    passes, fails, never = start(PASSES), start(FAILS), start(NEVER_ENDS)
    unknown = ["dddddddd-0000-4000-8000-000000000001"]
    for ids, timeout, expected in [
        (passes, 10, {"late": False, "unfinished": []}),
        (fails, 10, {"late": False, "unfinished": []}),
        (never, 0, {"late": True, "unfinished": never}),
        (passes, -100, {"late": False, "unfinished": []}),
    ]:
        (event,) = events(ChecklySessionTrigger(CONN, ids, in_seconds(timeout)))
        assert {key: event[key] for key in expected} == expected
        assert event["error"] is None
        assert checkly.api_key not in json.dumps(event)
    (event,) = events(ChecklySessionTrigger(CONN, unknown, in_seconds(0)))
    assert event["error"]["type"] == "ChecklyNotFound"
    assert f"GET /v2/check-sessions/{unknown[0]}: Checkly answered 404" in event["error"]["text"]


def test_the_state_counts_first_the_deadline_second(checkly: Emulator) -> None:
    """Pitfalls 7 and 58: a triggerer that comes late finds that the session has ended."""
    ids = start(PASSES)
    ChecklyHook().wait_for_check_sessions(ids, 10)
    (event,) = events(ChecklySessionTrigger(CONN, ids, in_seconds(-3600)))
    outcome = WaitResult.from_event(event)
    assert (outcome.late, outcome.unfinished) == (False, ())
    assert cancels(checkly) == []


@pytest.mark.usefixtures("checkly")
def test_the_clock_of_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfall 6: what is stored is wall-clock time."""
    ids = start(PASSES)
    real = time.monotonic
    monkeypatch.setattr("airflow_provider_checkly.api.transport.time.monotonic", lambda: real() + 10**9)
    (event,) = events(ChecklySessionTrigger(CONN, ids, in_seconds(10)))
    assert event["sessions"][0]["status"] == "PASSED"


@pytest.mark.usefixtures("checkly")
def test_no_event_before_its_time() -> None:
    """The scheduler of Airflow 3.1 to 3.3.2 fails tasks that are resumed too soon."""
    ids = start(PASSES)
    for not_before, hold_back, least, most in [(0.8, 5, 0.7, 3), (1000, 0.5, 0.4, 3), (-5, 5, 0, 3)]:
        began = time.monotonic()
        trigger = ChecklySessionTrigger(
            CONN, ids, in_seconds(10), not_before=in_seconds(not_before), max_hold_seconds=hold_back
        )
        assert len(events(trigger)) == 1
        assert least <= time.monotonic() - began < most


def test_two_triggerers_at_once(checkly: Emulator) -> None:
    """Pitfall 25: a trigger only reads."""
    ids = start(PASSES, FAILS)

    async def both() -> list[Any]:
        async def one() -> Any:
            return [event.payload async for event in ChecklySessionTrigger(CONN, ids, in_seconds(10)).run()]

        return await asyncio.gather(one(), one())

    first, second = asyncio.run(both())
    assert first == second
    assert [record.method for record in checkly.requests].count("POST") == 1


def test_stopped_in_mid_wait(checkly: Emulator) -> None:
    """Pitfalls 3 and 27: a restart of the triggerer cancels nothing, and nothing stays open."""
    ids = start(NEVER_ENDS)

    async def stop() -> None:
        trigger = ChecklySessionTrigger(CONN, ids, in_seconds(60), cancel_on_kill=True)
        task = asyncio.ensure_future(anext(aiter(trigger.run())))
        await asyncio.sleep(0.5)
        assert checkly.requests[-1].path.endswith("completion")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await trigger.cleanup()

    asyncio.run(stop())
    assert cancels(checkly) == []


@pytest.mark.usefixtures("checkly")
def test_connections_never_block_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfalls 12 and 51: they are not looked up on the thread of the event loop."""
    real = ChecklyHook.get_connection
    threads = []

    def get_connection(conn_id: str) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            threads.append(conn_id)
            return real(conn_id)
        raise AssertionError("looked up on the event loop")

    ids = start(PASSES)
    monkeypatch.setattr(ChecklyHook, "get_connection", staticmethod(get_connection))
    monkeypatch.setattr(ChecklyHook, "aget_connection", None, raising=False)
    monkeypatch.delattr(ChecklyHook, "aget_connection")
    (event,) = events(ChecklySessionTrigger(CONN, ids, in_seconds(10)))
    assert event["error"] is None


def test_what_is_unexpected_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfall 16: Airflow logs the traceback."""
    monkeypatch.delenv("AIRFLOW_CONN_CHECKLY_DEFAULT", raising=False)
    with pytest.raises(Exception, match="no_such_connection"):
        events(ChecklySessionTrigger("no_such_connection", [PASSES], in_seconds(10)))


# Kill (Airflow 3.3+)


async def nobody_waits() -> bool:
    return False


RUN = "run"
TI = SimpleNamespace(dag_id="dag", task_id="w", run_id=RUN, map_index=1)
STATES: list[tuple[str, str, bool, bool]] = [
    ("mark failed", "failed", True, True),
    ("mark success", "success", True, True),
    ("clear, the new try is deferred already", "deferred", False, True),
    ("thawed after another triggerer took over", "deferred", True, False),
    ("a retry that may go on with the sessions", "up_for_retry", True, False),
]


def killed(trigger: ChecklySessionTrigger, monkeypatch: pytest.MonkeyPatch, state: str, ids: object) -> None:
    trigger.task_instance = TI  # type: ignore[assignment]
    pytest.importorskip("airflow.sdk.execution_time.task_runner")
    monkeypatch.setattr(
        "airflow.sdk.execution_time.task_runner.RuntimeTaskInstance.get_task_states",
        lambda **_: {RUN: {"w_1": state, "w_0": "deferred"}},
    )
    monkeypatch.setattr(triggers, "XCom", SimpleNamespace(get_one=lambda **_: ids))
    asyncio.run(trigger.on_kill())


@pytest.mark.parametrize(("state", "mine", "cancel"), [row[1:] for row in STATES], ids=[r[0] for r in STATES])
def test_kill(
    state: str, checkly: Emulator, monkeypatch: pytest.MonkeyPatch, *, mine: bool, cancel: bool
) -> None:
    """Pitfall 4: cancel unless somebody still waits for these sessions."""
    ids = start(NEVER_ENDS, PASSES)
    trigger = ChecklySessionTrigger(CONN, ids, in_seconds(60), cancel_on_kill=True)
    trigger._known[ids[0]] = {"status": "PASSED"}  # noqa: SLF001
    killed(trigger, monkeypatch, state, ids if mine else ["other"])
    assert cancels(checkly) == ([ids[1]] if cancel else [])


def test_kill_that_is_switched_off(checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(ChecklySessionTrigger(CONN, start(NEVER_ENDS), in_seconds(60)), monkeypatch, "failed", None)
    assert cancels(checkly) == []


def test_kill_without_knowing(
    checkly: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A look-up that fails cancels nothing."""
    pytest.importorskip("airflow.sdk.execution_time.task_runner")

    def broken(**_: object) -> None:
        raise RuntimeError("no API server")

    ids = start(NEVER_ENDS)
    trigger = ChecklySessionTrigger(CONN, ids, in_seconds(60), cancel_on_kill=True)
    asyncio.run(trigger.on_kill())
    trigger.task_instance = TI  # type: ignore[assignment]
    monkeypatch.setattr("airflow.sdk.execution_time.task_runner.RuntimeTaskInstance.get_task_states", broken)
    asyncio.run(trigger.on_kill())
    assert "Nothing was cancelled" in caplog.text
    assert cancels(checkly) == []


def test_kill_survives_being_cancelled_every_second(
    checkly: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow 3.3.2 cancels a running `on_kill` once a second; a slow cancel must still arrive."""
    ids = start(NEVER_ENDS)
    checkly.fail(method="POST", path="cancel", delay=1.5)
    trigger = ChecklySessionTrigger(CONN, ids, in_seconds(60), cancel_on_kill=True)
    monkeypatch.setattr(trigger, "_is_awaited", nobody_waits)
    trigger.task_instance = TI  # type: ignore[assignment]

    async def kill() -> None:
        task = asyncio.ensure_future(trigger.on_kill())
        while not task.done():
            await asyncio.wait({task}, timeout=0.3)
            task.cancel()

    asyncio.run(kill())
    assert cancels(checkly) == ids
    session = ChecklyHook().wait_for_check_sessions(ids, 10)[0]
    assert session["status"] == "CANCELLED"


@pytest.mark.parametrize("status", [403, 404, 500])
def test_kill_that_checkly_refuses(
    status: int, checkly: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Pitfall 4: that is no error, and the log says what Checkly stops."""
    monkeypatch.setattr(triggers, "CANCEL_SECONDS", 1)
    ids = start(NEVER_ENDS)
    checkly.fail(method="POST", path="cancel", status=status, times=None)
    trigger = ChecklySessionTrigger(CONN, ids, in_seconds(60), cancel_on_kill=True)
    with caplog.at_level("INFO"):
        killed(trigger, monkeypatch, "failed", ids)
    assert "was not cancelled" in caplog.text
    assert "Playwright Check Suites only" in caplog.text


def test_kill_is_bounded(checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfall 40."""
    monkeypatch.setattr(triggers, "KILL_SECONDS", 0.5)
    ids = start(NEVER_ENDS)
    checkly.fail(method="POST", path="cancel", delay=5)

    trigger = ChecklySessionTrigger(CONN, ids, in_seconds(60), cancel_on_kill=True)
    monkeypatch.setattr(trigger, "_is_awaited", nobody_waits)
    trigger.task_instance = TI  # type: ignore[assignment]
    began = time.monotonic()
    asyncio.run(trigger.on_kill())
    assert time.monotonic() - began < 4
