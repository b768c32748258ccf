"""The operator that decides on the past of checks; users import it from `operators`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_checkly import arguments, check_selection, events
from airflow_provider_checkly.api import status_endpoints
from airflow_provider_checkly.api.status_endpoints import ANALYTICS_PERIODS, MAX_ANALYTICS_IDS
from airflow_provider_checkly.base_checkly_operator import BaseChecklyOperator
from airflow_provider_checkly.gate import presentation
from airflow_provider_checkly.gate.availability import AvailabilityRules, evaluate_availability
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.links import LINK_KEY, ChecklyCheckLink

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.http import Json, JsonObject
    from airflow_provider_checkly.api.reads import Reads
    from airflow_provider_checkly.api.status_endpoints import AnalyticsPeriod
    from airflow_provider_checkly.arguments import Tags, Target

log = logging.getLogger(__name__)

MAX_VALUE_BYTES: Final = 256 * 1024


class ChecklyAvailabilityOperator(BaseChecklyOperator):
    """Fail (or skip) unless checks were available and quick enough in a past period; it starts nothing.

    It reads Checkly's analytics once (`POST /v1/analytics/checks`). Availability is the share of successful
    runs. A check without data, that does not exist or that is deactivated does not pass. It returns the
    analytics of the checks.

    :param check_ids: UUIDs of checks. (templated)
    :param tags: a list means AND, a list of lists OR of ANDs; `!tag` negates. (templated)
    :param all_checks: every active check of the account.
    :param min_availability: per cent that each check must reach, e.g. 99.5.
    :param max_p95_response_time: limit in milliseconds for the 95th percentile of each check.
    :param period: last24Hours, last7Days, thisWeek, lastWeek or lastMonth.
    :param soft_fail: skip instead of failing if a check does not keep to the rules.
    :param checkly_conn_id: the connection. (templated)
    """

    operator_extra_links = (ChecklyCheckLink(),)
    template_fields: Sequence[str] = ("checkly_conn_id", "check_ids", "tags")

    def __init__(
        self,
        *,
        check_ids: str | Iterable[str] | None = None,
        tags: Tags | None = None,
        all_checks: bool = False,
        min_availability: float | None = None,
        max_p95_response_time: float | None = None,
        period: AnalyticsPeriod = "last24Hours",
        soft_fail: bool = False,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(checkly_conn_id=checkly_conn_id, **kwargs)
        arguments.flags(soft_fail=soft_fail)
        arguments.one_selection(check_ids, tags, all_checks=all_checks)
        arguments.one_of(period, ANALYTICS_PERIODS, "period")
        self.rules = AvailabilityRules(min_availability, max_p95_response_time, period)
        self.check_ids = arguments.as_list(check_ids)
        self.tags = arguments.as_list(tags)
        self.all_checks = all_checks
        self.period = period
        self.soft_fail = soft_fail

    def execute(self, context: Context) -> Json:
        """Read the analytics and decide."""
        with self._task_errors(context):
            target = arguments.selection(self.check_ids, self.tags, all_checks=self.all_checks)
            checks, analytics = self.hook.run_reads(self._read(target))
            page = self.hook.settings.check_page
            self._evaluation = evaluation = evaluate_availability(self.rules, checks, analytics, page)
            level = logging.INFO if evaluation.error is None else logging.WARNING
            for line in presentation.table(evaluation):
                log.log(level, "%s", line)
            if evaluation.checks:
                context["ti"].xcom_push(key=LINK_KEY, value=page(evaluation.checks[0].check_id))
            if evaluation.error is not None:
                raise evaluation.error
            log.info("%s", evaluation.message)
            self._push_reports(context, evaluation)
            return [*events.fitting(map(events.json_safe, analytics), MAX_VALUE_BYTES)]

    def _read(self, target: Target) -> Reads[tuple[dict[str, JsonObject | None], list[JsonObject]]]:
        checks = yield from check_selection.select(target)
        ids = [check_id for check_id, check in checks.items() if check is not None]
        found: list[JsonObject] = []
        for start in range(0, len(ids), MAX_ANALYTICS_IDS):
            batch = ids[start : start + MAX_ANALYTICS_IDS]
            answer: list[JsonObject] = yield status_endpoints.get_analytics(batch, self.period)
            found += answer
        return checks, found
