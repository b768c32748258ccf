"""The gate: pure functions, and one table of what it makes of what Checkly may say."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_checkly.api import models
from airflow_provider_checkly.arguments import CAN_FAIL, FAIL_ON
from airflow_provider_checkly.gate.evaluation import judge
from airflow_provider_checkly.exceptions import InvalidInput
from airflow_provider_checkly.gate import Gate, chosen
from airflow_provider_checkly.failure_report import suspects

ID = "00000000-0000-4000-8000-{:012}".format


def final(**fields: Any) -> Any:
    return {"resultType": "FINAL", "runLocation": "eu-central-1", "responseTime": 100, **fields}


def check(number: int, status: str, *results: Any, **fields: Any) -> Any:
    """A check session of API v2."""
    return {
        "checkSessionId": ID(number),
        "checkId": ID(1000 + number),
        "name": f"Check {number}",
        "status": status,
        "results": list(results) or [final()],
        **fields,
    }


def result(number: int, status: str | None, **fields: Any) -> Any:
    """A final result of a test session."""
    own = {"testSessionResultId": ID(5000 + number), "checkId": ID(1000 + number), "name": f"Check {number}"}
    return final(**{**own, "status": status, **fields})


def suite(status: str, *results: Any, number: int = 1, **fields: Any) -> Any:
    return {
        "testSessionId": ID(number),
        "name": f"Suite {number}",
        "status": status,
        "results": list(results),
        **fields,
    }


def without_results(session: Any) -> Any:
    return {name: value for name, value in session.items() if name != "results"}


ATTEMPT = final(resultType="ATTEMPT", hasFailures=True, responseTime=9999)
PLAIN = Gate()
MOST = Gate(min_passed_percent=75)
QUICK = Gate(max_response_time=500)
ONE = Gate(max_failed=1)
TEST = Gate().for_test_sessions()

FAILED = "1 of 1 checks did not pass: Check 1 FAILED."
LETTERS = [f"{letter}0000000-0000-4000-8000-000000000001" for letter in "aAb"]
THREE = [check(n, "FAILED" if n == 1 else "PASSED") for n in range(3)]
LOTS = [check(n, "FAILED" if n == 1 else "PASSED") for n in range(500)]

TABLE: dict[str, tuple[Gate, list[Any], str]] = {
    # every final status of a check session
    "passed": (PLAIN, [check(1, "PASSED")], ""),
    "degraded": (PLAIN, [check(1, "DEGRADED")], ""),
    "degraded fails": (
        Gate("DEGRADED"),
        [check(1, "DEGRADED")],
        "1 of 1 checks did not pass: Check 1 DEGRADED.",
    ),
    "failed": (PLAIN, [check(1, "FAILED")], "1 of 1 checks did not pass: Check 1 FAILED."),
    "timed out": (PLAIN, [check(1, "TIMED_OUT")], "Check 1 TIMED_OUT"),
    "cancelled": (PLAIN, [check(1, "CANCELLED")], "Check 1 CANCELLED"),
    "cancelled in API v1": (PLAIN, [check(1, "TIMED_OUT", final(isCancelled=True))], "Check 1 CANCELLED"),
    "allowed": (Gate(["FAILED"]), [check(1, "TIMED_OUT"), check(2, "CANCELLED")], ""),
    "not ended": (PLAIN, [check(1, "PROGRESS")], "Check 1: PROGRESS is no final status"),
    "nothing": (PLAIN, [], "0 of 0 checks did not pass: none has ended"),
    "nothing at all is asked": (Gate([]), [check(1, "FAILED")], ""),
    # attempts never count
    "attempt, then final": (QUICK, [check(1, "PASSED", ATTEMPT, final())], ""),
    "attempts only": (
        QUICK,
        [check(1, "PASSED", ATTEMPT)],
        "Check 1: no response time, since there is no final result",
    ),
    # numbers
    "75 % of four": (MOST, [check(n, "FAILED" if n == 1 else "PASSED") for n in range(4)], ""),
    "50 % of two": (
        MOST,
        [check(1, "FAILED"), check(2, "PASSED")],
        (
            "1 of 2 checks did not pass: Check 1 FAILED. "
            "Required: at least 75 % of checks not FAILED, TIMED_OUT or CANCELLED; "
            "found: 1 of 2 checks FAILED, so 50 % are not."
        ),
    ),
    "the same check twice": (
        MOST,
        [check(1, "FAILED"), check(2, "PASSED"), check(3, "PASSED", checkId=ID(1002))],
        "found: 1 of 2 checks FAILED, so 50 % are not",
    ),
    "all but one": (ONE, [check(1, "FAILED"), check(2, "PASSED")], ""),
    "all but two": (
        ONE,
        [check(1, "FAILED"), check(2, "CANCELLED")],
        "found: 2 of 2 checks (1 FAILED, 1 CANCELLED)",
    ),
    "0 %": (Gate(min_passed_percent=0), [check(1, "FAILED")], ""),
    # response times
    "at the limit": (QUICK, [check(1, "PASSED", final(responseTime=500))], ""),
    "above it": (
        QUICK,
        [check(1, "PASSED", final(), final(responseTime=500.5, runLocation="us-east-1"))],
        "1 of 1 checks did not pass: Check 1: 500.5 ms in us-east-1 is above 500 ms.",
    ),
    "unknown time": (
        QUICK,
        [check(1, "PASSED", final(responseTime=None))],
        "no response time in eu-central-1",
    ),
    "no place": (
        QUICK,
        [check(1, "PASSED", final(responseTime="1", runLocation=None))],
        "no response time in an unnamed location",
    ),
    "no results": (
        QUICK,
        [check(1, "PASSED", results=[])],
        "no response time, since there is no final result",
    ),
    "no results, none needed": (PLAIN, [check(1, "PASSED", results=None)], ""),
    "slow, though one may fail": (
        Gate(max_failed=1, max_response_time=50),
        [check(1, "PASSED"), check(2, "PASSED")],
        "2 of 2 checks did not pass: Check 1: 100 ms in eu-central-1",
    ),
    # warnings
    "warns by name": (Gate(warn_only="Check 1"), [check(1, "FAILED"), check(2, "PASSED")], ""),
    "warns by id": (Gate(warn_only=[ID(1001).upper()]), [check(1, "FAILED")], ""),
    "warns when slow": (Gate(warn_only=["Check 1"], max_response_time=1), [check(1, "PASSED")], ""),
    "another one": (Gate(warn_only=["Check 1"]), [check(1, "FAILED"), check(2, "FAILED")], "1 of 2 checks"),
    "the others are counted": (
        Gate(warn_only=["Check 1"], min_passed_percent=60),
        [check(1, "FAILED"), check(2, "FAILED"), check(3, "PASSED")],
        "found: 1 of 2 checks FAILED, so 50 % are not; 1 more only warned",
    ),
    "a name like a number": (Gate(warn_only=["1"]), [check(1, "FAILED")], "Check 1 FAILED"),
    # test sessions
    "suite passed": (TEST, [suite("PASSED", result(1, "PASSED"))], ""),
    "suite failed in part": (
        TEST,
        [suite("FAILED", result(1, "FAILED"), result(2, "PASSED"))],
        "1 of 2 checks did not pass: Check 1 FAILED.",
    ),
    "suite, in part allowed": (
        Gate(max_failed=1).for_test_sessions(),
        [suite("FAILED", result(1, "FAILED"), result(2, "PASSED"))],
        "",
    ),
    "suite cancelled": (TEST, [suite("CANCELLED", result(1, "CANCELLED"))], "Check 1 CANCELLED"),
    "suite degraded": (
        Gate("DEGRADED").for_test_sessions(),
        [suite("PASSED", result(1, "PASSED", isDegraded=True), result(2, "PASSED"))],
        "1 of 2 checks did not pass: Check 1 DEGRADED.",
    ),
    "suite, two locations": (
        TEST,
        [suite("FAILED", result(1, "PASSED"), result(1, "FAILED", runLocation="us-east-1"))],
        "1 of 1 checks did not pass: Check 1 FAILED.",
    ),
    "suite, attempt then final": (
        TEST,
        [suite("PASSED", result(1, "FAILED", resultType="ATTEMPT"), result(1, "PASSED"))],
        "",
    ),
    "suite without results": (TEST, [suite("PASSED")], "Test session Suite 1: it has no final results"),
    "suite, nothing says why": (
        Gate(min_passed_percent=10).for_test_sessions(),
        [suite("FAILED", result(1, "PASSED"))],
        "Test session Suite 1 FAILED, no final result says why it is FAILED",
    ),
    "suite, a result without a status": (
        TEST,
        [suite("PASSED", result(1, None))],
        "UNKNOWN is no final status",
    ),
    "suite, a result that contradicts itself": (
        TEST,
        [suite("PASSED", result(1, "PASSED", hasErrors=True))],
        "Check 1 FAILED",
    ),
    "suite, results without ids": (
        TEST,
        [suite("FAILED", result(1, "FAILED", checkId=None), result(2, "FAILED", checkId=None, name=None))],
        f"2 of 2 checks did not pass: {ID(5002)} FAILED; Check 1 FAILED.",
    ),
    "suite, a result without anything": (
        TEST,
        [suite("FAILED", {"resultType": "FINAL", "status": "FAILED"})],
        "a result without a name FAILED",
    ),
    "missing names": (PLAIN, [check(1, "FAILED", name=None)], f"{ID(1001)} FAILED"),
    "a name in one session only": (
        PLAIN,
        [check(1, "FAILED", name=None), check(2, "FAILED", checkId=ID(1001), name="Shop")],
        "1 of 1 checks did not pass: Shop FAILED.",
    ),
    # the status of a check session is Checkly's verdict over all locations
    "failed in one location": (
        PLAIN,
        [check(1, "FAILED", final(), final(hasFailures=True, runLocation="us-east-1"))],
        "Check 1 FAILED",
    ),
    "failed, though all results passed": (PLAIN, [check(1, "FAILED", final(), final())], "Check 1 FAILED"),
    "passed, though a location failed": (PLAIN, [check(1, "PASSED", final(), final(hasErrors=True))], ""),
    "degraded, though a location failed": (
        PLAIN,
        [check(1, "DEGRADED", final(isDegraded=True), final(hasFailures=True))],
        "",
    ),
    "passed, though a location is degraded": (
        Gate("DEGRADED"),
        [check(1, "PASSED", final(), final(isDegraded=True))],
        "",
    ),
    "degraded is allowed": (PLAIN, [check(1, "PASSED", final(isDegraded=True)), check(2, "DEGRADED")], ""),
    "only degraded fails": (Gate("DEGRADED"), [check(1, "FAILED", final(), final(isDegraded=True))], ""),
    "a failed attempt contradicts nothing": (PLAIN, [check(1, "PASSED", ATTEMPT, final())], ""),
    # which checks are the same
    "ids in another case": (
        MOST,
        [check(n, "FAILED" if n == 1 else "PASSED", checkId=LETTERS[n]) for n in range(3)],
        "1 of 2 checks did not pass",
    ),
    "one check in both kinds of session": (
        MOST.for_test_sessions(),
        [check(1, "PASSED"), suite("FAILED", result(1, "FAILED"), number=2)],
        "1 of 1 checks did not pass: Check 1 FAILED.",
    ),
    "a name like the id of another check": (
        TEST,
        [suite("FAILED", result(1, "PASSED"), result(2, "FAILED", checkId=None, name=ID(1001)))],
        f"1 of 2 checks did not pass: {ID(1001)} FAILED.",
    ),
    "an id never warns by name": (
        Gate(warn_only=ID(1001)),
        [check(1, "PASSED"), check(2, "FAILED", name=ID(1001))],
        f"{ID(1001)} FAILED",
    ),
    "two checks of one name": (
        MOST,
        [check(1, "FAILED", name="Shop"), check(2, "PASSED", name="Shop")],
        "1 of 2 checks did not pass: Shop FAILED.",
    ),
    "warns by a name with spaces": (Gate(warn_only=" Shop "), [check(1, "FAILED", name="Shop ")], ""),
    "a test session never warns": (
        Gate(warn_only="Test session Suite 1").for_test_sessions(),
        [suite("FAILED")],
        "Test session Suite 1 FAILED, it has no final results",
    ),
    # percentages
    "66.67 % of three": (
        Gate(min_passed_percent=66.67),
        THREE,
        "found: 1 of 3 checks FAILED, so 66.66 % are not.",
    ),
    "66.66 % of three": (Gate(min_passed_percent=66.66), THREE, ""),
    "two thirds of three": (Gate(min_passed_percent=200 / 3), THREE, ""),
    "99.99 % of 500": (
        Gate(min_passed_percent=99.99),
        LOTS,
        "found: 1 of 500 checks FAILED, so 99.8 % are not.",
    ),
    "99.8 % of 500": (Gate(min_passed_percent=99.8), LOTS, ""),
    "99.80001 % of 500": (Gate(min_passed_percent=99.80001), LOTS, "so 99.8 % are not"),
    "100 % of 500": (Gate(min_passed_percent=100), LOTS, "so 99.8 % are not"),
    "nothing but warnings": (
        Gate(warn_only="Check 1", min_passed_percent=100),
        [check(1, "FAILED")],
        "",
    ),
    # malformed results
    "results that are a text": (QUICK, [check(1, "PASSED", results="FINAL")], "there is no final result"),
    "no field for results": (QUICK, [without_results(check(1, "PASSED"))], "there is no final result"),
    "no field for results, none needed": (PLAIN, [without_results(check(1, "PASSED"))], ""),
    "a result that is none": (
        QUICK,
        [check(1, "PASSED", final(), None)],
        "Check 1: no response time in an unnamed location",
    ),
    "a result without a type": (
        QUICK,
        [check(1, "PASSED", final(resultType=None))],
        "",
    ),
    "a huge time": (QUICK, [check(1, "PASSED", final(responseTime=10**400))], "no response time in eu"),
    "a negative time": (QUICK, [check(1, "PASSED", final(responseTime=-1))], "no response time in eu"),
    "a time that is no number": (
        QUICK,
        [check(1, "PASSED", final(responseTime=True))],
        "no response time in eu",
    ),
    "no time at all": (QUICK, [check(1, "PASSED", final(responseTime=0))], ""),
    "no session, a limit": (QUICK, [], "none has ended"),
    "suite, results that are a text": (TEST, [suite("PASSED", results="x")], "it has no final results"),
    "suite, a result that is none": (
        TEST,
        [suite("PASSED", result(1, "PASSED"), None)],
        "1 of 2 checks did not pass: a result without a name: UNKNOWN is no final status.",
    ),
    "suite, a result still to come": (
        TEST,
        [suite("PASSED", result(1, "PASSED"), result(1, "RUNNING", resultType="PENDING", runLocation="us"))],
        "1 of 1 checks did not pass: Check 1: no final result in us.",
    ),
    "suite, an attempt without an end": (
        MOST.for_test_sessions(),
        [suite("PASSED", result(1, "PASSED"), result(2, "FAILED", resultType="ATTEMPT"))],
        "1 of 2 checks did not pass: Check 2: no final result in eu-central-1.",
    ),
    "suite, a retry in another location": (
        TEST,
        [suite("PASSED", result(1, "FAILED", resultType="ATTEMPT", runLocation="us"), result(1, "PASSED"))],
        "",
    ),
    "suite, a result without a type": (
        TEST,
        [suite("PASSED", result(1, "PASSED"), result(2, "FAILED", resultType=None))],
        "Check 2 FAILED",
    ),
    "suite, a result with a status of check sessions": (
        TEST,
        [suite("PASSED", result(1, "PASSED"), result(2, "TIMED_OUT"))],
        "Check 2: TIMED_OUT is no final status",
    ),
    "suite, a status in small letters": (TEST, [suite("PASSED", result(1, "failed"))], "failed is no final"),
    # test sessions that say more than their results
    "suite cancelled, nothing says why": (
        TEST,
        [suite("CANCELLED", result(1, "PASSED"))],
        "Test session Suite 1 CANCELLED, no final result says why it is CANCELLED",
    ),
    "suite cancelled is allowed": (
        Gate("FAILED").for_test_sessions(),
        [suite("CANCELLED", result(1, "CANCELLED"))],
        "",
    ),
    "suite passed, though a result failed": (
        TEST,
        [suite("PASSED", result(1, "FAILED"), result(2, "PASSED"))],
        "1 of 2 checks did not pass: Check 1 FAILED.",
    ),
    "suite degraded is allowed": (TEST, [suite("PASSED", result(1, "PASSED", isDegraded=True))], ""),
    "suite failed and degraded": (
        Gate("DEGRADED").for_test_sessions(),
        [suite("FAILED", result(1, "FAILED"), result(2, "PASSED", isDegraded=True))],
        "1 of 2 checks did not pass: Check 2 DEGRADED.",
    ),
    "suite, slow in one location": (
        QUICK.for_test_sessions(),
        [suite("PASSED", result(1, "PASSED"), result(1, "PASSED", runLocation="us", responseTime=501))],
        "Check 1: 501 ms in us is above 500 ms",
    ),
    "suite, no time": (
        QUICK.for_test_sessions(),
        [suite("PASSED", result(1, "PASSED", responseTime=None))],
        "Check 1: no response time in eu-central-1",
    ),
}


@pytest.mark.parametrize(("gate", "sessions", "text"), TABLE.values(), ids=TABLE.keys())
def test_what_it_makes_of_what_checkly_may_say(gate: Gate, sessions: list[Any], text: str) -> None:
    decision = evaluate(gate, sessions)
    assert decision.passed is (text == "")
    assert text in decision.text()
    xcom = decision.to_xcom()
    assert json.loads(json.dumps(xcom)) == xcom
    assert xcom["passed"] is decision.passed
    assert_aligned(decision.table())


def assert_aligned(table: str) -> None:
    """Every cell starts below the heading of its column, after two spaces."""
    starts: list[int] = []
    for line in table.splitlines()[1:]:
        if line.startswith(("  RULE", "  CHECK")):
            starts = [found.start() for found in re.finditer(r"[A-Z]+", line)]
        elif not line.startswith("  and "):
            assert all(line[start - 2 : start] == "  " and line[start] != " " for start in starts), table


def test_the_table() -> None:
    gate = Gate(min_passed_percent=90, max_response_time=2000, warn_only="Check 3")
    sessions = [
        check(1, "FAILED", final(responseTime=150)),
        check(2, "PASSED", final(), final(responseTime=2310, runLocation="us-east-1")),
        check(3, "CANCELLED", final(responseTime=None)),
        check(4, "PASSED"),
    ]
    table = evaluate(gate, sessions).table()
    assert_aligned(table)
    assert [re.split("  +", line.strip()) for line in table.splitlines()] == [
        ["Gate not passed:"],
        ["RULE", "REQUIRED", "FOUND", "MET"],
        [
            "checks",
            "at least 90 % of checks not FAILED, TIMED_OUT or CANCELLED",
            "1 of 3 checks FAILED, so 66.66 % are not; 1 more only warned",
            "NO",
        ],
        ["response time", "at most 2000 ms in each location", "slowest 2310 ms; 1 more only warned", "NO"],
        ["CHECK", "STATUS", "SLOWEST", "EFFECT", "WHY"],
        ["Check 1", "FAILED", "150 ms", "fails the gate", "status FAILED"],
        ["Check 2", "PASSED", "2310 ms", "fails the gate", "2310 ms in us-east-1 is above 2000 ms"],
        ["Check 3", "CANCELLED", "-", "only warns", "status CANCELLED; no response time in eu-central-1"],
    ]


def test_the_table_of_the_readme() -> None:
    sessions = [
        check(1, "FAILED", final(responseTime=150), name="Checkout pays"),
        check(2, "PASSED", final(), final(responseTime=2310, runLocation="us-east-1"), name="Search finds"),
        check(3, "PASSED"),
        check(4, "PASSED"),
    ]
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    assert evaluate(Gate(min_passed_percent=75, max_response_time=2000), sessions).table() in readme


def test_what_is_tolerated_is_told() -> None:
    decision = evaluate(ONE, [check(1, "FAILED"), check(2, "PASSED")])
    assert "tolerated" in decision.table()
    assert decision.to_xcom()["tolerated"] == [
        {
            "check_id": ID(1001),
            "name": "Check 1",
            "status": "FAILED",
            "slowest_ms": 100,
            "session_ids": [ID(1)],
            "reasons": ["FAILED"],
        }
    ]


def test_long_tables_and_names_stay_readable() -> None:
    decision = evaluate(PLAIN, [check(n, "FAILED", name=f"{n}\n" + "x" * 200) for n in range(60)])
    lines = decision.table().splitlines()
    assert len(lines) == 1 + 2 + 51 + 1
    assert lines[-1] == "  and 10 more"
    assert max(map(len, lines)) <= 110
    assert decision.text().endswith("; and 50 more.")


def test_the_decision_about_500_checks_fits_into_xcom() -> None:
    failed = [result(n, "FAILED", name="x" * 200, responseTime=None) for n in range(500)]
    decision = evaluate(QUICK.for_test_sessions(), [suite("FAILED", *failed)])
    assert len(decision.broke) == 500
    assert len(json.dumps(decision.to_xcom())) < 1024 * 1024 / 2


def test_tags_are_given_from_outside() -> None:
    gate = Gate(warn_only_tags=["flaky", "beta"])
    sessions = [check(1, "FAILED")]
    assert not evaluate(gate, sessions).passed
    assert not evaluate(gate, sessions, tags={ID(1001): ["web"]}).passed
    assert evaluate(gate, sessions, tags={ID(1001): ["web", "beta"]}).passed


def test_what_has_not_ended_may_still_pass() -> None:
    assert not evaluate(MOST, [check(1, "FAILED")], pending=2).passed
    assert evaluate(MOST, [check(1, "FAILED")], pending=3).passed
    assert evaluate(MOST, [check(1, "FAILED")], pending=3).checks == 4
    assert not evaluate(PLAIN, [check(1, "FAILED")], pending=9).passed


# Properties

flags = st.dictionaries(
    st.sampled_from(["hasFailures", "hasErrors", "isDegraded", "isCancelled", "aborted"]), st.booleans()
)
times = st.none() | st.integers(0, 999)
sessions_of_checks = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(sorted(models.FINAL)), times, flags), min_size=1, max_size=8
).map(
    lambda rows: [
        check(n, status, final(responseTime=time, **more), checkId=ID(1000 + number))
        for n, (number, status, time, more) in enumerate(rows)
    ]
)
sessions_of_tests = st.tuples(
    st.sampled_from(["PASSED", "FAILED", "CANCELLED"]),
    st.lists(
        st.tuples(
            st.integers(0, 9),
            st.sampled_from(["PASSED", "FAILED", "CANCELLED", "?"]),
            st.sampled_from(["FINAL", "FINAL", "ATTEMPT", "PENDING", None]),
            flags,
        ),
        max_size=8,
    ),
).map(
    lambda pair: [
        suite(pair[0], *(result(n, word, resultType=kind, **more) for n, word, kind, more in pair[1]))
    ]
)
any_sessions = sessions_of_checks | sessions_of_tests
statuses = st.frozensets(st.sampled_from(sorted(CAN_FAIL)), min_size=1)
limits = st.none() | st.integers(1, 999)


@given(any_sessions, statuses, limits)
def test_what_the_plain_rule_fails_never_passes(
    sessions: list[Any], fail_on: frozenset[str], limit: Any
) -> None:
    """Unless told so by numbers or warnings; a test session's results have statuses of their own."""
    said = [
        found["status"]
        for session in sessions
        for found in models.final_results(session)
        if "status" in found
    ]
    plain = fail_on.isdisjoint([*map(models.status, sessions), *said])
    if evaluate(Gate(fail_on, max_response_time=limit), sessions).passed:
        assert plain
    strict = Gate(fail_on, min_passed_percent=100, max_response_time=limit)
    assert (
        evaluate(strict, sessions).passed == evaluate(Gate(fail_on, max_response_time=limit), sessions).passed
    )
    none = Gate(fail_on, max_failed=0, max_response_time=limit)
    assert evaluate(none, sessions).passed == evaluate(strict, sessions).passed


