"""The hook's ground: the connection, and sending one call or carrying out one wait with it."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeVar

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_checkly import connection, endpoints
from airflow_provider_checkly.api.errors import ChecklyError
from airflow_provider_checkly.api.waiting import Wait, Waited
from airflow_provider_checkly.exceptions import ChecksTimedOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.connection import Settings
    from airflow_provider_checkly.endpoints import Endpoint, Resource

log = logging.getLogger(__name__)

T = TypeVar("T")

AT_ONCE: Final = 10
"""Requests that run side by side where many sessions are read or cancelled."""
MARGIN: Final = 20.0
"""Seconds that an answer may take beyond the time Checkly may hold it."""
PATIENCE: Final = 120.0
"""Seconds for which a request outside a wait is repeated: two of Checkly's rate windows."""
CANCEL_SECONDS: Final = 4.0
"""How long cancelling may take in all: an executor kills a task soon after it was told to end."""
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

    def _ask(self, call: Endpoint[T], patience: float = PATIENCE) -> T:
        return _send(self._settings(), call, patience, MARGIN)

    def ask_once(self, call: Endpoint[T], seconds: float) -> T:
        """Send a call that is not worth repeating, and wait for its answer no longer than so many seconds."""
        return _send(self._settings(), call, 0, seconds)

    async def _aask(self, call: Endpoint[T], patience: float = PATIENCE) -> T:
        return await _asend(await self._asettings(), call, patience, MARGIN)

    def read_sessions(
        self, ids: Iterable[str], resource: Resource = endpoints.CHECK_SESSIONS
    ) -> list[JsonObject]:
        """Read sessions, ten at a time, in the order of their ids."""
        settings = self._settings()
        calls = [endpoints.get(each, resource) for each in ids]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(lambda call: _send(settings, call, PATIENCE, MARGIN), calls))

    def cancel_sessions(
        self,
        ids: Iterable[str],
        resource: Resource = endpoints.CHECK_SESSIONS,
        seconds: float = CANCEL_SECONDS,
    ) -> None:
        """Cancel sessions as far as possible: ten at a time, in so many seconds; API errors are logged."""
        settings, end = self._settings(), time.monotonic() + seconds

        def cancel(session_id: str) -> bool:
            left = max(end - time.monotonic(), 0.1)
            try:
                _send(settings, endpoints.cancel(session_id, resource), left, left)
            except ChecklyError as error:
                return _not_cancelled(session_id, error)
            return True

        with ThreadPoolExecutor(AT_ONCE) as threads:
            _report_cancelled(list(threads.map(cancel, ids)))

    async def acancel_sessions(
        self,
        ids: Iterable[str],
        resource: Resource = endpoints.CHECK_SESSIONS,
        seconds: float = CANCEL_SECONDS,
    ) -> None:
        """Do what `cancel_sessions` does."""
        settings, end = await self._asettings(), time.monotonic() + seconds
        at_once = asyncio.Semaphore(AT_ONCE)

        async def cancel(session_id: str) -> bool:
            async with at_once:
                left = max(end - time.monotonic(), 0.1)
                try:
                    await _asend(settings, endpoints.cancel(session_id, resource), left, left)
                except ChecklyError as error:
                    return _not_cancelled(session_id, error)
            return True

        _report_cancelled(await asyncio.gather(*(cancel(each) for each in ids)))

    def drive(
        self,
        ids: Sequence[str],
        deadline: float,
        *,
        resource: Resource = endpoints.CHECK_SESSIONS,
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
        resource: Resource = endpoints.CHECK_SESSIONS,
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


def _send(settings: Settings, call: Endpoint[T], patience: float, margin: float) -> T:
    from airflow_provider_checkly.api import transport

    with transport.requests_sender(settings.account, margin) as sender:
        return transport.send(sender, call(settings), patience)


async def _asend(settings: Settings, call: Endpoint[T], patience: float, margin: float) -> T:
    from airflow_provider_checkly.api import transport

    async with transport.aiohttp_sender(settings.account, margin) as sender:
        return await transport.asend(sender, call(settings), patience)


def _not_cancelled(session_id: str, error: ChecklyError) -> bool:
    log.warning("Session %s was not cancelled. %s", session_id, error)
    return False


def _report_cancelled(done: Sequence[bool]) -> None:
    log.info(
        "Asked Checkly to cancel %d of %d session(s). It stops Playwright Check Suites only; "
        "other checks go on and finish.",
        sum(done),
        len(done),
    )


def all_ended(waited: Waited, timeout: float) -> list[JsonObject]:
    """Return the sessions of a wait.

    :raises ChecksTimedOut: one has not ended.
    """
    if waited.unfinished:
        raise ChecksTimedOut(
            f"Not ended within {timeout} s: {', '.join(waited.unfinished)}. They may go on at Checkly.",
            waited.unfinished,
        )
    return list(waited.sessions.values())
