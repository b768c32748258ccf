"""The workarounds for Airflow, each on its own; triggers and operators show them at work."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_checkly import airflow_workarounds


@pytest.mark.parametrize(("setting", "seconds"), [("0", 3.0), ("5", 8.0)])
def test_the_shortest_deferral(setting: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """It covers the time that the supervisor of the deferring process lingers, from Airflow 3.1 on."""
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", setting)
    assert airflow_workarounds.min_deferral_seconds() == (seconds if AIRFLOW_V_3_1_PLUS else 0)


@pytest.mark.parametrize(
    ("method", "kwargs", "is_timeout"),
    [
        ("__fail__", {"error": "Trigger timeout"}, True),
        ("__fail__", {"error": "Trigger/execution timeout"}, True),
        ("__fail__", {"error": "Trigger failure"}, False),
        ("__fail__", {}, False),
        ("__fail__", None, False),
        ("execute_complete", {"event": {}}, False),
        ("execute_complete", {"error": "Trigger timeout"}, False),
    ],
)
def test_a_time_out_of_the_deferral(method: str, kwargs: dict[str, Any] | None, *, is_timeout: bool) -> None:
    """Airflow 3 and 2.11 tell it by different texts."""
    assert airflow_workarounds.is_defer_timeout(method, kwargs) is is_timeout


def test_repeated_cancels() -> None:
    """The work ends, however often the coroutine that waits for it is cancelled."""
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0.2)
        done.append("work")

    async def cancelled() -> None:
        task = asyncio.ensure_future(airflow_workarounds.shield_from_repeated_cancels(work()))
        while not task.done():
            await asyncio.wait({task}, timeout=0.05)
            task.cancel()

    asyncio.run(cancelled())
    assert done == ["work"]


IDS = ["one", "two"]
AWAITED = {
    "deferred": (-1, {"w": "deferred"}, IDS, True),
    "up for retry": (-1, {"w": "up_for_retry"}, IDS, True),
    "up for retry on Airflow 3.4": (-1, {"w": "up_for_retry"}, None, True),
    "mapped": (1, {"w_1": "deferred"}, IDS, True),
    "its sibling is deferred": (1, {"w_0": "deferred", "w_1": "failed"}, IDS, False),
    "marked failed": (-1, {"w": "failed"}, IDS, False),
    "marked success": (-1, {"w": "success"}, IDS, False),
    "cleared, and deferred again": (-1, {"w": "deferred"}, ["three"], False),
    "cleared, and not started yet": (-1, {"w": "deferred"}, None, False),
    "without a state": (-1, {}, IDS, False),
}


@pytest.mark.parametrize(("index", "states", "xcom", "awaited"), AWAITED.values(), ids=AWAITED)
def test_whether_sessions_are_still_awaited(
    index: int, states: dict[str, str], xcom: object, monkeypatch: pytest.MonkeyPatch, *, awaited: bool
) -> None:
    """The state of the task and the session ids in its XCom decide."""
    runner = pytest.importorskip("airflow.sdk.execution_time.task_runner")
    monkeypatch.setattr(runner.RuntimeTaskInstance, "get_task_states", lambda **_: {"run": states})
    monkeypatch.setattr(airflow_workarounds, "XCom", SimpleNamespace(get_one=lambda **_: xcom))
    ti = SimpleNamespace(dag_id="dag", task_id="w", run_id="run", map_index=index)
    found = asyncio.run(airflow_workarounds.is_still_awaited(ti, "check_session_ids", IDS))
    assert found is awaited


def test_without_a_task_instance() -> None:
    """Under `dag.test()` nothing tells whether a user ended the task, so nothing is to be cancelled."""
    pytest.importorskip("airflow.sdk.execution_time.task_runner")
    assert asyncio.run(airflow_workarounds.is_still_awaited(None, "check_session_ids", IDS))


def test_the_form_of_older_versions() -> None:
    """Airflow 2.11 to 3.1 spell the keys with underscores."""
    behaviour: Any = {"hidden-fields": [], "relabeling": {"login": "Account ID"}}
    assert airflow_workarounds.form_behaviour(behaviour) == {
        "hidden_fields": [],
        "relabeling": {"login": "Account ID"},
    }
