"""The hook's ground: the connection, and sending one call or carrying out one wait with it."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_checkly import connection
from airflow_provider_checkly.api.calls import Call
from airflow_provider_checkly.api.errors import ChecklyError
from airflow_provider_checkly.api.waiting import Wait, Waited
from airflow_provider_checkly.connection import CHECK_SESSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from airflow_provider_checkly.api.calls import SessionEndpoints
    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.connection import Resource, Settings

log = logging.getLogger(__name__)

T = TypeVar("T")
Endpoint: TypeAlias = "Call[T] | Callable[[SessionEndpoints], Call[T]]"
"""A call, or what makes one of the endpoints of check sessions, whose version the connection names."""

AT_ONCE: Final = 10
"""Requests that run side by side where many sessions are read or cancelled."""
MARGIN: Final = 20.0
"""Seconds that an answer may take beyond the time Checkly may hold it."""
PATIENCE: Final = 120.0
"""Seconds for which a request outside a wait is repeated: two of Checkly's rate windows."""
CANCEL_SECONDS: Final = 4.0
"""How long cancelling may take in all: an executor kills a task soon after it was told to end."""
CANCELLED: Final = (
    "Asked Checkly to cancel %d of %d session(s). It stops Playwright Check Suites only; "
    "other checks go on and finish."
)
CLIENTS: Final = "airflow_provider_checkly.api.clients"


