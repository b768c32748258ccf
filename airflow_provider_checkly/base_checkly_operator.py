"""Base of all tasks: the hook, the deadline, and how each end is reported to Airflow."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import (
    AirflowNotFoundException,
    AirflowSkipException,
    BaseOperator,
    conf,
)

from airflow_provider_checkly import events, failure_text, lineage
from airflow_provider_checkly.airflow_workarounds import TRIGGER_FAILED, is_defer_timeout
from airflow_provider_checkly.exceptions import ChecklyError, ChecksFailed, ChecksTimedOut, InvalidInput
from airflow_provider_checkly.gate import presentation
from airflow_provider_checkly.gate.evaluation import Evaluation
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.task_exceptions import to_airflow_exception

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.failure_report import FailedResult
    from airflow_provider_checkly.lineage import Lineage

log = logging.getLogger(__name__)

DEFERRABLE: Final = conf.getboolean("operators", "default_deferrable", fallback=False)
DEFER_TIMEOUT_BUFFER: Final = timedelta(minutes=5)
"""Airflow's own timeout of the deferral expires this long after our deadline; it loses what is known."""
NO_TRIGGERER: Final = (
    "No triggerer reported in time. Check that one is running: `airflow jobs check --job-type TriggererJob`."
)


class BaseChecklyOperator(BaseOperator):
    """A task that passes, fails or skips by what Checkly says, and leaves XCom `gate` and `report`."""

    ui_color = "#e8f4ff"

    soft_fail: bool
    checkly_conn_id: str
    _evaluation: Evaluation | None = None
    _no_triggerer = NO_TRIGGERER

    def __init__(self, *, checkly_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.checkly_conn_id = checkly_conn_id
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
        """Resume the task; Airflow's own timeout of the deferral ends it as our deadline does.

        `soft_fail` skips on a timeout, but not after an error of the trigger; Airflow's own does on both.
        """
        if is_defer_timeout(next_method, next_kwargs):
            with self._task_errors(context):
                raise ChecksTimedOut(self._no_triggerer)
        if next_method == TRIGGER_FAILED:
            error = ChecklyError(
                f"The trigger failed: {(next_kwargs or {}).get('error')}. See the triggerer's log."
            )
            skip = self._skips_on(error)
            self._push_reports(context, Evaluation(error=error), skipped=skip)
            if skip:
                raise AirflowSkipException(str(error))
        return BaseOperator.resume_execution(self, next_method, next_kwargs, context)

    def get_openlineage_facets_on_complete(self, task_instance: object) -> Lineage | None:  # noqa: ARG002
        """Return what OpenLineage is told when the task passed or was skipped."""
        return lineage.operator_lineage(self._evaluation)

    def get_openlineage_facets_on_failure(self, task_instance: object) -> Lineage | None:
        """Return what OpenLineage is told when the task failed."""
        return self.get_openlineage_facets_on_complete(task_instance)

    def _deadline(self, context: Context, seconds: float) -> float:
        """Return the end of a wait of so many seconds, in Unix seconds.

        `execution_timeout` may come first; Airflow 3 does not apply it while a task is deferred.
        """
        latest, start = time.time() + seconds, context["ti"].start_date
        if self.execution_timeout is None or start is None:
            return latest
        return min(latest, (start + self.execution_timeout).timestamp())

    def _skips_on(self, error: ChecklyError) -> bool:
        """Return whether the task skips: `soft_fail` is for a failing status and our deadline only."""
        return self.soft_fail and isinstance(error, ChecksFailed | ChecksTimedOut)

    def _may_retry(self, error: ChecklyError) -> bool:
        """Return whether Airflow may retry the task after an error."""
        return not error.permanent

    @contextmanager
    def _task_errors(self, context: Context) -> Iterator[None]:
        """Push what is known, and raise each error as the exception that Airflow should handle."""
        try:
            yield
        except (AirflowNotFoundException, ChecklyError) as caught:
            error = caught if isinstance(caught, ChecklyError) else InvalidInput(str(caught))
            skip = self._skips_on(error)
            known = self._evaluation
            evaluation = known if known and known.error is error else Evaluation(error=error)
            self._push_reports(context, evaluation, skipped=skip)
            if skip:
                log.warning("Skipping instead of failing: %s", error)
            elif error is not caught:
                raise
            leaving = to_airflow_exception(error, skip=skip, retry=self._may_retry(error))
            is_gate = isinstance(error, ChecksFailed | ChecksTimedOut)
            raise leaving.with_traceback(None if is_gate else error.__traceback__) from error.__cause__

    def _push_reports(self, context: Context, evaluation: Evaluation, *, skipped: bool = False) -> None:
        """Push XCom `gate`, `report` and `report_slack`."""
        results = self._failed_results
        values: JsonObject = {
            "gate": presentation.to_json(evaluation, failure_text.reasons(results), skipped=skipped),
            "report": failure_text.markdown(evaluation.message, results),
            "report_slack": failure_text.slack(evaluation.message, results),
        }
        for key, value in events.json_safe(values).items():
            context["ti"].xcom_push(key=key, value=value)
