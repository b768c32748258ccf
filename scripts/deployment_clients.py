"""What a running Airflow says: through its REST API from version 3 on, from its SQLite database before."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

API: Final = "/api/v2"
ANSWER_SECONDS: Final = 10
HEARTBEAT_SECONDS: Final = 30
FIRED: Final = re.compile(r"Trigger fired event|fired: \w+Event<")
"""What the log of a task says when its trigger is done, from Airflow 3 on and before."""
PARTS: Final = ("scheduler", "dag_processor", "triggerer")


class DeploymentError(Exception):
    """Airflow does not work; the text says which part, and where its log is."""


class Client(Protocol):
    """What can be asked of a running Airflow."""

    def missing(self) -> list[str]:
        """Return the parts of Airflow that do not work yet."""

    def knows(self, dag_id: str) -> bool:
        """Return whether a DAG is read and may run."""

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run."""

    def state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return the states of a run's tasks, "none" where there is none yet."""

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return what a task left in XCom."""

    def log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return the log of a task's first try."""


class Rest:
    """Airflow 3 through its public API; asks again where an answer fails."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False  # neither proxies nor .netrc between two processes of one machine
        again = Retry(5, backoff_factor=0.2, status_forcelist={500, 502, 503, 504}, allowed_methods=None)
        self._session.mount(url, HTTPAdapter(max_retries=again))
        self._session.mount(f"{url}{API}/monitor", HTTPAdapter())

    def missing(self) -> list[str]:
        """Return the parts of Airflow that do not work yet."""
        try:
            health = self._send("GET", f"{API}/monitor/health").json()
        except requests.RequestException:
            return ["api-server", *(part.replace("_", "-") for part in PARTS)]
        return [
            part.replace("_", "-") for part in PARTS if (health.get(part) or {}).get("status") != "healthy"
        ]

    def knows(self, dag_id: str) -> bool:
        """Return whether a DAG is read and may run."""
        dag = self._ask("GET", f"/dags/{dag_id}", absent={})
        return dag.get("is_paused") is False and not dag.get("has_import_errors")

    def unpause(self, dag_id: str) -> bool:
        """Let a DAG be scheduled; return whether it is read."""
        return self._ask("PATCH", f"/dags/{dag_id}", {"is_paused": False}, absent=None) is not None

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run; its id keeps a repeated request from starting two."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        self._ask("POST", f"/dags/{dag_id}/dagRuns", body, absent=None)

    def state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(self._ask("GET", _run(dag_id, run_id))["state"])

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return the states of a run's tasks, "none" where there is none yet."""
        found = self._ask("GET", f"{_run(dag_id, run_id)}/taskInstances")["task_instances"]
        return {each["task_id"]: each["state"] or "none" for each in found}

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return what a task left in XCom."""
        entries = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries"
        keys = [entry["key"] for entry in self._ask("GET", entries)["xcom_entries"]]
        return {key: self._ask("GET", f"{entries}/{quote(key, safe='')}")["value"] for key in sorted(keys)}

    def log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return the log of a task's first try."""
        where = f"{_run(dag_id, run_id)}/taskInstances/{task_id}/logs/1?full_content=true"
        return "\n".join(map(_log_line, self._ask("GET", where)["content"]))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None, **default: Any) -> Any:
        """Return an answer; `absent` is what stands for a 404 or 409."""
        try:
            if "Authorization" not in self._session.headers:
                token = self._send("GET", "/auth/token").json()["access_token"]
                self._session.headers["Authorization"] = f"Bearer {token}"
            answer = self._send(method, f"{API}{path}", body)
            if default and answer.status_code in {requests.codes.not_found, requests.codes.conflict}:
                return default["absent"]
            answer.raise_for_status()
            return answer.json()
        except requests.RequestException as error:
            raise DeploymentError(f"{method} {path}: {error}") from error

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        return self._session.request(method, f"{self._url}{path}", json=body, timeout=ANSWER_SECONDS)


def _run(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _log_line(entry: dict[str, Any]) -> str:
    """Return an entry as text, with the error it holds but without traceback and cause."""
    parts = [str(entry[key]) for key in ("timestamp", "level", "event") if entry.get(key)]
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in (entry.get("error_detail") or [])[:1]]
    return " ".join([*parts, *errors])


class Database:
    """Airflow 2 on SQLite: its REST API would need a webserver, and its command line takes seconds."""

    def __init__(self, home: Path, airflow: Callable[..., None]) -> None:
        self._home = home
        self._airflow = airflow

    def missing(self) -> list[str]:
        """Return the parts of Airflow that do not work yet."""
        query = "SELECT job_type, max(latest_heartbeat) FROM job WHERE state = 'running' GROUP BY job_type"
        beats = dict(self._rows(query))
        parts = {"scheduler": "SchedulerJob", "triggerer": "TriggererJob"}
        return [part for part, job in parts.items() if _age(beats.get(job)) > HEARTBEAT_SECONDS]

    def knows(self, dag_id: str) -> bool:
        """Return whether a DAG is read and may run."""
        query = "SELECT 1 FROM dag JOIN serialized_dag USING (dag_id) WHERE dag_id = ? AND NOT is_paused"
        return bool(self._rows(query, dag_id))

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a run."""
        self._airflow("dags", "trigger", "--run-id", run_id, "--conf", json.dumps(conf), dag_id)

    def state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        query = "SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?"
        return str(self._rows(query, dag_id, run_id)[0][0])

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return the states of a run's tasks, "none" where there is none yet."""
        query = "SELECT task_id, state FROM task_instance WHERE dag_id = ? AND run_id = ?"
        return {task: state or "none" for task, state in self._rows(query, dag_id, run_id)}

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return what a task left in XCom."""
        query = "SELECT key, value FROM xcom WHERE dag_id = ? AND run_id = ? AND task_id = ? ORDER BY key"
        return {key: json.loads(value) for key, value in self._rows(query, dag_id, run_id, task_id)}

    def log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return the log of a task's first try, with what the triggerer wrote to it."""
        folder = self._home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return "".join(path.read_text("utf-8", "replace") for path in sorted(folder.glob("attempt=1.log*")))

    def _rows(self, query: str, *values: str) -> list[Any]:
        where = f"file:{quote(str(self._home))}/airflow.db?mode=ro"
        try:
            with closing(sqlite3.connect(where, uri=True, timeout=ANSWER_SECONDS)) as database:
                return database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise DeploymentError(f"Airflow's database: {error}") from error


def _age(moment: str | None) -> float:
    """Return the seconds since a moment in the words of the database, which are in UTC."""
    return (
        time.time() - datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
        if moment
        else float("inf")
    )
