"""The error-group endpoints, of checks and of test sessions: list, look, archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from airflow_provider_checkly.emulator import queries
from airflow_provider_checkly.emulator.answers import Problem, read_json
from airflow_provider_checkly.emulator.browser_details import PROJECT, SUITE, TEST_FILE, TEST_TITLE
from airflow_provider_checkly.emulator.checks import is_uuid
from airflow_provider_checkly.emulator.failures import cleaned, error_hash
from airflow_provider_checkly.emulator.fields import Fields
from airflow_provider_checkly.emulator.groups import analysis_json
from airflow_provider_checkly.emulator.results import timestamp

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON
    from airflow_provider_checkly.emulator.failures import Scope
    from airflow_provider_checkly.emulator.groups import Analysis, ErrorGroup, Groups

PROVIDER: Final = "emulator"
SCOPES: Final[dict[str, Scope]] = {"error-groups": "check", "test-session-error-groups": "test-session"}
KIND: Final = "/v1/{kind:error-groups|test-session-error-groups}"


def read_id(request: web.Request, name: str) -> str:
    """Read an id in a path."""
    found = request.match_info[name]
    if not is_uuid(found):
        raise Problem(400, f'"{name}" must be a valid GUID.')
    return found.lower()


def find_group(groups: Groups, request: web.Request, name: str) -> ErrorGroup:
    """Look up the error group that a path names."""
    group = groups.find(SCOPES[request.match_info["kind"]], read_id(request, name))
    if group is None:
        raise Problem(404)
    return group


class ErrorGroups:
    """The HTTP face of the error groups; the emulator has no projects, so none has any."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    def routes(self) -> list[web.RouteDef]:
        """List the endpoints."""
        return [
            web.get(KIND, self.all),
            web.get("/v1/error-groups/checks/{checkId}", self.of_check),
            web.get("/v1/test-session-error-groups/projects/{projectId}", self.of_project),
            web.get(f"{KIND}/{{id}}", self.find),
            web.patch(f"{KIND}/{{id}}", self.patch),
        ]

    async def all(self, request: web.Request) -> web.Response:
        """List the error groups, a page at a time."""
        return self._page(request, self._groups.listed(SCOPES[request.match_info["kind"]]))

    async def of_check(self, request: web.Request) -> web.Response:
        """List the error groups of a check, a page at a time."""
        check_id = read_id(request, "checkId")
        return self._page(request, [one for one in self._groups.listed("check") if one.check.id == check_id])

    async def of_project(self, request: web.Request) -> web.Response:
        """List the error groups of a project."""
        read_id(request, "projectId")
        return web.json_response([])

    async def find(self, request: web.Request) -> web.Response:
        """Show an error group."""
        return web.json_response(self._json(find_group(self._groups, request, "id")))

    async def patch(self, request: web.Request) -> web.Response:
        """Archive an error group, or bring it back."""
        body = await read_json(request)
        fields = Fields({} if body is None else body)
        until_next, for_ever = (
            fields.flag(name) if name in fields.values else None
            for name in ("archivedUntilNextEvent", "archiveForEver")
        )
        group = find_group(self._groups, request, "id")
        self._groups.archive(group, until_next=until_next, for_ever=for_ever)
        return web.json_response(self._json(group))

    def _page(self, request: web.Request, groups: list[ErrorGroup]) -> web.Response:
        return web.json_response([self._json(group) for group in groups[queries.page(request)]])

    def _json(self, group: ErrorGroup) -> dict[str, JSON]:
        """Show an error group (schemas ErrorGroup and TestSessionErrorGroup)."""
        own = {"checkId": group.check.id} if group.scope == "check" else _test_json(group)
        return {
            "id": group.id,
            **own,
            "errorHash": error_hash(group.message),
            "rawErrorMessage": group.message,
            "cleanedErrorMessage": cleaned(group.message),
            "firstSeen": timestamp(group.first_seen),
            "lastSeen": timestamp(group.last_seen),
            "archivedUntilNextEvent": self._groups.is_archived(group),
            "rootCauseAnalyses": [_analysis_json(one) for one in self._groups.analysed(group)],
        }


def _test_json(group: ErrorGroup) -> dict[str, JSON]:
    test: dict[str, JSON] = {
        "projectName": PROJECT,
        "testFile": TEST_FILE,
        "testTitle": TEST_TITLE,
        "suitePath": list(SUITE),
    }
    suite = group.check.checkType == "PLAYWRIGHT"
    return {
        "projectId": None,
        "environments": list(group.environments),
        "pwtMetadata": [test] if suite else None,
    }


def _analysis_json(analysis: Analysis) -> dict[str, JSON]:
    """Show an analysis the way its error group does (schema TestSessionErrorGroupRootCauseAnalysis)."""
    context = analysis.user_context
    return {
        "id": analysis.id,
        "created_at": timestamp(analysis.started_at),
        "analysis": analysis_json(analysis),
        "provider": PROVIDER,
        "model": PROVIDER,
        "durationMs": round((analysis.stopped_at - analysis.started_at) * 1000),
        "userContext": [{"text": context, "type": "text"}] if context else None,
    }
