"""Scenarios in which checks fail, and what a person then reads: the task's log over REST, and XCom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from e2e.stage import Gate, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from e2e.stage import Stage

API: Final = ("STATUS_CODE", "EQUALS 200, was 503", "503 Service Unavailable", "firstByte", "/results/")
"""The failed assertion (source, comparison, expected, actual), HTTP status, timings, link to the result."""
SUITE: Final = ("expect(page).toHaveTitle", "checkout.spec.ts:14", "video.webm", "trace.zip", "failed.png")
"""The first error of a Playwright Check Suite, where it stands, video, trace and screenshot."""


def _tell_why(stage: Stage, dag_id: str, **conf: Any) -> None:
    with stage.ledger.scenario(f"the reason, in the task's own log: {dag_id}") as entry:
        checks = [check(8, outcome="failed", checkType=kind) for kind in ("API", "PLAYWRIGHT")]
        gate = stage.gate(dag_id, *checks, check(1), **conf)
        gate.comes_to("failed")
        log = stage.airflow.api.log(gate.dag_id, gate.run_id, "gate")
        entry.add([*_absent("the log", log, [*API, *SUITE, "2 of 3 checks"]), *_left(gate)])


def _left(gate: Gate) -> list[str]:
    """Return what XCom lacks."""
    evaluation = gate.xcom("gate") or {"checks": []}
    failing = [each["check_id"] for each in evaluation["checks"] if each["severity"] == "failing"]
    faults = [fault for key in ("report", "report_slack") for fault in _left_in(gate, key)]
    if sorted(failing) != sorted(gate.check_ids[:2]):
        faults.append(f": wrong: XCom gate is {evaluation}")
    return faults


def _left_in(gate: Gate, key: str) -> list[str]:
    return _absent(f"XCom {key}", str(gate.xcom(key)), [API[1], SUITE[0]])


def _absent(where: str, text: str, wanted: Sequence[str]) -> list[str]:
    return [f": wrong: {where} does not say {each!r}" for each in wanted if each not in text]


def tell_why_deferred(stage: Stage) -> None:
    """Checks fail while the task is deferred."""
    _tell_why(stage, "deferred")


def tell_why_on_worker(stage: Stage) -> None:
    """Checks fail while a worker waits."""
    _tell_why(stage, "on_worker")


def tell_why_of_test_session(stage: Stage) -> None:
    """Checks of a test session fail while the task is deferred."""
    _tell_why(stage, "test_session")


def keep_the_key(stage: Stage) -> None:
    """After all, the key stands in no log of tasks and processes, and the REST API masks it."""
    with stage.ledger.scenario("afterwards: the key is in no log") as entry:
        key = stage.checkly.api_key
        files = [path for path in stage.airflow.home.rglob("*.log*") if path.is_file()]
        assert files, "there are no logs"
        found = [path for path in files if key in path.read_text("utf-8", "replace")]
        entry.add([f": wrong: {path.name} holds the key" for path in found])
        shown = str(stage.airflow.api.connection("checkly_default"))
        entry.add([": wrong: the REST API shows the key"] if key in shown else [])
        entry.notes.append(f"{len(files)} logs were searched")
