from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_checkly.emulator import DEFAULT_CHECKS, Check
from airflow_provider_checkly.emulator.checks import BadChecks, load_checks, parse_checks
from airflow_provider_checkly.emulator.http import is_uuid

if TYPE_CHECKING:
    from pathlib import Path

ID = "c0000000-0000-4000-8000-000000000001"
GOOD = {"id": ID, "name": "one"}
FULL = {
    "id": ID.upper(),
    "name": "one",
    "checkType": "TCP",
    "tags": ["a"],
    "groupTags": ["b"],
    "activated": False,
    "locations": ["x", "y"],
    "seconds": 2,
    "outcome": "never",
    "attempts": 2,
    "timeline": [[0, "failing"], [1.5, "passing"]],
    "every": 5,
    "availability": 99.9,
}


def test_a_full_check() -> None:
    assert parse_checks(json.dumps([FULL])) == (
        Check(
            id=ID,
            name="one",
            checkType="TCP",
            tags=("a",),
            groupTags=("b",),
            activated=False,
            locations=("x", "y"),
            seconds=2.0,
            outcome="never",
            attempts=2,
            timeline=((0, "failing"), (1.5, "passing")),
            every=5.0,
            availability=99.9,
        ),
    )
    assert parse_checks(json.dumps([GOOD])) == (Check(id=ID, name="one"),)
    assert parse_checks("[]") == ()


BAD: list[tuple[Any, str]] = [
    ({}, "not a list of checks"),
    ([1], "entry 1 is not an object"),
    ([{"id": ID}], "entry 1 has no 'name'"),
    ([{"name": "x"}], "entry 1 has no 'id'"),
    ([GOOD, GOOD], f"entry 2 repeats the 'id' {ID}"),
    ([GOOD | {"tag": []}], "entry 1 has an unknown field 'tag' (known: id, name, checkType,"),
    ([GOOD | {"id": "x"}], "entry 1 has a bad 'id': \"x\" is not a UUID"),
    ([GOOD | {"id": 7}], "entry 1 has a bad 'id'"),
    ([GOOD | {"name": ""}], "entry 1 has a bad 'name': \"\" is not a text that is not empty"),
    ([GOOD | {"checkType": "HTTP"}], "entry 1 has a bad 'checkType': \"HTTP\" is not one of AGENTIC, API,"),
    ([GOOD | {"tags": "a"}], "entry 1 has a bad 'tags': \"a\" is not a list of texts"),
    ([GOOD | {"groupTags": [1]}], "entry 1 has a bad 'groupTags'"),
    ([GOOD | {"activated": 1}], "entry 1 has a bad 'activated': 1 is not true or false"),
    ([GOOD | {"locations": []}], "entry 1 has a bad 'locations': [] is not a list of at least one location"),
    ([GOOD | {"seconds": -1}], "entry 1 has a bad 'seconds': -1 is not a number of seconds, 0 or more"),
    ([GOOD | {"seconds": True}], "entry 1 has a bad 'seconds'"),
    ([GOOD | {"seconds": "1"}], "entry 1 has a bad 'seconds'"),
    ([GOOD | {"seconds": float("nan")}], "entry 1 has a bad 'seconds'"),
    ([GOOD | {"outcome": ["passed"]}], "entry 1 has a bad 'outcome'"),
    ([GOOD | {"attempts": 1.5}], "entry 1 has a bad 'attempts': 1.5 is not a whole number, 0 or more"),
    ([GOOD | {"attempts": False}], "entry 1 has a bad 'attempts'"),
    ([GOOD | {"attempts": -1}], "entry 1 has a bad 'attempts'"),
    ([GOOD | {"timeline": "x"}], "entry 1 has a bad 'timeline': \"x\" is not a list of [seconds, status]"),
    *(
        ([GOOD | {"timeline": timeline}], "entry 1 has a bad 'timeline'")
        for timeline in (
            [1],
            [[1]],
            [["1", "passing"]],
            [[-1, "passing"]],
            [[1, "red"]],
            [[2, "passing"], [1, "passing"]],
        )
    ),
    ([GOOD | {"every": -1}], "entry 1 has a bad 'every'"),
    ([GOOD | {"availability": 101}], "entry 1 has a bad 'availability': 101 is not a percentage, or null"),
]


@pytest.mark.parametrize(("entries", "text"), BAD)
def test_bad_lists_are_told_in_one_line(tmp_path: Path, entries: Any, text: str) -> None:
    path = tmp_path / "checks.json"
    path.write_text(json.dumps(entries))
    with pytest.raises(BadChecks) as caught:
        load_checks(path)
    assert str(caught.value).startswith(f"{path}: {text}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "text"), [(b"{", "not JSON: "), (b"\xff", "not UTF-8 text"), (None, "No such file")]
)
def test_files_that_cannot_be_read(tmp_path: Path, data: bytes | None, text: str) -> None:
    path = tmp_path / "checks.json"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(BadChecks, match=text):
        load_checks(path)


def test_a_check_made_in_python_is_looked_at_too() -> None:
    with pytest.raises(BadChecks, match="has a bad 'outcome'"):
        Check(id=ID, name="x", outcome="fine")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "x" * 36, ID.replace("-", ""), "{" + ID[1:-1] + "}", ID[:-1], 1, None])
def test_no_uuid(text: object) -> None:
    assert not is_uuid(text)


def test_the_default_fleet_keeps_its_promises() -> None:
    gate = [check for check in DEFAULT_CHECKS if "deploy-gate" in check.tags]
    broken = [check for check in DEFAULT_CHECKS if "deploy-gate-broken" in check.tags]
    assert {check.outcome for check in gate} == {"passed"}
    assert all(6 <= check.seconds <= 20 for check in gate)
    assert [check.outcome for check in broken if check not in gate] == ["failed"]
    assert [check.id for check in DEFAULT_CHECKS] == [
        f"c0000000-0000-4000-8000-{number:012}" for number in range(1, len(DEFAULT_CHECKS) + 1)
    ]
