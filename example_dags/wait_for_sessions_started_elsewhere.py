"""Sensor: wait for check sessions that somebody else started.

Here a first task stands for that somebody: a deployment pipeline, another DAG, a person at Checkly.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_checkly.operators import ChecklyRunChecksOperator
from airflow_provider_checkly.sensors import ChecklyCheckSessionSensor

with DAG(
    "checkly_wait_for_sessions_started_elsewhere",
    description="Wait for check sessions that another system started",
    schedule=None,
    tags=["checkly"],
):
    started = ChecklyRunChecksOperator(task_id="somebody_else", tags="smoke", wait_for_completion=False)

    ChecklyCheckSessionSensor(
        task_id="wait",
        check_session_ids=started.output["check_session_ids"],
        deferrable=True,
        timeout=600,
    )
