"""The test-session endpoints: trigger, list, find, wait, cancel, and results with details and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from aiohttp import web

from airflow_provider_checkly.emulator import results
from airflow_provider_checkly.emulator.accounts import private_location_id
from airflow_provider_checkly.emulator.check_sessions import max_wait_seconds, parse_cancel, times_json
from airflow_provider_checkly.emulator.http import LongPolls, Problem, Query, read_id, read_json, timestamp
from airflow_provider_checkly.emulator.model import TestStatus, test_status
from airflow_provider_checkly.emulator.trigger_requests import parse_cli_request, parse_request

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.accounts import Locations
    from airflow_provider_checkly.emulator.http import JSON
    from airflow_provider_checkly.emulator.model import Model, Result, Session, TestSession

ONE: Final = "/v1/test-sessions/{testSessionId}"
RESULT: Final = f"{ONE}/results/{{testSessionResultId}}"
NO_MATCH: Final = "No matching checks were found."
STATUSES: Final[tuple[TestStatus, ...]] = get_args(TestStatus)
PROVIDERS: Final = ("GITHUB", "VERCEL", "API", "TRIGGER", "PW_REPORTER")
SEARCHED: Final = ("environment", "repoUrl", "commitId", "commitOwner", "commitMessage", "branchName")
# Who triggers with the command line tool; a key triggers over the API without a name.
INVOKER: Final = "Emulator"


class Filter:
    """The filters in the query of a list; whatever is wrong is a 400, empty lists and None filter nothing."""

    def __init__(self, query: Query) -> None:
        self.statuses = query.texts("statuses", STATUSES)
        self.branches = query.texts("branches")
        self.users = query.texts("users")
        self.providers = query.texts("providers", PROVIDERS)
        self.no_users = query.flag("noUsers") or False
        self.between = query.between()
        self.words = (query.text("textSearch", 3, 200) or "").lower()
        self.error_group = query.text("errorGroupId", 1)

    def admits(self, session: TestSession, account_id: str, now: float) -> bool:
        """Return whether a session belongs in the list."""
        request = session.request
        return (
            self.between[0] <= session.started_at < self.between[1]
            and (not self.statuses or session.status(now) in self.statuses)
            and (not self.branches or request.metadata.get("branchName") in self.branches)
            and (not self.providers or request.provider in self.providers)
            and self._admits_user(session, account_id)
            and self.words in _searched(session)
            and (self.error_group is None or self.error_group in session_error_group_ids(session, now))
        )

    def _admits_user(self, session: TestSession, account_id: str) -> bool:
        known = {session.request.metadata.get("commitOwner"), _invoker_id(session, account_id)} - {None}
        return not self.users or bool(known & set(self.users)) or (self.no_users and not known)


class TestSessions:
    """The endpoints of test sessions; `retry_after` is what a 408 says in seconds (None: no header).

    `/next/...` is not in Checkly's OpenAPI document; the official command line tool asks there.
    """

    def __init__(self, model: Model, locations: Locations, retry_after: int | None) -> None:
        self._model = model
        self._locations = locations
        self._polls = LongPolls(retry_after, "Test session")

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.post("/v1/test-sessions/trigger", self.trigger),
            web.get("/v1/test-sessions", self.list),
            web.get(ONE, self.find),
            web.get(f"{ONE}/completion", self.await_completion),
            web.post(f"{ONE}/cancel", self.cancel),
            web.get(RESULT, self.find_result),
            web.get(f"{RESULT}/assets", self.assets),
            web.get(f"{RESULT}/assets/{{name}}", self.asset),
            web.post("/next/test-sessions/trigger", self.trigger_for_cli),
            web.get("/next/test-sessions/{testSessionId}/link", self.link),
        ]

    async def trigger(self, request: web.Request) -> web.Response:
        """Start one test session with all matching checks."""
        session = self._model.trigger_test(parse_request(await read_json(request), self._locations))
        if session is None:
            raise Problem(404, NO_MATCH)
        shown = session_json(session, self._model.pages_url, session.started_at)
        return web.json_response(shown, status=201)

    async def list(self, request: web.Request) -> web.Response:
        """Answer with the test sessions that pass the filter, a page at a time."""
        query, account_id, now = Query(request), self._model.account_id, self._model.clock()
        wanted, limit = Filter(query), query.whole("limit", 20, 100)
        sessions = self._model.test_sessions[::-1]
        start = query.older([session.id for session in sessions])
        found = [session for session in sessions[start:] if wanted.admits(session, account_id, now)]
        shown: list[JSON] = [entry_json(session, account_id, now) for session in found[:limit]]
        next_id = found[limit - 1].id if len(found) > limit else None
        return web.json_response({"length": len(shown), "entries": shown, "nextId": next_id})

    async def find(self, request: web.Request) -> web.Response:
        """Answer with a test session as it is."""
        session = self._session(request)
        return web.json_response(session_json(session, self._model.pages_url, self._model.clock()))

    async def await_completion(self, request: web.Request) -> web.Response:
        """Hold the request until the test session is final, or as long as the caller allows."""
        wait = max_wait_seconds(request, "v1")
        await self._polls.hold(
            self._session(request).id, wait, lambda: self._model.seconds_left(self._session(request))
        )
        return await self.find(request)

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel the session's suites, all or some, and answer its long polls."""
        sequence_ids = parse_cancel(await read_json(request))
        session = self._session(request)
        self._model.cancel_test(session, sequence_ids)
        self._polls.wake(session.id)
        return web.Response(status=204)

    async def find_result(self, request: web.Request) -> web.Response:
        """Answer with a result and its details (schema FindOneTestSessionResultResponse)."""
        session, part, result = self._result(request)
        now = self._model.clock()
        return web.json_response(
            {
                **result_json(session, part, result, self._model.pages_url, now),
                **_more_json(session, result, now),
                **results.details_json(
                    "test-session", part.check, result, results.assets_url(request, request.path)
                ),
            }
        )

    async def assets(self, request: web.Request) -> web.Response:
        """Answer with the list of a result's files."""
        session, part, result = self._result(request)
        source: dict[str, JSON] = {"type": "test-session-result", "testSessionId": session.id}
        return results.answer_manifest(request, part.check, result, source)

    async def asset(self, request: web.Request) -> web.Response:
        """Answer with a file of a result."""
        _, part, result = self._result(request)
        return results.answer_file(request, part.check, result)

    async def trigger_for_cli(self, request: web.Request) -> web.Response:
        """Start a test session the way the official command line tool asks for it."""
        session = self._model.trigger_test(parse_cli_request(await read_json(request), self._locations))
        if session is None:
            raise Problem(403, NO_MATCH, more={"errorCode": "ERR_NO_MATCHING_CHECKS"})
        return web.json_response(_cli_json(session), status=201)

    async def link(self, request: web.Request) -> web.Response:
        """Answer with the page of a test session."""
        return web.json_response({"link": session_link(self._session(request), self._model.pages_url)})

    def _session(self, request: web.Request) -> TestSession:
        session = self._model.find_test(read_id(request, "testSessionId"))
        if session is None:
            raise Problem(404, "No such test session.")
        return session

    def _result(self, request: web.Request) -> tuple[TestSession, Session, Result]:
        session, result_id = self._session(request), read_id(request, "testSessionResultId")
        for part, result in session.progress(self._model.clock()):
            if result.id == result_id:
                return session, part, result
        raise Problem(404, "No such test session result.")


