"""Why it failed: the task's log says it, and XCom `report` holds it as Markdown, short enough for a chat.

`soft_fail` skips here where a real DAG would fail, so that this example itself succeeds.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.operators import ChecklyRunChecksOperator

with DAG("checkly_say_why_it_failed", schedule=None, tags=["checkly"]):
    checks = ChecklyRunChecksOperator(
        task_id="checks",
        tags="checkout",
        deferrable=True,
        timeout=600,
        soft_fail=True,
        root_cause_analysis=False,  # True asks Checkly's AI, too; each analysis costs one of a quota
    )

    @task(trigger_rule="all_done")
    def tell_the_team(report: str | None) -> str:
        return report or "All checks passed."  # here: post it to a chat

    tell_the_team(checks.output["report"])
