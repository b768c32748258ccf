"""Dynamic task mapping: one task per check, each with its own state, log, retries and link."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.operators import ChecklyRunChecksOperator

with DAG(
    "checkly_map_over_check_ids",
    description="One task per check, each with its own state, log, retries and link",
    schedule=None,
    tags=["checkly"],
):

    @task
    def checks_of_this_release() -> list[str]:
        return ["c0000000-0000-4000-8000-000000000001", "c0000000-0000-4000-8000-000000000002"]

    ChecklyRunChecksOperator.partial(
        task_id="check",
        deferrable=True,
        timeout=600,
        map_index_template="{{ task.check_ids }}",
    ).expand(check_ids=checks_of_this_release())
