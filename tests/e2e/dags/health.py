"""The DAGs of the end-to-end tests of statuses: watched assets, a wait for health, a quiet deployment."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Final

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_checkly.operators import (
    ChecklyCreateMaintenanceWindowOperator,
    ChecklyDeleteMaintenanceWindowOperator,
)
from airflow_provider_checkly.sensors import ChecklyCheckStatusSensor
from airflow_provider_checkly.triggers import ChecklyCheckStatusTrigger

WATCHED: Final = "e0000000-0000-4000-8000-000000000000"
TWIN: Final = "e0000001-0000-4000-8000-000000000000"
POLL: Final = 2
BEHIND_PROXY: Final = "checkly_behind_proxy"
"""The connection that a test can cut."""


def watched(name: str, **arguments: Any) -> Asset:
    """Return an asset that a change of a check updates."""
    trigger = ChecklyCheckStatusTrigger(poll_interval=POLL, checkly_conn_id=BEHIND_PROXY, **arguments)
    return Asset(name, watchers=[AssetWatcher(name=name, trigger=trigger)])


failing = watched("failing", check_ids=[WATCHED], to=["failing"])
recovered = watched("recovered", check_ids=[WATCHED], to=["passing"])
twin_a = watched("twin_a", check_ids=[TWIN], to=["failing"])
twin_b = watched("twin_b", check_ids=[TWIN], to=["failing"])

for asset in (failing, recovered, twin_a, twin_b):
    with DAG(f"on_{asset.name}", schedule=[asset], catchup=False, max_active_runs=200):

        @task
        def tell(triggering_asset_events: Any = None) -> list[Any]:
            """Return what started the run."""
            return [each.extra for events in triggering_asset_events.values() for each in events]

        tell()

WAYS: Final[dict[str, dict[str, Any]]] = {
    "healthy": {"deferrable": True},
    "on_worker": {"mode": "poke"},
    "rescheduled": {"mode": "reschedule"},
}
for name, way in WAYS.items():
    with DAG(name, schedule=None, max_active_runs=200, max_active_tasks=200):
        ChecklyCheckStatusSensor(
            task_id="gate",
            check_ids="{{ dag_run.conf['check_ids'] | tojson }}",
            poke_interval=3,
            timeout=300,
            retries=2,
            retry_delay=timedelta(seconds=1),
            checkly_conn_id=BEHIND_PROXY,
            **way,
        )

with DAG("deploy", schedule=None, max_active_runs=200):
    window = ChecklyCreateMaintenanceWindowOperator(
        task_id="quiet",
        silence_tags=["shop"],
        max_duration=timedelta(minutes=20),
        retries=2,
        retry_delay=timedelta(seconds=1),
    ).as_setup()
    loud = ChecklyDeleteMaintenanceWindowOperator(
        task_id="loud", window_id=window.output, retries=2, retry_delay=timedelta(seconds=1)
    )

    @task(retries=0)
    def release(**context: Any) -> None:
        """Take a while; fail on demand."""
        time.sleep(context["dag_run"].conf.get("seconds", 0))
        if context["dag_run"].conf.get("fails"):
            raise RuntimeError("The deployment failed.")

    with loud.as_teardown(setups=window):
        release()
