from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from airflow_runner import TaskInstance, context, defer, events, run, stored
from status_account import ABSENT, CART, CHECKS, NEVER, OFF, READ_ONLY, SHOP, requests

from airflow_provider_checkly.emulator import Emulator
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyRefused,
    ChecklyUnreadable,
    ChecksTimedOut,
    InvalidInput,
    NoMatchingChecks,
)
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.sensors import ChecklyCheckStatusSensor
from airflow_provider_checkly.triggers import ChecklyHealthTrigger

if TYPE_CHECKING:
    from collections.abc import Iterator

WAYS = {
    "poke": {"mode": "poke", "deferrable": False},
    "reschedule": {"mode": "reschedule", "deferrable": False},
    "deferred": {"deferrable": True},
}
REMEMBERS = ["poke", "deferred"]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An account with a check that fails, one that never ran and one that is switched off."""
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "0")
    monkeypatch.setattr("airflow_provider_checkly.airflow_workarounds.SETTLING_SECONDS", 0)
    with Emulator(CHECKS, keys={READ_ONLY: "read_only"}) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", emulator.connection_json)
        emulator.set_status(CART, "failing")
        yield emulator


def sensor(way: str = "poke", **arguments: Any) -> ChecklyCheckStatusSensor:
    chosen = {"timeout": 2, "poke_interval": 0.3, **WAYS[way], **arguments}
    if not {"tags", "all_checks"} & chosen.keys():
        chosen.setdefault("check_ids", [SHOP])
    return ChecklyCheckStatusSensor(task_id="healthy", **chosen)


def later(seconds: float, action: Any, *arguments: Any) -> None:
    timer = threading.Timer(seconds, action, arguments)
    timer.daemon = True
    timer.start()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("chosen", [{"check_ids": SHOP}, {"tags": ["shop", "prod"]}], ids=["ids", "tags"])
def test_healthy_checks_pass_at_once(account: Emulator, way: str, chosen: dict[str, Any]) -> None:
    ti = TaskInstance()
    found = run(sensor(way, **chosen), context(ti))
    assert [(each["check_id"], each["status"], each["name"]) for each in found] == [(SHOP, "passing", "Shop")]
    assert (
        found[0]["link"]
        == ti.xcom["checkly_link"]
        == f"{account.url}/accounts/{account.account_id}/checks/{SHOP}"
    )
    assert ti.xcom["gate"]["outcome"] == "passed"
    assert ti.xcom["report"] == ti.xcom["gate"]["message"] == "Shop is healthy."
    assert ti.xcom["gate"]["checks"][0]["status"] == "passing"
    assert requests(account) == 1
    assert not any(record.method != "GET" for record in account.requests)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("chosen", [{"check_ids": [SHOP, CART]}, {"tags": "shop"}], ids=["ids", "tags"])
def test_it_waits_for_the_recovery(account: Emulator, way: str, chosen: dict[str, Any]) -> None:
    later(0.8, account.set_status, CART, "passing")
    ti, start = TaskInstance(), time.monotonic()
    found = run(sensor(way, timeout=20, **chosen), context(ti))
    assert time.monotonic() - start > 0.7
    assert sorted(each["name"] for each in found) == ["Cart", "Shop"]
    assert ti.xcom["gate"]["message"] == "All 2 checks are healthy."


REASONS = [
    ({"check_ids": [SHOP, CART]}, "1 of 2 checks", "Cart is failing, last in eu-central-1"),
    ({"check_ids": [NEVER]}, "1 of 1 check not", "Never ran has not run yet"),
    ({"check_ids": [ABSENT]}, "1 of 1 check not", f"{ABSENT} has no status"),
    ({"check_ids": [OFF]}, "1 of 1 check not", "Switched off is deactivated"),
    ({"all_checks": True}, "2 of 3 checks", "Cart is failing"),
    ({"tags": [["new"], ["prod"]]}, "1 of 2 checks", "Never ran has not run yet"),
    ({"check_ids": [SHOP], "healthy": "degraded"}, "1 of 1 check not", "Shop is passing"),
    ({"check_ids": [SHOP], "fresh": True}, "1 of 1 check not", "Shop has not run since the task began"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("chosen", "count", "reason"), REASONS, ids=[str(row[0]) for row in REASONS])
def test_the_time_out_names_what_is_not_healthy(
    account: Emulator, way: str, chosen: dict[str, Any], count: str, reason: str
) -> None:
    ti = TaskInstance()
    with pytest.raises(AirflowSensorTimeout) as caught:
        run(sensor(way, **{"timeout": 0.7, **chosen}), context(ti))
    assert isinstance(caught.value, ChecksTimedOut)
    assert reason in str(caught.value)
    assert ti.xcom["gate"]["outcome"] == "timed_out"
    assert not ti.xcom["gate"]["passed"]
    assert ti.xcom["report"]
    assert account.requests
    assert count in str(caught.value)
    assert ti.xcom["checkly_link"]


@pytest.mark.parametrize("way", WAYS)
def test_soft_fail_skips_on_the_time_out_only(account: Emulator, way: str) -> None:
    ti = TaskInstance()
    with pytest.raises(AirflowSkipException, match="Cart is failing"):
        run(sensor(way, check_ids=CART, timeout=0.7, soft_fail=True), context(ti))
    assert ti.xcom["gate"]["outcome"] == "skipped"
    account.fail(path="check-statuses", status=401, times=None)
    with pytest.raises(ChecklyAuthError, match=r"does not accept the API key.*connection 'checkly_default'"):
        run(sensor(way, soft_fail=True))


@pytest.mark.parametrize("way", WAYS)
def test_fresh_waits_for_a_run_since_the_task_began(account: Emulator, way: str) -> None:
    time.sleep(0.01)
    later(0.8, account.set_status, SHOP, "passing")
    start = time.monotonic()
    run(sensor(way, fresh=True, timeout=20))
    assert time.monotonic() - start > 0.7


class Restarted(TaskInstance):
    """A task instance of which each process has its own start."""

    start_date = property(lambda _: datetime.now(UTC), lambda *_: None)  # type: ignore[assignment]


def test_fresh_in_reschedule_mode_counts_from_the_first_poke(account: Emulator) -> None:
    later(0.8, account.set_status, SHOP, "passing")
    assert run(sensor(mode="reschedule", fresh=True, timeout=20), context(Restarted()))


@pytest.mark.parametrize("way", REMEMBERS)
def test_for_seconds_asks_for_health_without_a_break(account: Emulator, way: str) -> None:
    later(0.5, account.set_status, SHOP, "failing")
    later(1.0, account.set_status, SHOP, "passing")
    start = time.monotonic()
    run(sensor(way, for_seconds=timedelta(seconds=1), poke_interval=0.2, timeout=20))
    assert time.monotonic() - start > 1.9


def test_health_that_does_not_last_until_the_deadline_is_not_enough(account: Emulator) -> None:
    later(0.7, account.set_status, SHOP, "failing")
    later(1.1, account.set_status, SHOP, "passing")
    task = sensor("deferred", for_seconds=1.5, timeout=2, poke_interval=0.2)
    with pytest.raises(AirflowSensorTimeout, match="Shop is healthy, but not for long enough"):
        run(task)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_outage_is_waited_out(account: Emulator, way: str, status: int) -> None:
    task = sensor(way, timeout=30)
    account.fail(path="check-statuses", status=status, times=2, headers={"Retry-After": "0"})
    assert run(task)


@pytest.mark.parametrize("way", WAYS)
def test_an_outage_until_the_deadline_is_an_error_and_no_time_out(account: Emulator, way: str) -> None:
    account.fail(path="check-statuses", status=503, times=None)
    ti = TaskInstance()
    with pytest.raises(ChecklyRefused, match="503"):
        run(sensor(way, timeout=1, soft_fail=True), context(ti))
    assert ti.xcom["gate"]["outcome"] == "error"


@pytest.mark.parametrize("way", WAYS)
def test_what_a_retry_cannot_mend_ends_the_wait_at_once(account: Emulator, way: str) -> None:
    account.fail(path="check-statuses", status=403, times=None)
    ti = TaskInstance()
    with pytest.raises(ChecklyAuthError):
        run(sensor(way, timeout=600), context(ti))
    assert ti.xcom["gate"]["outcome"] == "error"
    assert requests(account) == 1


def test_an_error_in_the_triggerer_ends_the_task_as_on_a_worker(account: Emulator) -> None:
    task = sensor("deferred", check_ids=CART, timeout=600)
    deferred = defer(task)
    account.fail(path="check-statuses", status=401, times=None)
    (event,) = events(stored(deferred.trigger))
    assert event["error"]["type"] == "ChecklyAuthError"
    with pytest.raises(ChecklyAuthError):
        task.resume_execution("execute_complete", {"event": event}, context())


@pytest.mark.parametrize("body", [{"message": "x"}, "<html>", [1, 2]])
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_cannot_be_read_is_never_green(account: Emulator, way: str, body: Any) -> None:
    account.fail(path="check-statuses", body=body, times=None)
    with pytest.raises(ChecklyUnreadable):
        run(sensor(way))


@pytest.mark.parametrize("body", [[], [None], [{"name": "Shop"}], [{"name": "Shop", "checkId": SHOP}]])
@pytest.mark.parametrize("way", WAYS)
def test_an_answer_without_the_check_is_never_green(account: Emulator, way: str, body: Any) -> None:
    account.fail(path="check-statuses", body=body, times=None)
    with pytest.raises(AirflowSensorTimeout):
        run(sensor(way, timeout=0.7))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("tags", "text"),
    [
        ("none", "has the tags 'none'. All tags of a list must match; use a list of lists for alternatives."),
        (["shop", "new"], "has the tags 'shop' and 'new'."),
        ([["none"], ["nothing"]], "has the tags 'none' or 'nothing'."),
        ("shop,prod", "A comma does not separate tags; use a list."),
        (["prod", "!shop"], "has the tags 'prod' and '!shop' (1 deactivated)."),
    ],
)
def test_tags_that_match_nothing_are_an_error(account: Emulator, way: str, tags: Any, text: str) -> None:
    """The words are those of the operator."""
    with pytest.raises(NoMatchingChecks, match=r"^No active check has the tags ") as caught:
        run(sensor(way, tags=tags))
    assert text in str(caught.value)
    assert str(caught.value).endswith(f" (connection 'checkly_default', {account.url})")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("change", "advice"), [("password", "does not accept"), ("login", "but not for this")]
)
def test_a_wrong_key_and_a_wrong_account_are_told_once(
    account: Emulator, way: str, change: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connection, base URL and advice are those of the Test button."""
    connection = {**json.loads(account.connection_json), change: ABSENT}
    monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", json.dumps(connection))
    with pytest.raises(ChecklyAuthError, match=advice) as caught:
        run(sensor(way))
    assert str(caught.value).count(f"(connection 'checkly_default', {account.url})") == 1
    assert advice in ChecklyHook().test_connection()[1]


