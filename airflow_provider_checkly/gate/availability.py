"""Analytics of checks -> whether they were available and quick enough in a period. Pure, like `gate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeGuard

from airflow_provider_checkly.api.models import MAX_MILLISECONDS
from airflow_provider_checkly.api.text import one_line
from airflow_provider_checkly.exceptions import ChecksFailed, InvalidInput
from airflow_provider_checkly.gate.check_results import CheckOutcome
from airflow_provider_checkly.gate.evaluation import Evaluation, Rule
from airflow_provider_checkly.gate.presentation import amount, named, some
from airflow_provider_checkly.gate.result_details import milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_checkly.api.http import JsonObject

ALL_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class AvailabilityRules:
    """What each check must have kept to.

    :param min_availability: per cent.
    :param max_p95: limit in milliseconds for the 95th percentile of response times.
    :param period: in Checkly's words.
    """

    min_availability: float | None
    max_p95: float | None
    period: str

    def __post_init__(self) -> None:
        """Refuse rules that cannot work.

        :raises InvalidInput: a number is out of range, or there is no rule.
        """
        low, limit = self.min_availability, self.max_p95
        if low is None and limit is None:
            raise InvalidInput("min_availability or max_p95_response_time is needed.")
        if low is not None and not (_is_number(low) and 0 < low <= ALL_PERCENT):
            raise InvalidInput(
                f"min_availability must be a number above 0, up to 100 (per cent), not {low!r}."
            )
        if limit is not None and not (_is_number(limit) and limit > 0):
            raise InvalidInput(f"max_p95_response_time must be milliseconds above 0, not {limit!r}.")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value < MAX_MILLISECONDS


def evaluate_availability(
    rules: AvailabilityRules,
    checks: Mapping[str, JsonObject | None],
    analytics: Sequence[JsonObject],
    page: Callable[[str], str],
) -> Evaluation:
    """Decide whether checks kept to the rules; without data, none did.

    :param checks: by id: the check as it is configured, None if it does not exist.
    :param analytics: as Checkly returned them.
    :param page: returns the address of a check.
    """
    by_id = _by_id(analytics)
    outcomes = [
        _outcome(rules, check_id, check, by_id.get(check_id, {}), page(check_id))
        for check_id, check in checks.items()
    ]
    outcomes.sort(key=lambda each: each.severity != "failing")
    failing = [each for each in outcomes if each.severity == "failing"]
    lines = [*_availability_rule(rules, by_id, checks), *_time_rule(rules, by_id, checks)]
    count = len(outcomes)
    error = (
        ChecksFailed(
            f"{len(failing)} of {amount(count, 'check')} did not meet the rules ({rules.period}): "
            f"{some(map(named, failing))}."
        )
        if failing or not outcomes
        else None
    )
    text = (
        f"{'The check' if count == 1 else f'All {count} checks'} met the rules ({rules.period}): "
        + "; ".join(f"{each.rule} {each.actual}" for each in lines)
    )
    return Evaluation(tuple(lines), tuple(outcomes), error, passed_text=f"{text}.")


def _by_id(analytics: Sequence[JsonObject]) -> dict[str, JsonObject]:
    """Return the analytics of each check, {} where two entries contradict each other."""
    found: dict[str, JsonObject] = {}
    for each in analytics:
        check_id = str(each.get("checkId")).lower()
        found[check_id] = each if found.get(check_id, each) == each else {}
    return found


def _outcome(
    rules: AvailabilityRules, check_id: str, check: JsonObject | None, found: JsonObject, link: str
) -> CheckOutcome:
    reasons = tuple(_reasons(rules, check, found))
    name = (check or {}).get("name")
    return CheckOutcome(
        ("check", check_id),
        name if isinstance(name, str) else check_id,
        frozenset(),
        (),
        missing=reasons,
        check_type=one_line(found.get("checkType")),
        link=link,
        status="below the rules" if reasons else "within the rules",
        severity="failing" if reasons else "passed",
    )


def _reasons(rules: AvailabilityRules, check: JsonObject | None, found: JsonObject) -> list[str]:
    if check is None:
        return ["does not exist in this account"]
    if check.get("activated") is False:
        return ["is deactivated, so its data is old"]
    reasons = []
    available, p95 = _availability(found), _p95(found)
    if rules.min_availability is not None:
        if available is None:
            reasons.append("no availability is known")
        elif available < rules.min_availability:
            reasons.append(f"availability {_percent(available)} is below {_percent(rules.min_availability)}")
    if rules.max_p95 is not None:
        if p95 is None:
            reasons.append("no response time is known")
        elif p95 > rules.max_p95:
            reasons.append(f"p95 {milliseconds(p95)} is above {milliseconds(rules.max_p95)}")
    return reasons


def _availability(found: JsonObject) -> float | None:
    """Return per cent, None for what cannot be."""
    value = found.get("availability")
    return value if _is_number(value) and 0 <= value <= ALL_PERCENT else None


def _p95(found: JsonObject) -> float | None:
    value = found.get("responseTime_p95")
    return value if _is_number(value) and value >= 0 else None


def _percent(value: float) -> str:
    return f"{value:.10g} %"


def _availability_rule(
    rules: AvailabilityRules, by_id: Mapping[str, JsonObject], checks: Mapping[str, object]
) -> list[Rule]:
    low = rules.min_availability
    if low is None:
        return []
    values = [_availability(by_id.get(check_id, {})) for check_id in checks]
    known = [value for value in values if value is not None]
    met = bool(values) and len(known) == len(values) and min(known) >= low
    actual = f"lowest {_percent(min(known))}" if known else "no data"
    return [Rule("availability", f"at least {_percent(low)} of each check", actual + _missing(values), met)]


def _time_rule(
    rules: AvailabilityRules, by_id: Mapping[str, JsonObject], checks: Mapping[str, object]
) -> list[Rule]:
    limit = rules.max_p95
    if limit is None:
        return []
    values = [_p95(by_id.get(check_id, {})) for check_id in checks]
    known = [value for value in values if value is not None]
    met = bool(values) and len(known) == len(values) and max(known) <= limit
    actual = f"slowest {milliseconds(max(known))}" if known else "no data"
    return [Rule("p95 response time", f"at most {milliseconds(limit)}", actual + _missing(values), met)]


def _missing(values: Sequence[float | None]) -> str:
    count = values.count(None)
    return f"; {count} without data" if count and count < len(values) else ""
