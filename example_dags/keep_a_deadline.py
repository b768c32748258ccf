"""Deadline: send an e-mail if the release is not through 30 minutes after the run was queued.

Needs Airflow 3.2 or newer. The gate itself gives up after 10 minutes. A heartbeat (see ping_a_heartbeat.py)
does the same from outside, and also notices that Airflow is down.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, task
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from airflow_provider_checkly.operators import ChecklyRunChecksOperator

try:
    from airflow.sdk import (  # type: ignore[attr-defined]  # 3.2+ exports them
        AsyncCallback,
        DeadlineAlert,
        DeadlineReference,
    )
except ImportError:
    raise ImportError("keep_a_deadline needs Airflow 3.2 or newer.") from None

late = {
    "from_email": "airflow@example.com",
    "to": "shop-team@example.com",
    "subject": "The release is late",
    "html_content": "The release was not through after 30 minutes.",
}

with DAG(
    "checkly_keep_a_deadline",
    description="Send an e-mail if the release is not through after 30 minutes",
    schedule=None,
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=30),
        callback=AsyncCallback(SmtpNotifier, kwargs=late),
    ),
    tags=["checkly"],
):
    gate = ChecklyRunChecksOperator(
        task_id="gate", tags="deploy-gate", deferrable=True, timeout=timedelta(minutes=10)
    )

    @task
    def publish() -> str:
        return "published"

    gate >> publish()
