"""Schedule: verify production every hour and page nobody; skip what follows if production is not healthy.

A test session sends no alerts, so Checkly pages nobody. `soft_fail` skips, so Airflow does not either. `tags`
reads: (production AND smoke) OR (production AND infra, but not retired).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.operators import ChecklyRunTestSessionOperator

with DAG(
    "checkly_verify_every_hour",
    description="Verify production every hour without an alert; refresh dashboards only if it is healthy",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["checkly"],
):
    verify = ChecklyRunTestSessionOperator(
        task_id="verify",
        tags=[["production", "smoke"], ["production", "infra", "!retired"]],
        run_location="eu-central-1",
        deferrable=True,
        timeout=timedelta(minutes=20),
        soft_fail=True,
        on_no_match="skip",
    )

    @task
    def refresh_dashboards(sessions: list[dict[str, object]]) -> int:
        return len(sessions)

    refresh_dashboards(verify.output)
