"""The hook: Checkly's API with the credentials of an Airflow connection."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack, cast

from airflow_provider_checkly import (
    airflow_workarounds,
    arguments,
    check_selection,
    connection,
    test_session_options,
)
from airflow_provider_checkly.api import endpoints
from airflow_provider_checkly.api.endpoints import StillRunning
from airflow_provider_checkly.api.models import CHECK_SESSION, TEST_SESSION, uuid
from airflow_provider_checkly.api.polling import Polling
from airflow_provider_checkly.base_hook import RETRY_SECONDS
from airflow_provider_checkly.exceptions import (
    ChecklyError,
    ChecklyNotFound,
    ChecksNotRun,
    ChecksTimedOut,
    NoMatchingChecks,
)
from airflow_provider_checkly.status_hook import ChecklyStatusHook

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.api.documents import (
        Account,
        AssetManifest,
        Check,
        CheckResult,
        CheckSession,
        ErrorGroup,
        TestSession,
        TestSessionResult,
    )
    from airflow_provider_checkly.api.endpoints import Endpoint
    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.models import SessionKind
    from airflow_provider_checkly.api.polling import WaitResult
    from airflow_provider_checkly.arguments import Tags, Target
    from airflow_provider_checkly.test_session_options import TestSessionOptions

log = logging.getLogger(__name__)

T = TypeVar("T")

TEST_CONNECTION_SECONDS: Final = 5.0
MAX_EXPLAINED: Final = 10
"""Checks that are read to explain why they did not run."""


class ChecklyHook(ChecklyStatusHook):
    """Call Checkly's API with the credentials of an Airflow connection of type `checkly`.

    Methods return Checkly's documents as typed dicts and raise a `ChecklyError` (see
    :mod:`airflow_provider_checkly.exceptions`). They are synchronous, except `asend` and `await_sessions`. An
    endpoint without a method is one line: `hook.send(endpoint)`, with any endpoint of
    :mod:`airflow_provider_checkly.api.endpoints`.

    A subclass that gets its connection elsewhere overrides `get_connection` and, for triggers,
    `aget_connection`.

    :param checkly_conn_id: connection with the account ID as login and the API key as password.
    """

    # Airflow 2.11 to 3.1 look for these two in the class itself, not in its bases.
    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return the labels of the connection form, for Airflow 2.11 to 3.1."""
        return airflow_workarounds.form_behaviour(connection.FORM_BEHAVIOUR)

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the extra fields of the connection form, for Airflow 2.11 to 3.1."""
        return airflow_workarounds.form_widgets(connection.FORM_FIELDS)  # pragma: no cover - Airflow 2 only

    # Check sessions

    def trigger_check_sessions(
        self,
        check_ids: str | Iterable[str] | None = None,
        tags: Tags | None = None,
        *,
        all_checks: bool = False,
        refresh_cache: bool = False,
        timeout: float = RETRY_SECONDS,
    ) -> list[CheckSession]:
        """Start one check session per matching check (`POST /v2/check-sessions/trigger`).

        :param check_ids: UUIDs; with tags, both must match.
        :param tags: a list means AND, a list of lists OR of ANDs; `!tag` negates.
        :param all_checks: every active check of the account; excludes ids and tags.
        :param refresh_cache: let Playwright Check Suites install their dependencies anew.
        :param timeout: seconds for which the request is repeated if Checkly definitely did not process it.
        :return: the sessions as they started.
        :raises NoMatchingChecks: no active check matches; nothing was started.
        :raises ChecksNotRun: a check of `check_ids` was not started; the others were.
        """
        target = arguments.target(check_ids, tags, all_checks=all_checks)
        sessions = self.start_check_sessions(target, refresh_cache=refresh_cache, timeout=timeout)
        started = {str(session["checkId"]).lower() for session in sessions}
        if missing := [check_id for check_id in target.check_ids if check_id not in started]:
            if not target.tags:
                raise ChecksNotRun.of(missing, sessions)
            log.warning("Checks %s did not run: they do not match the given tags.", ", ".join(missing))
        return cast("list[CheckSession]", sessions)

    def start_check_sessions(
        self, target: Target, *, refresh_cache: bool, timeout: float
    ) -> list[JsonObject]:
        """Start check sessions; the caller must check that each requested check runs."""
        endpoint = endpoints.trigger_check_sessions(
            self.settings.api_version, target.check_ids, target.tags, refresh_cache=refresh_cache
        )
        return self._trigger(endpoint, target, timeout)

    def get_check_session(self, check_session_id: str) -> CheckSession:
        """Read a check session (`GET /v2/check-sessions/{id}`)."""
        session = self.send(self.settings.sessions(CHECK_SESSION).get(check_session_id))
        return cast("CheckSession", session)

    def get_check_session_completion(
        self, check_session_id: str, max_wait_seconds: int = 30
    ) -> CheckSession | None:
        """Wait once for the end of a check session (`GET /v2/check-sessions/{id}/completion`).

        :param max_wait_seconds: 1 to 30; how long Checkly may hold the response back.
        :return: the session if it has ended, None if it is still running.
        """
        return cast(
            "CheckSession | None", self._completion(CHECK_SESSION, check_session_id, max_wait_seconds)
        )

    def wait_for_check_sessions(
        self, check_session_ids: str | Iterable[str], timeout: float = 3600
    ) -> list[CheckSession]:
        """Wait until check sessions have ended, whatever their status.

        :param timeout: seconds.
        :return: the sessions, in the order of the ids.
        :raises ChecksTimedOut: a session has not ended in time.
        """
        return cast("list[CheckSession]", self._wait(CHECK_SESSION, check_session_ids, timeout))

    def cancel_check_session(self, check_session_id: str, timeout: float = RETRY_SECONDS) -> None:
        """Cancel a check session (`POST /v1/check-sessions/{id}/cancel`).

        Checkly stops only Playwright Check Suites; other checks run to completion.

        :param timeout: seconds for which the request is repeated.
        """
        self.send(self.settings.sessions(CHECK_SESSION).cancel(check_session_id), timeout)

    # Test sessions

    def trigger_test_session(
        self, timeout: float = RETRY_SECONDS, **options: Unpack[TestSessionOptions]
    ) -> TestSession:
        """Start a test session (`POST /v1/test-sessions/trigger`).

        :param timeout: seconds for which the request is repeated if Checkly definitely did not process it.
        :param options: see :class:`airflow_provider_checkly.test_session_options.TestSessionOptions`.
        :return: the session as it started.
        :raises NoMatchingChecks: no active check matches; nothing was started.
        """
        target = test_session_options.selected_checks(options)
        body = test_session_options.build_trigger_body(**options)
        return cast("TestSession", self._trigger(endpoints.trigger_test_session(body), target, timeout))

    def get_test_session(self, test_session_id: str) -> TestSession:
        """Read a test session (`GET /v1/test-sessions/{id}`)."""
        return cast("TestSession", self.send(self.settings.sessions(TEST_SESSION).get(test_session_id)))

    def get_test_session_completion(
        self, test_session_id: str, max_wait_seconds: int = 30
    ) -> TestSession | None:
        """Wait once for the end of a test session (`GET /v1/test-sessions/{id}/completion`).

        :param max_wait_seconds: 1 to 30; how long Checkly may hold the response back.
        :return: the session if it has ended, None if it is still running.
        """
        return cast("TestSession | None", self._completion(TEST_SESSION, test_session_id, max_wait_seconds))

    def wait_for_test_sessions(
        self, test_session_ids: str | Iterable[str], timeout: float = 3600
    ) -> list[TestSession]:
        """Wait until test sessions have ended, whatever their status.

        :param timeout: seconds.
        :return: the sessions, in the order of the ids.
        :raises ChecksTimedOut: a session has not ended in time.
        """
        return cast("list[TestSession]", self._wait(TEST_SESSION, test_session_ids, timeout))

    def cancel_test_session(self, test_session_id: str, timeout: float = RETRY_SECONDS) -> None:
        """Cancel a test session (`POST /v1/test-sessions/{id}/cancel`): Playwright runs only.

        :param timeout: seconds for which the request is repeated.
        """
        self.send(self.settings.sessions(TEST_SESSION).cancel(test_session_id), timeout)

    # Either kind of session

    async def await_sessions(
        self, session_ids: str | Iterable[str], timeout: float = 3600, *, kind: SessionKind = CHECK_SESSION
    ) -> list[JsonObject]:
        """Wait in an `async def` task until sessions have ended, whatever their status.

        :param timeout: seconds.
        :param kind: `CHECK_SESSION` or `TEST_SESSION` of :mod:`airflow_provider_checkly.api.models`.
        :return: the sessions, in the order of the ids.
        :raises ChecksTimedOut: a session has not ended in time.
        """
        polling = Polling(kind, arguments.session_ids(session_ids, kind.ids_key))
        return _all_ended(await self.arun_polling(polling, _deadline(timeout)), timeout)

    def _wait(self, kind: SessionKind, session_ids: object, timeout: float) -> list[JsonObject]:
        polling = Polling(kind, arguments.session_ids(session_ids, kind.ids_key))
        return _all_ended(self.run_polling(polling, _deadline(timeout)), timeout)

    def _completion(self, kind: SessionKind, session_id: str, max_wait_seconds: int) -> JsonObject | None:
        answer = self.send(self.settings.sessions(kind).completion(session_id, max_wait_seconds))
        return None if isinstance(answer, StillRunning) else answer

    def _trigger(self, endpoint: Endpoint[T], target: Target, timeout: float) -> T:
        """Send a trigger; if no check matches, make sure that the account can be read, and say why."""
        try:
            return self.send(endpoint, timeout)
        except NoMatchingChecks as error:
            self._require_account()
            reasons = self.why_not_run(target.check_ids)
            error.args = (f"{check_selection.no_match_text(target, reasons)} {error}",)
            raise

    def _require_account(self) -> None:
        """Make sure that Checkly itself responds: other servers have a 404 of the same form."""
        try:
            self.get_account()
        except ChecklyError as error:
            error.maybe_processed = False
            raise error from None

    def why_not_run(self, check_ids: Sequence[str]) -> dict[str, str]:
        """Return why checks did not run, for at most ten of them (`GET /v1/checks/{id}`)."""
        return {check_id: self._why_not_run(check_id) for check_id in check_ids[:MAX_EXPLAINED]}

    def _why_not_run(self, check_id: str) -> str:
        try:
            check = self.send(endpoints.get_check(check_id), 0)
        except ChecklyNotFound:
            return "does not exist in this account"
        except ChecklyError:
            return "could not be read"
        return "is deactivated" if check.get("activated") is False else "exists and is active"

    # Checks, results, account

    def get_check(self, check_id: str) -> Check:
        """Read a check as it is configured (`GET /v1/checks/{id}`)."""
        return cast("Check", self.send(endpoints.get_check(uuid(check_id, "check_id"))))

    def get_check_result(self, check_id: str, check_result_id: str) -> CheckResult:
        """Read a result with its details (`GET /v1/check-results/{checkId}/{checkResultId}`)."""
        ids = uuid(check_id, "check_id"), uuid(check_result_id, "check_result_id")
        return cast("CheckResult", self.send(endpoints.get_result(CHECK_SESSION, *ids)))

    def get_check_result_assets(self, check_id: str, check_result_id: str) -> AssetManifest:
        """Read which files a result left (`GET /v1/check-results/{checkId}/{checkResultId}/assets`)."""
        ids = uuid(check_id, "check_id"), uuid(check_result_id, "check_result_id")
        return cast("AssetManifest", self.send(endpoints.get_assets(CHECK_SESSION, *ids)))

    def get_test_session_result(self, test_session_id: str, test_session_result_id: str) -> TestSessionResult:
        """Read a result with its details (`GET /v1/test-sessions/{id}/results/{id}`)."""
        ids = uuid(test_session_id, "test_session_id"), uuid(test_session_result_id, "test_session_result_id")
        return cast("TestSessionResult", self.send(endpoints.get_result(TEST_SESSION, *ids)))

    def get_error_group(self, error_group_id: str) -> ErrorGroup:
        """Read an error group of a check (`GET /v1/error-groups/{id}`)."""
        group_id = uuid(error_group_id, "error_group_id")
        return cast("ErrorGroup", self.send(endpoints.get_error_group(CHECK_SESSION, group_id)))

    def get_account(self) -> Account:
        """Read the account of the connection (`GET /v1/accounts/me`)."""
        return cast("Account", self.send(endpoints.get_account()))

    def test_connection(self) -> tuple[bool, str]:
        """Return whether the connection works, and whose account it is (the Test button of the form)."""
        try:
            account = self.send(endpoints.get_account(), TEST_CONNECTION_SECONDS)
        except ChecklyError as error:
            return False, str(error)
        except Exception as error:  # noqa: BLE001 - the button must show any error
            return False, f"{type(error).__name__}: {error}"
        plan = account.get("planDisplayName") or account.get("plan") or "unknown"
        name = account.get("name") or account.get("id")
        return True, f"Connected to Checkly account {name!r} (plan {plan})."


def _deadline(timeout: float) -> float:
    return time.time() + arguments.positive_seconds(timeout, "timeout")


def _all_ended(result: WaitResult, timeout: float) -> list[JsonObject]:
    if result.unfinished:
        raise ChecksTimedOut(
            f"Did not end within {timeout} s: {', '.join(result.unfinished)}. They may still be running at "
            f"Checkly.",
            result.unfinished,
        )
    return list(result.sessions or ())
