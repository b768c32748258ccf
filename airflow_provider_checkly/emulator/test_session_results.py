"""The results of test sessions, one by one: details and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from airflow_provider_checkly.emulator.answers import Problem
from airflow_provider_checkly.emulator.assets import assets_of
from airflow_provider_checkly.emulator.checks import is_uuid
from airflow_provider_checkly.emulator.details import details_json
from airflow_provider_checkly.emulator.locations import PUBLIC, private_id
from airflow_provider_checkly.emulator.manifests import assets_url, file, manifest
from airflow_provider_checkly.emulator.results import timestamp, trace_id
from airflow_provider_checkly.emulator.test_session_json import result_json
from airflow_provider_checkly.emulator.test_sessions import PATH, find_session

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON
    from airflow_provider_checkly.emulator.model import Model
    from airflow_provider_checkly.emulator.sessions import Result, Session, TestSession

ONE: Final = f"{PATH}/{{testSessionId}}/results/{{testSessionResultId}}"


class TestSessionResults:
    """The HTTP face of single results."""

    __test__ = False  # the name is Checkly's: pytest finds no test in here

    def __init__(self, model: Model) -> None:
        self._model = model

    def routes(self) -> list[web.RouteDef]:
        """List the endpoints."""
        return [
            web.get(ONE, self.find),
            web.get(f"{ONE}/assets", self.assets),
            web.get(f"{ONE}/assets/{{name}}", self.asset),
        ]

    async def find(self, request: web.Request) -> web.Response:
        """Show a result with its details (schema FindOneTestSessionResultResponse)."""
        session, part, result = self._found(request)
        account_id, now = self._model.account_id, self._model.clock()
        return web.json_response(
            {
                **result_json(session, part, result, account_id, now),
                **_more_json(session, result, now),
                **details_json("test-session", part.check, result, assets_url(request, request.path)),
            }
        )

    async def assets(self, request: web.Request) -> web.Response:
        """List the files of a result."""
        session, part, result = self._found(request)
        source: dict[str, JSON] = {
            "type": "test-session-result",
            "checkId": part.check.id,
            "checkName": part.check.name,
            "checkType": part.check.checkType,
            "resultId": result.id,
            "testSessionId": session.id,
        }
        return manifest(request, assets_of(part.check, result), source)

    async def asset(self, request: web.Request) -> web.Response:
        """Give a file of a result."""
        _, part, result = self._found(request)
        return file(request, assets_of(part.check, result))

    def _found(self, request: web.Request) -> tuple[TestSession, Session, Result]:
        session = find_session(self._model, request)
        result_id = request.match_info["testSessionResultId"]
        if not is_uuid(result_id):
            raise Problem(400, '"testSessionResultId" must be a valid GUID.')
        for part, result in session.progress(self._model.clock()):
            if result.id == result_id.lower():
                return session, part, result
        raise Problem(404, "No such test session result.")


def _more_json(session: TestSession, result: Result, now: float) -> dict[str, JSON]:
    """Show what only a single result says."""
    place = session.order.location
    stopped_at = None if result.type == "PENDING" else timestamp(result.stopped_at)
    return {
        "id": result.id,
        "privateLocationId": None if place in PUBLIC else private_id(place),
        "filePath": None,
        "isCancelled": stopped_at is not None and result.outcome == "cancelled",
        "overMaxResponseTime": False,
        "attempts": result.number,
        "sequenceId": result.sequence_id,
        "scheduleError": None,
        "traceId": trace_id(result) if result.started_at <= now else None,
        "created_at": timestamp(session.started_at),
        "updated_at": stopped_at,
    }
