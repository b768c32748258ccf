"""`evaluate`: one table of what it makes of sessions, a second opinion on generated ones, and properties."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from session_documents import ATTEMPT, ID, check, final, result, suite, waited

from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.polling import WaitResult
from airflow_provider_checkly.arguments import CAN_FAIL
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyError,
    ChecklyUnreadable,
    ChecksFailed,
    ChecksNotRun,
    ChecksTimedOut,
)
from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.gate.evaluation import Evaluation, evaluate

PLAIN = Gate()
MOST = Gate(min_passed_percent=75)
QUICK = Gate(max_response_time=500)
ONE = Gate(max_failed=1)

LETTERS = [f"{letter}0000000-0000-4000-8000-000000000001" for letter in "aAb"]
THREE = [check(n, "FAILED" if n == 1 else "PASSED") for n in range(3)]
LOTS = [check(n, "FAILED" if n == 1 else "PASSED") for n in range(500)]


def without_results(session: Any) -> Any:
    return {name: value for name, value in session.items() if name != "results"}


TABLE: dict[str, tuple[Gate, list[Any], str]] = {
    # every final status of a check session
    "passed": (PLAIN, [check(1, "PASSED")], ""),
    "degraded": (PLAIN, [check(1, "DEGRADED")], ""),
    "degraded fails": (
        Gate("DEGRADED"),
        [check(1, "DEGRADED")],
        "1 of 1 check did not pass: Check 1 DEGRADED.",
    ),
    "failed": (PLAIN, [check(1, "FAILED")], "1 of 1 check did not pass: Check 1 FAILED."),
    "timed out": (PLAIN, [check(1, "TIMED_OUT")], "Check 1 TIMED_OUT"),
    "cancelled": (PLAIN, [check(1, "CANCELLED")], "Check 1 CANCELLED"),
    "cancelled in API v1": (PLAIN, [check(1, "TIMED_OUT", final(isCancelled=True))], "Check 1 CANCELLED"),
    "allowed": (Gate(["FAILED"]), [check(1, "TIMED_OUT"), check(2, "CANCELLED")], ""),
    "not ended": (PLAIN, [check(1, "PROGRESS")], "but 0 of 1 session ended"),
    "no session": (PLAIN, [], "but 0 of 0 sessions ended"),
    "no status fails": (Gate([]), [check(1, "FAILED")], ""),
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
            "actual: 50 % of 2 checks (1 FAILED)."
        ),
    ),
    "the same check twice": (
        MOST,
        [check(1, "FAILED"), check(2, "PASSED"), check(3, "PASSED", checkId=ID(1002))],
        "actual: 50 % of 2 checks (1 FAILED)",
    ),
    "all but one": (ONE, [check(1, "FAILED"), check(2, "PASSED")], ""),
    "all but two": (
        ONE,
        [check(1, "FAILED"), check(2, "CANCELLED")],
        "actual: 2 of 2 checks (1 FAILED, 1 CANCELLED)",
    ),
    "0 %": (Gate(min_passed_percent=0), [check(1, "FAILED")], ""),
    # response times
    "at the limit": (QUICK, [check(1, "PASSED", final(responseTime=500))], ""),
    "above it": (
        QUICK,
        [check(1, "PASSED", final(), final(responseTime=500.5, runLocation="us-east-1"))],
        "1 of 1 check did not pass: Check 1: 500.5 ms in us-east-1 is above 500 ms.",
    ),
    "unknown time": (
        QUICK,
        [check(1, "PASSED", final(responseTime=None))],
        "no response time in eu-central-1",
    ),
    "no location": (
        QUICK,
        [check(1, "PASSED", final(responseTime="1", runLocation=None))],
        "no response time in an unnamed location",
    ),
    "no results": (
        QUICK,
        [check(1, "PASSED", results=[])],
        "no response time, since there is no final result",
    ),
    "no results, without a limit": (PLAIN, [check(1, "PASSED", results=None)], ""),
    "slow, though one may fail": (
        Gate(max_failed=1, max_response_time=50),
        [check(1, "PASSED"), check(2, "PASSED")],
        "2 of 2 checks did not pass: Check 1: 100 ms in eu-central-1",
    ),
    # warnings
    "warns by name": (Gate(warn_only="Check 1"), [check(1, "FAILED"), check(2, "PASSED")], ""),
    "warns by id": (Gate(warn_only=[ID(1001).upper()]), [check(1, "FAILED")], ""),
    "warns when slow": (Gate(warn_only=["Check 1"], max_response_time=1), [check(1, "PASSED")], ""),
    "warns, another check fails": (
        Gate(warn_only=["Check 1"]),
        [check(1, "FAILED"), check(2, "FAILED")],
        "1 of 2 checks",
    ),
    "warns, and the others are counted": (
        Gate(warn_only=["Check 1"], min_passed_percent=60),
        [check(1, "FAILED"), check(2, "FAILED"), check(3, "PASSED")],
        "actual: 50 % of 2 checks (1 FAILED); 1 more as a warning only",
    ),
    "a name like a number": (Gate(warn_only=["1"]), [check(1, "FAILED")], "Check 1 FAILED"),
    # test sessions
    "suite passed": (PLAIN, [suite("PASSED", result(1, "PASSED"))], ""),
    "suite failed in part": (
        PLAIN,
        [suite("FAILED", result(1, "FAILED"), result(2, "PASSED"))],
        "1 of 2 checks did not pass: Check 1 FAILED.",
    ),
    "suite, in part allowed": (
        Gate(max_failed=1),
        [suite("FAILED", result(1, "FAILED"), result(2, "PASSED"))],
        "",
    ),
    "suite cancelled": (PLAIN, [suite("CANCELLED", result(1, "CANCELLED"))], "Check 1 CANCELLED"),
    "suite degraded": (
        Gate("DEGRADED"),
        [suite("PASSED", result(1, "PASSED", isDegraded=True), result(2, "PASSED"))],
        "1 of 2 checks did not pass: Check 1 DEGRADED.",
    ),
    "suite, two locations": (
        PLAIN,
        [suite("FAILED", result(1, "PASSED"), result(1, "FAILED", runLocation="us-east-1"))],
        "1 of 1 check did not pass: Check 1 FAILED.",
    ),
    "suite, attempt then final": (
        PLAIN,
        [suite("PASSED", result(1, "FAILED", resultType="ATTEMPT"), result(1, "PASSED"))],
        "",
    ),
    "suite without results": (PLAIN, [suite("PASSED")], "Test session Suite 1: it has no final results"),
    "suite failed without a failing result": (
        Gate(min_passed_percent=10),
        [suite("FAILED", result(1, "PASSED"))],
        "Test session Suite 1 FAILED: no final result explains the status FAILED",
    ),
    "suite, a result without a status": (
        PLAIN,
        [suite("PASSED", result(1, None))],
        "UNKNOWN is not a final status",
    ),
    "suite, a result that contradicts itself": (
        PLAIN,
        [suite("PASSED", result(1, "PASSED", hasErrors=True))],
        "Check 1 FAILED",
    ),
    "suite, results without ids": (
        PLAIN,
        [suite("FAILED", result(1, "FAILED", checkId=None), result(2, "FAILED", checkId=None, name=None))],
        f"2 of 2 checks did not pass: {ID(5002)} FAILED; Check 1 FAILED.",
    ),
    "suite, a result without anything": (
        PLAIN,
        [suite("FAILED", {"resultType": "FINAL", "status": "FAILED"})],
        "a result without a name FAILED",
    ),
    "missing names": (PLAIN, [check(1, "FAILED", name=None)], f"{ID(1001)} FAILED"),
    "a name in one session only": (
        PLAIN,
        [check(1, "FAILED", name=None), check(2, "FAILED", checkId=ID(1001), name="Shop")],
        "1 of 1 check did not pass: Shop FAILED.",
    ),
    # the status of a check session is Checkly's, over all locations
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
    "passed after a failed attempt": (PLAIN, [check(1, "PASSED", ATTEMPT, final())], ""),
    # which checks are the same
    "ids in another case": (
        MOST,
        [check(n, "FAILED" if n == 1 else "PASSED", checkId=LETTERS[n]) for n in range(3)],
        "1 of 2 checks did not pass",
    ),
    "one check in both kinds of session": (
        MOST,
        [check(1, "PASSED"), suite("FAILED", result(1, "FAILED"), number=2)],
        "1 of 1 check did not pass: Check 1 FAILED.",
    ),
    "a name like the id of another check": (
        PLAIN,
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
    "warns by a name with two blanks": (
        Gate(warn_only="Checkout  pays"),
        [check(1, "FAILED", name="Checkout  pays")],
        "",
    ),
    "warns by another number of blanks": (
        Gate(warn_only="Checkout pays"),
        [check(1, "FAILED", name="Checkout  pays")],
        "Checkout pays FAILED",
    ),
    "suite, warns by a name with two blanks": (
        Gate(warn_only="Checkout  pays"),
        [suite("FAILED", result(1, "FAILED", name="Checkout  pays"))],
        "",
    ),
    "suite, warns by id": (Gate(warn_only=ID(1001)), [suite("FAILED", result(1, "FAILED"))], ""),
    "a test session never warns": (
        Gate(warn_only="Test session Suite 1"),
        [suite("FAILED")],
        "Test session Suite 1 FAILED: it has no final results",
    ),
    # percentages
    "66.67 % of three": (
        Gate(min_passed_percent=66.67),
        THREE,
        "actual: 66.66 % of 3 checks (1 FAILED).",
    ),
    "66.66 % of three": (Gate(min_passed_percent=66.66), THREE, ""),
    "two thirds of three": (Gate(min_passed_percent=200 / 3), THREE, ""),
    "99.99 % of 500": (
        Gate(min_passed_percent=99.99),
        LOTS,
        "actual: 99.8 % of 500 checks (1 FAILED).",
    ),
    "99.8 % of 500": (Gate(min_passed_percent=99.8), LOTS, ""),
    "99.80001 % of 500": (Gate(min_passed_percent=99.80001), LOTS, "99.8 % of 500 checks"),
    "100 % of 500": (Gate(min_passed_percent=100), LOTS, "99.8 % of 500 checks"),
    "nothing but warnings": (
        Gate(warn_only="Check 1", min_passed_percent=100),
        [check(1, "FAILED")],
        "",
    ),
    # malformed results
    "results that are a string": (QUICK, [check(1, "PASSED", results="FINAL")], "there is no final result"),
    "no field for results": (QUICK, [without_results(check(1, "PASSED"))], "there is no final result"),
    "no field for results, without a limit": (PLAIN, [without_results(check(1, "PASSED"))], ""),
    "a result that is null": (
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
    "a time that is not a number": (
        QUICK,
        [check(1, "PASSED", final(responseTime=True))],
        "no response time in eu",
    ),
    "zero milliseconds": (QUICK, [check(1, "PASSED", final(responseTime=0))], ""),
    "no session, a limit": (QUICK, [], "but 0 of 0 sessions ended"),
    "suite, results that are a string": (PLAIN, [suite("PASSED", results="x")], "it has no final results"),
    "suite, a result that is null": (
        PLAIN,
        [suite("PASSED", result(1, "PASSED"), None)],
        "1 of 2 checks did not pass: a result without a name: UNKNOWN is not a final status.",
    ),
    "suite, a pending result": (
        PLAIN,
        [suite("PASSED", result(1, "PASSED"), result(1, "RUNNING", resultType="PENDING", runLocation="us"))],
        "1 of 1 check did not pass: Check 1: no final result in us.",
    ),
    "suite, an attempt without an end": (
        MOST,
        [suite("PASSED", result(1, "PASSED"), result(2, "FAILED", resultType="ATTEMPT"))],
        "1 of 2 checks did not pass: Check 2: no final result in eu-central-1.",
    ),
    "suite, a retry in another location": (
        PLAIN,
        [suite("PASSED", result(1, "FAILED", resultType="ATTEMPT", runLocation="us"), result(1, "PASSED"))],
        "",
    ),
    "suite, a result without a type": (
        PLAIN,
        [suite("PASSED", result(1, "PASSED"), result(2, "FAILED", resultType=None))],
        "Check 2 FAILED",
    ),
    "suite, a result with a status of check sessions": (
        PLAIN,
        [suite("PASSED", result(1, "PASSED"), result(2, "TIMED_OUT"))],
        "Check 2 TIMED_OUT: TIMED_OUT is not a final status",
    ),
    "suite, a status in small letters": (
        PLAIN,
        [suite("PASSED", result(1, "failed"))],
        "failed is not a final",
    ),
    # test sessions that say more than their results
    "suite cancelled without a cancelled result": (
        PLAIN,
        [suite("CANCELLED", result(1, "PASSED"))],
        "Test session Suite 1 CANCELLED: no final result explains the status CANCELLED",
    ),
    "suite cancelled is allowed": (
        Gate("FAILED"),
        [suite("CANCELLED", result(1, "CANCELLED"))],
        "",
    ),
    "suite passed, though a result failed": (
        PLAIN,
        [suite("PASSED", result(1, "FAILED"), result(2, "PASSED"))],
        "1 of 2 checks did not pass: Check 1 FAILED.",
    ),
    "suite degraded is allowed": (PLAIN, [suite("PASSED", result(1, "PASSED", isDegraded=True))], ""),
    "suite failed and degraded": (
        Gate("DEGRADED"),
        [suite("FAILED", result(1, "FAILED"), result(2, "PASSED", isDegraded=True))],
        "1 of 2 checks did not pass: Check 2 DEGRADED.",
    ),
    "suite, slow in one location": (
        QUICK,
        [suite("PASSED", result(1, "PASSED"), result(1, "PASSED", runLocation="us", responseTime=501))],
        "Check 1: 501 ms in us is above 500 ms",
    ),
    "suite, unknown time": (
        QUICK,
        [suite("PASSED", result(1, "PASSED", responseTime=None))],
        "Check 1: no response time in eu-central-1",
    ),
}


@pytest.mark.parametrize(("gate", "sessions", "text"), TABLE.values(), ids=TABLE.keys())
def test_each_case(gate: Gate, sessions: list[Any], text: str) -> None:
    evaluation = evaluate(gate, waited(*sessions))
    assert (evaluation.error is None) is (text == "")
    assert text in evaluation.message
    assert all(rule.met for rule in evaluation.rules) is (text == "")


def severities(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    return [(each.name, each.status, each.severity) for each in evaluation.checks]


# A wait that did not see all sessions end

R = [ID(1001), ID(1002)]
NOT_RUN = (ID(1002), "NOT_RUN", "failing")
PASSED, FAILED = ("Check 1", "PASSED", "passed"), ("Check 1", "FAILED", "failing")
STARTED: dict[str, tuple[Any, dict[str, Any], type[ChecklyError] | None, list[tuple[str, str, str]]]] = {
    "all ran": (
        waited(check(1, "PASSED"), check(2, "PASSED")),
        {},
        None,
        [PASSED, ("Check 2", "PASSED", "passed")],
    ),
    "one did not run": (waited(check(1, "PASSED")), {}, ChecksNotRun, [NOT_RUN, PASSED]),
    "one did not run, the other is running": (
        waited(check(1, "STARTED")),
        {},
        ChecksNotRun,
        [NOT_RUN, ("Check 1", "STARTED", "warning")],
    ),
    "one did not run, the other failed": (waited(check(1, "FAILED")), {}, ChecksFailed, [NOT_RUN, FAILED]),
    "tags may exclude one": (waited(check(1, "PASSED")), {"filtered": True}, None, [PASSED]),
    "in a test session": (waited(suite("PASSED", result(1, "PASSED"))), {}, ChecksNotRun, [NOT_RUN, PASSED]),
    "a test session shows its checks late": (
        waited(suite("RUNNING"), late=True),
        {},
        ChecksTimedOut,
        [("Test session Suite 1", "RUNNING", "failing")],
    ),
    "a session that was never read may be of the check": (
        waited(check(1, "PASSED"), unseen=1, late=True),
        {},
        ChecksTimedOut,
        [PASSED],
    ),
    "the wait stopped at the first failure": (
        waited(check(1, "FAILED"), unseen=1),
        {},
        ChecksFailed,
        [FAILED],
    ),
    "the wait ended with an error": (
        waited(unseen=2, error=ChecklyAuthError("no", status=401)),
        {},
        ChecklyAuthError,
        [],
    ),
    "late": (
        waited(check(1, "PASSED"), check(2, "PROGRESS"), late=True),
        {},
        ChecksTimedOut,
        [("Check 2", "PROGRESS", "failing"), PASSED],
    ),
    "neither ended nor late": (
        waited(check(1, "PASSED"), check(2, "PROGRESS")),
        {},
        ChecklyUnreadable,
        [("Check 2", "PROGRESS", "warning"), PASSED],
    ),
}


@pytest.mark.parametrize(("waited_for", "more", "error", "checks"), STARTED.values(), ids=STARTED.keys())
def test_requested_checks_and_unfinished_sessions(
    waited_for: Any, more: Any, error: type[ChecklyError] | None, checks: list[tuple[str, str, str]]
) -> None:
    """A check is "not run" only if no session can still show it."""
    evaluation = evaluate(PLAIN, waited_for, requested=R, **more)
    assert type(evaluation.error) is (type(None) if error is None else error)
    assert severities(evaluation) == checks
    if error is not ChecklyAuthError:
        assert all(rule.met for rule in evaluation.rules) is (error is None)


@pytest.mark.parametrize(
    "found",
    [
        WaitResult((ID(1), ID(2)), (check(1, "PASSED"),)),
        WaitResult((ID(1),), (check(1, "PASSED"), check(2, "PASSED"))),
        WaitResult((ID(1),), None),
        WaitResult(()),
    ],
)
def test_sessions_that_do_not_fit_the_wait_never_pass(found: WaitResult) -> None:
    assert isinstance(evaluate(PLAIN, found).error, ChecklyUnreadable)
    assert isinstance(evaluate(Gate(min_passed_percent=0), found).error, ChecklyUnreadable)


def test_a_test_session_without_a_requested_check_has_not_passed() -> None:
    """Every rule of its statuses is met; the gate still fails, and everything says so."""
    evaluation = evaluate(PLAIN, waited(suite("PASSED", result(1, "PASSED"))), requested=R)
    assert isinstance(evaluation.error, ChecksNotRun)
    assert evaluation.error.check_ids == [ID(1002)]
    assert [each["testSessionId"] for each in evaluation.error.sessions] == [ID(1)]
    assert evaluation.outcome == "error"
    assert "did not run 1 of the requested checks" in evaluation.message
    assert [(rule.rule, rule.met) for rule in evaluation.rules] == [("status", True), ("requested", False)]


def test_the_failing_sessions_are_in_the_error() -> None:
    evaluation = evaluate(ONE, waited(check(1, "FAILED"), check(2, "PASSED"), check(3, "FAILED")))
    assert isinstance(evaluation.error, ChecksFailed)
    assert [each["name"] for each in evaluation.error.sessions] == ["Check 1", "Check 3"]
    late = evaluate(PLAIN, waited(check(1, "PASSED"), check(2, "STARTED"), unseen=1, late=True)).error
    assert isinstance(late, ChecksTimedOut)
    assert late.session_ids == [ID(2), ID(900)]


def test_a_check_in_two_sessions_shows_the_worse_one() -> None:
    for first, second, shown in (("PASSED", "FAILED", 2), ("FAILED", "PASSED", 1)):
        twice = [check(1, first), check(2, second, checkId=ID(1001))]
        (one,) = evaluate(PLAIN, waited(*twice)).checks
        assert (one.status, one.session_ids[0]) == ("FAILED", ID(shown))
        assert one.link.endswith(f"/{shown}")


def test_tags_are_passed_in() -> None:
    gate = Gate(warn_only_tags=["flaky", "beta"])
    for sessions in ([check(1, "FAILED")], [suite("FAILED", result(1, "FAILED"))]):
        assert evaluate(gate, waited(*sessions)).error
        assert evaluate(gate, waited(*sessions), tags={ID(1001): ["web"]}).error
        assert not evaluate(gate, waited(*sessions), tags={ID(1001): ["web", "beta"]}).error


def test_unfinished_checks_may_still_pass() -> None:
    def failing(gate: Gate, unfinished: int) -> int:
        return len(evaluate(gate, waited(check(1, "FAILED"), unseen=unfinished, late=True)).failing)

    assert failing(MOST, 2) == 1
    assert failing(MOST, 3) == 0
    assert failing(PLAIN, 9) == 1
    late = evaluate(MOST, waited(check(1, "FAILED"), unseen=3, late=True))
    assert isinstance(late.error, ChecksTimedOut)
    assert late.rules[0].actual == "75 % of 4 checks (1 FAILED)"


def test_statuses_that_the_gate_allows_are_tolerated_not_passed() -> None:
    evaluation = evaluate(Gate("TIMED_OUT"), waited(check(1, "FAILED"), check(2, "DEGRADED")))
    assert severities(evaluation) == [
        ("Check 1", "FAILED", "tolerated"),
        ("Check 2", "DEGRADED", "passed"),
    ]


# A second opinion: the rules once more, in the plainest way, on generated sessions


@dataclass
class Seen:
    """What generated sessions say about one check."""

    statuses: set[str] = field(default_factory=set)
    times: list[int | None] = field(default_factory=list)
    is_incomplete: bool = False


@dataclass(frozen=True)
class Case:
    """A gate, and what Checkly says about a few checks: as check sessions, and in one test session."""

    gate: Gate
    checks: list[tuple[int, str, list[int | None]]]
    tests: list[tuple[int, str, int | None, str]] | None
    unseen: int
    late: bool
    requested: frozenset[int]

    def evaluate(self) -> Evaluation:
        documents = [
            check(n, status, checkId=ID(1000 + number), results=[final(responseTime=t) for t in of_results])
            for n, (number, status, of_results) in enumerate(self.checks)
        ]
        if self.tests is not None:
            words = {status for _, status, _, kind in self.tests if kind == "FINAL"}
            worst = next((word for word in ("FAILED", "CANCELLED") if word in words), "PASSED")
            results = [result(n, word, responseTime=t, resultType=kind) for n, word, t, kind in self.tests]
            documents.append(suite(worst, *results, number=500))
        found = waited(*documents, unseen=self.unseen, late=self.late)
        return evaluate(self.gate, found, requested=[ID(1000 + n) for n in sorted(self.requested)])

    def error(self) -> type[ChecklyError] | None:
        """Return the kind of error that is right."""
        seen: dict[int, Seen] = defaultdict(Seen)
        running = [number for number, status, _ in self.checks if status not in models.FINAL]
        for number, status, of_results in self.checks:
            if status in models.FINAL:
                seen[number].statuses.add(status)
                seen[number].times += of_results
        final_in_tests = {number for number, _, _, kind in self.tests or () if kind == "FINAL"}
        for number, status, time, kind in self.tests or ():
            if kind == "FINAL":
                seen[number].statuses.add(status)
                seen[number].times.append(time)
            elif number not in final_in_tests:
                seen[number].is_incomplete = True
        if self.tests == []:
            seen[-1].is_incomplete = True  # the test session itself
        pending = len(running) + self.unseen
        if _fails(self.gate, seen, pending):
            return ChecksFailed
        if not self.unseen and not self.requested <= {*seen, *running}:
            return ChecksNotRun
        if pending:
            return ChecksTimedOut if self.late else ChecklyUnreadable
        return None if seen else ChecklyUnreadable


def _fails(gate: Gate, seen: dict[int, Seen], pending: int) -> bool:
    warned = {n for n in seen if n >= 0 and gate.only_warns(ID(1000 + n), "", ())}
    failed = {n for n, each in seen.items() if each.statuses & gate.statuses or each.is_incomplete}
    limit = gate.max_response_time
    slow = {
        n
        for n, each in seen.items()
        if limit is not None and (not each.times or any(time is None or time > limit for time in each.times))
    }
    incomplete = {n for n, each in seen.items() if each.is_incomplete}
    if (slow | incomplete) - warned:
        return True
    total = len(seen) + pending - len(failed & warned)
    allowed: float | Fraction = gate.max_failed or 0
    if gate.min_passed_percent is not None:
        allowed = total * (1 - Fraction(gate.min_passed_percent) / 100)
    return len(failed - warned) > allowed


numbers = st.integers(0, 4)
times = st.none() | st.integers(0, 999)
check_rows = st.lists(
    st.tuples(numbers, st.sampled_from(["PASSED", *sorted(models.STATUSES)]), st.lists(times, max_size=2)),
    max_size=5,
)
test_rows = st.none() | st.lists(
    st.tuples(
        numbers,
        st.sampled_from(["PASSED", "PASSED", "FAILED", "CANCELLED"]),
        times,
        st.sampled_from(["FINAL", "FINAL", "ATTEMPT"]),
    ),
    max_size=4,
)
statuses = st.frozensets(st.sampled_from(sorted(CAN_FAIL)), min_size=1)
counts: Any = st.one_of(
    st.just({}),
    st.builds(lambda n: {"max_failed": n}, st.integers(0, 3)),
    st.builds(lambda n: {"min_passed_percent": n}, st.integers(0, 100)),
)
limits = st.none() | st.integers(1, 999)


gates: Any = st.builds(
    lambda fail_on, rule, limit, warned: Gate(
        fail_on, max_response_time=limit, warn_only=[ID(1000 + n) for n in warned], **rule
    ),
    statuses,
    counts,
    limits,
    st.frozensets(numbers),
)
cases: Any = st.builds(
    Case,
    gate=gates,
    checks=check_rows,
    tests=test_rows,
    unseen=st.integers(0, 1),
    late=st.booleans(),
    requested=st.frozensets(numbers, max_size=3),
)


@settings(max_examples=500)
@given(cases)
def test_a_second_opinion(case: Case) -> None:
    evaluation, error = case.evaluate(), case.error()
    assert type(evaluation.error) is (type(None) if error is None else error)
    assert all(rule.met for rule in evaluation.rules) is (error is None)
    assert (evaluation.outcome == "passed") is (error is None)
    if error in {ChecksFailed, ChecksNotRun}:
        assert evaluation.failing
    if error in {None, ChecklyUnreadable}:
        assert not evaluation.failing


# Properties

flags = st.dictionaries(
    st.sampled_from(["hasFailures", "hasErrors", "isDegraded", "isCancelled", "aborted"]), st.booleans()
)
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


def passes(gate: Gate, sessions: list[Any]) -> bool:
    return evaluate(gate, waited(*sessions)).error is None


@given(any_sessions, statuses, limits)
def test_a_failing_status_never_passes_a_strict_gate(
    sessions: list[Any], fail_on: frozenset[str], limit: Any
) -> None:
    """Neither that of a session nor that of a final result of a test session."""
    said = [
        found["status"]
        for session in sessions
        for found in models.final_results(session)
        if "status" in found
    ]
    if passes(Gate(fail_on, max_response_time=limit), sessions):
        assert fail_on.isdisjoint([*map(models.status, sessions), *said])
    strict = Gate(fail_on, min_passed_percent=100, max_response_time=limit)
    assert passes(strict, sessions) == passes(Gate(fail_on, max_response_time=limit), sessions)
    none = Gate(fail_on, max_failed=0, max_response_time=limit)
    assert passes(none, sessions) == passes(strict, sessions)


@example([suite("PASSED", result(0, "PASSED"), result(0, "?", resultType="ATTEMPT"))])
@given(any_sessions)
def test_incomplete_results_never_pass(sessions: list[Any]) -> None:
    """Attempts do not count; a gate that lets all checks fail still needs their final results."""
    results = [found for session in sessions for found in models.results(session) if "status" in found]
    final = [found for found in results if found["resultType"] in (None, "FINAL")]
    ended = {found["checkId"] for found in final}
    is_unknown = any(found["status"] == "?" for found in final)
    if is_unknown or any(found["checkId"] not in ended for found in results):
        assert not passes(Gate(min_passed_percent=0), sessions)


@given(any_sessions, st.integers(0, 100), limits, st.data())
def test_the_order_of_sessions_has_no_effect(
    sessions: list[Any], percent: int, limit: Any, data: Any
) -> None:
    gate = Gate(min_passed_percent=percent, max_response_time=limit, warn_only=["Check 1"])
    one = evaluate(gate, waited(*sessions))
    other = evaluate(gate, waited(*data.draw(st.permutations(sessions))))
    assert (one.rules, one.checks, one.message) == (other.rules, other.checks, other.message)


@given(any_sessions, st.integers(0, 100))
def test_a_milder_gate_never_fails_more(sessions: list[Any], percent: int) -> None:
    if passes(Gate(min_passed_percent=percent), sessions):
        assert passes(Gate(min_passed_percent=percent // 2), sessions)
