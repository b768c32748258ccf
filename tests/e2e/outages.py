"""Scenarios in which what all tasks share goes away: a triggerer, a worker, the API server, Checkly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from e2e.cluster import eventually
from e2e.stage import Gate, check

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.stage import Stage

GATES: Final = 6
DOWN_SECONDS: Final = 30
FROZEN_SECONDS: Final = 45  # Airflow takes a triggerer for dead after 30


def _during_a_wait(
    stage: Stage, name: str, outage: Callable[[], str], seconds: float = 70, **conf: str
) -> None:
    """Several gates are deferred while something goes away; all continue as if nothing had happened."""
    with stage.ledger.scenario(name) as entry:
        gates = [stage.gate("deferred", check(seconds), **conf) for _ in range(GATES)]
        for gate in gates:
            gate.defers()
        if note := outage():
            entry.notes.append(note)
        for gate in gates:
            entry.add(gate.faults("success", tries=1))


def end_triggerer(stage: Stage, name: str, patience: float, successor: str = "") -> None:
    """A triggerer is killed, or ended by SIGTERM; it is started again, or another one takes over."""
    word = "SIGTERM" if patience else "SIGKILL"

    def outage() -> str:
        stage.airflow.end(name, patience=patience)
        if not successor:
            stage.airflow.resume(name)
        return ""

    who = "the other takes over" if successor else "a new one is started"
    _during_a_wait(stage, f"{word} of a triggerer, {who}", outage)
    if successor:
        stage.airflow.resume(name)


def restart_api(stage: Stage) -> None:
    """The API server is restarted during waits, in the triggerer and on a worker."""

    def outage() -> str:
        stage.airflow.end("api-server", patience=30)
        time.sleep(5)
        stage.airflow.resume("api-server")
        stage.airflow.healthy()
        return ""

    _during_a_wait(stage, "API server restart", outage)


def lose_checkly(stage: Stage) -> None:
    """Nobody reaches Checkly for a while: held polls break, new connections are refused."""

    def outage() -> str:
        stage.proxy.cut()
        time.sleep(DOWN_SECONDS)
        stage.proxy.listen()
        return ""

    _during_a_wait(stage, f"Checkly down for {DOWN_SECONDS} s", outage, connection="checkly_behind_proxy")


def freeze_triggerer(stage: Stage, name: str) -> None:
    """A triggerer stands still until the other one has taken over, and then continues: it cancels nothing."""
    with stage.ledger.scenario("frozen triggerer, takeover, thaw") as entry:
        gates = [stage.gate("deferred", check(150)) for _ in range(GATES)]
        for gate in gates:
            gate.defers()
        before = [_owner(gate) for gate in gates]
        with stage.airflow.frozen(name):
            time.sleep(FROZEN_SECONDS)
        moved = sum(_owner(gate) != owner for gate, owner in zip(gates, before, strict=True))
        entry.notes.append(f"{moved} of {GATES} triggers were taken over")
        thawed = sum(gate.tells("Not cancelling anything", 5) for gate in gates)
        entry.notes.append(f"{thawed} times the thawed triggerer was told to cancel, and did not")
        assert moved, "no trigger was taken over"
        for gate in gates:
            entry.add(gate.faults("success", tries=1))


def _owner(gate: Gate) -> int:
    return int((gate.task.get("triggerer_job") or {}).get("id") or 0)


def kill_worker_before_deferral(stage: Stage) -> None:
    """A whole worker is killed while its tasks look at their sessions: each retry continues with them."""
    with stage.ledger.scenario("SIGKILL of a worker before the deferral") as entry:
        gates = [stage.gate("retrying", check(50)) for _ in range(4)]
        there = eventually(90, lambda: any(_is_on(gate, "worker-1") and gate.waited_for for gate in gates))
        assert there, "no gate runs on worker-1"
        with stage.airflow.without("worker-1"):
            for gate in gates:
                entry.add(gate.faults("success"))
        again = sum(gate.task["try_number"] == 2 for gate in gates)
        entry.notes.append(f"{again} of {len(gates)} tasks were retried")
        assert again, "no task was killed"


def kill_worker_after_deferral(stage: Stage) -> None:
    """A whole worker is killed just after its tasks deferred."""
    with stage.ledger.scenario("SIGKILL of a worker after the deferral") as entry:
        gates = [stage.gate("retrying", check(50)) for _ in range(4)]
        for gate in gates:
            gate.comes_to("deferred")
        with stage.airflow.without("worker-1"):
            for gate in gates:
                entry.add(gate.faults("success", tries=1))


def kill_worker_after_resume(stage: Stage) -> None:
    """A whole worker is killed while it evaluates gates: each retry finds its session passed."""
    with stage.ledger.scenario("SIGKILL of a worker after the resume") as entry:
        gates = [stage.gate("held", check(8)) for _ in range(4)]

        def resumed() -> bool:
            return any(_is_on(gate, "worker-1") and "Resumed and held" in gate.log() for gate in gates)

        assert eventually(120, resumed), "no gate is resumed on worker-1"
        with stage.airflow.without("worker-1"):
            for gate in gates:
                entry.add(gate.faults("success"))
        again = sum(gate.task["try_number"] == 2 for gate in gates)
        entry.notes.append(f"{again} of {len(gates)} tasks were retried")
        assert again, "no task was killed"


def _is_on(gate: Gate, worker: str) -> bool:
    task = gate.task
    return task["state"] == "running" and task["pid"] in gate.stage.airflow.pids(worker)


def many_at_once(stage: Stage) -> None:
    """40 gates at once."""
    with stage.ledger.scenario("40 concurrent gates") as entry:
        gates = [stage.gate("deferred", check(20 + number / 4)) for number in range(40)]
        for gate in gates:
            entry.add(gate.faults("success", tries=1, seconds=600))


def short_deferrals(stage: Stage) -> None:
    """50 sessions that end 0 to 8 s after the deferral."""
    with stage.ledger.scenario("50 sessions that end 0 to 8 s after the deferral") as entry:
        gates = []
        for number in range(50):
            gates.append(stage.gate("deferred", check(5.5 + number % 17 / 2)))
            time.sleep(2)
        for gate in gates:
            entry.add(gate.faults("success", tries=1, seconds=600))
