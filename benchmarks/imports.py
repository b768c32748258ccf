"""What a DAG file loads when it imports our operators and sensors."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from statistics import median
from typing import Final

from figures import Figure, command

AIRFLOW: Final = "import airflow.sdk"
OURS: Final = "import airflow_provider_checkly.operators, airflow_provider_checkly.sensors"
LINE: Final = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)")


def python(*arguments: str) -> str:
    """Run Python without what would hinder compiled files; return its output and errors."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return process.stdout + process.stderr


def own_share(log: str) -> tuple[float, float]:
    """Return the milliseconds of our own modules, and of `airflow.sdk` with all it loads."""
    own = airflow = 0
    for found in LINE.finditer(log):
        alone, whole, _, name = found.groups()
        own += int(alone) if name.startswith("airflow_provider_checkly") else 0
        airflow = int(whole) if name == "airflow.sdk" else airflow
    return own / 1000, airflow / 1000


def loaded(module: str) -> bool:
    """Return whether a fresh interpreter holds a module after importing our operators and sensors."""
    return "True" in python("-c", f"{OURS}; import sys; print({module!r} in sys.modules)")


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures; the first of the runs, which compiles, does not count."""
    runs = [
        own_share(python("-X", "importtime", "-c", f"{AIRFLOW}; {OURS}")) for _ in range(3 if quick else 8)
    ]
    runs = runs[1:]
    return [
        Figure("aiohttp or requests loaded", loaded("aiohttp") + loaded("requests"), "", 0),
        Figure(
            "our modules / airflow.sdk", 100 * median(own / whole for own, whole in runs), "%", 2, margin=2
        ),
        Figure("  our modules", median(own for own, _ in runs), "ms"),
        Figure("  airflow.sdk", median(whole for _, whole in runs), "ms"),
    ]


if __name__ == "__main__":
    command(measure)
