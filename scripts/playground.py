"""Leave an Airflow with its UI, the examples and a local Checkly running until Ctrl-C: ``make airflow``."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from deployment import IS_2, Deployment, free_port
from deployment_clients import DeploymentError, Rest
from progress import Interrupted, Progress

from airflow_provider_checkly.emulator import Emulator
from airflow_provider_checkly.emulator.default_checks import ALWAYS_PASSING

ROOT = Path(__file__).resolve().parent.parent
WEEK = 7 * 24 * 3600
AIRFLOW_PORT = 28080
CHECKLY_PORT = 28081
WATCHING = ("checkly_start_when_a_check_fails", "checkly_start_when_a_check_recovers")
"""The DAGs that start by themselves, so that they are not paused."""


def main() -> int:
    """Return 0 after Ctrl-C."""
    (ROOT / ".work").mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="airflow-", dir=ROOT / ".work"))
    try:
        with Progress(WEEK) as progress:
            serve(progress, scratch)
    except Interrupted:
        print("Everything is ended.")
    except DeploymentError as problem:
        sys.exit(str(problem))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


def serve(progress: Progress, scratch: Path) -> None:
    """Start everything, say where it is, and wait for a signal."""
    if IS_2:
        sys.exit("The UI of Airflow 2 is not started by this command; use the default line of Airflow.")
    files = sorted((ROOT / "example_dags").glob("*.py"))
    with Emulator(host_port=free_port(CHECKLY_PORT)) as checkly:
        settings = {
            "AIRFLOW__CHECKLY__SHOW_TAB": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        }
        port = free_port(AIRFLOW_PORT)
        with Deployment(scratch, files, settings, progress, port=port) as airflow:
            airflow.airflow("connections", "add", "checkly_default", "--conn-json", checkly.connection_json)
            watch(airflow)
            progress("running; Ctrl-C ends it")
            progress.stop_repeating()
            tell(airflow.url, checkly)
            while True:
                time.sleep(0.5)
                progress("running; Ctrl-C ends it")


def watch(airflow: Deployment) -> None:
    """Let the watchers look for the first time: what changes from then on starts a DAG."""
    rest, log = Rest(airflow.url), airflow.logs / "triggerer.log"

    def pending() -> str:
        unread = [dag_id for dag_id in WATCHING if not rest.unpause(dag_id)]
        looks = log.read_text("utf-8").count("Watching ")
        return "  waiting for the first poll of the watchers" if unread or looks < len(WATCHING) else ""

    airflow.wait(pending)


def tell(url: str, checkly: Emulator) -> None:
    """Say where everything is."""
    print(f"""
Airflow   {url}   (no login: everybody is admin)
Checkly   {checkly.url}   key {checkly.api_key}   account {checkly.account_id}
          {checkly.url}/_emulator/requests lists the requests

A gate       Unpause and trigger the DAG checkly_gate_publish_on_checks with the tag deploy-gate (green) or
             deploy-gate-broken (red), then open the tab Checkly of its task.
A watcher    Let a check fail, by the button "failing" at
             {checkly.model.pages_url}/checks/{ALWAYS_PASSING}
             Within 30 s, the DAG {WATCHING[0]} runs. Let it pass again, and
             {WATCHING[1]} runs. What they were told: {url}/assets
             The check Shop DNS fails and recovers by itself every four minutes.

The connection checkly_default is under Admin, Connections. Ctrl-C ends everything.
""")


if __name__ == "__main__":
    sys.exit(main())
