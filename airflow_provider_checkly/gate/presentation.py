"""An evaluation as a log table, as XCom `gate`, and in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api.text import http_url, one_line
from airflow_provider_checkly.gate.check_results import rank, result_statuses
from airflow_provider_checkly.gate.result_details import milliseconds, response_time, run_location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_checkly.api.http import Json, JsonObject
    from airflow_provider_checkly.gate.check_results import CheckOutcome, Severity
    from airflow_provider_checkly.gate.evaluation import Evaluation

XCOM_VERSION: Final = 1
MAX_XCOM_BYTES: Final = 60 * 1024
"""A little less than 64 KiB, for what escaping may add."""
EFFECTS: Final[dict[Severity, str]] = {
    "failing": "fails the gate",
    "warning": "only a warning",
    "tolerated": "tolerated",
    "passed": "passed",
}
"""The severities, worst first, in the words of the table."""
MAX_NAMED: Final = 10
MAX_ROWS: Final = 50
MAX_NAME: Final = 60
MAX_MESSAGE: Final = 2000
UNPRINTABLE: Final = "(unprintable name)"


def table(evaluation: Evaluation) -> list[str]:
    """Return the rules, and the checks that did not simply pass, as aligned lines."""
    rules = [
        (each.rule, each.required, each.actual, "yes" if each.met else "NO") for each in evaluation.rules
    ]
    lines = [f"Gate {'passed' if evaluation.error is None else 'not passed'}:"]
    lines += aligned([("RULE", "REQUIRED", "ACTUAL", "MET"), *rules])
    if rows := [_row(each) for each in evaluation.checks if each.severity != "passed"]:
        lines += aligned([("CHECK", "STATUS", "SLOWEST", "EFFECT", "WHY"), *rows[:MAX_ROWS]])
    if (more := len(rows) - MAX_ROWS) > 0:
        lines.append(f"  and {more} more")
    return lines


def to_json(
    evaluation: Evaluation, details: Mapping[tuple[str, str], Sequence[str]], *, skipped: bool = False
) -> JsonObject:
    """Return XCom `gate`: plain JSON below 64 KiB; if it were larger, passed checks are omitted first.

    :param details: what is known about failures, by the key of the check.
    :param skipped: whether the task skips because of the error.
    """
    checks = [_check_json(each, details.get(each.key, ())) for each in evaluation.checks]
    rules: list[Json] = [
        {"rule": each.rule, "required": each.required, "actual": each.actual, "met": each.met}
        for each in evaluation.rules
    ]
    gate: JsonObject = {
        "version": XCOM_VERSION,
        "outcome": "skipped" if skipped else evaluation.outcome,
        "passed": evaluation.error is None,
        "message": one_line(evaluation.message, MAX_MESSAGE),
        "rules": rules,
        "checks": [],
        "omitted": len(checks),
    }
    kept = list(_fitting(checks, MAX_XCOM_BYTES - len(json.dumps(gate))))
    return gate | {"checks": [*kept], "omitted": len(checks) - len(kept) + evaluation.left_out}


def passed_message(checks: Sequence[CheckOutcome]) -> str:
    """Return a sentence about a gate that passed."""
    others = [each for each in checks if each.severity != "passed"]
    count, passed = len(checks), len(checks) - len(others)
    if others:
        were = f"{passed} of {amount(count, 'check')} passed" if passed else "No check passed"
        return f"{were}; the gate tolerates the others: {some(map(named, others))}."
    degraded = sum(each.status == "DEGRADED" for each in checks)
    if count == 1:
        return f"{_fit(checks[0].name)} passed{' (DEGRADED)' if degraded else ''}."
    return f"All {count} checks passed{f' ({degraded} DEGRADED)' if degraded else ''}."


def named(check: CheckOutcome) -> str:
    """Return a check with what is wrong with it."""
    status = f" {check.status}" if check.failed or not check.reasons else ""
    return f"{_fit(check.name)}{status}{': ' if check.reasons else ''}{', '.join(check.reasons)}"


def _fit(name: str) -> str:
    return one_line(name, MAX_NAME) or UNPRINTABLE


def _row(check: CheckOutcome) -> tuple[str, ...]:
    slowest = "-" if check.slowest is None else milliseconds(check.slowest)
    return _fit(check.name), check.status, slowest, EFFECTS[check.severity], "; ".join(check.reasons)


def _check_json(check: CheckOutcome, details: Sequence[str]) -> JsonObject:
    return {
        "check_id": one_line(check.check_id) or None,
        "name": one_line(check.name) or UNPRINTABLE,
        "type": one_line(check.check_type) or None,
        "status": check.status,
        "severity": check.severity,
        "reasons": [*check.reasons, *details],
        "response_time_ms": check.slowest,
        "session_id": check.session_ids[0] if check.session_ids else None,
        "link": http_url(check.link) or None,
        "locations": [_location_json(result) for result in check.results if result],
    }


def _location_json(result: JsonObject) -> JsonObject:
    said = result.get("status")
    statuses = result_statuses(result, said if isinstance(said, str) else "PASSED")
    link = result.get("checkResultLink") or result.get("testSessionResultLink")
    return {
        "location": run_location(result),
        "status": one_line(min(statuses, key=rank)),
        "response_time_ms": response_time(result),
        "link": http_url(link) or None,
    }


def _fitting(checks: Iterable[JsonObject], size: int) -> Iterator[JsonObject]:
    """Yield checks as long as their JSON fits; one that is too large loses its locations and reasons."""
    for each in checks:
        for check in (each, each | {"locations": [], "reasons": []}):
            if (length := len(json.dumps(check)) + 2) <= size:
                size -= length
                yield check
                break
        else:
            return


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(map(str.ljust, row, widths)).rstrip()


def amount(number: int, noun: str) -> str:
    """Return a number with its noun, e.g. "1 check" or "2 checks"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def some(texts: Iterable[str]) -> str:
    """Return up to ten texts, joined."""
    lines = list(texts)
    more = len(lines) - MAX_NAMED
    return "; ".join(lines[:MAX_NAMED]) + (f"; and {more} more" if more > 0 else "")
