"""One short function per endpoint: arguments -> Request, Response -> value."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

from airflow_provider_checkly.api import errors, model
from airflow_provider_checkly.api.wire import Json, JsonObject, Request, Response, path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_checkly.api.model import SessionKind

T_co = TypeVar("T_co", covariant=True)

ApiVersion = Literal["v1", "v2"]
MAX_WAIT_SECONDS: Final = 30
LONGEST_MESSAGE: Final = 2_000
"""Characters of what Checkly says that an error holds; a trigger's event takes it along."""
START_SECONDS: Final = 60
"""How long Checkly may take to start all the checks that are asked for: none may be started twice."""
LONGEST_SEARCH: Final = 200
"""Characters that Checkly takes as `textSearch`."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """A request, and how to read its answer."""

    request: Request
    read: Callable[[Response], T_co]


@dataclass(frozen=True, slots=True)
class StillRunning:
    """The answer 408 of a completion: the session goes on.

    :param retry_after: seconds after which Checkly wants to be asked again, where it says so.
    :param early: whether Checkly answered well before the time it was allowed to hold.
    """

    retry_after: float | None
    early: bool


def _date_hint(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None


def _number(value: str) -> float | None:
    """Return a plain decimal number, None for anything else ("nan" and "1_0" too)."""
    return float(value) if value.replace(".", "", 1).isdecimal() else None


def retry_after(response: Response) -> float | None:
    """Return the seconds that `Retry-After` (a number or a date) asks for, or a 429's `X-RateLimit-Reset`."""
    if value := response.headers.get("retry-after", "").strip():
        seconds = _number(value)
        hint = _date_hint(value) if seconds is None else seconds
    elif response.status == 429:  # noqa: PLR2004 - other answers may carry the header, too
        reset = _number(response.headers.get("x-ratelimit-reset", "").strip())
        hint = None if reset is None else reset - time.time()
    else:
        return None
    return hint if hint is not None and hint >= 0 else None


def _said(response: Response) -> str:
    try:
        message = model.json_object(response).get("message")
    except errors.ChecklyUnreadable:
        return model.quoted(response.body) if response.body else "no message"
    return model.shortened(message, LONGEST_MESSAGE) if isinstance(message, str) and message else "no message"


def _advice(response: Response) -> str:
    if location := response.headers.get("location"):
        return f" It points to {model.quoted(location)}; set the connection's host to where the API is."
    return ""


def accept(response: Response) -> Response:
    """Return an answer that says yes.

    :raises ChecklyRefused: any status but 2xx; the class says which.
    """
    if response.status in range(200, 300):
        return response
    message = _said(response)
    raise errors.REFUSALS.get(response.status, errors.ChecklyRefused)(
        f"{response.request}: Checkly answered {response.status}: {message.rstrip('.')}.{_advice(response)}",
        status=response.status,
        message=message,
        retry_after=retry_after(response),
    )


def read_object(response: Response) -> JsonObject:
    """Return the JSON object that an answer holds which says yes."""
    return model.json_object(accept(response))


def _read_list(response: Response, field: str) -> list[Json]:
    found = read_object(response).get(field)
    if isinstance(found, list):
        return found
    raise errors.ChecklyUnreadable(
        f"{response.request}: an answer without a list of {field}: {model.quoted(response.body)}."
    )


def _read_session(response: Response, kind: SessionKind) -> JsonObject:
    session = model.checked_session(read_object(response), str(response.request), kind)
    if model.session_id(session) not in response.request.path.split("/"):
        raise errors.ChecklyUnreadable(
            f"{response.request}: the answer is about another session, {model.session_id(session)}."
        )
    return session


def _read_completion(response: Response, kind: SessionKind) -> JsonObject | StillRunning:
    if response.status == 408:  # noqa: PLR2004 - the documented "still running"
        early = response.seconds < response.request.hold / 2
        return StillRunning(retry_after(response), early)
    session = _read_session(response, kind)
    if not model.is_final(session):
        raise errors.ChecklyUnreadable(
            f"{response.request}: Checkly calls session {model.session_id(session)} complete, "
            f"but its status is {session['status']}."
        )
    return session


@contextmanager
def _triggered() -> Iterator[None]:
    """Read the 404 of a trigger as what it means, and say so if sessions may run that nobody knows."""
    try:
        yield
    except errors.ChecklyUnreadable as error:
        text = f"{error} Checkly took the request: sessions may run; look there before you trigger again."
        raise errors.ChecklyUnreadable(text, of_trigger=True) from error
    except errors.ChecklyNotFound as error:
        raise errors.NoMatchingChecks(str(error), status=error.status, message=error.message) from error


