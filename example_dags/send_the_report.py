"""Report: tell the team why the gate did not pass, in Slack and by e-mail.

Connection `slack` (type HTTP) has the address of an incoming webhook as its password. Connection
`smtp_default` is Airflow's mail server. With the Slack provider installed, `SlackWebhookNotifier` can replace
`tell_slack`: give it the text `{{ ti.xcom_pull(task_ids=ti.task_id, key='report_slack') }}`.
"""

from __future__ import annotations

from typing import Any

import requests
from airflow.providers.common.compat.sdk import DAG, BaseHook, task
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from airflow_provider_checkly.operators import ChecklyRunChecksOperator


def tell_slack(context: dict[str, Any]) -> None:
    ti = context["ti"]
    report = ti.xcom_pull(task_ids=ti.task_id, key="report_slack")
    webhook = BaseHook.get_connection("slack").password
    requests.post(str(webhook), json={"text": report}, timeout=10).raise_for_status()


mail = SmtpNotifier(
    from_email="airflow@example.com",
    to="shop-team@example.com",
    subject="{{ ti.task_id }}: {{ ti.xcom_pull(task_ids=ti.task_id, key='gate')['outcome'] }}",
    html_content="<pre>{{ ti.xcom_pull(task_ids=ti.task_id, key='report') | e }}</pre>",
    smtp_conn_id="smtp_default",
)

with DAG(
    "checkly_send_the_report",
    description="Send the reason to Slack and by e-mail when checks do not pass",
    schedule=None,
    tags=["checkly"],
):
    gate = ChecklyRunChecksOperator(
        task_id="gate",
        tags="deploy-gate",
        deferrable=True,
        timeout=600,
        on_failure_callback=[tell_slack, mail],
    )

    @task
    def publish() -> str:
        return "published"

    gate >> publish()
