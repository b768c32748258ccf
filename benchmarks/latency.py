"""Detection latency under Checkly's rate limit against the bound, on a virtual clock (hours in seconds)."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Final, Literal

from bound import bound
from figures import Figure, command, percentile
from plot import plot
from virtual import Checkly, Load, VirtualLoop, detect, run

from airflow_provider_checkly.api.endpoints import retry_after
from airflow_provider_checkly.api.rate_limit import RateLimiter

if TYPE_CHECKING:
    from airflow_provider_checkly.api.http import Request, Response
    from airflow_provider_checkly.api.rate_limit import AsyncSender

LIMIT: Final = 600
REFUSED: Final = 429
SETTLED: Final = 120.0
"""Seconds after which 429s count."""
PLOT: Final = Path(__file__).parent / "latency.svg"
ABOVE: Final = (600, 1000, 3000)
PLOTTED: Final = (250, 300, 350, 400, 500, 700, 800, 1200, 1500, 2000, 2500)
PLOTTED_ALONE: Final = (250, 300, 350, 400, 500, 700, 1000)
ALONE: Final = 1000

How = Literal["shared", "back-off"]


@dataclass(frozen=True)
class Case:
    """What is tried.

    :param how: with our budget, or each wait for itself, with back-off after a 429.
    :param processes: that share the account, each with a budget of its own.
    """

    waits: int
    per_minute: float = 570
    limit: int | None = LIMIT
    processes: int = 1
    how: How = "shared"
    hours: float = 3.0
    seed: int = 1


@dataclass(frozen=True)
class Found:
    """What came out: seconds, and the part of requests that was refused."""

    mean: float
    p99: float
    refused: float
    counted: int


def paced(checkly: Checkly, pacer: RateLimiter) -> AsyncSender:
    """Return a sender under a shared budget."""

    async def send(request: Request, _: float) -> Response:
        sent_at = await pacer.turn()
        response = await checkly.answer(request)
        if response.status == REFUSED:
            pacer.refused(sent_at, retry_after(response) or 1)
        return response

    return send


def unpaced(checkly: Checkly) -> AsyncSender:
    """Return a sender that knows of no budget, and backs off: 0.5 s, doubled up to 30 s, with jitter."""

    async def send(request: Request, _: float) -> Response:
        response = await checkly.answer(request)
        return response if response.status != REFUSED else replace(response, headers={})

    return send


@cache
def try_out(case: Case) -> Found:
    """Let a steady state run for hours."""
    found: list[Found] = []
    random.seed(case.seed)  # of the jitter

    async def work(loop: VirtualLoop) -> None:
        checkly = Checkly(loop, case.limit)
        if case.how == "shared":
            senders = [paced(checkly, RateLimiter(case.per_minute, loop.time)) for _ in range(case.processes)]
        else:
            senders = [unpaced(checkly)]
        late = await detect(checkly, senders, Load(case.waits, seconds=case.hours * 3600, seed=case.seed))
        asked = sum(at > SETTLED for at in checkly.asked)
        refused = sum(at > SETTLED for at in checkly.refused)
        found.append(Found(fmean(late), percentile(late, 0.99), refused / asked, len(late)))

    run(work)
    return found[0]


def near(waits: int, per_minute: float, limit: int | None, hours: float) -> list[Figure]:
    """Return the figures where the budget covers all waits."""
    found = try_out(Case(waits, per_minute, limit, hours=hours))
    what = f"latency p99, N = {waits} at {per_minute:.0f} a minute"
    return [Figure(what, found.p99, "s", 0.1), Figure("  mean", found.mean, "s"), refusals(found)]


def refusals(found: Found, processes: int = 1) -> Figure:
    """Return the part of 429s."""
    most = 0 if processes == 1 else 1
    return Figure("  429s of requests", 100 * found.refused, "%", most, margin=2)


def above(waits: int, hours: float) -> list[Figure]:
    """Return the figures where waits take turns."""
    found = try_out(Case(waits, hours=hours))
    least = bound(waits, 570)
    return [
        Figure(f"mean latency / bound, N = {waits}", found.mean / least, "", 1.1, margin=1.1),
        Figure("  mean", found.mean, "s"),
        Figure("  bound", least, "s"),
        Figure("  p99", found.p99, "s"),
        refusals(found),
    ]


def two_processes(hours: float) -> list[Figure]:
    """Return the figures of two triggerers on one account."""
    found = try_out(Case(800, processes=2, hours=hours))
    ratio = found.mean / bound(800, LIMIT)
    return [
        Figure("mean latency / bound at R = 10/s, 2 x 400", ratio, "", 1.3, margin=1.1),
        Figure("  mean", found.mean, "s"),
        refusals(found, 2),
    ]


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
    least = {waits: bound(waits, 570) for waits in range(250, 3001, 50)}
    PLOT.write_text(plot(least, ours, alone))


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures."""
    logging.disable(logging.CRITICAL)
    hours = 1.0 if quick else 3.0
    figures = near(244, 570, LIMIT, hours)
    if quick:
        return [*figures, *above(600, hours), *two_processes(hours)]
    figures += near(256, LIMIT, None, hours)
    figures += [figure for waits in ABOVE for figure in above(waits, hours)]
    draw(hours)
    return [*figures, *two_processes(hours), *each_for_itself()]


if __name__ == "__main__":
    command(measure)
