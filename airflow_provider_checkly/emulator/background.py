"""The emulator in a thread of its own, for tests and for the command line."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from airflow_provider_checkly.emulator.accounts import Accounts
from airflow_provider_checkly.emulator.check_list import CheckList
from airflow_provider_checkly.emulator.check_results import CheckResults
from airflow_provider_checkly.emulator.check_sessions import CheckSessions
from airflow_provider_checkly.emulator.error_groups import ErrorGroups
from airflow_provider_checkly.emulator.faults import Fault
from airflow_provider_checkly.emulator.fleet import DEFAULT_FLEET
from airflow_provider_checkly.emulator.groups import Groups
from airflow_provider_checkly.emulator.heartbeats import PINGS, Heartbeats
from airflow_provider_checkly.emulator.limits import RateLimit
from airflow_provider_checkly.emulator.locations import DEFAULT_PRIVATE, Locations
from airflow_provider_checkly.emulator.model import Model
from airflow_provider_checkly.emulator.root_cause_analyses import RootCauseAnalyses
from airflow_provider_checkly.emulator.server import BACKLOG, Server
from airflow_provider_checkly.emulator.test_session_list import TestSessionList
from airflow_provider_checkly.emulator.test_session_results import TestSessionResults
from airflow_provider_checkly.emulator.test_sessions import TestSessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Unpack

    from airflow_provider_checkly.emulator.checks import Check
    from airflow_provider_checkly.emulator.faults import FaultFields
    from airflow_provider_checkly.emulator.heartbeats import Ping
    from airflow_provider_checkly.emulator.records import Record
    from airflow_provider_checkly.emulator.sessions import Session, TestSession

HOST: Final = "127.0.0.1"
DEFAULT_KEY: Final = "cu_emulator"
DEFAULT_ACCOUNT: Final = "acc00000-0000-4000-8000-000000000001"


class Emulator:
    """A local Checkly: `with Emulator() as checkly:` serves on 127.0.0.1 until the block ends.

    `checks` is the fleet (None: the default one), `speed` divides how long checks take, `rate_limit` is in
    requests per 60 s (None: none), `retry_after` is what a 408 says in seconds (None: nothing), `host_port` 0
    picks a free port, `private_locations` are the slugs where test sessions may run besides public regions,
    `rca` says whether the plan has root-cause analyses.
    """

    def __init__(
        self,
        checks: Iterable[Check] | None = None,
        *,
        speed: float = 1.0,
        rate_limit: int | None = None,
        retry_after: int | None = 0,
        api_key: str = DEFAULT_KEY,
        account_id: str = DEFAULT_ACCOUNT,
        host_port: int = 0,
        private_locations: Iterable[str] = (DEFAULT_PRIVATE,),
        rca: bool = True,
        log: Callable[[Record], None] | None = None,
    ) -> None:
        self.api_key = api_key
        self.account_id = account_id.lower()
        fleet = DEFAULT_FLEET if checks is None else checks
        self.model = Model(self.account_id, fleet, time.time, speed=speed)
        locations = Locations(private_locations)
        accounts = Accounts(self.account_id, api_key)
        self._heartbeats = Heartbeats(self.model)
        self.groups = Groups(self.model)
        routes = [
            *locations.routes(),
            *CheckSessions(self.model, retry_after).routes(),
            *TestSessions(self.model, locations, retry_after).routes(),
            *TestSessionList(self.model).routes(),
            *TestSessionResults(self.model).routes(),
            *CheckList(self.model).routes(),
            *CheckResults(self.model).routes(),
            *ErrorGroups(self.groups).routes(),
            *RootCauseAnalyses(self.groups, allowed=rca).routes(),
            *self._heartbeats.routes(),
        ]
        self._server = Server(accounts, RateLimit(rate_limit, time.time), routes, log)
        self._port = host_port

    @property
    def url(self) -> str:
        """Base URL, without a path."""
        return f"http://{HOST}:{self._port}"

    @property
    def connection_json(self) -> str:
        """The Airflow connection to it, as the value of `AIRFLOW_CONN_CHECKLY_DEFAULT`."""
        login = {"login": self.account_id, "password": self.api_key}
        return json.dumps({"conn_type": "checkly", **login, "host": self.url})

    @property
    def pings(self) -> tuple[Ping, ...]:
        """The pings of heartbeats so far, oldest first."""
        return tuple(self._heartbeats.pings)

    def ping_url(self, check: Check) -> str:
        """Give the URL that a heartbeat check wants to be pinged at."""
        return f"{self.url}{PINGS}{check.id}"

    @property
    def requests(self) -> list[Record]:
        """What was asked so far, oldest first, without its own controls."""
        return self._server.records.copy()

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The check sessions started so far, oldest first."""
        return self.model.sessions

    @property
    def test_sessions(self) -> tuple[TestSession, ...]:
        """The test sessions started so far, oldest first."""
        return self.model.test_sessions

    def fail(self, **fault: Unpack[FaultFields]) -> None:
        """Let something go wrong, e.g. `fail(path="trigger", status=503)`; see Fault."""
        self._server.faults.add(Fault(**fault))

    def clear(self) -> None:
        """Forget all faults and requests."""
        self._server.faults.clear()
        self._server.records.clear()

    def __enter__(self) -> Self:
        listener = socket.create_server((HOST, self._port), backlog=BACKLOG)
        self._port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(listener, ready), name="checkly-emulator", daemon=True
        )
        self._thread.start()
        ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        with listener, asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._server.serve(listener, ready.set, self._stop))
            finally:
                ready.set()
