"""The DAGs that are timed on a whole Airflow: each waits for some work, then goes on."""

from __future__ import annotations

from typing import Final

from airflow.providers.dbt.cloud.operators.dbt import DbtCloudRunJobOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.sdk import DAG, BaseOperator, task

from airflow_provider_checkly.operators import ChecklyRunChecksOperator

ENDPOINT: Final = "http/work/{{ run_id }}@{{ dag_run.conf['seconds'] }}"
CHECK: Final = "{{ dag_run.conf['check'] }}"
JOB: Final = "{{ (1000 * dag_run.conf['seconds']) | int }}"


def go_on_after(wait: BaseOperator) -> None:
    """Let something run after a wait."""

    @task
    def go_on() -> None:
        """Be there."""

    wait >> go_on()


def dag(name: str) -> DAG:
    """Return a DAG that may run as often as it is asked to."""
    return DAG(name, schedule=None, max_active_runs=200, max_active_tasks=200)


with dag("ours"):
    go_on_after(ChecklyRunChecksOperator(task_id="wait", check_ids=CHECK, deferrable=True))

for seconds in (5, 60):
    with dag(f"http-{seconds}"):
        go_on_after(HttpSensor(task_id="wait", endpoint=ENDPOINT, poke_interval=seconds, deferrable=True))
    with dag(f"dbt-{seconds}"):
        go_on_after(
            DbtCloudRunJobOperator(
                task_id="wait",
                job_id=JOB,  # type: ignore[arg-type]  # a template
                account_id=1,
                check_interval=seconds,
                deferrable=True,
            )
        )
