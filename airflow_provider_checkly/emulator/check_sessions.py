"""The check-session endpoints, v1 and v2: trigger, find, wait, cancel."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, cast

from aiohttp import web

from airflow_provider_checkly.emulator.http import LongPolls, Problem, is_uuid, read_id, read_json, timestamp
from airflow_provider_checkly.emulator.results import flags_json, response_time
from airflow_provider_checkly.emulator.trigger_requests import parse_target

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.http import JSON
    from airflow_provider_checkly.emulator.model import Model, Result, Session, TestSession

PATH: Final = "/{version:v[12]}/check-sessions"
MAX_WAIT_SECONDS: Final = 30
SECONDS: Final = {"v1": re.compile(r"[0-9]+(\.[0-9]+)?"), "v2": re.compile(r"[0-9]+")}


class CheckSessions:
    """The endpoints of check sessions; `retry_after` is what a 408 says in seconds (None: no header)."""

    def __init__(self, model: Model, retry_after: int | None) -> None:
        self._model = model
        self._polls = LongPolls(retry_after, "Check session")

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
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
        shown = [session_json(session, self._model.pages_url, session.started_at) for session in sessions]
        return web.json_response({"sessions": shown}, status=201)

    async def find(self, request: web.Request) -> web.Response:
        """Answer with a session as it is."""
        session, now = self._session(request), self._model.clock()
        shown = session_json(session, self._model.pages_url, now)
        if _version(request) == "v1" and shown["status"] == "CANCELLED":
            shown["status"] = "TIMED_OUT"
        results = [result_json(session, result, self._model.pages_url) for result in session.results(now)]
        return web.json_response({**shown, "results": results})

    async def await_completion(self, request: web.Request) -> web.Response:
        """Hold the request until the session is final, or as long as the caller allows."""
        wait = max_wait_seconds(request, _version(request))
        await self._polls.hold(
            self._session(request).id, wait, lambda: self._model.seconds_left(self._session(request))
        )
        return await self.find(request)

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel the session's suites, all or some, and answer its long polls."""
        sequence_ids = parse_cancel(await read_json(request))
        session = self._session(request)
        self._model.cancel(session, sequence_ids)
        self._polls.wake(session.id)
        return web.Response(status=204)

    def _session(self, request: web.Request) -> Session:
        session = self._model.find(read_id(request, "checkSessionId"))
        if session is None:
            raise Problem(404, "No such check session.")
        return session


def _version(request: web.Request) -> str:
    return request.match_info["version"]


def max_wait_seconds(request: web.Request, version: str) -> float:
    """Return `maxWaitSeconds`: from 1 to 30, a whole number in v2, any number in v1."""
    text = request.query.get("maxWaitSeconds", str(MAX_WAIT_SECONDS))
    seconds = float(text) if SECONDS[version].fullmatch(text) else math.nan
    if not 1 <= seconds <= MAX_WAIT_SECONDS:
        kind = {"v1": "a number", "v2": "an integer"}[version]
        raise Problem(400, f'"maxWaitSeconds" must be {kind} from 1 to {MAX_WAIT_SECONDS}.')
    return seconds


def parse_cancel(body: JSON) -> frozenset[str] | None:
    """Return the sequence ids of a cancel; None means every run of the session."""
    if body is None or body == {}:
        return None
    if not isinstance(body, dict) or set(body) != {"sequenceId"}:
        raise Problem(400, 'The request body may have "sequenceId" and nothing else.')
    ids = body["sequenceId"]
    if not isinstance(ids, list) or not ids or not all(is_uuid(one) for one in ids):
        raise Problem(400, '"sequenceId" must be an array of at least one valid GUID.')
    return frozenset(one.lower() for one in cast("list[str]", ids))


def times_json(session: Session | TestSession, now: float) -> dict[str, JSON]:
    """Return when a session started and stopped and how long it has taken, in milliseconds."""
    stopped_at = session.stopped_at if session.is_final(now) else None
    return {
        "startedAt": timestamp(session.started_at),
        "stoppedAt": None if stopped_at is None else timestamp(stopped_at),
        "timeElapsed": round(((now if stopped_at is None else stopped_at) - session.started_at) * 1000),
    }


def session_json(session: Session, pages_url: str, now: float) -> dict[str, JSON]:
    """Return a session as a trigger answers it (schema CheckSessionsV2CheckSession)."""
    return {
        "checkSessionId": session.id,
        "checkSessionLink": session_link(session, pages_url),
        "checkId": session.check.id,
        "checkType": session.check.checkType,
        "name": session.check.name,
        "status": session.status(now),
        **times_json(session, now),
        "runLocations": list(session.check.locations),
        "runSource": "TRIGGER_API",
    }


def result_json(session: Session, result: Result, pages_url: str) -> dict[str, JSON]:
    """Return a result (schema CheckSessionsV2CheckResult)."""
    return {
        "checkResultId": result.id,
        "checkResultLink": f"{session_link(session, pages_url)}/results/{result.id}",
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


def session_link(session: Session, pages_url: str) -> str:
    """Return the page of a session."""
    return f"{pages_url}/checks/{session.check.id}/check-sessions/{session.id}"
