"""What OpenLineage is told of a gate, by its own provider, and what happens where it is not installed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS
from dag_runs import DagRunner

from airflow_provider_checkly.emulator import Emulator
from airflow_provider_checkly.exceptions import ChecklyError
from airflow_provider_checkly.gate.check_results import CheckOutcome
from airflow_provider_checkly.gate.evaluation import Evaluation, Rule
from airflow_provider_checkly.lineage import operator_lineage

DAG = Path(__file__).parent / "dags" / "lineage.py"
CHECK = CheckOutcome(("check", "c1"), "Home\n page", frozenset({"PASSED"}), ("s1",), status="PASSED")
RULES = (
    Rule("status", "no check FAILED", "none of 1 check", met=True),
    Rule("response time", "at most 500 ms in each location", "slowest 400 ms", met=True),
)


def emitted(*checks: CheckOutcome) -> list[Any]:
    found = operator_lineage(Evaluation(RULES, checks))
    assert found is not None
    return list(found.run_facets["test"].tests)


def test_a_check_is_a_test() -> None:
    results = ({"runLocation": "us-east-1", "responseTime": 400}, {"runLocation": "eu-central-1"})
    (test,) = emitted(replace(CHECK, results=results, check_type="API", link="https://x/y"))
    assert (test.name, test.status, test.severity, test.type) == ("Home page", "pass", "error", "api")
    assert test.expected == "no check FAILED; at most 500 ms in each location"
    assert test.actual == "PASSED; 400 ms"
    assert test.params == {
        "check_id": "c1",
        "link": "https://x/y",
        "locations": ["eu-central-1", "us-east-1"],
    }


@pytest.mark.parametrize(
    ("severity", "told"),
    [
        ("passed", ("pass", "error")),
        ("failing", ("fail", "error")),
        ("warning", ("fail", "warn")),
        ("tolerated", ("fail", "warn")),
    ],
)
def test_what_the_gate_tolerates_only_warns(severity: Any, told: tuple[str, str]) -> None:
    (test,) = emitted(replace(CHECK, severity=severity))
    assert (test.status, test.severity) == told


def test_reasons_say_why() -> None:
    slow = ("600 ms in us-east-1 is above 500 ms",)
    (test,) = emitted(replace(CHECK, status="FAILED", severity="failing", slow=slow, link="javascript:x"))
    assert test.actual == "FAILED; 600 ms in us-east-1 is above 500 ms"
    assert test.params["link"] is None


@pytest.mark.parametrize("evaluation", [None, Evaluation(error=ChecklyError("no")), Evaluation()])
def test_without_checks_there_is_nothing_to_tell(evaluation: Evaluation | None) -> None:
    assert operator_lineage(evaluation) is None


@pytest.mark.parametrize("missing", ["apache-airflow-providers-openlineage", "openlineage-python"])
def test_without_openlineage(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Absent, or older than what knows of tests."""
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.1" if name == missing else version(name))
    assert operator_lineage(Evaluation(RULES, (CHECK,))) is None


def test_nothing_of_it_is_imported_with_our_modules() -> None:
    code = (
        "import sys, airflow.providers.common.compat.sdk\n"
        "import airflow_provider_checkly.operators, airflow_provider_checkly.sensors\n"
        "print(sorted({'openlineage', 'airflow.providers.openlineage.extractors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The last event of each task, as OpenLineage's provider wrote it to a file."""
    folder = tmp_path_factory.mktemp("lineage")
    transport = {"type": "file", "log_file_path": str(folder / "events"), "append": True}
    (folder / "airflow").mkdir()
    with pytest.MonkeyPatch.context() as patch, Emulator(speed=20) as checkly:
        patch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", json.dumps(transport))
        patch.setenv("AIRFLOW__OPENLINEAGE__DISABLED", "False")
        patch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "0")
        with DagRunner(folder / "airflow") as runner:
            run = runner.run(DAG, {"AIRFLOW_CONN_CHECKLY_DEFAULT": checkly.connection_json})
    assert {task: state for task, state in run.tasks.items() if state != "success"} == {
        **dict.fromkeys(["failed_here", "failed_deferred", "refused"], "failed"),
        "skipped": "skipped",
    }, run.log
    events = map(json.loads, (folder / "events").read_text().splitlines())
    return {event["job"]["name"].removeprefix("lineage."): event for event in events}


def found(event: Any) -> list[tuple[str, str, str]]:
    tests = event["run"]["facets"].get("test", {"tests": []})["tests"]
    return sorted((test["name"], test["status"], test["severity"]) for test in tests)


listens_to_skips = pytest.mark.skipif(not AIRFLOW_V_3_1_PLUS, reason="Airflow tells of skips since 3.1")
HOME, BASKET = ("Homepage API", "pass", "error"), ("Checkout API", "fail", "error")


@pytest.mark.parametrize(
    ("task", "kind", "tests"),
    [
        ("passed_here", "COMPLETE", [HOME]),
        ("passed_deferred", "COMPLETE", [HOME]),
        ("failed_here", "FAIL", [BASKET, HOME]),
        ("failed_deferred", "FAIL", [BASKET, HOME]),
        ("tolerated", "COMPLETE", [("Checkout API", "fail", "warn"), HOME]),
        pytest.param("skipped", "COMPLETE", [BASKET], marks=listens_to_skips),
        ("refused", "FAIL", []),
        ("healthy", "COMPLETE", [HOME]),
    ],
)
def test_the_provider_emits_it(told: Any, task: str, kind: str, tests: list[tuple[str, str, str]]) -> None:
    assert (told[task]["eventType"], found(told[task])) == (kind, tests)


def test_an_event_in_full(told: Any) -> None:
    """It says why, and where to look."""
    facet = told["failed_deferred"]["run"]["facets"]["test"]
    assert facet["_schemaURL"].endswith("TestRunFacet")
    (test,) = [each for each in facet["tests"] if each["status"] == "fail"]
    assert test["expected"] == "no check FAILED, TIMED_OUT or CANCELLED; 2 requested checks"
    assert test["actual"].startswith("FAILED; ")
    assert test["type"] == "api"
    assert "/check-sessions/" in test["params"]["link"]
