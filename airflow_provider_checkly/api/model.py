"""What Checkly says: the words for statuses, and sessions that were looked at before use."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api.errors import ChecklyUnreadable, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.api.wire import Json, JsonObject, Response

FINAL: Final[frozenset[str]] = frozenset({"PASSED", "FAILED", "DEGRADED", "TIMED_OUT", "CANCELLED"})
RUNNING: Final[frozenset[str]] = frozenset({"STARTED", "PROGRESS", "PROGRESS_FAILED", "PROGRESS_DEGRADED"})
GOOD: Final[frozenset[str]] = frozenset({"PASSED", "DEGRADED"})
STATUSES: Final[frozenset[str]] = FINAL | RUNNING
TEST_STATUSES: Final[frozenset[str]] = frozenset({"RUNNING", "PASSED", "FAILED", "CANCELLED"})


@dataclass(frozen=True, slots=True)
class SessionKind:
    """What tells one kind of session from another.

    :param resource: its part of a path.
    :param ids: the fields that must hold UUIDs; the first is the session's own.
    """

    noun: str
    resource: str
    ids: tuple[str, ...]
    link: str
    statuses: frozenset[str]


CHECK_SESSION: Final = SessionKind(
    "check session", "check-sessions", ("checkSessionId", "checkId"), "checkSessionLink", STATUSES
)
TEST_SESSION: Final = SessionKind(
    "test session", "test-sessions", ("testSessionId",), "testSessionLink", TEST_STATUSES
)

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
QUOTED: Final = 200
DEEPEST: Final = 100
"""Levels of JSON; Airflow's serializers, which follow them one by one, bear some hundreds."""
LONGER: Final = (("BROWSER", "MULTI_STEP"), ("AGENTIC", "PLAYWRIGHT"))
SENSELESS: Final = 1e15
"""Milliseconds that no check takes; an `int` of JSON may be too large for a `float`."""


