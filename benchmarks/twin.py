"""A twin of the endpoints that the contenders ask: its sessions end when their ids say, and it counts.

Every contender asks below a path of its own, by which requests, refusals and connections are counted.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import ssl
import subprocess
import sys
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.request import urlopen

from aiohttp import web
from machine import many_files

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

WINDOW: Final = 60.0
RUNS: Final = 2**44
"""Where the number of a dbt run leaves the milliseconds of its end."""
DBT_RUNNING: Final = 3
DBT_SUCCESS: Final = 10


def session_id(number: int, end: float) -> str:
    """Return the UUID of a session that ends then."""
    return f"{number:08x}-0000-4000-8000-{round(end * 1000):012x}"


def run_id(number: int, end: float) -> int:
    """Return the id of a dbt run that ends then."""
    return number * RUNS + round(end * 1000)


def end_of_session(name: str) -> float:
    """Return when a session ends."""
    return int(name[-12:], 16) / 1000


def end_of_run(name: str) -> float:
    """Return when a dbt run ends."""
    return int(name) % RUNS / 1000


@dataclass
class Counts:
    """What one contender did.

    :param refused: requests beyond the limit; `late_refused` and `late_requests` leave the first minutes out.
    :param connections: most that were open at once.
    """

    requests: int = 0
    refused: int = 0
    held: int = 0
    most_held: int = 0
    connections: int = 0
    window: deque[float] = field(default_factory=deque)

    def over(self, limit: int, now: float) -> float | None:
        """Count a request; return the seconds to the next one that is allowed, None where this one is."""
        self.requests += 1
        while self.window and self.window[0] <= now - WINDOW:
            self.window.popleft()
        if limit and len(self.window) >= limit:
            self.refused += 1
            return self.window[0] + WINDOW - now
        self.window.append(now)
        return None


def session_json(name: str, *, ended: bool) -> dict[str, object]:
    """Return a session as Checkly describes it."""
    status = "PASSED" if ended else "PROGRESS"
    result = {"id": name, "runLocation": "eu-west-1", "hasErrors": False, "hasFailures": False}
    return {
        "checkSessionId": name,
        "checkId": name,
        "checkSessionLink": f"https://app.checklyhq.com/check-sessions/{name}",
        "name": "A check",
        "checkType": "API",
        "status": status,
        "startedAt": "2026-01-01T00:00:00.000Z",
        "timeElapsed": 60_000,
        "runLocations": ["eu-west-1", "us-east-1"],
        "results": [result, result] if ended else [],
    }


class Twin:
    """Answers and counts.

    :param limit: requests of one contender in any 60 seconds; 0: unlimited.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[str, Counts] = {}
        self._ends: dict[str, float] = {}
        self._numbers = itertools.count(1)
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.01)

    def _application(self) -> web.Application:
        application = web.Application()
        application.add_routes(
            [
                web.get("/counts", self._report),
                web.get("/{who}/v2/check-sessions/{name}/completion", self._counted(self._completion)),
                web.get("/{who}/sensor/{name}", self._counted(self._sensor)),
                web.get("/{who}/work/{name}", self._counted(self._work)),
                web.post("/{who}/api/v2/accounts/1/jobs/{name}/run/", self._counted(self._start)),
                web.get("/{who}/api/v2/accounts/1/runs/{name}/", self._counted(self._run)),
            ]
        )
        return application

    def _counted(
        self, answer: Callable[[str, web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            counts = self._counts.setdefault(request.match_info["who"], Counts())
            wait = counts.over(self._limit, time.monotonic())
            counts.connections = max(counts.connections, self._connections())
            if wait is not None:
                retry = {"Retry-After": str(int(wait) + 1)}
                return web.json_response({"message": "Too many requests"}, status=429, headers=retry)
            counts.held += 1
            counts.most_held = max(counts.most_held, counts.held)
            try:
                return await answer(request.match_info["name"], request)
            finally:
                counts.held -= 1

        return handle

    def _connections(self) -> int:
        return len(self._runner.server.connections) if self._runner.server else 0

    async def _completion(self, name: str, request: web.Request) -> web.Response:
        left = end_of_session(name) - time.time()
        hold = int(request.query["maxWaitSeconds"])
        await asyncio.sleep(min(max(0.0, left), hold))
        if left > hold:
            return web.json_response({"statusCode": 408}, status=408, headers={"Retry-After": "0"})
        return web.json_response(session_json(name, ended=True))

    async def _sensor(self, name: str, _: web.Request) -> web.Response:
        ended = end_of_session(name) <= time.time()
        return web.json_response(session_json(name, ended=ended), status=200 if ended else 404)

    async def _work(self, name: str, _: web.Request) -> web.Response:
        """Begin with the first request; the name says how many seconds it takes."""
        end = self._ends.setdefault(name, time.time() + float(name.rpartition("@")[2]))
        return web.json_response({}, status=200 if end <= time.time() else 404)

    async def _start(self, name: str, _: web.Request) -> web.Response:
        """Start a dbt run; the number of its job says how many milliseconds it takes."""
        run = run_id(next(self._numbers), time.time() + int(name) / 1000)
        return web.json_response({"data": {"id": run, "href": ""}})

    async def _run(self, name: str, _: web.Request) -> web.Response:
        status = DBT_SUCCESS if end_of_run(name) <= time.time() else DBT_RUNNING
        return web.json_response({"data": {"id": int(name), "status": status}})

    async def _report(self, _: web.Request) -> web.Response:
        return web.json_response({who: asdict(c) | {"window": []} for who, c in self._counts.items()})

    async def serve(self, tls: ssl.SSLContext | None) -> None:
        """Answer until cancelled; print the port first."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls, backlog=8192)
        await site.start()
        print(self._runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


@contextmanager
def twin(limit: int = 0, certificate: Path | None = None) -> Iterator[str]:
    """Run a twin in a process of its own; yield its address."""
    command = [sys.executable, __file__, "--limit", str(limit)]
    command += ["--certificate", str(certificate)] if certificate else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
        finally:
            process.terminate()


def counts(url: str, who: str, certificate: Path | None = None) -> dict[str, int]:
    """Return what a twin counted of one contender."""
    trust = ssl.create_default_context(cafile=certificate) if certificate else None
    with urlopen(f"{url}/counts", timeout=60, context=trust) as answer:  # noqa: S310 - a local address
        found: dict[str, dict[str, int]] = json.load(answer)
    return found[who]


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--certificate", type=Path)
    options = parser.parse_args()
    many_files()
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate)
    asyncio.run(Twin(options.limit).serve(tls))


if __name__ == "__main__":
    main()
