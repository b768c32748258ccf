"""The test-session endpoints: trigger, look, await, cancel; the list and the results have their own files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from airflow_provider_checkly.emulator.answers import STILL_RUNNING, Problem, read_json
from airflow_provider_checkly.emulator.check_sessions import LONGEST_WAIT, max_wait_seconds, parse_cancel
from airflow_provider_checkly.emulator.checks import is_uuid
from airflow_provider_checkly.emulator.orders import parse_cli_order, parse_order
from airflow_provider_checkly.emulator.test_session_json import session_json, session_link
from airflow_provider_checkly.emulator.waits import Waits

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON
    from airflow_provider_checkly.emulator.locations import Locations
    from airflow_provider_checkly.emulator.model import Model
    from airflow_provider_checkly.emulator.sessions import TestSession

PATH: Final = "/v1/test-sessions"
NO_MATCH: Final = "No matching checks were found."


def find_session(model: Model, request: web.Request) -> TestSession:
    """Look up the test session that a path names."""
    session_id = request.match_info["testSessionId"]
    if not is_uuid(session_id):
        raise Problem(400, '"testSessionId" must be a valid GUID.')
    session = model.find_test(session_id)
    if session is None:
        raise Problem(404, "No such test session.")
    return session


class TestSessions:
    """The HTTP face of a model's test sessions; `retry_after` is what a 408 says in seconds (None: nothing).

    `/next/...` is not in Checkly's OpenAPI document; the official command line tool asks there.
    """

    __test__ = False  # the name is Checkly's: pytest finds no test in here

    def __init__(self, model: Model, locations: Locations, retry_after: int | None) -> None:
        self._model = model
        self._locations = locations
        self._waits = Waits(retry_after, STILL_RUNNING.replace("Check", "Test"))

    def routes(self) -> list[web.RouteDef]:
        """List the endpoints."""
        return [
            web.post(f"{PATH}/trigger", self.trigger),
            web.get(f"{PATH}/{{testSessionId}}", self.find),
            web.get(f"{PATH}/{{testSessionId}}/completion", self.await_completion),
            web.post(f"{PATH}/{{testSessionId}}/cancel", self.cancel),
            web.post("/next/test-sessions/trigger", self.trigger_for_cli),
            web.get("/next/test-sessions/{testSessionId}/link", self.link),
        ]

    async def trigger(self, request: web.Request) -> web.Response:
        """Start one test session with all matching checks."""
        session = self._model.trigger_test(parse_order(await read_json(request), self._locations))
        if session is None:
            raise Problem(404, NO_MATCH)
        shown = session_json(session, self._model.account_id, session.started_at)
        return web.json_response(shown, status=201)

    async def find(self, request: web.Request) -> web.Response:
        """Show a test session as it is."""
        session = find_session(self._model, request)
        return web.json_response(session_json(session, self._model.account_id, self._model.clock()))

    async def await_completion(self, request: web.Request) -> web.Response:
        """Hold the request until the test session is final, or as long as the caller allows."""
        wait = max_wait_seconds(request.query.get("maxWaitSeconds", str(LONGEST_WAIT)), "v1")
        session_id = find_session(self._model, request).id
        await self._waits.hold(
            session_id, wait, lambda: self._model.seconds_left(find_session(self._model, request))
        )
        return await self.find(request)

    async def cancel(self, request: web.Request) -> web.Response:
        """Stop the session's suites, all or some, and wake who waits for it."""
        sequence_ids = parse_cancel(await read_json(request))
        session = find_session(self._model, request)
        self._model.cancel_test(session, sequence_ids)
        self._waits.wake(session.id)
        return web.Response(status=204)

    async def trigger_for_cli(self, request: web.Request) -> web.Response:
        """Start a test session the way the official command line tool asks for it."""
        session = self._model.trigger_test(parse_cli_order(await read_json(request), self._locations))
        if session is None:
            raise Problem(403, NO_MATCH, more={"errorCode": "ERR_NO_MATCHING_CHECKS"})
        return web.json_response(_cli_json(session), status=201)

    async def link(self, request: web.Request) -> web.Response:
        """Say where people look at a test session."""
        session = find_session(self._model, request)
        return web.json_response({"link": session_link(session, self._model.account_id)})


def _cli_json(session: TestSession) -> dict[str, JSON]:
    """Show a new session in the shape that the official command line tool reads."""
    checks = [(part.check, part.runs[0]) for part in session.parts]
    return {
        "checks": [{"id": check.id, "name": check.name, "checkType": check.checkType} for check, _ in checks],
        "testSessionId": session.id,
        "testResultIds": {check.id: run.tries[-1] for check, run in checks},
        "sequenceIds": {check.id: run.sequence_id for check, run in checks},
    }
