"""Async task: wait for check sessions and do something else at the same time, in one `async def` task.

Needs Airflow 3.2 or newer.
"""

from __future__ import annotations

import asyncio

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunChecksOperator

try:
    from airflow.sdk.bases.operator import BaseAsyncOperator  # noqa: F401 - what runs `async def` tasks
except ImportError:
    raise ImportError("await_in_an_async_task needs Airflow 3.2 or newer.") from None


async def warm_caches() -> int:
    await asyncio.sleep(0.1)  # here: request the pages that customers see first
    return 3


with DAG(
    "checkly_await_in_an_async_task",
    description="Wait for check sessions and warm caches at the same time",
    schedule=None,
    tags=["checkly"],
):
    started = ChecklyRunChecksOperator(task_id="start", tags="deploy-gate", wait_for_completion=False)

    @task
    async def finish(check_session_ids: list[str]) -> dict[str, int]:
        sessions, pages = await asyncio.gather(
            ChecklyHook().await_sessions(check_session_ids, timeout=600), warm_caches()
        )
        passed = sum(session["status"] in ("PASSED", "DEGRADED") for session in sessions)
        if passed < len(sessions):
            raise RuntimeError(f"{len(sessions) - passed} of {len(sessions)} checks did not pass")
        return {"passed": passed, "pages": pages}

    finish(started.output["check_session_ids"])
