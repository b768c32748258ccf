"""Statuses of checks over time: the current ones, alerts of their changes, and reports of the past."""

from __future__ import annotations

import math
from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple, get_args
from uuid import uuid5

from aiohttp import web

from airflow_provider_checkly.emulator import results
from airflow_provider_checkly.emulator.checks import Status
from airflow_provider_checkly.emulator.http import (
    CREATED_AT,
    DAY,
    Fields,
    Problem,
    Query,
    alert_window,
    is_uuid,
    read_id,
    read_json,
    report_window,
    timestamp,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_checkly.emulator.checks import Check, Outcome
    from airflow_provider_checkly.emulator.http import JSON
    from airflow_provider_checkly.emulator.maintenance_windows import MaintenanceWindows
    from airflow_provider_checkly.emulator.model import Model

STATUS_OF: Final[dict[str, Status]] = {
    "passed": "passing",
    "failed": "failing",
    "timed_out": "failing",
    "degraded": "degraded",
}
OUTCOME_OF: Final[dict[Status, Outcome]] = {"passing": "passed", "failing": "failed", "degraded": "degraded"}
ALERTS: Final[dict[tuple[Status, Status], str]] = {
    ("passing", "failing"): "ALERT_FAILURE",
    ("passing", "degraded"): "ALERT_DEGRADED",
    ("degraded", "failing"): "ALERT_DEGRADED_FAILURE",
    ("degraded", "passing"): "ALERT_DEGRADED_RECOVERY",
    ("failing", "degraded"): "ALERT_FAILURE_DEGRADED",
    ("failing", "passing"): "ALERT_RECOVERY",
}
MAX_ANALYTICS: Final = 100
ANALYTICS_DAYS: Final = {"last24Hours": 1, "last7Days": 7, "thisWeek": 7, "lastWeek": 7, "lastMonth": 30}
UNTIMED: Final = ("HEARTBEAT", "ICMP")


class CheckRun(NamedTuple):
    """A run that set the status of a check; `sequence_id` is None for a scheduled one.

    `at` is its end in Unix seconds.
    """

    check_id: str
    at: float
    outcome: Outcome
    location: str
    milliseconds: int
    sequence_id: str | None = None

    @property
    def id(self) -> str:
        """Return the id of the run."""
        return self.sequence_id or str(uuid5(results.GROUP_NAMESPACE, f"{self.check_id} {self.at}"))

    @property
    def status(self) -> Status:
        """Return the status that it set."""
        return STATUS_OF[self.outcome]


def find_check(model: Model, request: web.Request, name: str = "checkId") -> Check:
    """Return the check that a path names."""
    check = model.find_check(read_id(request, name))
    if check is None:
        raise Problem(404, "No such check.")
    return check


class Statuses:
    """The results of the runs of checks: scripted by timelines, set by hand, or left by check sessions."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._set: dict[str, list[tuple[float, Status]]] = {}

    def set(self, check: Check, status: Status) -> None:
        """Let a check run now, with that status; it keeps it until its timeline's next step."""
        self._set.setdefault(check.id, []).append((self._model.clock(), status))

    def word(self, check: Check) -> Status:
        """Return the status of a check; one that never ran counts as passing."""
        runs = self.latest(check)
        return runs[-1].status if runs else "passing"

    def latest(self, check: Check) -> list[CheckRun]:
        """Return the triggered runs of a check and the latest of its scheduled ones, the last run last."""
        return self._runs(check, self._model.clock())

    def runs(self, check: Check) -> list[CheckRun]:
        """Return all runs of a check so far, oldest first."""
        return self._runs(check, -math.inf)

    def changes(self, check: Check) -> list[tuple[CheckRun, str]]:
        """Return the runs that changed the status of a check, each with the type of its alert."""
        # A repeated run changes a status only after a triggered one.
        runs = self.runs(check) if self._model.results(check) else self.latest(check)
        before: list[Status] = ["passing", *(run.status for run in runs)]
        pairs = zip(before, runs, strict=False)
        return [(run, ALERTS[last, run.status]) for last, run in pairs if last != run.status]

    def _runs(self, check: Check, since: float) -> list[CheckRun]:
        """Return the runs of a check so far, oldest first, without repeated ones long before `since`."""
        milliseconds = results.operation_milliseconds(check, check.seconds / self._model.speed)
        scheduled = [
            CheckRun(check.id, at, OUTCOME_OF[status], check.locations[0], milliseconds)
            for at, status in self._scheduled(check, since)
        ]
        triggered = [
            CheckRun(
                check.id,
                one.stopped_at,
                one.outcome,
                one.location,
                results.response_time(check, one) or 0,
                one.sequence_id,
            )
            for one in self._model.results(check)
            if one.type == "FINAL" and one.outcome != "cancelled"
        ]
        return sorted(scheduled + triggered, key=lambda run: run.at) if triggered else scheduled

    def _scheduled(self, check: Check, since: float) -> list[tuple[float, Status]]:
        """Return when a check ran on schedule, and its status then; without repeats long before `since`."""
        if not check.timeline and check.id not in self._set:
            return []
        now, start, speed = self._model.clock(), self._model.started_at, self._model.speed
        planned = [(start + seconds / speed, status) for seconds, status in check.timeline]
        steps = sorted(step for step in (*planned, *self._set.get(check.id, ())) if step[0] <= now)
        if not steps or not check.every:
            return steps
        first, gap = steps[0][0], check.every / speed
        start_at = max(0, math.floor((max(since, first) - first) / gap))
        moments = [first + number * gap for number in range(start_at, math.floor((now - first) / gap) + 1)]
        repeats = [(at, steps[bisect_right(steps, at, key=itemgetter(0)) - 1][1]) for at in moments]
        return sorted({*steps, *repeats})


class CheckStatuses:
    """The endpoints of statuses, alerts and reports, and the control that sets a status."""

    def __init__(self, model: Model, statuses: Statuses, windows: MaintenanceWindows) -> None:
        self._model = model
        self._statuses = statuses
        self._windows = windows

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/v1/check-statuses", self.list_all),
            web.get("/v1/check-statuses/{checkId}", self.find),
            web.get("/v1/check-alerts", self.alerts),
            web.get("/v1/check-alerts/{checkId}", self.alerts_of_check),
            web.get("/v1/reporting", self.report),
            web.post("/v1/analytics/checks", self.analytics),
            web.put("/_emulator/check-statuses/{checkId}", self.set),
        ]

    async def list_all(self, _: web.Request) -> web.Response:
        """Answer with the status of every check."""
        return web.json_response([self._status_json(check) for check in self._model.checks])

    async def find(self, request: web.Request) -> web.Response:
        """Answer with the status of a check."""
        return web.json_response(self._status_json(find_check(self._model, request)))

    async def set(self, request: web.Request) -> web.Response:
        """Set the status of a check."""
        status = Fields(await read_json(request)).word("status", get_args(Status))
        check = find_check(self._model, request)
        self._statuses.set(check, next(one for one in get_args(Status) if one == status))
        return web.json_response(self._status_json(check))

    async def alerts(self, request: web.Request) -> web.Response:
        """Answer with the alerts of all checks, newest first, a page at a time."""
        return self._alerts(request, self._model.checks)

    async def alerts_of_check(self, request: web.Request) -> web.Response:
        """Answer with the alerts of a check, newest first, a page at a time."""
        return self._alerts(request, [find_check(self._model, request)])

    async def report(self, request: web.Request) -> web.Response:
        """Answer with availability and response times of checks; calendar buckets are not emulated."""
        query = Query(request)
        if query.text("granularity") is not None or query.text("timezone") is not None:
            raise Problem(400, '"granularity" and "timezone" are not emulated.')
        tags, deactivated = set(query.texts("filterByTags")), query.flag("deactivated")
        since, until = report_window(query, self._model.clock())
        chosen = [
            check
            for check in self._model.checks
            if (not tags or tags & set(check.tags)) and deactivated in (None, not check.activated)
        ]
        return web.json_response([self._report_json(check, since, until) for check in chosen])

    async def analytics(self, request: web.Request) -> web.Response:
        """Answer with availability and response times of some checks; unknown ids are omitted."""
        days = ANALYTICS_DAYS[Query(request).word("quickRange", [*ANALYTICS_DAYS]) or "last24Hours"]
        given = Fields(await read_json(request)).required("checkIds")
        if not (isinstance(given, list) and 1 <= len(given) <= MAX_ANALYTICS and all(map(is_uuid, given))):
            raise Problem(400, f'"checkIds" must be an array of 1 to {MAX_ANALYTICS} UUIDs.')
        now = self._model.clock()
        found = [self._model.find_check(str(each).lower()) for each in given]
        return web.json_response(
            [self._analytics_json(each, now - days * DAY, now) for each in found if each]
        )

    def _analytics_json(self, check: Check, since: float, until: float) -> dict[str, JSON]:
        """Return the analytics of a check: null without runs; not every type has response times."""
        report = self._report_json(check, since, until)["aggregate"]
        if not isinstance(report, dict):
            raise TypeError("an aggregate is an object")
        ran = any(since <= run.at < until for run in self._statuses.runs(check))
        times = {f"responseTime_{name}": report[name] if ran else None for name in ("avg", "p95", "p99")}
        return {
            "checkId": check.id,
            "checkType": check.checkType,
            "availability": report["successRatio"] if ran or check.availability is not None else None,
            **({} if check.checkType in UNTIMED else times),
        }

    def _status_json(self, check: Check) -> dict[str, JSON]:
        """Return the status of a check (schema CheckStatus); one that never ran has null for its last run."""
        runs = self._statuses.latest(check)
        last = runs[-1] if runs else None
        times = [run.milliseconds for run in runs]
        return {
            "name": check.name,
            "checkId": check.id,
            "hasFailures": last is not None and last.outcome == "failed",
            "hasErrors": last is not None and last.outcome == "timed_out",
            "isDegraded": last is not None and last.outcome == "degraded",
            "longestRun": max(times, default=None),
            "shortestRun": min(times, default=None),
            "lastRunLocation": last.location if last else None,
            "lastCheckRunId": last.id if last else None,
            "sslDaysRemaining": None,
            "created_at": CREATED_AT,
            "updated_at": timestamp(last.at) if last else None,
        }

    def _alerts(self, request: web.Request, checks: Sequence[Check]) -> web.Response:
        query = Query(request)
        since, until = alert_window(query, self._model.clock())
        alerts = [
            (check, run, alert_type)
            for check in checks
            for run, alert_type in self._statuses.changes(check)
            if since <= run.at < until and not self._windows.silences(check, run.at)
        ]
        alerts.sort(key=lambda alert: alert[1].at, reverse=True)
        return web.json_response([alert_json(*alert) for alert in alerts[query.page()]])

    def _report_json(self, check: Check, since: float, until: float) -> dict[str, JSON]:
        """Return availability and response times of a check (schema Reporting): all 0 if it never ran."""
        runs = [run for run in self._statuses.runs(check) if since <= run.at < until]
        good = sum(run.status != "failing" for run in runs)
        availability = round(100 * good / len(runs), 4) if runs else 0
        times = sorted(run.milliseconds for run in runs)
        return {
            "name": check.name,
            "checkId": check.id,
            "checkType": check.checkType,
            "deactivated": not check.activated,
            "tags": list(check.tags),
            "aggregate": {
                "successRatio": availability if check.availability is None else check.availability,
                "avg": round(sum(times) / len(times)) if times else 0,
                "p95": _percentile(times, 0.95),
                "p99": _percentile(times, 0.99),
            },
        }


def _percentile(times: Sequence[int], share: float) -> int:
    return times[math.ceil(len(times) * share) - 1] if times else 0


def alert_json(check: Check, run: CheckRun, alert_type: str) -> dict[str, JSON]:
    """Return an alert (schema CheckAlert)."""
    code = {"failed": "503", "timed_out": None}.get(run.outcome, "200")
    return {
        "id": str(uuid5(results.GROUP_NAMESPACE, f"alert {run.id} {run.location}")),
        "name": check.name,
        "checkId": check.id,
        "alertType": alert_type,
        "checkType": check.checkType,
        "runLocation": run.location,
        "responseTime": run.milliseconds,
        "error": results.outcome_message(check, run.outcome),
        "statusCode": code if check.checkType == "API" else None,
        "created_at": timestamp(run.at),
        "startedAt": timestamp(run.at - run.milliseconds / 1000),
    }
