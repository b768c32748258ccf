"""What the operators share: start sessions, wait for them, cancel what nobody waits for any more."""

from __future__ import annotations

import logging
import sys
import threading
from abc import abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowException, AirflowSkipException, conf

from airflow_provider_checkly import arguments
from airflow_provider_checkly.api import model
from airflow_provider_checkly.api.errors import ChecklyNotFound, InvalidInput, NoMatchingChecks
from airflow_provider_checkly.checkpoint import Checkpoint
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.triggers import IDS_KEYS, deadline
from airflow_provider_checkly.verdict import Outcome, airflow_errors, broken_sessions, decide, for_xcom
from airflow_provider_checkly.waiter import SessionWaiter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.arguments import Tags

log = logging.getLogger(__name__)


class SessionRunner(SessionWaiter):
    """A task that starts sessions at Checkly and, unless told otherwise, waits for them."""

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
        on_no_match: Literal["fail", "skip"] = "fail",
        soft_fail: bool = False,
        cancel_on_kill: bool = True,
        reattach: bool = True,
        retry_failed: bool = False,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        arguments.flags(all_checks=all_checks, refresh_cache=refresh_cache, deferrable=deferrable)
        arguments.flags(wait_for_completion=wait_for_completion, soft_fail=soft_fail, reattach=reattach)
        arguments.flags(cancel_on_kill=cancel_on_kill, retry_failed=retry_failed)
        self.check_ids = check_ids
        self.tags = tags
        self.checkly_conn_id = checkly_conn_id
        self.all_checks = all_checks
        self.refresh_cache = refresh_cache
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.timeout = arguments.positive_seconds(timeout, "timeout")
        self.on_no_match = arguments.one_of(on_no_match, ("fail", "skip"), "on_no_match")
        self.soft_fail = soft_fail
        self.cancel_on_kill = cancel_on_kill
        self.reattach = reattach
        self.retry_failed = retry_failed
        given = {"check_ids": check_ids, "tags": tags}
        self._given = [argument for argument, value in given.items() if value is not None]
        if all_checks and self._given:
            raise InvalidInput(f"all_checks=True cannot be combined with {self._given[0]}.")
        self._known = {}

    @abstractmethod
    def _start(self, context: Context, until: float) -> list[JsonObject]:
        """Start new sessions."""

    def _again(
        self,
        context: Context,
        until: float,
        earlier: Sequence[JsonObject],  # noqa: ARG002 - subclasses may keep some
        failed: Sequence[JsonObject],  # noqa: ARG002
    ) -> list[JsonObject]:
        """Run again what did not pass."""
        return self._start(context, until)

    def _session_name(self, context: Context) -> str:  # noqa: ARG002 - subclasses use it
        """Return the name under which a session can be found again, "" where sessions have none."""
        return ""

    def _sessions(self, context: Context, until: float) -> list[JsonObject]:
        """Return the sessions to wait for: those of an earlier try that was cut off, else new ones."""
        checkpoint = Checkpoint(context)
        earlier = self._earlier(checkpoint)
        failed = self._failed(earlier)
        if earlier and not failed and self.reattach:
            log.info("Going on with the %d session(s) of an earlier try.", len(earlier))
            return earlier
        self._refuse_nothing()
        with self._no_match(), checkpoint.starting(self._session_name(context)):
            again = failed and self.retry_failed
            sessions = self._again(context, until, earlier, failed) if again else self._start(context, until)
        checkpoint.started([model.session_id(session) for session in sessions])
        return sessions

    def _earlier(self, checkpoint: Checkpoint) -> list[JsonObject]:
        try:
            return self._read(checkpoint.earlier(self.hook.find_test_session))
        except ChecklyNotFound as error:
            log.warning("%s The checks are triggered again.", error)
            return []

    def _failed(self, sessions: Sequence[JsonObject]) -> list[JsonObject]:
        """Return the sessions that did not pass; none, while the gate lets them fail."""
        outcome = Outcome(tuple(map(model.session_id, sessions)), tuple(sessions))
        if not self.gate.plain:
            return broken_sessions(outcome, decide(outcome, self.gate))
        well = model.GOOD - self.fail_on
        return [each for each in sessions if model.is_final(each) and model.status(each) not in well]

    @contextmanager
    def _no_match(self) -> Iterator[None]:
        try:
            yield
        except NoMatchingChecks as error:
            if self.on_no_match == "skip":
                raise AirflowSkipException(str(error)) from error
            raise

    def _refuse_nothing(self) -> None:
        """Refuse an argument that was given and rendered to None: without it, more checks would match."""
        for argument in self._given:
            if getattr(self, argument) is None:
                raise InvalidInput(f"{argument} rendered to nothing (None).")

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
        context["ti"].xcom_push(key=IDS_KEYS[self.resource], value=list(self._known))
        self._push_link(context, sessions)
        for session in sessions:
            log.info("Runs at Checkly: %s. %s", model.label(session), model.link(session))

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
