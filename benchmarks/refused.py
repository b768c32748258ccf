"""What triggers do while Checkly answers 429, as after a burst of somebody else: requests in seconds."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from figures import Figure, command
from twin import counts, session_id, twin

CONTENDER: Final = Path(__file__).parent / "contender.py"
LIMIT: Final = 20
WAITS: Final = 10
STARTUP: Final = 60.0
NAMES: Final = {
    "ours": "our trigger",
    "http-5": "HttpSensorTrigger, every 5 s",
    "dbt": "DbtCloudRunJobTrigger",
}


def use_up(url: str) -> None:
    """Spend the whole limit."""
    for number in range(LIMIT):
        where = f"{url}/v2/check-sessions/{session_id(number, 0)}/completion?maxWaitSeconds=30"
        with urlopen(where, timeout=60) as answer:  # noqa: S310 - a local address
            answer.read()


def started(url: str, kind: str) -> bool:
    """Return whether a contender has asked since the limit was used up."""
    return counts(url, kind)["requests"] > LIMIT


def requests_in(kind: str, seconds: float) -> tuple[int, bool]:
    """Return the requests of ten waits in so many seconds after the first, and whether all waits gave up."""
    with twin(limit=LIMIT) as url:
        use_up(f"{url}/{kind}")
        arguments = [kind, f"{url}/{kind}", str(WAITS), "300", "400", "1"]
        process = subprocess.Popen([sys.executable, str(CONTENDER), *arguments], stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            give_up = time.monotonic() + STARTUP
            while not started(url, kind) and time.monotonic() < give_up:
                time.sleep(0.1)
            time.sleep(seconds)
            return counts(url, kind)["requests"] - LIMIT, process.poll() is not None
        finally:
            process.terminate()
            process.wait()


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures."""
    seconds = 12 if quick else 30
    kinds = ("ours", "http-5") if quick else tuple(NAMES)
    with ThreadPoolExecutor() as threads:
        found = dict(zip(kinds, threads.map(lambda kind: requests_in(kind, seconds), kinds), strict=True))
    quotient = found["ours"][0] / max(1, found["http-5"][0])
    return [
        Figure("requests under 429 / HttpSensorTrigger", quotient, "", 0.01, margin=5),
        *(
            Figure(f"  {NAMES[kind]}, {WAITS} waits, {seconds} s", asked, "requests")
            for kind, (asked, _) in found.items()
        ),
    ]


if __name__ == "__main__":
    command(measure)