class ChecklyBaseHook(BaseHook):
    """Send calls to Checkly with the credentials of an Airflow connection."""

    conn_name_attr = "checkly_conn_id"
    default_conn_name = "checkly_default"
    conn_type = connection.TYPE
    hook_name = "Checkly"

    def __init__(self, checkly_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.checkly_conn_id = checkly_conn_id
        self._found: Settings | None = None

    def __getstate__(self) -> dict[str, object]:
        """Leave the key behind where a hook is copied or stored."""
        return {**self.__dict__, "_found": None}

    def _settings(self) -> Settings:
        """Return what the connection says; it is looked up once, since `on_kill` may not ask Airflow."""
        if self._found is None:
            self._found = connection.settings(self.get_connection(self.checkly_conn_id))
        return self._found

    async def _asettings(self) -> Settings:
        """Return what the connection says; those that ask in the same way within seconds look it up once."""
        from airflow_provider_checkly.api.lookups import shared

        how = (self.checkly_conn_id, self.get_connection, getattr(self, "aget_connection", None))
        return await shared(how, self._alook_up)

    async def _alook_up(self) -> Settings:
        await asyncio.to_thread(import_module, CLIENTS)  # loading aiohttp would stall the event loop
        return connection.settings(await get_async_connection(self.checkly_conn_id, hook=self))

    def _ask(self, endpoint: Endpoint[T], patience: float = PATIENCE, margin: float | None = None) -> T:
        from airflow_provider_checkly.api import transport

        settings = self._settings()
        with transport.requests_sender(settings.account, MARGIN if margin is None else margin) as sender:
            return transport.send(sender, _call(settings, endpoint), patience)

    async def _aask(self, endpoint: Endpoint[T], patience: float = PATIENCE) -> T:
        return await _asend(await self._asettings(), endpoint, patience, MARGIN)

    def ask_once(self, endpoint: Endpoint[T], seconds: float) -> T:
        """Send a call that is not worth repeating, and wait for its answer no longer than so many seconds."""
        return self._ask(endpoint, 0, seconds)

    def read_sessions(self, ids: Iterable[str], resource: Resource = CHECK_SESSIONS) -> list[JsonObject]:
        """Read sessions, ten at a time, in the order of their ids."""
        calls = map(self._settings().sessions(resource).get, ids)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(self._ask, calls))

    def cancel_sessions(
        self, ids: Iterable[str], resource: Resource = CHECK_SESSIONS, seconds: float = CANCEL_SECONDS
    ) -> None:
        """Cancel sessions as far as possible: ten at a time, in so many seconds; API errors are logged."""
        endpoints, until = self._settings().sessions(resource), time.monotonic() + seconds
        done: list[str] = []

        def cancel(session_id: str) -> None:
            with _cancelling(session_id, done):
                left = _left(until)
                self._ask(endpoints.cancel(session_id), left, left)

        with ThreadPoolExecutor(AT_ONCE) as threads:
            asked = len(list(threads.map(cancel, ids)))
        log.info(CANCELLED, len(done), asked)

    async def acancel_sessions(
        self, ids: Iterable[str], resource: Resource = CHECK_SESSIONS, seconds: float = CANCEL_SECONDS
    ) -> None:
        """Do what `cancel_sessions` does."""
        settings, until = await self._asettings(), time.monotonic() + seconds
        endpoints, at_once = settings.sessions(resource), asyncio.Semaphore(AT_ONCE)
        done: list[str] = []

        async def cancel(session_id: str) -> None:
            async with at_once:
                with _cancelling(session_id, done):
                    left = _left(until)
                    await _asend(settings, endpoints.cancel(session_id), left, left)

        asked = len(await asyncio.gather(*map(cancel, ids)))
        log.info(CANCELLED, len(done), asked)

    def drive(
        self,
        ids: Sequence[str],
        deadline: float,
        *,
        resource: Resource = CHECK_SESSIONS,
        stop_on: frozenset[str] = frozenset(),
        last_look: bool = True,
        known: dict[str, JsonObject | None] | None = None,
    ) -> Waited:
        """Wait for sessions and say what was found, also when the deadline came first.

        :param ids: UUIDs in lower case, each once.
        :param deadline: absolute wall-clock time in seconds.
        :param stop_on: statuses that end the wait for all.
        :param last_look: whether unfinished sessions are read once more at the deadline.
        :param known: the state of sessions that were seen; kept up to date.
        """
        from airflow_provider_checkly.api import transport

        settings = self._settings()
        seen = {} if known is None else known
        wait = Wait(settings.sessions(resource), ids, deadline, stop_on, last_look=last_look, known=seen)
        with transport.requests_sender(settings.account, MARGIN) as sender:
            return transport.drive(wait.plan(), sender)

    async def adrive(
        self,
        ids: Sequence[str],
        deadline: float,
        *,
        resource: Resource = CHECK_SESSIONS,
        stop_on: frozenset[str] = frozenset(),
        known: dict[str, JsonObject | None] | None = None,
    ) -> Waited:
        """Do what `drive` does, within the budget that all waits of the account share."""
        settings = await self._asettings()
        from airflow_provider_checkly.api import clients, transport

        seen = {} if known is None else known
        wait = Wait(settings.sessions(resource), ids, deadline, stop_on, known=seen)
        budget = {
            "per_minute": settings.requests_per_minute,
            "max_connections": settings.max_connections,
        }
        async with clients.shared_sender(settings.account, MARGIN, **budget) as sender:
            return await transport.adrive(wait.plan(), sender)


def _call(settings: Settings, endpoint: Endpoint[T]) -> Call[T]:
    return endpoint if isinstance(endpoint, Call) else endpoint(settings.sessions(CHECK_SESSIONS))


async def _asend(settings: Settings, endpoint: Endpoint[T], patience: float, margin: float) -> T:
    from airflow_provider_checkly.api import transport

    async with transport.aiohttp_sender(settings.account, margin) as sender:
        return await transport.asend(sender, _call(settings, endpoint), patience)


def _left(until: float) -> float:
    if (left := until - time.monotonic()) > 0:
        return left
    raise ChecklyError("No time is left for it.")


@contextmanager
def _cancelling(session_id: str, done: list[str]) -> Iterator[None]:
    """Note a session that was cancelled, and log why one was not."""
    try:
        yield
        done.append(session_id)
    except ChecklyError as error:
        log.warning("Session %s was not cancelled. %s", session_id, error)
