"""Heartbeat: tell Checkly that the DAG has succeeded; it alerts when that does not happen in time.

The URL of the monitor is a secret: whoever knows it can ping. Connection `checkly_heartbeat` holds it as its
password; without that connection the log says so, and nothing fails.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.notifications import ChecklyHeartbeatNotifier

with DAG(
    "checkly_ping_a_heartbeat",
    description="Tell Checkly that the DAG has succeeded; Checkly alerts when it has not",
    schedule=None,
    on_success_callback=ChecklyHeartbeatNotifier(checkly_heartbeat_conn_id="checkly_heartbeat"),
    tags=["checkly"],
):

    @task
    def nightly_load() -> str:
        return "loaded"

    nightly_load()
