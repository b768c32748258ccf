"""The root-cause-analysis endpoints: ask for one, and look until it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from airflow_provider_checkly.emulator.answers import Problem, read_json
from airflow_provider_checkly.emulator.error_groups import KIND, PROVIDER, find_group, read_id
from airflow_provider_checkly.emulator.fields import Fields
from airflow_provider_checkly.emulator.groups import analysis_json
from airflow_provider_checkly.emulator.results import timestamp

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON
    from airflow_provider_checkly.emulator.groups import Analysis, Groups

PATH: Final = "/v1/root-cause-analyses"
LONGEST_CONTEXT: Final = 256


class RootCauseAnalyses:
    """The HTTP face of the analyses; `allowed` says whether the plan of the account has them."""

    def __init__(self, groups: Groups, *, allowed: bool) -> None:
        self._groups = groups
        self._allowed = allowed

    def routes(self) -> list[web.RouteDef]:
        """List the endpoints."""
        return [
            web.post(f"{PATH}/{KIND.removeprefix('/v1/')}/{{errorGroupId}}", self.trigger),
            web.get(f"{PATH}/{{id}}", self.find),
        ]

    async def trigger(self, request: web.Request) -> web.Response:
        """Begin an analysis of an error group; each one costs the account a part of its quota."""
        context = _user_context(await read_json(request))
        if not self._allowed:
            raise Problem(402)
        analysis = self._groups.analyse(find_group(self._groups, request, "errorGroupId"), context)
        return web.json_response(_pending_json(analysis), status=202)

    async def find(self, request: web.Request) -> web.Response:
        """Show an analysis: 202 while it is made, 200 when it is done."""
        analysis = self._groups.analyses.get(read_id(request, "id"))
        if analysis is None:
            raise Problem(404)
        if analysis.stopped_at > self._groups.model.clock():
            return web.json_response(_pending_json(analysis), status=202)
        return web.json_response(_json(analysis))


def _user_context(body: JSON) -> str:
    fields = Fields({} if body is None else body)
    context = fields.text("userContext") or ""
    if len(context) > LONGEST_CONTEXT:
        raise fields.bad("userContext", f"have up to {LONGEST_CONTEXT} characters")
    return context


def _pending_json(analysis: Analysis) -> dict[str, JSON]:
    return {"id": analysis.id, "status": "PENDING"}


def _json(analysis: Analysis) -> dict[str, JSON]:
    """Show an analysis that is done (schema GetRca); the group of a test session is none of a check."""
    group = analysis.group
    return {
        "id": analysis.id,
        "checkType": group.check.checkType,
        "provider": PROVIDER,
        "model": PROVIDER,
        "checkId": group.check.id,
        "errorGroupId": group.id if group.scope == "check" else None,
        "durationMs": round((analysis.stopped_at - analysis.started_at) * 1000),
        "analysis": analysis_json(analysis),
        "status": "COMPLETED",
        "created_at": timestamp(analysis.started_at),
    }
