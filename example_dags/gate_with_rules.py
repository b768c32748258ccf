"""Gate with rules: most checks must pass, none may be slow, and a flaky one only warns.

The task's log shows the decision as a table; XCom `gate` holds it for the tasks that follow.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.operators import ChecklyRunChecksOperator

with DAG(
    "checkly_gate_with_rules",
    description="Three of four checks must pass within a time limit; flaky checks only warn",
    schedule=None,
    tags=["checkly"],
):
    gate = ChecklyRunChecksOperator(
        task_id="gate",
        tags="deploy-gate-broken",
        gate=Gate(min_passed_percent=75, max_response_time=30_000, warn_only_tags=["flaky"]),
        deferrable=True,
        timeout=600,
    )

    @task
    def list_tolerated(decision: dict[str, Any]) -> list[str]:
        return [check["name"] for check in decision["checks"] if check["severity"] != "passed"]

    list_tolerated(gate.output["gate"])
