"""Wait for many sessions under random faults, and look for what leaks: ``make soak``.

Five hundred triggers on one event loop, sessions that end over twenty minutes, a fault every other second.
Exit code 0 only if each wait reported once, with the right verdict, and neither tasks nor sockets were left
and memory did not grow after the first quarter by more than a tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import psutil  # type: ignore[import-untyped]

from airflow_provider_checkly.emulator import Check, Emulator
from airflow_provider_checkly.events import from_event
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.triggers import ChecklySessionTrigger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_checkly.api.polling import WaitResult

FAULTS: Final[list[dict[str, Any]]] = [
    {"status": 502, "times": 3},
    {"status": 503, "times": 5, "headers": {"Retry-After": "1"}},
    {"status": 429, "times": 1, "headers": {"Retry-After": "2"}},
    {"status": 408, "times": 5},
    {"drop": "before", "times": 5},
    {"drop": "headers", "times": 3},
    {"drop": "body", "times": 3},
    {"delay": 3, "times": 5},
    {"status": 500, "times": 1, "body": "<html>oops</html>"},
]
SELDOM: Final = 0.05
"""How often these are chosen beside the others: a 429 makes the shared budget shrink for minutes, and four
500s in a row end a wait."""
WEIGHTS: Final = [SELDOM if fault.get("status") in {429, 500} else 1 for fault in FAULTS]
GROWTH: Final = 1.10


def main() -> int:
    """Return 0 if nothing was lost and nothing leaked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    chance = random.Random(options.seed)  # noqa: S311 - reproducible, not secret
    checks = fleet(options.sessions, options.minutes * 60, chance)
    with Emulator(checks, rate_limit=600) as checkly:
        os.environ["AIRFLOW_CONN_CHECKLY_DEFAULT"] = checkly.connection_json
        started = ChecklyHook().trigger_check_sessions(all_checks=True)
        faults = asyncio.run(soak(checkly, started, options.minutes * 60, chance))
    print("\n".join(faults) or "Nothing was lost, nothing leaked.")
    return min(1, len(faults))


def fleet(number: int, seconds: float, chance: random.Random) -> list[Check]:
    """Return checks of which most pass, and which end all over the time."""
    return [
        Check(
            id=f"c0000000-0000-4000-8000-{index:012}",
            name=f"Check {index}",
            seconds=chance.uniform(1, seconds * 0.9),
            outcome=chance.choice(["passed", "passed", "passed", "failed", "degraded"]),
        )
        for index in range(number)
    ]


async def soak(checkly: Emulator, started: Sequence[Any], seconds: float, chance: random.Random) -> list[str]:
    """Run all waits; return what went wrong."""
    deadline = time.time() + seconds + 300
    waits = [asyncio.ensure_future(wait(str(s["checkSessionId"]), deadline)) for s in started]
    rss: list[float] = []
    while not all(each.done() for each in waits):
        if time.time() < deadline - 300:
            checkly.fail(method="GET", path="sessions", **chance.choices(FAULTS, WEIGHTS)[0])
        rss.append(psutil.Process().memory_info().rss / 2**20)
        tell(waits, rss, checkly)
        await asyncio.sleep(2)
    found = [each.result() for each in waits]
    await asyncio.sleep(1)
    return [*verdicts(found), *leaks(rss)]


async def wait(session_id: str, deadline: float) -> list[WaitResult]:
    """Return all that one trigger reports."""
    trigger = ChecklySessionTrigger("checkly_default", [session_id], deadline)
    return [from_event(event.payload) async for event in trigger.run()]


def tell(waits: Sequence[asyncio.Future[Any]], rss: Sequence[float], checkly: Emulator) -> None:
    """Say every twenty seconds how it goes."""
    if len(rss) % 10 == 1:
        counts = Counter(record.status for record in checkly.requests)
        done = sum(each.done() for each in waits)
        print(f"{done} of {len(waits)} ended, {rss[-1]:.0f} MiB, answers {dict(counts)}", flush=True)


def verdicts(found: Sequence[list[WaitResult]]) -> list[str]:
    """Name waits that did not report exactly one session that has ended."""
    odd = [each for each in found if len(each) != 1 or each[0].error or each[0].unfinished]
    return [f"{len(odd)} of {len(found)} waits went wrong, e.g. {odd[0]!r:.300}"] if odd else []


def leaks(rss: Sequence[float]) -> list[str]:
    """Name tasks and sockets that are left, and memory that grew."""
    tasks = len(asyncio.all_tasks()) - 1
    sockets = [each for each in psutil.Process().net_connections() if each.status == "ESTABLISHED"]
    quarter, last = max(rss[: len(rss) // 4 + 1]), max(rss[-3:])
    return [
        *([f"{tasks} tasks are left"] if tasks else []),
        *([f"{len(sockets)} connections are left"] if sockets else []),
        *([f"memory grew from {quarter:.0f} to {last:.0f} MiB"] if last > quarter * GROWTH else []),
    ]


if __name__ == "__main__":
    sys.exit(main())
