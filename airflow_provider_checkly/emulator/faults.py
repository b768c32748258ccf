"""Faults on demand: wrong, late or missing answers for the requests that match."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypedDict, cast, get_args

from aiohttp import web

from airflow_provider_checkly.emulator.http import JSON, error_body, is_number, is_whole

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

Drop: TypeAlias = Literal["before", "headers", "body", "after"]
FIRST_ERROR_STATUS: Final = 400


class FaultFields(TypedDict, total=False):
    """The fields of a fault; see Fault."""

    method: str | None
    path: str
    status: int | None
    headers: Mapping[str, str]
    delay: float
    drop: Drop | bool | None
    body: JSON
    times: int | None
    processed: bool
    drip: float


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with which requests; bad values raise ValueError.

    `method` and `path` select the requests (any method if None; `path` is a regular expression searched for
    in the path), the first `times` of them (None: all). Seconds: `delay` before anything happens, `drip`
    between the bytes of the body. `status` answers instead of Checkly, with the documented error body unless
    `body` (a text is sent as it is, anything else as JSON) is given; with `processed` Checkly acts on the
    request all the same. Without `status`, Checkly acts and answers, and `headers` and `body` replace its
    own. `drop` closes the connection without an answer, `before` Checkly acts (also: true) or `after` it has,
    or half-way through the `headers` or the `body`.
    """

    method: str | None = None
    path: str = ""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: Drop | bool | None = None
    body: JSON = None
    times: int | None = 1
    processed: bool = False
    drip: float = 0.0

    def __post_init__(self) -> None:
        for name, (is_good, wanted) in RULES.items():
            if not is_good(getattr(self, name)):
                raise ValueError(f'"{name}" must be {wanted}.')
        if self.drop in (True, False):
            object.__setattr__(self, "drop", "before" if self.drop else None)

    @property
    def reaches_checkly(self) -> bool:
        """Return whether Checkly acts on the request."""
        return self.processed or self.drop == "after" or (self.status is None and self.drop != "before")

    def matches(self, method: str, path: str) -> bool:
        """Return whether it is meant for such a request."""
        return self.method in (None, method) and re.search(self.path, path) is not None


def _is_pattern(value: object) -> bool:
    try:
        return isinstance(value, str) and re.compile(value) is not None
    except re.error:
        return False


def _is_headers(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)


# What each field of a fault must be.
RULES: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "method": (lambda value: value is None or isinstance(value, str), "a method such as GET"),
    "path": (_is_pattern, "a regular expression"),
    "status": (lambda value: value is None or is_whole(value, 200, 599), "a status from 200 to 599"),
    "headers": (_is_headers, "an object of texts"),
    "delay": (is_number, "a number of seconds"),
    "drop": (lambda value: value in (None, True, False, *get_args(Drop)), "before, headers, body or after"),
    "times": (lambda value: value is None or is_whole(value, 1), "a number from 1, or null"),
    "processed": (lambda value: isinstance(value, bool), "true or false"),
    "drip": (is_number, "a number of seconds"),
}


def parse_fault(fields: JSON) -> Fault:
    """Return a fault read from JSON; bad values raise ValueError."""
    if not isinstance(fields, dict):
        raise ValueError("A fault is an object.")  # noqa: TRY004 - one kind of error, whatever is wrong
    unknown = set(fields) - set(FaultFields.__annotations__)
    if unknown:
        raise ValueError(f"A fault has no {', '.join(sorted(unknown))}.")
    return Fault(**fields)  # type: ignore[arg-type]  # Fault looks at each value itself


def fault_json(fault: Fault) -> dict[str, JSON]:
    """Return a fault as JSON."""
    return asdict(fault)


class Faults:
    """The queue of faults, first come, first served; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Append a fault."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def copy(self) -> list[Fault]:
        """Return the faults, with the `times` that are left."""
        with self._lock:
            return list(self._faults)

    def take(self, method: str, path: str) -> Fault | None:
        """Use up one turn of the first fault that is meant for such a request, and return it."""
        with self._lock:
            for number, fault in enumerate(self._faults):
                if fault.matches(method, path):
                    self._faults[number : number + 1] = _left(fault)
                    return fault
        return None


def _left(fault: Fault) -> list[Fault]:
    if fault.times is None:
        return [fault]
    return [replace(fault, times=fault.times - 1)] if fault.times > 1 else []


class Unanswered(web.Response):
    """An answer that never arrived, because the connection was closed before it."""


async def apply_fault(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a request as the fault says; `handler` is Checkly, which raises nothing."""
    await asyncio.sleep(fault.delay)
    own = await handler(request) if fault.reaches_checkly else web.Response()
    answer = _changed(fault, own)
    if fault.drop in ("before", "after"):
        return _hang_up(request)
    if fault.drop == "headers":
        return _cut_headers(request, answer)
    if fault.drop == "body" or fault.drip:
        return await _slow_body(fault, request, answer)
    return answer


def _changed(fault: Fault, own: web.StreamResponse) -> web.Response:
    """Return Checkly's own answer with what the fault replaces in it."""
    status = fault.status or own.status
    body, content_type = _body(fault, own)
    headers = {name: text for name, text in own.headers.items() if not name.lower().startswith("content-")}
    headers.update({"Content-Type": content_type} if content_type else {})
    replaced = {name.lower() for name in fault.headers}
    kept = {name: text for name, text in headers.items() if name.lower() not in replaced}
    return web.Response(status=status, body=body, headers={**kept, **fault.headers})


def _body(fault: Fault, own: web.StreamResponse) -> tuple[bytes, str]:
    """Return the body and its content type."""
    if isinstance(fault.body, str):
        return fault.body.encode(), "text/plain; charset=utf-8"
    if fault.body is not None:
        return json.dumps(fault.body).encode(), "application/json"
    if fault.status is not None and fault.status >= FIRST_ERROR_STATUS:
        return json.dumps(error_body(fault.status)).encode(), "application/json; charset=utf-8"
    raw = own.body if isinstance(own, web.Response) else None
    return (raw, own.headers.get("Content-Type", "")) if isinstance(raw, bytes) else (b"", "")


def _hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection; what was written so far still goes out."""
    _transport(request).close()
    return Unanswered()


def _cut_headers(request: web.Request, answer: web.Response) -> web.StreamResponse:
    head = f"HTTP/1.1 {answer.status} {answer.reason}\r\nContent-Type: application/json\r\nContent-Le"
    _transport(request).write(head.encode())
    return _hang_up(request)


def _transport(request: web.Request) -> asyncio.Transport:
    """Return the connection; it is there, since a client that leaves cancels its request at once."""
    return cast("asyncio.Transport", request.transport)


async def _slow_body(fault: Fault, request: web.Request, answer: web.Response) -> web.StreamResponse:
    """Send the body in pieces, or half of it although Content-Length says more."""
    body = bytes(answer.body) if isinstance(answer.body, bytes) else b""
    stream = web.StreamResponse(status=answer.status, headers=answer.headers)
    stream.content_length = len(body)
    await stream.prepare(request)
    sent = body[: len(body) // 2] if fault.drop == "body" else body
    for start in range(0, len(sent), 1 if fault.drip else max(len(sent), 1)):
        await stream.write(sent[start : start + 1] if fault.drip else sent)
        await asyncio.sleep(fault.drip)
    if fault.drop == "body":
        _hang_up(request)
    return stream
