"""Scenarios in which processes of tasks are killed; they disturb no other task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from e2e.cluster import eventually
from e2e.stage import Gate, check

if TYPE_CHECKING:
    from e2e.stage import Stage

CONTINUING: Final = "Continuing with 1 "
MAY_RUN: Final = "its sessions may still be running"


def _kill(gate: Gate, *, whole_worker: bool = False) -> None:
    """Kill the process that runs a gate."""
    gate.comes_to("running")
    gate.stage.airflow.kill_task(gate.task["pid"], whole_worker=whole_worker)


def _says(gate: Gate, text: str) -> list[str]:
    return [] if text in gate.log() else [f"{gate.run_id}: wrong: the log does not say: {text}"]


def kill_before_deferral(stage: Stage) -> None:
    """The task's process is killed after the ids are stored: the retry continues with the same session."""
    with stage.ledger.scenario("SIGKILL of the task before the deferral") as entry:
        gate = stage.gate("retrying", check(25)).is_looked_at()
        _kill(gate)
        entry.add([*gate.faults("success", tries=2), *_says(gate, CONTINUING)])


def kill_supervisor_before_deferral(stage: Stage) -> None:
    """The same with the process that supervises the task: nobody reports it, the heartbeats just end."""
    with stage.ledger.scenario("SIGKILL of task and supervisor before the deferral") as entry:
        gate = stage.gate("retrying", check(25)).is_looked_at()
        _kill(gate, whole_worker=True)
        entry.add([*gate.faults("success", tries=2), *_says(gate, CONTINUING)])


def kill_after_resume(stage: Stage) -> None:
    """The task's process is killed after the resume: the retry finds the session passed."""
    with stage.ledger.scenario("SIGKILL of the task after the resume") as entry:
        gate = stage.gate("held", check(8)).defers()
        assert eventually(90, lambda: "Resumed and held" in gate.log()), f"{gate.run_id}: not resumed"
        _kill(gate)
        entry.add([*gate.faults("success", tries=2), *_says(gate, CONTINUING)])


def kill_on_worker(stage: Stage) -> None:
    """A task that waits on its worker is killed: the retry continues with the same session."""
    with stage.ledger.scenario("SIGKILL of a task that waits on a worker") as entry:
        gate = stage.gate("retrying_on_worker", check(30)).is_looked_at()
        _kill(gate)
        entry.add([*gate.faults("success", tries=2), *_says(gate, CONTINUING)])


def kill_after_clear(stage: Stage) -> None:
    """A cleared gate starts new sessions, and its retry continues with those (row d')."""
    with stage.ledger.scenario("clear, then SIGKILL (row d')") as entry:
        gate = stage.gate("retrying", check(40)).defers()
        stage.airflow.api.clear(gate.dag_id, gate.run_id, "gate")
        gate.is_looked_at(2)
        _kill(gate)
        faults = gate.faults("success", posts=2, tries=3, cancelled=gate.sessions[:1])
        entry.add([*faults, *_says(gate, CONTINUING)])


def kill_mapped_then_clear(stage: Stage) -> None:
    """Of two mapped gates one is retried, then both are cleared (row e)."""
    with stage.ledger.scenario("mapped: SIGKILL of one, then clear (row e)") as entry:
        run = stage.gate("mapped", check(20), check(20))
        left, right = run.index(0).is_looked_at(), run.index(1)
        _kill(left)
        entry.add(left.faults("success", tries=2))
        entry.add(right.faults("success", tries=1))
        stage.airflow.api.clear("mapped", run.ends().run_id, "gate")
        entry.add(left.comes_to("success", tries=3).faults("success", posts=2, tries=3))
        entry.add(right.comes_to("success", tries=2).faults("success", posts=2, tries=2))


def clear_neighbour_meanwhile(stage: Stage) -> None:
    """Another task of the run is cleared while this one is up for retry: it still continues (row h)."""
    with stage.ledger.scenario("SIGKILL, neighbour cleared before the retry (row h)") as entry:
        gate = stage.gate("two", check(40)).is_looked_at()
        _kill(gate)
        gate.comes_to("up_for_retry")
        stage.airflow.api.clear(gate.dag_id, gate.run_id, "neighbour")
        entry.add([*gate.faults("success", tries=2), *_says(gate, CONTINUING)])


def clear_while_running(stage: Stage) -> None:
    """A clear while a leg runs on a worker: the sessions are cancelled, and the gate runs anew (row g)."""
    with stage.ledger.scenario("on a worker: clear while running (row g)") as entry:
        gate = stage.gate("retrying_on_worker", check(40)).is_looked_at()
        stage.airflow.api.clear(gate.dag_id, gate.run_id, "gate")
        gate.is_looked_at(2)
        entry.add(gate.faults("success", posts=2, cancelled=gate.sessions[:1]))
        entry.notes.append(f"ended in try {gate.task['try_number']}")


def fail_retrying(stage: Stage) -> None:
    """A failed verdict is not retried, though the task has retries (row b)."""
    with stage.ledger.scenario("failed verdict, retries left (row b)") as entry:
        gate = stage.gate("retrying", check(8, outcome="failed"))
        entry.add(gate.faults("failed", tries=1))


def kill_in_the_window(stage: Stage) -> None:
    """The process is killed between POST and answer: nobody knows the ids, so it is triggered twice.

    No other gate may be started meanwhile: the delayed answer is for the next trigger.
    """
    with stage.ledger.scenario("SIGKILL between POST and answer (known: doubled)") as entry:
        stage.checkly.fail(path="/trigger", method="POST", drip=0.05)
        gate = stage.gate("retrying", check(12))
        assert eventually(60, lambda: gate.sessions), f"{gate.run_id}: no session"
        _kill(gate)
        entry.add([*gate.faults("success", posts=2, tries=2), *_says(gate, MAY_RUN)])
        entry.notes.append("one session is doubled by design; the log says so")
