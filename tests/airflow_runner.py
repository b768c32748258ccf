"""Runs tasks as Airflow does, without a scheduler: execute, reschedule, defer, trigger, resume."""

from __future__ import annotations

import asyncio
import json
import time
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.exceptions import AirflowRescheduleException
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_checkly import triggers
from airflow_provider_checkly.operators import ChecklyRunChecksOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator

    from airflow_provider_checkly.emulator import Emulator, Record


@dataclass
class Store:
    """Airflow's `task_state_store`, which outlives a try."""

    values: dict[str, Any] = field(default_factory=dict)

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = json.loads(json.dumps(value))


@dataclass
class TaskInstance:
    """The part of a task instance that our tasks and Airflow's sensors use."""

    task_id: str = "task"
    dag_id: str = "dag"
    run_id: str = "run"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 2
    start_date: datetime = field(default_factory=lambda: datetime.now(UTC))
    first_rescheduled: datetime | None = None
    xcom: dict[str, Any] = field(default_factory=dict)

    def get_first_reschedule_date(self, _context: Any) -> datetime | None:
        return self.first_rescheduled

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcom[key] = json.loads(json.dumps(value))


def context(ti: TaskInstance | None = None, store: Store | None = None) -> Any:
    """The part of Airflow's context that our tasks use."""
    return {"ti": ti or TaskInstance(), **({"task_state_store": store} if store else {})}


def stored(trigger: Any) -> Any:
    """A trigger as it comes out of the database."""
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    assert module == triggers.__name__
    return getattr(triggers, name)(**json.loads(json.dumps(arguments)))


def events(trigger: Any) -> list[Any]:
    """All events of a trigger, as the resumed task sees them."""

    async def collect() -> list[Any]:
        return [json.loads(json.dumps(event.payload)) async for event in trigger.run()]

    return asyncio.run(collect())


def run(task: BaseOperator, where: Any = None) -> Any:
    """Run a task to its end: whenever Airflow would start a process, with a copy of the task."""
    where = where or context()
    try:
        return _execute(task, where)
    except TaskDeferred as deferred:
        (event,) = events(stored(deferred.trigger))
        next_kwargs = {**(deferred.kwargs or {}), "event": event}
        return copy(task).resume_execution(deferred.method_name, next_kwargs, where)


def _execute(task: BaseOperator, where: Any) -> Any:
    """Execute a task until it is not rescheduled any more."""
    while True:
        try:
            with pytest.MonkeyPatch.context() as patch:
                if not AIRFLOW_V_3_0_PLUS:  # Airflow 2 looks into its database
                    first = where["ti"].first_rescheduled
                    patch.setattr("airflow.sensors.base._orig_start_date", lambda first=first, **_: first)
                return copy(task).execute(where)
        except AirflowRescheduleException:
            where["ti"].first_rescheduled = where["ti"].first_rescheduled or datetime.now(UTC)
            time.sleep(0.05)


def defer(task: BaseOperator, where: Any = None) -> TaskDeferred:
    """Run a task up to its deferral."""
    try:
        task.execute(where or context())
    except TaskDeferred as deferred:
        return deferred
    raise AssertionError("the task did not defer")


def run_checks(**arguments: Any) -> ChecklyRunChecksOperator:
    """An operator that runs checks."""
    return ChecklyRunChecksOperator(task_id="task", **arguments)


def requests_to(checkly: Emulator, path: str) -> list[Record]:
    """The requests whose path contains a text."""
    return [record for record in checkly.requests if path in record.path]
