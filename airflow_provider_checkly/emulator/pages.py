"""Pages of sessions and results for the browser: plain HTML without scripts, served without a key."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, get_args

from aiohttp import web

from airflow_provider_checkly.emulator import results
from airflow_provider_checkly.emulator.check_sessions import session_link
from airflow_provider_checkly.emulator.check_statuses import find_check
from airflow_provider_checkly.emulator.checks import Status
from airflow_provider_checkly.emulator.http import Problem
from airflow_provider_checkly.emulator.model import test_status
from airflow_provider_checkly.emulator.testsessions import session_link as test_session_link

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.emulator.check_statuses import Statuses
    from airflow_provider_checkly.emulator.checks import Check
    from airflow_provider_checkly.emulator.model import Model, Result, Session, TestSession

PAGES: Final = "/accounts"
CHECK: Final = "/accounts/{accountId}/checks/{checkId}"
CHECK_SESSION: Final = f"{CHECK}/check-sessions/{{sessionId}}"
TEST_SESSION: Final = "/accounts/{accountId}/test-sessions/{sessionId}"
REFRESH_SECONDS: Final = 2
SECURITY: Final = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
STYLE: Final = (
    "body{font:15px system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em}"
    "table{border-collapse:collapse;margin:1em 0}td{white-space:pre-wrap}"
    "td,th{border:1px solid #ccc;padding:.3em .7em;text-align:left;vertical-align:top}"
    ".FAILED,.FAILING,.TIMED_OUT{color:#b00020}.PASSED,.PASSING{color:#0a7d33}"
    ".DEGRADED,.CANCELLED{color:#9a6700}"
)


BUTTONS: Final = (
    '<form method="post">Run it now, with the result: '
    + " ".join(f'<button name="status" value="{word}">{word}</button>' for word in get_args(Status))
    + "</form>"
)


class Link(NamedTuple):
    """A link in a page."""

    text: str
    url: str


Cell: TypeAlias = "str | Link"


class Pages:
    """The pages of an account, at the addresses that the API's documents link to."""

    def __init__(self, model: Model, statuses: Statuses) -> None:
        self._model = model
        self._statuses = statuses

    def routes(self) -> list[web.RouteDef]:
        """Return the pages."""
        return [
            web.get("/", self.overview),
            web.get("/accounts/{accountId}", self.overview),
            web.get(CHECK, self.check),
            web.post(CHECK, self.set_status),
            web.get(CHECK_SESSION, self.check_session),
            web.get(f"{CHECK_SESSION}/results/{{resultId}}", self.check_result),
            web.get(TEST_SESSION, self.test_session),
            web.get(f"{TEST_SESSION}/results/{{resultId}}", self.test_result),
        ]

    async def overview(self, _: web.Request) -> web.Response:
        """Answer with all checks, and all sessions, newest first."""
        now, url = self._model.clock(), self._model.pages_url
        checks = [
            (Link(one.name, f"{url}/checks/{one.id}"), self._status(one), " ".join(one.tags))
            for one in self._model.checks
        ]
        sessions = [
            (Link(one.check.name, session_link(one, url)), one.status(now), _time(one.started_at))
            for one in reversed(self._model.sessions)
        ]
        tests = [
            (Link(one.request.name, test_session_link(one, url)), one.status(now), _time(one.started_at))
            for one in reversed(self._model.test_sessions)
        ]
        header = ("Name", "Status", "Started")
        sections = (
            _section("Checks", ("Name", "Status", "Tags"), checks),
            _section("Check sessions", header, sessions),
            _section("Test sessions", header, tests),
        )
        return _page("Checkly emulator", *sections)

    async def check(self, request: web.Request) -> web.Response:
        """Answer with a check, when it changed, and buttons that set its status."""
        check = find_check(self._model, request)
        facts: list[tuple[str, Cell]] = [
            ("Status", self._status(check)),
            ("Type", check.checkType),
            ("Tags", " ".join(check.tags)),
            ("All checks", Link("overview", self._model.pages_url)),
        ]
        changes = [
            (run.status.upper(), run.location, _time(run.at))
            for run, _ in reversed(self._statuses.changes(check))
        ]
        blocks = (_table((), facts), BUTTONS, _section("Changes", ("Status", "Location", "Time"), changes))
        return _page(check.name, *blocks)

    async def set_status(self, request: web.Request) -> web.Response:
        """Set the status of a check, as its buttons request, and answer with the check."""
        word, check = (await request.post()).get("status"), find_check(self._model, request)
        for status in get_args(Status):
            if status == word:
                self._statuses.set(check, status)
                return web.Response(status=303, headers={"Location": request.path})
        raise Problem(400, f'"status" must be one of {", ".join(get_args(Status))}.')

    def _status(self, check: Check) -> str:
        return self._statuses.word(check).upper() if self._statuses.latest(check) else "never ran"

    async def check_session(self, request: web.Request) -> web.Response:
        """Answer with a check session."""
        session, now = self._session(request), self._model.clock()
        facts = [("Check", session.check.name), ("Type", session.check.checkType)]
        rows = [(session.check, result) for run in session.runs for result in run.progress(now)]
        return self._session_page(session, session.check.name, facts, rows, request.path)

    async def check_result(self, request: web.Request) -> web.Response:
        """Answer with a result of a check session."""
        session, now = self._session(request), self._model.clock()
        rows = [(session.check, result) for run in session.runs for result in run.progress(now)]
        return _result_page(request, rows, session_link(session, self._model.pages_url))

    async def test_session(self, request: web.Request) -> web.Response:
        """Answer with a test session."""
        session, now = self._test_session(request), self._model.clock()
        metadata = [(name, str(value)) for name, value in session.request.metadata.items()]
        rows = [(part.check, result) for part, result in session.progress(now)]
        return self._session_page(session, session.request.name, metadata, rows, request.path)

    async def test_result(self, request: web.Request) -> web.Response:
        """Answer with a result of a test session."""
        session = self._test_session(request)
        rows = [(part.check, result) for part, result in session.progress(self._model.clock())]
        return _result_page(request, rows, test_session_link(session, self._model.pages_url))

    def _session(self, request: web.Request) -> Session:
        session = self._model.find(request.match_info["sessionId"])
        if session is None or session.check.id != request.match_info["checkId"].lower():
            raise Problem(404, "No such check session.")
        return session

    def _test_session(self, request: web.Request) -> TestSession:
        session = self._model.find_test(request.match_info["sessionId"])
        if session is None:
            raise Problem(404, "No such test session.")
        return session

    def _session_page(
        self,
        session: Session | TestSession,
        name: str,
        facts: Sequence[tuple[str, str]],
        rows: Sequence[tuple[Check, Result]],
        path: str,
    ) -> web.Response:
        """Answer with a session; while it runs, the page reloads itself."""
        now = self._model.clock()
        ended = session.is_final(now)
        shown: list[tuple[str, Cell]] = [
            ("Status", session.status(now)),
            *facts,
            ("Started", _time(session.started_at)),
            ("Stopped", _time(session.stopped_at) if ended else "still running"),
            ("All sessions", Link("overview", self._model.pages_url)),
        ]
        header = ("Check", "Location", "Result", "Status", "Response time", "Error")
        table = [
            (
                check.name,
                result.location,
                Link(result.type.lower(), f"{path}/results/{result.id}"),
                _status(result),
                _milliseconds(check, result),
                _error(check, result),
            )
            for check, result in rows
        ]
        blocks = (_table((), shown), _section("Results", header, table))
        return _page(name, *blocks, refresh=not ended)


