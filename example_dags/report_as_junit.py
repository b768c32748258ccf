"""JUnit: convert results for tools that show test reports. Needs `airflow-provider-checkly[junit]`."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.junit import junit_xml
from airflow_provider_checkly.operators import ChecklyRunTestSessionOperator

with DAG(
    "checkly_report_as_junit",
    description="Convert results to JUnit XML for tools that show test reports",
    schedule=None,
    tags=["checkly"],
):
    checks = ChecklyRunTestSessionOperator(
        task_id="checks", run_location="eu-central-1", tags="checkout", deferrable=True, soft_fail=True
    )

    @task(trigger_rule="all_done")
    def junit(test_session_ids: list[str]) -> str:
        hook = ChecklyHook()
        return junit_xml(hook.get_test_session(each) for each in test_session_ids)

    junit(checks.output["test_session_ids"])
