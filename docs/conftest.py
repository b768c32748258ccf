"""Run DAGs in tests: copy this file into the folder of your tests."""

import os
import tempfile
from pathlib import Path

import pytest

DAGS = Path(__file__).parent.parent / "dags"

# Airflow reads its settings when it is imported, so they are set first.
home = tempfile.TemporaryDirectory(prefix="airflow-")
os.environ |= {
    "AIRFLOW_HOME": home.name,
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "NO_PROXY": "127.0.0.1,localhost",
}


@pytest.fixture(scope="session")
def airflow_database():
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def run_dag(airflow_database):
    """Return a function that runs the only DAG of a file, and returns its run."""

    def run(file, conf=None):
        try:
            from airflow.dag_processing.dagbag import DagBag
        except ImportError:  # before Airflow 3.2
            from airflow.models.dagbag import DagBag

        bag = DagBag(dag_folder=str(DAGS / file))
        assert not bag.import_errors, bag.import_errors
        (dag,) = bag.dags.values()
        return dag.test(run_conf=conf)

    return run