def _result_page(
    request: web.Request, rows: Iterable[tuple[Check, Result]], session_url: str
) -> web.Response:
    result_id = request.match_info["resultId"].lower()
    for check, result in rows:
        if result.id == result_id:
            return _page(check.name, _result_table(check, result, session_url), refresh=_is_pending(result))
    raise Problem(404, "No such result.")


def _result_table(check: Check, result: Result, session_url: str) -> str:
    shown: list[tuple[str, Cell]] = [
        ("Status", _status(result)),
        ("Type", check.checkType),
        ("Location", result.location),
        ("Result", f"{result.type.lower()}, try {result.number}"),
        ("Started", _time(result.started_at)),
        ("Stopped", "still running" if _is_pending(result) else _time(result.stopped_at)),
        ("Response time", _milliseconds(check, result)),
        ("Error", _error(check, result)),
        ("Files", "\n".join(asset.name for asset in results.assets_of(check, result))),
        ("Session", Link("all results", session_url)),
    ]
    return _table((), shown)


def _is_pending(result: Result) -> bool:
    return result.type == "PENDING"


def _status(result: Result) -> str:
    return test_status(result) if _is_pending(result) else result.outcome.upper()


def _milliseconds(check: Check, result: Result) -> str:
    found = None if _is_pending(result) else results.response_time(check, result)
    return "" if found is None else f"{found} ms"


def _error(check: Check, result: Result) -> str:
    message = None if _is_pending(result) else results.error_message(check, result)
    return results.COLOUR.sub("", message or "")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(" ", "seconds").replace("+00:00", " UTC")


def _page(title: str, *blocks: str, refresh: bool = False) -> web.Response:
    reload = f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">' if refresh else ""
    head = f'<meta charset="utf-8">{reload}<title>{escape(title)}</title><style>{STYLE}</style>'
    body = f"<h1>{escape(title)}</h1>{''.join(blocks)}<p>Shown by the Checkly emulator.</p>"
    text = f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'
    return web.Response(text=text, content_type="text/html", headers=SECURITY)


def _section(title: str, header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    return f"<h2>{escape(title)}</h2>" + (_table(header, rows) if rows else "<p>None.</p>")


def _table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>" if head else f"<table>{body}</table>"


def _cell(cell: Cell) -> str:
    if isinstance(cell, Link):
        return f'<td><a href="{escape(cell.url)}">{escape(cell.text)}</a></td>'
    known = f' class="{cell}"' if cell.isidentifier() and cell.isupper() else ""
    return f"<td{known}>{escape(cell)}</td>"
