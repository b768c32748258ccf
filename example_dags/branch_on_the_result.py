"""Branch: publish, roll back or call for help, by the outcome in XCom `gate`.

XCom `gate` exists after every end of the task, so the branch also works after a timeout or an error.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.operators import ChecklyRunChecksOperator

NEXT = {"passed": "publish", "failed": "roll_back", "timed_out": "roll_back"}

with DAG(
    "checkly_branch_on_the_result",
    description="Publish, roll back or call for help, by the outcome of the checks",
    schedule=None,
    tags=["checkly"],
):
    gate = ChecklyRunChecksOperator(task_id="gate", tags="deploy-gate", deferrable=True, timeout=600)

    @task.branch(trigger_rule="all_done")
    def choose(decision: dict[str, Any]) -> str:
        return NEXT.get(decision["outcome"], "call_for_help")

    @task
    def publish() -> str:
        return "published"

    @task
    def roll_back() -> str:
        return "rolled back"

    @task
    def call_for_help() -> str:
        return "called"

    choose(gate.output["gate"]) >> [publish(), roll_back(), call_for_help()]
