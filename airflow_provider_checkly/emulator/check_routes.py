"""The checks as they are set up, their statuses, and the pings of heartbeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from airflow_provider_checkly.emulator.accounts import PUBLIC_LOCATIONS
from airflow_provider_checkly.emulator.check_results import find_check
from airflow_provider_checkly.emulator.checks import CHECK_TYPES
from airflow_provider_checkly.emulator.http import CREATED_AT, Problem, Query, timestamp
from airflow_provider_checkly.emulator.result_details import RUNTIME, checked_url
from airflow_provider_checkly.emulator.results import response_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_checkly.emulator.checks import Check
    from airflow_provider_checkly.emulator.http import JSON
    from airflow_provider_checkly.emulator.model import Model, Result

STATUSES: Final = ("passing", "failing", "degraded")
PINGS: Final = "/ping/"


class Checks:
    """The endpoints of checks and their statuses."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/v1/checks", self.list_checks),
            web.get("/v1/checks/{checkId}", self.find),
            web.get("/v1/check-statuses", self.list_statuses),
            web.get("/v1/check-statuses/{checkId}", self.find_status),
        ]

    async def list_checks(self, request: web.Request) -> web.Response:
        """Answer with the checks that pass the filters, a page at a time; a header has their number."""
        page = Query(request).page()
        found = self._selected(Query(request))
        shown: list[JSON] = [check_json(check) for check in found[page]]
        total = {"content-range": f"{page.start}-{page.start + len(shown)}/{len(found)}"}
        return web.json_response(shown, headers=total)

    async def find(self, request: web.Request) -> web.Response:
        """Answer with a check."""
        return web.json_response(check_json(find_check(self._model, request)))

    async def list_statuses(self, _: web.Request) -> web.Response:
        """Answer with the status of every check."""
        return web.json_response([status_json(check, self._judged(check)) for check in self._model.checks])

    async def find_status(self, request: web.Request) -> web.Response:
        """Answer with the status of a check."""
        check = find_check(self._model, request)
        return web.json_response(status_json(check, self._judged(check)))

    def _selected(self, query: Query) -> list[Check]:
        """Return the checks that have any of the tags and match all other filters."""
        query.flag("applyGroupSettings")
        tags = set(query.texts("tag"))
        kind = query.word("checkType", [*CHECK_TYPES])
        url = query.text("apiCheckUrlFilterPattern", 1)
        name = (query.text("search") or "").lower()
        status = query.word("status", STATUSES)
        return [
            check
            for check in self._model.checks
            if (not tags or tags & set(check.tags))
            and kind in (None, check.checkType)
            and (url is None or (check.checkType == "API" and url in checked_url(check.name)))
            and name in check.name.lower()
            and status in (None, _status_word(self._judged(check)))
        ]

    def _judged(self, check: Check) -> list[Result]:
        """Return the results that make the status, latest last: neither attempts nor cancelled ones."""
        results = sorted(self._model.results(check), key=lambda result: result.stopped_at)
        return [result for result in results if result.type == "FINAL" and result.outcome != "cancelled"]


def status_json(check: Check, results: Sequence[Result]) -> dict[str, JSON]:
    """Return the status of a check (schema CheckStatus); one that never ran is not failing."""
    times = [response_time(check, result) or 0 for result in results]
    last = results[-1] if results else None
    outcome = last.outcome if last else None
    return {
        "name": check.name,
        "checkId": check.id,
        "hasFailures": outcome == "failed",
        "hasErrors": outcome == "timed_out",
        "isDegraded": outcome == "degraded",
        "longestRun": max(times, default=None),
        "shortestRun": min(times, default=None),
        "lastRunLocation": last.location if last else None,
        "lastCheckRunId": last.sequence_id if last else None,
        "sslDaysRemaining": None,
        "created_at": CREATED_AT,
        "updated_at": timestamp(last.stopped_at) if last else None,
    }


def _status_word(results: Sequence[Result]) -> str:
    outcome = results[-1].outcome if results else "passed"
    return {"failed": "failing", "timed_out": "failing", "degraded": "degraded"}.get(outcome, "passing")


def check_json(check: Check) -> dict[str, JSON]:
    """Return a check."""
    request: dict[str, JSON] = {"url": checked_url(check.name), "method": "GET"}
    return {
        "id": check.id,
        "name": check.name,
        "description": None,
        "checkType": check.checkType,
        "activated": check.activated,
        "muted": False,
        "frequency": 10,
        "locations": [one for one in check.locations if one in PUBLIC_LOCATIONS],
        "privateLocations": [one for one in check.locations if one not in PUBLIC_LOCATIONS],
        "tags": list(check.tags),
        "groupId": None,
        "groupOrder": None,
        "runtimeId": RUNTIME,
        "scriptPath": None,
        **({"request": request} if check.type.has_url else {}),
        "created_at": CREATED_AT,
        "updated_at": None,
    }


@dataclass(frozen=True)
class Ping:
    """A ping of a heartbeat; `source` is its `Origin`, else its `Referer`; `at` in Unix seconds."""

    check: Check
    method: str
    source: str | None
    at: float


class Heartbeats:
    """The endpoint of pings, which Checkly has at https://ping.checklyhq.com/<token>.

    It needs no key; the token is the id of a heartbeat check.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.pings: list[Ping] = []

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [web.get("/ping/{token}", self.ping, allow_head=False), web.post("/ping/{token}", self.ping)]

    async def ping(self, request: web.Request) -> web.Response:
        """Record a ping."""
        check = self._model.find_check(request.match_info["token"])
        if check is None or check.type.runs:
            raise Problem(404)
        source = request.headers.get("Origin") or request.headers.get("Referer")
        self.pings.append(Ping(check, request.method, source, self._model.clock()))
        return web.Response(text="OK")
