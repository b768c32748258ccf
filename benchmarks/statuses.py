"""1,000 status sensors and 50 watchers in one event loop, on an account of 5,000 checks.

Called with `serve` it is the account, in a process of its own; called with URL WAITS WATCHERS SECONDS it is
the triggerer, and prints what that took as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.request import urlopen

from aiohttp import web
from contender import log_to_nowhere
from figures import Figure, command
from machine import cpu_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CHECKS: Final = 5000
INTERVAL: Final = 10.0
LOOP_STEP: Final = 0.005
LONGEST_BLOCK: Final = 50.0
"""Milliseconds."""
PER_MINUTE: Final = 60 / INTERVAL


def check_id(number: int) -> str:
    """Return the id of a check."""
    return f"{number:08d}-0000-4000-8000-000000000000"


def statuses() -> list[dict[str, Any]]:
    """Return what Checkly says of 5,000 checks; the first one fails for ever."""
    return [
        {
            "name": f"Check {number} of the shop in production",
            "checkId": check_id(number),
            "hasFailures": number == 0,
            "hasErrors": False,
            "isDegraded": False,
            "longestRun": 1234,
            "shortestRun": 56,
            "lastRunLocation": "eu-central-1",
            "lastCheckRunId": check_id(number + CHECKS),
            "sslDaysRemaining": 80,
            "created_at": "2025-01-01T00:00:00.000Z",
            "updated_at": "2026-11-25T10:00:00.000Z",
        }
        for number in range(CHECKS)
    ]


def serve() -> None:
    """Be the account: print the address, and serve until the end of the input."""
    asyncio.run(_serve())


async def _serve() -> None:
    count = 0
    body = json.dumps(statuses()).encode()
    checks = [{"id": check_id(number), "activated": True, "name": str(number)} for number in range(CHECKS)]

    async def all_statuses(_: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.Response(body=body, content_type="application/json")

    async def list_checks(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        start = 100 * (int(request.query["page"]) - 1)
        headers = {"content-range": f"{start}-{start + 99}/{CHECKS}"}
        return web.json_response(checks[start : start + 100], headers=headers)

    async def counted(_: web.Request) -> web.Response:
        return web.json_response(count)

    app = web.Application()
    app.add_routes(
        [
            web.get("/v1/check-statuses", all_statuses),
            web.get("/v1/checks", list_checks),
            web.get("/count", counted),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)  # type: ignore[union-attr]  # noqa: SLF001
    await asyncio.to_thread(sys.stdin.read)


@contextmanager
def account() -> Iterator[str]:
    """Run the account; the address is that of its API."""
    with subprocess.Popen(  # noqa: S603 - this file
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout  # noqa: S101 - a pipe
        assert process.stdin  # noqa: S101 - the same
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


async def blocks(found: list[tuple[float, float]]) -> None:
    """Note for how long the event loop did not come round, and its processor time of it, in milliseconds."""
    while True:
        began, used = time.perf_counter(), time.thread_time()
        await asyncio.sleep(LOOP_STEP)
        block = time.perf_counter() - began - LOOP_STEP
        found.append((1000 * block, 1000 * (time.thread_time() - used)))


async def triggerer(url: str, waits: int, watchers: int, seconds: float) -> dict[str, float]:
    """Wait and watch for some time."""
    from airflow_provider_checkly.triggers import (  # noqa: PLC0415 - Airflow, in this process only
        ChecklyCheckStatusTrigger,
        ChecklyHealthTrigger,
    )

    end = time.time() + 3600
    targets: list[dict[str, Any]] = [{"check_ids": [check_id(0), check_id(1)]}, {"tags": [["shop"]]}, {}]
    running = [
        ChecklyHealthTrigger(
            "bench", end, poll_interval=INTERVAL, **targets[0 if number % 20 else number // 20 % 3]
        )
        for number in range(waits)
    ] + [
        ChecklyCheckStatusTrigger(
            all_checks=True, to=["failing", "passing"], poll_interval=INTERVAL, checkly_conn_id="bench"
        )
        for _ in range(watchers)
    ]
    gc.freeze()
    idle: list[tuple[float, float]] = []
    beat = asyncio.create_task(blocks(idle))
    await asyncio.sleep(5)
    beat.cancel()
    found: list[tuple[float, float]] = []
    beat = asyncio.create_task(blocks(found))
    tasks = [asyncio.create_task(drain(trigger.run())) for trigger in running]
    await asyncio.sleep(2 * INTERVAL)  # imports, the connection, the first poll, the list of checks
    first = max(busy for _, busy in found)
    found.clear()
    cpu, before = cpu_seconds(), await asyncio.to_thread(requests_of, url)
    await asyncio.sleep(seconds)
    used, sent = cpu_seconds() - cpu, await asyncio.to_thread(requests_of, url) - before
    for task in (beat, *tasks):
        task.cancel()
    return {
        "cpu": used * 60 / seconds,
        "requests": sent * 60 / seconds,
        "idle": max(block for block, _ in idle),
        "block": max(block for block, _ in found),
        "busy": max(busy for _, busy in found),
        "first": first,
    }


def requests_of(url: str) -> int:
    """Return how many requests the account has had."""
    with urlopen(f"{url}/count", timeout=10) as answer:  # noqa: S310 - our own process
        return int(answer.read())


async def drain(events: AsyncIterator[Any]) -> None:
    """Take all events."""
    async for _ in events:
        pass


def measured(waits: int, watchers: int, seconds: float) -> dict[str, float]:
    """Return what a number of waits takes, in a process of their own."""
    with account() as url:
        connection = {"conn_type": "checkly", "login": check_id(1), "password": "bench-key", "host": url}
        environment = os.environ | {"AIRFLOW_CONN_BENCH": json.dumps(connection)}
        arguments = [url, str(waits), str(watchers), str(seconds)]
        said = subprocess.run(  # noqa: S603 - this file
            [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, check=True, env=environment
        ).stdout
        took: dict[str, float] = json.loads(said)
        return took


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures."""
    seconds = 3 * INTERVAL if quick else 6 * INTERVAL
    one, many = measured(1, 0, seconds), measured(1000, 50, seconds)
    return [
        Figure("requests a minute: 1 sensor", one["requests"]),
        Figure("requests a minute: 1,000 sensors, 50 watchers", many["requests"], "", PER_MINUTE + 2),
        Figure("CPU a minute: 1 sensor", one["cpu"], "s"),
        Figure("CPU a minute: 1,000 sensors, 50 watchers", many["cpu"], "s", 15, 2),
        Figure("the event loop does not come round for: nothing runs", many["idle"], "ms"),
        Figure("the same: 1 sensor", one["block"], "ms"),
        Figure("the same: 1,000 sensors, 50 watchers", many["block"], "ms"),
        Figure(
            "longest step of the event loop, in its own processor time", many["busy"], "ms", LONGEST_BLOCK
        ),
        Figure("the same, while all start and read the list of checks", many["first"], "ms", LONGEST_BLOCK),
    ]


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    elif len(sys.argv) == 5:  # noqa: PLR2004 - URL WAITS WATCHERS SECONDS
        output = log_to_nowhere()
        url, waits, watchers, seconds = sys.argv[1:]
        took = asyncio.run(triggerer(url, int(waits), int(watchers), float(seconds)))
        print(json.dumps(took), file=output, flush=True)
    else:
        command(measure)
