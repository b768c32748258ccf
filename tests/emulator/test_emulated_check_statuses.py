"""Statuses that change by script, by hand and by check sessions; alerts of the changes; reports."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from airflow_provider_checkly.emulator import Check, Emulator
from airflow_provider_checkly.emulator.check_statuses import Statuses
from airflow_provider_checkly.emulator.default_checks import DEACTIVATED, FAILS, PASSES, PASSES_SLOWLY
from airflow_provider_checkly.emulator.model import Model
from airflow_provider_checkly.emulator.trigger_requests import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

START = 1_000_000.0
ID = "c0000000-0000-4000-8000-0000000000{:02}".format
FLAGS = ("hasFailures", "hasErrors", "isDegraded")
UP_AND_DOWN: Any = [[0, "passing"], [10, "failing"], [20, "degraded"], [30, "passing"]]


@dataclass
class World:
    """One check, and the clock that drives it."""

    check: Check
    speed: float
    now: float = START

    def __post_init__(self) -> None:
        self.model = Model("x", [self.check], lambda: self.now, speed=self.speed)
        self.statuses = Statuses(self.model)

    def at(self, seconds: float) -> tuple[str, float | None]:
        """Give the status then, and when it ran last."""
        self.now = START + seconds
        runs = self.statuses.latest(self.check)
        return self.statuses.word(self.check), runs[-1].at - START if runs else None

    def changes(self) -> list[tuple[float, str]]:
        return [(run.at - START, kind) for run, kind in self.statuses.changes(self.check)]


def world(speed: float = 1.0, **fields: Any) -> World:
    return World(Check(id=ID(1), name="one", **fields), speed)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {0: ("passing", None), 99: ("passing", None)}),
        (
            {"timeline": UP_AND_DOWN},
            {
                0: ("passing", 0),
                9.9: ("passing", 0),
                10: ("failing", 10),
                25: ("degraded", 20),
                99: ("passing", 30),
            },
        ),
        ({"timeline": [[5, "failing"]]}, {4: ("passing", None), 5: ("failing", 5)}),
        (
            {"timeline": UP_AND_DOWN, "speed": 10.0},
            {0.5: ("passing", 0), 1: ("failing", 1), 3: ("passing", 3)},
        ),
        (
            {"timeline": [[2, "failing"], [9, "passing"]], "every": 4},
            {
                1: ("passing", None),
                5: ("failing", 2),
                6: ("failing", 6),
                9: ("passing", 9),
                15: ("passing", 14),
            },
        ),
        (
            {"timeline": [[0, "degraded"]], "every": 5},
            {4: ("degraded", 0), 1_000_003: ("degraded", 1_000_000)},
        ),
        ({"every": 5}, {7: ("passing", None)}),
    ],
)
def test_a_timeline(fields: dict[str, Any], expected: dict[float, tuple[str, float | None]]) -> None:
    one = world(**fields)
    assert {seconds: one.at(seconds) for seconds in expected} == expected


def test_a_status_that_is_set_lasts_until_the_next_step() -> None:
    one = world(timeline=[[0, "passing"], [20, "degraded"]], every=4)
    one.at(9)
    one.statuses.set(one.check, "failing")
    assert [one.at(seconds) for seconds in (9, 13, 19, 20)] == [
        ("failing", 9),
        ("failing", 12),
        ("failing", 16),
        ("degraded", 20),
    ]


def test_the_newest_run_counts_scheduled_or_triggered() -> None:
    one = world(timeline=[[0, "passing"], [20, "passing"]], outcome="failed", seconds=3)
    one.at(5)
    one.model.trigger(Target())
    assert [one.at(seconds) for seconds in (7, 8, 20)] == [("passing", 0), ("failing", 8), ("passing", 20)]
    assert one.changes() == [(8, "ALERT_FAILURE"), (20, "ALERT_RECOVERY")]


@pytest.mark.parametrize(
    ("words", "alerts"),
    [
        (["passing", "passing"], []),
        (["failing", "failing", "passing"], ["ALERT_FAILURE", "ALERT_RECOVERY"]),
        (["degraded", "passing"], ["ALERT_DEGRADED", "ALERT_DEGRADED_RECOVERY"]),
        (["degraded", "failing"], ["ALERT_DEGRADED", "ALERT_DEGRADED_FAILURE"]),
        (["failing", "degraded"], ["ALERT_FAILURE", "ALERT_FAILURE_DEGRADED"]),
    ],
)
def test_a_change_is_an_alert(words: Sequence[str], alerts: list[str]) -> None:
    one = world(timeline=list(enumerate(words)))
    one.at(99)
    assert [kind for _, kind in one.changes()] == alerts


@pytest.fixture
def client(connect: Any) -> Any:
    """Give a client of checks that pass, failed a while ago, fail and then recover, and never ran."""
    checks = [
        Check(id=ID(1), name="Fine", tags=("shop",), timeline=((0, "passing"),), seconds=2),
        Check(id=ID(2), name="Broken", tags=("shop",), timeline=((0, "failing"),), activated=False),
        Check(id=ID(3), name="Flapping", tags=("flap",), timeline=UP_AND_DOWN, availability=99.5),
        Check(id=ID(4), name="New"),
    ]
    with Emulator(checks) as checkly:
        checkly.model.started_at = float(int(checkly.model.started_at))
        yield connect(checkly)


def forward(client: Any, seconds: float) -> None:
    client.emulator.model.clock = lambda: client.emulator.model.started_at + seconds


def test_statuses_over_http(client: Any) -> None:
    seen = {}
    for seconds in (1, 11, 21, 31):
        forward(client, seconds)
        statuses = client.get("/v1/check-statuses").json()
        assert [one["name"] for one in statuses] == ["Fine", "Broken", "Flapping", "New"]
        seen[seconds] = [",".join(flag for flag in FLAGS if one[flag]) for one in statuses]
        assert statuses[2] == client.get(f"/v1/check-statuses/{ID(3)}").json()
    assert seen == {
        1: ["", "hasFailures", "", ""],
        11: ["", "hasFailures", "hasFailures", ""],
        21: ["", "hasFailures", "isDegraded", ""],
        31: ["", "hasFailures", "", ""],
    }
    new, fine = statuses[3], statuses[0]
    never = ("lastRunLocation", "lastCheckRunId", "updated_at", "longestRun", "shortestRun")
    assert [new[name] for name in never] == [None] * 5
    assert (fine["longestRun"], fine["lastRunLocation"]) == (1600, "eu-central-1")


@pytest.mark.parametrize(
    ("status", "flags"),
    [
        ("failing", (True, False, False)),
        ("degraded", (False, False, True)),
        ("passing", (False, False, False)),
    ],
)
def test_a_status_is_set_by_http_and_in_python(visitor: Any, status: Any, flags: tuple[bool, ...]) -> None:
    path = f"/_emulator/check-statuses/{PASSES_SLOWLY}"
    answer = visitor.ask("PUT", path, json={"status": status})
    assert answer.status_code == 200
    assert tuple(answer.json()[flag] for flag in FLAGS) == flags
    assert visitor.get(f"/v1/check-statuses/{PASSES_SLOWLY}").json() == answer.json()
    visitor.emulator.set_status(DEACTIVATED, status)
    kept = visitor.get(f"/v1/check-statuses/{DEACTIVATED}").json()
    assert tuple(kept[flag] for flag in FLAGS) == flags
    found = visitor.get(f"/v1/checks?limit=100&status={status}").json()
    assert {PASSES_SLOWLY, DEACTIVATED} <= {check["id"] for check in found}


def test_what_cannot_be_set(visitor: Any) -> None:
    for check_id, body, status in (
        (uuid4(), {"status": "failing"}, 404),
        (PASSES, {"status": "red"}, 400),
        (PASSES, {}, 400),
        (PASSES, None, 400),
        ("x", {"status": "failing"}, 400),
    ):
        assert visitor.ask("PUT", f"/_emulator/check-statuses/{check_id}", json=body).status_code == status
    with pytest.raises(ValueError, match="There is no check"):
        visitor.emulator.set_status(str(uuid4()), "failing")
    with pytest.raises(ValueError, match="'red' is not one of passing, failing, degraded"):
        visitor.emulator.set_status(PASSES, "red")


def alerts(client: Any, query: str = "", path: str = "/v1/check-alerts") -> list[tuple[str, str]]:
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    return [(one["name"], one["alertType"]) for one in answer.json()]


def test_alerts_over_http(client: Any) -> None:
    forward(client, 25)
    everything = [
        ("Flapping", "ALERT_FAILURE_DEGRADED"),
        ("Flapping", "ALERT_FAILURE"),
        ("Broken", "ALERT_FAILURE"),
    ]
    assert alerts(client) == everything
    assert alerts(client) == alerts(client)
    assert alerts(client, "limit=2") == everything[:2]
    assert alerts(client, "limit=2&page=2") == everything[2:]
    assert alerts(client, path=f"/v1/check-alerts/{ID(3)}") == everything[:2]
    start = client.emulator.model.started_at
    assert alerts(client, f"from={start + 10:.0f}&to={start + 20:.0f}") == everything[1:2]
    assert alerts(client, f"from={start + 15:.0f}") == everything[:1]
    assert alerts(client, f"to={start + 5:.0f}") == everything[2:]
    forward(client, 7 * 3600)
    assert alerts(client) == []
    shown = client.get(f"/v1/check-alerts?to={start + 15:.0f}").json()
    assert len({one["id"] for one in shown}) == 2
    assert shown[0]["error"].startswith("Assertion failed")
    assert (shown[0]["statusCode"], shown[0]["runLocation"]) == ("503", "eu-central-1")


@pytest.mark.parametrize("query", ["from=x", "from=0&to=21601", "limit=101", "page=0"])
def test_bad_queries_for_alerts_are_400(visitor: Any, query: str) -> None:
    assert visitor.get(f"/v1/check-alerts?{query}").status_code == 400
    assert visitor.get(f"/v1/check-alerts/{PASSES}?{query}").status_code == 400


def test_alerts_of_an_unknown_check(visitor: Any) -> None:
    assert visitor.get(f"/v1/check-alerts/{uuid4()}").status_code == 404
    assert visitor.get("/v1/check-alerts/x").status_code == 400


def report(client: Any, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/v1/reporting?{query}")
    assert answer.status_code == 200, answer.text
    return {one["name"]: one["aggregate"] for one in answer.json()}


def test_reports(client: Any) -> None:
    forward(client, 99)
    everything = report(client)
    assert everything["Fine"] == {"successRatio": 100, "avg": 1600, "p95": 1600, "p99": 1600}
    assert [everything[name]["successRatio"] for name in ("Broken", "Flapping", "New")] == [0, 99.5, 0]
    assert everything["New"]["p95"] == 0
    start = client.emulator.model.started_at
    assert report(client, f"from={start + 50:.0f}&to={start + 60:.0f}")["Fine"]["successRatio"] == 0


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("filterByTags=shop", ["Fine", "Broken"]),
        ("filterByTags[]=shop&filterByTags[]=flap", ["Fine", "Broken", "Flapping"]),
        ("deactivated=true", ["Broken"]),
        ("deactivated=false", ["Fine", "Flapping", "New"]),
        ("quickRange=last7Days", ["Fine", "Broken", "Flapping", "New"]),
    ],
)
def test_which_checks_a_report_has(client: Any, query: str, names: list[str]) -> None:
    assert list(report(client, query)) == names


@pytest.mark.parametrize("query", ["quickRange=today", "deactivated=1", "granularity=day", "from=x"])
def test_bad_queries_for_reports_are_400(visitor: Any, query: str) -> None:
    assert visitor.get(f"/v1/reporting?{query}").status_code == 400


def test_triggered_runs_are_in_the_report(connect: Any) -> None:
    with Emulator(speed=100) as checkly:
        client = connect(checkly)
        for check_id in (FAILS, FAILS, PASSES):
            client.completion(client.start(check_id))
        seen = report(client)
    assert (seen["Checkout API"]["successRatio"], seen["Homepage API"]["successRatio"]) == (0, 100)


def test_five_thousand_checks(connect: Any) -> None:
    checks = [
        Check(id=str(uuid4()), name=f"Check {number}", timeline=UP_AND_DOWN, every=1)
        for number in range(5000)
    ]
    with Emulator(checks) as checkly:
        client = connect(checkly)
        forward(client, 3600)
        before = time.process_time()
        answer = client.get("/v1/check-statuses", checked=False)
        spent = time.process_time() - before
    assert len(answer.json()) == 5000
    assert spent < 3, "no status costs a look at every run of a check"
