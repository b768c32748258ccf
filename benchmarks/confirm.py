"""Runs on the wall clock, with the trigger and a rate limit, confirm the virtual clock's latency.

Called with steady|batch URL it is the process that waits.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Final

import batches
from clients import ours as ours_virtual
from contender import log_to_nowhere, ours
from figures import Figure, command
from machine import many_files
from twin import counts, twin
from virtual import LIMIT, Checkly, Load, VirtualLoop, detect, run

if TYPE_CHECKING:
    from contender import Wait

TOLERANCE: Final = 10
"""Per cent; both clocks have the same seed."""
LOAD: Final = Load(waits=1000, seconds=420.0, warm_up=180.0, cool_down=0.0)
BATCH: Final = batches.Case(1000, "20 to 90 s")
OTHER_SEEDS: Final = range(2, 9)


async def steady(wait: Wait, load: Load) -> list[float]:
    """Do what `virtual.detect` does, on the wall clock."""
    late: list[float] = []
    chance = random.Random(f"{load.seed} {load.process}")  # noqa: S311 - a measurement
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


async def together(wait: Wait, case: batches.Case) -> list[float]:
    """Do what `virtual.batch` does, on the wall clock."""
    began = time.time()

    async def one(number: int, end: float) -> float:
        await wait(number, began + end)
        return time.time() - began - end

    return await asyncio.gather(*(one(*each) for each in enumerate(batches.ends(case, 0))))


def wait_here(what: str, url: str) -> None:
    """Be the process that waits; print how late ends were noticed."""
    many_files()
    wait = ours(url)
    output = log_to_nowhere()
    work = steady(wait, LOAD) if what == "steady" else together(wait, BATCH)
    print(json.dumps(asyncio.run(work)), file=output, flush=True)


def on_the_wall_clock(what: str) -> tuple[list[float], int]:
    """Return how late ends were noticed, and the number of 429s."""
    with twin(limit=LIMIT) as url:
        command = [sys.executable, __file__, what, f"{url}/ours"]
        said = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 - ourselves
        return json.loads(said.stdout), counts(url, "ours")["refused"]


def on_the_virtual_clock(load: Load) -> list[float]:
    """Return the same of the virtual clock: what was noticed by the same moment."""
    late: list[float] = []

    async def work(loop: VirtualLoop) -> None:
        checkly = Checkly(loop, LIMIT)
        waits = asyncio.ensure_future(detect(checkly, ours_virtual(checkly), load, late))
        await asyncio.wait([waits], timeout=load.seconds)
        waits.cancel()

    run(work)
    return late


def compared(what: str, wall: float, virtual: float, others: list[float], refused: int) -> list[Figure]:
    """Return the figures of both clocks."""
    return [
        Figure(
            f"wall clock beside virtual clock, {what}, off by", 100 * abs(wall / virtual - 1), "%", TOLERANCE
        ),
        Figure("  mean latency on the wall clock", wall, "s"),
        Figure("  mean latency on the virtual clock", virtual, "s"),
        Figure(f"  least of {len(others)} other seeds there", min(others), "s"),
        Figure("  most", max(others), "s"),
        Figure("  429s on the wall clock", refused, "", 0),
    ]


def measure(_: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures."""
    logging.disable(logging.CRITICAL)
    with ThreadPoolExecutor() as threads:
        (late, refused), (batch_late, batch_refused) = threads.map(on_the_wall_clock, ("steady", "batch"))
    others = [fmean(on_the_virtual_clock(replace(LOAD, seed=seed))) for seed in OTHER_SEEDS]
    of_batch = [batches.mean(BATCH, seed) for seed in (1, *OTHER_SEEDS)]
    what = f"steady state of {LOAD.waits} ({len(late)} sessions)"
    return [
        *compared(what, fmean(late), fmean(on_the_virtual_clock(LOAD)), others, refused),
        *compared(f"batch of {BATCH.waits}", fmean(batch_late), of_batch[0], of_batch[1:], batch_refused),
    ]


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[2].startswith("http"):  # noqa: PLR2004 - see the docstring
        wait_here(*sys.argv[1:])
    else:
        command(measure)
