"""Scenarios of watchers: every change of a check is one event, whatever happens to Airflow or Checkly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import requests
from e2e.cluster import TRIGGERER, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from e2e.ledger import Entry
    from e2e.stage import Stage

    from airflow_provider_checkly.emulator import Status

WATCHED: Final = "e0000000-0000-4000-8000-000000000000"
TWIN: Final = "e0000001-0000-4000-8000-000000000000"
POLL: Final = 2.0
WINDOW: Final = 2 * POLL + 3.5
"""Seconds after an event in which a killed triggerer has not yet stored it, so that it comes again."""
KILL_AFTER: Final = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
TAKEN_OVER: Final = 45
"""Seconds after which a frozen triggerer has lost its triggers to another one."""
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
        with stage.airflow.without(*stage.airflow.triggerers):
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
    """A check changes while no triggerer is there after SIGKILL."""

    def outage() -> str:
        with stage.airflow.without(*stage.airflow.triggerers):
            return change(stage, "failing")

    _with_outage(stage, "changed while the triggerers were killed", outage)


def terminate_and_change(stage: Stage) -> None:
    """A check changes while no triggerer is there after SIGTERM."""

    def outage() -> str:
        with stage.airflow.without(*stage.airflow.triggerers, patience=30):
            return change(stage, "failing")

    _with_outage(stage, "changed while the triggerers were ended by SIGTERM", outage)


def freeze_and_change(stage: Stage) -> None:
    """A check changes while all triggerers stand still for a moment."""

    def outage() -> str:
        with stage.airflow.frozen(*stage.airflow.triggerers):
            found = change(stage, "failing")
            time.sleep(8)
        return found

    _with_outage(stage, "changed while the triggerers were frozen", outage)


def start_another(stage: Stage) -> None:
    """A second triggerer takes over from a frozen one, which then goes on."""
    stage.airflow.start("another", *TRIGGERER)
    time.sleep(10)
    take_over(stage)
    stage.airflow.end("another", patience=30)


def take_over(stage: Stage) -> None:
    """One triggerer after the other is frozen until another one has taken over, and then goes on."""
    for name in stage.airflow.triggerers:

        def outage(name: str = name) -> str:
            with stage.airflow.frozen(name):
                time.sleep(TAKEN_OVER)
                found = change(stage, "failing")
                time.sleep(8)
            return found

        _with_outage(stage, f"changed while another one took over from a frozen {name}", outage)


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
        with stage.airflow.without(*stage.airflow.everything):
            found = change(stage, "failing")
        stage.airflow.healthy()
        return found

    _with_outage(stage, "changed while all of Airflow was killed", outage)


def restart_api(stage: Stage) -> None:
    """A check changes while Airflow's API server is down."""

    def outage() -> str:
        with stage.airflow.without("api-server", patience=30):
            found = change(stage, "failing")
            time.sleep(3 * POLL)
        stage.airflow.healthy()
        return found

    _with_outage(stage, "changed while Airflow's API server was down", outage)


def twenty_kills(stage: Stage) -> None:
    """All delays, twice."""
    kill_after_reading(stage, [delay for delay in KILL_AFTER for _ in range(2)])


def two_kills(stage: Stage) -> None:
    """Two of the delays."""
    kill_after_reading(stage, KILL_AFTER[3::4])


def kill_after_reading(stage: Stage, delays: Sequence[float]) -> None:
    """The triggerers are killed within milliseconds to a second after one has read a change."""
    with stage.ledger.scenario("SIGKILL 0 to 1 s after a change was read") as entry:
        for number, delay in enumerate(delays):
            asset, status = (("failing", "failing"), ("recovered", "passing"))[number % 2]
            if not number:
                change(stage, "passing")
            settle(stage)
            found, moment = change(stage, status), time.time()
            assert eventually(LIMIT, lambda moment=moment: read_since(stage, moment)), "nobody watches"
            time.sleep(delay)
            with stage.airflow.without(*stage.airflow.triggerers):
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
            with stage.airflow.without(*stage.airflow.triggerers):
                pass
            settle(stage)
            faults(stage, entry, asset, found, may_double=True)
