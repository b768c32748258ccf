"""Availability: publish the daily figures only if production was up for 99.5 % of the last 24 hours."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.operators import ChecklyAvailabilityOperator

with DAG(
    "checkly_publish_if_available",
    description="Publish only if production was available",
    schedule=None,
    tags=["checkly"],
):
    was_available = ChecklyAvailabilityOperator(
        task_id="was_available",
        tags=["production", "infra"],
        min_availability=99.5,
        max_p95_response_time=5_000,
        period="last24Hours",
    )

    @task
    def publish() -> None:
        print("Published.")  # noqa: T201 - for the task's log

    was_available >> publish()
