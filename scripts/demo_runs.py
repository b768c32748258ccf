"""The two runs of the demo: they are started and watched, and what they came to is read."""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING, Final

import requests
from demo_progress import TookTooLong
from demo_report import EXPECTED, TAIL, Run, cut, faults, page
from deployment import VERSION, Deployment
from deployment_clients import DeploymentError

from airflow_provider_checkly.api.http import Credentials
from airflow_provider_checkly.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from demo_progress import Progress

    from airflow_provider_checkly.api.http import JsonObject

DAG_ID: Final = "checkly_gate_publish_on_checks"
DAG_FILE: Final = "example_dags/gate_publish_on_checks.py"
GATE: Final = "gate"
RUN_LIMIT: Final = 120
MEANING: Final = {
    "none": "not yet scheduled",
    "running": "running on a worker",
    "deferred": "deferred: the triggerer waits for the checks, no worker is held",
}


class DemoFailed(Exception):
    """Something was not as it should be; the text says what."""


def demo(progress: Progress, root: Path, scratch: Path) -> None:
    """Do everything, and print what it came to."""
    with Emulator() as checkly:
        progress(f"A local stand-in for Checkly answers at {checkly.url}")
        progress(
            f"Setting up a throw-away Airflow {VERSION}, default settings, in {scratch.relative_to(root)}"
        )
        settings = {"AIRFLOW_CONN_CHECKLY_DEFAULT": checkly.connection_json}
        deployment = Deployment(scratch, [root / DAG_FILE], settings, progress)
        try:
            with deployment as airflow:
                airflow.wait_for_dag(DAG_ID)
                runs = [run(airflow, checkly, progress, tag) for tag in EXPECTED]
        except (DeploymentError, TookTooLong) as problem:
            raise DemoFailed(f"{problem}\n\n{ends_of_logs(deployment.logs)}") from problem
    progress(f"Everything is ended. It was Airflow {VERSION} on Python {platform.python_version()}")
    print("", *[line for each in runs for line in page(each)], sep="\n")
    if found := [fault for each in runs for fault in faults(each)]:
        raise DemoFailed("\n".join(found))
    print("The run whose checks passed has published, the run with a failed check has not: as it should be.")


def run(airflow: Deployment, checkly: Emulator, progress: Progress, tag: str) -> Run:
    """Run the DAG once, with the checks that carry a tag."""
    progress(f"Running the DAG {DAG_ID} with the checks tagged {tag}: {EXPECTED[tag].meaning}")
    airflow.client.trigger(DAG_ID, tag, {"tag": tag})
    looks = watch(airflow, tag)
    xcom = {task: airflow.client.xcom(DAG_ID, tag, task) for task in looks[-1][1]}
    return Run(
        tag=tag,
        state=airflow.client.state(DAG_ID, tag),
        looks=looks,
        log=airflow.client.log(DAG_ID, tag, GATE),
        xcom=xcom,
        sessions=sessions(checkly, xcom.get(GATE, {}).get("check_session_ids", [])),
    )


def watch(airflow: Deployment, run_id: str) -> list[tuple[float, dict[str, str]]]:
    """Look at the tasks of a run until it ends."""
    looks = []

    def pending() -> str:
        state = airflow.client.state(DAG_ID, run_id)
        tasks = airflow.client.tasks(DAG_ID, run_id)
        looks.append((time.monotonic(), tasks))
        return "" if state in {"success", "failed"} else doing(tasks)

    airflow.wait(pending, RUN_LIMIT)
    return looks


def doing(tasks: dict[str, str]) -> str:
    """Say what the tasks of a run do; those that wait for others are left out."""
    begun = {task: state for task, state in tasks.items() if state != "none"} or {GATE: "none"}
    return "  " + "; ".join(f"{task} {MEANING.get(state, state)}" for task, state in begun.items())


def sessions(checkly: Emulator, ids: Sequence[str]) -> list[JsonObject]:
    """Read check sessions as Checkly tells them."""
    account = Credentials(checkly.url, checkly.account_id, checkly.api_key)
    with requests.Session() as session:
        session.trust_env = False  # no proxy between two processes of one machine
        session.headers.update(account.headers())
        return [session.get(f"{checkly.url}/v2/check-sessions/{each}", timeout=10).json() for each in ids]


def ends_of_logs(folder: Path) -> str:
    """Return the last lines of all logs in a folder."""
    ends = {
        path: path.read_text("utf-8", "replace").splitlines()[-TAIL:] for path in sorted(folder.glob("*.log"))
    }
    return "\n".join(
        line for path, lines in ends.items() if lines for line in (f"-- the end of {path}", *map(cut, lines))
    )