@given(sessions_of_checks, statuses, st.integers(0, 100), st.integers(0, 9), st.booleans())
def test_numbers_and_warnings_let_no_more_fail_than_they_say(
    sessions: list[Any], fail_on: frozenset[str], percent: int, most: int, by_percent: Any
) -> None:
    """Distinct ids are counted, without those that only warn."""
    rule: Any = {"min_passed_percent": percent} if by_percent else {"max_failed": most}
    warned = ID(1000)
    ids = {session["checkId"] for session in sessions}
    failed = {each["checkId"] for each in sessions if models.status(each) in fail_on} - {warned}
    if evaluate(Gate(fail_on, warn_only=warned, **rule), sessions).passed:
        allowed = len(ids) * (100 - percent) / 100 if by_percent else most
        assert len(failed) <= allowed


@given(any_sessions)
def test_what_is_missing_never_passes(sessions: list[Any]) -> None:
    """Not even a gate that lets all checks fail passes a check without its final result."""
    decision = evaluate(Gate(min_passed_percent=0).for_test_sessions(), sessions)
    results = [found for session in sessions for found in models.results(session)]
    ended = (
        {found["checkId"] for found in results if found["resultType"] in (None, "FINAL")}
        if "status" in str(results)
        else set()
    )
    for found in results:
        if found.get("status") == "?" or ("status" in found and found["checkId"] not in ended):
            assert not decision.passed


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
def test_no_result_breaks_the_gate(results: Any, status: str, time: float) -> None:
    """Whatever stands where results should be is judged, shown and stored in columns."""
    sessions = [check(1, status, results=results), suite(status, results=results)]
    sessions.append(check(2, status, final(responseTime=time, runLocation="a\nb")))
    decision = evaluate(Gate(max_response_time=5), sessions)
    assert_aligned(decision.table())
    assert json.loads(json.dumps(decision.to_xcom())) == decision.to_xcom()
    assert "\n" not in decision.text()
    assert suspects(decision, sessions) is not None


