"""Scenarios of watchers: every change of a check is one event, whatever happens to Airflow or Checkly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import requests
from e2e.cluster import TRIGGERER, eventually
from e2e.stage import Gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.ledger import Entry
    from e2e.stage import Stage

    from airflow_provider_checkly.emulator import Status

WATCHED: Final = "e0000000-0000-4000-8000-000000000000"
TWIN: Final = "e0000001-0000-4000-8000-000000000000"
POLL: Final = 2.0
WINDOW: Final = 2 * POLL + 3.5
"""Seconds after an event in which a killed triggerer has not yet stored it, so that it comes again."""
KILL_AFTER: Final = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
LIMIT: Final = 120.0


def change(stage: Stage, status: Status, check_id: str = WATCHED) -> str:
    """Let a check change; return what tells this change from all others."""
    stage.checkly.set_status(check_id, status)
    (found,) = (each for each in _statuses(stage) if each["checkId"] == check_id)
    return str(found["lastCheckRunId"])


def _statuses(stage: Stage) -> list[Any]:
    return ask(stage, "/v1/check-statuses")


def ask(stage: Stage, path: str) -> list[Any]:
    """Return a list of Checkly's, asked for beside Airflow."""
    key, account_id = stage.checkly.api_key, stage.checkly.account_id
    headers = {"Authorization": f"Bearer {key}", "x-checkly-account": account_id}
    return list(requests.get(stage.checkly.url + path, headers=headers, timeout=10).json())


def count(stage: Stage, asset: str, change_id: str) -> int:
    """Return how many events of an asset tell of one change."""
    events = stage.airflow.api.asset_events(asset)
    return sum(each["extra"]["payload"]["result_id"] == change_id for each in events)


def read_since(stage: Stage, moment: float) -> bool:
    """Return whether a triggerer has read the statuses since then."""
    return any(
        each.path == "/v1/check-statuses"
        and each.at > moment
        and each.seconds is not None
        and "airflow" in each.headers.get("user-agent", "")
        for each in stage.checkly.requests
    )


def settle(stage: Stage) -> None:
    """Wait until the last event is stored, so that it cannot come again."""
    moment = time.time()
    assert eventually(LIMIT, lambda: read_since(stage, moment)), "nobody watches"
    time.sleep(WINDOW)


def faults(stage: Stage, entry: Entry, asset: str, change_id: str, *, may_double: bool = False) -> None:
    """Count the events of one change."""
    eventually(LIMIT, lambda: count(stage, asset, change_id))
    time.sleep(2 * POLL)
    found = count(stage, asset, change_id)
    wrong = [f"{asset}: lost: {change_id}"] if not found else []
    if found > 1 and may_double:
        entry.notes.append(f"{found} events of a change within {WINDOW} s before the kill")
    elif found > 1:
        wrong = [f"{asset}: doubled: {change_id}"]
    entry.add(wrong)


def fail_and_recover(stage: Stage) -> None:
    """One event when a check fails and one when it recovers, each for its own asset; both start a DAG."""
    with stage.ledger.scenario("a check fails and recovers") as entry:
        settle(stage)
        red = change(stage, "failing")
        faults(stage, entry, "failing", red)
        green = change(stage, "passing")
        faults(stage, entry, "recovered", green)
        assert not count(stage, "failing", green) + count(stage, "recovered", red)
        for dag_id in ("on_failing", "on_recovered"):
            assert eventually(60, lambda dag_id=dag_id: "success" in stage.airflow.api.run_states(dag_id))


def equal_arguments(stage: Stage) -> None:
    """Two assets on equal arguments: both get the event, also after a kill."""
    with stage.ledger.scenario("two assets on equal arguments") as entry:
        settle(stage)
        with stage.airflow.without("triggerer"):
            red = change(stage, "failing", TWIN)
        for asset in ("twin_a", "twin_b"):
            faults(stage, entry, asset, red)
        change(stage, "passing", TWIN)


def _with_outage(stage: Stage, name: str, outage: Callable[[], str]) -> None:
    """A check changes within an outage: exactly one event comes of it."""
    with stage.ledger.scenario(name) as entry:
        change(stage, "passing")
        settle(stage)
        faults(stage, entry, "failing", outage())


def kill_and_change(stage: Stage) -> None:
    """A check changes while the triggerer is down after SIGKILL."""

    def outage() -> str:
        with stage.airflow.without("triggerer"):
            return change(stage, "failing")

    _with_outage(stage, "changed while the triggerer was killed", outage)


