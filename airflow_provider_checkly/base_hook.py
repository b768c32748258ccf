"""Base of the hook: the connection, requests to any endpoint, and waits."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeVar

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_checkly import connection
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyError,
    ChecklyNotFound,
    ChecklyPlanLimit,
    ChecklyUnreachable,
    InvalidInput,
    NoMatchingChecks,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_checkly.api.endpoints import Endpoint
    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.models import SessionKind
    from airflow_provider_checkly.api.polling import Polling, WaitResult
    from airflow_provider_checkly.api.rate_limit import SharedClient
    from airflow_provider_checkly.connection import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_PARALLEL: Final = 10
"""Concurrent requests when many sessions are read or cancelled."""
READ_TIMEOUT_MARGIN: Final = 20.0
"""Seconds that a response may take beyond the time Checkly may hold it back."""
RETRY_SECONDS: Final = 120.0
"""How long a request outside a wait is repeated: two rate limit windows."""
CANCEL_SECONDS: Final = 4.0
"""Time for cancelling sessions on a worker: an executor kills a task soon after it signals it to end."""
ADVICE: Final[dict[type[ChecklyError], str]] = {
    ChecklyAuthError: (
        "Checkly accepts the API key, but not for this account ID (login of the connection) or this action."
    ),
    ChecklyPlanLimit: "The plan of the account does not include this.",
    NoMatchingChecks: "",
    ChecklyNotFound: (
        "It is not in this account. Check its ID, and the account ID (login) and host of the connection."
    ),
    ChecklyUnreachable: "Check host, DNS, proxy and certificates.",
}
"""The first class that an error belongs to applies."""


class ChecklyBaseHook(BaseHook):
    """Send requests and run waits with the credentials of an Airflow connection."""

    conn_name_attr = "checkly_conn_id"
    default_conn_name = "checkly_default"
    conn_type = connection.TYPE
    hook_name = "Checkly"

    def __init__(self, checkly_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.checkly_conn_id = checkly_conn_id
        self._settings: Settings | None = None

    def __getstate__(self) -> dict[str, object]:
        """Leave the key out of copies and pickles."""
        return {**self.__dict__, "_settings": None}

    @property
    def settings(self) -> Settings:
        """The fields of the connection; looked up once, since `on_kill` may not be able to ask Airflow."""
        if self._settings is None:
            self._settings = connection.settings(self.get_connection(self.checkly_conn_id))
        return self._settings

    async def load_settings(self) -> Settings:
        """Look the connection up without blocking; look-ups within a few seconds are shared."""
        from airflow_provider_checkly.connection_cache import shared

        variable = os.environ.get(f"AIRFLOW_CONN_{self.checkly_conn_id.upper()}")  # a change counts at once
        key = (self.checkly_conn_id, variable, self.get_connection, getattr(self, "aget_connection", None))
        self._settings = await shared(key, self._look_up)
        return self._settings

    async def _look_up(self) -> Settings:
        await asyncio.to_thread(import_module, "airflow_provider_checkly.api.transport")  # loads aiohttp
        return connection.settings(await get_async_connection(self.checkly_conn_id, hook=self))

    def send(
        self, endpoint: Endpoint[T], retry_seconds: float = RETRY_SECONDS, *, margin: float | None = None
    ) -> T:
        """Send a request to any endpoint of :mod:`airflow_provider_checkly.api.endpoints`.

        :param retry_seconds: how long the request is repeated where that is safe and may help.
        :param margin: seconds that a response may take beyond the time Checkly may hold it back.
        :raises ChecklyError: the error of the last try.
        """
        from airflow_provider_checkly.api import transport

        seconds = READ_TIMEOUT_MARGIN if margin is None else margin
        settings = self.settings
        with self.named(settings), transport.requests_sender(settings.credentials, seconds) as sender:
            return transport.send(sender, endpoint, retry_seconds)

    async def asend(self, endpoint: Endpoint[T], retry_seconds: float = RETRY_SECONDS) -> T:
        """Send a request as `send` does, without blocking the event loop."""
        settings = await self.load_settings()
        from airflow_provider_checkly.api import transport

        with self.named(settings):
            async with _shared_client(settings) as sender:
                return await transport.asend(sender, endpoint, retry_seconds)

    def run_polling(self, polling: Polling, deadline: float, *, last_look: bool = True) -> WaitResult:
        """Wait on this thread; `polling` holds what is known, even if the wait is interrupted.

        :param deadline: absolute wall-clock time in seconds.
        :param last_look: whether unfinished sessions are read once more at the deadline.
        """
        from airflow_provider_checkly.api import transport

        settings = self.settings
        steps = polling.steps(settings.sessions(polling.kind), deadline, last_look=last_look)
        credentials = settings.credentials
        with self.named(settings), transport.requests_sender(credentials, READ_TIMEOUT_MARGIN) as sender:
            return transport.run(steps, sender)

    async def arun_polling(self, polling: Polling, deadline: float) -> WaitResult:
        """Wait without blocking the event loop, within the request budget of the account."""
        settings = await self.load_settings()
        from airflow_provider_checkly.api import transport

        with self.named(settings):
            async with _shared_client(settings) as sender:
                return await transport.arun(polling.steps(settings.sessions(polling.kind), deadline), sender)

    @contextmanager
    def named(self, settings: Settings) -> Iterator[None]:
        """Add advice, the connection and the base URL to the text of each error, once."""
        try:
            yield
        except InvalidInput:
            raise
        except ChecklyError as error:
            where = f"(connection {self.checkly_conn_id!r}, {settings.credentials.base_url})"
            if not str(error).endswith(where):
                error.args = (" ".join(filter(None, (str(error), _advice(error), where))),)
            raise

    def read_sessions(self, ids: Iterable[str], kind: SessionKind) -> list[JsonObject]:
        """Read sessions, ten at a time, in the order of their ids."""
        reads = map(self.settings.sessions(kind).get, ids)
        with ThreadPoolExecutor(MAX_PARALLEL) as threads:
            return list(threads.map(self.send, reads))

    def cancel_sessions(self, ids: Iterable[str], kind: SessionKind, seconds: float = CANCEL_SECONDS) -> None:
        """Cancel sessions, ten at a time; errors are logged.

        :param seconds: time for all of them.
        """
        cancel = partial(self._cancel, kind, time.monotonic() + seconds)
        with ThreadPoolExecutor(MAX_PARALLEL) as threads:
            cancelled = list(threads.map(cancel, ids))
        log.info(
            "Asked Checkly to cancel %d of %s. Checkly stops only Playwright Check Suites; other checks run "
            "to completion.",
            sum(cancelled),
            kind.count(len(cancelled)),
        )

    def _cancel(self, kind: SessionKind, until: float, session_id: str) -> bool:
        if (left := until - time.monotonic()) <= 0:
            log.warning("The %s %s was not cancelled: there was no time left.", kind.name, session_id)
            return False
        try:
            self.send(self.settings.sessions(kind).cancel(session_id), left, margin=left)
        except ChecklyError as error:
            log.warning("The %s %s was not cancelled: %s", kind.name, session_id, error)
            return False
        return True


def _advice(error: ChecklyError) -> str:
    """Return what to do about an error of any request."""
    if isinstance(error, ChecklyAuthError) and error.status == HTTPStatus.UNAUTHORIZED:
        return "Checkly does not accept the API key (password of the connection)."
    return next((advice for kind, advice in ADVICE.items() if isinstance(error, kind)), "")


def _shared_client(settings: Settings) -> SharedClient:
    from airflow_provider_checkly.api import rate_limit, transport

    return rate_limit.shared_client(
        settings.credentials,
        partial(transport.aiohttp_sender, settings.credentials, READ_TIMEOUT_MARGIN),
        per_minute=settings.requests_per_minute,
        max_connections=settings.max_connections,
    )
