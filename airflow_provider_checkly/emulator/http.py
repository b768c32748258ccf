"""JSON over HTTP: check values, read bodies and queries, answer errors, hold long polls."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime
from http.client import responses
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

STILL_RUNNING: Final = (
    "{} is still in progress, but maximum per-request wait time was exceeded. Please retry."
)
# Messages of errors that say no more, as in the examples of Checkly's OpenAPI document.
MESSAGES: Final = {401: "Bad Token", 408: STILL_RUNNING.format("Check session")}
NAMES: Final = {408: "Request Time-out"}
# When checks and locations were made.
CREATED_AT: Final = "2025-01-01T00:00:00.000Z"
NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
FLAGS: Final = {"true": True, "false": False}


class Problem(Exception):
    """An error answer; `more` holds fields beyond the documented ones."""

    def __init__(
        self,
        status: int,
        message: str | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, JSON] | None = None,
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def response(self) -> web.Response:
        """Return the answer."""
        body = {**error_body(self.status, self.message), **self.more}
        return web.json_response(body, status=self.status, headers=self.headers)


def error_body(status: int, message: str | None = None) -> dict[str, JSON]:
    """Return the documented body of an error: `{"statusCode": 404, "error": "Not Found", "message": ...}`."""
    name = NAMES.get(status) or responses.get(status, "Unknown")
    return {"statusCode": status, "error": name, "message": message or MESSAGES.get(status, name)}


def timestamp(seconds: float) -> str:
    """Return Unix seconds the way Checkly writes them: `2025-08-28T18:23:40.262Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_uuid(value: object) -> bool:
    """Return whether a value is a UUID in its usual form (hex digits in groups of 8-4-4-4-12)."""
    if not isinstance(value, str) or len(value) != len("00000000-0000-0000-0000-000000000000"):
        return False
    try:
        return str(UUID(value)) == value.lower()
    except ValueError:
        return False


def is_text(value: object) -> bool:
    """Return whether a value is a string that is not empty."""
    return isinstance(value, str) and bool(value)


def is_number(value: object, lowest: float = 0, highest: float = math.inf) -> bool:
    """Return whether a value is a number within bounds; booleans and NaN are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and lowest <= value <= highest


def is_whole(value: object, lowest: float = 0, highest: float = math.inf) -> bool:
    """Return whether a value is an integer within bounds; booleans are not."""
    return isinstance(value, int) and is_number(value, lowest, highest)


async def read_json(request: web.Request) -> JSON:
    """Read the body of a request: None if it is empty, a 400 if it is not JSON."""
    body = await request.read()
    try:
        return json.loads(body) if body.strip() else None
    except ValueError:
        raise Problem(400, "Invalid request payload JSON format") from None


async def read_fields(request: web.Request) -> Fields:
    """Read the object in the body of a request; no body is an empty object."""
    body = await read_json(request)
    return Fields({} if body is None else body)


def read_id(request: web.Request, name: str) -> str:
    """Read a UUID in a path."""
    found = request.match_info[name]
    if not is_uuid(found):
        raise Problem(400, f'"{name}" must be a valid GUID.')
    return found.lower()


class Fields:
    """The fields of an object in a request body; a wrong one raises the 400 that names it."""

    def __init__(self, value: JSON, name: str = "") -> None:
        if not isinstance(value, dict):
            raise Problem(
                400, f'"{name}" must be an object.' if name else "The request body must be an object."
            )
        self.values = value
        self._name = name

    def required(self, name: str) -> JSON:
        """Return a value of any type that must be there."""
        if name not in self.values:
            raise Problem(400, f'"{self.path(name)}" is required.')
        return self.values[name]

    def required_text(self, name: str) -> str:
        """Return a string that must be there and must not be empty."""
        value = self.required(name)
        if not isinstance(value, str) or not value:
            raise self.bad(name, "be a string that is not empty")
        return value

    def text(self, name: str) -> str | None:
        """Return a string, which may be empty, null or absent."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise self.bad(name, "be a string")
        return value

    def flag(self, name: str, *, required: bool = False) -> bool:
        """Return a boolean, false if it is absent."""
        value = self.required(name) if required else self.values.get(name, False)
        if not isinstance(value, bool):
            raise self.bad(name, "be a boolean")
        return value

    def number(
        self, name: str, default: float, lowest: float = -math.inf, highest: float = math.inf
    ) -> float:
        """Return a number within bounds."""
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
            bounds = "" if -lowest == highest == math.inf else f" from {lowest} to {highest}"
            raise self.bad(name, f"be a number{bounds}")
        return value

    def word(self, name: str, words: Sequence[str]) -> str:
        """Return one of several words, which must be there."""
        value = self.required(name)
        if not isinstance(value, str) or value not in words:
            raise self.bad(name, f"be one of [{', '.join(words)}]")
        return value

    def items(self, name: str, highest: float = math.inf) -> list[JSON]:
        """Return an array, an empty one if it is absent."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or len(value) > highest:
            raise self.bad(name, f"be an array of up to {highest}")
        return value

    def inner(self, name: str) -> Fields | None:
        """Return the fields of an inner object."""
        return Fields(self.values[name], self.path(name)) if name in self.values else None

    def path(self, name: str) -> str:
        """Return the full name of a field, as in `metadata.commitId`."""
        return f"{self._name}.{name}" if self._name else name

    def bad(self, name: str, wanted: str) -> Problem:
        """Return the 400 that says what a field must be."""
        return Problem(400, f'"{self.path(name)}" must {wanted}.')


class Query:
    """The query of a request; a wrong parameter raises the 400 that names it.

    Lists come as `a=1&a=2` or `a[]=1&a[]=2`.
    """

    def __init__(self, request: web.Request) -> None:
        self._query = request.query

    def texts(self, name: str, words: Sequence[str] = ()) -> list[str]:
        """Return a list; `words` are the allowed values, empty for any."""
        found = [*self._query.getall(name, ()), *self._query.getall(f"{name}[]", ())]
        if words and not set(found) <= set(words):
            raise Problem(400, f'"{name}" must be one of [{", ".join(words)}].')
        return found

    def text(self, name: str, shortest: int = 0, longest: float = math.inf) -> str | None:
        """Return a string of a certain length, in characters."""
        found = self._query.get(name)
        if found is not None and not shortest <= len(found) <= longest:
            raise Problem(400, f'"{name}" must have {shortest} to {longest} characters.')
        return found

    def word(self, name: str, words: Sequence[str]) -> str | None:
        """Return one of several words."""
        found = self.texts(name, words)
        return found[0] if found else None

    def flag(self, name: str) -> bool | None:
        """Return `true` or `false`."""
        found = self.word(name, tuple(FLAGS))
        return None if found is None else FLAGS[found]

    def number(self, name: str) -> float | None:
        """Return a number."""
        found = self._query.get(name)
        if found is not None and not NUMBER.fullmatch(found):
            raise Problem(400, f'"{name}" must be a number.')
        return None if found is None else float(found)

    def whole(self, name: str, default: int, highest: float = math.inf) -> int:
        """Return a whole number from 1 up, which may be written as `1.0`; an empty value is the default."""
        text = self._query.get(name) or str(default)
        found = float(text) if NUMBER.fullmatch(text) else math.nan
        if not (1 <= found <= highest and found.is_integer()):
            raise Problem(400, f'"{name}" must be an integer from 1 to {highest}.')
        return int(found)

    def between(self) -> tuple[float, float]:
        """Return the bounds `from` and `to`, in Unix seconds."""
        since, until = self.number("from"), self.number("to")
        return -math.inf if since is None else since, math.inf if until is None else until

    def page(self) -> slice:
        """Return the part of a list that `limit` (10 if it is absent) and `page` ask for."""
        limit = self.whole("limit", 10, 100)
        start = (self.whole("page", 1) - 1) * limit
        return slice(start, start + limit)

    def older(self, ids: Sequence[str]) -> int:
        """Return where in a list of ids the page begins that the cursor `nextId` asks for."""
        cursor = self.text("nextId", 1)
        if cursor is not None and cursor not in ids:
            raise Problem(400, '"nextId" must be a cursor of an earlier answer.')
        return 0 if cursor is None else ids.index(cursor) + 1


class LongPolls:
    """Requests that are held until a session ends.

    `retry_after` is the header of a 408 in seconds (None: no header), `what` is its name for a session.
    """

    def __init__(self, retry_after: int | None, what: str) -> None:
        self._headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._message = STILL_RUNNING.format(what)
        self._woken: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def hold(self, session_id: str, seconds: float, seconds_left: Callable[[], float]) -> None:
        """Return once the session has ended; raise a 408 after `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        while seconds_left() > 0:
            wait = deadline - asyncio.get_running_loop().time()
            if wait <= 0:
                raise Problem(408, self._message, headers=self._headers)
            await self._sleep(session_id, min(wait, seconds_left()))

    def wake(self, session_id: str) -> None:
        """Let the requests of a session look again: it may have ended sooner."""
        self._woken.pop(session_id, asyncio.Event()).set()

    async def _sleep(self, session_id: str, seconds: float) -> None:
        """Sleep until woken or until the time is up: a single timer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken[session_id].wait()


HOUR: Final = 3600
DAY: Final = 24 * HOUR
ALERT_HOURS: Final = 6
# How long the preset windows of a report are; none of them is cut at calendar days here.
QUICK_RANGES: Final = {
    "last24Hrs": DAY,
    "last7Days": 7 * DAY,
    "last30Days": 30 * DAY,
    "thisWeek": 7 * DAY,
    "thisMonth": 30 * DAY,
    "lastWeek": 7 * DAY,
    "lastMonth": 30 * DAY,
}


def alert_window(query: Query, now: float) -> tuple[float, float]:
    """Return the window of alerts in Unix seconds: at most 6 hours, the last 6 if neither end is given."""
    longest = ALERT_HOURS * HOUR
    since, until = query.number("from"), query.number("to")
    if until is None:
        until = now if since is None else since + longest
    since = until - longest if since is None else since
    if until - since > longest:
        raise Problem(400, f'"from" and "to" must be at most {ALERT_HOURS} hours apart.')
    return since, until


def report_window(query: Query, now: float) -> tuple[float, float]:
    """Return the window of a report in Unix seconds; `from` and `to` replace the preset one."""
    seconds = QUICK_RANGES[query.word("quickRange", [*QUICK_RANGES]) or "last24Hrs"]
    since, until = query.number("from"), query.number("to")
    until = now if until is None else until
    return until - seconds if since is None else since, until
