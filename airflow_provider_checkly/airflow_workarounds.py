"""Workarounds for Airflow 2.11 to 3.3, one function each, with the versions and when it can be deleted."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import XCom, conf
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS
from asgiref.sync import sync_to_async

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from datetime import datetime

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.http import JsonObject

log = logging.getLogger(__name__)

SETTLING_SECONDS: Final = 3.0
DEFER_TIMEOUT_ERRORS: Final = frozenset({"Trigger timeout", "Trigger/execution timeout"})
TRIGGER_FAILED: Final = "__fail__"
"""The method that Airflow resumes if a trigger failed or took too long."""
_under_way: Final[set[asyncio.Future[None]]] = set()


def min_deferral_seconds() -> float:
    """Return the shortest time that a deferral may last, in seconds.

    Airflow 3.1 to 3.3.2: the scheduler fails a task that is resumed while the supervisor of the deferring
    process lingers, which takes up to `[workers] min_heartbeat_interval` (apache/airflow#67287). Delete with
    the last affected version, together with `not_before` of the trigger.
    """
    if not AIRFLOW_V_3_1_PLUS:
        return 0.0
    return float(conf.getint("workers", "min_heartbeat_interval", fallback=0) + SETTLING_SECONDS)


async def hold_back(not_before: float, max_hold_seconds: float) -> None:
    """Wait until a deferral has lasted as long as `min_deferral_seconds` says. Delete with it."""
    pause = min(max(0.0, not_before - time.time()), max_hold_seconds)
    if pause:
        log.debug("Holding the event back for %.1f s; see min_deferral_seconds.", pause)
        await asyncio.sleep(pause)


async def shield_from_repeated_cancels(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to completion even if it is cancelled every second.

    Airflow 3.3.0 to 3.3.2: the triggerer cancels `on_kill` with every sync, instead of after
    `[triggerer] on_kill_timeout`. Delete once that timeout applies.
    """
    task = asyncio.ensure_future(work)
    _under_way.add(task)  # on Python 3.11 Airflow drops its reference to `on_kill` before the end
    task.add_done_callback(_under_way.discard)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({task})


async def is_still_awaited(ti: Any, xcom_key: str, session_ids: list[str]) -> bool:
    """Return whether a task still waits for these sessions although `on_kill` of its trigger was called.

    Airflow 3.3: `on_kill` is also called in a triggerer that was frozen while another one took over. After a
    user's action the task is neither deferred nor up for retry, or it is deferred with the session ids of a
    new try. A task that is up for retry may continue with its sessions; from Airflow 3.4 on, its XCom is
    already that of the next try. Delete once `on_kill` is called for user actions only.

    :param ti: the task instance of the trigger, None under `dag.test()`.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415 - 3.3+ only

    if ti is None:
        return True
    of_task = {"dag_id": ti.dag_id, "map_index": ti.map_index}
    states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
        task_ids=[ti.task_id], run_ids=[ti.run_id], **of_task
    )
    state = states.get(ti.run_id, {}).get(ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}")
    if state != "deferred":
        return bool(state == "up_for_retry")
    ids = await sync_to_async(XCom.get_one)(key=xcom_key, task_id=ti.task_id, run_id=ti.run_id, **of_task)
    return bool(ids == session_ids)


def is_defer_timeout(next_method: str, next_kwargs: Mapping[str, Any] | None) -> bool:
    """Return whether Airflow resumes a task because its own timeout of the deferral expired.

    All versions: only the text of the error shows that it was the timeout; it differs between 2.11 and 3.
    """
    return next_method == TRIGGER_FAILED and (next_kwargs or {}).get("error") in DEFER_TIMEOUT_ERRORS


def template_dag(dag: Any) -> Any:
    """Return a DAG that can render templates, else None.

    Airflow 3.0 to 3.3: `dag.test()` gives callbacks a serialized DAG, which cannot. Every notifier of
    a DAG then fails (apache/airflow#64649). Delete once that is fixed in the oldest supported version.
    """
    return dag if hasattr(dag, "get_template_env") else None


def asset_stores(trigger: Any) -> list[Any]:
    """Return the state store of each asset of a watcher; none before Airflow 3.3.

    Airflow 3.3: watchers with equal arguments on several assets are one trigger, whose store then refuses
    `aget` and `aset`. Delete once it takes several assets.

    :param trigger: of the watcher; its attribute `asset_state_store` exists since 3.3.
    """
    store = getattr(trigger, "asset_state_store", None)
    if store is None:
        return []
    by_asset = [*getattr(store, "_by_name", {}).values(), *getattr(store, "_by_uri", {}).values()]
    return by_asset or [store]


def first_start(context: Context, retries: int) -> datetime | None:
    """Return when a sensor began, even if it has been rescheduled or retried since.

    All versions: each poke of a rescheduled sensor is a run with its own start. Airflow 2.11 has the first
    one only behind a private function; delete that part with 2.11.

    :param retries: of the task.
    """
    ti = context["ti"]
    if find := getattr(ti, "get_first_reschedule_date", None):
        return find(context) or ti.start_date
    original = import_module("airflow.sensors.base")._orig_start_date  # noqa: SLF001 - Airflow 2.11 only
    first_try = (ti.max_tries or 0) - retries + 1
    found: datetime | None = original(
        dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index, try_number=first_try
    )
    return found or ti.start_date


def form_behaviour(behaviour: JsonObject) -> dict[str, Any]:
    """Return the labels of the connection form in the spelling that Airflow 2.11 to 3.1 reads from the hook.

    Delete when 3.2 is the oldest supported version: it reads them from the provider info.
    """
    return {name.replace("-", "_"): value for name, value in behaviour.items()}


def form_widgets(fields: Mapping[str, JsonObject]) -> dict[str, Any]:  # pragma: no cover - Airflow 2 only
    """Return the extra form fields for Airflow 2.11 to 3.1. Delete with `form_behaviour`."""
    from flask_appbuilder.fieldwidgets import BS3TextFieldWidget  # noqa: PLC0415 - absent in plain 3.x
    from wtforms import IntegerField, StringField  # noqa: PLC0415 - absent in plain 3.x
    from wtforms.validators import Optional  # noqa: PLC0415 - absent in plain 3.x

    kinds = {"api_version": StringField}
    return {
        name: kinds.get(name, IntegerField)(
            field["label"], [Optional()], description=field["description"], widget=BS3TextFieldWidget()
        )
        for name, field in fields.items()
    }
