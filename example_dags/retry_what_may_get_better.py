"""Retry policy: no retry after a wrong key, and a pause where Checkly asks for one.

The policy has an effect on Airflow 3.3 or newer; older versions know only a number of retries and a delay.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.hooks import ChecklyHook

policy: dict[str, Any] = {}
try:
    from airflow_provider_checkly.retry_policy import ChecklyRetryPolicy
except ImportError:  # before Airflow 3.3, a task has only a number of retries and a pause
    pass
else:
    policy["retry_policy"] = ChecklyRetryPolicy()

with DAG(
    "checkly_retry_what_may_get_better",
    description="No retry after a wrong API key; a pause where Checkly asks for one",
    schedule=None,
    tags=["checkly"],
):

    @task(retries=3, retry_delay=timedelta(minutes=1), **policy)
    def account() -> str:
        return str(ChecklyHook().get_account()["name"])

    account()