def _read_sessions(response: Response) -> list[JsonObject]:
    with _triggered():
        found = _read_list(response, "sessions")
        if not found:
            raise errors.NoMatchingChecks(f"{response.request}: Checkly started no session.", status=404)
        return [model.checked_session(session, str(response.request)) for session in found]


def _read_nothing(response: Response) -> None:
    accept(response)


@dataclass(frozen=True, slots=True)
class SessionEndpoints:
    """The endpoints of one kind of session; an id that is no UUID is refused."""

    version: ApiVersion
    kind: SessionKind

    def _path(self, version: str, session_id: str, *more: str) -> str:
        checked = model.uuid(session_id, f"{self.kind.noun.replace(' ', '_')}_id")
        return path(version, self.kind.resource, checked, *more)

    def get(self, session_id: str) -> Call[JsonObject]:
        """`GET /v2/check-sessions/{id}`: the state of a session."""
        request = Request("GET", self._path(self.version, session_id))
        return Call(request, partial(_read_session, kind=self.kind))

    def completion(self, session_id: str, max_wait_seconds: int) -> Call[JsonObject | StillRunning]:
        """`GET /v2/check-sessions/{id}/completion`: one long poll.

        :raises InvalidInput: `max_wait_seconds` is not a whole number from 1 to 30.
        """
        if type(max_wait_seconds) is not int or not 1 <= max_wait_seconds <= MAX_WAIT_SECONDS:
            raise errors.InvalidInput(
                f"max_wait_seconds must be a whole number from 1 to {MAX_WAIT_SECONDS}, "
                f"not {max_wait_seconds!r}."
            )
        where = self._path(self.version, session_id, "completion")
        query = (("maxWaitSeconds", str(max_wait_seconds)),)
        request = Request("GET", where, query, hold=max_wait_seconds)
        return Call(request, partial(_read_completion, kind=self.kind))

    def cancel(self, session_id: str) -> Call[None]:
        """`POST /v1/check-sessions/{id}/cancel`: stops what can be stopped; may be repeated."""
        return Call(Request("POST", self._path("v1", session_id, "cancel"), body={}), _read_nothing)


CHECK_SESSIONS: Final[dict[ApiVersion, SessionEndpoints]] = {
    "v1": SessionEndpoints("v1", model.CHECK_SESSION),
    "v2": SessionEndpoints("v2", model.CHECK_SESSION),
}
TEST_SESSIONS: Final = SessionEndpoints("v1", model.TEST_SESSION)


def target(check_ids: Sequence[str], tags: Sequence[Sequence[str]]) -> JsonObject:
    """Return which checks a trigger starts, as Checkly wants it said."""
    ids: JsonObject = {"checkId": list(check_ids)} if check_ids else {}
    return ids | ({"matchTags": [list(group) for group in tags]} if tags else {})


def trigger_check_sessions(
    version: ApiVersion, check_ids: Sequence[str], tags: Sequence[Sequence[str]], *, refresh_cache: bool
) -> Call[list[JsonObject]]:
    """`POST /v2/check-sessions/trigger`: starts a session per matching check.

    :param tags: OR of ANDs; with ids, both must match. Neither: every active check.
    """
    body: JsonObject = {"refreshCache": refresh_cache}
    if chosen := target(check_ids, tags):
        body["target"] = chosen
    where = path(version, "check-sessions", "trigger")
    return Call(Request("POST", where, body=body, hold=START_SECONDS, repeatable=False), _read_sessions)


def _read_started(response: Response) -> JsonObject:
    with _triggered():
        return model.checked_session(read_object(response), str(response.request), model.TEST_SESSION)


def trigger_test_session(order: JsonObject) -> Call[JsonObject]:
    """`POST /v1/test-sessions/trigger`: runs all matching checks in one test session, which alerts nobody.

    :param order: name, runLocation, target and the rest of Checkly's request body.
    """
    where = path("v1", "test-sessions", "trigger")
    return Call(Request("POST", where, body=order, hold=START_SECONDS, repeatable=False), _read_started)


def find_test_sessions(text: str) -> Call[list[JsonObject]]:
    """`GET /v1/test-sessions?textSearch=`: entries (`id`, `name`, ...) of sessions that hold a text."""
    query = (("textSearch", text[:LONGEST_SEARCH]), ("limit", "100"))
    return Call(Request("GET", path("v1", "test-sessions"), query), _read_entries)


def _read_entries(response: Response) -> list[JsonObject]:
    return [entry for entry in _read_list(response, "entries") if isinstance(entry, dict)]


def get_account() -> Call[JsonObject]:
    """`GET /v1/accounts/me`: the account that key and account id stand for."""
    return Call(Request("GET", path("v1", "accounts", "me")), read_object)
