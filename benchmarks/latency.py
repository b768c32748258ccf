"""Detection latency under Checkly's rate limit against the bound, on a virtual clock (hours in seconds)."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Final, Literal

from bound import bound
from clients import DELIVERED, backing_off, ours
from figures import Figure, command, over_seeds, percentile
from plot import plot
from virtual import LIMIT, Checkly, Load, VirtualLoop, detect, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtual import Client

PLOT: Final = Path(__file__).parent / "latency.svg"
ABOVE: Final = {400: 1.15, 600: 1.15, 1000: 1.1, 3000: 1.1}
"""Numbers of waits that take turns, and how much above the bound they may be."""
SHARED: Final = {2: 400, 4: 400, 16: 100, 32: 50}
"""Processes on one account, and the waits of each."""
OTHERS: Final = 30
"""Requests a minute of somebody else."""
PLOTTED: Final = (250, 300, 350, 500, 700, 800, 1200, 1500, 2000, 2500)
PLOTTED_ALONE: Final = (250, 300, 350, 400, 500, 700, 1000)
ALONE: Final = 1000
SEEDS: Final = (1, 2, 3)

How = Literal["ours", "back-off"]


@dataclass(frozen=True)
class Case:
    """What is tried.

    :param waits: of each process.
    :param how: with our budget, or each wait for itself, with back-off after a 429.
    :param processes: that share the account, each with a budget of its own.
    :param others: requests a minute of somebody else, at random times.
    """

    waits: int
    per_minute: float = DELIVERED.requests_per_minute
    limit: int | None = LIMIT
    processes: int = 1
    others: int = 0
    how: How = "ours"
    hours: float = 3.0
    seed: int = 1


@dataclass(frozen=True)
class Found:
    """What came out: seconds, and the part of all requests that was refused, from the first one on.

    :param unfair: mean latency of the process that fared worst, in parts of the best one's.
    """

    mean: float
    p99: float
    refused: float
    counted: int
    unfair: float


def client(case: Case, checkly: Checkly) -> Client:
    """Return what a process sends its requests through."""
    return ours(checkly, case.per_minute) if case.how == "ours" else backing_off(checkly)


async def use(checkly: Checkly, per_minute: float, seed: int) -> None:
    """Be somebody else who uses the account."""
    chance = random.Random(f"others {seed}")  # noqa: S311 - a simulation
    while True:
        await asyncio.sleep(chance.expovariate(per_minute / 60))
        checkly.use()


@cache
def try_out(case: Case) -> Found:
    """Let a steady state run for hours."""
    found: list[Found] = []
    random.seed(case.seed)  # of the jitter

    async def work(loop: VirtualLoop) -> None:
        checkly = Checkly(loop, case.limit)
        others = asyncio.ensure_future(use(checkly, case.others, case.seed)) if case.others else None
        loads = [
            Load(case.waits, seconds=case.hours * 3600, seed=case.seed, process=process)
            for process in range(case.processes)
        ]
        lates = await asyncio.gather(*(detect(checkly, client(case, checkly), load) for load in loads))
        if others:
            others.cancel()
        found.append(summary(lates, len(checkly.refused) / len(checkly.asked)))

    run(work)
    return found[0]


def summary(lates: Sequence[Sequence[float]], refused: float) -> Found:
    """Sum up what the processes noticed how late."""
    late = [each for of_process in lates for each in of_process]
    means = [fmean(of_process) for of_process in lates]
    unfair = max(means) / min(means) if min(means) else 1.0
    return Found(fmean(late), percentile(late, 0.99), refused, len(late), unfair)


def tried(case: Case, seeds: Sequence[int]) -> list[Found]:
    """Try a case with several seeds."""
    return [try_out(replace(case, seed=seed)) for seed in seeds]


def near(case: Case, seeds: Sequence[int]) -> list[Figure]:
    """Return the figures where the budget covers all waits."""
    found = tried(case, seeds)
    what = f"latency p99, N = {case.waits} at {case.per_minute:.0f} a minute"
    return [
        over_seeds(what, [each.p99 for each in found], "s", 0.1),
        over_seeds("  mean", [each.mean for each in found], "s"),
        refusals(found, 0),
    ]


def refusals(found: Sequence[Found], most: float) -> Figure:
    """Return the part of 429s."""
    return over_seeds("  429s of requests", [100 * each.refused for each in found], "%", most, margin=2)


def against_bound(case: Case, seeds: Sequence[int], goal: float, most: float) -> list[Figure]:
    """Return the figures where waits take turns.

    :param goal: the most that mean latency may be, in parts of the bound.
    :param most: per cent of 429s.
    """
    found, least = tried(case, seeds), bound(case.waits * case.processes, LIMIT - case.others)
    ratios = [each.mean / least for each in found]
    several = [over_seeds("  worst / best process", [each.unfair for each in found])]
    return [
        over_seeds(f"mean latency / bound, {name(case)}", ratios, "", goal, margin=1.1),
        over_seeds("  mean", [each.mean for each in found], "s"),
        Figure("  bound", least, "s"),
        over_seeds("  p99", [each.p99 for each in found], "s"),
        refusals(found, most),
        *(several if case.processes > 1 else []),
    ]


def name(case: Case) -> str:
    """Return what is tried, in words."""
    others = f" beside {case.others} requests a minute of others" if case.others else ""
    return f"N = {case.waits}{others}" if case.processes == 1 else f"{case.processes} x {case.waits}"


def alone(waits: int, hours: float, seeds: Sequence[int]) -> list[Figure]:
    """Return the figures of one process that has the account for itself."""
    return against_bound(Case(waits, hours=hours), seeds, ABOVE[waits], 0)


def shared(processes: int, hours: float, seeds: Sequence[int]) -> list[Figure]:
    """Return the figures of triggerers on one account."""
    case = Case(SHARED[processes], processes=processes, hours=hours)
    return against_bound(case, seeds, 1.3, 1 if processes == min(SHARED) else 2)


def each_for_itself() -> list[Figure]:
    """Return the figures of waits that do not know of each other."""
    found = try_out(Case(ALONE, how="back-off", hours=1))
    return [
        Figure(f"mean latency, N = {ALONE}, each for itself with back-off", found.mean, "s"),
        Figure("  p99", found.p99, "s"),
        Figure("  429s of requests", 100 * found.refused, "%"),
    ]


def draw(hours: float) -> None:
    """Plot latency over N against the bound."""
    ours = {waits: try_out(Case(waits, hours=1.5)).mean for waits in PLOTTED}
    ours |= {waits: try_out(Case(waits, hours=hours)).mean for waits in ABOVE}
    alone = {waits: try_out(Case(waits, how="back-off", hours=1)).mean for waits in PLOTTED_ALONE}
    least = {waits: bound(waits, LIMIT) for waits in range(250, 3001, 50)}
    PLOT.write_text(plot(least, ours, alone))


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures."""
    logging.disable(logging.CRITICAL)
    if quick:
        figures = near(Case(244, hours=1), SEEDS[:1]) + alone(600, 1, SEEDS[:1])
        return [*figures, *shared(2, 1, SEEDS[:1]), *shared(16, 1, SEEDS[:1])]
    figures = near(Case(244), SEEDS) + near(Case(256, LIMIT, None), SEEDS)
    for waits in ABOVE:
        figures += alone(waits, 3, SEEDS)
    figures += against_bound(Case(600, others=OTHERS), SEEDS, 1.2, 0.1)
    for processes in SHARED:
        figures += shared(processes, 3, SEEDS)
    draw(3)
    return figures + each_for_itself()


if __name__ == "__main__":
    command(measure)
