"""Error groups of checks and of test sessions, and their root-cause analyses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from aiohttp import web

from airflow_provider_checkly.emulator.http import Problem, Query, read_fields, read_id, timestamp
from airflow_provider_checkly.emulator.result_details import FAILED_TEST
from airflow_provider_checkly.emulator.results import cleaned, error_group_ids, error_hash, error_message

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import Check
    from airflow_provider_checkly.emulator.http import JSON
    from airflow_provider_checkly.emulator.model import Model, Result
    from airflow_provider_checkly.emulator.results import Scope

# How long an analysis takes before `--speed` divides it.
ANALYSIS_SECONDS: Final = 6.0
MAX_CONTEXT: Final = 256
PROVIDER: Final = "emulator"
SCOPES: Final[dict[str, Scope]] = {"error-groups": "check", "test-session-error-groups": "test-session"}
KIND: Final = "{kind:error-groups|test-session-error-groups}"


@dataclass(frozen=True)
class ErrorGroup:
    """The same error of the same check, with the results that have it and where they ran."""

    id: str
    scope: Scope
    check: Check
    message: str
    results: tuple[Result, ...]
    environments: tuple[str, ...] = ()

    @property
    def first_seen(self) -> float:
        """Return when the error first occurred, in Unix seconds."""
        return min(result.stopped_at for result in self.results)

    @property
    def last_seen(self) -> float:
        """Return when the error last occurred, in Unix seconds."""
        return max(result.stopped_at for result in self.results)


@dataclass(frozen=True)
class Analysis:
    """A root-cause analysis as it was requested; times in Unix seconds."""

    id: str
    group: ErrorGroup
    user_context: str
    started_at: float
    stopped_at: float


@dataclass
class ErrorGroups:
    """The error groups of a model, which follow from its results, with their analyses and archive."""

    model: Model
    analyses: dict[str, Analysis] = field(default_factory=dict)
    _archived_at: dict[str, float] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)

    def all(self, scope: Scope) -> list[ErrorGroup]:
        """Return the error groups of one kind of session, the most recent first."""
        seen: dict[str, list[tuple[Check, Result, str]]] = {}
        for check, result, environment in self._results(scope):
            for group_id in error_group_ids(scope, check, result):
                seen.setdefault(group_id, []).append((check, result, environment))
        groups = [_group(group_id, scope, found) for group_id, found in seen.items()]
        return sorted(groups, key=lambda group: group.last_seen, reverse=True)

    def listed(self, scope: Scope) -> list[ErrorGroup]:
        """Return those that are not archived forever."""
        return [group for group in self.all(scope) if group.id not in self._gone]

    def find(self, scope: Scope, group_id: str) -> ErrorGroup | None:
        """Return an error group by its id."""
        return next((group for group in self.all(scope) if group.id == group_id), None)

    def is_archived(self, group: ErrorGroup) -> bool:
        """Return whether a group is archived: forever, or because it has not occurred since."""
        return group.id in self._gone or self._archived_at.get(group.id, 0) >= group.last_seen

    def archive(self, group: ErrorGroup, *, until_next: bool | None, for_ever: bool | None) -> None:
        """Archive or restore a group; None changes nothing."""
        if until_next is not None:
            self._archived_at[group.id] = self.model.clock() if until_next else 0
        if for_ever is not None:
            (self._gone.add if for_ever else self._gone.discard)(group.id)

    def analyse(self, group: ErrorGroup, user_context: str) -> Analysis:
        """Begin a root-cause analysis."""
        now = self.model.clock()
        ready_at = now + ANALYSIS_SECONDS / self.model.speed
        analysis = Analysis(str(uuid4()), group, user_context, now, ready_at)
        self.analyses[analysis.id] = analysis
        return analysis

    def analysed(self, group: ErrorGroup) -> list[Analysis]:
        """Return the finished analyses of a group, newest first."""
        now = self.model.clock()
        done = [one for one in self.analyses.values() if one.group.id == group.id and one.stopped_at <= now]
        return done[::-1]

    def _results(self, scope: Scope) -> list[tuple[Check, Result, str]]:
        now = self.model.clock()
        if scope == "check":
            sessions = self.model.sessions
            return [(one.check, result, "") for one in sessions for result in one.results(now)]
        return [
            (part.check, result, str(session.request.metadata.get("environment", "")))
            for session in self.model.test_sessions
            for part in session.parts
            for result in part.results(now)
        ]


def _group(group_id: str, scope: Scope, found: list[tuple[Check, Result, str]]) -> ErrorGroup:
    check, first, _ = found[0]
    environments = dict.fromkeys(environment for _, _, environment in found if environment)
    results = tuple(result for _, result, _ in found)
    return ErrorGroup(group_id, scope, check, error_message(check, first) or "", results, tuple(environments))


class ErrorGroupRoutes:
    """The endpoints of error groups and their analyses.

    The emulator has no projects, so none has any group; `rca` says whether the account's plan has analyses.
    """

    def __init__(self, groups: ErrorGroups, *, rca: bool) -> None:
        self._groups = groups
        self._rca = rca

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get(f"/v1/{KIND}", self.all),
            web.get("/v1/error-groups/checks/{checkId}", self.of_check),
            web.get("/v1/test-session-error-groups/projects/{projectId}", self.of_project),
            web.get(f"/v1/{KIND}/{{id}}", self.find),
            web.patch(f"/v1/{KIND}/{{id}}", self.patch),
            web.post(f"/v1/root-cause-analyses/{KIND}/{{id}}", self.analyse),
            web.get("/v1/root-cause-analyses/{id}", self.find_analysis),
        ]

    async def all(self, request: web.Request) -> web.Response:
        """Answer with the error groups, a page at a time."""
        return self._page(request, self._groups.listed(SCOPES[request.match_info["kind"]]))

    async def of_check(self, request: web.Request) -> web.Response:
        """Answer with the error groups of a check, a page at a time."""
        check_id = read_id(request, "checkId")
        return self._page(request, [one for one in self._groups.listed("check") if one.check.id == check_id])

    async def of_project(self, request: web.Request) -> web.Response:
        """Answer with the error groups of a project."""
        read_id(request, "projectId")
        return web.json_response([])

    async def find(self, request: web.Request) -> web.Response:
        """Answer with an error group."""
        return web.json_response(self._json(self._group(request)))

    async def patch(self, request: web.Request) -> web.Response:
        """Archive or restore an error group."""
        fields = await read_fields(request)
        until_next, for_ever = (
            fields.flag(name) if name in fields.values else None
            for name in ("archivedUntilNextEvent", "archiveForEver")
        )
        group = self._group(request)
        self._groups.archive(group, until_next=until_next, for_ever=for_ever)
        return web.json_response(self._json(group))

    async def analyse(self, request: web.Request) -> web.Response:
        """Begin an analysis of an error group; each one uses up quota of the account."""
        fields = await read_fields(request)
        context = fields.text("userContext") or ""
        if len(context) > MAX_CONTEXT:
            raise fields.bad("userContext", f"have up to {MAX_CONTEXT} characters")
        if not self._rca:
            raise Problem(402)
        analysis = self._groups.analyse(self._group(request), context)
        return web.json_response({"id": analysis.id, "status": "PENDING"}, status=202)

    async def find_analysis(self, request: web.Request) -> web.Response:
        """Answer with an analysis: 202 while it is in progress, 200 when it has finished."""
        analysis = self._groups.analyses.get(read_id(request, "id"))
        if analysis is None:
            raise Problem(404)
        if analysis.stopped_at > self._groups.model.clock():
            return web.json_response({"id": analysis.id, "status": "PENDING"}, status=202)
        return web.json_response(_analysis_json(analysis))

    def _group(self, request: web.Request) -> ErrorGroup:
        group = self._groups.find(SCOPES[request.match_info["kind"]], read_id(request, "id"))
        if group is None:
            raise Problem(404)
        return group

    def _page(self, request: web.Request, groups: list[ErrorGroup]) -> web.Response:
        return web.json_response([self._json(group) for group in groups[Query(request).page()]])

    def _json(self, group: ErrorGroup) -> dict[str, JSON]:
        """Return an error group (schemas ErrorGroup and TestSessionErrorGroup)."""
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
            "rootCauseAnalyses": [_group_analysis_json(one) for one in self._groups.analysed(group)],
        }


def _test_json(group: ErrorGroup) -> dict[str, JSON]:
    suite = group.check.checkType == "PLAYWRIGHT"
    return {
        "projectId": None,
        "environments": list(group.environments),
        "pwtMetadata": [dict(FAILED_TEST)] if suite else None,
    }


def _analysis_json(analysis: Analysis) -> dict[str, JSON]:
    """Return a finished analysis (schema GetRca); that of a test session names no error group of a check."""
    group = analysis.group
    return {
        **_made_json(analysis),
        "checkType": group.check.checkType,
        "checkId": group.check.id,
        "errorGroupId": group.id if group.scope == "check" else None,
        "status": "COMPLETED",
    }


def _group_analysis_json(analysis: Analysis) -> dict[str, JSON]:
    """Return an analysis as its error group shows it (schema TestSessionErrorGroupRootCauseAnalysis)."""
    context = analysis.user_context
    return {
        **_made_json(analysis),
        "userContext": [{"text": context, "type": "text"}] if context else None,
    }


def _made_json(analysis: Analysis) -> dict[str, JSON]:
    return {
        "id": analysis.id,
        "provider": PROVIDER,
        "model": PROVIDER,
        "durationMs": round((analysis.stopped_at - analysis.started_at) * 1000),
        "analysis": _findings_json(analysis.group),
        "created_at": timestamp(analysis.started_at),
    }


def _findings_json(group: ErrorGroup) -> dict[str, JSON]:
    """Return what an analysis found (schema analysis)."""
    locations = ", ".join(sorted({result.location for result in group.results}))
    evidence: JSON = {
        "artifacts": [{"name": "JOB_LOG", "type": "LOG"}],
        "description": f"{len(group.results)} results from {locations} have the same error.",
    }
    return {
        "classification": "INFRA ERROR",
        "userImpact": f"Users of {group.check.name!r} meet the same error.",
        "rootCause": "The service behind the load balancer had no healthy instance.",
        "codeFix": None,
        "evidence": [evidence],
        "referenceLinks": [{"url": "https://www.checklyhq.com/docs/", "title": "Checkly's documentation"}],
    }
