"""Test session: many checks in one wait, against a preview deployment; nobody is alerted."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_checkly.operators import ChecklyRunTestSessionOperator

with DAG(
    "checkly_run_a_test_session",
    description="Test a preview deployment with many checks in one test session",
    schedule=None,
    params={"url": Param("https://preview.example.com", type="string", description="What to test")},
    tags=["checkly"],
):
    ChecklyRunTestSessionOperator(
        task_id="test_the_preview",
        tags=["production", "smoke"],
        run_location="eu-central-1",
        environment_variables={"ENVIRONMENT_URL": "{{ params.url }}"},
        deferrable=True,
        timeout=600,
    )
