"""What the benchmarks ran on, and what they take of it."""

from __future__ import annotations

import os
import platform
import resource
from importlib.metadata import version
from pathlib import Path
from typing import Final

PACKAGES: Final = (
    "apache-airflow",
    "aiohttp",
    "apache-airflow-providers-http",
    "apache-airflow-providers-dbt-cloud",
)


def many_files() -> int:
    """Raise this process's limit of open files as far as allowed; return what was got."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):  # some systems call the limit infinite, then refuse that
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return hard


def cpu_seconds(who: int = resource.RUSAGE_SELF) -> float:
    """Return the processor time of this process, or of its children."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def resident_bytes() -> int:
    """Return the memory that this process holds now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def notes() -> str:
    """Return one line about machine and versions."""
    load = os.getloadavg()[0]
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, load {load:.1f} at the end, "
        f"Python {platform.python_version()}, {packages}; {many_files()} open files per process."
    )
