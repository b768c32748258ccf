"""Maintenance: silence the alerts of the shop while it is deployed, then wait until it is healthy again.

The window ends with the teardown, also if the deployment fails; should everything die, it ends by itself. It
needs an API key with the role Read & Write.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.operators import (
    ChecklyCreateMaintenanceWindowOperator,
    ChecklyDeleteMaintenanceWindowOperator,
)
from airflow_provider_checkly.sensors import ChecklyCheckStatusSensor

with DAG(
    "checkly_deploy_quietly",
    description="Silence the alerts of the shop while it is deployed",
    schedule=None,
    tags=["checkly"],
):
    quiet = ChecklyCreateMaintenanceWindowOperator(
        task_id="quiet", silence_tags=["production"], max_duration=timedelta(minutes=30)
    ).as_setup()
    loud = ChecklyDeleteMaintenanceWindowOperator(task_id="loud", window_id=quiet.output)

    @task
    def deploy() -> None:
        print("Deployed.")  # noqa: T201 - for the task's log

    with loud.as_teardown(setups=quiet):
        deploy() >> ChecklyCheckStatusSensor(
            task_id="well_again",
            tags=["production", "infra"],
            fresh=True,
            deferrable=True,
            poke_interval=30,
            timeout=timedelta(minutes=10),
        )
