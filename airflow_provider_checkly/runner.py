"""What the operators share: start sessions, wait for them, cancel what nobody waits for any more."""

from __future__ import annotations

import logging
import sys
import threading
from abc import abstractmethod
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_checkly.api import model
from airflow_provider_checkly.triggers import IDS_KEY, deadline
from airflow_provider_checkly.verdict import Outcome, airflow_errors, for_xcom
from airflow_provider_checkly.waiter import SessionWaiter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.wire import JsonObject

log = logging.getLogger(__name__)


class SessionRunner(SessionWaiter):
    """A task that starts sessions at Checkly and, unless told otherwise, waits for them."""

    timeout: float
    wait_for_completion: bool
    deferrable: bool
    soft_fail: bool
    retry_failed: bool

    @abstractmethod
    def _sessions(self, context: Context, until: float) -> list[JsonObject]:
        """Return the sessions to wait for: those of an earlier try that was cut off, else new ones."""

    def execute(self, context: Context) -> list[JsonObject]:
        """Start sessions and, unless told otherwise, wait for them."""
        with self._errors():
            until = deadline(self.timeout, context["ti"].start_date, self.execution_timeout)
            sessions = self._sessions(context, until)
            self._announce(context, sessions)
            if not self.wait_for_completion:
                return for_xcom(sessions)
            return self._finish(context, self._look(until) if self.deferrable else self._stay(until))

    def execute_complete(self, context: Context, event: object) -> list[JsonObject]:
        """Judge what the trigger reports."""
        with self._errors():
            outcome = Outcome.from_event(event)
            self._known = dict.fromkeys(outcome.unfinished)
            return self._finish(context, outcome)

    def on_kill(self) -> None:
        """Cancel the unfinished sessions of this try, and end a wait on this worker."""
        try:
            self._cancel([i for i, seen in self._known.items() if seen is None or not model.is_final(seen)])
        except Exception:  # a kill must not fail
            log.exception("Nothing was cancelled.")
        if self._waiting_in == threading.get_ident() and sys.exception() is None:
            raise AirflowException("The task was killed while it waited for Checkly.")

    def _errors(self) -> AbstractContextManager[None]:
        return airflow_errors(soft_fail=self.soft_fail, retry_failed=self.retry_failed)

    def _announce(self, context: Context, sessions: Sequence[JsonObject]) -> None:
        """Say which sessions run, before anything can go wrong with the wait."""
        self._known = {model.session_id(session): session for session in sessions}
        context["ti"].xcom_push(key=IDS_KEY, value=list(self._known))
        self._push_link(context, sessions)
        for session in sessions:
            log.info("%s: %s", model.label(session), model.link(session))

    def _stay(self, until: float) -> Outcome:
        log.info(
            "Waiting on this worker for %d session(s). deferrable=True would free its slot "
            "(a triggerer must run).",
            len(self._known),
        )
        return self._drive(until)

    def _finish(self, context: Context, outcome: Outcome) -> list[JsonObject]:
        if outcome.late:
            self._cancel(outcome.unfinished)
        return self._judge(context, outcome)

    def _cancel(self, ids: Sequence[str]) -> None:
        if ids and self.cancel_on_kill:
            self.hook.cancel_sessions(ids, self.resource)
