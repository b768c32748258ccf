from __future__ import annotations

import asyncio
import json
import logging
import time
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import pytest
from airflow_runner import stored
from status_account import ABSENT, CART, CHECKS, NEVER, READ_ONLY, SHOP, requests

from airflow_provider_checkly.emulator import Emulator
from airflow_provider_checkly.exceptions import InvalidInput
from airflow_provider_checkly.triggers import ChecklyCheckStatusTrigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

POLL = 0.2
ACCOUNTS: list[Emulator] = []
"""The account of the running test."""
PATIENCE = 5.0
"""Seconds that polls may take longer on a busy machine."""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setattr("airflow_provider_checkly.status_watcher.SETTLE_SECONDS", 0)
    with Emulator(CHECKS, keys={READ_ONLY: "read_only"}) as emulator:
        text = emulator.connection_json.replace(emulator.api_key, READ_ONLY)
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", text)
        ACCOUNTS[:] = [emulator]
        yield emulator


@dataclass
class AssetStore:
    """What Airflow stores for one asset; it fails as often as told."""

    values: dict[str, Any] = field(default_factory=dict)
    failures: int = 0
    on_set: Callable[[], None] = lambda: None

    @property
    def memory(self) -> Any:
        """What the only watcher of the asset has stored."""
        (value,) = self.values.values()
        return value

    async def aget(self, key: str, default: Any = None) -> Any:
        self._fail()
        return self.values.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        self._fail()
        self.on_set()
        self.values[key] = json.loads(json.dumps(value))

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("Airflow is not there")


@dataclass
class TwoAssets:
    """Airflow's store for a watcher on two assets, which refuses to choose one."""

    _by_name: dict[str, AssetStore]
    _by_uri: dict[str, AssetStore] = field(default_factory=dict)

    async def aget(self, *_: Any) -> Any:
        raise ValueError("Task has 2 concrete inlets and outlets")

    aset = aget


def watcher(store: Any = None, **arguments: Any) -> ChecklyCheckStatusTrigger:
    if not {"check_ids", "tags"} & arguments.keys():
        arguments["all_checks"] = True
    trigger: ChecklyCheckStatusTrigger = stored(ChecklyCheckStatusTrigger(poll_interval=POLL, **arguments))
    vars(trigger).pop("asset_state_store", None)  # as before Airflow 3.3
    if store is not None:
        trigger.asset_state_store = store
    return trigger


class Watching:
    """A watcher that runs until the block ends; `seen` are its events."""

    def __init__(self, trigger: ChecklyCheckStatusTrigger) -> None:
        self.trigger = trigger
        self.seen: list[dict[str, Any]] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        await self.polls(1)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert not self._task.done(), "a watcher never ends"
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _watch(self) -> None:
        async with aclosing(self.trigger.run()) as events:  # type: ignore[type-var]
            async for event in events:
                self.seen.append(event.payload)

    async def polls(self, count: float = 2.5) -> list[tuple[str, str, str]]:
        """Let some polls pass; return the names and statuses of the events so far."""
        end = time.monotonic() + count * POLL
        before = requests(ACCOUNTS[0])
        while time.monotonic() < end or requests(ACCOUNTS[0]) < before + min(count, 2):
            await asyncio.sleep(POLL / 4)
            if time.monotonic() > end + PATIENCE:
                break
        await asyncio.sleep(POLL / 2)
        return [(each["name"], each["previous_status"], each["status"]) for each in self.seen]


EVENTS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["failing", "failing"]),
    ({"to": "passing"}, ["passing"]),
    ({"to": ["degraded", "passing"]}, ["degraded", "passing"]),
    ({"to": ["failing", "passing"], "check_ids": CART}, []),
    ({"tags": ["shop", "prod"]}, ["failing", "failing"]),
    ({"tags": [["shop", "!prod"], ["new"]]}, []),
]


