"""Heartbeat: tell Checkly that the DAG succeeded; Checkly alerts if no ping arrives in time.

The URL of the heartbeat monitor is a secret, since anybody who knows it can ping. It is the password of the
connection `checkly_heartbeat`. Without that connection, the log says so and nothing fails.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.notifications import ChecklyHeartbeatNotifier

with DAG(
    "checkly_ping_a_heartbeat",
    description="Tell Checkly that the DAG succeeded; Checkly alerts if no ping arrives in time",
    schedule=None,
    on_success_callback=ChecklyHeartbeatNotifier(checkly_heartbeat_conn_id="checkly_heartbeat"),
    tags=["checkly"],
):

    @task
    def nightly_load() -> str:
        return "loaded"

    nightly_load()
