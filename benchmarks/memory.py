"""Memory per wait on one bare event loop, beside plain aiohttp, and the connections held under TLS.

The slope from the first to the second number of waits leaves out what is paid once. Called with KIND URL FEW
MANY SETTLE it is the process that waits. (A default triggerer takes 1,000 triggers.)
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from contender import KINDS, log_to_nowhere
from figures import Figure, command
from machine import many_files, resident_bytes
from twin import counts, twin

if TYPE_CHECKING:
    from contender import Wait

SETTLE: Final = 35.0
"""Seconds after which every wait has been asked for again once."""
HIDDEN: Final = 3600.0


async def grow(wait: Wait, steps: list[int], settle: float) -> list[int]:
    """Return the resident bytes with each number of waits, which all stay unfinished."""
    found: list[int] = []
    waiting: list[asyncio.Future[object]] = []
    for many in steps:
        began = time.time()
        while len(waiting) < many:
            waiting.append(asyncio.ensure_future(wait(len(waiting), began + HIDDEN)))
            if len(waiting) % 20 == 0:
                await asyncio.sleep(0.05)
        await asyncio.sleep(settle)
        gc.collect()
        found.append(resident_bytes())
    return found


def wait_here(kind: str, url: str, few: int, many: int, settle: float) -> None:
    """Be the process that waits; print the bytes."""
    many_files()
    wait = KINDS[kind](url)
    output = log_to_nowhere()
    print(json.dumps(asyncio.run(unended(wait, [few, many], settle))), file=output, flush=True)


async def unended(wait: Wait, steps: list[int], settle: float) -> list[int]:
    """Do what `grow` does, and end the process's waits the short way."""
    found = await grow(wait, steps, settle)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    return found


def held(kind: str, few: int, many: int, settle: float, certificate: Path | None = None) -> tuple[float, int]:
    """Return the bytes per wait, and the most connections at once."""
    environment = os.environ | ({"REQUESTS_CA_BUNDLE": str(certificate)} if certificate else {})
    with twin(certificate=certificate) as url:
        command = [sys.executable, __file__, kind, f"{url}/{kind}", str(few), str(many), str(settle)]
        said = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment).stdout  # noqa: S603
        before, after = json.loads(said)
        return (after - before) / (many - few), counts(url, kind, certificate)["connections"]


def certified(folder: Path) -> Path:
    """Make a certificate for the loopback address, with its key, in one file."""
    file = folder / "twin.pem"
    subprocess.run(  # noqa: S603 - constant
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=twin",  # noqa: S607
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(file), "-out", str(folder / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + (folder / "cert.pem").read_text())
    return file


def slopes(few: int, many: int, settle: float, batches: int) -> list[Figure]:
    """Return the memory per wait."""
    pairs = [
        [held(kind, few, many, settle)[0] for kind in ("ours-unlimited", "floor")] for _ in range(batches)
    ]
    ours, floor = (median(values) for values in zip(*pairs, strict=True))
    quotient = median(own / least for own, least in pairs)
    return [
        Figure(f"memory per wait / floor, {few} to {many} waits", quotient, "", 1.5, margin=2),
        Figure("  ours, every wait holding a connection", ours / 1024, "KiB"),
        Figure("  floor", floor / 1024, "KiB"),
    ]


def under_tls(few: int, many: int, settle: float) -> list[Figure]:
    """Return what our trigger needs as delivered, under TLS."""
    with tempfile.TemporaryDirectory() as folder:
        each, connections = held("ours", few, many, settle, certified(Path(folder)))
    return [
        Figure(f"connections under TLS, {many} waits, as delivered", connections, "", 300),
        Figure("  memory per wait beyond them", each / 1024, "KiB"),
    ]


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures."""
    if quick:
        return slopes(200, 1000, 3, 1)
    return slopes(1000, 5000, SETTLE, 1) + under_tls(1000, 5000, 5)


if __name__ == "__main__":
    if len(sys.argv) > 3:  # noqa: PLR2004 - see the docstring
        wait_here(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
        sys.stdout.flush()
        os._exit(0)
    command(measure)
