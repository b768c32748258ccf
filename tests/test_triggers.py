"""The trigger: what is stored, its one event, and what a kill does."""

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

from airflow_provider_checkly import airflow_workarounds, triggers
from airflow_provider_checkly.emulator.default_checks import FAILS, NEVER_ENDS, PASSES
from airflow_provider_checkly.events import from_event
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.triggers import ChecklySessionTrigger

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from airflow_provider_checkly.emulator import Emulator

    AirflowSays: TypeAlias = Callable[[str, object], None]

CONN = "checkly_default"


def start(*check_ids: str) -> list[str]:
    return [str(s["checkSessionId"]) for s in ChecklyHook().trigger_check_sessions(check_ids)]


def in_seconds(seconds: float) -> float:
    return time.time() + seconds


def cancels(checkly: Emulator) -> list[str]:
    return [record.path.split("/")[3] for record in checkly.requests if record.path.endswith("cancel")]


def test_what_is_stored() -> None:
    """Every argument, as JSON, without secrets; all but the first three have defaults."""
    odd: dict[str, Any] = {
        "checkly_conn_id": "other",
        "session_ids": [PASSES],
        "deadline": 1.5,
        "kind": "test-sessions",
        "stop_on": ["DEGRADED", "FAILED"],
        "logged_ids": [FAILS],
        "not_before": 2.5,
        "max_hold_seconds": 3.5,
        "cancel_on_kill": True,
    }
    trigger = ChecklySessionTrigger(**odd)
    assert list(inspect.signature(ChecklySessionTrigger).parameters) == list(odd)
    assert json.loads(json.dumps(trigger.serialize()[1])) == odd
    assert stored(trigger).serialize() == trigger.serialize()
    module, _, name = trigger.serialize()[0].rpartition(".")
    assert getattr(__import__(module, fromlist=[name]), name) is ChecklySessionTrigger
    assert stored(ChecklySessionTrigger(CONN, [PASSES], 1)).max_hold_seconds == 0


