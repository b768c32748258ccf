"""Batches on the virtual clock: waits that start together, beside an evenly paced queue and naive waits."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass, replace
from functools import cache, partial
from statistics import fmean
from typing import TYPE_CHECKING, Final

from clients import evenly_paced, obeying, ours
from figures import Figure, command, over_seeds
from virtual import LIMIT, Checkly, VirtualLoop, batch, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from virtual import Client

LENGTHS: Final[dict[str, Callable[[random.Random], float]]] = {
    "20 to 90 s": lambda chance: chance.uniform(20, 90),
    "8 to 40 s": lambda chance: chance.uniform(8, 40),
    "6 s + 60 s mean": lambda chance: 6 + chance.expovariate(1 / 60),
    "6 s + 300 s mean": lambda chance: 6 + chance.expovariate(1 / 300),
}
"""Durations of sessions."""
CLIENTS: Final[dict[str, Callable[[Checkly], Client]]] = {
    "ours": ours,
    "570": partial(evenly_paced, per_minute=570),
    "600": partial(evenly_paced, per_minute=LIMIT),
    "obeying": obeying,
}
SIZES: Final = (600, 1000)
SEEDS: Final = (1, 2, 3, 4, 5)
PROCESSES: Final = 4


@dataclass(frozen=True)
class Case:
    """What is tried: waits in all, spread evenly over processes."""

    waits: int
    lengths: str
    client: str = "ours"
    processes: int = 1
    seed: int = 1


@dataclass(frozen=True)
class Found:
    """What came out: seconds, 429s, and how many times later the worst process was than the best."""

    mean: float
    refused: int
    unfair: float


def ends(case: Case, process: int) -> list[float]:
    """Return when the sessions of a process end."""
    chance = random.Random(f"{case.seed} {process}")  # noqa: S311 - a simulation
    return [LENGTHS[case.lengths](chance) for _ in range(case.waits // case.processes)]


@cache
def try_out(case: Case) -> Found:
    """Let a batch run to its end."""
    found: list[Found] = []

    async def work(loop: VirtualLoop) -> None:
        checkly = Checkly(loop, None if case.client == "600" else LIMIT)  # it may not be a moment too early
        numbers = range(case.processes)
        lates = await asyncio.gather(
            *(batch(checkly, CLIENTS[case.client](checkly), ends(case, each), each) for each in numbers)
        )
        means = [fmean(late) for late in lates]
        found.append(Found(fmean(means), len(checkly.refused), max(means) / min(means)))

    run(work)
    return found[0]


def mean(case: Case, seed: int) -> float:
    """Return the mean seconds by which ends were noticed late."""
    return try_out(replace(case, seed=seed)).mean


def one_process(waits: int, lengths: str, seeds: Sequence[int]) -> list[Figure]:
    """Return the figures of a batch in one triggerer."""
    own = Case(waits, lengths)
    late = [mean(own, seed) for seed in seeds]

    def beside(client: str) -> list[float]:
        other = [mean(replace(own, client=client), seed) for seed in seeds]
        return [a / b for a, b in zip(late, other, strict=True)]

    what = f"N = {waits}, {lengths}"
    return [
        over_seeds(f"{what}: mean / evenly paced queue, 570 a minute", beside("570"), "", 0.95, margin=1.1),
        over_seeds("  mean / evenly paced queue, 600 a minute", beside("600")),
        over_seeds("  mean", late, "s"),
        over_seeds("  429s", [try_out(replace(own, seed=seed)).refused for seed in seeds], "", 0),
        *naive(own, seeds),
    ]


def naive(case: Case, seeds: Sequence[int]) -> list[Figure]:
    """Return the figures of waits that obey the Retry-After of their own 429s, for comparison."""
    found = [try_out(replace(case, client="obeying", seed=seed)) for seed in seeds]
    return [
        over_seeds("  mean of waits that obey Retry-After, no more", [each.mean for each in found], "s"),
        over_seeds("  429s of these", [each.refused for each in found]),
    ]


def several_processes(lengths: str, seeds: Sequence[int]) -> list[Figure]:
    """Return the figures of a batch that is spread over triggerers."""
    case = Case(SIZES[-1], lengths, processes=PROCESSES)
    found = [try_out(replace(case, seed=seed)) for seed in seeds]
    one = [mean(replace(case, processes=1), seed) for seed in seeds]
    ratios = [each.mean / alone for each, alone in zip(found, one, strict=True)]
    return [
        over_seeds(f"N = {PROCESSES} x {SIZES[-1] // PROCESSES}, {lengths}: mean / one process", ratios),
        over_seeds("  worst / best process", [each.unfair for each in found]),
        over_seeds("  429s", [each.refused for each in found]),
    ]


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures."""
    logging.disable(logging.CRITICAL)
    if quick:
        return [each for lengths in ("20 to 90 s", "8 to 40 s") for each in one_process(600, lengths, (1,))]
    figures = [each for waits in SIZES for lengths in LENGTHS for each in one_process(waits, lengths, SEEDS)]
    return figures + [each for lengths in LENGTHS for each in several_processes(lengths, SEEDS)]


if __name__ == "__main__":
    command(measure)
