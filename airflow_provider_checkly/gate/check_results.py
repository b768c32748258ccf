"""Sessions -> one `CheckOutcome` per check, for check sessions and test sessions alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.text import one_line
from airflow_provider_checkly.gate.result_details import response_time, result_id, run_location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_checkly.api.http import Json, JsonObject

Severity = Literal["failing", "warning", "tolerated", "passed"]
WORST_FIRST: Final = ("NOT_RUN", "FAILED", "TIMED_OUT", "CANCELLED", "DEGRADED", "PASSED")
FINAL_RESULT_STATUSES: Final = models.TEST_STATUSES & models.FINAL
FLAGS: Final = {
    "hasFailures": "FAILED",
    "hasErrors": "FAILED",
    "aborted": "FAILED",
    "isCancelled": "CANCELLED",
}
"""The status of a result that claims to have passed although one of its flags contradicts that."""


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """One check: all that sessions say about it, and what the gate makes of it.

    :param key: identifies the check: its id, else its name, else the id of the result or session.
    :param name: as Checkly gives it, uncleaned; an id where Checkly gives no name.
    :param statuses: all statuses; one that is not final is kept as it is.
    :param session_ids: the sessions that ran the check, the one with the worst status first.
    :param results: final results as Checkly returned them, {} for one that is not an object.
    :param missing: why the statuses cannot be evaluated.
    :param link: to the session at Checkly.
    :param status: the worst status for this gate (set by the evaluation, like all that follow).
    :param failed: whether the status fails the check.
    :param slow: response times above the limit, or missing ones.
    """

    key: tuple[str, str]
    name: str
    statuses: frozenset[str]
    session_ids: tuple[str, ...]
    results: tuple[JsonObject, ...] = ()
    missing: tuple[str, ...] = ()
    check_type: str = ""
    link: str = ""
    status: str = ""
    failed: bool = False
    slow: tuple[str, ...] = ()
    severity: Severity = "passed"

    @property
    def check_id(self) -> str:
        """The id of the check in lower case, "" where Checkly gives none."""
        kind, text = self.key
        return text if kind == "check" else ""

    @property
    def times(self) -> list[float | None]:
        """The response time of each final result in milliseconds; None for a missing one."""
        return [response_time(result) for result in self.results] or [None]

    @property
    def slowest(self) -> float | None:
        """The longest response time in milliseconds."""
        return max((time for time in self.times if time is not None), default=None)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is wrong besides the status: what is missing or slow."""
        return (*self.missing, *self.slow)

    def worst(self, of: frozenset[str] = frozenset()) -> str:
        """Return the worst status, from `of` if the check has one of them."""
        return min(self.statuses & of or self.statuses, key=lambda status: (rank(status), status))


def rank(status: str) -> int:
    """Return the position of a status, worst first; unknown ones are the worst."""
    return WORST_FIRST.index(status) if status in WORST_FIRST else -1


def result_statuses(result: JsonObject, said: str = "PASSED") -> frozenset[str]:
    """Return the statuses of a final result; one that contradicts itself has not passed.

    :param said: its `status`; results of check sessions have none.
    """
    flags = {word for flag, word in FLAGS.items() if result.get(flag) is True and said in models.GOOD}
    degraded = {"DEGRADED"} if result.get("isDegraded") is True else set[str]()
    return frozenset((flags or {said}) | degraded)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _results(session: JsonObject) -> list[JsonObject]:
    """Return the results of a session; one that is not an object counts as a result without data."""
    found = session.get("results")
    return [each if isinstance(each, dict) else {} for each in found] if isinstance(found, list) else []


def _of_check_session(session: JsonObject) -> CheckOutcome:
    """Return the check of a check session: its status is Checkly's, over all locations."""
    status = models.status(session)
    results = [each for each in _results(session) if models.is_final_result(each)]
    check_id = str(session["checkId"]).lower()
    return CheckOutcome(
        ("check", check_id),
        _text(session.get("name")) or check_id,
        frozenset({status}),
        (models.session_id(session),),
        tuple(results),
        () if status in models.FINAL else (f"{status} is not a final status",),
        _text(session.get("checkType")),
        models.link(session),
    )


def _key(result: JsonObject) -> tuple[str, str]:
    """Return the first that a result has of: id of its check, name of its check, its own id."""
    check_id, name = _text(result.get("checkId")).lower(), _text(result.get("name"))
    return ("check", check_id) if check_id else ("name", name) if name else ("result", result_id(result))


def _of_result(session: JsonObject, result: JsonObject) -> CheckOutcome:
    """Return the check of a test session's result; only a final result has a final status."""
    key = _key(result)
    outcome = CheckOutcome(
        key,
        _text(result.get("name")) or key[1] or "a result without a name",
        frozenset(),
        (models.session_id(session),),
        check_type=_text(result.get("checkType")),
        link=_text(result.get("testSessionResultLink")) or models.link(session),
    )
    if not models.is_final_result(result):
        said = one_line(result.get("resultType")) or "UNKNOWN"
        attempt = f"no final result in {run_location(result)}"
        return replace(outcome, statuses=frozenset({said}), missing=(attempt,))
    said = one_line(result.get("status")) or "UNKNOWN"
    is_final = _text(result.get("status")) in FINAL_RESULT_STATUSES
    missing = () if is_final else (f"{said} is not a final status",)
    return replace(outcome, statuses=result_statuses(result, said), results=(result,), missing=missing)


def _of_test_session(session: JsonObject) -> Iterator[CheckOutcome]:
    """Find the checks of a test session, and the session itself if no result explains its status.

    An attempt is settled by any final result of its check, since a retry may run in another location.
    """
    results = _results(session)
    settled = {_key(each) for each in results if models.is_final_result(each)}
    counted = [each for each in results if each.get("resultType") != "ATTEMPT" or _key(each) not in settled]
    found = [_of_result(session, each) for each in counted]
    yield from found
    status, own = models.status(session), models.session_id(session)
    if not any(status in each.statuses for each in found) and not (found and status == "PASSED"):
        missing = f"no final result explains the status {status}" if found else "it has no final results"
        name = f"Test session {models.label(session)}"
        yield CheckOutcome(
            ("session", own), name, frozenset({status}), (own,), missing=(missing,), link=models.link(session)
        )


def _outcomes(session: JsonObject) -> Iterable[CheckOutcome]:
    is_test = models.kind_of(session) is models.TEST_SESSION
    return _of_test_session(session) if is_test else [_of_check_session(session)]


def _merged(one: CheckOutcome, other: CheckOutcome) -> CheckOutcome:
    worst = min(one, other, key=lambda each: rank(each.worst()))
    return CheckOutcome(
        one.key,
        min(one.name, other.name, key=lambda name: (name.lower() == one.key[1], name)),
        one.statuses | other.statuses,
        tuple(dict.fromkeys((*worst.session_ids, *one.session_ids, *other.session_ids))),
        one.results + other.results,
        tuple(sorted({*one.missing, *other.missing})),
        one.check_type or other.check_type,
        worst.link or one.link or other.link,
    )


def collect(sessions: Iterable[JsonObject]) -> list[CheckOutcome]:
    """Return what sessions say about each check, sorted by name."""
    found: dict[tuple[str, str], CheckOutcome] = {}
    for session in sorted(sessions, key=models.session_id):
        for outcome in _outcomes(session):
            known = found.get(outcome.key)
            found[outcome.key] = _merged(known, outcome) if known else outcome
    return sorted(found.values(), key=lambda outcome: (outcome.name, outcome.key))
