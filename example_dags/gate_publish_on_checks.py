"""Gate: publish only if every check that has a tag passes.

The tag is a parameter of the run, so that a deployment can name its own checks.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_checkly.operators import ChecklyRunChecksOperator

with DAG(
    "checkly_gate_publish_on_checks",
    description="Publish only if every check that has a tag passes",
    schedule=None,
    params={"tag": Param("deploy-gate", type="string", description="Tag of the checks that must pass")},
    tags=["checkly"],
):
    gate = ChecklyRunChecksOperator(
        task_id="gate",
        tags="{{ params.tag }}",
        deferrable=True,
        timeout=600,
    )

    @task
    def publish() -> str:
        return "published"

    gate >> publish()
