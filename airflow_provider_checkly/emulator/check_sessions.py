"""The check-session endpoints, v1 and v2: trigger, look, await, cancel."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, cast

from aiohttp import web

from airflow_provider_checkly.emulator.answers import STILL_RUNNING, Problem, read_json
from airflow_provider_checkly.emulator.checks import JSON, is_uuid
from airflow_provider_checkly.emulator.results import APP, flags_json, response_time, timestamp
from airflow_provider_checkly.emulator.targets import parse_target
from airflow_provider_checkly.emulator.waits import Waits

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.model import Model
    from airflow_provider_checkly.emulator.sessions import Result, Session

PATH: Final = "/{version:v[12]}/check-sessions"
LONGEST_WAIT: Final = 30
NUMBER: Final = {"v1": re.compile(r"[0-9]+(\.[0-9]+)?"), "v2": re.compile(r"[0-9]+")}


class CheckSessions:
    """The HTTP face of a model's sessions; `retry_after` is what a 408 says in seconds (None: nothing)."""

    def __init__(self, model: Model, retry_after: int | None) -> None:
        self._model = model
        self._waits = Waits(retry_after, STILL_RUNNING)

    def routes(self) -> list[web.RouteDef]:
        """List the endpoints."""
        return [
            web.post(f"{PATH}/trigger", self.trigger),
            web.get(f"{PATH}/{{checkSessionId}}", self.find),
            web.get(f"{PATH}/{{checkSessionId}}/completion", self.await_completion),
            web.post("/v1/check-sessions/{checkSessionId}/cancel", self.cancel),
        ]

    async def trigger(self, request: web.Request) -> web.Response:
        """Start one session per matching check."""
        target = parse_target(await read_json(request), single=_version(request) == "v1")
        sessions = self._model.trigger(target)
        if not sessions:
            raise Problem(404, "No matching checks were found.")
        account_id = self._model.account_id
        shown = [session_json(session, account_id, session.started_at) for session in sessions]
        return web.json_response({"sessions": shown}, status=201)

    async def find(self, request: web.Request) -> web.Response:
        """Show a session as it is."""
        return self._shown(request, self._session(request))

    async def await_completion(self, request: web.Request) -> web.Response:
        """Hold the request until the session is final, or as long as the caller allows."""
        wait = max_wait_seconds(request.query.get("maxWaitSeconds", str(LONGEST_WAIT)), _version(request))
        await self._waits.hold(
            self._session(request).id, wait, lambda: self._model.seconds_left(self._session(request))
        )
        return self._shown(request, self._session(request))

    async def cancel(self, request: web.Request) -> web.Response:
        """Stop the session's suites, all or some, and wake who waits for it."""
        sequence_ids = parse_cancel(await read_json(request))
        session = self._session(request)
        self._model.cancel(session, sequence_ids)
        self._waits.wake(session.id)
        return web.Response(status=204)

    def _session(self, request: web.Request) -> Session:
        session_id = request.match_info["checkSessionId"]
        if not is_uuid(session_id):
            raise Problem(400, '"checkSessionId" must be a valid GUID.')
        session = self._model.find(session_id)
        if session is None:
            raise Problem(404, "No such check session.")
        return session

    def _shown(self, request: web.Request, session: Session) -> web.Response:
        now = self._model.clock()
        shown = session_json(session, self._model.account_id, now)
        if _version(request) == "v1" and shown["status"] == "CANCELLED":
            shown["status"] = "TIMED_OUT"
        results = [result_json(session, result, self._model.account_id) for result in session.results(now)]
        return web.json_response({**shown, "results": results})


def _version(request: web.Request) -> str:
    return request.match_info["version"]


def max_wait_seconds(text: str, version: str) -> float:
    """Read `maxWaitSeconds`: from 1 to 30, a whole number in v2, any number in v1."""
    seconds = float(text) if NUMBER[version].fullmatch(text) else math.nan
    if not 1 <= seconds <= LONGEST_WAIT:
        kind = {"v1": "a number", "v2": "an integer"}[version]
        raise Problem(400, f'"maxWaitSeconds" must be {kind} from 1 to {LONGEST_WAIT}.')
    return seconds


def parse_cancel(body: JSON) -> frozenset[str] | None:
    """Read the body of a cancel request; None stands for every run of the session."""
    if body is None or body == {}:
        return None
    if not isinstance(body, dict) or set(body) != {"sequenceId"}:
        raise Problem(400, 'The request body may have "sequenceId" and nothing else.')
    ids = body["sequenceId"]
    if not isinstance(ids, list) or not ids or not all(is_uuid(one) for one in ids):
        raise Problem(400, '"sequenceId" must be an array of at least one valid GUID.')
    return frozenset(one.lower() for one in cast("list[str]", ids))


def session_json(session: Session, account_id: str, now: float) -> dict[str, JSON]:
    """Show a session as a trigger answers it (schema CheckSessionsV2CheckSession)."""
    stopped_at = session.stopped_at if session.is_final(now) else None
    return {
        "checkSessionId": session.id,
        "checkSessionLink": _link(session, account_id),
        "checkId": session.check.id,
        "checkType": session.check.checkType,
        "name": session.check.name,
        "status": session.status(now),
        "startedAt": timestamp(session.started_at),
        "stoppedAt": None if stopped_at is None else timestamp(stopped_at),
        "timeElapsed": round(((now if stopped_at is None else stopped_at) - session.started_at) * 1000),
        "runLocations": list(session.check.locations),
        "runSource": "TRIGGER_API",
    }


def result_json(session: Session, result: Result, account_id: str) -> dict[str, JSON]:
    """Show a result (schema CheckSessionsV2CheckResult)."""
    return {
        "checkResultId": result.id,
        "checkResultLink": f"{_link(session, account_id)}/results/{result.id}",
        "checkId": session.check.id,
        "checkType": session.check.checkType,
        "name": session.check.name,
        "runLocation": result.location,
        "resultType": result.type,
        **flags_json(result),
        "responseTime": response_time(session.check, result),
        "startedAt": timestamp(result.started_at),
        "stoppedAt": timestamp(result.stopped_at),
    }


def _link(session: Session, account_id: str) -> str:
    return f"{APP}/accounts/{account_id}/checks/{session.check.id}/check-sessions/{session.id}"
