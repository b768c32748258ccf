"""Run every example DAG with ``airflow dags test`` against a local emulator of Checkly; each must succeed.

``make examples`` calls this; everything Airflow writes goes to a scratch folder that is removed at the end.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from airflow_provider_checkly.emulator import Emulator

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "example_dags"
LIMIT = 300  # seconds that one example may take
LEFT_OUT = {"checkly_keep_a_deadline": "`dags test` of Airflow 3.3.2 fails on a DAG with a deadline"}


def main() -> int:
    """Import and run all examples; return the number of those that failed."""
    (ROOT / ".work").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".work", prefix="examples-") as home, Emulator() as emulator:
        os.environ |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW_CONN_CHECKLY_DEFAULT": emulator.connection_json,
            "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        }
        airflow("db", "migrate", check=True)
        for dag_id, reason in LEFT_OUT.items():
            print(f"{dag_id}: left out, since {reason}")
        return sum(not succeeds(dag_id, Path(home)) for dag_id in dag_ids() if dag_id not in LEFT_OUT)


def dag_ids() -> list[str]:
    """Return the DAGs of all example files; a file that cannot be imported or holds none ends the run."""
    try:  # only now: Airflow reads its settings when it is imported
        from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415
    except ImportError:  # before Airflow 3.2
        from airflow.models.dagbag import DagBag  # type: ignore[no-redef]  # noqa: PLC0415, TID251

    bag = DagBag(dag_folder=str(EXAMPLES))
    if bag.import_errors:
        sys.exit("\n".join(f"{path}:\n{error}" for path, error in bag.import_errors.items()))
    files = {Path(dag.fileloc) for dag in bag.dags.values()}
    empty = set(EXAMPLES.glob("*.py")) - files
    if empty or not files:
        sys.exit(f"no DAG in {', '.join(sorted(map(str, empty))) or EXAMPLES}")
    return sorted(bag.dags)


def succeeds(dag_id: str, home: Path) -> bool:
    """Run one DAG and say how it ended; show Airflow's output only if it did not succeed."""
    start = time.monotonic()
    run = airflow("dags", "test", dag_id)
    with sqlite3.connect(home / "airflow.db") as database:
        states = [
            state for (state,) in database.execute("SELECT state FROM dag_run WHERE dag_id = ?", [dag_id])
        ]
    # A run that got stuck leaves the command with exit code 0: only the state in the database tells.
    good = run.returncode == 0 and states == ["success"]
    if not good:
        print(run.stdout)
    print(f"{dag_id}: {', '.join(states) or 'no run'} after {time.monotonic() - start:.0f} s")
    return good


def airflow(*arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
    """Call Airflow's command line with the interpreter that runs this script."""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "airflow", *arguments],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=LIMIT,
    )
    if check and run.returncode:
        sys.exit(run.stdout)
    return run


if __name__ == "__main__":
    sys.exit(main())
