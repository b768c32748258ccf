"""Ask a human: where the checks did not pass, a person decides whether to publish all the same.

Needs Airflow 3.1 or newer. The question is under *Required Actions* of the task, with the report. Without an
answer within four hours, nothing is published.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.operators import ChecklyRunChecksOperator

try:
    from airflow.providers.standard.operators.hitl import ApprovalOperator
except Exception as error:  # it is an ImportError or one of Airflow's own, by version
    raise ImportError("ask_a_human needs Airflow 3.1 or newer.") from error

with DAG(
    "checkly_ask_a_human",
    description="Where checks did not pass, a person decides whether to publish all the same",
    schedule=None,
    tags=["checkly"],
):
    gate = ChecklyRunChecksOperator(
        task_id="gate",
        tags="deploy-gate",
        deferrable=True,
        timeout=600,
        soft_fail=True,  # skips where the checks did not pass; an error still fails
    )
    ask = ApprovalOperator(
        task_id="ask",
        subject="The checks did not pass. Publish all the same?",
        body="{{ ti.xcom_pull(task_ids='gate', key='report') }}",
        defaults="Reject",
        response_timeout=timedelta(hours=4),
        trigger_rule="all_skipped",
    )

    @task(trigger_rule="one_success")
    def publish() -> str:
        return "published"

    published = publish()
    gate >> ask >> published
    gate >> published
