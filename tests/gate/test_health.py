from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_checkly.exceptions import ChecksTimedOut
from airflow_provider_checkly.gate.health import (
    AccountStatuses,
    HealthResult,
    Requirement,
    assess,
    evaluate_health,
    status_word,
    unhealthy_checks,
)

A, B, C = (f"a000000{n}-0000-4000-8000-000000000000" for n in range(3))
GOOD = frozenset({"passing", "degraded"})


def status(check_id: str = A, **changes: Any) -> Any:
    return {
        "name": "Shop",
        "checkId": check_id,
        "hasFailures": False,
        "hasErrors": False,
        "isDegraded": False,
        "lastRunLocation": "eu-west-1",
        "lastCheckRunId": "run",
        "updated_at": "2026-11-25T10:00:00.000Z",
        **changes,
    }


def assessed(statuses: list[Any], checks: Any, requirement: Requirement | None = None) -> HealthResult:
    return assess(checks, AccountStatuses.of(statuses), requirement or Requirement(GOOD))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "passing"),
        ({"isDegraded": True}, "degraded"),
        ({"isDegraded": None}, "passing"),
        ({"hasFailures": True}, "failing"),
        ({"hasErrors": True}, "failing"),
        ({"hasFailures": True, "isDegraded": True}, "failing"),
        ({"lastCheckRunId": None}, "unknown"),
        ({"lastCheckRunId": ""}, "unknown"),
        ({"hasFailures": None}, "unknown"),
        ({"hasErrors": "false"}, "unknown"),
        ({"hasFailures": 0}, "unknown"),
        ({"isDegraded": "no"}, "unknown"),
    ],
)
def test_a_status_is_passing_only_without_a_doubt(changes: dict[str, Any], word: str) -> None:
    assert status_word(status(**changes)) == word


def test_a_status_without_any_field_is_unknown() -> None:
    assert status_word({}) == "unknown"


@pytest.mark.parametrize(
    ("found", "check", "reason"),
    [
        (status(), {}, ""),
        (status(), {"activated": True}, ""),
        (status(isDegraded=True), {}, ""),
        (status(hasFailures=True), {}, "is failing, last in eu-west-1"),
        (status(hasFailures=True, lastRunLocation=None), {}, "is failing"),
        (status(lastCheckRunId=None), {}, "has not run yet"),
        (status(hasErrors=None), {}, "has a status that cannot be read"),
        (status(), {"activated": False}, "is deactivated, so its status is old"),
        (status(), {"activated": None}, "is deactivated, so its status is old"),
        (status(), {"activated": "false"}, "is deactivated, so its status is old"),
        (status(), None, "does not exist in this account"),
        (status(B), {}, "has no status: it has not run yet, or does not exist in this account"),
        (status(checkId=None), {}, "has no status: it has not run yet, or does not exist in this account"),
    ],
)
def test_reasons(found: Any, check: Any, reason: str) -> None:
    result = assessed([found], {A: check})
    assert [each.reason for each in result.checks] == [reason]
    assert (result.count, result.unhealthy, result.is_met) == (1, bool(reason), not reason)


def test_no_checks_are_not_healthy() -> None:
    assert not assessed([status()], {}).is_met


def test_ids_in_upper_case_are_the_same() -> None:
    assert assessed([status(A.upper())], {A: {}}).is_met


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("changes", "word"),
    [({"hasFailures": True}, "failing"), ({"lastCheckRunId": None}, "unknown"), ({}, "passing")],
)
def test_of_two_entries_about_a_check_the_worse_one_counts(
    changes: dict[str, Any], word: str, order: int
) -> None:
    found = [status(), status(A.upper(), **changes)][::order]
    assert AccountStatuses.of(found).words == {A: word}


@pytest.mark.parametrize(
    ("updated_at", "is_fresh"),
    [
        ("2026-11-25T10:00:00.000Z", False),
        ("2026-11-25T10:00:01.000Z", True),
        ("2026-11-25T11:00:02+01:00", True),
        ("2026-11-25T10:00:02", True),
        (None, False),
        ("soon", False),
        (1_800_000_000, False),
    ],
)
def test_fresh_counts_what_was_updated_since(updated_at: object, is_fresh: bool) -> None:  # noqa: FBT001
    result = assessed([status(updated_at=updated_at)], {A: {}}, Requirement(GOOD, 1_795_600_801.0))
    assert result.is_met is is_fresh
    assert [each.reason for each in result.checks] == ["" if is_fresh else "has not run since the task began"]


def test_only_the_given_words_are_healthy() -> None:
    result = assessed([status(isDegraded=True)], {A: {}}, Requirement(frozenset({"passing"})))
    assert result.checks[0].reason == "is degraded, last in eu-west-1"


def test_unhealthy_checks_come_first_and_are_never_left_out_for_healthy_ones() -> None:
    many = {f"{n:08d}-0000-4000-8000-000000000000": {} for n in range(2000)}
    last = list(many)[-1]
    found = [status(check_id, hasFailures=check_id == last) for check_id in many]
    result = assessed(found, many)
    assert (result.count, result.unhealthy, len(result.checks)) == (2000, 1, 21)
    assert result.checks[0].check_id == last


def test_the_gate_names_what_is_not_healthy() -> None:
    result = assessed([status(), status(B, name="Cart", hasFailures=True)], {A: {}, B: {}, C: None})
    evaluation = evaluate_health(result, Requirement(GOOD), 0, lambda check_id: f"https://x/{check_id}")
    assert evaluation.outcome == "timed_out"
    assert isinstance(evaluation.error, ChecksTimedOut)
    assert "2 of 3 checks not healthy at the deadline" in evaluation.message
    assert "Cart is failing, last in eu-west-1" in evaluation.message
    assert f"{C} does not exist in this account" in evaluation.message
    assert [(rule.rule, rule.required, rule.actual, rule.met) for rule in evaluation.rules] == [
        ("health", "every check passing or degraded", "1 of 3 checks", False)
    ]
    assert [(each.name, each.status, each.severity) for each in evaluation.checks] == [
        ("Cart", "failing", "failing"),
        (C, "unknown", "failing"),
        ("Shop", "passing", "passed"),
    ]
    assert evaluation.checks[0].link == f"https://x/{B}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([{}], "Shop is healthy."),
        ([{"isDegraded": True}], "Shop is healthy (1 degraded)."),
        ([{}, {"isDegraded": True}], "All 2 checks are healthy (1 degraded)."),
    ],
)
def test_messages_of_healthy_checks(words: list[dict[str, Any]], message: str) -> None:
    ids = [A, B][: len(words)]
    found = [status(check_id, **changes) for check_id, changes in zip(ids, words, strict=True)]
    result = assessed(found, {check_id: {} for check_id in ids})
    evaluation = evaluate_health(result, Requirement(GOOD), 0, str)
    assert (evaluation.outcome, evaluation.message) == ("passed", message)


def test_healthy_but_not_for_long_enough() -> None:
    result = HealthResult(assessed([status()], {A: {}}).checks, 1, 0, missing_seconds=40)
    evaluation = evaluate_health(result, Requirement(GOOD), 60, str)
    assert not result.is_met
    assert "40 s more were needed" in evaluation.message
    assert [(rule.rule, rule.actual, rule.met) for rule in evaluation.rules] == [
        ("health", "1 of 1 check", True),
        ("duration", "20 s", False),
    ]


def test_names_from_outside_are_cleaned_for_logs() -> None:
    result = assessed([status(name="a\x1b[31mb\nc", hasFailures=True)], {A: {}})
    assert unhealthy_checks(result) == "ab c is failing, last in eu-west-1"
