"""How a fault is done to a request: the answer it gives, and the ways in which it spoils one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from aiohttp import web

from airflow_provider_checkly.emulator.answers import error_body
from airflow_provider_checkly.emulator.faults import body_bytes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow_provider_checkly.emulator.checks import JSON
    from airflow_provider_checkly.emulator.faults import Fault

    Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

FIRST_ERROR: Final = 400


class Unanswered(web.Response):
    """Stands for an answer that never arrived, since the connection was closed before."""


async def suffer(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a request the way the fault wants it; `handler` is Checkly, which raises nothing."""
    await asyncio.sleep(fault.delay)
    own = await handler(request) if fault.reaches_checkly else web.Response()
    answer = _spoiled(fault, own)
    if fault.drop in ("before", "after"):
        return _hang_up(request)
    if fault.drop == "headers":
        return _half_the_headers(request, answer)
    if fault.drop == "body" or fault.drip:
        return await _slowly(fault, request, answer)
    return answer


def _spoiled(fault: Fault, own: web.StreamResponse) -> web.Response:
    """Mix what the fault says with the answer that Checkly has, if it has one."""
    status = fault.status or own.status
    body, content_type = _body(fault, own)
    headers = {name: text for name, text in own.headers.items() if not name.lower().startswith("content-")}
    headers.update({"Content-Type": content_type} if content_type else {})
    lowered = {name.lower() for name in fault.headers}
    kept = {name: text for name, text in headers.items() if name.lower() not in lowered}
    return web.Response(status=status, body=body, headers={**kept, **fault.headers})


def _body(fault: Fault, own: web.StreamResponse) -> tuple[bytes, str]:
    """Give the body and its content type."""
    if fault.body is not None:
        text = isinstance(fault.body, str)
        return body_bytes(fault.body), "text/plain; charset=utf-8" if text else "application/json"
    if fault.status is not None and fault.status >= FIRST_ERROR:
        error: JSON = error_body(fault.status)
        return body_bytes(error), "application/json; charset=utf-8"
    raw = own.body if isinstance(own, web.Response) else None
    return (raw, own.headers.get("Content-Type", "")) if isinstance(raw, bytes) else (b"", "")


def _hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection; what was written so far still goes out."""
    _transport(request).close()
    return Unanswered()


def _half_the_headers(request: web.Request, answer: web.Response) -> web.StreamResponse:
    head = f"HTTP/1.1 {answer.status} {answer.reason}\r\nContent-Type: application/json\r\nContent-Le"
    _transport(request).write(head.encode())
    return _hang_up(request)


def _transport(request: web.Request) -> asyncio.Transport:
    """Give the connection; it is there, since a client that leaves cancels its request at once."""
    return cast("asyncio.Transport", request.transport)


async def _slowly(fault: Fault, request: web.Request, answer: web.Response) -> web.StreamResponse:
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
