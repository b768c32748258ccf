"""The emulator as a web application: who sees a request in which order, and the `/_emulator` controls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from airflow_provider_checkly.emulator.answers import Problem, read_json
from airflow_provider_checkly.emulator.faults import Faults, fault_json, parse_fault
from airflow_provider_checkly.emulator.heartbeats import PINGS
from airflow_provider_checkly.emulator.mischief import Unanswered, suffer
from airflow_provider_checkly.emulator.records import Record, Records, read_record, record_json

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable, Sequence

    from airflow_provider_checkly.emulator.accounts import Accounts
    from airflow_provider_checkly.emulator.limits import RateLimit
    from airflow_provider_checkly.emulator.mischief import Handler

CONTROLS: Final = "/_emulator/"
# So many clients may knock in the same instant.
BACKLOG: Final = 4096
# How long the end waits for answers under way; aiohttp takes 0 for "for ever".
PATIENCE_SECONDS: Final = 0.01
LARGEST_BODY: Final = 64 * 1024 * 1024


class Server:
    """Puts the resources behind one door: record, then fault, then key and account, then rate limit.

    `log` is called with every finished request.
    """

    def __init__(
        self,
        accounts: Accounts,
        limit: RateLimit,
        routes: Sequence[web.RouteDef],
        log: Callable[[Record], None] | None = None,
    ) -> None:
        self.faults = Faults()
        self.records = Records()
        self._accounts = accounts
        self._limit = limit
        self._routes = [*accounts.routes(), *routes, *self._controls()]
        self._log = log

    async def serve(self, listener: socket.socket, ready: Callable[[], None], stop: asyncio.Event) -> None:
        """Answer on that socket until told to stop; requests that are held then are cut off."""
        runner = web.AppRunner(
            self._application(), access_log=None, handler_cancellation=True, shutdown_timeout=PATIENCE_SECONDS
        )
        await runner.setup()
        await web.SockSite(runner, listener, backlog=BACKLOG).start()
        ready()
        await stop.wait()
        await runner.cleanup()

    def _application(self) -> web.Application:
        middlewares = (self._record, self._spoil, self._explain, self._admit)
        application = web.Application(middlewares=middlewares, client_max_size=LARGEST_BODY)
        application.add_routes(self._routes)
        return application

    @web.middleware
    async def _record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(CONTROLS):
            return await _explained(request, handler)
        record = read_record(request, await request.read())
        number = self.records.open(record)
        status = None
        try:
            response = await handler(request)
            status = None if isinstance(response, Unanswered) else response.status
        finally:
            closed = self.records.close(number, record, status)
            if self._log:
                self._log(closed)
        return response

    @web.middleware
    async def _spoil(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = None if _is_control(request) else self.faults.take(request.method, request.path)
        return await suffer(fault, request, handler) if fault else await handler(request)

    @web.middleware
    async def _explain(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        return await _explained(request, handler)

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _is_control(request) and not request.path.startswith(PINGS):
            self._accounts.admit(request)
            self._limit.take()
        return await handler(request)

    def _controls(self) -> list[web.RouteDef]:
        return [
            web.post("/_emulator/faults", self._add_fault),
            web.get("/_emulator/faults", self._list_faults),
            web.delete("/_emulator/faults", self._clear_faults),
            web.get("/_emulator/requests", self._list_requests),
            web.delete("/_emulator/requests", self._clear_requests),
        ]

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = parse_fault(await read_json(request))
        except ValueError as problem:
            raise Problem(400, str(problem)) from None
        self.faults.add(fault)
        return web.json_response(fault_json(fault), status=201)

    async def _list_faults(self, _: web.Request) -> web.Response:
        return web.json_response([fault_json(fault) for fault in self.faults.copy()])

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self.faults.clear()
        return web.Response(status=204)

    async def _list_requests(self, _: web.Request) -> web.Response:
        return web.json_response([record_json(record) for record in self.records.copy()])

    async def _clear_requests(self, _: web.Request) -> web.Response:
        self.records.clear()
        return web.Response(status=204)


def _is_control(request: web.Request) -> bool:
    return request.path.startswith(CONTROLS)


async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into answers; a path or method that nobody serves is a 404, as at Checkly."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return Problem(404).response()
