"""Processor time and requests of a thousand waits, beside plain aiohttp, two providers of Airflow, and curl.

All contenders wait at the same time, each in a process of its own, for the same sessions, at a server of its
own without a rate limit. Where the budget is lifted, our trigger asks as often as the floor does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from figures import Figure, command
from twin import counts, twin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONTENDER: Final = Path(__file__).parent / "contender.py"
CURLS: Final = 50
NAMES: Final = {
    "ours-unlimited": "our trigger, budget lifted",
    "ours": "our trigger as delivered (595 a minute)",
    "floor": "plain aiohttp long poll (the floor)",
    "lookup": "the floor, after looking up its Airflow connection",
    "http-5": "HttpSensorTrigger, every 5 s",
    "http-60": "HttpSensorTrigger, every 60 s",
    "dbt": "DbtCloudRunJobTrigger, every 60 s",
    "curl": f"curl --retry ({CURLS} of them)",
}
MAIN: Final = ("ours", "ours-unlimited", "floor", "http-5")
"""They have goals; the others wait in a batch of their own, so that none is short of processor time."""
OTHERS: Final = ("lookup", "http-60", "dbt", "curl")


@dataclass(frozen=True)
class Size:
    """How much is measured; the durations of sessions are spread evenly, in seconds."""

    waits: int
    shortest: float
    longest: float
    batches: int


FULL: Final = Size(1000, 20, 90, 3)
QUICK: Final = Size(300, 20, 34, 1)


@dataclass(frozen=True)
class Cost:
    """What a session-minute cost: milliseconds of processor time, requests; and how late ends were seen."""

    cpu: float
    requests: float
    late: float


def start(kind: str, url: str, size: Size, seed: int) -> subprocess.Popen[str]:
    """Start a contender."""
    waits = CURLS if kind == "curl" else size.waits
    arguments = [kind, f"{url}/{kind}", waits, size.shortest, size.longest, seed]
    command = [sys.executable, str(CONTENDER), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves


def cost(process: subprocess.Popen[str], url: str, kind: str) -> Cost:
    """Wait for a contender, and read what it says."""
    took = json.loads(process.communicate()[0])
    minutes = took["session_minutes"]
    return Cost(1000 * took["cpu"] / minutes, counts(url, kind)["requests"] / minutes, took["late"])


def batch(kinds: Sequence[str], size: Size, seed: int) -> dict[str, Cost]:
    """Let contenders wait side by side."""
    with ExitStack() as stack:
        urls = {kind: stack.enter_context(twin()) for kind in kinds}
        running = {kind: start(kind, url, size, seed) for kind, url in urls.items()}
        return {kind: cost(process, urls[kind], kind) for kind, process in running.items()}


def described(kind: str, costs: Mapping[str, Sequence[Cost]]) -> list[Figure]:
    """Return the figures of one contender."""
    own = costs[kind]
    return [
        Figure(NAMES[kind], median(each.cpu for each in own), "ms per session-minute"),
        Figure("  requests per session-minute", median(each.requests for each in own)),
        Figure("  noticed late, mean", median(each.late for each in own), "s"),
    ]


def ratio(costs: Mapping[str, Sequence[Cost]], field: str, one: str, other: str) -> float:
    """Return the median over batches of what one needs in parts of what another needs."""
    pairs = zip(costs[one], costs[other], strict=False)
    return float(median(getattr(a, field) / getattr(b, field) for a, b in pairs))


def goals(costs: Mapping[str, Sequence[Cost]]) -> list[Figure]:
    """Return the figures that have goals.

    The margins are wide since waits of a short run end soon, so that what is paid once per wait weighs more,
    and since one process may get its turn of a busy processor a second later than another.
    """

    def of(field: str, one: str, other: str) -> float:
        return ratio(costs, field, one, other)

    return [
        Figure("CPU / floor, as delivered", of("cpu", "ours", "floor"), "", 1.3, margin=2.5),
        Figure("CPU / floor, budget lifted", of("cpu", "ours-unlimited", "floor"), "", 1.3, margin=2.5),
        Figure("CPU / HttpSensorTrigger at 5 s", of("cpu", "ours", "http-5"), "", 0.125, margin=4),
        Figure("requests / floor", of("requests", "ours-unlimited", "floor"), "", 1.02, margin=1.1),
    ]


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures."""
    size = QUICK if quick else FULL
    batches = [batch(MAIN, size, seed) for seed in range(1, size.batches + 1)]
    if not quick:
        batches.append(batch(("ours-unlimited", "floor", *OTHERS), size, size.batches + 1))
    costs = {kind: [each[kind] for each in batches if kind in each] for kind in NAMES}
    return goals(costs) + [figure for kind in NAMES if costs[kind] for figure in described(kind, costs)]


if __name__ == "__main__":
    command(measure)
