"""JUnit: give the result to a tool that shows test reports.

Needs `pip install "airflow-provider-checkly[junit]"`. The report is also made where checks did not pass.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.junit import junit_xml
from airflow_provider_checkly.operators import ChecklyRunTestSessionOperator

with DAG(
    "checkly_report_as_junit",
    description="Return the result of checks as JUnit XML",
    schedule=None,
    tags=["checkly"],
):
    checks = ChecklyRunTestSessionOperator(
        task_id="checks",
        run_location="eu-central-1",
        tags="checkout",
        deferrable=True,
        timeout=600,
        soft_fail=True,
    )

    @task(trigger_rule="none_failed")
    def junit(test_session_ids: list[str]) -> str:
        hook = ChecklyHook()
        return junit_xml(hook.get_test_session(each) for each in test_session_ids)

    junit(checks.output["test_session_ids"])
