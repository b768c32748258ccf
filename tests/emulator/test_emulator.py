from __future__ import annotations

import asyncio
import gc
import json
import resource
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_checkly.emulator import Emulator

STUCK = 7
FILES = Path("/proc/self/fd")


def test_entering_and_leaving_is_quick_and_leaks_nothing(connect: Any) -> None:
    threads, files = threading.active_count(), len(list(FILES.iterdir()))
    for _ in range(3):
        before = time.monotonic()
        with Emulator() as checkly:
            entered = time.monotonic()
        assert entered - before < 5
        assert time.monotonic() - entered < 5
    gc.collect()
    assert threading.active_count() == threads
    assert len(list(FILES.iterdir())) == files
    with pytest.raises(requests.ConnectionError):
        connect(checkly).get("/v1/accounts")


def test_leaving_cuts_open_polls_off(connect: Any) -> None:
    with ThreadPoolExecutor() as pool:
        with Emulator() as checkly:
            client = connect(checkly)
            session_id = client.start(client.fleet(STUCK)[0])
            polls = [pool.submit(connect(checkly).completion, session_id, 30) for _ in range(5)]
            while len([record for record in checkly.requests if record.seconds is None]) < 5:
                time.sleep(0.01)
            before = time.monotonic()
        assert time.monotonic() - before < 5
        assert all(isinstance(poll.exception(timeout=1), requests.ConnectionError) for poll in polls)
    assert [record.status for record in checkly.requests] == [201, *[None] * 5]


def test_several_side_by_side(connect: Any) -> None:
    with Emulator(api_key="one") as first, Emulator(api_key="two") as second:
        assert first.url != second.url
        connect(first).get("/v1/accounts")
        assert connect(second, Authorization="Bearer one").get("/v1/accounts").status_code == 401
        assert (len(first.requests), len(second.requests)) == (1, 1)


def test_what_airflow_needs(checkly: Emulator) -> None:
    assert json.loads(checkly.connection_json) == {
        "conn_type": "checkly",
        "login": checkly.account_id,
        "password": checkly.api_key,
        "host": checkly.url,
    }


def test_a_port_of_ones_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"), Emulator(host_port=port):
            pass
    with Emulator(host_port=port) as checkly:
        assert checkly.url == f"http://127.0.0.1:{port}"


def test_no_request_is_logged(client: Any, capfd: pytest.CaptureFixture[str]) -> None:
    client.get("/v1/accounts")
    assert capfd.readouterr() == ("", "")


def test_two_thousand_long_polls_at_once(client: Any) -> None:
    polls, (soft, hard) = 2000, resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * polls + 500
    if hard < needed:
        pytest.skip(f"needs {needed} open files, the system allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    try:
        session_id = client.start(client.fleet(STUCK)[0])
        answers, idle = asyncio.run(_hold_many(client, session_id, polls))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert answers == {b"HTTP/1.1 200 OK": polls}
    assert idle < 2, "holding costs no processor time"


def _until_asked(emulator: Emulator, times: int) -> None:
    while len(emulator.requests) < times:
        time.sleep(0.02)


async def _hold_many(client: Any, session_id: str, polls: int) -> tuple[dict[bytes, int], float]:
    """Open the polls, measure what it costs to hold them for a while, then end them with one cancel."""
    pool = asyncio.Semaphore(200)
    key, account = client.emulator.api_key, client.emulator.account_id
    lines = (
        f"GET /v2/check-sessions/{session_id}/completion HTTP/1.1",
        "Host: x",
        "Connection: close",
        f"Authorization: Bearer {key}",
        f"X-Checkly-Account: {account}",
    )

    async def ask() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with pool:
            host, port = client.emulator.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write("\r\n".join((*lines, "", "")).encode())
            return reader, writer

    streams = await asyncio.gather(*(ask() for _ in range(polls)))
    await asyncio.to_thread(_until_asked, client.emulator, polls + 1)
    before = time.process_time()
    await asyncio.sleep(0.3)
    idle = time.process_time() - before
    await asyncio.to_thread(client.cancel, session_id)
    answers: dict[bytes, int] = {}
    for reader, writer in streams:
        first = (await reader.read()).split(b"\r\n", 1)[0]
        answers[first] = answers.get(first, 0) + 1
        writer.close()
        await writer.wait_closed()
    return answers, idle
