"""What sessions say about each check: its statuses and final results, whichever kind of session ran it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api import model

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_checkly.api.wire import Json, JsonObject

WORST_FIRST: Final = ("FAILED", "TIMED_OUT", "CANCELLED", "DEGRADED", "PASSED")


@dataclass(frozen=True, slots=True)
class Sighting:
    """One session or one result that says something about a check.

    :param key: what tells checks apart: the id, else the name, else the id of session or result.
    :param statuses: words for how it ended; one that is not final is kept as it is.
    :param results: final results as Checkly returned them.
    """

    key: str
    check_id: str
    name: str
    session: JsonObject
    statuses: frozenset[str]
    results: tuple[JsonObject, ...] = ()
    unexplained: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One check, with all that was seen of it.

    :param check_id: in lower case; "" where Checkly names none.
    :param unexplained: whether it stands for a test session whose status no final result explains.
    """

    key: str
    check_id: str
    name: str
    statuses: frozenset[str]
    results: tuple[JsonObject, ...]
    session_ids: tuple[str, ...]
    unexplained: bool

    def worst(self, of: frozenset[str]) -> str:
        """Return its worst status, of some if it has one of them."""
        return next(iter(sorted(self.statuses & of or self.statuses, key=_rank)))


def _rank(status: str) -> int:
    return WORST_FIRST.index(status) if status in WORST_FIRST else -1


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def result_id(result: JsonObject) -> str:
    """Return the id of a result of either kind of session, "" where it has none."""
    return _text(result.get("testSessionResultId")) or _text(result.get("checkResultId"))


def _result_statuses(result: JsonObject) -> frozenset[str]:
    """Return the words for a final result of a test session; what contradicts itself has failed."""
    said = _text(result.get("status")) or "UNKNOWN"
    wrong = result.get("hasFailures") is True or result.get("hasErrors") is True
    words = {"FAILED"} if said == "PASSED" and wrong else {said}
    return frozenset(words | ({"DEGRADED"} if result.get("isDegraded") is True else set()))


def _of_check_session(session: JsonObject) -> Iterator[Sighting]:
    check_id = _text(session.get("checkId")).lower()
    results = tuple(model.final_results(session))
    statuses = frozenset({model.status(session)})
    yield Sighting(check_id, check_id, model.label(session), session, statuses, results)


def _of_result(session: JsonObject, result: JsonObject) -> Sighting:
    check_id, name = _text(result.get("checkId")).lower(), _text(result.get("name"))
    key = check_id or name or result_id(result)
    label = name or key or "a result without a name"
    return Sighting(key, check_id, label, session, _result_statuses(result), (result,))


def _of_test_session(session: JsonObject) -> Iterator[Sighting]:
    """Find the checks of a test session, and the session itself where no result explains its status."""
    found = [_of_result(session, result) for result in model.final_results(session)]
    yield from found
    status = model.status(session)
    explained = any(status in each.statuses for each in found) or (found and status == "PASSED")
    if not explained:
        own = model.session_id(session)
        label = f"Test session {model.label(session)}"
        yield Sighting(own, "", label, session, frozenset({status}), unexplained=True)


def _sightings(session: JsonObject) -> Iterator[Sighting]:
    is_test = model.kind_of(session) is model.TEST_SESSION
    return _of_test_session(session) if is_test else _of_check_session(session)


def _merged(seen: list[Sighting]) -> Finding:
    return Finding(
        seen[0].key,
        seen[0].check_id,
        min(each.name for each in seen),
        frozenset[str]().union(*(each.statuses for each in seen)),
        tuple(result for each in seen for result in each.results),
        tuple(sorted({model.session_id(each.session) for each in seen})),
        any(each.unexplained for each in seen),
    )


def collect(sessions: Iterable[JsonObject]) -> list[Finding]:
    """Return what sessions say about each check, by name."""
    seen: dict[str, list[Sighting]] = {}
    for session in sorted(sessions, key=model.session_id):
        for sighting in _sightings(session):
            seen.setdefault(sighting.key, []).append(sighting)
    return sorted(map(_merged, seen.values()), key=lambda finding: (finding.name, finding.key))
