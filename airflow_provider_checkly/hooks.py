"""The hook: Checkly's API with the credentials of an Airflow connection."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

from airflow.providers.common.compat.connection import get_async_connection
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_checkly import arguments, connection, endpoints
from airflow_provider_checkly.api.calls import MAX_WAIT_SECONDS
from airflow_provider_checkly.api.errors import (
    ChecklyAuthError,
    ChecklyError,
    ChecklyNotFound,
    ChecklyUnreachable,
    ChecksNotRun,
)
from airflow_provider_checkly.api.waiting import Wait, Waited
from airflow_provider_checkly.exceptions import ChecksTimedOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.arguments import Tags, Target
    from airflow_provider_checkly.connection import Settings
    from airflow_provider_checkly.endpoints import Endpoint

log = logging.getLogger(__name__)

T = TypeVar("T")

AT_ONCE: Final = 10
"""Requests that run side by side where many sessions are read again."""
MARGIN: Final = 20.0
"""Seconds that an answer may take beyond the time Checkly may hold it."""
PATIENCE: Final = 120.0
"""Seconds for which a request outside a wait is repeated: two of Checkly's rate windows."""
TEST_PATIENCE: Final = 5.0
CANCEL_SECONDS: Final = 4.0
"""How long cancelling may take in all: an executor kills a task soon after it was told to end."""
TRANSPORT: Final = "airflow_provider_checkly.api.transport"


