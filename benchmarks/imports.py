"""What a DAG file loads when it imports our operators and sensors."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from figures import Figure, command

if TYPE_CHECKING:
    from collections.abc import Sequence

AIRFLOW: Final = "import airflow.sdk"
OURS: Final = "import airflow_provider_checkly.operators, airflow_provider_checkly.sensors"
OWN: Final = "airflow_provider_checkly"
LINE: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| ( *)(\S+)")


def python(*arguments: str) -> str:
    """Run Python without what would hinder compiled files; return its output and errors."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return process.stdout + process.stderr


def alone(log: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return the microseconds that each of our modules took by itself, and each that `airflow.sdk` loads."""
    own: dict[str, int] = {}
    airflow: dict[str, int] = {}
    tree: dict[str, int] = {}
    for microseconds, indent, name in LINE.findall(log):
        tree[name] = int(microseconds)
        if name.startswith(OWN):
            own[name] = int(microseconds)
        if not indent:  # what stands above it was loaded by it
            airflow = tree if name == "airflow.sdk" else airflow
            tree = {}
    return own, airflow


def least(runs: Sequence[dict[str, int]]) -> float:
    """Return the milliseconds of all modules, each at its fastest: other work on a machine only adds."""
    names = {name for run in runs for name in run}
    return sum(min(run[name] for run in runs if name in run) for name in names) / 1000


def loaded(module: str) -> bool:
    """Return whether a fresh interpreter holds a module after importing our operators and sensors."""
    return "True" in python("-c", f"{OURS}; import sys; print({module!r} in sys.modules)")


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures."""
    count = 4 if quick else 12
    logs = [python("-X", "importtime", "-c", f"{AIRFLOW}; {OURS}") for _ in range(count)]
    own, airflow = (least(runs) for runs in zip(*map(alone, logs), strict=True))
    return [
        Figure("aiohttp or requests loaded", loaded("aiohttp") + loaded("requests"), "", 0),
        Figure("our modules / airflow.sdk", 100 * own / airflow, "%", 2, margin=2),
        Figure("  our modules", own, "ms"),
        Figure("  airflow.sdk", airflow, "ms"),
    ]


if __name__ == "__main__":
    command(measure)
