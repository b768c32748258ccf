"""What operators and sensors share: look first, then wait here or in the triggerer, then judge."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, BaseOperator, conf

from airflow_provider_checkly import arguments, report, verdict
from airflow_provider_checkly.connection import CHECK_SESSIONS, TEST_SESSIONS
from airflow_provider_checkly.exceptions import ChecklyError, ChecksFailed, ChecksTimedOut
from airflow_provider_checkly.gate import chosen
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.links import LINK_KEY, ChecklySessionLink
from airflow_provider_checkly.reasons import LONGEST, find_reasons, tags_of
from airflow_provider_checkly.triggers import BACKSTOP, ChecklySessionTrigger, hold_back
from airflow_provider_checkly.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.connection import Resource
    from airflow_provider_checkly.decision import Decision
    from airflow_provider_checkly.gate import Gate

log = logging.getLogger(__name__)

DEFERRABLE: Final = conf.getboolean("operators", "default_deferrable", fallback=False)
TIMED_OUT: Final = frozenset({"Trigger timeout", "Trigger/execution timeout"})
"""What Airflow 3, and 2.11, say of a deferral that took too long."""
LOOK_SECONDS: Final = 5.0
"""How long the worker looks before it defers."""


class SessionWaiter(BaseOperator):
    """A task that waits for check sessions.

    `_known` holds the sessions of this try with the last state that was seen.
    """

    operator_extra_links = (ChecklySessionLink(),)
    ui_color = "#e8f4ff"

    resource: Resource = CHECK_SESSIONS
    soft_fail: bool
    never_fail = False
    retry_failed = False
    cancel_on_kill = False
    _error_on_timeout: type[Exception] = AirflowException
    _stop_on: frozenset[str] = frozenset()
    _waiting_in: int | None = None
    _killed = False

    def __init__(
        self,
        *,
        deferrable: bool = DEFERRABLE,
        fail_on: str | Iterable[str] | None = None,
        gate: Gate | None = None,
        explain: bool = True,
        root_cause_analysis: bool = False,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        arguments.flags(deferrable=deferrable, explain=explain, root_cause_analysis=root_cause_analysis)
        rules = chosen(gate, fail_on)
        self.gate = rules.for_test_sessions() if self.resource == TEST_SESSIONS else rules
        self.fail_on = self.gate.statuses
        self.deferrable = deferrable
        self.explain = explain
        self.root_cause_analysis = root_cause_analysis
        self.checkly_conn_id = checkly_conn_id
        self._always_show = gate is not None
        self._known: dict[str, JsonObject | None] = {}

    @cached_property
    def hook(self) -> ChecklyHook:
        """A hook for the connection as rendered."""
        return ChecklyHook(self.checkly_conn_id)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume; Airflow's own time-out, which comes where no triggerer runs, ends as ours does.

        `soft_fail` skips on a time-out, but not on a trigger that broke; Airflow's sensors skip on both.
        """
        if next_method == "__fail__" and (next_kwargs or {}).get("error") in TIMED_OUT:
            with self._errors():
                raise ChecksTimedOut(
                    "Airflow's own time-out of the deferral came before a triggerer reported: does one run? "
                    "The sessions may go on at Checkly; see the link of the task."
                )
        if self.soft_fail:
            return BaseOperator.resume_execution(self, next_method, next_kwargs, context)
        return super().resume_execution(next_method, next_kwargs, context)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Let each ChecklyError leave the task as Airflow should treat it."""
        try:
            yield
        except ChecklyError as error:
            leaving = verdict.for_airflow(
                error,
                soft_fail=self.soft_fail,
                never_fail=self.never_fail,
                retry_failed=self.retry_failed,
                on_timeout=self._error_on_timeout,
            )
            raise leaving.with_traceback(error.__traceback__) from error.__cause__

    def _deadline(self, context: Context, seconds: float) -> float:
        """Return when so many seconds are over, as absolute wall-clock time.

        `execution_timeout` may come first, which Airflow 3 does not apply while a task is deferred.
        """
        latest, start = time.time() + seconds, context["ti"].start_date
        if self.execution_timeout is None or start is None:
            return latest
        return min(latest, (start + self.execution_timeout).timestamp())

    def _drive(self, until: float, *, last_look: bool = True) -> Outcome:
        """Wait on this worker."""
        self._waiting_in = threading.get_ident()
        try:
            if self._killed:
                self.on_kill()  # it came before there was anything to cancel
            waited = self.hook.drive(
                list(self._known),
                until,
                resource=self.resource,
                stop_on=self._stop_on,
                last_look=last_look,
                known=self._known,
            )
        finally:
            self._waiting_in = None
        return Outcome.of(self._known, late=waited.late)

    def _look(self, until: float) -> Outcome:
        """Look on the worker first, since a deferral costs more than a check that is about to end.

        :raises TaskDeferred: there is more to wait for.
        """
        look_until = time.time() + LOOK_SECONDS
        if until <= look_until:
            return self._drive(until)
        outcome = self._drive(look_until, last_look=False)
        if outcome.late:
            self._defer(until)
        return outcome

    def _defer(self, until: float) -> NoReturn:
        latest = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        log.info("Deferring; the triggerer waits for the sessions, until %s at the latest.", latest)
        now, held = time.time(), hold_back()
        trigger = ChecklySessionTrigger(
            self.checkly_conn_id,
            list(self._known),
            until,
            stop_on=sorted(self._stop_on),
            not_before=now + held,
            hold_back=held,
            cancel_on_kill=self.cancel_on_kill,
            resource=self.resource,
        )
        left = timedelta(seconds=max(0.0, until - now))
        self.defer(trigger=trigger, method_name="execute_complete", timeout=left + BACKSTOP)

    def _judge(self, context: Context, outcome: Outcome) -> list[JsonObject]:
        """Return the sessions of a wait that ended well; leave link, decision and reasons behind."""
        whole = verdict.complete(outcome, self._read)
        decision = self._decide(whole)
        self._push_link(context, verdict.broken_sessions(whole, decision) or whole.sessions or ())
        context["ti"].xcom_push(key="gate", value=verdict.harmless(decision.to_xcom()))
        if decision.broke or self._always_show:
            _log_lines(logging.WARNING if decision.broke else logging.INFO, decision.table().splitlines())
        try:
            return verdict.conclude(whole, decision)
        except ChecksFailed as failure:
            if self.explain:
                self._explain(context, decision, failure)
            raise

    def _decide(self, outcome: Outcome) -> Decision:
        """Judge; where that could make only a warning of a failure, with the tags of the checks."""
        decision = verdict.decide(outcome, self.gate)
        if not (decision.broke and self.gate.warn_only_tags):
            return decision
        return verdict.decide(outcome, self.gate, tags_of(self.hook, decision))

    def _explain(self, context: Context, decision: Decision, failure: ChecksFailed) -> None:
        """Log why checks failed, and leave it in XCom."""
        seconds = self._deadline(context, LONGEST) - time.time()
        reasons = find_reasons(
            self.hook, decision, failure.sessions, seconds, analyse=self.root_cause_analysis
        )
        _log_lines(logging.WARNING, report.lines(reasons))
        context["ti"].xcom_push(key="report", value=report.markdown(str(failure), reasons))

    def _read(self, ids: Sequence[str]) -> list[JsonObject]:
        return self.hook.read_sessions(ids, self.resource)

    def _push_link(self, context: Context, sessions: Sequence[JsonObject]) -> None:
        if link := verdict.first_link(sessions, self.fail_on):
            context["ti"].xcom_push(key=LINK_KEY, value=link)


def _log_lines(level: int, lines: Iterable[str]) -> None:
    for line in lines:
        log.log(level, "%s", line)
