"""The controls under `/_emulator/`: faults to come, and a record of every request so far."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from aiohttp import web

from airflow_provider_checkly.emulator.faults import Faults, fault_json, parse_fault
from airflow_provider_checkly.emulator.http import Problem, read_json

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.http import JSON

CONTROLS: Final = "/_emulator/"
MASK: Final = "***"


@dataclass(frozen=True)
class Record:
    """A request as it came, and how it went.

    `query` joins repeated names with commas; `headers` have lower-case names, with the value of
    `authorization` masked; `body` is JSON, else text, None when empty, with the values of secret environment
    variables masked. `at` is in Unix seconds. `seconds` is how long it was held, None while it still is.
    `status` is None while it is held, and stays None if the connection ended without an answer.
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
    """Return the record of a request that has just come in."""
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
    """Mask the values of secret variables: every variable that is not plainly marked as public."""
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
    """The records of the requests so far, oldest first; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[int, Record] = {}
        self._next = 0

    def open(self, record: Record) -> int:
        """Add a request that has come in; return the number under which to close it."""
        with self._lock:
            self._next += 1
            self._records[self._next] = record
            return self._next

    def close(self, number: int, record: Record, status: int | None) -> Record:
        """Record how a request ended, unless it was cleared meanwhile; return the closed record."""
        closed = replace(record, status=status, seconds=round(time.time() - record.at, 6))
        with self._lock:
            if number in self._records:
                self._records[number] = closed
        return closed

    def copy(self) -> list[Record]:
        """Return the records."""
        with self._lock:
            return list(self._records.values())

    def clear(self) -> None:
        """Remove all records."""
        with self._lock:
            self._records.clear()


def record_json(record: Record) -> dict[str, JSON]:
    """Return a record as JSON."""
    return asdict(record)


def log_line(record: Record) -> str:
    """Return a record as one line of JSON, without headers and body."""
    names = ("at", "method", "path", "query", "status", "seconds")
    return json.dumps({name: getattr(record, name) for name in names})


class Controls:
    """The endpoints under `/_emulator/`, which need no key and are neither recorded nor limited."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.records = Records()

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.post("/_emulator/faults", self.add_fault),
            web.get("/_emulator/faults", self.list_faults),
            web.delete("/_emulator/faults", self.clear_faults),
            web.get("/_emulator/requests", self.list_requests),
            web.delete("/_emulator/requests", self.clear_requests),
        ]

    async def add_fault(self, request: web.Request) -> web.Response:
        """Add a fault."""
        try:
            fault = parse_fault(await read_json(request))
        except ValueError as problem:
            raise Problem(400, str(problem)) from None
        self.faults.add(fault)
        return web.json_response(fault_json(fault), status=201)

    async def list_faults(self, _: web.Request) -> web.Response:
        """Answer with the faults that are left."""
        return web.json_response([fault_json(fault) for fault in self.faults.copy()])

    async def clear_faults(self, _: web.Request) -> web.Response:
        """Remove all faults."""
        self.faults.clear()
        return web.Response(status=204)

    async def list_requests(self, _: web.Request) -> web.Response:
        """Answer with the records of the requests so far."""
        return web.json_response([record_json(record) for record in self.records.copy()])

    async def clear_requests(self, _: web.Request) -> web.Response:
        """Remove all records."""
        self.records.clear()
        return web.Response(status=204)
