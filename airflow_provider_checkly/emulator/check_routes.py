"""The endpoints of checks: as they are set up, their results, and the pings of heartbeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from aiohttp import web

from airflow_provider_checkly.emulator import results
from airflow_provider_checkly.emulator.accounts import PUBLIC_LOCATIONS
from airflow_provider_checkly.emulator.check_statuses import find_check
from airflow_provider_checkly.emulator.checks import CHECK_TYPES, Status
from airflow_provider_checkly.emulator.http import CREATED_AT, Problem, Query, read_id, timestamp
from airflow_provider_checkly.emulator.result_details import RUNTIME, checked_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_checkly.emulator.check_statuses import Statuses
    from airflow_provider_checkly.emulator.checks import Check
    from airflow_provider_checkly.emulator.http import JSON
    from airflow_provider_checkly.emulator.model import Model, Result

PINGS: Final = "/ping/"
ONE: Final = "/v1/check-results/{checkId}/{checkResultId}"
FIELDS: Final = frozenset(
    {
        *("id", "name", "checkId", "hasFailures", "hasErrors", "isDegraded", "isCancelled", "runLocation"),
        *("overMaxResponseTime", "startedAt", "stoppedAt", "created_at", "createdAt", "responseTime"),
        *("checkRunId", "attempts", "resultType", "sequenceId", "traceId", "errorGroupIds"),
        *(one.details[0] for one in CHECK_TYPES.values() if one.details),
    }
)


class Checks:
    """The endpoints of checks as they are set up."""

    def __init__(self, model: Model, statuses: Statuses) -> None:
        self._model = model
        self._statuses = statuses

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/v1/checks", self.list_checks),
            web.get("/v1/checks/{checkId}", self.find),
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
        query = Query(request)
        for flag in ("applyGroupSettings", "includeDependencies"):
            query.flag(flag)
        return web.json_response(check_json(find_check(self._model, request)))

    def _selected(self, query: Query) -> list[Check]:
        """Return the checks that have any of the tags and match all other filters."""
        query.flag("applyGroupSettings")
        tags = set(query.texts("tag"))
        kind = query.word("checkType", [*CHECK_TYPES])
        url = query.text("apiCheckUrlFilterPattern", 1)
        name = (query.text("search") or "").lower()
        status = query.word("status", get_args(Status))
        return [
            check
            for check in self._model.checks
            if (not tags or tags & set(check.tags))
            and kind in (None, check.checkType)
            and (url is None or (check.checkType == "API" and url in checked_url(check.name)))
            and name in check.name.lower()
            and status in (None, self._statuses.word(check))
        ]


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


class CheckResults:
    """The endpoints of the results of check sessions; the cursor of the list is the last id of a page."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/v2/check-results/{checkId}", self.list),
            web.get(ONE, self.find),
            web.get(f"{ONE}/assets", self.assets),
            web.get(f"{ONE}/assets/{{name}}", self.asset),
        ]

    async def list(self, request: web.Request) -> web.Response:
        """Answer with the results of a check, newest first, a page at a time."""
        check, query = self._model.find_check(read_id(request, "checkId")), Query(request)
        limit, fields, is_admitted = query.whole("limit", 10, 100), _fields(query), _filter(query)
        location, check_type = (
            query.word("location", [*PUBLIC_LOCATIONS]),
            query.word("checkType", [*CHECK_TYPES]),
        )
        wanted = check is not None and check_type in (None, check.checkType)
        everything = self._model.results(check) if check and wanted else []
        everything.sort(key=lambda result: result.started_at, reverse=True)
        start = query.older([result.id for result in everything])
        found = [one for one in everything[start:] if location in (None, one.location) and is_admitted(one)]
        shown = [_narrow(self._json(request, check, result), fields) for result in found[:limit] if check]
        next_id = found[limit - 1].id if len(found) > limit else None
        return web.json_response({"length": len(shown), "entries": shown, "nextId": next_id})

    async def find(self, request: web.Request) -> web.Response:
        """Answer with a result and its details (schema CheckResult)."""
        return web.json_response(self._json(request, *self._found(request)))

    async def assets(self, request: web.Request) -> web.Response:
        """Answer with the list of a result's files."""
        return results.answer_manifest(request, *self._found(request), {"type": "check-result"})

    async def asset(self, request: web.Request) -> web.Response:
        """Answer with a file of a result."""
        return results.answer_file(request, *self._found(request))

    def _found(self, request: web.Request) -> tuple[Check, Result]:
        check, result_id = find_check(self._model, request), read_id(request, "checkResultId")
        for result in self._model.results(check):
            if result.id == result_id:
                return check, result
        raise Problem(404, "No such check result.")

    def _json(self, request: web.Request, check: Check, result: Result) -> dict[str, JSON]:
        path = f"/v1/check-results/{check.id}/{result.id}"
        details = results.details_json("check", check, result, results.assets_url(request, path))
        return {**result_json(check, result), **details}


def _filter(query: Query) -> Callable[[Result], bool]:
    """Return the filter that a query asks for."""
    kind = query.word("resultType", ("FINAL", "ATTEMPT", "ALL")) or "FINAL"
    since, until = query.between()
    failures = query.flag("hasFailures")

    def is_admitted(result: Result) -> bool:
        return (
            kind in ("ALL", result.type)
            and since <= result.started_at < until
            and failures in (None, result.outcome == "failed")
        )

    return is_admitted


def _fields(query: Query) -> set[str]:
    """Return the fields to show, given with commas or one by one; none means all."""
    fields = {name for text in query.texts("fields") for name in text.split(",")}
    if not fields <= FIELDS:
        raise Problem(400, f'"fields" must be of [{", ".join(sorted(FIELDS))}].')
    return fields


def _narrow(shown: dict[str, JSON], fields: set[str]) -> dict[str, JSON]:
    return {name: value for name, value in shown.items() if not fields or name in fields}


def result_json(check: Check, result: Result) -> dict[str, JSON]:
    """Return a result without its details; a cancelled one has no response time."""
    flags = results.flags_json(result)
    del flags["aborted"]
    milliseconds = results.response_time(check, result)
    return {
        "id": result.id,
        "name": check.name,
        "checkId": check.id,
        **flags,
        "overMaxResponseTime": False,
        "runLocation": result.location,
        "startedAt": timestamp(result.started_at),
        "stoppedAt": timestamp(result.stopped_at),
        "created_at": timestamp(result.stopped_at),
        **({} if milliseconds is None else {"responseTime": milliseconds}),
        "checkRunId": round(result.started_at * 1000),
        "attempts": result.number,
        "resultType": result.type,
        "sequenceId": result.sequence_id,
        "traceId": results.trace_id(result),
        "errorGroupIds": [*results.error_group_ids("check", check, result)],
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
