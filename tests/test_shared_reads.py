"""Many waits share each request, without blocking the event loop when its answer comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from airflow_provider_checkly.gate.health import get_account_statuses
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.shared_reads import shared_reads

if TYPE_CHECKING:
    from airflow_provider_checkly.api.reads import Reads
    from airflow_provider_checkly.gate.health import AccountStatuses


def statuses() -> Reads[AccountStatuses]:
    found: AccountStatuses = yield get_account_statuses()
    return found


@pytest.mark.usefixtures("checkly")
def test_one_wait_resumes_in_each_step_of_the_event_loop() -> None:
    """Each may select from thousands of checks; together they would block all triggers for long."""
    resumed: list[int] = []
    step = 0

    async def count() -> None:
        nonlocal step
        while True:
            await asyncio.sleep(0)
            step += 1

    async def wait() -> None:
        await shared_reads(ChecklyHook(), statuses(), 5)
        resumed.append(step)

    async def work() -> None:
        counting = asyncio.create_task(count())
        await asyncio.gather(*(wait() for _ in range(30)))
        counting.cancel()

    asyncio.run(work())
    assert len(set(resumed)) == len(resumed) == 30
