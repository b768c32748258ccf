"""Retry policy (Airflow 3.3 and newer): no retry after a wrong key; a pause where Checkly asks for one."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.hooks import ChecklyHook

try:
    from airflow_provider_checkly.retry_policy import ChecklyRetryPolicy
except ImportError:  # before Airflow 3.3, only the number of retries and their pause can be said
    policy = {}
else:
    policy = {"retry_policy": ChecklyRetryPolicy()}

with DAG(
    "checkly_retry_what_may_get_better",
    description="Retry only errors that a retry can mend",
    schedule=None,
    tags=["checkly"],
):

    @task(retries=3, retry_delay=timedelta(minutes=1), **policy)
    def account() -> str:
        return str(ChecklyHook().get_account()["name"])

    account()
