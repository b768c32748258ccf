"""Report: XCom `report` says why checks failed, as Markdown that is short enough for a chat.

XCom `report_slack` says the same in Slack's mrkdwn; the task's log says it in full. `soft_fail` skips here
where a real DAG would fail, so that this example succeeds.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.operators import ChecklyRunChecksOperator

with DAG(
    "checkly_say_why_it_failed",
    description="Send the report on failed checks to a chat",
    schedule=None,
    tags=["checkly"],
):
    checks = ChecklyRunChecksOperator(
        task_id="checks",
        tags="checkout",
        deferrable=True,
        timeout=600,
        soft_fail=True,
        root_cause_analysis=False,  # True also asks Checkly's AI, which uses the account's quota
    )

    @task(trigger_rule="all_done")
    def tell_the_team(report: str) -> str:
        return report  # here: post it to a chat

    tell_the_team(checks.output["report"])
