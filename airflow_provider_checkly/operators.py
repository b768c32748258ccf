"""The operators: trigger checks, wait for them, and gate what follows."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_checkly import arguments, orders
from airflow_provider_checkly.api import model
from airflow_provider_checkly.api.errors import ChecksNotRun, InvalidInput
from airflow_provider_checkly.connection import TEST_SESSIONS
from airflow_provider_checkly.hooks import require_all
from airflow_provider_checkly.runner import SessionRunner
from airflow_provider_checkly.verdict import complete

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.orders import Options
    from airflow_provider_checkly.verdict import Outcome

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
    :param fail_on: which of FAILED, TIMED_OUT, CANCELLED, DEGRADED fail the task; default: all but DEGRADED.
    :param gate: a :class:`airflow_provider_checkly.gate.Gate` with more rules, instead of `fail_on`.
    :param explain: on failure, log why each check failed (at most 20 more requests).
    :param root_cause_analysis: also ask Checkly's AI for the cause; each analysis costs one of a quota.
    :param fail_fast: fail within seconds of the first session that did; the others go on at Checkly.
    :param on_no_match: "fail" or "skip" where no check matches.
    :param soft_fail: skip instead of failing, on a failing status and on the time-out.
    :param cancel_on_kill: cancel unfinished sessions when a user ends the task or its time is up; Checkly
        stops Playwright Check Suites only.
    :param reattach: on Airflow 3.3+, let a retry go on with the sessions of a try that was cut off.
    :param retry_failed: let Airflow retry a failed verdict; on 3.3+ only the failed checks run again.
    :param checkly_conn_id: the connection. (templated)
    """

    template_fields: Sequence[str] = ("checkly_conn_id", "check_ids", "tags")

    def __init__(self, *, fail_fast: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if fail_fast and not self.gate.plain:
            raise InvalidInput("fail_fast=True goes without a gate that lets some checks fail.")
        self.fail_fast = fail_fast
        self._stop_on = self.fail_on if fail_fast else frozenset()

    def _start(self, context: Context, until: float) -> list[JsonObject]:
        try:
            return self.hook.trigger_check_sessions(
                self.check_ids,
                self.tags,
                all_checks=self.all_checks,
                refresh_cache=self.refresh_cache,
                timeout=until - time.time(),
            )
        except ChecksNotRun as error:
            self._announce(context, error.sessions)
            raise

    def _again(
        self,
        context: Context,  # noqa: ARG002 - the base class's
        until: float,
        earlier: Sequence[JsonObject],
        failed: Sequence[JsonObject],
    ) -> list[JsonObject]:
        """Trigger the failed checks; each check keeps its place, with its newest session."""
        log.info("Triggering the %d check(s) again that did not pass.", len(failed))
        check_ids = [str(session["checkId"]) for session in failed]
        started = self.hook.trigger_check_sessions(
            check_ids, refresh_cache=self.refresh_cache, timeout=until - time.time()
        )
        newest = {str(session["checkId"]): session for session in (*earlier, *started)}
        return list(newest.values())


class ChecklyRunTestSessionOperator(SessionRunner):
    """Run checks in one Checkly test session, wait for its end, and fail if a check did not pass.

    It does what `checkly trigger` does. A test session alerts nobody, takes environment variables and a
    location, and costs one wait however many checks it has. It returns a list of one session as Checkly
    returned it; XCom `test_session_ids` (for the sensor) and `checkly_link` are there before the wait begins.

    :param run_location: a public region ("eu-central-1") or the slug of a private location. (templated)
    :param check_ids: UUIDs of checks; each must run, else the task fails. (templated)
    :param tags: a list means AND, a list of lists OR of ANDs; `!tag` negates; with `check_ids`, both must
        match. (templated)
    :param all_checks: run every active check of the account.
    :param allow_deactivated: let deactivated checks match, too.
    :param name: of the session; default: DAG, task, run and try. (templated)
    :param metadata: as in Checkly's API; default: DAG, run, try, and the task's page in Airflow. (templated)
    :param environment_variables: names and values that the checks get. (templated)
    :param secret_environment_variables: names, and where the values are: "variable:NAME" for an Airflow
        variable, "connection:CONN_ID" for the password of a connection. Checkly never shows them.
    :param retry_strategy: as in Checkly's API, e.g. `{"type": "FIXED", "maxRetries": 2}`.
    :param refresh_cache: let Playwright Check Suites install their dependencies anew.
    :param wait_for_completion: False: return the session as it started, without a verdict.
    :param deferrable: wait in the triggerer, without a worker slot.
    :param timeout: seconds (or a timedelta) that the wait may take in one try.
    :param fail_on: which of FAILED, CANCELLED, DEGRADED fail the task; default: all but DEGRADED.
    :param gate: a :class:`airflow_provider_checkly.gate.Gate` with more rules, instead of `fail_on`.
    :param explain: on failure, log why each check failed (at most 20 more requests).
    :param root_cause_analysis: also ask Checkly's AI for the cause; each analysis costs one of a quota.
    :param on_no_match: "fail" or "skip" where no check matches.
    :param soft_fail: skip instead of failing, on a failing status and on the time-out.
    :param cancel_on_kill: cancel the session when a user ends the task or its time is up; Checkly stops
        Playwright Check Suites only.
    :param reattach: on Airflow 3.3+, let a retry go on with the session of a try that was cut off.
    :param retry_failed: let Airflow retry a failed verdict; the whole session then runs again.
    :param checkly_conn_id: the connection. (templated)
    """

    template_fields: Sequence[str] = (
        "checkly_conn_id",
        "check_ids",
        "tags",
        "run_location",
        "name",
        "metadata",
        "environment_variables",
    )
    resource = TEST_SESSIONS

    def __init__(
        self,
        *,
        run_location: str,
        allow_deactivated: bool = False,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        environment_variables: Mapping[str, str] | None = None,
        secret_environment_variables: Mapping[str, str] | None = None,
        retry_strategy: JsonObject | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run_location = run_location
        self.name = name
        self.metadata = metadata
        self.environment_variables = environment_variables
        self.secret_environment_variables = secret_environment_variables
        self.allow_deactivated = allow_deactivated
        self.retry_strategy = orders.retry_strategy(retry_strategy)

    def _session_name(self, context: Context) -> str:
        if self.name is not None:
            return arguments.word(self.name, "name")
        ti = context["ti"]
        mapped = ti.map_index is not None and ti.map_index >= 0
        index = f"[{ti.map_index}]" if mapped else ""
        return f"{ti.dag_id}.{ti.task_id}{index} {ti.run_id} try {ti.try_number}"

    def _options(self, context: Context) -> Options:
        secrets = self.secret_environment_variables or {}
        return {
            "name": self._session_name(context),
            "run_location": self.run_location,
            "check_ids": self.check_ids,
            "tags": self.tags,
            "all_checks": self.all_checks,
            "environment_variables": self.environment_variables or {},
            "secret_environment_variables": orders.resolve_secrets(secrets, "secret_environment_variables"),
            "retry_strategy": self.retry_strategy,
            "metadata": _metadata(context) if self.metadata is None else self.metadata,
            "allow_deactivated": self.allow_deactivated,
            "refresh_cache": self.refresh_cache,
        }

    def _start(self, context: Context, until: float) -> list[JsonObject]:
        left = until - time.time()
        return [self.hook.trigger_test_session(timeout=left, **self._options(context))]

    def _finish(self, context: Context, outcome: Outcome) -> list[JsonObject]:
        whole = complete(outcome, self._read)
        sessions = super()._finish(context, whole)
        target = arguments.target(self.check_ids, self.tags, all_checks=self.all_checks)
        ran = [result for session in whole.sessions or () for result in model.results(session)]
        require_all(target, ran, sessions)
        return sessions


def _metadata(context: Context) -> dict[str, str]:
    """Return what Checkly shows beside a test session: where in Airflow it comes from."""
    ti = context["ti"]
    page = getattr(ti, "log_url", None)
    return {
        "environment": "Airflow",
        "branchName": ti.dag_id,
        "commitId": ti.run_id,
        "commitMessage": f"{ti.task_id} try {ti.try_number}",
        **({"repoUrl": str(page)} if page else {}),
    }
