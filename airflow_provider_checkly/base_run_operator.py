"""Base of the operators: start sessions, wait for them, cancel them when the task is killed."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_checkly import arguments, events
from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.polling import Polling
from airflow_provider_checkly.base_checkly_operator import DEFERRABLE
from airflow_provider_checkly.base_hook import CANCEL_SECONDS
from airflow_provider_checkly.base_operator import BaseSessionOperator, initial_wait
from airflow_provider_checkly.exceptions import (
    ChecklyError,
    ChecksFailed,
    ChecksNotRun,
    InvalidInput,
    NoMatchingChecks,
)
from airflow_provider_checkly.gate.evaluation import evaluate
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.reattach import StartedSessions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.polling import WaitResult
    from airflow_provider_checkly.arguments import FailStatus, Tags, Target
    from airflow_provider_checkly.gate import Gate
    from airflow_provider_checkly.gate.evaluation import Evaluation

log = logging.getLogger(__name__)

ON_KILL_SECONDS: Final = CANCEL_SECONDS + 0.5
"""How long `on_kill` may take; cancelling itself ends a little sooner."""


class BaseRunOperator(BaseSessionOperator):
    """Start sessions, wait for them, and cancel them when the task is killed: what both operators share.

    `ChecklyRunChecksOperator` documents the arguments. One for both operators belongs here, one for a single
    operator in `operators`.
    """

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
            deferrable=deferrable, fail_on=fail_on, gate=gate, explain=explain,
            root_cause_analysis=root_cause_analysis, checkly_conn_id=checkly_conn_id, **kwargs,
        )  # fmt: skip
        self.check_ids, self.tags = arguments.as_list(check_ids), arguments.as_list(tags)
        self.all_checks, self.refresh_cache = all_checks, refresh_cache
        self.wait_for_completion = wait_for_completion
        self.timeout = arguments.positive_seconds(timeout, "timeout")
        self.fail_fast, self.soft_fail, self.cancel_on_kill = fail_fast, soft_fail, cancel_on_kill
        self.on_no_match = arguments.one_of(on_no_match, ("fail", "skip"), "on_no_match")
        self.reattach, self.retry_failed = reattach, retry_failed
        self._stop_on = self.fail_on if fail_fast else frozenset()
        self._given = [name for name in ("check_ids", "tags") if getattr(self, name) is not None]
        self._refuse_contradictions()

    def _refuse_contradictions(self) -> None:
        """Refuse strings for booleans, and arguments that exclude each other."""
        flags = ("all_checks", "refresh_cache", "wait_for_completion", "fail_fast", "soft_fail")
        more = ("cancel_on_kill", "reattach", "retry_failed")
        arguments.flags(**{flag: getattr(self, flag) for flag in (*flags, *more)})
        if self.all_checks and self._given:
            raise InvalidInput(f"all_checks=True cannot be combined with {self._given[0]}.")
        if self.fail_fast and not self.gate.is_strict:
            raise InvalidInput("fail_fast=True cannot be combined with a gate that tolerates failing checks.")

    def execute(self, context: Context) -> list[JsonObject]:
        """Start sessions and wait for them if `wait_for_completion`; quick check types come first."""
        with self._task_errors(context):
            until, look = self._deadline(context, self.timeout), initial_wait()
            sessions = sorted(self._sessions(context, until), key=models.typical_length)
            self._polling = polling = Polling.of(self.kind, sessions, self._stop_on)
            self._announce(context, sessions, polling.ids)
            if len(sessions) < len(self._target.check_ids) and self._lacks_checks(polling):
                return self._finish(context, polling.result())  # waiting would not help
            if not self.wait_for_completion:
                self._push_reports(context, self._not_evaluated(polling), skipped=True)
                return events.sessions_for_xcom(sessions)
            if self.deferrable:
                return self._finish(context, self._look_then_defer(polling, until, look))
            log.info(
                "Waiting on this worker for %s. deferrable=True would free its slot.",
                self.kind.count(len(polling.ids)),
            )
            return self._finish(context, self._wait_here(polling, until))

    def _not_evaluated(self, polling: Polling) -> Evaluation:
        """Return an evaluation that says that the gate was not evaluated; no branch takes it for a pass."""
        started = self.kind.count(len(polling.ids))
        text = f"Started {started}. The gate is not evaluated (wait_for_completion=False)."
        return replace(self._evaluate(polling.result()), error=ChecklyError(text))

    def execute_complete(self, context: Context, event: object) -> list[JsonObject]:
        """Conclude from the event of the trigger."""
        with self._task_errors(context):
            result = events.from_event(event)
            self._polling = Polling(self.kind, result.unfinished)
            return self._finish(context, result)

    def _lacks_checks(self, polling: Polling) -> bool:
        """Return whether a requested check does not run."""
        return isinstance(self._evaluate(polling.result()).error, ChecksNotRun)

    def on_kill(self) -> None:
        """Cancel the unfinished sessions of this try, and end a wait on this worker."""
        self._killed = True

        def cancel() -> None:
            try:
                self._cancel(self._polling.unfinished if self._polling else ())
            except Exception:  # a kill must not fail
                log.exception("The sessions were not cancelled; they may still be running at Checkly.")

        # In a thread, since this one may have been interrupted while it held one of Airflow's locks.
        cancelling = threading.Thread(target=cancel, daemon=True)
        cancelling.start()
        cancelling.join(ON_KILL_SECONDS)
        if self._waiting_in == threading.get_ident():
            raise AirflowException("The task was killed while it waited for Checkly.")

    def _cancel(self, ids: Sequence[str]) -> None:
        if ids and self.cancel_on_kill:
            self.hook.cancel_sessions(ids, self.kind)

    def _sessions(self, context: Context, until: float) -> list[JsonObject]:
        """Return the sessions to wait for: those of an earlier try that was cut off, else new ones."""
        started = StartedSessions(context, self.hook, self.kind)
        earlier = started.earlier() if self.reattach or self.retry_failed else []
        failed = self._to_repeat(earlier) if earlier else []
        if earlier and not failed and self.reattach:
            log.info("Continuing with %s from an earlier try.", self.kind.count(len(earlier)))
            return earlier
        self._refuse_empty_templates()
        again = failed if self.retry_failed else []
        with started.starting():
            sessions = self._start(context, until, earlier, again)
        started.started([models.session_id(session) for session in sessions])
        return sessions

    def _to_repeat(self, sessions: Sequence[JsonObject]) -> list[JsonObject]:
        """Return the sessions of an earlier try that this try cannot continue with."""
        error = evaluate(self.gate, Polling.of(self.kind, sessions).result()).error
        failing = error.sessions if isinstance(error, ChecksFailed) else []
        again = models.FINAL - models.GOOD if self.gate.is_strict else {"CANCELLED"}
        return [each for each in sessions if each in failing or models.status(each) in again]

    def _refuse_empty_templates(self) -> None:
        """Refuse an argument that was given and rendered to None: without it, more checks would match."""
        for argument in self._given:
            if getattr(self, argument) is None:
                raise InvalidInput(f"{argument} rendered to None; did a template render to an empty value?")

    def _start(
        self, context: Context, until: float, earlier: Sequence[JsonObject], failed: Sequence[JsonObject]
    ) -> list[JsonObject]:
        """Start new sessions.

        :param earlier: the sessions of an earlier try.
        :param failed: those of them whose checks run again; without any, all checks run.
        """
        raise NotImplementedError

    def _announce(self, context: Context, sessions: Sequence[JsonObject], ids: Sequence[str]) -> None:
        """Push ids and link, and log which sessions run, before the wait can go wrong."""
        context["ti"].xcom_push(key=self.kind.ids_key, value=ids)
        self._push_link(context, sessions)
        self._label_mapped_task(context, sessions)
        for session in sessions:
            log.info('Started %s "%s": %s', self.kind.name, models.label(session), models.link(session))

    @cached_property
    def _target(self) -> Target:
        return arguments.target(self.check_ids, self.tags, all_checks=self.all_checks)

    def _finish(self, context: Context, result: WaitResult) -> list[JsonObject]:
        if result.late:
            self._cancel(result.unfinished)
        return events.sessions_for_xcom(self._conclude(context, result))

    def _skips_on(self, error: ChecklyError) -> bool:
        is_no_match = isinstance(error, NoMatchingChecks) and self.on_no_match == "skip"
        return is_no_match or super()._skips_on(error)

    def _may_retry(self, error: ChecklyError) -> bool:
        return self.retry_failed if isinstance(error, ChecksFailed) else super()._may_retry(error)
