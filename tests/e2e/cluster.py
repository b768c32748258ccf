"""A whole Airflow whose processes can be killed, and what its REST API says about tasks."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
from deployment import PROCESSES, Deployment, family_of
from deployment_clients import Rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DAGS: Final = Path(__file__).parent / "dags"
DAG_IDS: Final = {
    "gates": ("deferred", "mapped"),
    "health": ("on_failing", "on_twin_b", "on_worker", "deploy"),
}
"""By DAG file: DAGs whose reading shows that Airflow is ready."""
QUICKER: Final = {
    # A task without heartbeats is found dead after seconds instead of 5 minutes.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    # So is one whose message a killed worker had fetched, instead of 10 to 12 minutes.
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "100",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    # A gate defers soon.
    "AIRFLOW__CHECKLY__INITIAL_WAIT": "5",
}
"""The settings that are not Airflow's defaults, whatever the deployment."""
GIVEN_UP: Final = threading.Event()
"""Set when the tests end before their scenarios."""
TRIGGERER: Final = PROCESSES["triggerer"]
WORKER: Final = ("celery", "worker", "-c", "4", "--skip-serve-logs", "--without-gossip", "--without-mingle")
DISTRIBUTED: Final = {
    **{name: command for name, command in PROCESSES.items() if name != "triggerer"},
    "triggerer-1": TRIGGERER,
    "triggerer-2": TRIGGERER,
    "worker-1": (*WORKER, "-H", "worker-1@%h"),
    "worker-2": (*WORKER, "-H", "worker-2@%h"),
}


class Api(Rest):
    """What users can ask Airflow to do."""

    def connect(self, connection_id: str, host: str, login: str, password: str) -> None:
        """Store a connection to Checkly, in Airflow's database."""
        body = {"connection_id": connection_id, "conn_type": "checkly", "host": host, "login": login}
        self._ask("POST", "/connections", body | {"password": password})

    def connection(self, connection_id: str) -> dict[str, Any]:
        """Return a connection as users see it."""
        return dict(self._ask("GET", f"/connections/{connection_id}"))

    def details(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        return list(self._ask("GET", path)["task_instances"])

    def mark(self, dag_id: str, run_id: str, state: str) -> None:
        """Set the state of a run's gate."""
        self._ask("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/gate", {"new_state": state})

    def mark_run(self, dag_id: str, run_id: str, state: str) -> None:
        """Set the state of a run."""
        self._ask("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}", {"state": state})

    def clear(self, dag_id: str, run_id: str, *tasks: str | tuple[str, int]) -> None:
        """Clear tasks of a run."""
        body = {"dry_run": False, "only_failed": False, "dag_run_id": run_id, "task_ids": list(tasks)}
        self._ask("POST", f"/dags/{dag_id}/clearTaskInstances", body)

    def clear_run(self, dag_id: str, run_id: str) -> None:
        """Clear a whole run."""
        body = {"dry_run": False, "only_failed": False}
        self._ask("POST", f"/dags/{dag_id}/dagRuns/{run_id}/clear", body)

    def asset_events(self, name: str) -> list[dict[str, Any]]:
        """Return the latest events of an asset."""
        assets = self._ask("GET", f"/assets?name_pattern={name}")["assets"]
        (asset_id,) = (each["id"] for each in assets if each["name"] == name)
        query = f"asset_id={asset_id}&limit=100&order_by=-timestamp"
        return list(self._ask("GET", f"/assets/events?{query}")["asset_events"])

    def run_states(self, dag_id: str) -> set[str]:
        """Return the states of a DAG's runs."""
        return {each["state"] for each in self._ask("GET", f"/dags/{dag_id}/dagRuns?limit=100")["dag_runs"]}

    def xcom_of(self, dag_id: str, run_id: str, key: str, map_index: int = -1) -> Any:
        """Return a value that the gate left in XCom, None if it is not there."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/gate/xcomEntries/{key}"
        return self._ask("GET", f"{path}?map_index={map_index}", absent={"value": None})["value"]


class Cluster(Deployment):
    """Airflow with its default settings, but for QUICKER and what is given."""

    def __init__(
        self,
        home: Path,
        settings: Mapping[str, str],
        processes: Mapping[str, tuple[str, ...]] = PROCESSES,
        *,
        own: Mapping[str, Mapping[str, str]] | None = None,
        dags: str = "gates",
    ) -> None:
        files = [DAGS / f"{dags}.py"]
        super().__init__(home, files, QUICKER | dict(settings), processes=processes, own=own)
        self.api = Api(self.url)
        self._dag_ids = DAG_IDS[dags]

    @property
    def triggerers(self) -> list[str]:
        """The names of the lasting triggerers."""
        return [name for name in self._commands if name.startswith("triggerer")]

    @property
    def everything(self) -> list[str]:
        """The names of all lasting processes, in the order in which they are started."""
        return list(self._commands)

    def kill(self, *names: str) -> None:
        """Kill processes with all that they started, as a machine that goes down does."""
        self.end(*names, patience=0)

    def kill_task(self, pid: int, *, whole_worker: bool = False) -> None:
        """Kill the process of a task, and on demand the one that supervises it."""
        process = psutil.Process(pid)
        for each in [*([process.parent()] if whole_worker else []), process]:
            each.kill()

    def lives(self, pid: int) -> bool:
        """Return whether a process is there."""
        return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE

    @contextlib.contextmanager
    def without(self, *names: str, patience: float = 0) -> Iterator[None]:
        """Kill processes, or end them by SIGTERM; at the end of the block they are started again."""
        self.end(*names, patience=patience)
        try:
            yield
        finally:
            for name in names:
                self.resume(name)

    def pids(self, name: str) -> set[int]:
        """Return the processes of a process, itself and all that it started."""
        return {member.pid for member in family_of({self.processes[name].pid})}

    def healthy(self) -> None:
        """Wait until all parts work."""
        self.wait(lambda: ", ".join(self.api.missing()))

    @contextlib.contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Stop processes, with all that they started, until the end of the block."""
        family = family_of({self.processes[name].pid for name in names})
        for member in family:
            member.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for member in family:
                member.send_signal(signal.SIGCONT)

    def logs_of(self, dag_id: str, run_id: str, task: str = "gate") -> str:
        """Return what all tries of a task logged, on workers and in triggerers."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task}"
        return "\n".join(path.read_text("utf-8", "replace") for path in sorted(folder.rglob("*.log*")))

    def said_about(self, run_id: str) -> str:
        """Return what Airflow's processes printed about a run."""
        texts = [path.read_text("utf-8", "replace") for path in self.logs.glob("*.log")]
        return "\n".join(line for text in texts for line in text.splitlines() if f"run_id={run_id}" in line)

    def ready(self) -> None:
        """Wait until the DAGs may be run."""
        for dag_id in self._dag_ids:
            self.wait_for_dag(dag_id)


def eventually(seconds: float, holds: Callable[[], object]) -> bool:
    """Return whether something comes true in time."""
    end = time.monotonic() + seconds
    while not (true := holds()) and time.monotonic() < end:
        assert not GIVEN_UP.wait(0.25), "the tests were interrupted"
    return bool(true)
