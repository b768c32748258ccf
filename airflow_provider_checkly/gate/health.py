"""Statuses of checks -> how healthy each check is. Pure, like all of `gate`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from airflow_provider_checkly.api import models, status_endpoints
from airflow_provider_checkly.api.endpoints import Endpoint, clock_lead
from airflow_provider_checkly.api.text import one_line
from airflow_provider_checkly.exceptions import ChecklyError, ChecksTimedOut
from airflow_provider_checkly.gate.check_results import CheckOutcome
from airflow_provider_checkly.gate.evaluation import Evaluation, Rule
from airflow_provider_checkly.gate.presentation import MAX_NAME, some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_checkly.api.http import Json, JsonObject

HealthWord: TypeAlias = Literal["passing", "degraded", "failing"]
"""Checkly's words; `unknown` is ours, for a check whose status is unclear."""
HEALTH_WORDS: Final[tuple[HealthWord, ...]] = ("passing", "degraded", "failing")
UNKNOWN: Final = "unknown"
BEST_FIRST: Final = ("passing", "degraded", UNKNOWN, "failing")
MAX_ROWS: Final = 500
"""Checks that a result describes, the unhealthy ones first; an event and XCom hold fewer."""
MAX_GOOD_ROWS: Final = 20
"""Healthy ones among them, while others are not: polls are frequent."""


@dataclass(frozen=True, slots=True)
class CheckHealth:
    """One check as of its last run.

    :param status: `passing`, `degraded`, `failing` or `unknown`.
    :param reason: why the check is not healthy, "" if it is.
    :param location: of the last run.
    :param result_id: what Checkly calls `lastCheckRunId`.
    :param updated_at: when Checkly last changed the status, as it says it.
    """

    check_id: str
    name: str
    status: str
    reason: str = ""
    location: str = ""
    result_id: str = ""
    updated_at: str = ""

    def to_json(self) -> JsonObject:
        """Return it as plain JSON, for XCom and events."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class HealthResult:
    """What a wait for healthy checks found.

    :param checks: those that are not healthy first; if there are many, some are omitted.
    :param count: how many checks were examined.
    :param unhealthy: how many of them are not healthy.
    :param missing_seconds: for how much longer all of them must stay healthy.
    :param late: whether our deadline ended the wait.
    :param error: the error that ended the wait.
    """

    checks: tuple[CheckHealth, ...] = ()
    count: int = 0
    unhealthy: int = 0
    missing_seconds: float = 0
    late: bool = False
    error: ChecklyError | None = None

    @property
    def is_met(self) -> bool:
        """Whether all checks are healthy, for long enough."""
        return bool(self.count) and not (self.unhealthy or self.missing_seconds or self.error)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What counts as healthy.

    :param healthy: the statuses that count as healthy.
    :param since: only runs after this time of Checkly's clock count, in Unix seconds; None: all.
    """

    healthy: frozenset[str]
    since: float | None = None

    @property
    def text(self) -> str:
        """The requirement in words."""
        words = " or ".join(word for word in HEALTH_WORDS if word in self.healthy)
        return f"every check {words}{'' if self.since is None else ', by a run since the task began'}"


def status_word(status: Mapping[str, Json]) -> str:
    """Return `passing`, `degraded`, `failing`, or `unknown` if the status is unclear."""
    if status.get("hasFailures") is True or status.get("hasErrors") is True:
        return "failing"
    if status.get("hasFailures") is not False or status.get("hasErrors") is not False:
        return UNKNOWN
    if not status.get("lastCheckRunId"):
        return UNKNOWN
    is_degraded = status.get("isDegraded", False)
    return "degraded" if is_degraded is True else "passing" if is_degraded in (False, None) else UNKNOWN


@dataclass(frozen=True, slots=True)
class AccountStatuses:
    """The statuses of all checks of an account, prepared once for all waits; ids are in lower case.

    :param by_id: as Checkly returned them.
    :param words: the status word of each check.
    :param not_passing: those of `words` that are not `passing`.
    :param ids_by_word: the other way round.
    :param updated_at: Unix seconds.
    :param clock_lead: seconds by which Checkly's clock is ahead of this machine's.
    """

    by_id: Mapping[str, JsonObject]
    words: Mapping[str, str]
    not_passing: Mapping[str, str]
    ids_by_word: Mapping[str, frozenset[str]]
    updated_at: Mapping[str, float]
    clock_lead: float = 0

    @classmethod
    def of(cls, statuses: Iterable[JsonObject], clock_lead: float = 0) -> AccountStatuses:
        """Return them from Checkly's list; an entry without an id says nothing of any check.

        Of two entries about the same check, the worse one counts.
        """
        named = [(each.get("checkId"), each) for each in statuses]
        known = [(check_id.lower(), each) for check_id, each in named if isinstance(check_id, str)]
        by_id = dict(known)
        if len(by_id) < len(known):
            by_id = dict(sorted(known, key=lambda entry: BEST_FIRST.index(status_word(entry[1]))))
        words = {check_id: status_word(each) for check_id, each in by_id.items()}
        not_passing = {check_id: word for check_id, word in words.items() if word != "passing"}
        ids: dict[str, frozenset[str]] = {
            word: frozenset(check_id for check_id in words if words[check_id] == word)
            for word in HEALTH_WORDS
        }
        times = {check_id: models.moment(each.get("updated_at")) for check_id, each in by_id.items()}
        updated_at = {check_id: time for check_id, time in times.items() if time is not None}
        return cls(by_id, words, not_passing, ids, updated_at, clock_lead)

    def updated_since(self, moment: float) -> frozenset[str]:
        """Return the checks that Checkly updated since then."""
        return frozenset(check_id for check_id, time in self.updated_at.items() if time >= moment)


