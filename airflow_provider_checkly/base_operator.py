"""Base of operators and sensors for sessions: wait on the worker, then defer, then conclude."""

from __future__ import annotations

import logging
import math
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, cast

from airflow.providers.common.compat.sdk import conf

from airflow_provider_checkly import arguments, events, failure_report, failure_text
from airflow_provider_checkly.airflow_workarounds import min_deferral_seconds
from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.text import one_line
from airflow_provider_checkly.base_checkly_operator import (
    DEFER_TIMEOUT_BUFFER,
    NO_TRIGGERER,
    BaseChecklyOperator,
)
from airflow_provider_checkly.exceptions import ChecksFailed, ChecksNotRun, InvalidInput
from airflow_provider_checkly.gate import presentation, rules
from airflow_provider_checkly.gate.evaluation import Evaluation, evaluate
from airflow_provider_checkly.links import LINK_KEY, ChecklySessionLink
from airflow_provider_checkly.triggers import ChecklySessionTrigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.models import SessionKind
    from airflow_provider_checkly.api.polling import Polling, WaitResult
    from airflow_provider_checkly.gate import Gate

log = logging.getLogger(__name__)

RESUME_SECONDS: Final = 2.0
"""What a deferral takes on top of its shortest length: a triggerer starts, a worker resumes."""
MAX_LABEL: Final = 200
"""Characters; Airflow stores 250."""


