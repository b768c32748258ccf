"""The part of the hook for the health of checks, and for maintenance windows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, cast

from airflow_provider_checkly import arguments, check_selection
from airflow_provider_checkly.api import maintenance_endpoints, reads, status_endpoints
from airflow_provider_checkly.api.models import uuid
from airflow_provider_checkly.base_hook import READ_TIMEOUT_MARGIN, RETRY_SECONDS, ChecklyBaseHook

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from airflow_provider_checkly.api.documents import (
        Check,
        CheckAnalytics,
        CheckReport,
        CheckStatus,
        CheckType,
        MaintenanceWindow,
    )
    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.reads import Reads, T
    from airflow_provider_checkly.api.status_endpoints import AnalyticsPeriod, ReportPeriod
    from airflow_provider_checkly.arguments import Tags


class ChecklyStatusHook(ChecklyBaseHook):
    """Read the current and past health of checks; open and close maintenance windows."""

    def run_reads(self, steps: Reads[T], retry_seconds: float = RETRY_SECONDS) -> T:
        """Send requests that belong together over one connection.

        :param retry_seconds: how long each of them is repeated where that is safe and may help.
        """
        from airflow_provider_checkly.api import transport

        settings = self.settings
        sender_of = transport.requests_sender(settings.credentials, READ_TIMEOUT_MARGIN)
        with self.named(settings), sender_of as sender:
            return reads.run(steps, partial(transport.send, sender, retry_seconds=retry_seconds))

    # Checks

    def list_checks(
        self,
        tags: Tags | None = None,
        *,
        status: Literal["passing", "failing", "degraded"] | None = None,
        check_type: CheckType | None = None,
        search: str | None = None,
    ) -> list[Check]:
        """List checks with the settings of their groups applied (`GET /v1/checks`, all pages).

        :param tags: a list means AND, a list of lists OR of ANDs; `!tag` negates.
        :param search: part of the name, in any case.
        """
        groups = [] if tags is None else arguments.tag_groups(tags)
        steps = check_selection.list_checks(groups, status=status, check_type=check_type, search=search)
        return cast("list[Check]", self.run_reads(steps))

    def get_check_statuses(self) -> list[CheckStatus]:
        """Read the statuses of all checks of the account (`GET /v1/check-statuses`)."""
        return cast("list[CheckStatus]", self.send(status_endpoints.get_check_statuses()))

    def get_check_status(self, check_id: str) -> CheckStatus | None:
        """Read the status of a check (`GET /v1/check-statuses/{checkId}`), None if Checkly has none yet.

        :raises ChecklyNotFound: there is no such check.
        """
        found = self.send(status_endpoints.get_check_status(uuid(check_id, "check_id")))
        return cast("CheckStatus | None", found)

    def get_reporting(
        self,
        period: ReportPeriod = "last24Hrs",
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        tags: str | Iterable[str] = (),
        deactivated: bool | None = None,
        granularity: Literal["day", "week", "month"] | None = None,
    ) -> list[CheckReport]:
        """Read success ratios and response times of a period (`GET /v1/reporting`).

        Checkly's documentation contradicts itself on whether `successRatio` is a fraction or per cent;
        `get_analytics` is clear about it.

        :param period: one of Checkly's periods; `start` and `end` override it.
        :param tags: one of them suffices.
        :param deactivated: True or False for such checks only.
        """
        query = {
            "quickRange": period,
            "from": _timestamp(start),
            "to": _timestamp(end),
            "deactivated": None if deactivated is None else str(deactivated).lower(),
            "granularity": granularity,
        }
        given = [(name, value) for name, value in query.items() if value is not None]
        filters = [("filterByTags", tag) for tag in ([tags] if isinstance(tags, str) else tags)]
        return cast("list[CheckReport]", self.send(status_endpoints.get_reporting([*given, *filters])))

    def get_analytics(
        self, check_ids: str | Iterable[str], period: AnalyticsPeriod = "last24Hours"
    ) -> list[CheckAnalytics]:
        """Read availability and response times in a period (`POST /v1/analytics/checks`, 100 checks each).

        Checkly allows 30 of these requests a minute.
        """
        ids = arguments.session_ids(check_ids, "check_ids")
        most = status_endpoints.MAX_ANALYTICS_IDS
        batches = [ids[start : start + most] for start in range(0, len(ids), most)]
        found = [self.send(status_endpoints.get_analytics(batch, period)) for batch in batches]
        return cast("list[CheckAnalytics]", [each for batch in found for each in batch])

    # Maintenance windows

    def create_maintenance_window(
        self, body: JsonObject, timeout: float = RETRY_SECONDS
    ) -> MaintenanceWindow:
        """Create a maintenance window (`POST /v1/maintenance-windows`).

        :param body: as in Checkly's API: `name`, `startsAt`, `endsAt`, `silenceAlertsTags`, `tags`, ...
        :param timeout: seconds for which the request is repeated if Checkly definitely did not process it.
        """
        return cast("MaintenanceWindow", self.send(maintenance_endpoints.create(body), timeout))

    def list_maintenance_windows(self) -> list[MaintenanceWindow]:
        """List all maintenance windows (`GET /v1/maintenance-windows`, all pages)."""
        return cast("list[MaintenanceWindow]", self.run_reads(maintenance_endpoints.list_all()))

    def get_maintenance_window(self, window_id: int) -> MaintenanceWindow:
        """Read a maintenance window (`GET /v1/maintenance-windows/{id}`)."""
        return cast("MaintenanceWindow", self.send(maintenance_endpoints.get(window_id)))

    def update_maintenance_window(self, window_id: int, body: JsonObject) -> MaintenanceWindow:
        """Change the given fields of a maintenance window (`PUT /v1/maintenance-windows/{id}`)."""
        return cast("MaintenanceWindow", self.send(maintenance_endpoints.update(window_id, body)))

    def delete_maintenance_window(self, window_id: int) -> None:
        """Delete a maintenance window, which ends it (`DELETE /v1/maintenance-windows/{id}`).

        :raises ChecklyNotFound: there is no such window, perhaps because a first try deleted it.
        """
        self.send(maintenance_endpoints.delete(window_id))


def _timestamp(moment: datetime | None) -> str | None:
    return None if moment is None else str(int(moment.timestamp()))