def get_account_statuses() -> Endpoint[AccountStatuses]:
    """`GET /v1/check-statuses`: one request for all checks."""
    endpoint = status_endpoints.get_check_statuses()
    return Endpoint(
        endpoint.request, lambda answer: AccountStatuses.of(endpoint.read(answer), clock_lead(answer))
    )


def assess(
    checks: Mapping[str, JsonObject | None], statuses: AccountStatuses, requirement: Requirement
) -> HealthResult:
    """Return how healthy checks are; without data, none is.

    :param checks: by id: the check as it is configured, {} if that is not known, None if it does not exist.
    """
    healthy = frozenset[str]().union(*(statuses.ids_by_word[word] for word in requirement.healthy))
    fresh = healthy if requirement.since is None else statuses.updated_since(requirement.since)
    bad = [
        check_id
        for check_id, check in checks.items()
        if check_id not in healthy or check_id not in fresh or _is_off(check)
    ]
    shown = dict.fromkeys([*bad[:MAX_ROWS], *islice(checks, MAX_ROWS if not bad else MAX_GOOD_ROWS)])
    rows = [
        _health(check_id, checks[check_id], statuses.by_id.get(check_id), requirement)
        for check_id in islice(shown, MAX_ROWS)
    ]
    rows.sort(key=lambda each: not each.reason)
    return HealthResult(tuple(rows), len(checks), len(bad))


def _is_off(check: JsonObject | None) -> bool:
    return check is None or check.get("activated", True) is not True


def _health(
    check_id: str, check: JsonObject | None, status: JsonObject | None, requirement: Requirement
) -> CheckHealth:
    known = status or {}
    name = known.get("name") or (check or {}).get("name")
    word = status_word(known)
    return CheckHealth(
        check_id,
        name if isinstance(name, str) else check_id,
        word,
        _reason(check, status, word, requirement),
        one_line(known.get("lastRunLocation")),
        one_line(known.get("lastCheckRunId")),
        one_line(known.get("updated_at")),
    )


def _reason(check: JsonObject | None, status: JsonObject | None, word: str, requirement: Requirement) -> str:
    if check is None:
        return "does not exist in this account"
    if _is_off(check):
        return "is deactivated, so its status is old"
    if status is None:
        return "has no status: it has not run yet, or does not exist in this account"
    if word == UNKNOWN:
        never_ran = not status.get("lastCheckRunId")
        return "has not run yet" if never_ran else "has a status that cannot be read"
    if word not in requirement.healthy:
        where = one_line(status.get("lastRunLocation"))
        return f"is {word}{f', last in {where}' if where else ''}"
    since, updated_at = requirement.since, models.moment(status.get("updated_at"))
    is_fresh = since is None or (updated_at is not None and updated_at >= since)
    return "" if is_fresh else "has not run since the task began"


def evaluate_health(
    result: HealthResult, requirement: Requirement, for_seconds: float, page: Callable[[str], str]
) -> Evaluation:
    """Return the gate of a wait for healthy checks, as XCom and the tab show it.

    :param page: returns the address of a check.
    """
    left = result.unhealthy
    actual = f"{result.count - left} of {number_of_checks(result.count)}"
    rules = [Rule("health", requirement.text, actual, met=bool(result.count) and not left)]
    if for_seconds:
        seconds = "not yet" if left else f"{for_seconds - result.missing_seconds:.0f} s"
        rules.append(Rule("duration", f"{for_seconds:g} s in a row", seconds, met=result.is_met))
    error = result.error or (None if result.is_met else _timed_out(result))
    outcomes = tuple(replace(_outcome(each), link=page(each.check_id)) for each in result.checks)
    return Evaluation(
        () if result.error else tuple(rules),
        outcomes,
        error,
        passed_text=_passed(result),
        left_out=result.count - len(outcomes),
    )


def _outcome(check: CheckHealth) -> CheckOutcome:
    return CheckOutcome(
        ("check", check.check_id),
        check.name,
        frozenset({check.status}),
        (),
        missing=(check.reason,) if check.reason else (),
        status=check.status,
        failed=check.status == "failing",
        severity="failing" if check.reason else "passed",
    )


def _timed_out(result: HealthResult) -> ChecksTimedOut:
    if not result.unhealthy:
        return ChecksTimedOut(
            f"{_all(result)} healthy, but not for long enough before the deadline: "
            f"{result.missing_seconds:.0f} s more were needed."
        )
    return ChecksTimedOut(
        f"{result.unhealthy} of {number_of_checks(result.count)} not healthy at the deadline (timeout or "
        f"execution_timeout): {unhealthy_checks(result)}."
    )


def _passed(result: HealthResult) -> str:
    count = sum(each.status == "degraded" for each in result.checks)
    degraded = f" ({count} degraded)" if count and len(result.checks) == result.count else ""
    return f"{_all(result)} healthy{degraded}."


def _all(result: HealthResult) -> str:
    if result.count == 1 and result.checks:
        return f"{one_line(result.checks[0].name, MAX_NAME)} is"
    return f"All {result.count} checks are"


def number_of_checks(count: int) -> str:
    """Return a number of checks in words."""
    return f"{count} check{'' if count == 1 else 's'}"


def unhealthy_checks(result: HealthResult) -> str:
    """Return the first checks that are not healthy, each with its reason."""
    return some(f"{one_line(each.name, MAX_NAME)} {each.reason}" for each in result.checks if each.reason)