def terminate_and_change(stage: Stage) -> None:
    """A check changes while the triggerer is down after SIGTERM."""

    def outage() -> str:
        stage.airflow.end("triggerer", patience=30)
        found = change(stage, "failing")
        stage.airflow.resume("triggerer")
        return found

    _with_outage(stage, "changed while the triggerer was ended by SIGTERM", outage)


def freeze_and_change(stage: Stage) -> None:
    """A check changes while the triggerer stands still for a moment."""

    def outage() -> str:
        with stage.airflow.frozen("triggerer"):
            found = change(stage, "failing")
            time.sleep(8)
        return found

    _with_outage(stage, "changed while the triggerer was frozen", outage)


def take_over(stage: Stage) -> None:
    """A second triggerer takes over from a frozen one, which then goes on."""

    def outage() -> str:
        stage.airflow.start("triggerer-2", *TRIGGERER)
        time.sleep(10)
        with stage.airflow.frozen("triggerer"):
            time.sleep(20)
            found = change(stage, "failing")
            time.sleep(20)
        return found

    _with_outage(stage, "changed while one triggerer took over from a frozen one", outage)
    stage.airflow.end("triggerer-2", patience=30)


def lose_checkly(stage: Stage) -> None:
    """A check changes while nobody reaches Checkly."""

    def outage() -> str:
        stage.proxy.cut()
        found = change(stage, "failing")
        time.sleep(15)
        stage.proxy.listen()
        return found

    _with_outage(stage, "changed while Checkly was out of reach", outage)


def restart_everything(stage: Stage) -> None:
    """A check changes while all of Airflow is down."""

    def outage() -> str:
        names = ("triggerer", "scheduler", "dag-processor", "api-server")
        stage.airflow.end(*names, patience=0)
        found = change(stage, "failing")
        for name in reversed(names):
            stage.airflow.resume(name)
        stage.airflow.healthy()
        return found

    _with_outage(stage, "changed while all of Airflow was killed", outage)


def twenty_kills(stage: Stage) -> None:
    """The triggerer is killed within milliseconds to a second after it has read a change."""
    with stage.ledger.scenario("SIGKILL 0 to 1 s after a change was read") as entry:
        for number in range(20):
            asset, status = (("failing", "failing"), ("recovered", "passing"))[number % 2]
            if not number:
                change(stage, "passing")
            settle(stage)
            found, moment = change(stage, status), time.time()
            assert eventually(LIMIT, lambda moment=moment: read_since(stage, moment)), "nobody watches"
            time.sleep(KILL_AFTER[number // 2])
            with stage.airflow.without("triggerer"):
                pass
            faults(stage, entry, asset, found, may_double=True)


def kill_in_the_window(stage: Stage) -> None:
    """The triggerer is killed when an event has arrived and is not stored yet: it may come a second time."""
    with stage.ledger.scenario("SIGKILL as soon as an event has arrived") as entry:
        for status, asset in (("failing", "failing"), ("passing", "recovered")) * 2:
            change(stage, "passing" if status == "failing" else "failing")
            settle(stage)
            found = change(stage, "failing" if status == "failing" else "passing")
            assert eventually(LIMIT, lambda asset=asset, found=found: count(stage, asset, found)), "no event"
            with stage.airflow.without("triggerer"):
                pass
            settle(stage)
            faults(stage, entry, asset, found, may_double=True)


# Waits for health, and deployments.


def wait_through_a_kill(stage: Stage) -> None:
    """Waits for health go on when the triggerer is killed, and end with the recovery."""
    with stage.ledger.scenario("waits for health, the triggerer is killed") as entry:
        change(stage, "failing", TWIN)
        gates = [_wait(stage, number) for number in range(4)]
        for gate in gates:
            gate.comes_to("deferred")
        with stage.airflow.without("triggerer"):
            time.sleep(2)
        time.sleep(5)
        assert all(gate.state == "deferred" for gate in gates), "a wait ended before the recovery"
        change(stage, "passing", TWIN)
        for gate in gates:
            gate.comes_to("success", "failed")
            entry.add([] if gate.state == "success" else [f"{gate.run_id}: wrong: {gate.state}"])


def _wait(stage: Stage, number: int) -> Gate:
    gate = Gate(stage, "healthy", f"healthy-{number}-{time.time():.0f}", [TWIN])
    stage.airflow.api.trigger("healthy", gate.run_id, {"check_ids": [TWIN]})
    return gate


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
