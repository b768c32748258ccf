from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_checkly.emulator import Check
from airflow_provider_checkly.emulator.check_sessions import result_json, session_json
from airflow_provider_checkly.emulator.model import Model
from airflow_provider_checkly.emulator.trigger_requests import Target

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.model import Session

ID = "c0000000-0000-4000-8000-0000000000{:02}".format
ACCOUNT = "acc00000-0000-4000-8000-000000000001"


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """A model with one check, a session of it, and the clock that drives both."""

    model: Model
    clock: Clock
    session_id: str

    @property
    def session(self) -> Session:
        session = self.model.find(self.session_id.upper())
        assert session
        return session

    def at(self, seconds: float) -> str:
        self.clock.now = 1_000_000.0 + seconds
        return self.session.status(self.clock.now)

    def results(self) -> list[tuple[str, str, str, float]]:
        results = self.session.results(self.clock.now)
        return [(one.type, one.location, one.outcome, one.stopped_at - 1_000_000) for one in results]


def run(speed: float = 1.0, **fields: Any) -> World:
    clock = Clock()
    model = Model(ACCOUNT, [Check(id=ID(1), name="one", **fields)], clock, speed=speed)
    (session,) = model.trigger(Target())
    return World(model, clock, session.id)


BOTH = ("eu", "us")


@pytest.mark.parametrize(
    ("fields", "states"),
    [
        ({}, {0: "STARTED", 7.9: "STARTED", 8: "PASSED", 99: "PASSED"}),
        ({"locations": BOTH}, {5.9: "STARTED", 6: "PROGRESS", 8: "PASSED"}),
        ({"locations": BOTH, "outcome": "failed"}, {5.9: "STARTED", 6: "PROGRESS_FAILED", 8: "FAILED"}),
        ({"locations": BOTH, "outcome": "timed_out"}, {6: "PROGRESS_FAILED", 8: "TIMED_OUT"}),
        ({"locations": BOTH, "outcome": "degraded"}, {6: "PROGRESS_DEGRADED", 8: "DEGRADED"}),
        ({"locations": BOTH, "outcome": "cancelled"}, {6: "PROGRESS", 8: "CANCELLED"}),
        ({"attempts": 1}, {3.9: "STARTED", 4: "PROGRESS", 8: "PASSED"}),
        ({"attempts": 1, "outcome": "failed"}, {4: "PROGRESS", 8: "FAILED"}),
        ({"outcome": "never"}, {0: "STARTED", 1e9: "STARTED"}),
        ({"outcome": "never", "attempts": 1}, {4: "PROGRESS", 1e9: "PROGRESS"}),
        ({"speed": 4.0}, {1.9: "STARTED", 2: "PASSED"}),
    ],
)
def test_states_in_time(fields: dict[str, Any], states: dict[float, str]) -> None:
    world = run(**{"seconds": 8, **fields})
    assert {seconds: world.at(seconds) for seconds in states} == states


def test_a_check_of_no_duration_is_done_at_once() -> None:
    assert run(seconds=0).at(0) == "PASSED"


def test_results_come_location_by_location_attempts_first() -> None:
    world = run(seconds=8, locations=BOTH, attempts=1, outcome="failed")
    seen = {}
    for seconds in (2, 3, 4, 6, 8):
        world.at(seconds)
        seen[seconds] = world.results()
    attempt_eu, final_eu = ("ATTEMPT", "eu", "failed", 3), ("FINAL", "eu", "failed", 6)
    attempt_us, final_us = ("ATTEMPT", "us", "failed", 4), ("FINAL", "us", "failed", 8)
    assert seen == {
        2: [],
        3: [attempt_eu],
        4: [attempt_eu, attempt_us],
        6: [attempt_eu, final_eu, attempt_us],
        8: [attempt_eu, final_eu, attempt_us, final_us],
    }
    assert len({one.id for one in world.session.results(world.clock.now)}) == 4


@pytest.mark.parametrize(("seconds", "left"), [(0, 8), (6, 2), (8, 0), (9, -1)])
def test_seconds_left(seconds: float, left: float) -> None:
    world = run(seconds=8)
    world.at(seconds)
    assert world.model.seconds_left(world.session) == left
    assert run(outcome="never").model.seconds_left(run(outcome="never").session) == math.inf


@pytest.mark.parametrize(
    ("fields", "at", "expected"),
    [
        ({"checkType": "PLAYWRIGHT"}, 3, "CANCELLED"),
        ({"checkType": "PLAYWRIGHT", "outcome": "never"}, 3, "CANCELLED"),
        ({"checkType": "PLAYWRIGHT"}, 8, "PASSED"),
        ({"checkType": "BROWSER"}, 3, "STARTED"),
    ],
)
def test_cancel_stops_suites_that_still_run(fields: dict[str, Any], at: float, expected: str) -> None:
    world = run(seconds=8, **fields)
    world.at(at)
    world.model.cancel(world.session)
    assert world.at(at) == expected
    assert world.at(1e6) in {expected, "PASSED"}


def test_a_cancelled_run_keeps_its_attempts_and_its_end() -> None:
    world = run(seconds=8, attempts=2, outcome="never", checkType="PLAYWRIGHT")
    world.at(3)
    world.model.cancel(world.session)
    world.at(7)
    world.model.cancel(world.session)
    first, final = world.results()
    assert first[:3] == ("ATTEMPT", "eu-central-1", "failed")
    assert final == ("FINAL", "eu-central-1", "cancelled", 3)
    shown = result_json(world.session, world.session.results(world.clock.now)[1], ACCOUNT)
    assert (shown["isCancelled"], shown["responseTime"], shown["aborted"]) == (True, None, False)


def test_cancelling_one_run_lets_the_others_end() -> None:
    world = run(seconds=8, locations=BOTH, checkType="PLAYWRIGHT")
    world.at(1)
    world.model.cancel(world.session, [world.session.runs[0].sequence_id])
    assert [world.at(seconds) for seconds in (1, 7.9, 8)] == ["PROGRESS", "PROGRESS", "CANCELLED"]
    assert [result[2] for result in world.results()] == ["cancelled", "passed"]


@pytest.mark.parametrize(
    ("kind", "milliseconds"), [("API", 1600), ("TCP", 1600), ("BROWSER", 2000), ("PLAYWRIGHT", 2000)]
)
def test_response_times(kind: str, milliseconds: int) -> None:
    world = run(seconds=2, checkType=kind)
    (result,) = world.session.results(1_000_002.0)
    assert result_json(world.session, result, ACCOUNT)["responseTime"] == milliseconds


@pytest.mark.parametrize(("seconds", "elapsed", "stopped"), [(1, 1000, None), (2, 2000, "x"), (9, 2000, "x")])
def test_elapsed_time_stops_at_the_end(seconds: float, elapsed: int, stopped: str | None) -> None:
    shown = session_json(run(seconds=2).session, ACCOUNT, 1_000_000.0 + seconds)
    assert shown["timeElapsed"] == elapsed
    assert (shown["stoppedAt"] is None) == (stopped is None)


def test_heartbeats_and_deactivated_checks_never_run() -> None:
    checks = [Check(id=ID(1), name="a", checkType="HEARTBEAT"), Check(id=ID(2), name="b", activated=False)]
    model = Model(ACCOUNT, checks, Clock())
    assert model.trigger(Target()) == []
    assert model.sessions == ()
    assert model.find(ID(1)) is None
