"""What users read of a gate: the table in the log, XCom `gate`, and sentences."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from session_documents import ID, check, final, is_clean, result, suite, waited

from airflow_provider_checkly import events
from airflow_provider_checkly.exceptions import ChecklyAuthError, ChecksFailed, InvalidInput
from airflow_provider_checkly.failure_report import failed_results
from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.gate.evaluation import Evaluation, evaluate
from airflow_provider_checkly.gate.presentation import table, to_json

PLAIN, ONE = Gate(), Gate(max_failed=1)
KIB_64 = 64 * 1024
HOSTILE = "\x1b]8;;http://evil\x07\x1b[31mShop\x1b[0m\u202e\x00\ud800\nend"


def assert_aligned(lines: list[str]) -> None:
    """Every cell starts below the heading of its column, after two spaces."""
    starts: list[int] = []
    for line in lines[1:]:
        if line.startswith(("  RULE", "  CHECK")):
            starts = [found.start() for found in re.finditer(r"[A-Z]+", line)]
        elif not line.startswith("  and "):
            assert all(line[start - 2 : start] == "  " for start in starts if start < len(line)), lines


# The table


def test_the_table() -> None:
    gate = Gate(min_passed_percent=90, max_response_time=2000, warn_only="Check 3")
    sessions = [
        check(1, "FAILED", final(responseTime=150)),
        check(2, "PASSED", final(), final(responseTime=2310, runLocation="us-east-1")),
        check(3, "CANCELLED", final(responseTime=None)),
        check(4, "PASSED"),
    ]
    lines = table(evaluate(gate, waited(*sessions), requested=[ID(1001), ID(1009)]))
    assert_aligned(lines)
    assert [re.split("  +", line.strip()) for line in lines] == [
        ["Gate not passed:"],
        ["RULE", "REQUIRED", "ACTUAL", "MET"],
        [
            "checks",
            "at least 90 % of checks not FAILED, TIMED_OUT or CANCELLED",
            "66.66 % of 3 checks (1 FAILED); 1 more as a warning only",
            "NO",
        ],
        [
            "response time",
            "at most 2000 ms in each location",
            "slowest 2310 ms; 1 more as a warning only",
            "NO",
        ],
        ["requested", "2 requested checks", f"1 ran; not run: {ID(1009)}", "NO"],
        ["CHECK", "STATUS", "SLOWEST", "EFFECT", "WHY"],
        [ID(1009), "NOT_RUN", "-", "fails the gate", "not run: deleted, deactivated, or in another account"],
        ["Check 1", "FAILED", "150 ms", "fails the gate"],
        ["Check 2", "PASSED", "2310 ms", "fails the gate", "2310 ms in us-east-1 is above 2000 ms"],
        ["Check 3", "CANCELLED", "-", "only a warning", "no response time in eu-central-1"],
    ]


REQUIRED: list[tuple[Gate, str, str]] = [
    (PLAIN, "no check FAILED, TIMED_OUT or CANCELLED", "1 of 2 checks FAILED"),
    (Gate(["CANCELLED"]), "no check CANCELLED", "none of 2 checks"),
    (Gate([], max_response_time=1e9), "checks of any status", "none of 2 checks"),
    (ONE, "at most 1 check FAILED, TIMED_OUT or CANCELLED", "1 of 2 checks FAILED"),
    (Gate("FAILED", max_failed=2), "at most 2 checks FAILED", "1 of 2 checks FAILED"),
    (
        Gate("FAILED", min_passed_percent=0.5),
        "at least 0.5 % of checks not FAILED",
        "50 % of 2 checks (1 FAILED)",
    ),
    (Gate("CANCELLED", min_passed_percent=50), "at least 50 % of checks not CANCELLED", "100 % of 2 checks"),
    (
        Gate(warn_only=["Check 1", "Check 2"], min_passed_percent=50),
        "at least 50 % of checks not FAILED, TIMED_OUT or CANCELLED",
        "100 % of 1 check; 1 more as a warning only",
    ),
]


@pytest.mark.parametrize(("gate", "required", "actual"), REQUIRED, ids=str)
def test_the_rule_about_statuses(gate: Gate, required: str, actual: str) -> None:
    rule = evaluate(gate, waited(check(1, "FAILED"), check(2, "PASSED"))).rules[0]
    assert (rule.required, rule.actual) == (required, actual)


def test_the_rules_about_requested_checks_and_the_end() -> None:
    excluded = evaluate(PLAIN, waited(check(1, "PASSED")), requested=[ID(1001), ID(1002)], filtered=True)
    (_, requested) = excluded.rules
    assert (requested.required, requested.actual, requested.met) == (
        "2 requested checks",
        f"1 ran; no match for the tags, or inactive: {ID(1002)}",
        True,
    )
    late = evaluate(PLAIN, waited(check(1, "PASSED"), unseen=1, late=True), requested=[ID(1001), ID(1002)])
    assert [(each.required, each.actual) for each in late.rules[1:]] == [
        ("2 requested checks", "1 ran; 1 not known yet"),
        ("2 sessions", "1 ended"),
    ]


def test_long_tables_and_names_stay_readable() -> None:
    sessions = [check(n, "FAILED", name=f"{n}\n" + "x" * 200) for n in range(60)]
    evaluation = evaluate(PLAIN, waited(*sessions))
    lines = table(evaluation)
    assert len(lines) == 1 + 2 + 51 + 1
    assert lines[-1] == "  and 10 more"
    assert max(map(len, lines)) <= 110
    assert evaluation.message.endswith("; and 50 more.")


# Sentences


MESSAGES: dict[str, tuple[Evaluation, str]] = {
    "one passed": (evaluate(PLAIN, waited(check(1, "PASSED"))), "Check 1 passed."),
    "one degraded": (evaluate(PLAIN, waited(check(1, "DEGRADED"))), "Check 1 passed (DEGRADED)."),
    "all passed": (
        evaluate(PLAIN, waited(*(check(n, "PASSED") for n in range(4)))),
        "All 4 checks passed.",
    ),
    "some degraded": (
        evaluate(PLAIN, waited(check(1, "PASSED"), check(2, "DEGRADED"))),
        "All 2 checks passed (1 DEGRADED).",
    ),
    "one tolerated": (
        evaluate(ONE, waited(check(1, "FAILED"), check(2, "PASSED"))),
        "1 of 2 checks passed; the gate tolerates the others: Check 1 FAILED.",
    ),
    "a status that does not fail": (
        evaluate(Gate("TIMED_OUT"), waited(check(1, "FAILED"))),
        "No check passed; the gate tolerates the others: Check 1 FAILED.",
    ),
    "one of four failed": (
        evaluate(
            PLAIN, waited(check(1, "FAILED", name="Checkout API"), *(check(n, "PASSED") for n in (2, 3, 4)))
        ),
        "1 of 4 checks did not pass: Checkout API FAILED.",
    ),
    "one slow": (
        evaluate(Gate(max_response_time=50), waited(check(1, "PASSED"))),
        "1 of 1 check did not pass: Check 1: 100 ms in eu-central-1 is above 50 ms.",
    ),
    "failed and slow": (
        evaluate(Gate(max_response_time=50), waited(check(1, "FAILED"))),
        "1 of 1 check did not pass: Check 1 FAILED: 100 ms in eu-central-1 is above 50 ms.",
    ),
    "failed, and one not run": (
        evaluate(PLAIN, waited(check(1, "FAILED")), requested=[ID(1001), ID(1002)]),
        f"1 of 1 check did not pass: Check 1 FAILED. 1 requested check did not run: {ID(1002)}.",
    ),
    "late": (
        evaluate(PLAIN, waited(check(1, "PASSED"), check(2, "STARTED"), unseen=1, late=True)),
        (
            f"2 of 3 sessions had not ended at the deadline (timeout or execution_timeout): Check 2 STARTED "
            f"({ID(2)}); {ID(900)}. They may still be running at Checkly. Set a "
            f"longer timeout if they need more time."
        ),
    ),
    "not ended": (
        evaluate(PLAIN, waited(check(1, "PROGRESS"))),
        "The wait is over, but 0 of 1 session ended, so the gate cannot pass. Run the task again.",
    ),
}


@pytest.mark.parametrize(("evaluation", "message"), MESSAGES.values(), ids=MESSAGES.keys())
def test_the_message(evaluation: Evaluation, message: str) -> None:
    assert evaluation.message == message
    assert to_json(evaluation, {})["message"] == message


# XCom


def test_the_whole_of_xcom() -> None:
    """The shape that branches, the tab and lineage rely on."""
    sessions = [
        check(1, "PASSED", final(checkResultLink="https://x/r", responseTime=2.5)),
        check(2, "FAILED", final(hasFailures=True, runLocation="us-east-1")),
    ]
    evaluation = evaluate(ONE, waited(*sessions))
    assert to_json(evaluation, {("check", ID(1002)): ["assertion failed"]}) == {
        "version": 1,
        "outcome": "passed",
        "passed": True,
        "message": "1 of 2 checks passed; the gate tolerates the others: Check 2 FAILED.",
        "rules": [
            {
                "rule": "checks",
                "required": "at most 1 check FAILED, TIMED_OUT or CANCELLED",
                "actual": "1 of 2 checks FAILED",
                "met": True,
            }
        ],
        "checks": [
            {
                "check_id": ID(1002),
                "name": "Check 2",
                "type": "API",
                "status": "FAILED",
                "severity": "tolerated",
                "reasons": ["assertion failed"],
                "response_time_ms": 100,
                "session_id": ID(2),
                "link": "https://app.checklyhq.com/check-sessions/2",
                "locations": [
                    {"location": "us-east-1", "status": "FAILED", "response_time_ms": 100, "link": None}
                ],
            },
            {
                "check_id": ID(1001),
                "name": "Check 1",
                "type": "API",
                "status": "PASSED",
                "severity": "passed",
                "reasons": [],
                "response_time_ms": 2.5,
                "session_id": ID(1),
                "link": "https://app.checklyhq.com/check-sessions/1",
                "locations": [
                    {
                        "location": "eu-central-1",
                        "status": "PASSED",
                        "response_time_ms": 2.5,
                        "link": "https://x/r",
                    }
                ],
            },
        ],
        "omitted": 0,
    }


OUTCOMES: list[tuple[Evaluation, bool, str, bool]] = [
    (evaluate(PLAIN, waited(check(1, "PASSED"))), False, "passed", True),
    (evaluate(PLAIN, waited(check(1, "FAILED"))), False, "failed", False),
    (evaluate(PLAIN, waited(check(1, "FAILED"))), True, "skipped", False),
    (evaluate(PLAIN, waited(check(1, "STARTED"), late=True)), False, "timed_out", False),
    (evaluate(PLAIN, waited(check(1, "STARTED"), late=True)), True, "skipped", False),
    (evaluate(PLAIN, waited(check(1, "PASSED")), requested=[ID(9)]), False, "error", False),
    (Evaluation(error=ChecklyAuthError("no", status=401)), False, "error", False),
    (Evaluation(error=InvalidInput("no")), False, "error", False),
]


@pytest.mark.parametrize(("evaluation", "skipped", "outcome", "passed"), OUTCOMES)
def test_the_outcome(evaluation: Evaluation, outcome: str, *, skipped: bool, passed: bool) -> None:
    found = to_json(evaluation, {}, skipped=skipped)
    assert (found["outcome"], found["passed"]) == (outcome, passed)
    assert found["message"]
    assert evaluation.error is None or table(evaluation)[0] == "Gate not passed:"


def test_the_worst_location_status_is_shown() -> None:
    odd: Any = [{}, {"status": ["x"]}, {"status": "?\n"}, {"isDegraded": True}, {"isCancelled": True}]
    (one,) = evaluate(PLAIN, waited(check(1, "FAILED", results=[final(**each) for each in odd]))).checks
    (shown,) = to_json(Evaluation(checks=(one,)), {})["checks"]  # type: ignore[union-attr]
    found: Any = shown
    assert [each["status"] for each in found["locations"]] == [
        "PASSED",
        "PASSED",
        "?",
        "DEGRADED",
        "CANCELLED",
    ]


LARGE: dict[str, tuple[str, int]] = {
    "long names": ("x" * 300, 5000),
    "long names that JSON escapes": ("\U0001f600" * 300, 5000),
    "hostile names": (HOSTILE, 5000),
    "a few": ("Shop", 20),
}


@pytest.mark.parametrize("kind", ["check sessions", "test session"])
@pytest.mark.parametrize(("name", "count"), LARGE.values(), ids=LARGE.keys())
def test_xcom_is_below_64_kib(name: str, count: int, kind: str) -> None:
    """Whatever does not fit is counted in `omitted`; the worst checks stay."""
    words = ["FAILED" if n % 1000 == 7 else "PASSED" for n in range(count)]
    if kind == "check sessions":
        sessions = [check(n, word, name=f"{n} {name}") for n, word in enumerate(words)]
    else:
        sessions = [suite("FAILED", *(result(n, word, name=f"{n} {name}") for n, word in enumerate(words)))]
    evaluation = evaluate(Gate(max_response_time=1e6), waited(*sessions))
    found: Any = to_json(evaluation, {each.key: ["x" * 240] * 3 for each in evaluation.failing})
    stored = json.dumps(events.json_safe(found))
    assert len(stored) < KIB_64
    assert json.loads(stored) == found
    assert len(found["checks"]) + found["omitted"] == count
    assert (found["omitted"] > 0) is (count == 5000)
    severities = [each["severity"] for each in found["checks"]]
    assert severities == sorted(severities)
    assert severities.count("failing") == words.count("FAILED")
    assert all(each["name"].isprintable() for each in found["checks"])


def test_a_long_message_leaves_less_room_for_checks() -> None:
    checks = evaluate(PLAIN, waited(*(check(n, "FAILED") for n in range(500)))).checks
    found: Any = to_json(Evaluation(checks=checks, error=ChecksFailed("\U0001f600" * 9999)), {})
    assert len(found["message"]) == 2000
    assert len(json.dumps(found)) < KIB_64
    assert 0 < found["omitted"] < 500


def test_a_check_that_is_too_large_is_shown_without_its_locations() -> None:
    results = [final(runLocation=f"location {n}", hasFailures=True) for n in range(3000)]
    sessions = [check(1, "FAILED", *results), check(2, "FAILED"), check(3, "PASSED")]
    found: Any = to_json(evaluate(Gate(max_response_time=5), waited(*sessions)), {})
    assert len(json.dumps(found)) < KIB_64
    assert [each["name"] for each in found["checks"]] == ["Check 1", "Check 2", "Check 3"]
    assert [len(each["locations"]) for each in found["checks"]] == [0, 1, 1]
    assert found["omitted"] == 0


def test_hostile_texts_are_cleaned() -> None:
    hostile = result(
        1,
        "FAILED",
        name=HOSTILE,
        checkId=HOSTILE,
        checkType=HOSTILE,
        runLocation=HOSTILE,
        testSessionResultLink="javascript:alert(1)",
    )
    evaluation = evaluate(Gate(max_response_time=1), waited(suite("FAILED", hostile, name=HOSTILE)))
    found: Any = to_json(evaluation, {})
    (one,) = found["checks"]
    cleaned = "Shop end"
    assert (one["name"], one["type"], one["locations"][0]["location"]) == (cleaned,) * 3
    assert one["check_id"].lower() == cleaned.lower()
    assert one["link"] is None
    shown = json.dumps(found, ensure_ascii=False) + "".join(table(evaluation)) + evaluation.message
    assert shown.isprintable()
    assert "evil" not in shown
    unprintable = evaluate(PLAIN, waited(check(1, "FAILED", name="\x08")))
    assert unprintable.message == "1 of 1 check did not pass: (unprintable name) FAILED."
    assert to_json(unprintable, {})["checks"][0]["name"] == "(unprintable name)"  # type: ignore[index,call-overload]


# Whatever stands where results should be

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
NAMES = [
    "resultType",
    "status",
    "checkId",
    "name",
    "runLocation",
    "responseTime",
    "hasErrors",
    "checkResultId",
]
odd_results = st.lists(
    junk | st.dictionaries(st.sampled_from(NAMES), st.just("FINAL") | junk, max_size=8), max_size=5
)


@example([final(status="\x08", name="\x08")], "PASSED", 1)
@example([final(status=["FAILED"])], "FAILED", 1)
@given(odd_results | junk, st.sampled_from(["PASSED", "FAILED"]), st.integers() | st.floats())
def test_malformed_results_are_evaluated_shown_and_stored(results: Any, status: str, time: float) -> None:
    sessions = [
        check(1, status, results=results),
        suite(status, results=results),
        check(2, status, final(responseTime=time, runLocation="a\nb")),
    ]
    evaluation = evaluate(Gate(max_response_time=5), waited(*sessions))
    lines = table(evaluation)
    assert_aligned(lines)
    assert all(is_clean(line) for line in lines)
    found = to_json(evaluation, {})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert "\n" not in evaluation.message
    assert failed_results(evaluation, sessions) is not None
