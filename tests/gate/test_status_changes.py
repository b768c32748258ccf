from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_checkly.gate.health import AccountStatuses
from airflow_provider_checkly.gate.status_changes import StatusMemory, payload

A, B = (f"a000000{n}-0000-4000-8000-000000000000" for n in range(2))
ALL = ("passing", "degraded", "failing")


def statuses(**words: str) -> AccountStatuses:
    """The statuses of A and B by word; "never" has not run."""
    return AccountStatuses.of(
        [
            {
                "name": name,
                "checkId": {"a": A, "b": B}[name],
                "hasFailures": word == "failing",
                "hasErrors": False,
                "isDegraded": word == "degraded",
                "lastCheckRunId": None if word == "never" else "run",
            }
            for name, word in words.items()
        ]
    )


@pytest.mark.parametrize("first", ["passing", "degraded", "failing", "never"])
def test_the_first_look_is_the_baseline(first: str) -> None:
    assert StatusMemory().changes(statuses(a=first), None, ALL) == []


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        ("passing", "failing", ("passing", "failing")),
        ("passing", "degraded", ("passing", "degraded")),
        ("failing", "passing", ("failing", "passing")),
        ("degraded", "failing", ("degraded", "failing")),
        ("failing", "degraded", ("failing", "degraded")),
        ("never", "failing", ("unknown", "failing")),
        ("never", "passing", None),
        ("passing", "never", None),
        ("passing", "passing", None),
        ("failing", "failing", None),
    ],
)
def test_changes(before: str, now: str, changed: tuple[str, str] | None) -> None:
    memory = StatusMemory()
    memory.changes(statuses(a=before), None, ALL)
    found = memory.changes(statuses(a=now), None, ALL)
    assert found == ([] if changed is None else [(A, *changed)])
    assert memory.changes(statuses(a=now), None, ALL) == []


def test_only_wanted_statuses_are_events_and_others_are_remembered() -> None:
    memory = StatusMemory()
    memory.changes(statuses(a="passing"), None, ["failing"])
    assert memory.changes(statuses(a="degraded"), None, ["failing"]) == []
    assert memory.changes(statuses(a="failing"), None, ["failing"]) == [(A, "degraded", "failing")]


def test_only_watched_checks_count() -> None:
    memory = StatusMemory()
    memory.changes(statuses(a="passing", b="passing"), [B], ALL)
    assert memory.changes(statuses(a="failing", b="failing"), [B], ALL) == [(B, "passing", "failing")]


def test_a_check_that_an_answer_leaves_out_keeps_its_status() -> None:
    memory = StatusMemory()
    memory.changes(statuses(a="failing", b="passing"), None, ALL)
    assert memory.changes(statuses(b="passing"), None, ALL) == []
    assert memory.changes(statuses(a="failing", b="passing"), None, ALL) == []
    assert memory.changes(statuses(a="passing", b="passing"), None, ALL) == [(A, "failing", "passing")]


@pytest.mark.parametrize("before", ["failing", "degraded", "passing"])
def test_a_status_that_cannot_be_read_for_a_while_loses_and_repeats_nothing(before: str) -> None:
    memory = StatusMemory()
    memory.changes(statuses(a=before), None, ALL)
    assert memory.changes(statuses(a="never"), None, ALL) == []
    assert memory.changes(statuses(a=before), None, ALL) == []
    assert memory.changes(statuses(a="never"), None, ALL) == []
    after = "passing" if before == "failing" else "failing"
    assert [now for _, _, now in memory.changes(statuses(a=after), None, ALL)] == [after]


def test_a_new_check_that_fails_is_an_event_and_one_that_passes_is_not() -> None:
    memory = StatusMemory()
    memory.changes(statuses(), None, ALL)
    assert memory.changes(statuses(a="passing", b="failing"), None, ALL) == [(B, "passing", "failing")]


def test_what_is_stored_is_recalled_and_stays_small() -> None:
    memory = StatusMemory()
    memory.changes(statuses(a="failing", b="passing"), None, ALL)
    stored = memory.to_json()
    assert stored == {"version": 1, "not_passing": {A: "failing"}}
    recalled = StatusMemory.from_json(stored)
    assert recalled.changes(statuses(a="passing", b="degraded"), None, ALL) == [
        (A, "failing", "passing"),
        (B, "passing", "degraded"),
    ]


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [],
        "x",
        {"version": 2, "not_passing": {}},
        {"version": 1},
        {"version": 1, "not_passing": [A]},
        {"version": 1, "not_passing": {A: "passing"}},
        {"version": 1, "not_passing": {A: "red"}},
        {"version": 1, "not_passing": {A: None}},
        {"version": 1, "not_passing": {A: 5}},
        {"version": 1, "not_passing": {A: ["failing"]}},
    ],
    ids=str,
)
def test_anything_else_is_no_memory(value: Any) -> None:
    assert not StatusMemory.from_json(value).has_baseline


def test_payload() -> None:
    status = {
        "name": "Shop\n\x1b[31m",
        "lastRunLocation": "eu-west-1",
        "lastCheckRunId": None,
        "updated_at": "2026-11-25T10:00:00.000Z",
    }
    assert payload((A, "passing", "failing"), status, lambda check_id: f"https://x/{check_id}") == {
        "check_id": A,
        "name": "Shop",
        "status": "failing",
        "previous_status": "passing",
        "location": "eu-west-1",
        "result_id": None,
        "link": f"https://x/{A}",
        "updated_at": "2026-11-25T10:00:00.000Z",
    }