class ChecklyHook(BaseHook):
    """Talk to Checkly with the credentials of an Airflow connection of type `checkly`.

    Methods return Checkly's JSON as dicts and raise a `ChecklyError`
    (see :mod:`airflow_provider_checkly.exceptions`). Those that start with `a` are awaitable.

    :param checkly_conn_id: connection with the account ID as login and the API key as password.
    """

    conn_name_attr = "checkly_conn_id"
    default_conn_name = "checkly_default"
    conn_type = connection.TYPE
    hook_name = "Checkly"

    def __init__(self, checkly_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.checkly_conn_id = checkly_conn_id

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the connection form's labels, for Airflow 2.11 to 3.1."""
        return {name.replace("-", "_"): value for name, value in connection.FORM_BEHAVIOUR.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the connection form's extra fields, for Airflow 2.11 to 3.1."""
        return connection.form_widgets()

    def trigger_check_sessions(
        self,
        check_ids: str | Iterable[str] | None = None,
        tags: Tags | None = None,
        *,
        all_checks: bool = False,
        refresh_cache: bool = False,
        timeout: float = PATIENCE,
    ) -> list[JsonObject]:
        """Start a check session per matching check (`POST /v2/check-sessions/trigger`).

        :param check_ids: UUIDs; with tags, both must match.
        :param tags: a list means AND, a list of lists OR of ANDs; `!tag` negates.
        :param all_checks: every active check of the account; goes without ids and tags.
        :param refresh_cache: let Playwright Check Suites install their dependencies anew.
        :param timeout: seconds for which the request is repeated where Checkly surely did not take it.
        :return: the sessions as they started.
        :raises NoMatchingChecks: nothing was started.
        :raises ChecksNotRun: a check of `check_ids` has no session; those of the others run.
        """
        target = arguments.target(check_ids, tags, all_checks=all_checks)
        started = self._ask(endpoints.trigger(target, refresh_cache=refresh_cache), timeout)
        self._require_all(target, started)
        return started

    async def atrigger_check_sessions(
        self,
        check_ids: str | Iterable[str] | None = None,
        tags: Tags | None = None,
        *,
        all_checks: bool = False,
        refresh_cache: bool = False,
        timeout: float = PATIENCE,  # noqa: ASYNC109 - bounds repeats, not the call
    ) -> list[JsonObject]:
        """Do what `trigger_check_sessions` does."""
        target = arguments.target(check_ids, tags, all_checks=all_checks)
        started = await self._aask(endpoints.trigger(target, refresh_cache=refresh_cache), timeout)
        self._require_all(target, started)
        return started

    def get_check_session(self, check_session_id: str) -> JsonObject:
        """Read a check session (`GET /v2/check-sessions/{id}`)."""
        return self._ask(endpoints.get(check_session_id))

    async def aget_check_session(self, check_session_id: str) -> JsonObject:
        """Do what `get_check_session` does."""
        return await self._aask(endpoints.get(check_session_id))

    def get_check_sessions(self, check_session_ids: Iterable[str]) -> list[JsonObject]:
        """Read check sessions, ten at a time, in the order of their ids."""
        asks = [endpoints.get(each) for each in check_session_ids]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return list(threads.map(self._ask, asks))

    def await_check_session(
        self, check_session_id: str, max_wait_seconds: int = MAX_WAIT_SECONDS
    ) -> JsonObject | None:
        """Wait once for the end of a check session (`GET /v2/check-sessions/{id}/completion`).

        :param max_wait_seconds: 1 to 30; how long Checkly may hold the answer back.
        :return: the session once it has ended, None while it is running.
        """
        return endpoints.ended(self._ask(endpoints.completion(check_session_id, max_wait_seconds)))

    async def aawait_check_session(
        self, check_session_id: str, max_wait_seconds: int = MAX_WAIT_SECONDS
    ) -> JsonObject | None:
        """Do what `await_check_session` does."""
        return endpoints.ended(await self._aask(endpoints.completion(check_session_id, max_wait_seconds)))

    def wait_for_check_sessions(
        self, check_session_ids: str | Iterable[str], timeout: float = 3600
    ) -> list[JsonObject]:
        """Wait until check sessions have ended, whatever their status.

        :param timeout: seconds.
        :return: the sessions, in the order of their ids.
        :raises ChecksTimedOut: one has not ended by then.
        """
        ids = arguments.session_ids(check_session_ids)
        seconds = arguments.positive_seconds(timeout, "timeout")
        return _all_ended(self.drive(ids, time.time() + seconds), timeout)

    async def await_for_check_sessions(
        self,
        check_session_ids: str | Iterable[str],
        timeout: float = 3600,  # noqa: ASYNC109 - the deadline of the wait, judged after a last look
    ) -> list[JsonObject]:
        """Do what `wait_for_check_sessions` does."""
        ids = arguments.session_ids(check_session_ids)
        seconds = arguments.positive_seconds(timeout, "timeout")
        return _all_ended(await self.adrive(ids, time.time() + seconds), timeout)

    def cancel_check_session(self, check_session_id: str, timeout: float = PATIENCE) -> None:
        """Cancel a check session (`POST /v1/check-sessions/{id}/cancel`).

        Checkly stops Playwright Check Suites only; other checks go on and finish.

        :param timeout: seconds for which the request is repeated where that may help.
        """
        self._ask(endpoints.cancel(check_session_id), timeout)

    async def acancel_check_session(
        self,
        check_session_id: str,
        timeout: float = PATIENCE,  # noqa: ASYNC109 - bounds repeats, not the call
    ) -> None:
        """Do what `cancel_check_session` does."""
        await self._aask(endpoints.cancel(check_session_id), timeout)

    def cancel_check_sessions(
        self, check_session_ids: Iterable[str], seconds: float = CANCEL_SECONDS
    ) -> None:
        """Cancel check sessions as far as possible: ten at a time, in so many seconds, raising nothing."""
        end = time.monotonic() + seconds
        with ThreadPoolExecutor(AT_ONCE) as threads:
            left = partial(self._cancel_until, end)
            _report_cancelled(list(threads.map(left, check_session_ids)))

    def _cancel_until(self, end: float, check_session_id: str) -> bool:
        seconds = end - time.monotonic()
        try:
            self._ask(endpoints.cancel(check_session_id), seconds, margin=max(seconds, 0.1))
        except ChecklyError as error:
            log.warning("Check session %s was not cancelled. %s", check_session_id, error)
            return False
        return True

    async def acancel_check_sessions(
        self, check_session_ids: Iterable[str], seconds: float = CANCEL_SECONDS
    ) -> None:
        """Do what `cancel_check_sessions` does."""
        end = time.monotonic() + seconds
        at_once = asyncio.Semaphore(AT_ONCE)
        cancels = [self._acancel_until(end, each, at_once) for each in check_session_ids]
        _report_cancelled(await asyncio.gather(*cancels))

    async def _acancel_until(self, end: float, check_session_id: str, at_once: asyncio.Semaphore) -> bool:
        async with at_once:
            seconds = end - time.monotonic()
            try:
                await self._aask(endpoints.cancel(check_session_id), seconds, margin=max(seconds, 0.1))
            except ChecklyError as error:
                log.warning("Check session %s was not cancelled. %s", check_session_id, error)
                return False
        return True

    def get_account(self) -> JsonObject:
        """Read the account of the connection (`GET /v1/accounts/me`)."""
        return self._ask(endpoints.account)

    async def aget_account(self) -> JsonObject:
        """Do what `get_account` does."""
        return await self._aask(endpoints.account)

    def test_connection(self) -> tuple[bool, str]:
        """Say whether the connection works, and whose account it is (the form's Test button)."""
        try:
            account = self._ask(endpoints.account, TEST_PATIENCE)
        except ChecklyError as error:
            return False, _diagnosis(error)
        except Exception as error:  # noqa: BLE001 - the button must say what went wrong, whatever it was
            return False, f"{type(error).__name__}: {error}"
        plan = account.get("planDisplayName") or account.get("plan") or "unknown"
        return (
            True,
            f"Connected to Checkly account {account.get('name') or account.get('id')!r} (plan {plan}).",
        )

    def drive(
        self,
        ids: Sequence[str],
        deadline: float,
        *,
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
        wait = Wait(
            settings.check_sessions,
            ids,
            deadline,
            stop_on,
            last_look=last_look,
            known={} if known is None else known,
        )
        with transport.requests_sender(settings.account, MARGIN) as sender:
            return transport.drive(wait.plan(), sender)

    async def adrive(
        self,
        ids: Sequence[str],
        deadline: float,
        *,
        stop_on: frozenset[str] = frozenset(),
        known: dict[str, JsonObject | None] | None = None,
    ) -> Waited:
        """Do what `drive` does."""
        await asyncio.to_thread(import_module, TRANSPORT)  # would stall the event loop
        from airflow_provider_checkly.api import clients, transport

        settings = await self._asettings()
        wait = Wait(settings.check_sessions, ids, deadline, stop_on, known={} if known is None else known)
        async with clients.shared_sender(
            settings.account,
            MARGIN,
            per_minute=settings.requests_per_minute,
            max_connections=settings.max_connections,
        ) as sender:
            return await transport.adrive(wait.plan(), sender)

    def _settings(self) -> Settings:
        return connection.settings(self.get_connection(self.checkly_conn_id))

    async def _asettings(self) -> Settings:
        return connection.settings(await get_async_connection(self.checkly_conn_id, hook=self))

    def _ask(self, call: Endpoint[T], patience: float = PATIENCE, margin: float = MARGIN) -> T:
        from airflow_provider_checkly.api import transport

        settings = self._settings()
        with transport.requests_sender(settings.account, margin) as sender:
            return transport.send(sender, call(settings), patience)

    async def _aask(self, call: Endpoint[T], patience: float = PATIENCE, margin: float = MARGIN) -> T:
        await asyncio.to_thread(import_module, TRANSPORT)  # would stall the event loop
        from airflow_provider_checkly.api import transport

        settings = await self._asettings()
        async with transport.aiohttp_sender(settings.account, margin) as sender:
            return await transport.asend(sender, call(settings), patience)

    def _require_all(self, target: Target, started: Sequence[JsonObject]) -> None:
        """See to it that each check that was asked for has a session."""
        have = {str(session["checkId"]).lower() for session in started}
        missing = [check_id for check_id in target.check_ids if check_id not in have]
        if missing and target.tags:
            log.warning("Not run, since the tags leave them out: checks %s.", ", ".join(missing))
        elif missing:
            raise ChecksNotRun(
                f"Checkly started no session for {', '.join(missing)}: deleted, deactivated, or of another "
                f"account? Activate or remove them. The other {len(started)} check(s) were started.",
                check_ids=missing,
                sessions=started,
            )


def _all_ended(waited: Waited, timeout: float) -> list[JsonObject]:
    if waited.unfinished:
        raise ChecksTimedOut(
            f"Not ended within {timeout} s: {', '.join(waited.unfinished)}. They may go on at Checkly.",
            waited.unfinished,
        )
    return list(waited.sessions.values())


def _report_cancelled(done: Sequence[bool]) -> None:
    log.info(
        "Asked Checkly to cancel %d of %d check session(s). It stops Playwright Check Suites only; "
        "other checks go on and finish.",
        sum(done),
        len(done),
    )


def _diagnosis(error: ChecklyError) -> str:
    """Tell a wrong key from a wrong account from no network."""
    match error:
        case ChecklyAuthError(status=401):
            return f"Checkly does not accept the API key (password). {error}"
        case ChecklyAuthError() | ChecklyNotFound():
            return f"Checkly knows the API key, but not for this account ID (login). {error}"
        case ChecklyUnreachable():
            return f"Checkly cannot be reached: look at host, DNS, proxy and certificates. {error}"
    return str(error)
