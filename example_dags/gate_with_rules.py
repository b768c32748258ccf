"""Gate with rules: most checks must pass, no location may be slow, and a flaky check only warns.

The task's log shows the rules as a table; XCom `gate` holds them, with all checks, for the next tasks.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.operators import ChecklyRunChecksOperator

with DAG(
    "checkly_gate_with_rules",
    description="Most checks must pass, no location may be slow, and a flaky check only warns",
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
    def tolerated_checks(evaluation: dict[str, Any]) -> list[str]:
        return [check["name"] for check in evaluation["checks"] if check["severity"] == "tolerated"]

    tolerated_checks(gate.output["gate"])
