"""Schedule: verify production every hour; skip the next tasks, without an alert, if a check fails.

`tags` reads: (production AND smoke) OR (production AND api, but not slow-images).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.operators import ChecklyRunChecksOperator

with DAG(
    "checkly_verify_on_a_schedule",
    description="Verify production every hour; skip the next tasks if a check fails",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["checkly"],
):
    verify = ChecklyRunChecksOperator(
        task_id="verify",
        tags=[["production", "smoke"], ["production", "api", "!slow-images"]],
        deferrable=True,
        timeout=timedelta(minutes=20),
        soft_fail=True,
        on_no_match="skip",
    )

    @task
    def refresh_dashboards(sessions: list[dict[str, object]]) -> int:
        return len(sessions)

    refresh_dashboards(verify.output)
