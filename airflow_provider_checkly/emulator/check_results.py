"""The results of checks, whichever check session they came from: list, details, files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from aiohttp import web

from airflow_provider_checkly.emulator import queries
from airflow_provider_checkly.emulator.answers import Problem
from airflow_provider_checkly.emulator.assets import assets_of
from airflow_provider_checkly.emulator.checks import is_uuid
from airflow_provider_checkly.emulator.details import KINDS, details_json
from airflow_provider_checkly.emulator.failures import error_group_id
from airflow_provider_checkly.emulator.manifests import assets_url, file, manifest
from airflow_provider_checkly.emulator.results import flags_json, response_time, timestamp, trace_id

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON, Check
    from airflow_provider_checkly.emulator.model import Model
    from airflow_provider_checkly.emulator.sessions import Result

ONE: Final = "/v1/check-results/{checkId}/{checkResultId}"
FIELDS: Final = frozenset(
    {
        *("id", "name", "checkId", "hasFailures", "hasErrors", "isDegraded", "isCancelled", "runLocation"),
        *("overMaxResponseTime", "startedAt", "stoppedAt", "created_at", "createdAt", "responseTime"),
        *("checkRunId", "attempts", "resultType", "sequenceId", "traceId", "errorGroupIds"),
        *(key for key, _ in KINDS.values()),
    }
)


def find_check(model: Model, request: web.Request) -> Check:
    """Look up the check that a path names."""
    check_id = request.match_info["checkId"]
    if not is_uuid(check_id):
        raise Problem(400, '"checkId" must be a valid GUID.')
    check = model.find_check(check_id)
    if check is None:
        raise Problem(404, "No such check.")
    return check


class CheckResults:
    """The HTTP face of the results; the cursor of the list is the last id of the page before."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def routes(self) -> list[web.RouteDef]:
        """List the endpoints."""
        return [
            web.get("/v2/check-results/{checkId}", self.results),
            web.get(ONE, self.find),
            web.get(f"{ONE}/assets", self.assets),
            web.get(f"{ONE}/assets/{{name}}", self.asset),
        ]

    async def results(self, request: web.Request) -> web.Response:
        """List the results of a check, newest first, a page at a time.

        This endpoint is not in the OpenAPI document used here; it is what the command line tool asks.
        """
        check = find_check(self._model, request)
        limit = queries.whole(request, "limit", 10, 100)
        fields = _fields(request)
        found = [result for result in self._older(request, check) if _admitted(request, result)]
        entries = found[:limit]
        shown = [_narrow(self._json(request, check, result), fields) for result in entries]
        next_id = entries[-1].id if len(found) > limit else None
        return web.json_response({"length": len(shown), "entries": shown, "nextId": next_id})

    async def find(self, request: web.Request) -> web.Response:
        """Show a result with its details (schema CheckResult)."""
        return web.json_response(self._json(request, *self._found(request)))

    async def assets(self, request: web.Request) -> web.Response:
        """List the files of a result."""
        check, result = self._found(request)
        source: dict[str, JSON] = {
            "type": "check-result",
            "checkId": check.id,
            "checkName": check.name,
            "checkType": check.checkType,
            "resultId": result.id,
        }
        return manifest(request, assets_of(check, result), source)

    async def asset(self, request: web.Request) -> web.Response:
        """Give a file of a result."""
        return file(request, assets_of(*self._found(request)))

    def _found(self, request: web.Request) -> tuple[Check, Result]:
        check = find_check(self._model, request)
        result_id = request.match_info["checkResultId"]
        if not is_uuid(result_id):
            raise Problem(400, '"checkResultId" must be a valid GUID.')
        for result in self._model.results(check):
            if result.id == result_id.lower():
                return check, result
        raise Problem(404, "No such check result.")

    def _older(self, request: web.Request, check: Check) -> list[Result]:
        """List what comes after the cursor, newest first."""
        results = sorted(self._model.results(check), key=lambda result: result.started_at, reverse=True)
        cursor = queries.text(request, "nextId", 1)
        if cursor is None:
            return results
        ids = [result.id for result in results]
        if cursor not in ids:
            raise Problem(400, '"nextId" must be a cursor of an earlier answer.')
        return results[ids.index(cursor) + 1 :]

    def _json(self, request: web.Request, check: Check, result: Result) -> dict[str, JSON]:
        path = f"/v1/check-results/{check.id}/{result.id}"
        details = details_json("check", check, result, assets_url(request, path))
        return {**result_json(check, result), **details}


def _admitted(request: web.Request, result: Result) -> bool:
    """Tell whether a result passes the filters of the query."""
    kind = queries.word(request, "resultType", ("FINAL", "ATTEMPT", "ALL")) or "FINAL"
    since, until = queries.number(request, "from"), queries.number(request, "to")
    failures = queries.flag(request, "hasFailures")
    return (
        kind in ("ALL", result.type)
        and (-math.inf if since is None else since) <= result.started_at
        and result.started_at < (math.inf if until is None else until)
        and failures in (None, result.outcome == "failed")
    )


def _fields(request: web.Request) -> set[str]:
    """Read which fields are wanted, with commas or one by one; none stands for all."""
    fields = {name for text in queries.texts(request, "fields") for name in text.split(",")}
    if not fields <= FIELDS:
        raise Problem(400, f'"fields" must be of [{", ".join(sorted(FIELDS))}].')
    return fields


def _narrow(shown: dict[str, JSON], fields: set[str]) -> dict[str, JSON]:
    return {name: value for name, value in shown.items() if not fields or name in fields}


def result_json(check: Check, result: Result) -> dict[str, JSON]:
    """Show a result without its details; the response time of one that was cancelled is left out."""
    flags = flags_json(result)
    del flags["aborted"]
    milliseconds = response_time(check, result)
    group = error_group_id("check", check, result)
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
        "traceId": trace_id(result),
        "errorGroupIds": [] if group is None else [group],
    }
