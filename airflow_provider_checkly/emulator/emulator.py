"""The emulator as a web application in a thread of its own, for tests and for the command line."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final, Self, get_args

from aiohttp import web

from airflow_provider_checkly.emulator.accounts import DEFAULT_LOCATION, Accounts, Locations
from airflow_provider_checkly.emulator.check_routes import PINGS, CheckResults, Checks, Heartbeats
from airflow_provider_checkly.emulator.check_sessions import CheckSessions
from airflow_provider_checkly.emulator.check_statuses import CheckStatuses, Statuses
from airflow_provider_checkly.emulator.checks import Status
from airflow_provider_checkly.emulator.controls import CONTROLS, Controls, read_record
from airflow_provider_checkly.emulator.default_checks import DEFAULT_CHECKS
from airflow_provider_checkly.emulator.error_groups import ErrorGroupRoutes, ErrorGroups
from airflow_provider_checkly.emulator.faults import Fault, Unanswered, apply_fault
from airflow_provider_checkly.emulator.http import Problem
from airflow_provider_checkly.emulator.maintenance_windows import MaintenanceWindows
from airflow_provider_checkly.emulator.model import Model
from airflow_provider_checkly.emulator.pages import PAGES, Pages
from airflow_provider_checkly.emulator.testsessions import TestSessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Unpack

    from airflow_provider_checkly.emulator.accounts import Role
    from airflow_provider_checkly.emulator.check_routes import Ping
    from airflow_provider_checkly.emulator.checks import Check
    from airflow_provider_checkly.emulator.controls import Record
    from airflow_provider_checkly.emulator.faults import FaultFields, Handler
    from airflow_provider_checkly.emulator.model import Session, TestSession

HOST: Final = "127.0.0.1"
WITHOUT_KEY: Final = (PINGS, PAGES, "/favicon.ico")
DEFAULT_KEY: Final = "cu_emulator"
DEFAULT_ACCOUNT: Final = "acc00000-0000-4000-8000-000000000001"
# How many clients may connect in the same instant.
BACKLOG: Final = 4096
# How long the end waits for answers in progress; aiohttp treats 0 as no limit.
SHUTDOWN_SECONDS: Final = 0.01
MAX_BODY_BYTES: Final = 64 * 1024 * 1024


class Emulator:
    """A local Checkly: `with Emulator() as emulator:` serves on 127.0.0.1 until the block ends.

    `checks` is the account's checks (None: the default ones), `speed` divides how long they take,
    `rate_limit` is in requests per 60 s (None: no limit, nor those of single operations), `retry_after` is
    what a 408 says in seconds (None: no header), `keys` are the roles of more keys besides `api_key`, which
    may do everything, `host_port` 0 picks a free port, `private_locations` are the slugs where test sessions
    may run besides public regions, `rca` says whether the plan has root-cause analyses. `log` is called with
    every finished request.
    """

    def __init__(
        self,
        checks: Iterable[Check] | None = None,
        *,
        speed: float = 1.0,
        rate_limit: int | None = None,
        retry_after: int | None = 0,
        api_key: str = DEFAULT_KEY,
        keys: Mapping[str, Role] | None = None,
        account_id: str = DEFAULT_ACCOUNT,
        host_port: int = 0,
        private_locations: Iterable[str] = (DEFAULT_LOCATION,),
        rca: bool = True,
        log: Callable[[Record], None] | None = None,
    ) -> None:
        self.api_key = api_key
        self.account_id = account_id.lower()
        own_checks = DEFAULT_CHECKS if checks is None else checks
        self.model = Model(self.account_id, own_checks, time.time, speed=speed)
        self.groups = ErrorGroups(self.model)
        self._statuses = Statuses(self.model)
        self._heartbeats = Heartbeats(self.model)
        self._controls = Controls()
        self.keys: dict[str, Role] = {api_key: "read_and_write", **(keys or {})}
        self._accounts = Accounts(self.account_id, self.keys, rate_limit, time.time)
        locations = Locations(private_locations)
        self._routes = [
            *locations.routes(),
            *CheckSessions(self.model, retry_after).routes(),
            *TestSessions(self.model, locations, retry_after).routes(),
            *ErrorGroupRoutes(self.groups, rca=rca).routes(),
            *self._other_routes(),
        ]
        self._log = log
        self._port = host_port

    def _other_routes(self) -> list[web.RouteDef]:
        """Return the endpoints that have no options."""
        windows = MaintenanceWindows(time.time)
        return [
            *self._accounts.routes(),
            *Checks(self.model, self._statuses).routes(),
            *CheckStatuses(self.model, self._statuses, windows).routes(),
            *windows.routes(),
            *CheckResults(self.model).routes(),
            *self._heartbeats.routes(),
            *Pages(self.model, self._statuses).routes(),
            *self._controls.routes(),
        ]

    @property
    def url(self) -> str:
        """Return the base URL, without a path."""
        return f"http://{HOST}:{self._port}"

    @property
    def connection_json(self) -> str:
        """Return the Airflow connection to it, as the value of `AIRFLOW_CONN_CHECKLY_DEFAULT`."""
        login = {"login": self.account_id, "password": self.api_key}
        return json.dumps({"conn_type": "checkly", **login, "host": self.url})

    @property
    def pings(self) -> tuple[Ping, ...]:
        """Return the pings of heartbeats so far, oldest first."""
        return tuple(self._heartbeats.pings)

    def ping_url(self, check: Check) -> str:
        """Return the URL at which a heartbeat check is pinged."""
        return f"{self.url}{PINGS}{check.id}"

    @property
    def requests(self) -> list[Record]:
        """Return the requests so far, oldest first, without those to `/_emulator/`."""
        return self._controls.records.copy()

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Return the check sessions so far, oldest first."""
        return self.model.sessions

    @property
    def test_sessions(self) -> tuple[TestSession, ...]:
        """Return the test sessions so far, oldest first."""
        return self.model.test_sessions

    def fail(self, **fault: Unpack[FaultFields]) -> None:
        """Add a fault, e.g. `fail(path="trigger", status=503)`; see Fault."""
        self._controls.faults.add(Fault(**fault))

    def set_status(self, check_id: str, status: Status) -> None:
        """Let a check run now, with that status, which it keeps until the next step of its timeline."""
        check = self.model.find_check(check_id)
        if check is None:
            raise ValueError(f"There is no check {check_id}.")
        if status not in get_args(Status):
            raise ValueError(f"{status!r} is not one of {', '.join(get_args(Status))}.")
        self._statuses.set(check, status)

    def clear(self) -> None:
        """Remove all faults and records of requests."""
        self._controls.faults.clear()
        self._controls.records.clear()

    def __enter__(self) -> Self:
        listener = socket.create_server((HOST, self._port), backlog=BACKLOG)
        self._port = listener.getsockname()[1]
        self.model.started_at = time.time()
        self.model.pages_url = f"{self.url}{PAGES}/{self.account_id}"
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(listener, ready), name="checkly-emulator", daemon=True
        )
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        with listener, asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve(listener, ready.set))
            finally:
                ready.set()

    async def _serve(self, listener: socket.socket, ready: Callable[[], None]) -> None:
        """Answer on that socket until told to stop; requests that are held then are cut off."""
        application = web.Application(middlewares=[self._handle], client_max_size=MAX_BODY_BYTES)
        application.add_routes(self._routes)
        runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS
        )
        await runner.setup()
        await web.SockSite(runner, listener, backlog=BACKLOG).start()
        ready()
        await self._stop.wait()
        await runner.cleanup()

    @web.middleware
    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Record a request and answer it; the controls are not recorded."""
        if request.path.startswith(CONTROLS):
            return await _explained(request, handler)
        records = self._controls.records
        record = read_record(request, await request.read())
        number = records.open(record)
        status = None
        try:
            response = await self._answer(request, handler)
            status = None if isinstance(response, Unanswered) else response.status
        finally:
            closed = records.close(number, record, status)
            if self._log:
                self._log(closed)
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Apply a fault, if one is meant for the request, before Checkly looks at its key."""
        checkly = partial(_explained, handler=partial(self._admitted, handler=handler))
        fault = self._controls.faults.take(request.method, request.path)
        return await apply_fault(fault, request, checkly) if fault else await checkly(request)

    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path != "/" and not request.path.startswith(WITHOUT_KEY):
            self._accounts.admit(request)
        return await handler(request)


async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into answers; an unknown path or method is a 404, as at Checkly."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return Problem(404).response()
