"""Trigger queue: let one triggerer wait for all gates of an account, so that they share one request budget.

Needs Airflow 3.2 or newer; older versions ignore the queue. Set `[triggerer] queues_enabled = True` and start
`airflow triggerer --queues checkly` for these tasks, `--queues default` for all others, and one without
`--queues` for asset watchers and callbacks. With Celery, a worker must serve the queue as well.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.operators import ChecklyRunChecksOperator

with DAG(
    "checkly_one_trigger_queue",
    description="All gates of an account wait in one triggerer and share its request budget",
    schedule=None,
    default_args={"queue": "checkly"},
    tags=["checkly"],
):
    shop = ChecklyRunChecksOperator(task_id="shop", tags="deploy-gate", deferrable=True, timeout=600)
    infra = ChecklyRunChecksOperator(task_id="infra", tags="infra", deferrable=True, timeout=600)

    @task(queue="default")
    def publish() -> str:
        return "published"

    [shop, infra] >> publish()
