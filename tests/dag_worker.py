"""Runs DAG files one after the other in one Airflow, as `airflow dags test` does.

    dag_worker.py HOME

HOME is an empty folder. Each line of standard input is a job, each line of standard output a result. It is a
process of its own, since `dag.test()` changes much of the process it runs in.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(sys.argv[1])
LOG = HOME / "log"


@contextmanager
def output_to(file: Path) -> Iterator[None]:
    """Send all that this process prints to a file, whoever prints it."""
    sys.stdout.flush()
    kept = os.dup(1), os.dup(2)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(handle)


def load(file: Path) -> Any:
    """Return the only DAG of a file, as Airflow reads it."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before Airflow 3.2
        from airflow.models.dagbag import DagBag
    bag = DagBag(dag_folder=str(file))
    if bag.import_errors:
        raise ImportError("\n".join(bag.import_errors.values()))
    (dag,) = bag.dags.values()
    return dag


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Run the DAG of a file; return how the run and its tasks ended."""
    dags = HOME / "dags"
    for old in dags.iterdir():
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    file = Path(shutil.copy(job["file"], dags))
    dag = load(file)
    for path, value in job["changes"].items():
        task_id, _, attribute = path.partition(".")
        setattr(dag.get_task(task_id) if task_id else dag, attribute, value)
    started = time.monotonic()
    for task_id, option in job["answers"].items():
        threading.Thread(target=answer, args=(dag.dag_id, task_id, option), daemon=True).start()
    dag_run = dag.test(run_conf=job["conf"] or None)
    return {
        "seconds": time.monotonic() - started,
        "description": dag.description,
        "state": str(getattr(dag_run.state, "value", dag_run.state)),
        **database(dag.dag_id, dag_run.run_id),
    }


def answer(dag_id: str, task_id: str, option: str) -> None:
    """Answer the question of a task as a person does in the UI, once it is asked; SQLite may be locked."""
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    has_answered = False
    while not has_answered:
        with suppress(Exception), TestClient(create_app("core"), base_url="http://testserver/api/v2") as api:
            token = api.get("http://testserver/auth/token").json()["access_token"]
            api.headers["Authorization"] = f"Bearer {token}"
            while not (has_answered := answered(api, dag_id, task_id, option)):
                time.sleep(0.2)


def answered(api: Any, dag_id: str, task_id: str, option: str) -> bool:
    """Answer if there is a question."""
    with suppress(Exception):
        asked = api.get(f"/dags/{dag_id}/dagRuns/~/hitlDetails", params={"response_received": False})
        for question in asked.json()["hitl_details"]:
            run = f"/dags/{dag_id}/dagRuns/{question['task_instance']['dag_run_id']}"
            path = f"{run}/taskInstances/{task_id}/-1/hitlDetails"
            return api.patch(path, json={"chosen_options": [option]}).is_success
    return False


def database(dag_id: str, run_id: str) -> dict[str, Any]:
    """Return states, labels and XCom of the tasks of a run."""
    from airflow.models import taskinstance, xcom
    from airflow.utils.session import create_session

    model: Any = getattr(xcom, "XComModel", None) or xcom.XCom
    with create_session() as session:
        tasks = session.query(taskinstance.TaskInstance).filter_by(dag_id=dag_id, run_id=run_id).all()
        values = session.query(model).filter_by(dag_id=dag_id, run_id=run_id).all()
        return {
            "tasks": {
                key(task): task.state and str(getattr(task.state, "value", task.state)) for task in tasks
            },
            "labels": {key(task): task.rendered_map_index for task in tasks},
            "xcom": {f"{key(value)}.{value.key}": plain(decoded(model, value)) for value in values},
        }


def decoded(model: Any, row: Any) -> Any:
    """Return the value of an XCom; Airflow 2 decodes it as it loads the row."""
    return row.value if hasattr(model, "init_on_load") else model.deserialize_value(row)


def key(row: Any) -> str:
    """Return `task`, or `task[index]` of a mapped one."""
    return row.task_id if row.map_index < 0 else f"{row.task_id}[{row.map_index}]"


def plain(value: Any) -> Any:
    """Return a value that JSON knows."""
    with suppress(ImportError, TypeError):
        from airflow.sdk.serde import deserialize  # Airflow 3.2+ stores what this reads

        value = deserialize(value)
    return json.loads(json.dumps(value, default=str))


def main() -> None:
    """Answer one job after the other, until there are none."""
    (HOME / "dags").mkdir()
    with output_to(LOG):
        from airflow.utils.db import initdb

        initdb()
    print("ready", flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        os.environ |= job["environment"]
        with output_to(LOG):
            try:
                result = run(job)
            except Exception as error:  # noqa: BLE001 - it is reported
                result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
