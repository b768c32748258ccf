"""Health: load only while production is healthy by its scheduled runs; it starts nothing and alerts nobody.

An API key with the role Read Only is enough. After a deployment, add `fresh=True`: the status is still the
one from before.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.sensors import ChecklyCheckStatusSensor

with DAG(
    "checkly_wait_until_healthy",
    description="Load only while production is healthy",
    schedule=None,
    tags=["checkly"],
):
    healthy = ChecklyCheckStatusSensor(
        task_id="healthy",
        tags=["production", "infra"],
        deferrable=True,
        poke_interval=30,
        timeout=timedelta(minutes=30),
    )

    @task
    def load(checks: list[dict[str, str]]) -> list[str]:
        return [check["name"] for check in checks]

    load(healthy.output)