@pytest.mark.parametrize(("arguments", "expected"), EVENTS, ids=[str(row[0]) for row in EVENTS])
def test_an_event_for_each_change_to_a_wanted_status(
    account: Emulator, arguments: dict[str, Any], expected: list[str]
) -> None:
    async def watch() -> list[dict[str, Any]]:
        async with Watching(watcher(**arguments)) as watching:
            for word in ("failing", "degraded", "passing", "failing"):
                account.set_status(SHOP, word)  # type: ignore[arg-type]
                await watching.polls()
        return watching.seen

    seen = asyncio.run(watch())
    assert [each["status"] for each in seen] == expected
    assert all(each["check_id"] == SHOP for each in seen)


def test_the_payload_is_small_plain_json_without_secrets(account: Emulator) -> None:
    async def watch() -> list[dict[str, Any]]:
        async with Watching(watcher(check_ids=SHOP)) as watching:
            account.set_status(SHOP, "failing")
            await watching.polls()
        return watching.seen

    (payload,) = asyncio.run(watch())
    assert json.loads(json.dumps(payload)) == payload
    assert payload | {"result_id": "r", "updated_at": "t"} == {
        "check_id": SHOP,
        "name": "Shop",
        "status": "failing",
        "previous_status": "passing",
        "location": "eu-central-1",
        "result_id": "r",
        "link": f"{account.url}/accounts/{account.account_id}/checks/{SHOP}",
        "updated_at": "t",
    }
    assert payload["result_id"]
    assert payload["updated_at"]
    assert READ_ONLY not in str(payload)


def test_what_is_red_already_is_no_event(account: Emulator) -> None:
    account.set_status(CART, "failing")

    async def watch() -> list[dict[str, Any]]:
        async with Watching(watcher(to=["failing", "degraded", "passing"])) as watching:
            await watching.polls()
        return watching.seen

    assert asyncio.run(watch()) == []


def test_a_change_during_a_restart_is_one_event_after_it(account: Emulator) -> None:
    store = AssetStore()

    async def watch() -> list[list[tuple[str, str, str]]]:
        async with Watching(watcher(store)) as first:
            pass
        account.set_status(SHOP, "failing")
        async with Watching(watcher(store)) as second:
            found = await second.polls()
        async with Watching(watcher(store)) as third:
            return [await first.polls(0), found, await third.polls()]

    assert asyncio.run(watch()) == [[], [("Shop", "passing", "failing")], []]


def test_without_a_store_a_change_during_a_restart_is_missed(account: Emulator) -> None:
    async def watch() -> list[tuple[str, str, str]]:
        async with Watching(watcher()):
            pass
        account.set_status(SHOP, "failing")
        await asyncio.sleep(POLL)  # the last answer is too old then
        async with Watching(watcher()) as second:
            return await second.polls()

    assert asyncio.run(watch()) == []


def test_what_was_seen_is_stored_after_its_event_has_left(account: Emulator) -> None:
    stored_when: list[int] = []

    async def watch() -> None:
        store = AssetStore()
        async with Watching(watcher(store)) as watching:
            assert store.memory == {"version": 1, "not_passing": {NEVER: "unknown"}}
            store.on_set = lambda: stored_when.append(len(watching.seen))
            account.set_status(SHOP, "failing")
            await watching.polls(4)
        assert store.memory["not_passing"] == {SHOP: "failing", NEVER: "unknown"}

    asyncio.run(watch())
    assert stored_when == [1]


