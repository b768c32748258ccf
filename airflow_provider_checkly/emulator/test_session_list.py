"""The list of test sessions: filters and pages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from aiohttp import web

from airflow_provider_checkly.emulator import queries
from airflow_provider_checkly.emulator.answers import Problem
from airflow_provider_checkly.emulator.locations import PUBLIC, private_id
from airflow_provider_checkly.emulator.results import timestamp
from airflow_provider_checkly.emulator.sessions import TestStatus, in_test_words
from airflow_provider_checkly.emulator.test_session_json import error_group_ids

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON
    from airflow_provider_checkly.emulator.model import Model
    from airflow_provider_checkly.emulator.sessions import TestSession

STATUSES: Final[tuple[TestStatus, ...]] = get_args(TestStatus)
PROVIDERS: Final = ("GITHUB", "VERCEL", "API", "TRIGGER", "PW_REPORTER")
SEARCHED: Final = ("environment", "repoUrl", "commitId", "commitOwner", "commitMessage", "branchName")
# A key triggers over the API; behind the command line tool there is a user.
INVOKER: Final = "Emulator"


@dataclass(frozen=True)
class Filter:
    """What a list is asked for; empty lists and None filter nothing, times are Unix seconds."""

    statuses: list[str]
    branches: list[str]
    users: list[str]
    providers: list[str]
    no_users: bool
    since: float
    until: float
    words: str
    error_group: str | None

    def admits(self, session: TestSession, account_id: str, now: float) -> bool:
        """Tell whether a session belongs in the list."""
        order = session.order
        return (
            self.since <= session.started_at < self.until
            and (not self.statuses or session.status(now) in self.statuses)
            and (not self.branches or order.metadata.get("branchName") in self.branches)
            and (not self.providers or order.provider in self.providers)
            and self._admits_user(session, account_id)
            and self.words in _searched(session)
            and (self.error_group is None or self.error_group in error_group_ids(session, now))
        )

    def _admits_user(self, session: TestSession, account_id: str) -> bool:
        known = {session.order.metadata.get("commitOwner"), _invoker_id(session, account_id)} - {None}
        return not self.users or bool(known & set(self.users)) or (self.no_users and not known)


def read_filter(request: web.Request) -> Filter:
    """Read the filter of a list; whatever is wrong is a 400."""
    since, until = queries.number(request, "from"), queries.number(request, "to")
    return Filter(
        statuses=queries.texts(request, "statuses", STATUSES),
        branches=queries.texts(request, "branches"),
        users=queries.texts(request, "users"),
        providers=queries.texts(request, "providers", PROVIDERS),
        no_users=queries.flag(request, "noUsers") or False,
        since=-math.inf if since is None else since,
        until=math.inf if until is None else until,
        words=(queries.text(request, "textSearch", 3, 200) or "").lower(),
        error_group=queries.text(request, "errorGroupId", 1),
    )


class TestSessionList:
    """The HTTP face of the list, newest first; the cursor is the last id of the page before."""

    __test__ = False  # the name is Checkly's: pytest finds no test in here

    def __init__(self, model: Model) -> None:
        self._model = model

    def routes(self) -> list[web.RouteDef]:
        """List the endpoints."""
        return [web.get("/v1/test-sessions", self.entries)]

    async def entries(self, request: web.Request) -> web.Response:
        """List the test sessions that pass the filter, a page at a time."""
        chosen, account_id, now = read_filter(request), self._model.account_id, self._model.clock()
        limit = queries.whole(request, "limit", 20, 100)
        older = self._older_than(queries.text(request, "nextId", 1))
        found = [session for session in older if chosen.admits(session, account_id, now)]
        entries = found[:limit]
        shown: list[JSON] = [entry_json(session, account_id, now) for session in entries]
        next_id = entries[-1].id if len(found) > limit else None
        return web.json_response({"length": len(shown), "entries": shown, "nextId": next_id})

    def _older_than(self, cursor: str | None) -> list[TestSession]:
        sessions = list(reversed(self._model.test_sessions))
        if cursor is None:
            return sessions
        ids = [session.id for session in sessions]
        if cursor not in ids:
            raise Problem(400, '"nextId" must be a cursor of an earlier answer.')
        return sessions[ids.index(cursor) + 1 :]


def entry_json(session: TestSession, account_id: str, now: float) -> dict[str, JSON]:
    """Show a session as the list does (schema TestSessionListEntry)."""
    order, final = session.order, session.is_final(now)
    stopped_at = timestamp(session.stopped_at) if final else None
    invoked = _invoker_id(session, account_id) is not None
    return {
        "id": session.id,
        "accountId": account_id,
        "projectId": None,
        "name": order.name,
        "provider": order.provider,
        "errorGroupIds": list(error_group_ids(session, now)),
        **{status.lower(): _sequence_ids(session, status, now) for status in STATUSES},
        "status": session.status(now),
        "region": order.location,
        "privateLocationId": None if order.location in PUBLIC else private_id(order.location),
        "invoker": {"name": INVOKER, "picture": None} if invoked else None,
        **{name: order.metadata.get(name) for name in SEARCHED},
        "startedAt": timestamp(session.started_at),
        "stoppedAt": stopped_at,
        "created_at": timestamp(session.started_at),
        "updated_at": stopped_at,
    }


def _sequence_ids(session: TestSession, status: TestStatus, now: float) -> list[JSON]:
    last = [result for _, result in session.progress(now) if result.type != "ATTEMPT"]
    return [result.sequence_id for result in last if in_test_words(result) == status]


def _invoker_id(session: TestSession, account_id: str) -> str | None:
    return account_id if session.order.provider == "TRIGGER" else None


def _searched(session: TestSession) -> str:
    texts = [session.order.name, *(session.order.metadata.get(name) for name in SEARCHED)]
    return "\n".join(str(text) for text in texts if text).lower()