def test_a_read_only_key_will_do(account: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_CHECKLY_DEFAULT", account.connection_json.replace(account.api_key, READ_ONLY)
    )
    assert run(sensor(tags="shop", healthy=["passing", "failing"]))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"check_ids": None}, "none of them is given"),
    ({"check_ids": [SHOP], "tags": "shop"}, "not check_ids and tags"),
    ({"check_ids": [SHOP], "all_checks": True}, "not check_ids and all_checks=True"),
    ({"tags": "shop", "all_checks": True}, "not tags and all_checks=True"),
    ({"all_checks": "yes"}, "all_checks must be True or False"),
    ({"healthy": "green"}, "healthy must be one or more of passing, degraded, failing, not 'green'"),
    ({"healthy": ["passing", "ok"]}, "healthy must be"),
    ({"healthy": []}, "healthy must be"),
    ({"healthy": None}, "healthy must be"),
    ({"fresh": "yes"}, "fresh must be True or False"),
    ({"for_seconds": -1}, "for_seconds must be seconds"),
    ({"for_seconds": "300"}, "for_seconds must be seconds"),
    ({"for_seconds": float("nan")}, "for_seconds must be seconds"),
    ({"for_seconds": timedelta(seconds=-1)}, "for_seconds must be seconds"),
    ({"poke_interval": 0}, "poke_interval must be seconds"),
    ({"healthy": "Passing"}, "healthy must be"),
    ({"healthy": {"unknown"}}, "healthy must be"),
    ({"healthy": [["passing"]]}, "healthy must be"),
    ({"for_seconds": True}, "for_seconds must be seconds"),
    ({"for_seconds": 2, "timeout": 2}, "for_seconds=2 must be below the timeout"),
    ({"for_seconds": 1, "mode": "reschedule"}, "cannot be combined with mode='reschedule'"),
    ({"for_seconds": 1, "exponential_backoff": True}, "cannot be combined with exponential_backoff"),
    ({"deferrable": "yes"}, "deferrable must be True or False"),
]


