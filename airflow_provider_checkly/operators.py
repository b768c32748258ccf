"""The operator: triggers checks, waits for them, and gates what follows."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import (
    AirflowSkipException,
    conf,
)

from airflow_provider_checkly import arguments
from airflow_provider_checkly.api import model
from airflow_provider_checkly.api.errors import (
    ChecklyNotFound,
    ChecksNotRun,
    InvalidInput,
    NoMatchingChecks,
)
from airflow_provider_checkly.checkpoint import Checkpoint
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.runner import SessionRunner

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.arguments import Tags


log = logging.getLogger(__name__)


class ChecklyRunChecksOperator(SessionRunner):
    """Trigger Checkly checks, wait for the end of their check sessions, and fail if one did not pass.

    It does what `checkly checks run` does. Check sessions alert as scheduled runs do. It returns the list of
    check sessions as Checkly returned them; XCom `check_session_ids` (for the sensor) and `checkly_link` are
    there before the wait begins.

    :param check_ids: UUIDs of checks; each must run, else the task fails. (templated)
    :param tags: a list means AND, a list of lists OR of ANDs; `!tag` negates; with `check_ids`, both must
        match. (templated)
    :param all_checks: run every active check of the account.
    :param refresh_cache: let Playwright Check Suites install their dependencies anew.
    :param wait_for_completion: False: return the sessions as they started, without a verdict.
    :param deferrable: wait in the triggerer, without a worker slot.
    :param timeout: seconds (or a timedelta) that the wait may take in one try.
    :param fail_on: the statuses that fail the task: FAILED, TIMED_OUT, CANCELLED, DEGRADED.
    :param fail_fast: fail as soon as one session did, without the others.
    :param on_no_match: "fail" or "skip" where no check matches.
    :param soft_fail: skip instead of failing, on a failing status and on the time-out.
    :param cancel_on_kill: cancel unfinished sessions when a user ends the task or its time is up; Checkly
        stops Playwright Check Suites only.
    :param reattach: on Airflow 3.3+, let a retry go on with the sessions of a try that was cut off.
    :param retry_failed: let Airflow retry a failed verdict; on 3.3+ only the failed checks run again.
    :param checkly_conn_id: the connection. (templated)
    """

    template_fields: Sequence[str] = ("checkly_conn_id", "check_ids", "tags")

    def __init__(
        self,
        *,
        check_ids: str | Iterable[str] | None = None,
        tags: Tags | None = None,
        all_checks: bool = False,
        refresh_cache: bool = False,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        timeout: float | timedelta = 3600,
        fail_on: str | Iterable[str] = arguments.FAIL_ON,
        fail_fast: bool = False,
        on_no_match: Literal["fail", "skip"] = "fail",
        soft_fail: bool = False,
        cancel_on_kill: bool = True,
        reattach: bool = True,
        retry_failed: bool = False,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.check_ids = check_ids
        self.tags = tags
        self.checkly_conn_id = checkly_conn_id
        self.all_checks = all_checks
        self.refresh_cache = refresh_cache
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.timeout = arguments.positive_seconds(timeout, "timeout")
        self.fail_on = arguments.fail_on(fail_on)
        self.fail_fast = fail_fast
        self.on_no_match = arguments.one_of(on_no_match, ("fail", "skip"), "on_no_match")
        self.soft_fail = soft_fail
        self.cancel_on_kill = cancel_on_kill
        self.reattach = reattach
        self.retry_failed = retry_failed
        given = {"check_ids": check_ids, "tags": tags}
        self._given = [argument for argument, value in given.items() if value is not None]
        self._known: dict[str, JsonObject | None] = {}
        self._stop_on = self.fail_on if fail_fast else frozenset()

    def _sessions(self, context: Context, until: float) -> list[JsonObject]:
        """Return the sessions to wait for: those of an earlier try that was cut off, else new ones."""
        checkpoint = Checkpoint(context)
        earlier = self._earlier(checkpoint.earlier())
        failed = [session for session in earlier if model.is_final(session) and not self._passed(session)]
        if earlier and not failed and self.reattach:
            log.info("Going on with the %d check session(s) of an earlier try.", len(earlier))
            return earlier
        checkpoint.about_to_start()
        if failed and self.retry_failed:
            log.info("Triggering the %d check(s) again that did not pass.", len(failed))
            sessions = self._again(earlier, failed, until)
        else:
            sessions = self._start(context, until)
        checkpoint.started([model.session_id(session) for session in sessions])
        return sessions

    def _earlier(self, ids: Sequence[str]) -> list[JsonObject]:
        try:
            return self._read(ids)
        except ChecklyNotFound as error:
            log.warning("%s The checks are triggered again.", error)
            return []

    def _passed(self, session: JsonObject) -> bool:
        return model.status(session) in {"PASSED", "DEGRADED"} - self.fail_on

    def _again(
        self, earlier: Sequence[JsonObject], failed: Sequence[JsonObject], until: float
    ) -> list[JsonObject]:
        """Trigger the failed checks; each check keeps its place, with its newest session."""
        check_ids = [str(session["checkId"]) for session in failed]
        started = self.hook.trigger_check_sessions(
            check_ids, refresh_cache=self.refresh_cache, timeout=until - time.time()
        )
        newest = {str(session["checkId"]): session for session in (*earlier, *started)}
        return list(newest.values())

    def _start(self, context: Context, until: float) -> list[JsonObject]:
        self._refuse_nothing()
        try:
            return self.hook.trigger_check_sessions(
                self.check_ids,
                self.tags,
                all_checks=self.all_checks,
                refresh_cache=self.refresh_cache,
                timeout=until - time.time(),
            )
        except NoMatchingChecks as error:
            if self.on_no_match == "skip":
                raise AirflowSkipException(str(error)) from error
            raise
        except ChecksNotRun as error:
            self._announce(context, error.sessions)
            raise

    def _refuse_nothing(self) -> None:
        """Refuse an argument that was given and rendered to None: without it, more checks would match."""
        for argument in self._given:
            if getattr(self, argument) is None:
                raise InvalidInput(f"{argument} rendered to nothing (None).")
