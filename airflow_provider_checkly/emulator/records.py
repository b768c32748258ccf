"""What the emulator was asked: one plain record per request, kept for tests and logged on demand."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohttp import web

    from airflow_provider_checkly.emulator.checks import JSON

MASK: Final = "***"


@dataclass(frozen=True)
class Record:
    """One request, as it came and how it went.

    `query` joins repeated names with commas; `headers` have lower-case names and no value of `authorization`;
    `body` is JSON, else text, None when empty, and has no value of a secret environment variable. `at` is in
    Unix seconds. `seconds` is how long it was held, None while it still is. `status` is None while it is
    held, and for ever if the connection ended without an answer.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: JSON
    at: float
    status: int | None = None
    seconds: float | None = None


def read_record(request: web.Request, body: bytes) -> Record:
    """Note a request that has just come in."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    if "authorization" in headers:
        headers["authorization"] = MASK
    query = {name: ",".join(request.query.getall(name)) for name in request.query}
    return Record(request.method, request.path, query, headers, _readable(body), time.time())


def _readable(body: bytes) -> JSON:
    try:
        return _masked(json.loads(body)) if body else None
    except ValueError:
        return body.decode(errors="replace")


def _masked(body: JSON) -> JSON:
    """Hide the values of secret variables: whatever is not plainly said to be no secret is one."""
    variables = body.get("environmentVariables") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(variables, list):
        return body
    shown: list[JSON] = [
        {**entry, "value": MASK}
        if isinstance(entry, dict) and entry.get("secret", False) is not False
        else entry
        for entry in variables
    ]
    return {**body, "environmentVariables": shown}


class Records:
    """The requests so far, oldest first; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[int, Record] = {}
        self._next = 0

    def open(self, record: Record) -> int:
        """Keep a request that has come in, and give the number under which to close it."""
        with self._lock:
            self._next += 1
            self._records[self._next] = record
            return self._next

    def close(self, number: int, record: Record, status: int | None) -> Record:
        """Note how a request ended, unless it was cleared away meanwhile."""
        closed = replace(record, status=status, seconds=round(time.time() - record.at, 6))
        with self._lock:
            if number in self._records:
                self._records[number] = closed
        return closed

    def copy(self) -> list[Record]:
        """List the requests so far."""
        with self._lock:
            return list(self._records.values())

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._records.clear()


def record_json(record: Record) -> dict[str, JSON]:
    """Show a record as JSON."""
    return asdict(record)


def log_line(record: Record) -> str:
    """Write a record as one line of JSON: no header, no body, no key."""
    names = ("at", "method", "path", "query", "status", "seconds")
    return json.dumps({name: getattr(record, name) for name in names})
