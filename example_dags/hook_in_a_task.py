"""Hook: decide in Python what the result means, here by the slowest location."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_checkly.hooks import ChecklyHook

with DAG(
    "checkly_hook_in_a_task",
    description="Find the slowest location in Python, with the hook",
    schedule=None,
    tags=["checkly"],
):

    @task
    def slowest_location() -> str:
        hook = ChecklyHook("checkly_default")
        started = hook.trigger_check_sessions(tags=["production", "smoke"])
        sessions = hook.wait_for_check_sessions([s["checkSessionId"] for s in started], timeout=600)
        final = [r for s in sessions for r in s.get("results", []) if r["resultType"] == "FINAL"]
        slowest = max(final, key=lambda result: result.get("responseTime") or 0)
        return f"{slowest.get('name')} in {slowest['runLocation']}: {slowest.get('responseTime')} ms"

    slowest_location()