def session_json(session: TestSession, pages_url: str, now: float) -> dict[str, JSON]:
    """Return a test session with the results so far (schema FindOneTestSessionResponse)."""
    return {
        "testSessionId": session.id,
        "testSessionLink": session_link(session, pages_url),
        "name": session.request.name,
        "status": session.status(now),
        "errorGroupIds": [*session_error_group_ids(session, now)],
        **times_json(session, now),
        "metadata": dict(session.request.metadata),
        "results": [
            result_json(session, part, result, pages_url, now) for part, result in session.progress(now)
        ],
    }


def result_json(
    session: TestSession, part: Session, result: Result, pages_url: str, now: float
) -> dict[str, JSON]:
    """Return a result (schema TestSessionResult); a pending one says when it started, if it has."""
    pending = result.type == "PENDING"
    flags = results.flags_json(result)
    del flags["isCancelled"]
    return {
        "testSessionResultId": result.id,
        "testSessionResultLink": f"{session_link(session, pages_url)}/results/{result.id}",
        "checkId": part.check.id,
        "checkType": part.check.checkType,
        "name": part.check.name,
        "runLocation": result.location,
        "errorGroupIds": [*results.error_group_ids("test-session", part.check, result)],
        "resultType": result.type,
        "status": test_status(result),
        **flags,
        "responseTime": None if pending else results.response_time(part.check, result),
        "startedAt": timestamp(result.started_at) if result.started_at <= now else None,
        "stoppedAt": None if pending else timestamp(result.stopped_at),
    }


