"""Event: quarantine what a source delivered as soon as its check fails.

Needs Airflow 3.0 or newer. From 3.3 on, all watchers of a connection share one request per interval, and no
change is missed during restarts.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.triggers import ChecklyCheckStatusTrigger

try:
    from airflow.sdk import Asset, AssetWatcher
except ImportError:
    raise ImportError("start_when_a_check_fails needs Airflow 3.0 or newer.") from None

source_fails = Asset(
    "source_fails",
    watchers=[
        AssetWatcher(name="fails", trigger=ChecklyCheckStatusTrigger(tags="infra", poll_interval=30)),
    ],
)

with DAG(
    "checkly_start_when_a_check_fails",
    description="Quarantine what a source delivered as soon as its check fails",
    schedule=[source_fails],
    catchup=False,
    tags=["checkly"],
):

    @task
    def quarantine(triggering_asset_events: Any = None) -> list[str]:
        events = [event for each in triggering_asset_events.values() for event in each]
        return [event.extra["payload"]["name"] for event in events]

    quarantine()
