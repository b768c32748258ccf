"""What sessions say about each check, whichever kind of session ran it."""

from __future__ import annotations

from typing import Any

import pytest
from session_documents import ATTEMPT, ID, check, final, result, suite

from airflow_provider_checkly.gate.check_results import collect, rank, result_statuses

Row = tuple[str, str, set[str], tuple[str, ...]]
TABLE: dict[str, tuple[list[Any], list[Row]]] = {
    "a check session": ([check(1, "PASSED")], [(ID(1001), "Check 1", {"PASSED"}, ())]),
    "the status of a check session is Checkly's, over all locations": (
        [check(1, "PASSED", final(), final(hasFailures=True))],
        [(ID(1001), "Check 1", {"PASSED"}, ())],
    ),
    "a check session that has not ended": (
        [check(1, "PROGRESS")],
        [(ID(1001), "Check 1", {"PROGRESS"}, ("PROGRESS is not a final status",))],
    ),
    "API v1 reports a cancelled one as timed out": (
        [check(1, "TIMED_OUT", final(isCancelled=True))],
        [(ID(1001), "Check 1", {"CANCELLED"}, ())],
    ),
    "a name with two blanks": ([check(1, "PASSED", name="A  b")], [(ID(1001), "A  b", {"PASSED"}, ())]),
    "no name": ([check(1, "PASSED", name=None)], [(ID(1001), ID(1001), {"PASSED"}, ())]),
    "a check in two sessions": (
        [check(1, "PASSED", name=None), check(2, "FAILED", checkId=ID(1001).upper(), name="Shop")],
        [(ID(1001), "Shop", {"PASSED", "FAILED"}, ())],
    ),
    "two checks of one name": (
        [check(1, "PASSED", name="Shop"), check(2, "PASSED", name="Shop")],
        [(ID(1001), "Shop", {"PASSED"}, ()), (ID(1002), "Shop", {"PASSED"}, ())],
    ),
    "a test session, sorted by name": (
        [suite("FAILED", result(2, "FAILED"), result(1, "PASSED"))],
        [(ID(1001), "Check 1", {"PASSED"}, ()), (ID(1002), "Check 2", {"FAILED"}, ())],
    ),
    "a result without the id of a check": (
        [suite("PASSED", result(1, "PASSED", checkId=None))],
        [("", "Check 1", {"PASSED"}, ())],
    ),
    "a result without id and name of a check": (
        [suite("PASSED", result(1, "PASSED", checkId=None, name=None))],
        [("", ID(5001), {"PASSED"}, ())],
    ),
    "a degraded result": (
        [suite("PASSED", result(1, "PASSED", isDegraded=True))],
        [(ID(1001), "Check 1", {"PASSED", "DEGRADED"}, ())],
    ),
    "a result that contradicts itself": (
        [suite("FAILED", result(1, "PASSED", hasErrors=True))],
        [(ID(1001), "Check 1", {"FAILED"}, ())],
    ),
    "an unknown status": (
        [suite("PASSED", result(1, ["PASSED"]))],  # type: ignore[arg-type]
        [(ID(1001), "Check 1", {"['PASSED']"}, ("['PASSED'] is not a final status",))],
    ),
    "a status with a control character": (
        [suite("PASSED", result(1, "PASSED\x00"))],
        [(ID(1001), "Check 1", {"PASSED"}, ("PASSED is not a final status",))],
    ),
    "an attempt that a final result settles": (
        [suite("PASSED", result(1, "FAILED", resultType="ATTEMPT"), result(1, "PASSED"))],
        [(ID(1001), "Check 1", {"PASSED"}, ())],
    ),
    "an attempt without a final result": (
        [suite("PASSED", result(1, "FAILED", resultType="ATTEMPT"))],
        [(ID(1001), "Check 1", {"ATTEMPT"}, ("no final result in eu-central-1",))],
    ),
    "a test session without results": (
        [suite("PASSED")],
        [("", "Test session Suite 1", {"PASSED"}, ("it has no final results",))],
    ),
    "a test session whose status no result explains": (
        [suite("CANCELLED", result(1, "PASSED"))],
        [
            (ID(1001), "Check 1", {"PASSED"}, ()),
            (
                "",
                "Test session Suite 1",
                {"CANCELLED"},
                ("no final result explains the status CANCELLED",),
            ),
        ],
    ),
}


@pytest.mark.parametrize(("sessions", "expected"), TABLE.values(), ids=TABLE.keys())
def test_each_check_once(sessions: list[Any], expected: list[Row]) -> None:
    found = [(each.check_id, each.name, set(each.statuses), each.missing) for each in collect(sessions)]
    assert found == expected


def test_final_results_only() -> None:
    (one,) = collect([check(1, "PASSED", ATTEMPT, final(responseTime=7), None, "x")])
    assert one.times == [7, None, None]
    assert one.slowest == 7
    assert one.check_type == "API"
    (none,) = collect([check(1, "PASSED", ATTEMPT)])
    assert (none.times, none.slowest) == ([None], None)


def test_links() -> None:
    (one,) = collect([check(1, "PASSED")])
    assert one.link == "https://app.checklyhq.com/check-sessions/1"
    (page,) = collect([suite("PASSED", result(1, "PASSED", testSessionResultLink="https://x/1"))])
    assert page.link == "https://x/1"
    (other,) = collect([suite("PASSED", result(1, "PASSED"))])
    assert other.link == "https://app.checklyhq.com/test-sessions/1"
    (hostile,) = collect([check(1, "PASSED", checkSessionLink="javascript:alert(1)")])
    assert hostile.link == ""


RESULTS: list[tuple[Any, str, set[str]]] = [
    ({}, "PASSED", {"PASSED"}),
    ({"isDegraded": True}, "PASSED", {"PASSED", "DEGRADED"}),
    ({"hasFailures": True}, "PASSED", {"FAILED"}),
    ({"aborted": True, "isCancelled": True}, "PASSED", {"FAILED", "CANCELLED"}),
    ({"isCancelled": True}, "FAILED", {"FAILED"}),
    ({"hasErrors": "yes"}, "PASSED", {"PASSED"}),
]


@pytest.mark.parametrize(("document", "said", "expected"), RESULTS, ids=str)
def test_the_statuses_of_a_result(document: Any, said: str, expected: set[str]) -> None:
    assert result_statuses(document, said) == expected


def test_an_unknown_status_is_the_worst() -> None:
    words = ["PASSED", "DEGRADED", "CANCELLED", "?", "TIMED_OUT", "FAILED", "NOT_RUN"]
    assert sorted(words, key=rank) == [
        "?",
        "NOT_RUN",
        "FAILED",
        "TIMED_OUT",
        "CANCELLED",
        "DEGRADED",
        "PASSED",
    ]