def test_what_an_older_release_stored(checkly: Emulator) -> None:
    """The arguments that 0.1.0 leaves in the database build a trigger, all or the least of them."""
    ids = start(PASSES)
    path, arguments = json.loads(
        """["airflow_provider_checkly.triggers.ChecklySessionTrigger", {"checkly_conn_id": "checkly_default",
        "session_ids": ["ID"], "deadline": 1790000000.5, "kind": "check-sessions",
        "stop_on": ["CANCELLED", "FAILED", "TIMED_OUT"], "logged_ids": [], "not_before": 1780000000.25,
        "max_hold_seconds": 8.0, "cancel_on_kill": true}]
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
    """After a pass, a failure, the deadline, a late start and an error; without the key."""
    passes, fails, never = start(PASSES), start(FAILS), start(NEVER_ENDS)
    unknown = ["dddddddd-0000-4000-8000-000000000001"]
    for ids, timeout, expected in [
        (passes, 10, {"late": False, "unfinished": []}),
        (fails, 10, {"late": False, "unfinished": []}),
        (never, 0, {"late": True, "unfinished": [0]}),
        (passes, -100, {"late": False, "unfinished": []}),
    ]:
        (event,) = events(ChecklySessionTrigger(CONN, ids, in_seconds(timeout)))
        assert {key: event[key] for key in expected} == expected
        assert event["error"] is None
        assert checkly.api_key not in json.dumps(event)
    (event,) = events(ChecklySessionTrigger(CONN, unknown, in_seconds(0)))
    assert event["error"]["type"] == "ChecklyNotFound"
    assert f"GET /v2/check-sessions/{unknown[0]}: Checkly responded 404" in event["error"]["text"]


def test_the_state_counts_first_the_deadline_second(checkly: Emulator) -> None:
    """A triggerer that comes late finds that the session has ended."""
    ids = start(PASSES)
    ChecklyHook().wait_for_check_sessions(ids, 10)
    (event,) = events(ChecklySessionTrigger(CONN, ids, in_seconds(-3600)))
    result = from_event(event)
    assert (result.late, result.unfinished) == (False, ())
    assert cancels(checkly) == []


@pytest.mark.usefixtures("checkly")
def test_the_clock_of_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only wall-clock time is stored, since the monotonic clock of another machine differs."""
    ids = start(PASSES)
    real = time.monotonic
    monkeypatch.setattr("airflow_provider_checkly.api.transport.time.monotonic", lambda: real() + 10**9)
    (event,) = events(ChecklySessionTrigger(CONN, ids, in_seconds(10)))
    assert event["sessions"][0]["status"] == "PASSED"


@pytest.mark.usefixtures("checkly")
@pytest.mark.parametrize(
    ("not_before", "most", "least"),
    [(0.8, 5, 0.7), (1000, 0.5, 0.5), (-5, 5, 0)],
    ids=["until its time", "but not for long", "not at all"],
)
def test_no_event_before_its_time(
    not_before: float, most: float, least: float, caplog: pytest.LogCaptureFixture
) -> None:
    """The scheduler of Airflow 3.1 to 3.3.2 fails tasks that are resumed too soon."""
    ids, began = start(PASSES), time.time()
    trigger = ChecklySessionTrigger(
        CONN, ids, in_seconds(10), not_before=began + not_before, max_hold_seconds=most
    )
    with caplog.at_level("DEBUG"):
        assert len(events(trigger)) == 1
    assert time.time() - began >= least
    assert ("Holding the event back for 0.5 s" in caplog.text) is (not_before == 1000)
    assert not_before > 0 or "Holding" not in caplog.text


@pytest.mark.usefixtures("checkly")
def test_an_end_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The worker has logged the end of `logged_ids` before it deferred."""
    passes, fails = start(PASSES, FAILS)
    with caplog.at_level("INFO"):
        events(ChecklySessionTrigger(CONN, [passes, fails], in_seconds(10), logged_ids=[passes]))
    assert "Checkout API FAILED after" in caplog.text
    assert "Homepage API PASSED after" not in caplog.text


def test_two_triggerers_at_once(checkly: Emulator) -> None:
    """Both report the same, since a trigger only reads."""
    ids = start(PASSES, FAILS)

    async def both() -> list[Any]:
        async def one() -> Any:
            return [event.payload async for event in ChecklySessionTrigger(CONN, ids, in_seconds(10)).run()]

        return await asyncio.gather(one(), one())

    first, second = asyncio.run(both())
    assert first == second
    assert [record.method for record in checkly.requests].count("POST") == 1


def test_stopped_in_mid_wait(checkly: Emulator) -> None:
    """A restart of the triggerer cancels nothing, and nothing stays open."""
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
    """They are not looked up on the thread of the event loop."""
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


def test_an_unexpected_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow logs its traceback."""
    monkeypatch.delenv("AIRFLOW_CONN_CHECKLY_DEFAULT", raising=False)
    with pytest.raises(Exception, match="no_such_connection"):
        events(ChecklySessionTrigger("no_such_connection", [PASSES], in_seconds(10)))


# Kill (Airflow 3.3+)


TI: Any = SimpleNamespace(dag_id="dag", task_id="w", run_id="run", map_index=1)


@pytest.fixture
def airflow_says(monkeypatch: pytest.MonkeyPatch) -> AirflowSays:
    """Set the state of the task and the session ids in its XCom, as Airflow 3.3 would tell them."""
    pytest.importorskip("airflow.sdk.execution_time.task_runner")

    def says(state: str, ids: object) -> None:
        monkeypatch.setattr(
            "airflow.sdk.execution_time.task_runner.RuntimeTaskInstance.get_task_states",
            lambda **_: {"run": {"w_1": state, "w_0": "deferred"}},
        )
        monkeypatch.setattr(airflow_workarounds, "XCom", SimpleNamespace(get_one=lambda **_: ids))

    return says


def trigger_of(ids: list[str], **arguments: Any) -> ChecklySessionTrigger:
    """A trigger of a mapped task instance."""
    trigger = ChecklySessionTrigger(CONN, ids, in_seconds(60), **{"cancel_on_kill": True, **arguments})
    trigger.task_instance = TI
    return trigger


@pytest.mark.parametrize(("state", "cancel"), [("failed", True), ("deferred", False)])
def test_kill(state: str, checkly: Emulator, airflow_says: AirflowSays, *, cancel: bool) -> None:
    """The unfinished sessions are cancelled, unless the task still waits for them."""
    passes, never = start(PASSES, NEVER_ENDS)
    ids = [passes, never]
    airflow_says(state, ids)

    async def kill() -> None:
        trigger = trigger_of(ids)
        waiting = asyncio.ensure_future(anext(aiter(trigger.run())))
        await asyncio.to_thread(ChecklyHook().wait_for_check_sessions, [passes], 10)
        await asyncio.sleep(0.3)
        waiting.cancel()
        await trigger.on_kill()

    asyncio.run(kill())
    assert cancels(checkly) == ([never] if cancel else [])


def test_kill_without_cancel_on_kill(checkly: Emulator, airflow_says: AirflowSays) -> None:
    airflow_says("failed", None)
    asyncio.run(trigger_of(start(NEVER_ENDS), cancel_on_kill=False).on_kill())
    assert cancels(checkly) == []


def test_kill_without_airflow(
    checkly: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A look-up that fails cancels nothing."""
    pytest.importorskip("airflow.sdk.execution_time.task_runner")

    def broken(**_: object) -> None:
        raise RuntimeError("no API server")

    monkeypatch.setattr("airflow.sdk.execution_time.task_runner.RuntimeTaskInstance.get_task_states", broken)
    asyncio.run(trigger_of(start(NEVER_ENDS)).on_kill())
    assert "The sessions were not cancelled; they may still be running" in caplog.text
    assert "no API server" in caplog.text
    assert cancels(checkly) == []


def test_kill_is_cancelled_every_second(checkly: Emulator, airflow_says: AirflowSays) -> None:
    """Airflow 3.3.2 does that to a running `on_kill`; a slow cancel must still arrive."""
    ids = start(NEVER_ENDS)
    airflow_says("failed", ids)
    checkly.fail(method="POST", path="cancel", delay=1.5)

    async def kill() -> None:
        task = asyncio.ensure_future(trigger_of(ids).on_kill())
        while not task.done():
            await asyncio.wait({task}, timeout=0.3)
            task.cancel()

    asyncio.run(kill())
    assert cancels(checkly) == ids
    session = ChecklyHook().wait_for_check_sessions(ids, 10)[0]
    assert session["status"] == "CANCELLED"


@pytest.mark.parametrize("status", [403, 404, 500])
def test_kill_that_checkly_refuses(
    status: int,
    checkly: Emulator,
    airflow_says: AirflowSays,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It raises nothing, and the log says what Checkly stops."""
    monkeypatch.setattr(triggers, "ON_KILL_CANCEL_SECONDS", 1)
    ids = start(NEVER_ENDS)
    airflow_says("failed", ids)
    checkly.fail(method="POST", path="cancel", status=status, times=None)
    with caplog.at_level("INFO"):
        asyncio.run(trigger_of(ids).on_kill())
    assert "was not cancelled" in caplog.text
    assert "stops only Playwright Check Suites" in caplog.text


def test_kill_is_bounded(
    checkly: Emulator,
    airflow_says: AirflowSays,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Airflow would cut off a slow `on_kill` without a word; ours says so first."""
    monkeypatch.setattr(triggers, "ON_KILL_SECONDS", 0.5)
    monkeypatch.setattr(triggers, "ON_KILL_CANCEL_SECONDS", 2)
    ids = start(NEVER_ENDS)
    airflow_says("failed", ids)
    checkly.fail(method="POST", path="cancel", delay=5)
    asyncio.run(trigger_of(ids).on_kill())
    assert "Cancelling timed out" in caplog.text
