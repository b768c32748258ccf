"""Gate with rules: most checks must pass, none may be slow, and a flaky one only warns.

The task's log shows the decision as a table; XCom `gate` holds it for what comes after.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.operators import ChecklyRunChecksOperator

with DAG("checkly_gate_with_rules", schedule=None, tags=["checkly"]):
    gate = ChecklyRunChecksOperator(
        task_id="gate",
        tags="deploy-gate-broken",
        gate=Gate(min_passed_percent=75, max_response_time=30_000, warn_only_tags=["flaky"]),
        deferrable=True,
        timeout=600,
    )

    @task
    def what_was_tolerated(decision: dict[str, list[dict[str, str]]]) -> list[str]:
        return [check["name"] for check in decision["tolerated"]]

    what_was_tolerated(gate.output["gate"])
