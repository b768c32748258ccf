"""Checkly's statuses and session kinds; sessions are checked here before anything uses them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

from airflow_provider_checkly.api.text import http_url, one_line, quoted
from airflow_provider_checkly.exceptions import ChecklyUnreadable, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.api.http import Json, JsonObject, Response

T = TypeVar("T")

FINAL: Final[frozenset[str]] = frozenset({"PASSED", "FAILED", "DEGRADED", "TIMED_OUT", "CANCELLED"})
RUNNING: Final[frozenset[str]] = frozenset({"STARTED", "PROGRESS", "PROGRESS_FAILED", "PROGRESS_DEGRADED"})
GOOD: Final[frozenset[str]] = frozenset({"PASSED", "DEGRADED"})
STATUSES: Final[frozenset[str]] = FINAL | RUNNING
TEST_STATUSES: Final[frozenset[str]] = frozenset({"RUNNING", "PASSED", "FAILED", "CANCELLED"})


KindName: TypeAlias = Literal["check-sessions", "test-sessions"]


@dataclass(frozen=True, slots=True)
class SessionKind:
    """All that differs between check sessions and test sessions.

    :param name: for texts.
    :param path: the part of a URL; also the name under which a trigger stores the kind.
    :param id_fields: the fields that must hold UUIDs; the first is the session's own.
    :param link_field: the field with the link to Checkly.
    :param ids_key: argument of the sensor and XCom key of the operator.
    :param error_groups: the part of a URL for its error groups.
    """

    name: str
    path: KindName
    id_fields: tuple[str, ...]
    link_field: str
    statuses: frozenset[str]
    ids_key: str
    error_groups: str

    def count(self, number: int) -> str:
        """Return e.g. "1 check session" or "2 check sessions"."""
        return f"{number} {self.name}{'' if number == 1 else 's'}"


CHECK_SESSION: Final = SessionKind(
    name="check session",
    path="check-sessions",
    id_fields=("checkSessionId", "checkId"),
    link_field="checkSessionLink",
    statuses=STATUSES,
    ids_key="check_session_ids",
    error_groups="error-groups",
)
TEST_SESSION: Final = SessionKind(
    name="test session",
    path="test-sessions",
    id_fields=("testSessionId",),
    link_field="testSessionLink",
    statuses=TEST_STATUSES,
    ids_key="test_session_ids",
    error_groups="test-session-error-groups",
)
SESSION_KINDS: Final[dict[KindName, SessionKind]] = {
    kind.path: kind for kind in (CHECK_SESSION, TEST_SESSION)
}

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
CONTAINERS: Final = (dict, list)
MAX_DEPTH: Final = 100
"""Levels of nested JSON; Airflow's recursive serializers fail at some hundreds."""
SLOW_CHECK_TYPES: Final = (("BROWSER", "MULTI_STEP"), ("AGENTIC", "PLAYWRIGHT"))
MAX_MILLISECONDS: Final = 1e15
"""No check takes longer; an `int` of JSON may be too large for a `float`."""


def uuid(value: object, argument: str) -> str:
    """Return an id, a text or a `uuid.UUID`, in lower case.

    :param argument: where the value came from, for the error.
    :raises InvalidInput: it is not a UUID.
    """
    text = str.__str__(value) if isinstance(value, str) else str(value)
    if UUID.fullmatch(text.strip()):
        return text.strip().lower()
    raise InvalidInput(f"{argument}: {quoted(text)} is not a UUID{_uuid_hint(text)}.")


def _uuid_hint(text: str) -> str:
    if text.startswith("["):
        return " (a list from a template needs the filter `| tojson`)"
    if UUID.search(text):
        return " (pass the id alone; several ids as a list, since commas and spaces do not separate them)"
    return ""


def _unique(pairs: list[tuple[str, Json]]) -> JsonObject:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field occurs twice")
    return fields


