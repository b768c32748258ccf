"""Base of operators and sensors: look first, wait here or defer, conclude."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from airflow.providers.common.compat.sdk import (
    AirflowNotFoundException,
    AirflowSkipException,
    BaseOperator,
    conf,
)

from airflow_provider_checkly import arguments, events, failure_report, failure_text
from airflow_provider_checkly.airflow_workarounds import (
    TRIGGER_FAILED,
    is_defer_timeout,
    min_deferral_seconds,
)
from airflow_provider_checkly.api import models
from airflow_provider_checkly.exceptions import ChecklyError, ChecksFailed, ChecksTimedOut, InvalidInput
from airflow_provider_checkly.gate import presentation, rules
from airflow_provider_checkly.gate.evaluation import Evaluation, evaluate
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.links import LINK_KEY, ChecklySessionLink
from airflow_provider_checkly.task_exceptions import to_airflow_exception
from airflow_provider_checkly.triggers import ChecklySessionTrigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.models import SessionKind
    from airflow_provider_checkly.api.polling import Polling, WaitResult
    from airflow_provider_checkly.failure_report import FailedResult
    from airflow_provider_checkly.gate import Gate

log = logging.getLogger(__name__)

DEFERRABLE: Final = conf.getboolean("operators", "default_deferrable", fallback=False)
INITIAL_WAIT_SECONDS: Final = 5.0
"""How long the worker waits before it defers, since a deferral takes longer."""
DEFER_TIMEOUT_BUFFER: Final = timedelta(minutes=5)
"""Airflow's own time-out of the deferral comes this much later than ours; it loses what is known."""
GATE_KEY: Final = "gate"
REPORT_KEY: Final = "report"
SLACK_REPORT_KEY: Final = "report_slack"


