"""Dynamic mapping: one task per check, each with its own state, log, retries and link.

The grid shows each mapped task under the name of its check.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_checkly.operators import ChecklyRunChecksOperator

CHECKS = ["c0000000-0000-4000-8000-000000000001", "c0000000-0000-4000-8000-000000000002"]

with DAG(
    "checkly_map_over_check_ids",
    description="One mapped task per check, labelled with the name of the check",
    schedule=None,
    params={"check_ids": Param(CHECKS, type="array", description="IDs of the checks of this release")},
    tags=["checkly"],
):

    @task
    def checks_of_this_release(**context: Any) -> list[str]:
        return list(context["params"]["check_ids"])

    ChecklyRunChecksOperator.partial(
        task_id="check",
        deferrable=True,
        timeout=600,
    ).expand(check_ids=checks_of_this_release())
