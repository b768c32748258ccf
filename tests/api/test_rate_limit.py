"""The request budget: pure decisions, and the order of the queue on a clock that jumps."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_checkly.api import rate_limit
from airflow_provider_checkly.api.endpoints import CHECK_SESSIONS
from airflow_provider_checkly.api.rate_limit import MIN_SHARE, WINDOW, RateWindow, RateLimiter
from airflow_provider_checkly.api.transport import arun, asend
from airflow_provider_checkly.api.polling import Polling
from airflow_provider_checkly.api.http import Credentials
from airflow_provider_checkly.hooks import ChecklyHook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_checkly.emulator import Emulator


def send_all(budget: RateWindow, arrivals: Sequence[float]) -> list[float]:
    """Send one request after the other, each as soon as it has come and may pass."""
    now, sent = 0.0, []
    for arrival in arrivals:
        backlog = arrival < now
        now = max(now, arrival)
        while (delay := budget.delay(now, backlog=backlog)) > 0:
            now += delay
        budget.sent(now)
        sent.append(now)
    return sent


@given(
    st.lists(st.floats(0, 20), max_size=120).map(lambda gaps: [sum(gaps[:i]) for i in range(len(gaps))]),
    st.integers(1, 30),
)
@settings(deadline=None)
def test_no_window_ever_holds_more(arrivals: list[float], per_minute: int) -> None:
    sent = send_all(RateWindow(per_minute), arrivals)
    assert sent == sorted(sent)
    for first, later in zip(sent, sent[per_minute:], strict=False):
        assert later - first >= WINDOW * (1 - 1e-9)


def test_nobody_waits_while_there_is_room() -> None:
    assert send_all(RateWindow(60), [0.0] * 60) == [0.0] * 60


def test_under_pressure_requests_are_spaced_evenly() -> None:
    sent = send_all(RateWindow(60), [0.0] * 180)
    assert sent[60] == pytest.approx(WINDOW)
    assert [later - first for first, later in pairwise(sent[60:])] == pytest.approx([WINDOW / 60] * 119)
    budget = RateWindow(60)
    budget.sent(10)
    assert budget.delay(10.4, backlog=True) == pytest.approx(WINDOW / 60 - 0.4)
    assert budget.delay(10.4, backlog=False) == 0


def test_a_429_pauses_all_and_shrinks_the_budget_once() -> None:
    budget = RateWindow(100)
    budget.sent(9)
    budget.refused(10, 9, 7)
    assert budget.delay(10, backlog=False) == pytest.approx(7)
    assert budget.allowed(10) == 85
    budget.refused(11, 9.5, 2)
    assert budget.delay(11, backlog=False) == pytest.approx(6)
    assert budget.allowed(11) == 85
    assert budget.delay(17, backlog=False) == 0
    budget.refused(20, 18, 0)
    assert budget.allowed(20) == 73


def test_the_budget_grows_back_slowly_and_never_vanishes() -> None:
    budget = RateWindow(100)
    for number in range(50):
        budget.refused(number, number, 0)
    assert budget.allowed(50) == pytest.approx(100 * MIN_SHARE, abs=4)
    assert budget.allowed(50 + 10 * 60) == pytest.approx(100 * MIN_SHARE + 40, abs=4)
    assert budget.allowed(10**6) == 100
    assert RateWindow(1).allowed(0) == 1


def test_first_come_first_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_checkly.api.rate_limit.WINDOW_SECONDS", 0.3)

    async def queue() -> list[int]:
        pacer, order = RateLimiter(3), []

        async def one(number: int) -> None:
            await pacer.turn()
            order.append(number)

        await asyncio.gather(*(one(number) for number in range(12)))
        return order

    assert asyncio.run(queue()) == list(range(12))


@pytest.fixture
def account(checkly: Emulator) -> Account:
    return Credentials(checkly.url, checkly.account_id, checkly.api_key)


def test_a_wait_that_is_dropped_leaves_the_queue(account: Credentials) -> None:
    async def work() -> None:
        async with rate_limit.shared_sender(account, 5, per_minute=2, max_connections=9) as sender:
            get = CHECK_SESSIONS["v2"].get("dddddddd-0000-4000-8000-000000000001").request
            assert [(await sender(get, 60)).status for _ in range(2)] == [404, 404]
            third = asyncio.ensure_future(sender(get, 60))
            await asyncio.sleep(0.05)
            third.cancel()
            with pytest.raises(asyncio.CancelledError):
                await third
        async with rate_limit.shared_sender(account, 5, per_minute=600, max_connections=9) as sender:
            assert (await sender(get, 60)).status == 404

    asyncio.run(work())


def test_one_client_for_all_waits_of_an_account(checkly: Emulator, account: Credentials) -> None:
    """Connections are shared, bounded, and closed with the last user."""
    ids = [str(s["checkSessionId"]) for s in ChecklyHook().trigger_check_sessions(tags=["production"])]
    opened: set[int] = set()

    async def wait() -> None:
        async with rate_limit.shared_sender(account, 5, per_minute=600, max_connections=2) as sender:
            client = rate_limit._clients[asyncio.get_running_loop()][account]  # noqa: SLF001
            opened.add(id(client))
            plan = Polling(CHECK_SESSIONS["v2"], ids, time.time() + 20).steps()
            assert (await arun(plan, sender)).unfinished == ()

    async def work() -> None:
        await asyncio.gather(*(wait() for _ in range(8)))
        await wait()

    asyncio.run(work())
    assert len(opened) == 1
    assert len(checkly.requests) == 1 + 9 * len(ids)


def test_a_429_is_learned_from(checkly: Emulator, account: Credentials) -> None:
    checkly.fail(method="GET", path="me", status=429, headers={"Retry-After": "1"})

    async def work() -> float:
        from airflow_provider_checkly.api.endpoints import get_account  # noqa: PLC0415

        async with rate_limit.shared_sender(account, 5, per_minute=600, max_connections=9) as sender:
            began = time.monotonic()
            await asyncio.gather(*(asend(sender, get_account(), 30) for _ in range(3)))
            return time.monotonic() - began

    assert asyncio.run(work()) >= 0.9
    assert sorted(record.status or 0 for record in checkly.requests) == [200, 200, 200, 429]


def test_an_absurd_pause_does_not_outlast_the_deadline(
    checkly: Emulator, account: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 429 that asks for an hour pauses for a minute at most, and no wait beyond its own time."""
    budget = RateWindow(100)
    budget.refused(0, 0, 86_400)
    assert budget.delay(0, backlog=False) <= WINDOW
    (started,) = ChecklyHook().trigger_check_sessions("c0000000-0000-4000-8000-000000000007")
    checkly.fail(method="GET", path="completion", status=429, headers={"Retry-After": "3600"})

    async def work() -> bool:
        async with rate_limit.shared_sender(account, 5, per_minute=600, max_connections=9) as sender:
            plan = Polling(CHECK_SESSIONS["v2"], [str(started["checkSessionId"])], time.time() + 1.5).steps()
            return (await arun(plan, sender)).late

    monkeypatch.setattr("airflow_provider_checkly.api.polling.LAST_LOOK", 1)
    monkeypatch.setattr("airflow_provider_checkly.api.rate_limit.OVERTIME", 0.5)
    began = time.monotonic()
    assert asyncio.run(work())
    assert time.monotonic() - began < 40
