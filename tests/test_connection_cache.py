"""Look-ups within a few seconds are shared; errors and cancellations are not."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_checkly import connection_cache
from airflow_provider_checkly.hooks import ChecklyHook

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Source:
    """Returns the number of the look-up, unless it is one of the `broken`."""

    def __init__(self, *broken: int) -> None:
        self.broken = broken
        self.asked = 0
        self.open = asyncio.Event()

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        await self.open.wait()
        if number in self.broken:
            raise LookupError(number)
        return number

    def ask(self, key: str = "key") -> asyncio.Task[int]:
        return asyncio.ensure_future(connection_cache.shared(key, self))


def on_a_loop(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    asyncio.run(main())


def test_concurrent_look_ups_share_a_result() -> None:
    async def work() -> None:
        source = Source()
        tasks = [source.ask() for _ in range(5)]
        await asyncio.sleep(0)
        source.open.set()
        assert await asyncio.gather(*tasks) == [1] * 5
        assert await source.ask() == 1
        assert await source.ask("another key") == 2

    on_a_loop(work)


def test_a_result_is_kept_for_a_short_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_cache, "KEEP_SECONDS", 0.02)

    async def work() -> None:
        source = Source()
        source.open.set()
        assert await source.ask() == 1
        await asyncio.sleep(0.2)
        assert await source.ask() == 2

    on_a_loop(work)


def test_an_error_is_neither_shared_nor_kept() -> None:
    async def work() -> None:
        source = Source(1)
        tasks = [source.ask() for _ in range(3)]
        await asyncio.sleep(0)
        source.open.set()
        first, *others = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(first, LookupError)
        assert others == [2, 3]
        assert await source.ask() == 4

    on_a_loop(work)


@pytest.mark.parametrize("cancelled", [0, 1])
def test_a_cancelled_look_up_does_not_cancel_the_others(cancelled: int) -> None:
    async def work() -> None:
        source = Source()
        tasks = [source.ask() for _ in range(3)]
        await asyncio.sleep(0.01)
        tasks[cancelled].cancel()
        await asyncio.sleep(0.01)
        source.open.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found.pop(cancelled), asyncio.CancelledError)
        assert found == ([2, 3] if cancelled == 0 else [1, 1])

    on_a_loop(work)


def test_nothing_outlives_its_event_loop() -> None:
    loops = []

    async def work() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        source = Source()
        source.open.set()
        await source.ask()
        with suppress(TimeoutError):
            source.open.clear()
            await asyncio.wait_for(source.ask("never answered"), 0.01)

    on_a_loop(work)
    on_a_loop(work)
    gc.collect()
    assert [loop() for loop in loops] == [None, None]


def test_hooks_of_the_same_class_share_a_look_up() -> None:
    """A subclass with its own look-up shares it with its instances only; an instance method is not shared."""
    looked_up: list[str] = []

    class Vault(ChecklyHook):
        @classmethod
        async def aget_connection(cls, conn_id: str) -> Any:
            looked_up.append(cls.__name__)
            return Connection(conn_id=conn_id, conn_type="checkly", login=cls.__name__, password="cu_canary")

    class Other(Vault):
        pass

    class Own(ChecklyHook):
        async def aget_connection(self, conn_id: str) -> Any:
            return await Vault.aget_connection(conn_id)

    async def work() -> None:
        hooks = [Vault(), Vault(), Other(), Own(), Own()]
        found = await asyncio.gather(*(hook.load_settings() for hook in hooks))
        assert [one.credentials.account_id for one in found] == ["Vault", "Vault", "Other", "Vault", "Vault"]
        assert sorted(looked_up) == ["Other", "Vault", "Vault", "Vault"]
        assert "cu_canary" not in repr(list(connection_cache._known.values()))  # noqa: SLF001

    on_a_loop(work)


def test_a_connection_in_the_environment_may_change_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in tests that start an emulator each."""

    async def work() -> None:
        for host in ("a.example.com", "b.example.com"):
            fields = f'{{"conn_type": "checkly", "login": "a", "password": "key", "host": "{host}"}}'
            monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", fields)
            settings = await ChecklyHook().load_settings()
            assert settings.credentials.base_url == f"https://{host}"

    on_a_loop(work)
