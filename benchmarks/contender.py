"""One contender waits for sessions in a process of its own, and says what that took, as JSON.

contender.py KIND URL WAITS SHORTEST LONGEST SEED
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeAlias
from urllib.parse import urlsplit

import aiohttp
from machine import cpu_seconds, many_files
from twin import run_id, session_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

Wait: TypeAlias = "Callable[[int, float], Awaitable[object]]"
"""Takes the number and the end of a session; returns when that end was noticed."""

HOLD: Final = 30
RAMP: Final = 10.0
"""Seconds over which waits start: a thousand connections in one instant would overrun any server's queue."""
FOREVER: Final = 7 * 86400.0
DONE: Final = 200


@dataclass(frozen=True)
class Took:
    """What a contender needed for its waits.

    :param cpu: seconds of processor time, children included.
    :param late: seconds, mean.
    """

    cpu: float
    session_minutes: float
    late: float


def set_connection(name: str, **fields: object) -> None:
    """Set an Airflow connection in the environment, and load what its look-up needs, as a triggerer has."""
    from airflow.sdk.execution_time import supervisor  # noqa: F401, PLC0415 - as the others: imported before

    os.environ[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(fields)


async def event_of(trigger: Any) -> object:
    """Run an Airflow trigger to its end; return its last event."""
    events: AsyncIterator[object] = trigger.run()
    last = None
    async for event in events:
        last = event
    return last


def ours(url: str, **extra: int) -> Wait:
    """Return a wait by our trigger."""
    from airflow_provider_checkly.api import rate_limit  # noqa: F401, PLC0415 - as the others: imported before
    from airflow_provider_checkly.triggers import ChecklySessionTrigger  # noqa: PLC0415

    connection = {"conn_type": "checkly", "host": url, "login": "account", "password": "key"}
    set_connection("checkly_default", **connection, extra=extra)
    return lambda number, end: event_of(
        ChecklySessionTrigger("checkly_default", [session_id(number, end)], time.time() + FOREVER)
    )


def ours_unlimited(url: str) -> Wait:
    """Return a wait by our trigger that may ask as often as the floor does."""
    from airflow_provider_checkly import connection  # noqa: PLC0415

    connection.CHECKLY_LIMIT = 10**6  # type: ignore[misc]  # a measurement, not a use
    return ours(url, requests_per_minute=10**6, max_connections=65_535)


class Floor:
    """The least that aiohttp can do: one client, one long poll after the other."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v2/check-sessions"
        self._session: aiohttp.ClientSession | None = None
        self._waits = 0

    async def __call__(self, number: int, end: float) -> None:
        """Wait for a session; the last one closes the client, as ours does."""
        if self._session is None:
            headers = {"Authorization": "Bearer key", "x-checkly-account": "account"}
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), headers=headers, skip_auto_headers=["User-Agent"]
            )
        self._waits += 1
        await self._ended(self._session, session_id(number, end))
        self._waits -= 1
        if not self._waits:
            session, self._session = self._session, None
            await session.close()

    async def _ended(self, session: aiohttp.ClientSession, name: str) -> None:
        while True:
            async with session.get(f"{self._url}/{name}/completion?maxWaitSeconds={HOLD}") as answer:
                await answer.json()
                if answer.status == DONE:
                    return


def floor_with_lookup(url: str) -> Wait:
    """Return a wait like the floor's, which looks its connection up in Airflow first."""
    from airflow.providers.common.compat.connection import get_async_connection  # noqa: PLC0415

    from airflow_provider_checkly.triggers import ChecklySessionTrigger  # noqa: F401, PLC0415 - what it loads

    set_connection("checkly_default", conn_type="checkly", host=url, login="account", password="key")  # noqa: S106
    floor = Floor(url)

    async def wait(number: int, end: float) -> None:
        await get_async_connection("checkly_default")
        await floor(number, end)

    return wait


def http_sensor(url: str, poke_interval: float) -> Wait:
    """Return a wait by the http provider's trigger."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger  # noqa: PLC0415

    set_connection("http_default", conn_type="http", host=url)
    return lambda number, end: event_of(
        HttpSensorTrigger(f"sensor/{session_id(number, end)}", poke_interval=poke_interval)
    )


def dbt_cloud(url: str) -> Wait:
    """Return a wait by dbt Cloud's trigger, which is spared TLS here, with its default interval."""
    from airflow.providers.dbt.cloud.hooks.dbt import DbtCloudHook  # noqa: PLC0415
    from airflow.providers.dbt.cloud.triggers.dbt import DbtCloudRunJobTrigger  # noqa: PLC0415

    with_tls = DbtCloudHook.get_request_url_params

    def without_tls(*arguments: Any, **more: Any) -> tuple[str, dict[str, Any]]:
        where, query = with_tls(*arguments, **more)
        return where.replace("https:", "http:", 1), query

    DbtCloudHook.get_request_url_params = staticmethod(without_tls)  # type: ignore[method-assign]
    parts = urlsplit(url)
    set_connection("dbt", conn_type="dbt_cloud", host=parts.netloc + parts.path, login="1", password="key")  # noqa: S106
    return lambda number, end: event_of(
        DbtCloudRunJobTrigger("dbt", run_id(number, end), end + FOREVER, poll_interval=60, account_id=1)
    )


def curl(url: str) -> Wait:
    """Return a wait by `curl --retry`, as Checkly's documentation suggests."""

    async def wait(number: int, end: float) -> None:
        where = f"{url}/v2/check-sessions/{session_id(number, end)}/completion?maxWaitSeconds={HOLD}"
        process = await asyncio.create_subprocess_exec(
            "curl", "--silent", "--retry", "1000", where, stdout=subprocess.DEVNULL
        )
        await process.wait()

    return wait


KINDS: Final[dict[str, Callable[[str], Wait]]] = {
    "ours": ours,
    "ours-unlimited": ours_unlimited,
    "floor": Floor,
    "lookup": floor_with_lookup,
    "http-5": partial(http_sensor, poke_interval=5),
    "http-60": partial(http_sensor, poke_interval=60),
    "dbt": dbt_cloud,
    "curl": curl,
}


async def batch(wait: Wait, waits: int, shortest: float, longest: float, seed: int) -> Took:
    """Wait for that many sessions at once."""
    chance = random.Random(seed)  # noqa: S311 - a measurement
    began, cpu = time.time(), cpu_seconds()
    starts = [chance.uniform(0, RAMP) for _ in range(waits)]
    ends = [began + start + chance.uniform(shortest, longest) for start in starts]

    async def one(number: int) -> float:
        await asyncio.sleep(starts[number])
        await wait(number, ends[number])
        return time.time() - ends[number]

    late = await asyncio.gather(*(one(number) for number in range(waits)))
    return Took(
        cpu=cpu_seconds() - cpu + cpu_seconds(resource.RUSAGE_CHILDREN),
        session_minutes=(sum(ends) - waits * began - sum(starts)) / 60,
        late=sum(late) / waits,
    )


def log_to_nowhere() -> TextIO:
    """Let everybody log at INFO, as in a triggerer, to where it costs little; return the former output."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, force=True)
    return output


def main() -> None:
    """Run one batch."""
    kind, url, waits, shortest, longest, seed = sys.argv[1:]
    many_files()
    wait = KINDS[kind](url)
    output = log_to_nowhere()
    took = asyncio.run(batch(wait, int(waits), float(shortest), float(longest), int(seed)))
    print(json.dumps(asdict(took)), file=output, flush=True)
    os._exit(0)  # nobody waits for what is still open


if __name__ == "__main__":
    main()
