"""Every end of what asks for health or keeps Checkly quiet: once, mapped, and in a second try."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow_runner import TaskInstance, context, run
from status_account import CART, CHECKS, SHOP

from airflow_provider_checkly.emulator import Emulator
from airflow_provider_checkly.exceptions import ChecklyAuthError, ChecklyError
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import (
    ChecklyAvailabilityOperator,
    ChecklyCreateMaintenanceWindowOperator,
    ChecklyDeleteMaintenanceWindowOperator,
)
from airflow_provider_checkly.sensors import ChecklyCheckStatusSensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import BaseOperator

SENSOR: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}


class End(NamedTuple):
    """How a task ends: the check it asks for, its arguments, how Checkly answers, what is raised and left."""

    check_id: str = SHOP
    arguments: dict[str, Any] = {}  # noqa: RUF012 - never changed
    fault: dict[str, Any] = {}  # noqa: RUF012
    raised: type[BaseException] | None = None
    outcome: str = "passed"


WRONG_KEY = {"status": 401, "times": None}
FORBIDDEN = {"status": 403, "times": None}
COMMON_ENDS = {
    "passes": End(),
    "skips": End(CART, {"soft_fail": True}, raised=AirflowSkipException, outcome="skipped"),
    "errs": End(fault=WRONG_KEY, raised=AirflowFailException, outcome="error"),
    "errs, soft_fail": End(SHOP, {"soft_fail": True}, WRONG_KEY, AirflowFailException, "error"),
    "errs, to be retried": End(fault=FORBIDDEN, raised=ChecklyAuthError, outcome="error"),
}
SENSOR_ENDS = COMMON_ENDS | {"times out": End(CART, raised=AirflowSensorTimeout, outcome="timed_out")}
AVAILABILITY_ENDS = COMMON_ENDS | {"fails": End(CART, raised=AirflowFailException, outcome="failed")}
ENDS = [
    *((f"sensor, {way}", name, end) for way in SENSOR for name, end in SENSOR_ENDS.items()),
    *(("availability", name, end) for name, end in AVAILABILITY_ENDS.items()),
]
MAPPED_OR_NOT = {"once": -1, "mapped": 3}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "0")
    monkeypatch.setattr("airflow_provider_checkly.airflow_workarounds.SETTLING_SECONDS", 0)
    with Emulator(CHECKS) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", emulator.connection_json)
        emulator.set_status(CART, "failing")
        yield emulator


def task_of(kind: str, check_id: str, **arguments: Any) -> BaseOperator:
    if kind == "availability":
        return ChecklyAvailabilityOperator(
            task_id="task", check_ids=check_id, min_availability=99, **arguments
        )
    way = SENSOR[kind.partition(", ")[2]]
    chosen = {"timeout": 0.7, "poke_interval": 0.3, **way, **arguments}
    return ChecklyCheckStatusSensor(task_id="task", check_ids=check_id, **chosen)


def ends(task: BaseOperator, ti: TaskInstance, raised: type[BaseException] | None) -> Any:
    """Run a task to its end, which is as expected."""
    if raised is None:
        return run(task, context(ti))
    with pytest.raises(raised) as caught:
        run(task, context(ti))
    return caught.value


@pytest.mark.parametrize("map_index", MAPPED_OR_NOT.values(), ids=MAPPED_OR_NOT)
@pytest.mark.parametrize(("kind", "name", "end"), ENDS, ids=[f"{kind} {name}" for kind, name, _ in ENDS])
def test_what_a_task_leaves(account: Emulator, kind: str, name: str, end: End, map_index: int) -> None:
    if end.fault:
        account.fail(path="check-statuses|analytics", **end.fault)
    ti = TaskInstance(map_index=map_index)
    ended = ends(task_of(kind, end.check_id, **end.arguments), ti, end.raised)
    assert ti.xcom["gate"]["outcome"] == end.outcome, name
    assert ti.xcom["gate"]["passed"] == (end.outcome == "passed")
    assert ti.xcom["report"]
    assert ti.xcom["report_slack"]
    if end.raised is None:
        assert len(ended) == 1
    if end.raised is ChecklyAuthError:
        assert not isinstance(ended, AirflowFailException)


@pytest.mark.parametrize("kind", ["availability", *(f"sensor, {way}" for way in SENSOR)])
def test_a_second_try_after_the_recovery(account: Emulator, kind: str) -> None:
    account.fail(path="check-statuses|analytics", **FORBIDDEN)
    first, second = TaskInstance(), TaskInstance(try_number=2)
    ends(task_of(kind, SHOP), first, ChecklyAuthError)
    account.clear()
    assert run(task_of(kind, SHOP), context(second))
    assert (first.xcom["gate"]["outcome"], second.xcom["gate"]["outcome"]) == ("error", "passed")


def create(ti: TaskInstance, **arguments: Any) -> Any:
    task = ChecklyCreateMaintenanceWindowOperator(
        task_id="task", silence_tags=["shop"], max_duration=timedelta(minutes=5), **arguments
    )
    return run(task, context(ti))


def delete(ti: TaskInstance, window_id: Any) -> Any:
    return run(ChecklyDeleteMaintenanceWindowOperator(task_id="task", window_id=window_id), context(ti))


@pytest.mark.parametrize("map_index", MAPPED_OR_NOT.values(), ids=MAPPED_OR_NOT)
@pytest.mark.parametrize(
    ("fault", "raised"),
    [(WRONG_KEY, AirflowFailException), (FORBIDDEN, ChecklyAuthError), ({"status": 500}, ChecklyError)],
    ids=["errs", "errs, to be retried", "away"],
)
def test_windows_in_a_second_try(
    account: Emulator, fault: dict[str, Any], raised: type[BaseException], map_index: int
) -> None:
    first, second = (TaskInstance(map_index=map_index, try_number=number) for number in (1, 2))
    fault = {"times": None, **fault}
    account.fail(path="maintenance-windows", **fault)
    with pytest.raises(raised):
        create(first)
    account.clear()
    window_id = create(second)
    account.fail(path="maintenance-windows", **fault)
    with pytest.raises(raised):
        delete(first, window_id)
    account.clear()
    delete(second, window_id)
    assert list(ChecklyHook().list_maintenance_windows()) == []
