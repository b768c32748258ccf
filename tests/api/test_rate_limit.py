"""The request window: pure decisions, and the order of the queue on a clock that jumps."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_checkly.api import transport
from airflow_provider_checkly.api.endpoints import SessionEndpoints, get_account
from airflow_provider_checkly.api.http import Credentials
from airflow_provider_checkly.api.models import CHECK_SESSION
from airflow_provider_checkly.api.polling import Polling
from airflow_provider_checkly.api.rate_limit import (
    MIN_SHARE,
    QUIET_SECONDS,
    WINDOW_SECONDS,
    RateLimiter,
    RateWindow,
    SharedClient,
    shared_client,
)
from airflow_provider_checkly.emulator.default_checks import NEVER_ENDS
from airflow_provider_checkly.hooks import ChecklyHook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from airflow_provider_checkly.api.rate_limit import AsyncSender
    from airflow_provider_checkly.emulator import Emulator


def send_all(window: RateWindow, arrivals: Sequence[float]) -> list[float]:
    """Send requests one by one, each as soon as it has arrived and may pass; return the times."""
    now, sent = 0.0, []
    for arrival in arrivals:
        now = max(now, arrival)
        while (delay := window.delay(now)) > 0:
            now += delay
        window.sent(now)
        sent.append(now)
    return sent


@given(
    st.lists(st.floats(0, 20), max_size=120).map(lambda gaps: [sum(gaps[:i]) for i in range(len(gaps))]),
    st.integers(1, 30),
)
@settings(deadline=None)
def test_no_window_holds_too_many_requests(arrivals: list[float], per_minute: int) -> None:
    sent = send_all(RateWindow(per_minute), arrivals)
    assert sent == sorted(sent)
    for first, later in zip(sent, sent[per_minute:], strict=False):
        assert later - first >= WINDOW_SECONDS * (1 - 1e-9)


def test_a_batch_spends_each_window_in_half_of_it() -> None:
    sent = send_all(RateWindow(60), [0.0] * 180)
    gap = WINDOW_SECONDS / 60 / 2
    expected = [window * WINDOW_SECONDS + number * gap for window in range(3) for number in range(60)]
    assert sent == pytest.approx(expected)


def test_a_small_budget_is_spent_at_the_even_rate() -> None:
    window = RateWindow(600)
    for number in range(50):
        window.refused(number, number, 0, backlog=True)
    window.sent(100)
    assert window.allowed(100) == 600 * MIN_SHARE
    assert window.delay(100) == pytest.approx(WINDOW_SECONDS / (600 * MIN_SHARE * (1 + MIN_SHARE)))


def test_a_request_after_a_pause_passes_at_once() -> None:
    window = RateWindow(60)
    window.sent(10)
    assert window.delay(10.1) == pytest.approx(WINDOW_SECONDS / 60 / 2 - 0.1)
    assert window.delay(11) == 0


def refused_once(passed: int, *, backlog: bool) -> int:
    """Return what a 429 leaves of a budget of 100, of which so many requests passed."""
    window = RateWindow(100)
    for number in range(passed):
        window.sent(number / 10)
    window.refused(11, 10, 0, backlog=backlog)
    return window.allowed(11)


@pytest.mark.parametrize(
    ("passed", "backlog", "left"),
    [(100, True, 95), (75, True, 95), (74, True, 70), (1, True, 70), (1, False, 95), (74, False, 95)],
)
def test_a_429_costs_more_if_requests_queued_and_little_passed(
    passed: int, left: int, *, backlog: bool
) -> None:
    assert refused_once(passed, backlog=backlog) == left


def test_a_429_pauses_all_requests_and_shrinks_the_budget_once() -> None:
    window = RateWindow(100)
    window.sent(9)
    window.refused(10, 9, 7, backlog=False)
    assert window.delay(10) == pytest.approx(7)
    assert window.allowed(10) == 95
    window.refused(11, 9.5, 2, backlog=False)
    assert window.delay(11) == pytest.approx(6)
    assert window.allowed(11) == 95
    assert window.delay(17) == 0
    window.refused(20, 18, 0, backlog=False)
    assert window.allowed(20) == 90


@pytest.mark.parametrize(
    ("quiet", "allowed"), [(0, 2), (QUIET_SECONDS, 2), (1.5 * QUIET_SECONDS, 27), (2 * QUIET_SECONDS, 100)]
)
def test_the_budget_grows_after_a_quiet_time(quiet: float, allowed: int) -> None:
    window = RateWindow(100)
    for number in range(50):
        window.refused(number, number, 0, backlog=True)
    assert window.allowed(49 + quiet) == allowed


def test_the_smallest_budget_is_one_request() -> None:
    window = RateWindow(1)
    window.refused(0, 0, 0, backlog=True)
    assert window.allowed(0) == 1


@pytest.mark.usefixtures("clock")
def test_first_come_first_served() -> None:
    async def queue() -> list[int]:
        limiter, order = RateLimiter(3), []

        async def one(number: int) -> None:
            await limiter.turn()
            order.append(number)

        await asyncio.gather(*(one(number) for number in range(12)))
        return order

    assert asyncio.run(queue()) == list(range(12))


SESSIONS = SessionEndpoints(CHECK_SESSION)
UNKNOWN = "dddddddd-0000-4000-8000-000000000001"


def client_for(
    credentials: Credentials,
    *,
    per_minute: int = 600,
    max_connections: int = 9,
    opened: list[int] | None = None,
) -> SharedClient:
    """Return the client of an account; each connection pool that it opens is noted."""

    def open_sender() -> AbstractAsyncContextManager[AsyncSender]:
        if opened is not None:
            opened.append(1)
        return transport.aiohttp_sender(credentials, 5)

    return shared_client(credentials, open_sender, per_minute=per_minute, max_connections=max_connections)


@pytest.fixture
def credentials(checkly: Emulator) -> Credentials:
    return Credentials(checkly.url, checkly.account_id, checkly.api_key)


def test_a_cancelled_wait_leaves_the_queue(credentials: Credentials) -> None:
    async def work() -> None:
        async with client_for(credentials, per_minute=2) as sender:
            get = SESSIONS.get(UNKNOWN).request
            assert [(await sender(get, 60)).status for _ in range(2)] == [404, 404]
            third = asyncio.ensure_future(sender(get, 60))
            await asyncio.sleep(0.05)
            third.cancel()
            with pytest.raises(asyncio.CancelledError):
                await third
        async with client_for(credentials) as sender:
            assert (await sender(get, 60)).status == 404

    asyncio.run(work())


def test_one_client_for_all_waits_of_an_account(checkly: Emulator, credentials: Credentials) -> None:
    """Connections are shared, bounded, and closed with the last user."""
    ids = [str(s["checkSessionId"]) for s in ChecklyHook().trigger_check_sessions(tags=["production"])]
    opened: list[int] = []

    async def wait() -> None:
        async with client_for(credentials, max_connections=2, opened=opened) as sender:
            steps = Polling(CHECK_SESSION, ids).steps(SESSIONS, time.time() + 20)
            assert (await transport.arun(steps, sender)).unfinished == ()

    async def work() -> None:
        await asyncio.gather(*(wait() for _ in range(8)))
        await wait()

    asyncio.run(work())
    assert len(opened) == 2  # the last user closed the first one
    assert len(checkly.requests) == 1 + 9 * len(ids)


def test_a_429_of_one_request_pauses_the_others(checkly: Emulator, credentials: Credentials) -> None:
    checkly.fail(method="GET", path="me", status=429, headers={"Retry-After": "1"})

    async def work() -> float:
        async with client_for(credentials) as sender:
            began = time.monotonic()
            await asyncio.gather(*(transport.asend(sender, get_account(), 30) for _ in range(3)))
            return time.monotonic() - began

    assert asyncio.run(work()) >= 1
    assert sorted(record.status or 0 for record in checkly.requests) == [200, 200, 200, 429]


@pytest.mark.usefixtures("clock")
def test_an_absurd_pause_does_not_outlast_the_deadline(checkly: Emulator, credentials: Credentials) -> None:
    """A 429 that asks for an hour pauses for a minute at most, and no wait longer than its own time."""
    window = RateWindow(100)
    window.refused(0, 0, 86_400, backlog=False)
    assert window.delay(0) <= WINDOW_SECONDS
    (started,) = ChecklyHook().trigger_check_sessions(NEVER_ENDS)
    checkly.fail(method="GET", path="completion", status=429, headers={"Retry-After": "3600"})

    async def work() -> bool:
        async with client_for(credentials) as sender:
            steps = Polling(CHECK_SESSION, [str(started["checkSessionId"])]).steps(
                SESSIONS, time.time() + 1.5
            )
            return (await transport.arun(steps, sender)).late

    assert asyncio.run(work())
    assert [record.path.rpartition("/")[2] for record in checkly.requests[1:]] == [
        "completion",
        str(started["checkSessionId"]),
    ]
