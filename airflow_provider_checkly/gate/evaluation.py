"""`evaluate`: the only place that decides whether a gate passes."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_checkly.api import models
from airflow_provider_checkly.exceptions import (
    ChecklyError,
    ChecklyUnreadable,
    ChecksFailed,
    ChecksNotRun,
    ChecksTimedOut,
)
from airflow_provider_checkly.gate.check_results import CheckOutcome, Severity, collect, rank
from airflow_provider_checkly.gate.presentation import amount, named, passed_message, some
from airflow_provider_checkly.gate.result_details import milliseconds, response_time, run_location

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.polling import WaitResult
    from airflow_provider_checkly.gate.rules import Gate

SEVERITIES: Final[tuple[Severity, ...]] = ("failing", "warning", "tolerated", "passed")
"""Worst first."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the gate: what is required, what was found, and whether it is met."""

    rule: str
    required: str
    actual: str
    met: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The decision about a gate.

    :param checks: worst first; those that have not ended and those that did not run are among them.
    :param error: why the gate did not pass; None if it passed.
    :param excluded: ids of the requested checks that did not run because of the tags.
    :param left_out: how many checks `checks` omits.
    :param passed_text: the message of a gate that passed.
    """

    rules: tuple[Rule, ...] = ()
    checks: tuple[CheckOutcome, ...] = ()
    error: ChecklyError | None = None
    excluded: tuple[str, ...] = ()
    passed_text: str = ""
    left_out: int = 0

    @property
    def outcome(self) -> Literal["passed", "failed", "timed_out", "error"]:
        """How the wait ended for the gate."""
        if self.error is None:
            return "passed"
        if isinstance(self.error, ChecksFailed):
            return "failed"
        return "timed_out" if isinstance(self.error, ChecksTimedOut) else "error"

    @property
    def failing(self) -> list[CheckOutcome]:
        """The checks that fail the gate."""
        return [each for each in self.checks if each.severity == "failing"]

    @property
    def message(self) -> str:
        """The outcome in one or two sentences."""
        return self.passed_text if self.error is None else str(self.error)


def evaluate(
    gate: Gate,
    result: WaitResult,
    *,
    requested: Sequence[str] = (),
    filtered: bool = False,
    tags: Mapping[str, Collection[str]] | None = None,
) -> Evaluation:
    """Decide whether a gate passes.

    :param requested: ids of the checks that must have run.
    :param filtered: whether tags may have excluded some of them.
    :param tags: the tags of checks, by check id, as far as they are known.
    """
    final = result.final
    running = [each for each in result.sessions or () if not models.is_final(each)]
    pending = len(result.ids) - len(final)
    seen = [_look(gate, each, tags or {}) for each in collect(final)]
    status = _status_rule(gate, seen, pending)
    ended = [replace(each, severity=_severity(gate, each, tags or {}, status)) for each in seen]
    unfinished = [_unfinished(each, late=result.late) for each in collect(running)]
    ran = {each.check_id for each in (*ended, *unfinished)}
    missing = [] if _may_show_more(result) else [check_id for check_id in requested if check_id not in ran]
    rules = [status, *_time_rule(gate, ended), *_requested_rule(requested, ran, missing, filtered=filtered)]
    if pending:
        rules.append(Rule("end", amount(len(result.ids), "session"), f"{len(final)} ended", met=False))
    not_run, excluded = ([], missing) if filtered else (missing, [])
    checks = sorted([*map(_never_ran, not_run), *ended, *unfinished], key=_order)
    error = result.error or _error(result, rules, ended, not_run)
    shown = () if result.error else tuple(rules)
    return Evaluation(shown, tuple(checks), error, tuple(excluded), passed_message(checks))


def _order(check: CheckOutcome) -> int:
    return SEVERITIES.index(check.severity)


def _error(
    result: WaitResult, rules: Sequence[Rule], ended: Sequence[CheckOutcome], missing: Sequence[str]
) -> ChecklyError | None:
    """Return why the gate did not pass; a failing check first, since it explains most."""
    if failing := [each for each in ended if each.severity == "failing"]:
        ids = {session_id for each in failing for session_id in each.session_ids}
        sessions = [each for each in result.final if models.session_id(each) in ids]
        count = len(ended) + len(result.ids) - len(result.final)
        text = _failure_text(rules, failing, count)
        return ChecksFailed(f"{text}{_not_run_text(missing)}", sessions)
    if missing:
        return ChecksNotRun.of(missing, result.sessions or ())
    if result.late and result.unfinished:
        return _time_out(result)
    if all(rule.met for rule in rules):
        return None
    return ChecklyUnreadable(
        f"The wait is over, but {len(result.final)} of {amount(len(result.ids), 'session')} ended, so the "
        f"gate cannot pass. Run the task again."
    )


def _failure_text(rules: Sequence[Rule], failing: Sequence[CheckOutcome], count: int) -> str:
    counts = [rule for rule in rules if not rule.met and rule.rule == "checks"]
    required = "".join(f" Required: {rule.required}; actual: {rule.actual}." for rule in counts)
    names = some(sorted(map(named, failing)))
    return f"{len(failing)} of {amount(count, 'check')} did not pass: {names}.{required}"


def _not_run_text(missing: Sequence[str]) -> str:
    if not missing:
        return ""
    return f" {amount(len(missing), 'requested check')} did not run: {some(missing)}."


def _time_out(result: WaitResult) -> ChecksTimedOut:
    seen = {models.session_id(session): session for session in result.sessions or ()}
    lines = [_progress(session_id, seen.get(session_id)) for session_id in result.unfinished]
    return ChecksTimedOut(
        f"{len(lines)} of {amount(len(result.ids), 'session')} had not ended at the deadline (timeout or "
        f"execution_timeout): {some(lines)}. They may still be running at Checkly. Set a longer timeout if "
        f"they need more time.",
        result.unfinished,
    )


def _progress(session_id: str, session: JsonObject | None) -> str:
    return f"{models.label(session)} {session['status']} ({session_id})" if session else session_id


# Checks


def _look(gate: Gate, check: CheckOutcome, tags: Mapping[str, Collection[str]]) -> CheckOutcome:
    statuses = gate.statuses
    status = check.worst(statuses)
    looked = replace(check, status=status, failed=status in statuses)
    looked = replace(looked, slow=_too_slow(looked, gate.max_response_time))
    return replace(looked, severity="warning" if _only_warns(gate, looked, tags) else "failing")


def _only_warns(gate: Gate, check: CheckOutcome, tags: Mapping[str, Collection[str]]) -> bool:
    is_check = check.key[0] != "session"
    return is_check and gate.only_warns(check.check_id, check.name, tags.get(check.check_id, ()))


def _severity(gate: Gate, check: CheckOutcome, tags: Mapping[str, Collection[str]], status: Rule) -> Severity:
    """Return the effect of a check on the gate; slow responses and missing data are never tolerated."""
    if not (check.failed or check.reasons):
        return "passed" if check.status in models.GOOD else "tolerated"
    if _only_warns(gate, check, tags):
        return "warning"
    return "tolerated" if status.met and not check.reasons else "failing"


def _unfinished(check: CheckOutcome, *, late: bool) -> CheckOutcome:
    """Return a check of a running session, which fails the gate only at the deadline."""
    subject = "its session was " if check.results else ""
    reason = f"{subject}still running{' at the deadline' if late else ''}"
    severity: Severity = "failing" if late else "warning"
    return replace(check, status=check.worst(), missing=(reason,), severity=severity)


def _never_ran(check_id: str) -> CheckOutcome:
    reason = "not run: deleted, deactivated, or in another account"
    return CheckOutcome(
        ("check", check_id),
        check_id,
        frozenset({"NOT_RUN"}),
        (),
        missing=(reason,),
        status="NOT_RUN",
        severity="failing",
    )


def _may_show_more(result: WaitResult) -> bool:
    """Return whether a session may hold further checks: one not read yet, or a running test session."""
    seen = result.sessions or ()
    return len(seen) < len(result.ids) or any(
        models.kind_of(session) is models.TEST_SESSION and not models.is_final(session) for session in seen
    )


# Rules


def _too_slow(check: CheckOutcome, limit: float | None) -> tuple[str, ...]:
    """Return what exceeds the limit, or keeps it from being evaluated."""
    if limit is None:
        return ()
    if not check.results:
        return ("no response time, since there is no final result",)
    timed = [(run_location(result), response_time(result)) for result in check.results]
    above = f"is above {milliseconds(limit)}"
    missing = [f"no response time in {where}" for where, time in timed if time is None]
    slow = [f"{milliseconds(time)} in {where} {above}" for where, time in timed if time and time > limit]
    return tuple(sorted(slow + missing))


def _status_rule(gate: Gate, seen: Sequence[CheckOutcome], pending: int) -> Rule:
    bad = [each for each in seen if each.failed or each.missing]
    failed = [each for each in bad if each.severity != "warning"]
    missing = any(each.missing for each in failed)
    left_out = len(bad) - len(failed)
    counted = len(seen) + pending - left_out
    met = bool(seen) and not missing and gate.allows(len(failed), counted)
    actual = _status_actual(gate, failed, counted) if counted or left_out else "no check has ended"
    warned = f"; {left_out} more as a warning only" if left_out else ""
    return Rule("checks" if gate.tolerant else "status", _status_required(gate), actual + warned, met)


def _status_required(gate: Gate) -> str:
    statuses = sorted(gate.statuses, key=rank)
    *most, last = statuses or ["of any status"]
    words = f"{', '.join(most)} or {last}" if most else last
    if gate.min_passed_percent is not None:
        return f"at least {gate.min_passed_percent:g} % of checks not {words}"
    if gate.max_failed is not None:
        return f"at most {amount(gate.max_failed, 'check')} {words}"
    return f"no check {words}" if statuses else f"checks {words}"


def _status_actual(gate: Gate, failed: Sequence[CheckOutcome], counted: int) -> str:
    words = Counter(each.status if each.failed else "without a final status" for each in failed)
    counts = ", ".join(f"{words[word]} {word}" for word in sorted(words, key=rank))
    if gate.min_passed_percent is not None and counted:
        percent = math.floor((counted - len(failed)) * 10_000 / counted) / 100
        return f"{percent:g} % of {amount(counted, 'check')}{f' ({counts})' if counts else ''}"
    which = f" ({counts})" if len(words) > 1 else "".join(f" {word}" for word in words)
    return f"{len(failed) or 'none'} of {amount(counted, 'check')}{which}"


def _time_rule(gate: Gate, seen: Sequence[CheckOutcome]) -> list[Rule]:
    if gate.max_response_time is None:
        return []
    counted = [each for each in seen if not (each.slow and each.severity == "warning")]
    times = [time for each in counted for time in each.times]
    known, warned = [time for time in times if time is not None], len(seen) - len(counted)
    actual = [
        f"slowest {milliseconds(max(known))}" if known else "no response time",
        f"{len(times) - len(known)} missing" if known and len(known) < len(times) else "",
        f"{warned} more as a warning only" if warned else "",
    ]
    required = f"at most {milliseconds(gate.max_response_time)} in each location"
    met = bool(seen) and not any(each.slow for each in counted)
    return [Rule("response time", required, "; ".join(filter(None, actual)), met)]


def _requested_rule(
    requested: Sequence[str], ran: Collection[str], not_run: Sequence[str], *, filtered: bool
) -> list[Rule]:
    if not requested:
        return []
    count, known = len(requested), sum(check_id in ran for check_id in requested)
    actual = [
        f"{known} ran",
        f"{'no match for the tags, or inactive' if filtered else 'not run'}: {some(not_run)}"
        if not_run
        else "",
        f"{unknown} not known yet" if (unknown := count - known - len(not_run)) else "",
    ]
    met = filtered or known == count
    return [Rule("requested", amount(count, "requested check"), "; ".join(filter(None, actual)), met)]