def test_an_event_is_young_for_some_seconds(account: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_checkly.status_watcher.SETTLE_SECONDS", 60)

    async def watch() -> AssetStore:
        store = AssetStore()
        async with Watching(watcher(store)) as watching:
            account.set_status(SHOP, "failing")
            assert len(await watching.polls(5)) == 1
        return store

    assert asyncio.run(watch()).memory["not_passing"] == {NEVER: "unknown"}


def test_two_assets_on_equal_arguments_have_one_memory_each(account: Emulator) -> None:
    one, other = AssetStore(), AssetStore()

    async def watch() -> list[tuple[str, str, str]]:
        async with Watching(watcher(TwoAssets({"a": one, "b": other}))):
            pass
        account.set_status(SHOP, "failing")
        async with Watching(watcher(TwoAssets({"a": AssetStore(), "b": other}))) as second:
            return await second.polls()

    assert asyncio.run(watch()) == [("Shop", "passing", "failing")]
    assert one.memory == {"version": 1, "not_passing": {NEVER: "unknown"}}


def test_two_watchers_of_one_asset_have_one_memory_each(account: Emulator) -> None:
    store = AssetStore()

    async def watch() -> list[tuple[str, str, str]]:
        async with (
            Watching(watcher(store, check_ids=SHOP)),
            Watching(watcher(store, check_ids=CART)) as other,
        ):
            for each in (SHOP, CART):
                account.set_status(each, "failing")
                await other.polls()
        async with Watching(watcher(store, check_ids=SHOP)) as again:
            return await again.polls()

    assert asyncio.run(watch()) == []


def test_with_another_choice_of_checks_the_first_look_is_new(account: Emulator) -> None:
    store = AssetStore()

    async def watch() -> list[tuple[str, str, str]]:
        account.set_status(CART, "failing")
        async with Watching(watcher(store, check_ids=SHOP)):
            pass
        async with Watching(watcher(store, check_ids=[SHOP, CART])) as second:
            return await second.polls()

    assert asyncio.run(watch()) == []


@pytest.mark.parametrize("failures", [1, 3])
def test_a_store_that_fails_loses_nothing(account: Emulator, failures: int) -> None:
    store = AssetStore()

    async def watch() -> list[tuple[str, str, str]]:
        async with Watching(watcher(store)):
            pass
        account.set_status(SHOP, "failing")
        store.failures = failures
        async with Watching(watcher(store)) as second:
            return await second.polls(failures + 2.5)

    assert asyncio.run(watch()) == [("Shop", "passing", "failing")]


TROUBLE: list[dict[str, Any]] = [
    {"status": 401},
    {"status": 403},
    {"drop": "before"},
    {"body": "<html>"},
    {"body": {"message": "x"}},
    {"body": [None, {"name": "no id"}, 3]},
    {"body": []},
    {"body": [None]},
]


@pytest.mark.parametrize("trouble", TROUBLE, ids=str)
def test_trouble_is_logged_and_polled_on(
    account: Emulator, trouble: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def watch() -> list[tuple[str, str, str]]:
        async with Watching(watcher()) as watching:
            account.fail(path="check-statuses", times=2, **trouble)
            account.set_status(SHOP, "failing")
            return await watching.polls(12)

    assert asyncio.run(watch()) == [("Shop", "passing", "failing")]
    assert READ_ONLY not in caplog.text


@pytest.mark.parametrize(
    ("path", "arguments"),
    [("check-statuses", {}), ("/v1/checks$", {"tags": "shop"})],
    ids=["statuses", "tags"],
)
def test_trouble_that_lasts_is_logged_once_in_a_while(
    account: Emulator,
    path: str,
    arguments: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)

    async def watch() -> list[int]:
        logged = []
        account.fail(path=path, status=401, times=None)
        async with Watching(watcher(**arguments)) as watching:
            await watching.polls(6)
            logged.append(caplog.text.count("responded 401"))
            monkeypatch.setattr("airflow_provider_checkly.status_watcher.REMIND_SECONDS", 0)
            await watching.polls()
            logged.append(caplog.text.count("responded 401"))
        return logged

    first, later = asyncio.run(watch())
    assert first == 1
    assert later > 1


def test_what_is_over_is_logged(account: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    account.fail(path="check-statuses", status=401, times=2)

    async def watch() -> None:
        async with Watching(watcher()) as watching:
            await watching.polls(12)

    asyncio.run(watch())
    assert caplog.text.count("can be read again") == 1


def test_tags_that_no_check_has_are_logged(account: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    async def watch() -> None:
        async with Watching(watcher(tags=["shop", "new"])) as watching:
            await watching.polls()

    asyncio.run(watch())
    assert caplog.text.count("No check has the tags [['shop', 'new']]") == 1
    assert account.requests


def test_a_missing_connection_is_logged_and_looked_up_again(
    account: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    async def watch() -> list[tuple[str, str, str]]:
        async with Watching(watcher(checkly_conn_id="later")) as watching:
            monkeypatch.setenv("AIRFLOW_CONN_LATER", account.connection_json)
            await watching.polls()
            await watching.polls()
            account.set_status(SHOP, "failing")
            return await watching.polls()

    assert asyncio.run(watch()) == [("Shop", "passing", "failing")]
    assert "later" in caplog.text


def test_tags_that_cannot_be_read_leave_a_look_out(account: Emulator) -> None:
    account.fail(path="/v1/checks$", status=403, times=2)

    async def watch() -> list[tuple[str, str, str]]:
        async with Watching(watcher(tags="shop")) as watching:
            await watching.polls(12)
            account.set_status(SHOP, "failing")
            return await watching.polls()

    assert asyncio.run(watch()) == [("Shop", "passing", "failing")]


def test_watchers_share_one_stream_and_one_request(account: Emulator) -> None:
    triggers = [watcher(), watcher(to="passing"), watcher(check_ids=SHOP), watcher(tags="shop")]
    assert len({trigger.shared_stream_key() for trigger in triggers}) == 1
    assert watcher(checkly_conn_id="other").shared_stream_key() != triggers[0].shared_stream_key()

    async def watch() -> None:
        async with asyncio.TaskGroup() as group:
            for trigger in triggers:
                group.create_task(enter(trigger))

    async def enter(trigger: ChecklyCheckStatusTrigger) -> None:
        async with Watching(trigger) as watching:
            await watching.polls(8)

    asyncio.run(watch())
    assert 8 <= requests(account) <= 14


def test_airflow_3_3_filters_the_shared_stream(account: Emulator) -> None:
    async def watch() -> list[str]:
        trigger = watcher(to=["failing"], check_ids=SHOP)
        stream: AsyncIterator[Any] = trigger.open_shared_stream(trigger.serialize()[1])
        events = trigger.filter_shared_stream(stream)
        task = asyncio.ensure_future(anext(events))
        await asyncio.sleep(2 * POLL)
        account.set_status(SHOP, "failing")
        return [(await task).payload["name"]]

    assert asyncio.run(watch()) == ["Shop"]


def test_equal_arguments_are_stored_equally() -> None:
    one = ChecklyCheckStatusTrigger([CART, SHOP.upper()], to=["passing", "failing"])
    other = ChecklyCheckStatusTrigger(f'["{SHOP}", "{CART}"]', to=("failing", "passing"))
    assert one.serialize() == other.serialize() == stored(one).serialize()


BAD: list[tuple[dict[str, Any], str]] = [
    ({}, "none of them is given"),
    ({"check_ids": SHOP, "tags": "shop"}, "not check_ids and tags"),
    ({"check_ids": ABSENT, "all_checks": True}, "not check_ids and all_checks=True"),
    ({"check_ids": "shop"}, "is not a UUID"),
    ({"check_ids": []}, "empty"),
    ({"tags": [""]}, "empty"),
    ({"all_checks": "True"}, "True or False"),
    ({"all_checks": True, "to": "red"}, "to must be one or more of passing, degraded, failing, not 'red'"),
    ({"all_checks": True, "to": []}, "to must be"),
    ({"all_checks": True, "poll_interval": 0}, "poll_interval must be seconds"),
    ({"all_checks": True, "poll_interval": -5}, "poll_interval must be seconds"),
    ({"all_checks": True, "poll_interval": "60"}, "poll_interval must be seconds"),
]


@pytest.mark.parametrize(("arguments", "text"), BAD, ids=[str(row[0]) for row in BAD])
def test_bad_arguments_are_refused_when_the_dag_is_read(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        ChecklyCheckStatusTrigger(**arguments)