def _more_json(session: TestSession, result: Result, now: float) -> dict[str, JSON]:
    """Return what only a single result has."""
    stopped_at = None if result.type == "PENDING" else timestamp(result.stopped_at)
    return {
        "id": result.id,
        "privateLocationId": private_location_id(session.request.location),
        "filePath": None,
        "isCancelled": stopped_at is not None and result.outcome == "cancelled",
        "overMaxResponseTime": False,
        "attempts": result.number,
        "sequenceId": result.sequence_id,
        "scheduleError": None,
        "traceId": results.trace_id(result) if result.started_at <= now else None,
        "created_at": timestamp(session.started_at),
        "updated_at": stopped_at,
    }


def session_error_group_ids(session: TestSession, now: float) -> list[str]:
    """Return the error groups of a session, each once, in the order of its results."""
    progress = session.progress(now)
    found = [
        one
        for part, result in progress
        for one in results.error_group_ids("test-session", part.check, result)
    ]
    return list(dict.fromkeys(found))


def session_link(session: TestSession, pages_url: str) -> str:
    """Return the page of a test session."""
    return f"{pages_url}/test-sessions/{session.id}"


def _cli_json(session: TestSession) -> dict[str, JSON]:
    """Return a new session in the shape that the official command line tool reads."""
    checks = [(part.check, part.runs[0]) for part in session.parts]
    return {
        "checks": [{"id": check.id, "name": check.name, "checkType": check.checkType} for check, _ in checks],
        "testSessionId": session.id,
        "testResultIds": {check.id: run.tries[-1] for check, run in checks},
        "sequenceIds": {check.id: run.sequence_id for check, run in checks},
    }


def entry_json(session: TestSession, account_id: str, now: float) -> dict[str, JSON]:
    """Return a session as the list shows it (schema TestSessionListEntry)."""
    request = session.request
    stopped_at = timestamp(session.stopped_at) if session.is_final(now) else None
    invoked = _invoker_id(session, account_id) is not None
    return {
        "id": session.id,
        "accountId": account_id,
        "projectId": None,
        "name": request.name,
        "provider": request.provider,
        "errorGroupIds": [*session_error_group_ids(session, now)],
        **{status.lower(): _sequence_ids(session, status, now) for status in STATUSES},
        "status": session.status(now),
        "region": request.location,
        "privateLocationId": private_location_id(request.location),
        "invoker": {"name": INVOKER, "picture": None} if invoked else None,
        **{name: request.metadata.get(name) for name in SEARCHED},
        "startedAt": timestamp(session.started_at),
        "stoppedAt": stopped_at,
        "created_at": timestamp(session.started_at),
        "updated_at": stopped_at,
    }


def _sequence_ids(session: TestSession, status: TestStatus, now: float) -> list[JSON]:
    last = [result for _, result in session.progress(now) if result.type != "ATTEMPT"]
    return [result.sequence_id for result in last if test_status(result) == status]


def _invoker_id(session: TestSession, account_id: str) -> str | None:
    return account_id if session.request.provider == "TRIGGER" else None


def _searched(session: TestSession) -> str:
    texts = [session.request.name, *(session.request.metadata.get(name) for name in SEARCHED)]
    return "\n".join(str(text) for text in texts if text).lower()
