"""Scenarios in which a user ends, clears or outwaits a gate."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import requests
from e2e.cluster import eventually
from e2e.stage import Gate, check, endless

from airflow_provider_checkly.api.http import Credentials

if TYPE_CHECKING:
    from e2e.stage import Stage

SOON: Final = 15.0
"""Seconds within which a user's action is carried out at Checkly, on a busy machine."""
ON_WORKER: Final = 15.0
"""The same on a worker, which hears of it with its next heartbeat."""


def _ends(gate: Gate, action: str) -> None:
    """Let a user do something to a gate."""
    api = gate.stage.airflow.api
    if action == "clear":
        api.clear(gate.dag_id, gate.run_id, "gate")
    elif action == "fail the run":
        api.mark_run(gate.dag_id, gate.run_id, "failed")
    else:
        api.mark(gate.dag_id, gate.run_id, action)


def _end_deferred(stage: Stage, name: str, action: str, state: str, answer_seconds: float = 0) -> None:
    """A deferred gate of two checks, one of which has ended, is ended by a user."""
    with stage.ledger.scenario(name) as entry:
        gate = stage.gate("deferred", check(1), endless()).defers(2)
        session = gate.sessions[1]
        if answer_seconds:
            stage.checkly.fail(path=f"{session}/cancel", delay=answer_seconds)
        start = time.time()
        _ends(gate, action)
        eventually(30, lambda: gate.cancels)
        faults = gate.faults(state, cancelled=[session])
        took = gate.cancelled_at - start if gate.cancels else 99
        entry.notes.append(f"cancelled after {took:.1f} s")
        faults += [f"{gate.run_id}: wrong: cancelled after {took:.0f} s"] if took > SOON else []
        if not gate.tells("Asked Checkly to cancel 1 of 1"):
            faults.append(f"{gate.run_id}: wrong: the log does not tell of the cancel")
        entry.add(faults)


def mark_failed(stage: Stage) -> None:
    """Mark failed while deferred: one cancel."""
    _end_deferred(stage, "deferred: mark failed", "failed", "failed")


def mark_failed_slowly(stage: Stage) -> None:
    """The same where the cancel takes 3 s, while Airflow cancels on_kill every second."""
    _end_deferred(stage, "deferred: mark failed, cancel takes 3 s", "failed", "failed", 3)


def mark_success(stage: Stage) -> None:
    """Mark success while deferred: one cancel; what the user says of the task is kept."""
    with stage.ledger.scenario("deferred: mark success") as entry:
        gate = stage.gate("deferred", endless()).defers()
        _ends(gate, "success")
        found = gate.faults("success", cancelled=gate.sessions)
        entry.add([fault for fault in found if "XCom" not in fault])


def mark_skipped(stage: Stage) -> None:
    """Mark skipped while deferred: one cancel."""
    _end_deferred(stage, "deferred: mark skipped", "skipped", "skipped")


def fail_the_run(stage: Stage) -> None:
    """Mark the DAG run failed while its gate is deferred: one cancel."""
    _end_deferred(stage, "deferred: DAG run marked failed", "fail the run", "failed")


def clear_deferred(stage: Stage) -> None:
    """Clear while deferred: the old session is cancelled, a new one is started and left alone (row d)."""
    with stage.ledger.scenario("deferred: clear (row d)") as entry:
        gate = stage.gate("deferred", check(45)).defers()
        _ends(gate, "clear")
        gate.defers(2)
        entry.add(gate.faults("success", posts=2, cancelled=gate.sessions[:1]))


def clear_deferred_slowly(stage: Stage) -> None:
    """The same where the cancel takes 3 s."""
    with stage.ledger.scenario("deferred: clear, cancel takes 3 s") as entry:
        gate = stage.gate("deferred", check(45)).defers()
        stage.checkly.fail(path=f"{gate.sessions[0]}/cancel", delay=3)
        _ends(gate, "clear")
        gate.defers(2)
        entry.add(gate.faults("success", posts=2, cancelled=gate.sessions[:1]))


def clear_one_of_mapped(stage: Stage) -> None:
    """Clear one mapped index while deferred: its sibling is untouched."""
    with stage.ledger.scenario("deferred: clear of one mapped index") as entry:
        run = stage.gate("mapped", check(60), check(60))
        left, right = run.index(0).defers(), run.index(1).defers()
        stage.airflow.api.clear("mapped", run.run_id, ("gate", 1))
        right.defers(2)
        entry.add(left.faults("success", posts=1, tries=1))
        entry.add(right.faults("success", posts=2, cancelled=right.sessions[:1]))


def clear_the_run(stage: Stage) -> None:
    """Clear the DAG run while deferred (row f)."""
    with stage.ledger.scenario("deferred: clear of the DAG run (row f)") as entry:
        gate = stage.gate("deferred", check(45)).defers()
        stage.airflow.api.clear_run(gate.dag_id, gate.run_id)
        gate.defers(2)
        entry.add(gate.faults("success", posts=2, cancelled=gate.sessions[:1]))