def _number(word: str) -> float:
    """Return a number; NaN, Infinity and overflows cannot be stored as JSON."""
    if isfinite(number := float(word)):
        return number
    raise ValueError(f"{word} is not valid JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_number, parse_float=_number)


def _json(response: Response, kind: type[T], name: str) -> T:
    try:
        text = response.body.decode("utf-8")
        value: Json = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        fault = f"readable JSON ({type(error).__name__}: {error})"
    else:
        if isinstance(value, kind):
            return value
        fault = name
    is_page = response.body.lstrip()[:1] == b"<"
    hint = " That is a web page, not Checkly's API; check the host of the connection." if is_page else ""
    raise ChecklyUnreadable(
        f"{response.request}: the response ({response.status}) is not {fault}. "
        f"It starts with {quoted(response.body)}.{hint}"
    )


def json_object(response: Response) -> JsonObject:
    """Return the JSON object of a response.

    :raises ChecklyUnreadable: the body is something else; the error quotes the start of it.
    """
    return _json(response, dict, "a JSON object")


def json_list(response: Response) -> list[Json]:
    """Return the JSON list of a response.

    :raises ChecklyUnreadable: the body is something else; the error quotes the start of it.
    """
    return _json(response, list, "a JSON list")


def moment(value: Json) -> float | None:
    """Return a time of Checkly's as Unix seconds, None if it is not one."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _text(session: JsonObject, field: str, source: object) -> str:
    value = session.get(field)
    if isinstance(value, str) and value:
        return value
    raise ChecklyUnreadable(f"{source}: a session without {field}: {quoted(json.dumps(session))}.")


def _depth(value: Json) -> int:
    depth = 0
    layer: list[dict[str, Json] | list[Json]] = [[value]]
    while layer:
        depth += 1
        layer = [inner for each in layer for inner in _members(each) if isinstance(inner, CONTAINERS)]
    return depth


def _members(value: dict[str, Json] | list[Json]) -> Iterable[Json]:
    return value.values() if isinstance(value, dict) else value


def checked_session(value: Json, source: object, kind: SessionKind = CHECK_SESSION) -> JsonObject:
    """Return a session that has valid ids and a known status.

    :param source: the request, for the error.
    :raises ChecklyUnreadable: it has not; the error quotes it.
    """
    if not isinstance(value, dict):
        raise ChecklyUnreadable(f"{source}: a session that is not an object: {quoted(json.dumps(value))}.")
    if _depth(value) > MAX_DEPTH:
        raise ChecklyUnreadable(
            f"{source}: a session with more than {MAX_DEPTH} levels of nesting cannot be stored."
        )
    for field in kind.id_fields:
        if not UUID.fullmatch(text := _text(value, field, source)):
            raise ChecklyUnreadable(f"{source}: {field} {quoted(text)} is not a UUID.")
    status = _text(value, "status", source)
    if status not in kind.statuses:
        raise ChecklyUnreadable(
            f"{source}: unknown status {quoted(status)} of session {value[kind.id_fields[0]]}. "
            f"Known statuses: {', '.join(sorted(kind.statuses))}."
        )
    return value


def kind_of(session: Json) -> SessionKind:
    """Return the kind of a session."""
    ids = {} if not isinstance(session, dict) else session
    is_test = not isinstance(ids.get(CHECK_SESSION.id_fields[0]), str) and TEST_SESSION.id_fields[0] in ids
    return TEST_SESSION if is_test else CHECK_SESSION


def session_id(session: JsonObject) -> str:
    """Return the id of a checked session, in lower case."""
    return str(session[kind_of(session).id_fields[0]]).lower()


def results(session: JsonObject) -> Sequence[JsonObject]:
    """Return the results of a session, without malformed ones."""
    found = session.get("results")
    return [result for result in found if isinstance(result, dict)] if isinstance(found, list) else []


def is_final_result(result: JsonObject) -> bool:
    """Return whether a result is final; Checkly marks attempts, but not always final results."""
    return result.get("resultType") in (None, "FINAL")


def final_results(session: JsonObject) -> Sequence[JsonObject]:
    """Return the final results: one per check and location, without attempts."""
    return [result for result in results(session) if is_final_result(result)]


def status(session: JsonObject) -> str:
    """Return the status of a checked session, in the terms of API v2 check sessions.

    API v1 reports a cancelled check session as TIMED_OUT and leaves `isCancelled` in its results (Checkly's
    docs, concepts/cancellation). A test session has no status DEGRADED: it is PASSED, and a final result
    `isDegraded`.
    """
    said = str(session["status"])
    if said == "TIMED_OUT" and any(result.get("isCancelled") is True for result in results(session)):
        return "CANCELLED"
    if said == "PASSED" and kind_of(session) is TEST_SESSION:
        return (
            "DEGRADED" if any(result.get("isDegraded") is True for result in final_results(session)) else said
        )
    return said


def is_final(session: JsonObject) -> bool:
    """Return whether the session has ended."""
    return session["status"] in FINAL


def seconds(session: JsonObject) -> float | None:
    """Return the duration of a session in seconds, None where Checkly gives none."""
    elapsed = session.get("timeElapsed")
    if (
        isinstance(elapsed, bool)
        or not isinstance(elapsed, int | float)
        or not 0 <= elapsed < MAX_MILLISECONDS
    ):
        return None
    return elapsed / 1000


def typical_length(session: JsonObject) -> int:
    """Return a rank by which sessions are sorted: 0 for quick check types, 2 for the slowest.

    Most checks end within 40 s, browser and multistep checks within four minutes, suites within half an hour
    (Checkly's docs, detect/).
    """
    kind = session.get("checkType")
    return next((length for length, kinds in enumerate(SLOW_CHECK_TYPES, 1) if kind in kinds), 0)


def label(session: JsonObject) -> str:
    """Return the name of a session or of its check on one line, its id where Checkly gives no name."""
    name = session.get("name")
    return one_line(name if isinstance(name, str) else "") or str(session[kind_of(session).id_fields[-1]])


def link(session: JsonObject) -> str:
    """Return the link to a session at Checkly, "" where Checkly gives none that is a web address."""
    return http_url(session.get(kind_of(session).link_field))
