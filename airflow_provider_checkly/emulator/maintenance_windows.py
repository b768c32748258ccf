"""Maintenance windows: create, list, find, update, delete; while one is open, it silences alerts."""

from __future__ import annotations

import itertools
import operator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final
from zoneinfo import available_timezones

from aiohttp import web

from airflow_provider_checkly.emulator.http import Fields, Problem, Query, read_json, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_checkly.emulator.checks import Check
    from airflow_provider_checkly.emulator.http import JSON

PATH: Final = "/v1/maintenance-windows"
REPEAT_UNITS: Final = ("DAY", "WEEK", "MONTH")
MAX_NAME: Final = 200
MAX_DESCRIPTION: Final = 2000
MAX_REPEAT: Final = 365
COMPARISONS: Final = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


@dataclass(frozen=True)
class Window:
    """A maintenance window as it was from `valid_from` to `valid_until`, in Unix seconds, like all times."""

    id: int
    values: dict[str, JSON]
    starts_at: float
    ends_at: float
    created_at: float
    valid_from: float
    valid_until: float | None = None

    def is_open(self, at: float) -> bool:
        """Return whether it was in force, as far as it was known then."""
        known = self.valid_from <= at and (self.valid_until is None or at < self.valid_until)
        return known and self.starts_at <= at < self.ends_at


class MaintenanceWindows:
    """The endpoints of maintenance windows, and what the windows do.

    `repeatUnit` may be omitted, as the official clients do for a window that does not repeat, although the
    OpenAPI document requires it. Windows silence alerts; they neither pause timelines of checks nor show on
    status pages, and they do not repeat.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._versions: list[Window] = []
        self._ids = itertools.count(1)

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.post(PATH, self.create),
            web.get(PATH, self.list_all),
            web.get(f"{PATH}/{{id}}", self.find),
            web.put(f"{PATH}/{{id}}", self.update),
            web.delete(f"{PATH}/{{id}}", self.delete),
        ]

    def silences(self, check: Check, at: float) -> bool:
        """Return whether an open window kept alerts of a check silent at that moment."""
        tags = {*check.tags, *check.groupTags}
        return any(
            window.is_open(at)
            and (window.values["silenceAllAlerts"] or tags.intersection(_texts(window, "silenceAlertsTags")))
            for window in self._versions
        )

    async def create(self, request: web.Request) -> web.Response:
        """Create a maintenance window."""
        now = self._clock()
        window = _read(Fields(await read_json(request)), Window(next(self._ids), {}, now, now, now, now))
        self._versions.append(window)
        return web.json_response(window_json(window), status=201)

    async def list_all(self, request: web.Request) -> web.Response:
        """Answer with the maintenance windows, a page at a time."""
        query = Query(request)
        filters = _filters(query)
        found = [window for window in self._current() if all(matches(window) for matches in filters)]
        return web.json_response([window_json(window) for window in found[query.page()]])

    async def find(self, request: web.Request) -> web.Response:
        """Answer with a maintenance window."""
        return web.json_response(window_json(self._found(request)))

    async def update(self, request: web.Request) -> web.Response:
        """Change the given fields of a maintenance window."""
        fields, window = Fields(await read_json(request)), self._found(request)
        changed = _read(fields, replace(window, valid_from=self._clock()))
        self._close(window, changed)
        return web.json_response(window_json(changed))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a maintenance window, and end it with that."""
        self._close(self._found(request))
        return web.Response(status=204)

    def _current(self) -> list[Window]:
        return [window for window in self._versions if window.valid_until is None]

    def _found(self, request: web.Request) -> Window:
        text = request.match_info["id"]
        if not (text.isascii() and text.isdigit() and int(text)):
            raise Problem(400, '"id" must be a positive number.')
        for window in self._current():
            if window.id == int(text):
                return window
        raise Problem(404)

    def _close(self, window: Window, *successors: Window) -> None:
        closed = replace(window, valid_until=self._clock())
        others = [one for one in self._versions if one is not window]
        self._versions = sorted((*others, closed, *successors), key=lambda one: one.id)