def clear_success(stage: Stage) -> None:
    """Clear a gate that passed, and again: each time it runs anew (row c)."""
    with stage.ledger.scenario("success: clear, twice (row c)") as entry:
        gate = stage.gate("retrying", check(2))
        for tries in (1, 2, 3):
            entry.add(gate.comes_to("success", tries=tries).faults("success", posts=tries))
            if tries < 3:
                _ends(gate.ends(), "clear")


def clear_failed(stage: Stage) -> None:
    """Clear a gate that failed: it runs anew (row c)."""
    with stage.ledger.scenario("failed: clear (row c)") as entry:
        gate = stage.gate("deferred", check(2, outcome="failed"))
        entry.add(gate.comes_to("failed").faults("failed"))
        _ends(gate.ends(), "clear")
        entry.add(gate.comes_to("failed", tries=2).faults("failed", posts=2))


def leave_running(stage: Stage) -> None:
    """cancel_on_kill=False: mark failed cancels nothing."""
    with stage.ledger.scenario("cancel_on_kill=False: mark failed") as entry:
        gate = stage.gate("left_running", check(300)).defers()
        _ends(gate, "failed")
        entry.add(gate.faults("failed"))


def end_sensor(stage: Stage) -> None:
    """A sensor whose task is marked failed cancels nothing."""
    with stage.ledger.scenario("sensor: mark failed") as entry:
        one = check(300)
        stage.checkly.model.checks = (*stage.checkly.model.checks, one)
        account = Credentials(stage.checkly.url, stage.checkly.account_id, stage.checkly.api_key)
        url, body = f"{account.base_url}/v2/check-sessions/trigger", {"target": {"checkId": [one.id]}}
        started = requests.post(url, json=body, headers=account.headers(), timeout=10).json()
        ids = [each["checkSessionId"] for each in started["sessions"]]
        gate = stage.gate("sensor", one, session_ids=ids).defers()
        _ends(gate, "failed")
        entry.add(gate.faults("failed"))


def end_on_worker(stage: Stage) -> None:
    """Mark failed while a worker waits: one cancel, and the task ends instead of waiting on."""
    with stage.ledger.scenario("on a worker: mark failed") as entry:
        gate = stage.gate("on_worker", check(300)).is_looked_at()
        time.sleep(6)
        start, pid = time.time(), gate.task["pid"]
        _ends(gate, "failed")
        ended = eventually(ON_WORKER, lambda: not stage.airflow.lives(pid))
        faults = gate.faults("failed", cancelled=gate.sessions)
        took = gate.cancelled_at - start if gate.cancels else 99
        entry.notes.append(f"cancelled after {took:.1f} s")
        faults += [f"{gate.run_id}: wrong: the task waits on"] if not ended else []
        faults += [f"{gate.run_id}: wrong: cancelled after {took:.0f} s"] if took > ON_WORKER else []
        entry.add(faults)


def _outwait(stage: Stage, dag_id: str) -> None:
    with stage.ledger.scenario(f"deferred: {dag_id}") as entry:
        gate = stage.gate(dag_id, endless()).comes_to("deferred")
        start = time.time()
        faults = gate.faults("failed", cancelled=gate.sessions)
        entry.notes.append(f"cancelled and failed within {time.time() - start:.0f} s after the deferral")
        if "ChecksTimedOut" not in gate.log():
            faults.append(f"{gate.run_id}: wrong: no ChecksTimedOut in the log")
        if (gate.xcom("gate") or {}).get("outcome") != "timed_out":
            faults.append(f"{gate.run_id}: wrong: XCom gate is {gate.xcom('gate')}")
        entry.add(faults)


def outwait_timeout(stage: Stage) -> None:
    """`timeout` comes while deferred: cancel, then ChecksTimedOut."""
    _outwait(stage, "timeout")


def outwait_execution_timeout(stage: Stage) -> None:
    """`execution_timeout` comes while deferred: cancel, then ChecksTimedOut."""
    _outwait(stage, "execution_timeout")


def retry_failed(stage: Stage) -> None:
    """The retry after a failed verdict runs the failed check again, and only that (row b)."""
    with stage.ledger.scenario("retry_failed: only failed checks again (row b)") as entry:
        good, bad = check(2), check(2, outcome="failed")
        gate = stage.gate("retry_failed", good, bad).is_looked_at(2)
        _mend(stage, bad.id)
        faults = gate.faults("success", posts=2, tries=2)
        if gate.posts[1:] != [[bad.id]]:
            faults.append(f"{gate.run_id}: wrong: the retry triggered {gate.posts[1:]}")
        entry.add(faults)


def _mend(stage: Stage, check_id: str) -> None:
    """Let a check pass from now on."""
    checks: list[Any] = list(stage.checkly.model.checks)
    place = next(number for number, each in enumerate(checks) if each.id == check_id)
    checks[place] = check(2, checkType="API")
    object.__setattr__(checks[place], "id", check_id)
    stage.checkly.model.checks = tuple(checks)
