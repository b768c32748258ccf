"""Scenarios of waits for health, and of deployments within maintenance windows."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from e2e.cluster import eventually
from e2e.stage import Gate
from e2e.watching import LIMIT, TWIN, ask, change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from e2e.ledger import Entry
    from e2e.stage import Stage

MAX_DURATION: Final = timedelta(minutes=20)


def wait_through_a_kill(stage: Stage) -> None:
    """Waits for health go on when the triggerers are killed, and end with the recovery."""
    with stage.ledger.scenario("waits for health, the triggerers are killed") as entry:
        change(stage, "failing", TWIN)
        gates = [_wait(stage, "healthy", number) for number in range(4)]
        for gate in gates:
            gate.comes_to("deferred")
        with stage.airflow.without(*stage.airflow.triggerers):
            time.sleep(2)
        time.sleep(5)
        assert all(gate.state == "deferred" for gate in gates), "a wait ended before the recovery"
        _recover(stage, entry, gates, tries=1)


def kill_a_wait(stage: Stage) -> None:
    """Waits on workers are killed: each retry goes on waiting; a rescheduled one is left alone."""
    with stage.ledger.scenario("SIGKILL of waits for health on workers") as entry:
        change(stage, "failing", TWIN)
        waits = [_wait(stage, "on_worker", number) for number in range(2)]
        rescheduled = _wait(stage, "rescheduled", 0).comes_to("up_for_reschedule")
        for gate in waits:
            gate.comes_to("running")
            assert eventually(30, lambda gate=gate: "not healthy" in gate.log()), f"{gate.run_id}: no look"
            stage.airflow.kill_task(gate.task["pid"])
            gate.comes_to("running", tries=2)
        assert rescheduled.state in {"up_for_reschedule", "scheduled", "queued", "running"}
        _recover(stage, entry, waits, tries=2)
        _recover(stage, entry, [rescheduled], tries=1)


def _recover(stage: Stage, entry: Entry, gates: Sequence[Gate], tries: int) -> None:
    """Let the check pass, and see all waits end with it."""
    change(stage, "passing", TWIN)
    for gate in gates:
        task = gate.comes_to("success", "failed").task
        ended = (task["state"], task["try_number"])
        entry.add([] if ended == ("success", tries) else [f"{gate.run_id}: wrong: {ended}"])


def _wait(stage: Stage, dag_id: str, number: int) -> Gate:
    gate = Gate(stage, dag_id, f"{dag_id}-{number}-{time.time():.0f}", [TWIN])
    stage.airflow.api.trigger(dag_id, gate.run_id, {"check_ids": [TWIN]})
    return gate


def kill_a_deployment(stage: Stage) -> None:
    """A deployment and its supervisor are killed: its window ends with the teardown, or else by itself."""
    with stage.ledger.scenario("SIGKILL of a deployment and its supervisor") as entry:
        run_id = "killed-deployment"
        stage.airflow.api.trigger("deploy", run_id, {"seconds": 60})
        assert eventually(LIMIT, lambda: _pid(stage, run_id, "release")), "the deployment has no process"
        (window,) = windows(stage)
        starts, ends = (datetime.fromisoformat(window[key]) for key in ("startsAt", "endsAt"))
        entry.add([] if ends - starts == MAX_DURATION else [f"{run_id}: wrong: the window ends at {ends}"])
        stage.airflow.kill_task(_pid(stage, run_id, "release"), whole_worker=True)
        assert eventually(LIMIT, lambda: stage.airflow.api.state("deploy", run_id) == "failed")
        entry.add([f"{run_id}: wrong: a window is left"] if windows(stage) else [])


def kill_the_teardown(stage: Stage) -> None:
    """The teardown is killed after Checkly has deleted the window: its retry copes with that."""
    with stage.ledger.scenario("SIGKILL of the teardown after its window was deleted") as entry:
        run_id, before = "killed-teardown", _deletes(stage)
        stage.checkly.fail(method="DELETE", path="maintenance-windows", processed=True, status=500)
        stage.checkly.fail(method="DELETE", path="maintenance-windows", delay=60)
        stage.airflow.api.trigger("deploy", run_id, {})
        assert eventually(LIMIT, lambda: _pid(stage, run_id, "loud")), "the teardown has no process"
        assert eventually(LIMIT, lambda: _deletes(stage) > before + 1), "nothing was deleted"
        stage.airflow.kill_task(_pid(stage, run_id, "loud"))
        assert eventually(LIMIT, lambda: stage.airflow.api.state("deploy", run_id) in {"success", "failed"})
        state = stage.airflow.api.state("deploy", run_id)
        entry.add([] if state == "success" else [f"{run_id}: wrong: {state}"])
        entry.add([f"{run_id}: wrong: a window is left"] if windows(stage) else [])


def _deletes(stage: Stage) -> int:
    return sum(each.method == "DELETE" for each in stage.checkly.requests)


def deploy(stage: Stage, *, fails: bool) -> None:
    """A deployment runs quiet; its window is gone after it, however it ended."""
    with stage.ledger.scenario(f"a deployment that {'fails' if fails else 'succeeds'}") as entry:
        run_id = f"deploy-{fails}"
        stage.airflow.api.trigger("deploy", run_id, {"fails": fails})
        wanted = "failed" if fails else "success"
        assert eventually(LIMIT, lambda: stage.airflow.api.state("deploy", run_id) in {"success", "failed"})
        state = stage.airflow.api.state("deploy", run_id)
        entry.add([] if state == wanted else [f"{run_id}: wrong: {state}"])
        entry.add([f"{run_id}: wrong: a window is left"] if windows(stage) else [])
        assert [each for each in stage.checkly.requests if each.method == "DELETE"], "no window was deleted"


def kill_the_setup(stage: Stage) -> None:
    """The setup task is killed after Checkly has opened the window: its retry finds that window."""
    with stage.ledger.scenario("SIGKILL of the setup after its window was opened") as entry:
        posts = _posts(stage)
        stage.checkly.fail(method="POST", path="maintenance-windows", delay=0, processed=True, status=500)
        stage.checkly.fail(method="GET", path="maintenance-windows", delay=30)
        stage.airflow.api.trigger("deploy", "killed-setup", {})
        assert eventually(LIMIT, lambda: _posts(stage) > posts), "no window was opened"
        assert eventually(30, lambda: _pid(stage, "killed-setup", "quiet")), "the setup has no process"
        stage.airflow.kill_task(_pid(stage, "killed-setup", "quiet"))
        stage.checkly.clear()
        assert eventually(LIMIT, lambda: stage.airflow.api.state("deploy", "killed-setup") == "success")
        assert not _posts(stage), "the retry opened a second window"
        entry.add([f"deploy: wrong: {len(windows(stage))} windows are left"] if windows(stage) else [])


def _posts(stage: Stage) -> int:
    return sum(each.method == "POST" and "maintenance" in each.path for each in stage.checkly.requests)


def _pid(stage: Stage, run_id: str, task_id: str) -> int:
    found = [each for each in stage.airflow.api.details("deploy", run_id) if each["task_id"] == task_id]
    return int(found[0]["pid"] or 0) if found and found[0]["state"] == "running" else 0


def windows(stage: Stage) -> list[Any]:
    """Return the maintenance windows that are left."""
    return ask(stage, "/v1/maintenance-windows")