def _texts(window: Window, name: str) -> set[str]:
    found = window.values[name]
    return {str(one) for one in found} if isinstance(found, list) else set()


def _read(fields: Fields, window: Window) -> Window:
    """Return a window with the given fields changed; whatever is wrong is a 400."""
    for name in ("name", "startsAt", "endsAt"):
        if not window.values or name in fields.values:
            fields.required_text(name)
    values = {**DEFAULTS, **window.values, **{name: fields.values[name] for name in _known(fields)}}
    starts_at = _moment(fields, "startsAt", window.starts_at)
    ends_at = _moment(fields, "endsAt", window.ends_at)
    if ends_at <= starts_at:
        raise fields.bad("endsAt", "be later than startsAt")
    return replace(window, values=values, starts_at=starts_at, ends_at=ends_at)


# The fields that may be left out; startsAt and endsAt are kept as moments.
DEFAULTS: Final[dict[str, JSON]] = {
    "tags": [],
    "repeatInterval": None,
    "repeatUnit": None,
    "repeatEndsAt": None,
    "timezone": None,
    "description": None,
    "pauseAllChecks": False,
    "silenceAlertsTags": [],
    "silenceAllAlerts": False,
}


def _known(fields: Fields) -> set[str]:
    """Check the given fields, and return their names."""
    for name, longest in (("name", MAX_NAME), ("description", MAX_DESCRIPTION)):
        if len(fields.text(name) or "") > longest:
            raise fields.bad(name, f"have up to {longest} characters")
    for name in ("tags", "silenceAlertsTags"):
        if not all(isinstance(tag, str) for tag in fields.items(name)):
            raise fields.bad(name, "be an array of strings")
    for name in ("pauseAllChecks", "silenceAllAlerts"):
        fields.flag(name)
    if fields.values.get("repeatUnit") is not None:
        fields.word("repeatUnit", REPEAT_UNITS)
    if (
        fields.values.get("repeatInterval") is not None
        and fields.number("repeatInterval", 1, 1, MAX_REPEAT) % 1
    ):
        raise fields.bad("repeatInterval", "be an integer")
    if fields.values.get("repeatEndsAt") is not None:
        _moment(fields, "repeatEndsAt", 0)
    zone = fields.text("timezone")
    if zone is not None and zone not in available_timezones():
        raise fields.bad("timezone", "be a named IANA time zone")
    return fields.values.keys() & {"name", *DEFAULTS}


def _moment(fields: Fields, name: str, default: float) -> float:
    """Return a date or a time as Unix seconds; without a zone it is UTC."""
    text = fields.text(name)
    if text is None:
        return default
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise fields.bad(name, "be a date in ISO 8601 format") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _filters(query: Query) -> list[Callable[[Window], bool]]:
    """Return the filters of a query such as `startsAt[gte]=2026-01-01`."""
    fields = {"startsAt": operator.attrgetter("starts_at"), "endsAt": operator.attrgetter("ends_at")}
    return [
        partial(_compare, compare, read, _moment(Fields({name: text}), name, 0))
        for name, read in fields.items()
        for word, compare in COMPARISONS.items()
        if (text := query.text(f"{name}[{word}]")) is not None
    ]


def _compare(
    compare: Callable[[float, float], bool], read: Callable[[Window], float], limit: float, window: Window
) -> bool:
    return compare(read(window), limit)


def window_json(window: Window) -> dict[str, JSON]:
    """Return a maintenance window (schema MaintenanceWindow)."""
    changed = window.valid_from > window.created_at
    return {
        "id": window.id,
        **window.values,
        "startsAt": timestamp(window.starts_at),
        "endsAt": timestamp(window.ends_at),
        "created_at": timestamp(window.created_at),
        "updated_at": timestamp(window.valid_from) if changed else None,
    }
