"""Operators that trigger checks, wait for the results, and cancel abandoned sessions."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow_provider_checkly.api import models
from airflow_provider_checkly.arguments import Target
from airflow_provider_checkly.availability import ChecklyAvailabilityOperator
from airflow_provider_checkly.base_checkly_operator import DEFERRABLE
from airflow_provider_checkly.base_run_operator import BaseRunOperator
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.maintenance import (
    ChecklyCreateMaintenanceWindowOperator,
    ChecklyDeleteMaintenanceWindowOperator,
)
from airflow_provider_checkly.test_session_options import checked_strategy, resolve_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.arguments import FailStatus, Tags
    from airflow_provider_checkly.gate import Gate

__all__ = [
    "ChecklyAvailabilityOperator",
    "ChecklyCreateMaintenanceWindowOperator",
    "ChecklyDeleteMaintenanceWindowOperator",
    "ChecklyRunChecksOperator",
    "ChecklyRunTestSessionOperator",
]

log = logging.getLogger(__name__)


class ChecklyRunChecksOperator(BaseRunOperator):
    """Trigger Checkly checks, wait for their check sessions to end, and fail if a check did not pass.

    It does what `checkly checks run` does. Check sessions alert as scheduled runs do. It returns the list of
    check sessions as Checkly returned them; XCom `check_session_ids` (for the sensor) and `checkly_link` are
    there before the wait.

    :param check_ids: UUIDs of checks; each must run, else the task fails. (templated)
    :param tags: a list means AND, a list of lists OR of ANDs; `!tag` negates; with `check_ids`, both must
        match. (templated)
    :param all_checks: run every active check of the account.
    :param refresh_cache: let Playwright Check Suites install their dependencies anew.
    :param wait_for_completion: False: return the sessions as started, without evaluating the gate.
    :param deferrable: wait in the triggerer, without a worker slot.
    :param timeout: seconds (or a timedelta) that the wait may take in one try.
    :param fail_on: which of FAILED, TIMED_OUT, CANCELLED, DEGRADED fail the task; default: all but DEGRADED.
    :param gate: a :class:`airflow_provider_checkly.gate.Gate` with more rules, instead of `fail_on`.
    :param fail_fast: fail within seconds of the first failing session; the others run on at Checkly.
    :param on_no_match: "fail" or "skip" if no check matches.
    :param soft_fail: skip instead of failing, on a failing status and on the timeout.
    :param cancel_on_kill: cancel unfinished sessions when a user ends the task or its time is up; Checkly
        stops Playwright Check Suites only.
    :param reattach: on Airflow 3.3+, let a retry continue with the sessions of a try that was cut off.
    :param retry_failed: let Airflow retry a failed gate; on 3.3+ only the failed checks run again.
    :param explain: on failure, log why each check failed (at most 20 more requests).
    :param root_cause_analysis: also ask Checkly's AI for the cause, which uses the account's quota.
    :param checkly_conn_id: the connection. (templated)
    """

    kind = models.CHECK_SESSION
    template_fields: Sequence[str] = ("checkly_conn_id", "check_ids", "tags")

    def _start(
        self,
        context: Context,  # noqa: ARG002 - for test sessions
        until: float,
        earlier: Sequence[JsonObject],
        failed: Sequence[JsonObject],
    ) -> list[JsonObject]:
        """Trigger all checks, or those that failed; each check keeps its place, with its newest session."""
        if failed:
            log.info("Triggering %d failed check(s) again.", len(failed))
        target = Target([str(each["checkId"]) for each in failed], []) if failed else self._target
        started = self.hook.start_check_sessions(
            target, refresh_cache=self.refresh_cache, timeout=until - time.time()
        )
        newest = {str(session["checkId"]): session for session in (*earlier, *started)}
        return [*newest.values()] if failed else started


class ChecklyRunTestSessionOperator(BaseRunOperator):
    """Run checks in one Checkly test session, wait for its end, and fail if a check did not pass.

    It does what `checkly trigger` does. A test session sends no alerts, accepts environment variables and a
    location, and needs one wait for any number of checks. It returns a list of one session as Checkly
    returned it; XCom `test_session_ids` (for the sensor) and `checkly_link` are there before the wait.

    :param run_location: a public region ("eu-central-1") or the slug of a private location. (templated)
    :param check_ids: UUIDs of checks; each must run, else the task fails. (templated)
    :param tags: a list means AND, a list of lists OR of ANDs; `!tag` negates; with `check_ids`, both must
        match. (templated)
    :param all_checks: run every active check of the account.
    :param allow_deactivated: include deactivated checks.
    :param name: of the session; default: DAG, task, run and try. (templated)
    :param metadata: as in Checkly's API; default: DAG, run, try, and the task's page in Airflow. (templated)
    :param environment_variables: names and values for the checks. (templated)
    :param secret_environment_variables: names, and where the values are: "variable:NAME" for an Airflow
        variable, "connection:CONN_ID" for the password of a connection. Checkly never shows them.
    :param retry_strategy: as in Checkly's API, e.g. `{"type": "FIXED", "maxRetries": 2}`.
    :param refresh_cache: let Playwright Check Suites install their dependencies anew.
    :param wait_for_completion: False: return the session as started, without evaluating the gate.
    :param deferrable: wait in the triggerer, without a worker slot.
    :param timeout: seconds (or a timedelta) that the wait may take in one try.
    :param fail_on: which of FAILED, TIMED_OUT, CANCELLED, DEGRADED fail the task; default: all but DEGRADED.
    :param gate: a :class:`airflow_provider_checkly.gate.Gate` with more rules, instead of `fail_on`.
    :param fail_fast: has no effect with a single session.
    :param on_no_match: "fail" or "skip" if no check matches.
    :param soft_fail: skip instead of failing, on a failing status and on the timeout.
    :param cancel_on_kill: cancel the session when a user ends the task or its time is up; Checkly stops
        Playwright runs only.
    :param reattach: on Airflow 3.3+, let a retry continue with the session of a try that was cut off.
    :param retry_failed: let Airflow retry a failed gate, with a new session.
    :param explain: on failure, log why each check failed (at most 20 more requests).
    :param root_cause_analysis: also ask Checkly's AI for the cause, which uses the account's quota.
    :param checkly_conn_id: the connection. (templated)
    """

    kind = models.TEST_SESSION
    template_fields: Sequence[str] = (
        "checkly_conn_id",
        "check_ids",
        "tags",
        "run_location",
        "name",
        "metadata",
        "environment_variables",
    )

    def __init__(
        self,
        *,
        run_location: str,
        check_ids: str | Iterable[str] | None = None,
        tags: Tags | None = None,
        all_checks: bool = False,
        allow_deactivated: bool = False,
        name: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        environment_variables: Mapping[str, str] | None = None,
        secret_environment_variables: Mapping[str, str] | None = None,
        retry_strategy: Mapping[str, Any] | None = None,
        refresh_cache: bool = False,
        wait_for_completion: bool = True,
        deferrable: bool = DEFERRABLE,
        timeout: float | timedelta = 3600,
        fail_on: FailStatus | Iterable[FailStatus] | None = None,
        gate: Gate | None = None,
        fail_fast: bool = False,
        on_no_match: Literal["fail", "skip"] = "fail",
        soft_fail: bool = False,
        cancel_on_kill: bool = True,
        reattach: bool = True,
        retry_failed: bool = False,
        explain: bool = True,
        root_cause_analysis: bool = False,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            check_ids=check_ids, tags=tags, all_checks=all_checks, refresh_cache=refresh_cache,
            wait_for_completion=wait_for_completion, deferrable=deferrable, timeout=timeout, fail_on=fail_on,
            gate=gate, fail_fast=fail_fast, on_no_match=on_no_match, soft_fail=soft_fail,
            cancel_on_kill=cancel_on_kill, reattach=reattach, retry_failed=retry_failed, explain=explain,
            root_cause_analysis=root_cause_analysis, checkly_conn_id=checkly_conn_id, **kwargs,
        )  # fmt: skip
        self.run_location, self.name, self.environment_variables = run_location, name, environment_variables
        self.secret_environment_variables, self.metadata = secret_environment_variables, metadata
        self.allow_deactivated, self.retry_strategy = allow_deactivated, checked_strategy(retry_strategy)

    def _start(self, context: Context, until: float, *_: Sequence[JsonObject]) -> list[JsonObject]:
        secrets = self.secret_environment_variables or {}
        session = self.hook.trigger_test_session(
            until - time.time(),
            name=_session_name(context) if self.name is None else self.name,
            run_location=self.run_location,
            check_ids=self.check_ids,
            tags=self.tags,
            all_checks=self.all_checks,
            environment_variables=self.environment_variables or {},
            secret_environment_variables=resolve_secrets(secrets, "secret_environment_variables"),
            retry_strategy=self.retry_strategy,
            metadata=_metadata(context) if self.metadata is None else self.metadata,
            allow_deactivated=self.allow_deactivated,
            refresh_cache=self.refresh_cache,
        )
        return [cast("JsonObject", session)]


def _session_name(context: Context) -> str:
    ti = context["ti"]
    index = "" if ti.map_index is None or ti.map_index < 0 else f"[{ti.map_index}]"
    return f"{ti.dag_id}.{ti.task_id}{index} {ti.run_id} try {ti.try_number}"


def _metadata(context: Context) -> dict[str, str]:
    """Return what Checkly shows next to a test session: where in Airflow it comes from."""
    ti = context["ti"]
    page = getattr(ti, "log_url", None)
    return {
        "environment": "Airflow",
        "branchName": ti.dag_id,
        "commitId": ti.run_id,
        "commitMessage": f"{ti.task_id} try {ti.try_number}",
        **({"repoUrl": str(page)} if page else {}),
    }
