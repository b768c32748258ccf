"""The checks themselves, as they are set up, and the status that their results have given them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from airflow_provider_checkly.emulator import queries
from airflow_provider_checkly.emulator.check_results import find_check
from airflow_provider_checkly.emulator.evidence import HOST, RUNTIME
from airflow_provider_checkly.emulator.locations import PUBLIC
from airflow_provider_checkly.emulator.results import response_time, timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_checkly.emulator.checks import JSON, Check
    from airflow_provider_checkly.emulator.model import Model
    from airflow_provider_checkly.emulator.sessions import Result

STATUSES: Final = ("passing", "failing", "degraded")
MADE_AT: Final = "2025-01-01T00:00:00.000Z"
WITH_URL: Final = frozenset({"API", "URL"})


class CheckList:
    """The HTTP face of checks and their statuses; `/v1/checks` is not in the OpenAPI document used here."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def routes(self) -> list[web.RouteDef]:
        """List the endpoints."""
        return [
            web.get("/v1/checks", self.checks),
            web.get("/v1/checks/{checkId}", self.find),
            web.get("/v1/check-statuses", self.list_statuses),
            web.get("/v1/check-statuses/{checkId}", self.find_status),
        ]

    async def checks(self, request: web.Request) -> web.Response:
        """List the checks that pass the filters, a page at a time; a header has their number."""
        page = queries.page(request)
        found = self._chosen(request)
        shown: list[JSON] = [check_json(check) for check in found[page]]
        total = {"content-range": f"{page.start}-{page.start + len(shown)}/{len(found)}"}
        return web.json_response(shown, headers=total)

    async def find(self, request: web.Request) -> web.Response:
        """Show a check."""
        return web.json_response(check_json(find_check(self._model, request)))

    async def list_statuses(self, _: web.Request) -> web.Response:
        """Show the status of every check."""
        return web.json_response([self._status(check) for check in self._model.checks])

    async def find_status(self, request: web.Request) -> web.Response:
        """Show the status of a check."""
        return web.json_response(self._status(find_check(self._model, request)))

    def _chosen(self, request: web.Request) -> list[Check]:
        """List the checks with any of the tags, and with all else that is asked for."""
        tags = set(queries.texts(request, "tag"))
        kind = queries.text(request, "checkType")
        name = (queries.text(request, "search") or "").lower()
        status = queries.word(request, "status", STATUSES)
        return [
            check
            for check in self._model.checks
            if (not tags or tags & set(check.tags))
            and kind in (None, check.checkType)
            and name in check.name.lower()
            and status in (None, _word(self._last(check)))
        ]

    def _last(self, check: Check) -> Result | None:
        judged = self._judged(check)
        return max(judged, key=lambda result: result.stopped_at) if judged else None

    def _judged(self, check: Check) -> list[Result]:
        """List the results that make the status: neither attempts nor what was cancelled."""
        results = self._model.results(check)
        return [result for result in results if result.type == "FINAL" and result.outcome != "cancelled"]

    def _status(self, check: Check) -> dict[str, JSON]:
        times = [response_time(check, result) or 0 for result in self._judged(check)]
        return status_json(check, self._last(check), times)


def status_json(check: Check, last: Result | None, times: Sequence[int]) -> dict[str, JSON]:
    """Show the status of a check (schema CheckStatus); one that never ran is not failing."""
    outcome = None if last is None else last.outcome
    return {
        "name": check.name,
        "checkId": check.id,
        "hasFailures": outcome == "failed",
        "hasErrors": outcome == "timed_out",
        "isDegraded": outcome == "degraded",
        "longestRun": max(times, default=None),
        "shortestRun": min(times, default=None),
        "lastRunLocation": None if last is None else last.location,
        "lastCheckRunId": None if last is None else last.sequence_id,
        "sslDaysRemaining": None,
        "created_at": MADE_AT,
        "updated_at": None if last is None else timestamp(last.stopped_at),
    }


def _word(last: Result | None) -> str:
    if last is not None and last.outcome in ("failed", "timed_out"):
        return "failing"
    return "degraded" if last is not None and last.outcome == "degraded" else "passing"


def check_json(check: Check) -> dict[str, JSON]:
    """Show a check as the command line tool reads it."""
    request: dict[str, JSON] = {"url": f"https://{HOST}/", "method": "GET"}
    return {
        "id": check.id,
        "name": check.name,
        "description": None,
        "checkType": check.checkType,
        "activated": check.activated,
        "muted": False,
        "frequency": 10,
        "locations": [place for place in check.locations if place in PUBLIC],
        "privateLocations": [place for place in check.locations if place not in PUBLIC],
        "tags": list(check.tags),
        "groupId": None,
        "groupOrder": None,
        "runtimeId": RUNTIME,
        "scriptPath": None,
        **({"request": request} if check.checkType in WITH_URL else {}),
        "created_at": MADE_AT,
        "updated_at": None,
    }
