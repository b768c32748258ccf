"""The hook: Checkly's API with the credentials of an Airflow connection."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final, Unpack

from airflow_provider_checkly import arguments, connection, orders
from airflow_provider_checkly.api import calls, model, result_calls
from airflow_provider_checkly.api.calls import TEST_SESSIONS, StillRunning
from airflow_provider_checkly.api.errors import (
    ChecklyAuthError,
    ChecklyError,
    ChecklyNotFound,
    ChecklyUnreachable,
    ChecksNotRun,
)
from airflow_provider_checkly.api.model import uuid
from airflow_provider_checkly.base_hook import PATIENCE, ChecklyBaseHook
from airflow_provider_checkly.exceptions import ChecksTimedOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.api.calls import Call
    from airflow_provider_checkly.api.model import SessionKind
    from airflow_provider_checkly.api.waiting import Waited
    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.arguments import Tags, Target
    from airflow_provider_checkly.base_hook import Endpoint
    from airflow_provider_checkly.orders import Options

log = logging.getLogger(__name__)

TEST_PATIENCE: Final = 5.0


class ChecklyHook(ChecklyBaseHook):
    """Talk to Checkly with the credentials of an Airflow connection of type `checkly`.

    Methods return Checkly's JSON as dicts and raise a `ChecklyError`
    (see :mod:`airflow_provider_checkly.exceptions`). Those that start with `a` are awaitable. A subclass that
    finds its connection elsewhere overrides `get_connection` and, for triggers, `aget_connection`.

    :param checkly_conn_id: connection with the account ID as login and the API key as password.
    """

    # Airflow 2.11 to 3.1 look for these two in the class itself, not in its bases.
    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the connection form's labels, for Airflow 2.11 to 3.1."""
        return {name.replace("-", "_"): value for name, value in connection.FORM_BEHAVIOUR.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the connection form's extra fields, for Airflow 2.11 to 3.1."""
        return connection.form_widgets()  # pragma: no cover - its libraries come with Airflow 2 only

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
        started = self._ask(_trigger(target, refresh_cache=refresh_cache), timeout)
        require_all(target, started, started)
        return started

    async def atrigger_check_sessions(
        self,
        check_ids: str | Iterable[str] | None = None,
        tags: Tags | None = None,
        *,
        all_checks: bool = False,
        refresh_cache: bool = False,
        timeout: float = PATIENCE,
    ) -> list[JsonObject]:
        """Do what `trigger_check_sessions` does."""
        target = arguments.target(check_ids, tags, all_checks=all_checks)
        started = await self._aask(_trigger(target, refresh_cache=refresh_cache), timeout)
        require_all(target, started, started)
        return started

    def get_check_session(self, check_session_id: str) -> JsonObject:
        """Read a check session (`GET /v2/check-sessions/{id}`)."""
        return self._ask(lambda sessions: sessions.get(check_session_id))

    async def aget_check_session(self, check_session_id: str) -> JsonObject:
        """Do what `get_check_session` does."""
        return await self._aask(lambda sessions: sessions.get(check_session_id))

    def await_check_session(self, check_session_id: str, max_wait_seconds: int = 30) -> JsonObject | None:
        """Wait once for the end of a check session (`GET /v2/check-sessions/{id}/completion`).

        :param max_wait_seconds: 1 to 30; how long Checkly may hold the answer back.
        :return: the session once it has ended, None while it is running.
        """
        return _ended(self._ask(lambda sessions: sessions.completion(check_session_id, max_wait_seconds)))

    async def aawait_check_session(
        self, check_session_id: str, max_wait_seconds: int = 30
    ) -> JsonObject | None:
        """Do what `await_check_session` does."""
        return _ended(
            await self._aask(lambda sessions: sessions.completion(check_session_id, max_wait_seconds))
        )

    def wait_for_check_sessions(
        self, check_session_ids: str | Iterable[str], timeout: float = 3600
    ) -> list[JsonObject]:
        """Wait until check sessions have ended, whatever their status.

        :param timeout: seconds.
        :return: the sessions, in the order of their ids.
        :raises ChecksTimedOut: one has not ended by then.
        """
        ids = arguments.session_ids(check_session_ids)
        return _all_ended(self.drive(ids, _deadline(timeout)), timeout)

    async def await_for_check_sessions(
        self, check_session_ids: str | Iterable[str], timeout: float = 3600
    ) -> list[JsonObject]:
        """Do what `wait_for_check_sessions` does."""
        ids = arguments.session_ids(check_session_ids)
        return _all_ended(await self.adrive(ids, _deadline(timeout)), timeout)

    def cancel_check_session(self, check_session_id: str, timeout: float = PATIENCE) -> None:
        """Cancel a check session (`POST /v1/check-sessions/{id}/cancel`).

        Checkly stops Playwright Check Suites only; other checks go on and finish.

        :param timeout: seconds for which the request is repeated where that may help.
        """
        self._ask(lambda sessions: sessions.cancel(check_session_id), timeout)

    async def acancel_check_session(self, check_session_id: str, timeout: float = PATIENCE) -> None:
        """Do what `cancel_check_session` does."""
        await self._aask(lambda sessions: sessions.cancel(check_session_id), timeout)

    def trigger_test_session(self, timeout: float = PATIENCE, **options: Unpack[Options]) -> JsonObject:
        """Start a test session (`POST /v1/test-sessions/trigger`).

        :param timeout: seconds for which the request is repeated where Checkly surely did not take it.
        :param options: see :class:`airflow_provider_checkly.orders.Options`.
        :return: the session as it started.
        :raises NoMatchingChecks: nothing was started.
        """
        return self._ask(calls.trigger_test_session(orders.order(**options)), timeout)

    async def atrigger_test_session(
        self, timeout: float = PATIENCE, **options: Unpack[Options]
    ) -> JsonObject:
        """Do what `trigger_test_session` does."""
        return await self._aask(calls.trigger_test_session(orders.order(**options)), timeout)

    def get_test_session(self, test_session_id: str) -> JsonObject:
        """Read a test session (`GET /v1/test-sessions/{id}`)."""
        return self._ask(TEST_SESSIONS.get(test_session_id))

    async def aget_test_session(self, test_session_id: str) -> JsonObject:
        """Do what `get_test_session` does."""
        return await self._aask(TEST_SESSIONS.get(test_session_id))

    def await_test_session(self, test_session_id: str, max_wait_seconds: int = 30) -> JsonObject | None:
        """Wait once for the end of a test session (`GET /v1/test-sessions/{id}/completion`).

        :param max_wait_seconds: 1 to 30; how long Checkly may hold the answer back.
        :return: the session once it has ended, None while it is running.
        """
        return _ended(self._ask(TEST_SESSIONS.completion(test_session_id, max_wait_seconds)))

    async def aawait_test_session(
        self, test_session_id: str, max_wait_seconds: int = 30
    ) -> JsonObject | None:
        """Do what `await_test_session` does."""
        return _ended(await self._aask(TEST_SESSIONS.completion(test_session_id, max_wait_seconds)))

    def wait_for_test_session(self, test_session_id: str, timeout: float = 3600) -> JsonObject:
        """Wait until a test session has ended, whatever its status.

        :param timeout: seconds.
        :raises ChecksTimedOut: it has not ended by then.
        """
        ids = arguments.session_ids(test_session_id, "test_session_id")
        return _all_ended(self.drive(ids, _deadline(timeout), resource=connection.TEST_SESSIONS), timeout)[0]

    async def await_for_test_session(self, test_session_id: str, timeout: float = 3600) -> JsonObject:
        """Do what `wait_for_test_session` does."""
        ids = arguments.session_ids(test_session_id, "test_session_id")
        return _all_ended(
            await self.adrive(ids, _deadline(timeout), resource=connection.TEST_SESSIONS), timeout
        )[0]

    def cancel_test_session(self, test_session_id: str, timeout: float = PATIENCE) -> None:
        """Cancel a test session (`POST /v1/test-sessions/{id}/cancel`): Playwright runs only.

        :param timeout: seconds for which the request is repeated where that may help.
        """
        self._ask(TEST_SESSIONS.cancel(test_session_id), timeout)

    async def acancel_test_session(self, test_session_id: str, timeout: float = PATIENCE) -> None:
        """Do what `cancel_test_session` does."""
        await self._aask(TEST_SESSIONS.cancel(test_session_id), timeout)

    def find_test_session(self, name: str) -> str | None:
        """Return the id of the newest test session with exactly this name, None if there is none."""
        entries = self._ask(calls.find_test_sessions(name))
        found = [str(entry["id"]) for entry in entries if entry.get("name") == name and entry.get("id")]
        return found[0] if found else None

    def get_check(self, check_id: str) -> JsonObject:
        """Read a check as it is set up (`GET /v1/checks/{id}`)."""
        return self._ask(result_calls.get_check(uuid(check_id, "check_id")))

    async def aget_check(self, check_id: str) -> JsonObject:
        """Do what `get_check` does."""
        return await self._aask(result_calls.get_check(uuid(check_id, "check_id")))

    def get_check_result(self, check_id: str, check_result_id: str) -> JsonObject:
        """Read a result with its details (`GET /v1/check-results/{checkId}/{checkResultId}`)."""
        return self._ask(result_calls.get_result(*_check_result(check_id, check_result_id)))

    async def aget_check_result(self, check_id: str, check_result_id: str) -> JsonObject:
        """Do what `get_check_result` does."""
        return await self._aask(result_calls.get_result(*_check_result(check_id, check_result_id)))

    def get_check_result_assets(self, check_id: str, check_result_id: str) -> JsonObject:
        """Read which files a result left (`GET /v1/check-results/{checkId}/{checkResultId}/assets`)."""
        return self._ask(result_calls.get_assets(*_check_result(check_id, check_result_id)))

    async def aget_check_result_assets(self, check_id: str, check_result_id: str) -> JsonObject:
        """Do what `get_check_result_assets` does."""
        return await self._aask(result_calls.get_assets(*_check_result(check_id, check_result_id)))

    def get_test_session_result(self, test_session_id: str, test_session_result_id: str) -> JsonObject:
        """Read a result with its details (`GET /v1/test-sessions/{id}/results/{id}`)."""
        return self._ask(_test_session_result(test_session_id, test_session_result_id))

    async def aget_test_session_result(self, test_session_id: str, test_session_result_id: str) -> JsonObject:
        """Do what `get_test_session_result` does."""
        return await self._aask(_test_session_result(test_session_id, test_session_result_id))

    def get_error_group(self, error_group_id: str) -> JsonObject:
        """Read an error group of a check (`GET /v1/error-groups/{id}`)."""
        return self._ask(_error_group(error_group_id))

    async def aget_error_group(self, error_group_id: str) -> JsonObject:
        """Do what `get_error_group` does."""
        return await self._aask(_error_group(error_group_id))

    def get_account(self) -> JsonObject:
        """Read the account of the connection (`GET /v1/accounts/me`)."""
        return self._ask(calls.get_account())

    async def aget_account(self) -> JsonObject:
        """Do what `get_account` does."""
        return await self._aask(calls.get_account())

    def test_connection(self) -> tuple[bool, str]:
        """Say whether the connection works, and whose account it is (the form's Test button)."""
        try:
            account = self._ask(calls.get_account(), TEST_PATIENCE)
        except ChecklyError as error:
            return False, _diagnosis(error)
        except Exception as error:  # noqa: BLE001 - the button must say what went wrong, whatever it was
            return False, f"{type(error).__name__}: {error}"
        plan = account.get("planDisplayName") or account.get("plan") or "unknown"
        name = account.get("name") or account.get("id")
        return True, f"Connected to Checkly account {name!r} (plan {plan})."


def _trigger(target: Target, *, refresh_cache: bool) -> Endpoint[list[JsonObject]]:
    return lambda sessions: calls.trigger_check_sessions(
        sessions.version, target.check_ids, target.tags, refresh_cache=refresh_cache
    )


def _ended(answer: JsonObject | StillRunning) -> JsonObject | None:
    return None if isinstance(answer, StillRunning) else answer


def _deadline(timeout: float) -> float:
    return time.time() + arguments.positive_seconds(timeout, "timeout")


def _all_ended(waited: Waited, timeout: float) -> list[JsonObject]:
    if waited.unfinished:
        raise ChecksTimedOut(
            f"Not ended within {timeout} s: {', '.join(waited.unfinished)}. They may go on at Checkly.",
            waited.unfinished,
        )
    return list(waited.sessions.values())


def _check_result(check_id: str, result_id: str) -> tuple[SessionKind, str, str]:
    return model.CHECK_SESSION, uuid(check_id, "check_id"), uuid(result_id, "check_result_id")


def _test_session_result(session_id: str, result_id: str) -> Call[JsonObject]:
    owner, own = uuid(session_id, "test_session_id"), uuid(result_id, "test_session_result_id")
    return result_calls.get_result(model.TEST_SESSION, owner, own)


def _error_group(group_id: str) -> Call[JsonObject]:
    return result_calls.get_error_group(model.CHECK_SESSION, uuid(group_id, "error_group_id"))


def require_all(target: Target, ran: Sequence[JsonObject], sessions: Sequence[JsonObject]) -> None:
    """See to it that each check that was asked for runs.

    :param ran: what names the checks that do, by `checkId`.
    :raises ChecksNotRun: one does not; where tags are given too, it is only a warning.
    """
    have = {str(each.get("checkId")).lower() for each in ran}
    missing = [check_id for check_id in target.check_ids if check_id not in have]
    if missing and target.tags:
        log.warning("Not run, since the tags leave them out: checks %s.", ", ".join(missing))
    elif missing:
        raise ChecksNotRun(
            f"Checkly started no session for {', '.join(missing)}: deleted, deactivated, or of another "
            f"account? Activate or remove them. The other {len(have)} check(s) were started.",
            check_ids=missing,
            sessions=sessions,
        )


def _diagnosis(error: ChecklyError) -> str:
    """Tell a wrong key from a wrong account from no network."""
    match error:
        case ChecklyAuthError(status=401):
            return f"Checkly does not accept the API key (password). {error}"
        case ChecklyAuthError() | ChecklyNotFound():
            return (
                f"Checkly knows the API key, but not for this account ID (login) or API URL (host). {error}"
            )
        case ChecklyUnreachable():
            return f"Checkly cannot be reached: look at host, DNS, proxy and certificates. {error}"
    return str(error)
