"""Event: load again as soon as the check of a source recovers.

Needs Airflow 3.0 or newer; see start_when_a_check_fails.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.triggers import ChecklyCheckStatusTrigger

try:
    from airflow.sdk import Asset, AssetWatcher
except ImportError:
    raise ImportError("start_when_a_check_recovers needs Airflow 3.0 or newer.") from None

source_is_back = Asset(
    "source_is_back",
    watchers=[
        AssetWatcher(
            name="recovers",
            trigger=ChecklyCheckStatusTrigger(tags="infra", to="passing", poll_interval=30),
        ),
    ],
)

with DAG(
    "checkly_start_when_a_check_recovers",
    description="Load again as soon as the check of a source recovers",
    schedule=[source_is_back],
    catchup=False,
    tags=["checkly"],
):

    @task
    def load_again(triggering_asset_events: Any = None) -> list[str]:
        events = [event for each in triggering_asset_events.values() for event in each]
        return [event.extra["payload"]["previous_status"] for event in events]

    load_again()
