"""Whole DAG runs in one Airflow of their own, against an emulator of Checkly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT = 150.0
"""Seconds after which a run is stuck."""
WORKER = Path(__file__).with_name("dag_worker.py")


@dataclass(frozen=True)
class DagRun:
    """How a run ended: `tasks` are states, `xcom` is by `task.key`, a mapped task is `task[0]`."""

    state: str
    tasks: dict[str, str | None]
    xcom: dict[str, Any]
    labels: dict[str, str | None]
    log: str
    description: str | None = None
    seconds: float = field(default=0.0, compare=False)


class DagRunner:
    """Runs DAG files one after the other: `with DagRunner(folder) as runner: runner.run(file)`."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __enter__(self) -> Self:
        home = str(self.home)
        environment = {
            **os.environ,
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__DAGS_FOLDER": f"{home}/dags",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, str(WORKER), home],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.home,
        )
        assert self._answer() == "ready", self._log()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def run(
        self,
        file: Path,
        environment: Mapping[str, str],
        conf: Mapping[str, Any] | None = None,
        changes: Mapping[str, Any] | None = None,
        answers: Mapping[str, str] | None = None,
    ) -> DagRun:
        """Run the DAG of a file.

        :param conf: of the run, as `dag.test(run_conf=...)` takes it.
        :param changes: of attributes, e.g. `{"gate.timeout": 2}`, or `{".deadline": None}` of the DAG.
        :param answers: of a person, by task.
        """
        job = {
            "file": str(file.resolve()),
            "environment": dict(environment),
            "conf": dict(conf or {}),
            "changes": dict(changes or {}),
            "answers": dict(answers or {}),
        }
        assert self._process.stdin
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        too_long = threading.Timer(LIMIT, self._process.kill)
        too_long.start()
        result = json.loads(self._answer() or "{}")
        too_long.cancel()
        assert "state" in result, f"{result.get('error')}\n{self._log()}"
        return DagRun(**result, log=self._log())

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def _log(self) -> str:
        file = self.home / "log"
        return file.read_text(errors="replace") if file.exists() else ""
