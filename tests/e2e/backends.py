"""PostgreSQL and Redis, on loopback only, until the end of a `with` block."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deployment import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PACKAGES: Final = (Path(__file__).parent / "debian-packages.txt").read_text().split()
READY_SECONDS: Final = 30


def missing() -> str:
    """Say which Debian packages must be installed, "" if all are there."""
    found = {"postgresql": postgres_folder(), "redis-server": shutil.which("redis-server")}
    absent = [package for package in PACKAGES if not found.get(package)]
    return f"Debian packages are missing: apt-get install {' '.join(absent)}" if absent else ""


def postgres_folder() -> Path | None:
    """Return where PostgreSQL's programs are, which Debian keeps out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [shutil.which("initdb")]
    return Path(found[-1]).parent if found[-1] else None


@contextmanager
def postgres() -> Iterator[str]:
    """Run an empty PostgreSQL; give host, port and database as in a URL."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="checkly-postgres-"))
        folder, port = postgres_folder() or Path(), free_port()
        if os.geteuid() == 0:
            shutil.chown(home, "postgres")
        data = Path(home) / "data"
        _call(home, folder / "initdb", "-D", data, "-U", "airflow", "-A", "trust", "-E", "UTF8", "--no-sync")
        where = ("-h", HOST, "-p", str(port), "-U", "airflow")
        settings = (
            "listen_addresses=" + HOST,
            "unix_socket_directories=",
            "max_connections=300",
            "fsync=off",
        )
        options = [part for setting in settings for part in ("-c", setting)]
        stack.enter_context(
            _running(home, [folder / "postgres", "-D", data, "-p", str(port), *options], port)
        )
        _call(home, folder / "createdb", *where, "airflow")
        yield f"airflow@{HOST}:{port}/airflow"


@contextmanager
def redis() -> Iterator[str]:
    """Run an empty Redis; give its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="checkly-redis-") as home:
        options = ["--bind", HOST, "--port", str(port), "--save", "", "--appendonly", "no"]
        if os.geteuid() == 0:
            shutil.chown(home, "postgres")
        with _running(home, ["redis-server", *options], port):
            yield f"redis://{HOST}:{port}/0"


def _as_nobody() -> list[str]:
    """Return what goes before a command: PostgreSQL does not run as root."""
    user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return ["setpriv", *user] if os.geteuid() == 0 else []


def _call(home: str, *command: str | Path) -> None:
    whole = [*_as_nobody(), *map(str, command)]
    done = subprocess.run(whole, cwd=home, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")


@contextmanager
def _running(home: str, command: Sequence[str | Path], port: int) -> Iterator[None]:
    """Run a server until the end of the block, once it listens."""
    with (Path(home) / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            [*_as_nobody(), *map(str, command)],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _await_port(port, process)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection((HOST, port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not listen on port {port}")
