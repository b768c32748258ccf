"""What operators and sensors share: look first, then wait here or in the triggerer, then judge."""

from __future__ import annotations

import logging
import threading
import time
from abc import abstractmethod
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NoReturn

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_checkly import arguments, report
from airflow_provider_checkly.connection import CHECK_SESSIONS, TEST_SESSIONS
from airflow_provider_checkly.exceptions import ChecksFailed, ChecksTimedOut
from airflow_provider_checkly.gate import chosen
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.links import LINK_KEY, ChecklySessionLink
from airflow_provider_checkly.reasons import LONGEST, find_reasons, tags_of
from airflow_provider_checkly.triggers import deadline, deferral
from airflow_provider_checkly.verdict import (
    Outcome,
    broken_sessions,
    complete,
    conclude,
    decide,
    first_link,
    for_xcom,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.connection import Resource
    from airflow_provider_checkly.decision import Decision
    from airflow_provider_checkly.gate import Gate

log = logging.getLogger(__name__)

GATE_KEY: Final = "gate"
REPORT_KEY: Final = "report"
LOOK_SECONDS: Final = 5.0
"""How long the worker looks before it defers."""


class SessionWaiter(BaseOperator):
    """A task that waits for check sessions.

    `_known` holds the sessions of this try with the last state that was seen.
    """

    operator_extra_links = (ChecklySessionLink(),)
    ui_color = "#e8f4ff"

    checkly_conn_id: str
    cancel_on_kill = False
    resource: Resource = CHECK_SESSIONS
    _known: dict[str, JsonObject | None]
    _stop_on: frozenset[str] = frozenset()
    _waiting_in: int | None = None

    def __init__(
        self,
        *,
        fail_on: str | Iterable[str] | None = None,
        gate: Gate | None = None,
        explain: bool = True,
        root_cause_analysis: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        arguments.flags(explain=explain, root_cause_analysis=root_cause_analysis)
        rules = chosen(gate, fail_on)
        self.gate = rules.for_test_sessions() if self.resource == TEST_SESSIONS else rules
        self.fail_on = self.gate.statuses
        self.explain = explain
        self.root_cause_analysis = root_cause_analysis
        self._always_show = gate is not None

    @cached_property
    def hook(self) -> ChecklyHook:
        """A hook for the connection as rendered."""
        return ChecklyHook(self.checkly_conn_id)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume; Airflow's own time-out, which comes where no triggerer runs, ends as ours does."""
        if is_timeout(next_method, next_kwargs):
            with self._errors():
                raise ChecksTimedOut(
                    "Airflow's own time-out of the deferral came before a triggerer reported: does one run? "
                    "The sessions may go on at Checkly; see the link of the task."
                )
        return super().resume_execution(next_method, next_kwargs, context)

    @abstractmethod
    def _errors(self) -> AbstractContextManager[None]:
        """Let each ChecklyError leave the task as Airflow should treat it."""

    def _drive(self, until: float, *, last_look: bool = True) -> Outcome:
        """Wait on this worker."""
        ids = list(self._known)
        self._waiting_in = threading.get_ident()
        waited = self.hook.drive(
            ids,
            until,
            resource=self.resource,
            stop_on=self._stop_on,
            last_look=last_look,
            known=self._known,
        )
        self._waiting_in = None
        return Outcome.of(ids, waited)

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
        keywords = deferral(
            self.checkly_conn_id,
            list(self._known),
            until,
            stop_on=self._stop_on,
            cancel_on_kill=self.cancel_on_kill,
            resource=self.resource,
        )
        self.defer(**keywords)

    def _judge(self, context: Context, outcome: Outcome) -> list[JsonObject]:
        """Return the sessions of a wait that ended well, fit for XCom."""
        whole = complete(outcome, self._read)
        decision = self._decide(whole)
        self._push_link(context, broken_sessions(whole, decision) or whole.sessions or ())
        self._show(context, decision)
        try:
            return for_xcom(conclude(whole, decision))
        except ChecksFailed as failure:
            if self.explain:
                self._explain(context, decision, failure)
            raise

    def _decide(self, outcome: Outcome) -> Decision:
        """Judge; where that could make only a warning of a failure, with the tags of the checks."""
        decision = decide(outcome, self.gate)
        if not (decision.broke and self.gate.warn_only_tags):
            return decision
        return decide(outcome, self.gate, tags_of(self.hook, decision))

    def _show(self, context: Context, decision: Decision) -> None:
        """Log the decision as a table, and leave it in XCom."""
        context["ti"].xcom_push(key=GATE_KEY, value=decision.to_xcom())
        if decision.broke or self._always_show:
            _log_lines(logging.WARNING if decision.broke else logging.INFO, decision.table().splitlines())

    def _explain(self, context: Context, decision: Decision, failure: ChecksFailed) -> None:
        """Log why checks failed, and leave it in XCom."""
        until = deadline(LONGEST, context["ti"].start_date, self.execution_timeout)
        reasons = find_reasons(
            self.hook, decision, failure.sessions, until - time.time(), analyse=self.root_cause_analysis
        )
        _log_lines(logging.WARNING, report.lines(reasons))
        context["ti"].xcom_push(key=REPORT_KEY, value=report.markdown(str(failure), reasons))

    def _read(self, ids: Sequence[str]) -> list[JsonObject]:
        return self.hook.read_sessions(ids, self.resource)

    def _push_link(self, context: Context, sessions: Sequence[JsonObject]) -> None:
        if link := first_link(sessions, self.fail_on):
            context["ti"].xcom_push(key=LINK_KEY, value=link)


def is_timeout(next_method: str, next_kwargs: dict[str, Any] | None) -> bool:
    """Return whether a task is resumed since Airflow's own time-out of its deferral came, on any version."""
    return next_method == "__fail__" and (next_kwargs or {}).get("error") == "Trigger timeout"


def _log_lines(level: int, lines: Sequence[str]) -> None:
    for line in lines:
        log.log(level, "%s", line)
