"""The DAGs of the end-to-end tests: one gate each; what a gate runs is in the conf of its DAG run."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import DAG, task

from airflow_provider_checkly.operators import ChecklyRunChecksOperator, ChecklyRunTestSessionOperator
from airflow_provider_checkly.sensors import ChecklyCheckSessionSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

CHECKS: Final = "{{ dag_run.conf['check_ids'] | tojson }}"
RETRYING: Final = {"retries": 2, "retry_delay": timedelta(seconds=1)}
CALM: Final = {"retries": 0}


class Held(ChecklyRunChecksOperator):
    """A gate whose first try can be killed after it was resumed."""

    def execute_complete(self, context: Context, event: object) -> list[Any]:
        """Wait a while, then do what the gate does."""
        if context["ti"].try_number == 1:
            print("Resumed and held.")  # noqa: T201 - for the task's log
            time.sleep(20)
        return super().execute_complete(context, event)


def dag(name: str) -> DAG:
    """Return a DAG that may run as often as it is asked to."""
    return DAG(name, schedule=None, catchup=False, max_active_runs=200, max_active_tasks=200)


def gate(
    name: str, kind: type[ChecklyRunChecksOperator] = ChecklyRunChecksOperator, **arguments: Any
) -> None:
    """Define a DAG with one gate."""
    with dag(name):
        defaults = {"check_ids": CHECKS, "deferrable": True, "checkly_conn_id": CONNECTION}
        kind(task_id="gate", **(defaults | arguments))


CONNECTION: Final = "{{ dag_run.conf.get('connection', 'checkly_default') }}"

gate("deferred", **CALM)
gate("retrying", **RETRYING)
gate("retrying_on_worker", deferrable=False, **RETRYING)
gate("held", Held, **RETRYING)
gate("left_running", cancel_on_kill=False, **CALM)
gate("on_worker", deferrable=False, **CALM)
gate("timeout", timeout=25, **CALM)
gate("execution_timeout", execution_timeout=timedelta(seconds=25), **CALM)
gate("retry_failed", retry_failed=True, **RETRYING)

with dag("test_session"):
    ChecklyRunTestSessionOperator(
        task_id="gate", check_ids=CHECKS, run_location="eu-central-1", deferrable=True, **CALM
    )

with dag("sensor"):
    ChecklyCheckSessionSensor(
        task_id="gate",
        check_session_ids="{{ dag_run.conf['session_ids'] | tojson }}",
        deferrable=True,
        **CALM,
    )

with dag("two"):
    ChecklyRunChecksOperator(
        task_id="gate", check_ids=CHECKS, deferrable=True, retries=2, retry_delay=timedelta(seconds=15)
    )

    @task
    def neighbour() -> None:
        """Be there, to be cleared."""

    neighbour()

with dag("mapped"):

    @task
    def choose(**context: Any) -> list[list[str]]:
        """Return the checks of each gate."""
        return [[each] for each in context["dag_run"].conf["check_ids"]]

    ChecklyRunChecksOperator.partial(task_id="gate", deferrable=True, **RETRYING).expand(check_ids=choose())