class BaseSessionOperator(BaseChecklyOperator):
    """A task that waits for sessions and passes, fails or skips by a gate."""

    operator_extra_links = (ChecklySessionLink(),)

    kind: ClassVar[SessionKind]
    cancel_on_kill = False
    _stop_on: frozenset[str] = frozenset()
    _polling: Polling | None = None
    _waiting_in: int | None = None
    _killed = False
    _no_triggerer = f"{NO_TRIGGERER} The sessions may still be running at Checkly; see the task's link."

    def __init__(
        self,
        *,
        deferrable: bool,
        fail_on: str | Iterable[str] | None,
        gate: Gate | None,
        explain: bool,
        root_cause_analysis: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        arguments.flags(deferrable=deferrable, explain=explain, root_cause_analysis=root_cause_analysis)
        self.gate = rules.resolve(gate, arguments.as_list(fail_on))
        self.fail_on = self.gate.statuses
        self.deferrable = deferrable
        self.explain = explain
        self.root_cause_analysis = root_cause_analysis
        self._has_gate = gate is not None

    # Waiting

    def _wait_here(self, polling: Polling, until: float, *, last_look: bool = True) -> WaitResult:
        """Wait on this worker."""
        self._polling, self._waiting_in = polling, threading.get_ident()
        try:
            if self._killed:
                self.on_kill()  # it came before there was anything to cancel
            return self.hook.run_polling(polling, until, last_look=last_look)
        finally:
            self._waiting_in = None

    def _look_then_defer(self, polling: Polling, until: float, seconds: float) -> WaitResult:
        """Wait on the worker for some seconds, since a deferral takes longer than many checks.

        :raises TaskDeferred: not all sessions have ended.
        """
        look_until = time.time() + seconds
        if until <= look_until:
            return self._wait_here(polling, until)
        result = self._wait_here(polling, look_until, last_look=False)
        if not result.late:
            return result
        if len(polling.ids) > events.MAX_DEFERRED_SESSIONS:
            log.warning(
                "A trigger can wait for at most %d sessions; waiting on this worker.",
                events.MAX_DEFERRED_SESSIONS,
            )
            return self._wait_here(polling, until)
        return self._defer(polling, until)

    def _defer(self, polling: Polling, until: float) -> NoReturn:
        latest = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        log.info(
            "Deferring: a triggerer waits for %d of %s, until %s at the latest. If this task stays deferred "
            "although the checks have ended, start a triggerer (`airflow triggerer`).",
            len(polling.unfinished),
            self.kind.count(len(polling.ids)),
            latest,
        )
        now, hold = time.time(), min_deferral_seconds()
        trigger = ChecklySessionTrigger(
            self.checkly_conn_id,
            list(polling.ids),
            until,
            kind=self.kind.path,
            stop_on=sorted(self._stop_on),
            logged_ids=sorted(set(polling.ids) - set(polling.unfinished))[: events.MAX_PLAIN_IDS],
            not_before=now + hold,
            max_hold_seconds=hold,
            cancel_on_kill=self.cancel_on_kill,
        )
        left = timedelta(seconds=max(0.0, until - now))
        self.defer(trigger=trigger, method_name="execute_complete", timeout=left + DEFER_TIMEOUT_BUFFER)

    # Concluding

    def _evaluate(self, result: WaitResult) -> Evaluation:
        """Evaluate the gate; tags are read only if they could turn a failure into a warning."""
        requested, filtered = self._target.check_ids, bool(self._target.tags)
        decide = partial(evaluate, self.gate, result, requested=requested, filtered=filtered)
        evaluation = decide()
        if not (self.gate.warn_only_tags and isinstance(evaluation.error, ChecksFailed)):
            return evaluation
        return decide(tags=failure_report.tags_of(self.hook, evaluation.failing))

    @cached_property
    def _target(self) -> arguments.Target:
        """The checks that must run, and the tags that may exclude some of them."""
        return arguments.Target((), ())

    def _conclude(self, context: Context, result: WaitResult) -> list[JsonObject]:
        """Return the sessions of a passed gate.

        :raises ChecklyError: the gate did not pass, or could not be evaluated.
        """
        if result.sessions is None:
            result = replace(result, sessions=tuple(self.hook.read_sessions(result.ids, self.kind)))
        self._evaluation = evaluation = self._explain_not_run(self._evaluate(result))
        error = evaluation.error
        self._label_mapped_task(context, result.sessions or ())
        failing = error.sessions if isinstance(error, ChecksFailed) else []
        self._push_link(context, failing or result.sessions or ())
        if evaluation.rules and (self._has_gate or failing):
            _log_table(logging.INFO if error is None else logging.WARNING, evaluation)
        if evaluation.excluded:
            log.warning(
                "Checks %s did not run: they do not match the given tags, or are not active.",
                ", ".join(evaluation.excluded),
            )
        if failing:
            _log_unmatched(self.gate, evaluation)
        if failing and self.explain:
            self._explain(context, evaluation, failing)
        if not self._failed_results:
            _log_sessions(failing)
        if error is not None:
            raise error
        log.info("%s", evaluation.message)
        self._push_reports(context, evaluation)
        return result.final

    def _explain_not_run(self, evaluation: Evaluation) -> Evaluation:
        """Look up why requested checks did not run."""
        if not isinstance(evaluation.error, ChecksNotRun):
            return evaluation
        reasons = self.hook.why_not_run(evaluation.error.check_ids)
        return replace(evaluation, error=evaluation.error.explained(reasons))

    def _explain(self, context: Context, evaluation: Evaluation, sessions: Sequence[JsonObject]) -> None:
        """Ask Checkly why checks failed, and log it."""
        seconds = self._deadline(context, failure_report.MAX_TOTAL_SECONDS) - time.time()
        self._failed_results = failure_report.explain(
            self.hook, evaluation, sessions, seconds, analyse=self.root_cause_analysis
        )
        for line in failure_text.log_lines(self._failed_results):
            log.warning("%s", line)

    def _label_mapped_task(self, context: Context, sessions: Sequence[JsonObject]) -> None:
        """Label a mapped task in the UI with the names of its checks, unless the DAG sets a label."""
        values, index = cast("dict[str, Any]", context), context["ti"].map_index
        if index is None or index < 0:
            return
        values["checkly_checks"] = one_line(", ".join(map(models.label, sessions)), MAX_LABEL)
        if values.get("map_index_template") is None:
            values["map_index_template"] = "{{ checkly_checks }}"

    def _push_link(self, context: Context, sessions: Sequence[JsonObject]) -> None:
        """Push the link to the first session."""
        if sessions and (link := models.link(sessions[0])):
            context["ti"].xcom_push(key=LINK_KEY, value=link)


def initial_wait() -> float:
    """Return how many seconds a worker waits before it defers: `[checkly] initial_wait`.

    The default is the shortest time that a deferral takes: a session then never costs more than twice what it
    would if its end were known in advance.

    :raises InvalidInput: not a number, or below 0.
    """
    text = conf.get("checkly", "initial_wait", fallback=None)
    if not text:
        return min_deferral_seconds() + RESUME_SECONDS
    with suppress(ValueError):
        if 0 <= (seconds := float(text)) < math.inf:
            return seconds
    raise InvalidInput(f"[checkly] initial_wait must be a number of seconds, 0 or more, not {text!r}.")


def _log_table(level: int, evaluation: Evaluation) -> None:
    for line in presentation.table(evaluation):
        log.log(level, "%s", line)


def _log_unmatched(gate: Gate, evaluation: Evaluation) -> None:
    """Log the entries of `warn_only` that match no check, perhaps because they are misspelt."""
    for entry in gate.unmatched((each.check_id, each.name) for each in evaluation.checks):
        log.warning("warn_only %r matches no check of this task; use a check's id or exact name.", entry)


def _log_sessions(sessions: Iterable[JsonObject]) -> None:
    for session in sessions:
        log.warning("%s %s: %s", models.label(session), models.status(session), models.link(session))
