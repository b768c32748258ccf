"""What sessions say about each check: its statuses and final results, whichever kind of session ran it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api import model
from airflow_provider_checkly.details import one_line, place, response_time, result_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_checkly.api.wire import Json, JsonObject

WORST_FIRST: Final = ("FAILED", "TIMED_OUT", "CANCELLED", "DEGRADED", "PASSED")
ENDED: Final = model.TEST_STATUSES & model.FINAL
FLAGS: Final = {
    "hasFailures": "FAILED",
    "hasErrors": "FAILED",
    "aborted": "FAILED",
    "isCancelled": "CANCELLED",
}
"""What a result that is said to have passed has come to, where one of its flags contradicts that."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check, with all that sessions say about it.

    :param key: what tells checks apart: the id, else the name, else the id of result or session.
    :param name: an id where Checkly gives no name.
    :param statuses: words for how it ended; one that is not final is kept as it is.
    :param results: final results as Checkly returned them, {} for one that is no object.
    :param missing: what keeps the statuses from being judged.
    """

    key: tuple[str, str]
    name: str
    statuses: frozenset[str]
    session_ids: tuple[str, ...]
    results: tuple[JsonObject, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def check_id(self) -> str:
        """The id of the check in lower case, "" where Checkly names none."""
        kind, text = self.key
        return text if kind == "check" else ""

    @property
    def times(self) -> list[float | None]:
        """The response time of each final result in milliseconds; None for what is missing."""
        return [response_time(result) for result in self.results] or [None]

    def worst(self, of: frozenset[str]) -> str:
        """Return its worst status, of some if it has one of them."""
        return min(self.statuses & of or self.statuses, key=lambda status: (rank(status), status))


def rank(status: str) -> int:
    """Return the place of a status in a list, the worst first; what is unknown is worse."""
    return WORST_FIRST.index(status) if status in WORST_FIRST else -1


def result_statuses(result: JsonObject, said: str = "PASSED") -> frozenset[str]:
    """Return the words for how a final result ended; one that contradicts itself has not passed.

    :param said: the word that Checkly gives it; results of check sessions have none.
    """
    flags = {word for flag, word in FLAGS.items() if result.get(flag) is True and said in model.GOOD}
    degraded = {"DEGRADED"} if result.get("isDegraded") is True else set[str]()
    return frozenset((flags or {said}) | degraded)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _results(session: JsonObject) -> list[JsonObject]:
    """Return the results of a session; what is no object counts as a result that says nothing."""
    found = session.get("results")
    return [each if isinstance(each, dict) else {} for each in found] if isinstance(found, list) else []


def _of_check_session(session: JsonObject) -> Finding:
    """Return what a check session says of its check: its status is Checkly's verdict over all locations."""
    status = model.status(session)
    results = [each for each in _results(session) if model.is_final_result(each)]
    return Finding(
        ("check", str(session["checkId"]).lower()),
        model.label(session),
        frozenset({status}),
        (model.session_id(session),),
        tuple(results),
        () if status in model.FINAL else (f"{status} is no final status",),
    )


def _key(result: JsonObject) -> tuple[str, str]:
    """Return what a result says first of: id of its check, name of its check, its own id."""
    check_id, name = _text(result.get("checkId")).lower(), _text(result.get("name"))
    return ("check", check_id) if check_id else ("name", name) if name else ("result", result_id(result))


def _of_result(session: JsonObject, result: JsonObject) -> Finding:
    """Return what a result of a test session says of its check; only a final one says how that ended."""
    key, own = _key(result), (model.session_id(session),)
    name = _text(result.get("name")) or key[1] or "a result without a name"
    if not model.is_final_result(result):
        said = one_line(result.get("resultType")) or "UNKNOWN"
        return Finding(key, name, frozenset({said}), own, (), (f"no final result in {place(result)}",))
    said = one_line(result.get("status")) or "UNKNOWN"
    missing = () if said in ENDED else (f"{said} is no final status",)
    return Finding(key, name, result_statuses(result, said), own, (result,), missing)


def _of_test_session(session: JsonObject) -> Iterator[Finding]:
    """Find the checks of a test session, and the session itself where no result explains its status.

    An attempt is settled by any final result of its check, since a retry may run in another location.
    """
    results = _results(session)
    settled = {_key(each) for each in results if model.is_final_result(each)}
    counted = [each for each in results if each.get("resultType") != "ATTEMPT" or _key(each) not in settled]
    found = [_of_result(session, each) for each in counted]
    yield from found
    status, own = model.status(session), model.session_id(session)
    if not any(status in each.statuses for each in found) and not (found and status == "PASSED"):
        missing = f"no final result says why it is {status}" if found else "it has no final results"
        name = f"Test session {model.label(session)}"
        yield Finding(("session", own), name, frozenset({status}), (own,), missing=(missing,))


def _findings(session: JsonObject) -> Iterable[Finding]:
    is_test = model.kind_of(session) is model.TEST_SESSION
    return _of_test_session(session) if is_test else [_of_check_session(session)]


def _merged(one: Finding, other: Finding) -> Finding:
    return Finding(
        one.key,
        min(one.name, other.name, key=lambda name: (name.lower() == one.key[1], name)),
        one.statuses | other.statuses,
        tuple(sorted({*one.session_ids, *other.session_ids})),
        one.results + other.results,
        tuple(sorted({*one.missing, *other.missing})),
    )


def collect(sessions: Iterable[JsonObject]) -> list[Finding]:
    """Return what sessions say about each check, by name."""
    found: dict[tuple[str, str], Finding] = {}
    for session in sorted(sessions, key=model.session_id):
        for finding in _findings(session):
            known = found.get(finding.key)
            found[finding.key] = _merged(known, finding) if known else finding
    return sorted(found.values(), key=lambda finding: (finding.name, finding.key))
