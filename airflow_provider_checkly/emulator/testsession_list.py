"""The list of test sessions: filters and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from aiohttp import web

from airflow_provider_checkly.emulator.accounts import private_location_id
from airflow_provider_checkly.emulator.http import Query, timestamp
from airflow_provider_checkly.emulator.model import TestStatus, test_status
from airflow_provider_checkly.emulator.testsessions import session_error_group_ids

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.http import JSON
    from airflow_provider_checkly.emulator.model import Model, TestSession

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


class TestSessionList:
    """The endpoint of the list, newest first; the cursor is the last id of a page."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [web.get("/v1/test-sessions", self.list)]

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