@given(any_sessions, st.integers(0, 100), limits, st.data())
def test_the_order_of_sessions_means_nothing(
    sessions: list[Any], percent: int, limit: Any, data: Any
) -> None:
    gate = Gate(min_passed_percent=percent, max_response_time=limit, warn_only=["Check 1"])
    other = data.draw(st.permutations(sessions))
    assert evaluate(gate, sessions).to_xcom() == evaluate(gate, other).to_xcom()
    assert evaluate(gate, sessions).table() == evaluate(gate, other).table()


@given(any_sessions, st.integers(0, 100))
def test_asking_for_less_never_fails_more(sessions: list[Any], percent: int) -> None:
    if evaluate(Gate(min_passed_percent=percent), sessions).passed:
        assert evaluate(Gate(min_passed_percent=percent // 2), sessions).passed


# Arguments

BAD: list[tuple[dict[str, Any], str]] = [
    ({"fail_on": ["PASSED"]}, "fail_on: PASSED"),
    ({"fail_on": "NEW"}, "fail_on: NEW"),
    ({"min_passed_percent": -1}, "min_passed_percent .* not -1"),
    ({"min_passed_percent": 100.1}, "min_passed_percent .* not 100.1"),
    ({"min_passed_percent": float("nan")}, "min_passed_percent .* not nan"),
    ({"min_passed_percent": True}, "min_passed_percent .* not True"),
    ({"min_passed_percent": "90"}, "min_passed_percent .* not '90'"),
    ({"max_failed": -1}, "max_failed .* not -1"),
    ({"max_failed": 1.5}, "max_failed .* not 1.5"),
    ({"max_failed": False}, "max_failed .* not False"),
    ({"max_response_time": -5}, "max_response_time .* not -5"),
    ({"max_response_time": 0}, "max_response_time .* not 0"),
    ({"max_response_time": float("nan")}, "max_response_time .* not nan"),
    ({"max_response_time": float("inf")}, "max_response_time .* not inf"),
    ({"max_response_time": 10**400}, "max_response_time .* not 1000"),
    ({"max_response_time": True}, "max_response_time .* not True"),
    ({"max_response_time": "2 s"}, "max_response_time .* not '2 s'"),
    ({"min_passed_percent": 10**400}, "min_passed_percent .* not 1000"),
    ({"fail_on": ["FAILED", None]}, "fail_on: None"),
    ({"fail_on": "failed"}, "fail_on: failed"),
    ({"fail_on": [], "min_passed_percent": 50}, "fail_on is empty"),
    ({"min_passed_percent": 90, "max_failed": 1}, "min_passed_percent=90 and max_failed=1"),
    ({"fail_on": [], "max_failed": 1}, "fail_on is empty"),
    ({"fail_on": [], "warn_only": "x"}, "nothing can fail"),
    ({"warn_only": [""]}, "warn_only holds ''"),
    ({"warn_only": "None"}, "warn_only holds 'None'"),
    ({"warn_only": [None]}, "warn_only holds None"),
    ({"warn_only": 7}, "warn_only must be .* not 7"),
    ({"warn_only_tags": {"a": 1}}, "warn_only_tags must be"),
    ({"warn_only_tags": [" "]}, "warn_only_tags holds ' '"),
]


@pytest.mark.parametrize(("arguments", "text"), BAD, ids=str)
def test_bad_gates_are_refused_by_name(arguments: Any, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        Gate(**arguments)


def test_test_sessions_know_no_time_out() -> None:
    with pytest.raises(InvalidInput, match="fail_on: TIMED_OUT"):
        Gate(["FAILED", "TIMED_OUT"]).for_test_sessions()
    assert Gate().statuses == FAIL_ON
    assert Gate(max_failed=2).for_test_sessions() == Gate(["CANCELLED", "FAILED"], max_failed=2)


def test_one_of_two() -> None:
    assert chosen(None, None) == Gate()
    assert chosen(None, ["FAILED"]) == Gate("FAILED")
    assert chosen(ONE, None) is ONE
    with pytest.raises(InvalidInput, match="fail_on='FAILED'"):
        chosen(ONE, "FAILED")
    wrong: Any = {"max_failed": 1}
    with pytest.raises(InvalidInput, match="gate must be a Gate"):
        chosen(wrong, None)


def test_a_gate_is_a_value() -> None:
    gate = Gate({"FAILED", "CANCELLED"}, max_failed=1, warn_only=["b", "a", "b"], warn_only_tags=iter("zy"))
    assert gate == copy.deepcopy(gate) == pickle.loads(pickle.dumps(gate))  # noqa: S301 - our own
    assert hash(gate) == hash(copy.copy(gate))
    assert repr(gate) == (
        "Gate(fail_on=('CANCELLED', 'FAILED'), min_passed_percent=None, max_failed=1, "
        "max_response_time=None, warn_only=('a', 'b'), warn_only_tags=('y', 'z'))"
    )
    assert Gate().plain
    assert Gate(max_response_time=5).plain
    assert not any(each.plain for each in (gate, ONE, Gate(warn_only="x"), Gate(warn_only_tags="x")))