@pytest.mark.parametrize(("arguments", "text"), BAD, ids=[str(row[0]) for row in BAD])
def test_bad_arguments_are_refused_when_the_dag_is_read(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        sensor(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"check_ids": "None"},
        {"check_ids": ""},
        {"check_ids": []},
        {"check_ids": [""]},
        {"check_ids": "shop"},
        {"tags": ""},
        {"tags": [[]]},
        {"tags": ["shop", ["prod"]]},
        {"tags": "None"},
    ],
)
def test_what_templates_may_render_to_is_refused_before_any_request(
    account: Emulator, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        run(sensor(**arguments))
    assert account.requests == []


def test_the_trigger_stores_all_its_arguments(account: Emulator) -> None:
    task = sensor(
        "deferred", tags=[["shop"], ["new"]], fresh=True, for_seconds=5, timeout=100, poke_interval=7
    )
    trigger = defer(task).trigger
    assert isinstance(trigger, ChecklyHealthTrigger)
    assert stored(trigger).serialize() == trigger.serialize()
    path, arguments = trigger.serialize()
    assert path.endswith("triggers.ChecklyHealthTrigger")
    assert arguments["tags"] == [["shop"], ["new"]]
    assert (arguments["for_seconds"], arguments["poll_interval"]) == (5, 7)
    assert arguments["since"] == pytest.approx(time.time(), abs=60)
    assert account.api_key not in str(arguments)


def test_the_event_is_held_back_as_long_as_airflow_needs(account: Emulator) -> None:
    now = time.time()
    trigger = ChecklyHealthTrigger(
        "checkly_default",
        now + 60,
        check_ids=[SHOP],
        poll_interval=0.2,
        not_before=now + 1,
        max_hold_seconds=1,
    )
    (event,) = events(trigger)
    assert time.time() >= now + 1
    assert event["unhealthy"] == 0
    assert requests(account) == 1


def test_a_thousand_checks_fit_into_the_event(account: Emulator) -> None:
    rows = [
        {"name": "x" * 500, "checkId": f"{n:08d}-0000-4000-8000-000000000000", "hasFailures": True}
        for n in range(1000)
    ]
    account.fail(path="check-statuses", body=rows, times=None)
    ids = [row["checkId"] for row in rows]
    trigger = ChecklyHealthTrigger("checkly_default", time.time(), check_ids=ids, poll_interval=1)
    (event,) = events(trigger)
    assert len(str(event)) < 64 * 1024
    assert (event["count"], event["unhealthy"]) == (1000, 1000)


@pytest.mark.parametrize(
    "event", [None, {}, {"version": 1}, {"version": 1, "checks": [{}], "count": 1, "unhealthy": 0}]
)
def test_an_event_that_is_not_ours_is_never_green(account: Emulator, event: Any) -> None:
    with pytest.raises(ChecklyUnreadable):
        sensor("deferred").execute_complete(context(), event)
    assert account.requests == []


def test_airflows_own_time_out_ends_the_task_as_ours_does(account: Emulator) -> None:
    task = sensor("deferred", check_ids=CART, timeout=600, soft_fail=True)
    assert isinstance(defer(task), TaskDeferred)
    with pytest.raises(AirflowSkipException, match="No triggerer reported in time"):
        task.resume_execution("__fail__", {"error": "Trigger timeout"}, context())
    assert account.requests


def test_execution_timeout_comes_first(account: Emulator) -> None:
    task = sensor("deferred", check_ids=CART, timeout=600, execution_timeout=timedelta(seconds=1))
    with pytest.raises(AirflowSensorTimeout, match="Cart is failing"):
        run(task)
    assert account.requests


def test_many_deferred_sensors_share_each_request(account: Emulator) -> None:
    deadline = time.time() + 3

    async def wait() -> list[Any]:
        triggers = [
            ChecklyHealthTrigger("checkly_default", deadline, check_ids=[CART], poll_interval=1)
            for _ in range(200)
        ]
        return await asyncio.gather(*(anext(aiter(trigger.run())) for trigger in triggers))

    found = asyncio.run(wait())
    assert all(event.payload["late"] for event in found)
    assert requests(account) <= 5


def test_an_error_is_shared_too(account: Emulator) -> None:
    account.fail(path="check-statuses", status=401, times=None)

    async def wait() -> list[Any]:
        triggers = [
            ChecklyHealthTrigger("checkly_default", time.time() + 60, check_ids=[CART], poll_interval=1)
            for _ in range(50)
        ]
        return await asyncio.gather(*(anext(aiter(trigger.run())) for trigger in triggers))

    assert {event.payload["error"]["type"] for event in asyncio.run(wait())} == {"ChecklyAuthError"}
    assert requests(account) == 1


def test_a_wait_that_is_cancelled_takes_no_other_along(account: Emulator) -> None:
    account.fail(path="check-statuses", delay=0.5)

    async def wait() -> Any:
        first, second = (
            asyncio.create_task(
                anext(
                    aiter(
                        ChecklyHealthTrigger(
                            "checkly_default", time.time() + 60, check_ids=[SHOP], poll_interval=0.2
                        ).run()
                    )
                )
            )
            for _ in range(2)
        )
        await asyncio.sleep(0.4)
        first.cancel()
        return (await second).payload

    assert asyncio.run(wait())["unhealthy"] == 0
    assert requests(account) == 1


def test_the_log_names_what_is_not_healthy(account: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    defer(sensor("deferred", check_ids=[SHOP, CART], timeout=600))
    assert "1 of 2 checks not healthy: Cart is failing, last in eu-central-1." in caplog.text
    assert "Deferring" in caplog.text
    assert account.api_key not in caplog.text


def test_errors_are_airflows_where_a_retry_cannot_mend_them(account: Emulator) -> None:
    account.fail(path="check-statuses", status=401, times=None)
    with pytest.raises(AirflowException):
        run(sensor())
