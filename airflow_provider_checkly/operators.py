"""The operators: trigger checks, wait for them, gate what follows, and cancel what nobody waits for."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow.providers.common.compat.sdk import AirflowException, AirflowSkipException

from airflow_provider_checkly import arguments, orders
from airflow_provider_checkly.api import model
from airflow_provider_checkly.api.errors import ChecksNotRun, InvalidInput, NoMatchingChecks
from airflow_provider_checkly.base_hook import CANCEL_SECONDS
from airflow_provider_checkly.checkpoint import Checkpoint
from airflow_provider_checkly.connection import CHECK_SESSIONS, TEST_SESSIONS
from airflow_provider_checkly.hooks import ChecklyHook, require_all
from airflow_provider_checkly.triggers import IDS_KEYS
from airflow_provider_checkly.verdict import Outcome, broken_sessions, decide, for_xcom, unfinished
from airflow_provider_checkly.waiter import DEFERRABLE, SessionWaiter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.arguments import Tags
    from airflow_provider_checkly.gate import Gate

log = logging.getLogger(__name__)

KILL_SECONDS: Final = CANCEL_SECONDS + 0.5
"""How long `on_kill` may take; cancelling itself ends a little sooner."""


class ChecklyRunChecksOperator(SessionWaiter):
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

    def __init__(
        self,
        *,
        check_ids: str | Iterable[str] | None = None,
        tags: Tags | None = None,
        all_checks: bool = False,
        refresh_cache: bool = False,
        wait_for_completion: bool = True,
        deferrable: bool = DEFERRABLE,
        timeout: float | timedelta = 3600,
        fail_on: str | Iterable[str] | None = None,
        gate: Gate | None = None,
        fail_fast: bool = False,
        on_no_match: Literal["fail", "skip"] = "fail",
        soft_fail: bool = False,
        cancel_on_kill: bool = True,
        reattach: bool = True,
        retry_failed: bool = False,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            deferrable=deferrable, fail_on=fail_on, gate=gate, checkly_conn_id=checkly_conn_id, **kwargs
        )
        self.check_ids = check_ids
        self.tags = tags
        self.all_checks = all_checks
        self.refresh_cache = refresh_cache
        self.wait_for_completion = wait_for_completion
        self.timeout = arguments.positive_seconds(timeout, "timeout")
        self.fail_fast = fail_fast
        self.on_no_match = arguments.one_of(on_no_match, ("fail", "skip"), "on_no_match")
        self.soft_fail = soft_fail
        self.cancel_on_kill = cancel_on_kill
        self.reattach = reattach
        self.retry_failed = retry_failed
        self._stop_on = self.fail_on if fail_fast else frozenset()
        self._given = [name for name in ("check_ids", "tags") if getattr(self, name) is not None]
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        """Refuse words where True or False is meant, and arguments that exclude each other."""
        flags = ("all_checks", "refresh_cache", "wait_for_completion", "fail_fast", "soft_fail")
        more = ("cancel_on_kill", "reattach", "retry_failed")
        arguments.flags(**{flag: getattr(self, flag) for flag in (*flags, *more)})
        if self.all_checks and self._given:
            raise InvalidInput(f"all_checks=True cannot be combined with {self._given[0]}.")
        if self.fail_fast and not self.gate.plain:
            raise InvalidInput("fail_fast=True goes without a gate that lets some checks fail.")

    def execute(self, context: Context) -> list[JsonObject]:
        """Start sessions and, unless told otherwise, wait for them, those first that end soon."""
        with self._errors():
            until = self._deadline(context, self.timeout)
            sessions = sorted(self._sessions(context, until), key=model.typical_length)
            self._announce(context, sessions)
            if not self.wait_for_completion:
                return for_xcom(sessions)
            if self.deferrable:
                return self._finish(context, self._look(until))
            log.info(
                "Waiting on this worker for %d session(s). deferrable=True would free its slot "
                "(a triggerer must run).",
                len(self._known),
            )
            return self._finish(context, self._drive(until))

    def execute_complete(self, context: Context, event: object) -> list[JsonObject]:
        """Judge what the trigger reports."""
        with self._errors():
            outcome = Outcome.from_event(event)
            self._known = dict.fromkeys(outcome.unfinished)
            return self._finish(context, outcome)

    def on_kill(self) -> None:
        """Cancel the unfinished sessions of this try, and end a wait on this worker."""
        self._killed = True

        def cancel() -> None:
            try:
                self._cancel(unfinished(self._known))
            except Exception:  # a kill must not fail
                log.exception("Nothing was cancelled.")

        # In a thread, for this one may have been interrupted while it held a lock of Airflow's.
        cancelling = threading.Thread(target=cancel, daemon=True)
        cancelling.start()
        cancelling.join(KILL_SECONDS)
        if self._waiting_in == threading.get_ident():
            raise AirflowException("The task was killed while it waited for Checkly.")

    def _cancel(self, ids: Sequence[str]) -> None:
        if ids and self.cancel_on_kill:
            self.hook.cancel_sessions(ids, self.resource)

    def _sessions(self, context: Context, until: float) -> list[JsonObject]:
        """Return the sessions to wait for: those of an earlier try that was cut off, else new ones."""
        checkpoint = Checkpoint(context, self.hook, self.resource)
        earlier = checkpoint.earlier() if self.reattach or self.retry_failed else []
        failed = self._failed(earlier)
        if earlier and not failed and self.reattach:
            log.info("Going on with the %d session(s) of an earlier try.", len(earlier))
            return earlier
        self._refuse_nothing()
        again = failed and self.retry_failed and self.resource == CHECK_SESSIONS
        try:
            with checkpoint.starting(self._session_name(context)):
                sessions = self._again(until, earlier, failed) if again else self._start(context, until)
        except ChecksNotRun as error:
            self._announce(context, error.sessions)
            raise
        except NoMatchingChecks as error:
            if self.on_no_match == "skip":
                raise AirflowSkipException(str(error)) from error
            raise
        checkpoint.started([model.session_id(session) for session in sessions])
        return sessions

    def _failed(self, sessions: Sequence[JsonObject]) -> list[JsonObject]:
        """Return the sessions that another try cannot go on with."""
        outcome = Outcome.of({model.session_id(session): session for session in sessions})
        broken = broken_sessions(outcome, decide(outcome, self.gate))
        again = model.FINAL - model.GOOD if self.gate.plain else {"CANCELLED"}
        return [each for each in outcome.final if each in broken or model.status(each) in again]

    def _refuse_nothing(self) -> None:
        """Refuse an argument that was given and rendered to None: without it, more checks would match."""
        for argument in self._given:
            if getattr(self, argument) is None:
                raise InvalidInput(f"{argument} rendered to nothing (None).")

    def _session_name(self, context: Context) -> str:  # noqa: ARG002 - test sessions have one
        """Return the name under which a session can be found again, "" where sessions have none."""
        return ""

    def _start(self, context: Context, until: float) -> list[JsonObject]:  # noqa: ARG002 - for test sessions
        """Start new sessions."""
        options = {"all_checks": self.all_checks, "refresh_cache": self.refresh_cache}
        return self.hook.trigger_check_sessions(
            self.check_ids, self.tags, **options, timeout=until - time.time()
        )

    def _again(
        self, until: float, earlier: Sequence[JsonObject], failed: Sequence[JsonObject]
    ) -> list[JsonObject]:
        """Trigger the failed checks; each check keeps its place, with its newest session."""
        log.info("Triggering the %d check(s) again that did not pass.", len(failed))
        check_ids = [str(session["checkId"]) for session in failed]
        started = self.hook.trigger_check_sessions(
            check_ids, refresh_cache=self.refresh_cache, timeout=until - time.time()
        )
        newest = {str(session["checkId"]): session for session in (*earlier, *started)}
        return list(newest.values())

    def _announce(self, context: Context, sessions: Sequence[JsonObject]) -> None:
        """Say which sessions run, before anything can go wrong with the wait."""
        self._known = {model.session_id(session): session for session in sessions}
        context["ti"].xcom_push(key=IDS_KEYS[self.resource], value=list(self._known))
        self._push_link(context, sessions)
        for session in sessions:
            log.info("Runs at Checkly: %s. %s", model.label(session), model.link(session))

    def _finish(self, context: Context, outcome: Outcome) -> list[JsonObject]:
        if outcome.late:
            self._cancel(outcome.unfinished)
        return for_xcom(self._judge(context, outcome))


class ChecklyRunTestSessionOperator(ChecklyRunChecksOperator):
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
        *ChecklyRunChecksOperator.template_fields,
        *("run_location", "name", "metadata", "environment_variables"),
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
        index = "" if ti.map_index is None or ti.map_index < 0 else f"[{ti.map_index}]"
        return f"{ti.dag_id}.{ti.task_id}{index} {ti.run_id} try {ti.try_number}"

    def _start(self, context: Context, until: float) -> list[JsonObject]:
        secrets = self.secret_environment_variables or {}
        session = self.hook.trigger_test_session(
            timeout=until - time.time(),
            name=self._session_name(context),
            run_location=self.run_location,
            check_ids=self.check_ids,
            tags=self.tags,
            all_checks=self.all_checks,
            environment_variables=self.environment_variables or {},
            secret_environment_variables=orders.resolve_secrets(secrets, "secret_environment_variables"),
            retry_strategy=self.retry_strategy,
            metadata=_metadata(context) if self.metadata is None else self.metadata,
            allow_deactivated=self.allow_deactivated,
            refresh_cache=self.refresh_cache,
        )
        return [session]

    def _judge(self, context: Context, outcome: Outcome) -> list[JsonObject]:
        sessions = super()._judge(context, outcome)
        target = arguments.target(self.check_ids, self.tags, all_checks=self.all_checks)
        require_all(target, [each for session in sessions for each in model.results(session)], sessions)
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
