"""An Airflow with everything the tab has to show, and a second API server for viewers, under a sub-path."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from deployment import HOST, PROCESSES, Deployment, free_port
from deployment_clients import Rest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_checkly.emulator import Emulator

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = {
    "broken": ("checkly_gate_publish_on_checks", {"tag": "deploy-gate-broken"}),
    "good": ("checkly_gate_publish_on_checks", {}),
    "mapped": ("checkly_map_over_check_ids", {}),
}
"""Runs of the examples, against a local Checkly: their DAGs and parameters."""
DAGS: Final = (
    Path(__file__).parent / "dags" / "gates.py",
    *(ROOT / "example_dags" / f"{dag_id.removeprefix('checkly_')}.py" for dag_id, _ in EXAMPLES.values()),
)
RUN: Final = "manual__2026-01-01T00:00:00+00:00"
"""A run id as Airflow makes it: with characters that mean something in addresses."""
RUNS: Final = 100
CHECKS: Final = 30
LIMIT: Final = 1500
SLOWER: Final = 3
"""The check that becomes slower with every run."""
FLAKY: Final = 7
"""The check that fails now and then."""
VIEWER: Final = ("viewer", "a password of the tests")
DECODE: Final = (
    "UPDATE xcom SET value = json_extract(value, '$') WHERE json_type(value) = 'text' AND dag_id = 'history'"
)
"""Airflow 3.1 encodes what its API is given twice."""


class Stage(Deployment):
    """A whole Airflow with the DAGs of these tests."""

    def __init__(self, home: Path, checkly: Emulator) -> None:
        home.mkdir(parents=True, exist_ok=True)
        passwords = home / "passwords.json"
        passwords.write_text(json.dumps(dict([VIEWER])))
        port = free_port()
        self.sub_path = f"http://{HOST}:{port}/air"
        viewers = {
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": self.sub_path,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{VIEWER[0]}:viewer",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        }
        processes = {**PROCESSES, "viewers": ("api-server",)}
        settings = {
            "AIRFLOW_CONN_CHECKLY_DEFAULT": checkly.connection_json,
            "AIRFLOW__CHECKLY__SHOW_TAB": "True",
            **_database(home),
        }
        super().__init__(home, DAGS, settings, processes=processes, own={"viewers": viewers})
        self.api = Api(self.url)

    @property
    def waiting(self) -> Path:
        """The file that keeps the task `running` from ending."""
        return self.home / "dags" / "waiting"

    def prepare(self) -> None:
        """Run the DAGs, until only the task that waits is left."""
        self.waiting.touch()
        for dag_id in ("gates", "history", *(dag_id for dag_id, _ in EXAMPLES.values())):
            self.wait_for_dag(dag_id)
        self.api.trigger("gates", RUN, {})
        for run_id, (dag_id, conf) in EXAMPLES.items():
            self.api.trigger(dag_id, run_id, conf)
        left = {"running", "retried"}
        self.wait(lambda: "" if self.api.unfinished("gates", RUN) <= left else "  the tasks run")
        for run_id, (dag_id, _) in EXAMPLES.items():
            self.wait(lambda dag=dag_id, run=run_id: ", ".join(self.api.unfinished(dag, run)))
        self.api.fill_history()
        with closing(sqlite3.connect(self.home / "airflow.db")) as database, database:
            database.execute(DECODE)


def _database(home: Path) -> dict[str, str]:
    """Make a SQLite database in which readers and writers do not wait for one another."""
    path = home.resolve() / "airflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
    return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{path}?timeout=30"}


class Api(Rest):
    """What these tests ask Airflow to do."""

    def unfinished(self, dag_id: str, run_id: str) -> set[str]:
        """Return the tasks of a run that have not ended."""
        ended = {"success", "failed", "skipped", "upstream_failed"}
        return {task for task, state in self.tasks(dag_id, run_id).items() if state not in ended}

    def fill_history(self) -> None:
        """Make runs, which need not run, whose gates become slower until one fails."""
        self._ask("PATCH", "/dags/history", {"is_paused": True})
        for number in range(RUNS):
            run_id = f"run-{number:03}"
            self.trigger("history", run_id, {})
            path = f"/dags/history/dagRuns/{run_id}/taskInstances/gate/xcomEntries"
            if number % 17 != 5:  # some runs have no gate
                self._ask("POST", path, {"key": "gate", "value": _gate(number)}, absent=None)


def _gate(number: int) -> dict[str, Any]:
    checks = list(_checks(number))
    bad = [check["name"] for check in checks if check["severity"] == "failing"]
    required = {"rule": "response time", "required": f"at most {LIMIT} ms in each location"}
    return {
        "version": 1,
        "outcome": "failed" if bad else "passed",
        "passed": not bad,
        "message": f"{len(bad)} of {CHECKS} checks did not pass: {', '.join(bad)}" if bad else "All passed.",
        "rules": [required | {"actual": "", "met": not bad}],
        "checks": checks,
        "omitted": 0,
    }


def _checks(number: int) -> Iterator[dict[str, Any]]:
    for check in range(CHECKS):
        slower = 10 * number if check == SLOWER else 0
        ms = 500 + slower + 10 * check + 31 * (number * 7 % 5)
        failing = ms > LIMIT or (check == FLAKY and number % 29 == 4)
        degraded = check == FLAKY + 1 and number % 9 == 0
        yield {
            "check_id": f"c{check}",
            "name": f"Check {check} of the shop",
            "type": "API",
            "status": "FAILED" if failing else "DEGRADED" if degraded else "PASSED",
            "severity": "failing" if failing else "passed",
            "reasons": [f"above {LIMIT} ms"] if failing else [],
            "response_time_ms": ms,
            "session_id": f"s{number}",
            "link": "https://app.checklyhq.com/checks/x",
            "locations": [],
        }
