"""One run on the wall clock, with the trigger and a rate limit, confirms the virtual clock's latency.

Called with URL it is the process that waits.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import subprocess
import sys
import time
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Final

from contender import log_to_nowhere, ours
from figures import Figure, command
from latency import paced
from machine import many_files
from twin import counts, twin
from virtual import Checkly, Load, VirtualLoop, detect, run

from airflow_provider_checkly.api.rate_limit import RateLimiter

if TYPE_CHECKING:
    from contender import Polling

TOLERANCE: Final = 10
"""Per cent; both clocks have the same seed."""
LIMIT: Final = 600
PER_MINUTE: Final = 570
LOAD: Final = Load(waits=1000, seconds=420.0, warm_up=180.0, cool_down=0.0)
OTHER_SEEDS: Final = range(2, 9)


async def steady(wait: Polling, load: Load) -> list[float]:
    """Do what `virtual.detect` does, on the wall clock."""
    late: list[float] = []
    chance = random.Random(load.seed)  # noqa: S311 - a measurement
    began = time.time()

    async def one_after_the_other(number: int) -> None:
        await asyncio.sleep(chance.uniform(0, 60))
        while True:
            end = time.time() + chance.expovariate(1 / load.mean)
            await wait(number, end)
            if load.warm_up < end - began <= load.seconds:
                late.append(time.time() - end)

    waits = [asyncio.ensure_future(one_after_the_other(number)) for number in range(load.waits)]
    await asyncio.wait(waits, timeout=load.seconds)
    return late


def wait_here(url: str) -> None:
    """Be the process that waits; print how late ends were noticed."""
    many_files()
    wait = ours(url, requests_per_minute=PER_MINUTE)
    output = log_to_nowhere()
    print(json.dumps(asyncio.run(steady(wait, LOAD))), file=output, flush=True)


def on_the_virtual_clock(load: Load) -> list[float]:
    """Return the same of the virtual clock: what was noticed by the same moment."""
    late: list[float] = []

    async def work(loop: VirtualLoop) -> None:
        checkly = Checkly(loop, LIMIT)
        sender = paced(checkly, RateLimiter(PER_MINUTE, loop.time))
        waits = asyncio.ensure_future(detect(checkly, [sender], load, late))
        await asyncio.wait([waits], timeout=load.seconds)
        waits.cancel()

    run(work)
    return late


def measure(_: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures."""
    logging.disable(logging.CRITICAL)
    with twin(limit=LIMIT) as url:
        said = subprocess.run([sys.executable, __file__, f"{url}/ours"], stdout=subprocess.PIPE, check=True)  # noqa: S603
        late, counted = json.loads(said.stdout), counts(url, "ours")
    virtual = fmean(on_the_virtual_clock(LOAD))
    others = [fmean(on_the_virtual_clock(replace(LOAD, seed=seed))) for seed in OTHER_SEEDS]
    off = 100 * abs(fmean(late) / virtual - 1)
    return [
        Figure("wall clock beside virtual clock, N = 1000, off by", off, "%", TOLERANCE),
        Figure(f"  mean latency on the wall clock ({len(late)} sessions)", fmean(late), "s"),
        Figure("  mean latency on the virtual clock, same minutes", virtual, "s"),
        Figure(f"  least of {len(others)} other seeds there", min(others), "s"),
        Figure("  most", max(others), "s"),
        Figure("  429s on the wall clock", counted["refused"], "", 0),
    ]


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].startswith("http"):
        wait_here(sys.argv[1])
    else:
        command(measure)
