"""The hook: Checkly's API with the credentials of an Airflow connection."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_checkly import arguments, connection, endpoints
from airflow_provider_checkly.api.calls import MAX_WAIT_SECONDS
from airflow_provider_checkly.api.errors import (
    ChecklyAuthError,
    ChecklyError,
    ChecklyNotFound,
    ChecklyUnreachable,
    ChecksNotRun,
)
from airflow_provider_checkly.base_hook import PATIENCE, all_ended
from airflow_provider_checkly.hook_of_results import ResultHook
from airflow_provider_checkly.hook_of_test_sessions import TestSessionHook

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.arguments import Tags, Target

log = logging.getLogger(__name__)

TEST_PATIENCE: Final = 5.0


class ChecklyHook(TestSessionHook, ResultHook):
    """Talk to Checkly with the credentials of an Airflow connection of type `checkly`.

    Methods return Checkly's JSON as dicts and raise a `ChecklyError`
    (see :mod:`airflow_provider_checkly.exceptions`). Those that start with `a` are awaitable.

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
        started = self._ask(endpoints.trigger(target, refresh_cache=refresh_cache), timeout)
        require_all(target, started, started)
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
        require_all(target, started, started)
        return started

    def get_check_session(self, check_session_id: str) -> JsonObject:
        """Read a check session (`GET /v2/check-sessions/{id}`)."""
        return self._ask(endpoints.get(check_session_id))

    async def aget_check_session(self, check_session_id: str) -> JsonObject:
        """Do what `get_check_session` does."""
        return await self._aask(endpoints.get(check_session_id))

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
        return all_ended(self.drive(ids, time.time() + seconds), timeout)

    async def await_for_check_sessions(
        self,
        check_session_ids: str | Iterable[str],
        timeout: float = 3600,  # noqa: ASYNC109 - the deadline of the wait, judged after a last look
    ) -> list[JsonObject]:
        """Do what `wait_for_check_sessions` does."""
        ids = arguments.session_ids(check_session_ids)
        seconds = arguments.positive_seconds(timeout, "timeout")
        return all_ended(await self.adrive(ids, time.time() + seconds), timeout)

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