class BaseSessionOperator(BaseOperator):
    """A task that waits for sessions and passes, fails or skips by a gate."""

    operator_extra_links = (ChecklySessionLink(),)
    ui_color = "#e8f4ff"

    kind: ClassVar[SessionKind]
    soft_fail: bool
    cancel_on_kill = False
    _stop_on: frozenset[str] = frozenset()
    _polling: Polling | None = None
    _evaluation: Evaluation | None = None
    _waiting_in: int | None = None
    _killed = False

    def __init__(
        self,
        *,
        deferrable: bool,
        fail_on: str | Iterable[str] | None,
        gate: Gate | None,
        explain: bool,
        root_cause_analysis: bool,
        checkly_conn_id: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        arguments.flags(deferrable=deferrable, explain=explain, root_cause_analysis=root_cause_analysis)
        self.gate = rules.resolve(gate, arguments.as_list(fail_on))
        self.fail_on = self.gate.statuses
        self.deferrable = deferrable
        self.explain = explain
        self.root_cause_analysis = root_cause_analysis
        self.checkly_conn_id = checkly_conn_id
        self._has_gate = gate is not None
        self._failed_results: list[FailedResult] = []

    if TYPE_CHECKING:

        @property
        def output(self) -> Any:
            """The XCom of the task. Airflow's type has no keys, and does not fit the parameters of tasks."""

    @cached_property
    def hook(self) -> ChecklyHook:
        """A hook for the connection as rendered."""
        return ChecklyHook(self.checkly_conn_id)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume; Airflow's own time-out of the deferral ends the task as ours does.

        `soft_fail` skips on a time-out, but not if the trigger failed; Airflow's sensors skip on both.
        """
        if is_defer_timeout(next_method, next_kwargs):
            with self._task_errors(context):
                raise ChecksTimedOut(
                    "No triggerer reported in time. Is a triggerer running? `airflow jobs check --job-type "
                    "TriggererJob` tells. The sessions may still be running at Checkly; see the task's link."
                )
        if next_method == TRIGGER_FAILED:
            error = ChecklyError(f"The trigger failed: {(next_kwargs or {}).get('error')}.")
            skip = self._skips_on(error)
            self._push_reports(context, Evaluation(error=error), skipped=skip)
            if skip:
                raise AirflowSkipException(str(error))
        return BaseOperator.resume_execution(self, next_method, next_kwargs, context)

    # Waiting

    def _deadline(self, context: Context, seconds: float) -> float:
        """Return the absolute wall-clock time in so many seconds.

        `execution_timeout` may come first; Airflow 3 does not apply it while a task is deferred.
        """
        latest, start = time.time() + seconds, context["ti"].start_date
        if self.execution_timeout is None or start is None:
            return latest
        return min(latest, (start + self.execution_timeout).timestamp())

    def _wait_here(self, polling: Polling, until: float, *, last_look: bool = True) -> WaitResult:
        """Wait on this worker."""
        self._polling, self._waiting_in = polling, threading.get_ident()
        try:
            if self._killed:
                self.on_kill()  # it came before there was anything to cancel
            return self.hook.run_polling(polling, until, last_look=last_look)
        finally:
            self._waiting_in = None

    def _look_then_defer(self, polling: Polling, until: float) -> WaitResult:
        """Wait on the worker for some seconds, since a deferral takes longer than many checks.

        :raises TaskDeferred: not all sessions have ended.
        """
        look_until = time.time() + INITIAL_WAIT_SECONDS
        if until <= look_until:
            return self._wait_here(polling, until)
        result = self._wait_here(polling, look_until, last_look=False)
        if result.late:
            self._defer(polling, until)
        return result

    def _defer(self, polling: Polling, until: float) -> NoReturn:
        latest = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        log.info(
            "Deferring: a triggerer waits for %d of %d %ss, until %s at the latest. If this task stays "
            "deferred although the checks have ended, no triggerer is running.",
            len(polling.unfinished),
            len(polling.ids),
            self.kind.name,
            latest,
        )
        now, hold = time.time(), min_deferral_seconds()
        trigger = ChecklySessionTrigger(
            self.checkly_conn_id,
            list(polling.ids),
            until,
            kind=self.kind.path,
            stop_on=sorted(self._stop_on),
            logged_ids=sorted(set(polling.ids) - set(polling.unfinished)),
            not_before=now + hold,
            max_hold_seconds=hold,
            cancel_on_kill=self.cancel_on_kill,
        )
        left = timedelta(seconds=max(0.0, until - now))
        self.defer(trigger=trigger, method_name="execute_complete", timeout=left + DEFER_TIMEOUT_BUFFER)

    # Concluding

    def _evaluate(self, result: WaitResult) -> Evaluation:
        """Evaluate the gate; tags are read only if they could turn a failure into a warning."""
        requested, filtered = self._requested
        evaluation = evaluate(self.gate, result, requested=requested, filtered=filtered)
        if not (self.gate.warn_only_tags and isinstance(evaluation.error, ChecksFailed)):
            return evaluation
        tags = failure_report.tags_of(self.hook, evaluation.failing)
        return evaluate(self.gate, result, requested=requested, filtered=filtered, tags=tags)

    @property
    def _requested(self) -> tuple[Sequence[str], bool]:
        """The ids of the checks that must run, and whether tags may exclude some of them."""
        return (), False

    def _conclude(self, context: Context, result: WaitResult) -> list[JsonObject]:
        """Return the sessions of a passed gate.

        :raises ChecklyError: the gate did not pass, or could not be evaluated.
        """
        if result.sessions is None:
            result = events.with_sessions(result, self.hook.read_sessions(result.ids, self.kind))
        self._evaluation = evaluation = self._evaluate(result)
        error = evaluation.error
        failing = error.sessions if isinstance(error, ChecksFailed) else []
        self._push_link(context, failing or result.sessions or ())
        if evaluation.rules and (failing or self._has_gate):
            _log_table(logging.INFO if error is None else logging.WARNING, evaluation)
        _log_sessions(failing, evaluation.excluded)
        if failing and self.explain:
            self._explain(context, evaluation, failing)
        if error is not None:
            raise error
        log.info("%s", evaluation.message)
        self._push_reports(context, evaluation)
        return result.final

    def _explain(self, context: Context, evaluation: Evaluation, sessions: Sequence[JsonObject]) -> None:
        """Ask Checkly why checks failed, and log it."""
        seconds = self._deadline(context, failure_report.MAX_TOTAL_SECONDS) - time.time()
        self._failed_results = failure_report.explain(
            self.hook, evaluation, sessions, seconds, analyse=self.root_cause_analysis
        )
        for line in failure_text.log_lines(self._failed_results):
            log.warning("%s", line)

    def _skips_on(self, error: ChecklyError) -> bool:
        """Return whether the task skips: `soft_fail` is for a failing status and our deadline only."""
        return self.soft_fail and isinstance(error, ChecksFailed | ChecksTimedOut)

    def _may_retry(self, error: ChecklyError) -> bool:
        """Return whether Airflow may retry the task after an error."""
        return not error.permanent

    @contextmanager
    def _task_errors(self, context: Context) -> Iterator[None]:
        """Push what is known, and let each error leave the task as Airflow should handle it."""
        try:
            yield
        except AirflowNotFoundException as error:
            unknown = InvalidInput(str(error))
            skip = self._skips_on(unknown)
            self._push_reports(context, Evaluation(error=unknown), skipped=skip)
            if skip:
                raise AirflowSkipException(str(error)) from error
            raise
        except ChecklyError as error:
            skip = self._skips_on(error)
            known = self._evaluation
            evaluation = known if known and known.error is error else Evaluation(error=error)
            self._push_reports(context, evaluation, skipped=skip)
            if skip:
                log.warning("Skipping instead of failing: %s", error)
            leaving = to_airflow_exception(error, skip=skip, retry=self._may_retry(error))
            is_gate = isinstance(error, ChecksFailed | ChecksTimedOut)
            raise leaving.with_traceback(None if is_gate else error.__traceback__) from error.__cause__

    def _push_reports(self, context: Context, evaluation: Evaluation, *, skipped: bool = False) -> None:
        """Push XCom `gate`, `report` and `report_slack`."""
        results = self._failed_results
        values: JsonObject = {
            GATE_KEY: presentation.to_json(evaluation, failure_text.reasons(results), skipped=skipped),
            REPORT_KEY: failure_text.markdown(evaluation.message, results),
            SLACK_REPORT_KEY: failure_text.slack(evaluation.message, results),
        }
        for key, value in events.json_safe(values).items():
            context["ti"].xcom_push(key=key, value=value)

    def _push_link(self, context: Context, sessions: Sequence[JsonObject]) -> None:
        """Push the link to the first session."""
        if sessions and (link := models.link(sessions[0])):
            context["ti"].xcom_push(key=LINK_KEY, value=link)


def _log_table(level: int, evaluation: Evaluation) -> None:
    for line in presentation.table(evaluation):
        log.log(level, "%s", line)


def _log_sessions(failing: Sequence[JsonObject], excluded: Sequence[str]) -> None:
    """Log which sessions failed, and which requested checks the tags excluded."""
    for session in failing:
        log.warning("%s %s: %s", models.label(session), models.status(session), models.link(session))
    if excluded:
        log.warning(
            "Checks %s did not run: they do not match the given tags, or are not active.",
            ", ".join(excluded),
        )
