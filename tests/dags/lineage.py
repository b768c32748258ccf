"""Gates that OpenLineage is told of: on a worker and deferred, passed, failed, tolerated and skipped."""

from __future__ import annotations

import os

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_checkly.emulator.default_checks import FAILS, PASSES, check_id
from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.operators import ChecklyRunChecksOperator
from airflow_provider_checkly.sensors import ChecklyCheckStatusSensor

os.environ["AIRFLOW__CHECKLY__INITIAL_WAIT"] = "0"  # defer at once

with DAG("lineage", schedule=None) as dag:
    for name, ids in {"passed": [PASSES], "failed": [PASSES, FAILS]}.items():
        for way, deferrable in {"here": False, "deferred": True}.items():
            ChecklyRunChecksOperator(task_id=f"{name}_{way}", check_ids=ids, deferrable=deferrable)
    ChecklyRunChecksOperator(task_id="tolerated", check_ids=[PASSES, FAILS], gate=Gate(max_failed=1))
    ChecklyRunChecksOperator(task_id="skipped", check_ids=[FAILS], soft_fail=True)
    ChecklyRunChecksOperator(task_id="refused", check_ids=[check_id(99)])
    healthy = ChecklyCheckStatusSensor(task_id="healthy", check_ids=[PASSES], timeout=300)
    dag.get_task("passed_here").set_downstream(healthy)  # before its first run, a check is not healthy