def shortened(text: str, most: int) -> str:
    """Return a text of so many characters at most."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def quoted(text: str | bytes) -> str:
    """Return the start of what Checkly sent, fit for an error message."""
    return repr(shortened(text.decode("utf-8", "replace") if isinstance(text, bytes) else text, QUOTED))


def uuid(value: object, argument: str) -> str:
    """Return an id in lower case.

    :param argument: where the value came from, for the error.
    :raises InvalidInput: it is no UUID.
    """
    if isinstance(value, str) and UUID.fullmatch(value.strip()):
        return value.strip().lower()
    hint = " (a list from a template needs the filter `| tojson`)" if str(value).startswith("[") else ""
    raise InvalidInput(f"{argument}: {quoted(str(value))} is no UUID{hint}.")


def _unique(pairs: list[tuple[str, Json]]) -> JsonObject:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field stands there twice")
    return fields


def _number(word: str) -> float:
    """Return a number; NaN, Infinity and what is as large are none that could be sent on as JSON."""
    if isfinite(number := float(word)):
        return number
    raise ValueError(f"{word} is no JSON")


def json_object(response: Response) -> JsonObject:
    """Return the JSON object an answer holds.

    :raises ChecklyUnreadable: it holds something else; the error quotes the start of it.
    """
    try:
        text = response.body.decode("utf-8")
        value: Json = json.loads(text, object_pairs_hook=_unique, parse_constant=_number, parse_float=_number)
    except (ValueError, RecursionError) as error:
        fault = f"JSON that can be read ({type(error).__name__}: {error})"
    else:
        if isinstance(value, dict):
            return value
        fault = "JSON object"
    raise ChecklyUnreadable(
        f"{response.request}: the answer ({response.status}) is no {fault}. "
        f"It starts with {quoted(response.body)}."
    )


def _text(session: JsonObject, field: str, source: str) -> str:
    value = session.get(field)
    if isinstance(value, str) and value:
        return value
    raise ChecklyUnreadable(f"{source}: a session without {field}: {quoted(json.dumps(session))}.")


def _depth(value: Json) -> int:
    depth, layer = 0, [value]
    while layer:
        depth += 1
        layer = [inner for each in layer for inner in _members(each)]
    return depth


def _members(value: Json) -> Iterable[Json]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def checked_session(value: Json, source: str, kind: SessionKind = CHECK_SESSION) -> JsonObject:
    """Return a session that names itself, its check and a status we know.

    :param source: the request, for the error.
    :raises ChecklyUnreadable: it does not; the error quotes it.
    """
    if not isinstance(value, dict):
        raise ChecklyUnreadable(f"{source}: a session that is no object: {quoted(json.dumps(value))}.")
    if _depth(value) > DEEPEST:
        raise ChecklyUnreadable(f"{source}: a session that is nested too deeply to be stored.")
    for field in kind.ids:
        if not UUID.fullmatch(text := _text(value, field, source)):
            raise ChecklyUnreadable(f"{source}: {field} {quoted(text)} is no UUID.")
    status = _text(value, "status", source)
    if status not in kind.statuses:
        raise ChecklyUnreadable(
            f"{source}: unknown status {quoted(status)} of session {value[kind.ids[0]]}. "
            f"Known are {', '.join(sorted(kind.statuses))}."
        )
    return value


def kind_of(session: Json) -> SessionKind:
    """Return the kind of a session."""
    ids = {} if not isinstance(session, dict) else session
    is_test = not isinstance(ids.get(CHECK_SESSION.ids[0]), str) and TEST_SESSION.ids[0] in ids
    return TEST_SESSION if is_test else CHECK_SESSION


def session_id(session: JsonObject) -> str:
    """Return the id of a checked session, in lower case."""
    return str(session[kind_of(session).ids[0]]).lower()


def results(session: JsonObject) -> Sequence[JsonObject]:
    """Return the results that a session holds; what is malformed is left out."""
    found = session.get("results")
    return [result for result in found if isinstance(result, dict)] if isinstance(found, list) else []


def is_final_result(result: JsonObject) -> bool:
    """Return whether a result counts; Checkly need not say so, only attempts before it are marked."""
    return result.get("resultType") in (None, "FINAL")


def final_results(session: JsonObject) -> Sequence[JsonObject]:
    """Return the results that count: one per check and location, without failed attempts."""
    return [result for result in results(session) if is_final_result(result)]


def status(session: JsonObject) -> str:
    """Return the status of a checked session in the words of check sessions of API v2.

    API v1 reports a cancelled check session as TIMED_OUT and leaves `isCancelled` in its results (Checkly's
    docs, concepts/cancellation). A test session has no word for degraded: it is PASSED, with a final result
    that `isDegraded`.
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
    """Return whether Checkly will not change the session any more."""
    return session["status"] in FINAL


def seconds(session: JsonObject) -> float | None:
    """Return how long the session took, from its `timeElapsed` in milliseconds."""
    elapsed = session.get("timeElapsed")
    if isinstance(elapsed, bool) or not isinstance(elapsed, int | float) or not 0 <= elapsed < SENSELESS:
        return None
    return elapsed / 1000


def typical_length(session: JsonObject) -> int:
    """Return a number that is the higher, the longer checks of this kind take (Checkly's docs, detect/).

    Most end within 40 s, browser and multistep checks within four minutes, suites within half an hour.
    """
    kind = session.get("checkType")
    return next((length for length, kinds in enumerate(LONGER, 1) if kind in kinds), 0)


def label(session: JsonObject) -> str:
    """Return the name of a session or of its check, fit for a log; an id where Checkly gives no name."""
    name = session.get("name")
    printable = (mark if mark.isprintable() else " " for mark in (name if isinstance(name, str) else ""))
    return " ".join("".join(printable).split()) or str(session[kind_of(session).ids[-1]])


def link(session: JsonObject) -> str:
    """Return the link to a session in Checkly's UI, or "" where Checkly gives none."""
    found = session.get(kind_of(session).link)
    return found if isinstance(found, str) else ""
