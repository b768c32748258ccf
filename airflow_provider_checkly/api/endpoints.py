"""One short function per endpoint of Checkly: arguments -> Request, Response -> value.

A new endpoint needs a function here, or in `status_endpoints` (health of checks) or `maintenance_endpoints`;
`hook.send(endpoint)` calls it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

from airflow_provider_checkly import exceptions
from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.http import JsonObject, Request, Response, path
from airflow_provider_checkly.api.text import one_line, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_checkly.api.models import SessionKind

T_co = TypeVar("T_co", covariant=True)

ApiVersion = Literal["v1", "v2"]
MAX_WAIT_SECONDS: Final = 30
MAX_MESSAGE: Final = 2_000
"""Characters of Checkly's message that an error keeps; the event of a trigger includes them."""
TRIGGER_SECONDS: Final = 60
"""How long Checkly may take to start all requested checks; giving up early could start them twice."""
FROM_ANYBODY: Final = frozenset({408, 429})
"""4xx statuses that mean the same whether Checkly responded or a proxy."""
ACCOUNT: Final = path("v1", "accounts", "me")
NOT_CHECKLY: Final = (
    "This error is not from Checkly's API: a proxy or another server responded. "
    "Check the host of the connection."
)


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[T_co]):
    """A request, and how to read its response."""

    request: Request
    read: Callable[[Response], T_co]


@dataclass(frozen=True, slots=True)
class StillRunning:
    """Response 408 of a completion: the session is still running.

    :param retry_after: seconds after which Checkly accepts the next poll, None if it does not say.
    :param early: whether Checkly responded well before the requested wait was over.
    :param from_checkly: whether Checkly itself responded, and not a proxy.
    """

    retry_after: float | None
    early: bool
    from_checkly: bool = True


def _date_hint(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None


def _number(value: str) -> float | None:
    """Return a plain decimal number, None for anything else, including "nan" and "1_0"."""
    return float(value) if value.replace(".", "", 1).isdecimal() else None


def retry_after(response: Response) -> float | None:
    """Return the seconds of `Retry-After` (a number or a date) or of the `X-RateLimit-Reset` of a 429."""
    if value := response.headers.get("retry-after", "").strip():
        seconds = _number(value)
        hint = _date_hint(value) if seconds is None else seconds
    elif response.status == HTTPStatus.TOO_MANY_REQUESTS:  # others may have the header too
        reset = _number(response.headers.get("x-ratelimit-reset", "").strip())
        hint = None if reset is None else reset - time.time()
    else:
        return None
    return hint if hint is not None and hint >= 0 else None


def clock_lead(response: Response) -> float:
    """Return by how many seconds Checkly's clock is at least ahead of this machine's, by its header `Date`.

    Negative: behind. 0 where the clocks may agree, since `Date` has whole seconds and the response took time.
    """
    arrived = time.time()
    try:
        said = parsedate_to_datetime(response.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    least, most = said - arrived, said + 1 - (arrived - response.seconds)
    return most if least > 0 or most < 0 else 0.0


def _refusal(response: Response) -> JsonObject:
    """Return the JSON of an error response of Checkly, {} for one of a proxy or another server.

    Each key has an account, so only another server, or a wrong path, has none.
    """
    if response.status == HTTPStatus.NOT_FOUND and response.request.path == ACCOUNT:
        return {}
    try:
        found = models.json_object(response)
    except exceptions.ChecklyUnreadable:
        return {}
    return found if found.get("statusCode") == response.status else {}


def _is_foreign(response: Response, refusal: JsonObject) -> bool:
    """Return whether another server refuses a request; that says nothing about key, plan and checks."""
    return not refusal and response.status in range(400, 500) and response.status not in FROM_ANYBODY


def _message(response: Response, refusal: JsonObject) -> str:
    message = refusal.get("message")
    if isinstance(message, str) and message:
        return one_line(message, MAX_MESSAGE)
    return quoted(response.body) if response.body and not refusal else "no message"


def _needed_role(request: Request) -> str:
    """Return the role that an API key needs for a request, "" if any key will do."""
    if "maintenance-windows" in request.path and request.method != "GET":
        return "Read & Write"
    return "Read & Run" if request.path.endswith(("/trigger", "/cancel")) else ""


def _advice(response: Response, refusal: JsonObject) -> str:
    if _is_foreign(response, refusal):
        return f" {NOT_CHECKLY}"
    if response.status == HTTPStatus.FORBIDDEN and (role := _needed_role(response.request)):
        return f" This needs an API key with the role {role}."
    if location := response.headers.get("location"):
        return f" It redirects to {quoted(location)}; set the host of the connection to the API itself."
    return ""


def accept(response: Response) -> Response:
    """Return a successful response.

    :raises ChecklyRefused: the status is not 2xx; the class tells which.
    """
    if response.status in range(200, 300):
        return response
    refusal = _refusal(response)
    message = _message(response, refusal)
    kind = None if _is_foreign(response, refusal) else exceptions.REFUSALS.get(response.status)
    raise (kind or exceptions.ChecklyRefused)(
        f"{response.request}: {'Checkly' if refusal else 'the server'} responded {response.status}: "
        f"{message.rstrip('.')}.{_advice(response, refusal)}",
        status=response.status,
        message=message,
        retry_after=retry_after(response),
    )


def read_object(response: Response) -> JsonObject:
    """Return the JSON object of a successful response."""
    return models.json_object(accept(response))


def _read_session(response: Response, kind: SessionKind) -> JsonObject:
    session = models.checked_session(read_object(response), response.request, kind)
    if models.session_id(session) not in response.request.path.split("/"):
        raise exceptions.ChecklyUnreadable(
            f"{response.request}: the response is about another session: {models.session_id(session)}."
        )
    return session


def _read_completion(response: Response, kind: SessionKind) -> JsonObject | StillRunning:
    if response.status == HTTPStatus.REQUEST_TIMEOUT:  # the documented "still running"
        early = response.seconds < response.request.hold / 2
        return StillRunning(retry_after(response), early, bool(_refusal(response)))
    session = _read_session(response, kind)
    if not models.is_final(session):
        raise exceptions.ChecklyUnreadable(
            f"{response.request}: Checkly reports session {models.session_id(session)} as complete, "
            f"but its status is {session['status']}."
        )
    return session


@contextmanager
def _triggered() -> Iterator[None]:
    """Map the 404 of a trigger to NoMatchingChecks; warn if sessions may have started."""
    try:
        yield
    except exceptions.ChecklyUnreadable as error:
        text = f"{error} Sessions may have started; check at Checkly before you trigger again."
        raise exceptions.ChecklyUnreadable(text, of_trigger=True) from error
    except exceptions.ChecklyNotFound as error:
        raise exceptions.NoMatchingChecks(str(error), status=error.status, message=error.message) from error


def _read_sessions(response: Response) -> list[JsonObject]:
    with _triggered():
        found = read_object(response).get("sessions")
        if not isinstance(found, list):
            text = f"{response.request}: the response has no list 'sessions': {quoted(response.body)}."
            raise exceptions.ChecklyUnreadable(text)
        if not found:
            raise exceptions.NoMatchingChecks(f"{response.request}: Checkly started no session.", status=404)
        return [models.checked_session(session, response.request) for session in found]


def _read_nothing(response: Response) -> None:
    accept(response)


@dataclass(frozen=True, slots=True)
class SessionEndpoints:
    """The endpoints of one kind of session; an id that is not a UUID is refused."""

    kind: SessionKind
    version: ApiVersion = "v2"

    def _path(self, version: ApiVersion, session_id: str, *more: str) -> str:
        checked = models.uuid(session_id, f"{self.kind.name.replace(' ', '_')}_id")
        # test sessions exist in API v1 only
        return path("v1" if self.kind is models.TEST_SESSION else version, self.kind.path, checked, *more)

    def get(self, session_id: str) -> Endpoint[JsonObject]:
        """`GET /v2/check-sessions/{id}`: the current state of a session."""
        request = Request("GET", self._path(self.version, session_id))
        return Endpoint(request, partial(_read_session, kind=self.kind))

    def completion(self, session_id: str, max_wait_seconds: int) -> Endpoint[JsonObject | StillRunning]:
        """`GET /v2/check-sessions/{id}/completion`: one long poll.

        :raises InvalidInput: `max_wait_seconds` is not a whole number from 1 to 30.
        """
        if type(max_wait_seconds) is not int or not 1 <= max_wait_seconds <= MAX_WAIT_SECONDS:
            raise exceptions.InvalidInput(
                f"max_wait_seconds must be a whole number from 1 to {MAX_WAIT_SECONDS}, "
                f"not {max_wait_seconds!r}."
            )
        where = self._path(self.version, session_id, "completion")
        query = (("maxWaitSeconds", str(max_wait_seconds)),)
        request = Request("GET", where, query, hold=max_wait_seconds)
        return Endpoint(request, partial(_read_completion, kind=self.kind))

    def cancel(self, session_id: str) -> Endpoint[None]:
        """`POST /v1/check-sessions/{id}/cancel`: cancel what can be cancelled; safe to repeat."""
        return Endpoint(Request("POST", self._path("v1", session_id, "cancel"), body={}), _read_nothing)


def target(check_ids: Sequence[str], tags: Sequence[Sequence[str]]) -> JsonObject:
    """Return the `target` of a trigger's request body."""
    ids: JsonObject = {"checkId": list(check_ids)} if check_ids else {}
    return ids | ({"matchTags": [list(group) for group in tags]} if tags else {})


def trigger_check_sessions(
    version: ApiVersion, check_ids: Sequence[str], tags: Sequence[Sequence[str]], *, refresh_cache: bool
) -> Endpoint[list[JsonObject]]:
    """`POST /v2/check-sessions/trigger`: start one session per matching check.

    :param tags: OR of ANDs; with ids, both must match. Without both, every active check runs.
    """
    body: JsonObject = {"refreshCache": refresh_cache}
    if chosen := target(check_ids, tags):
        body["target"] = chosen
    where = path(version, "check-sessions", "trigger")
    return Endpoint(Request("POST", where, body=body, hold=TRIGGER_SECONDS, repeatable=False), _read_sessions)


def _read_started(response: Response) -> JsonObject:
    with _triggered():
        return models.checked_session(read_object(response), response.request, models.TEST_SESSION)


def trigger_test_session(body: JsonObject) -> Endpoint[JsonObject]:
    """`POST /v1/test-sessions/trigger`: run all matching checks in one test session, which sends no alerts.

    :param body: name, runLocation, target and the rest of Checkly's request body.
    """
    where = path("v1", "test-sessions", "trigger")
    return Endpoint(Request("POST", where, body=body, hold=TRIGGER_SECONDS, repeatable=False), _read_started)


def _read_account(response: Response) -> JsonObject:
    account = read_object(response)
    if isinstance(account.get("id"), str):
        return account
    raise exceptions.ChecklyUnreadable(
        f"{response.request}: the response is not an account: {quoted(response.body)}. "
        f"Check the host of the connection."
    )


def get_account() -> Endpoint[JsonObject]:
    """`GET /v1/accounts/me`: the account of the credentials."""
    return Endpoint(Request("GET", ACCOUNT), _read_account)


def _get(*parts: str) -> Endpoint[JsonObject]:
    return Endpoint(Request("GET", path("v1", *parts)), read_object)


def _result(kind: SessionKind, owner: str, result_id: str) -> tuple[str, ...]:
    if kind is models.TEST_SESSION:
        return kind.path, owner, "results", result_id
    return "check-results", owner, result_id


def get_result(kind: SessionKind, owner: str, result_id: str) -> Endpoint[JsonObject]:
    """`GET /v1/check-results/{checkId}/{id}`, `GET /v1/test-sessions/{id}/results/{id}`: a result in detail.

    :param owner: id of the check, or of the test session.
    """
    return _get(*_result(kind, owner, result_id))


def get_assets(kind: SessionKind, owner: str, result_id: str) -> Endpoint[JsonObject]:
    """`GET .../assets`: the manifest of the files of a result."""
    return _get(*_result(kind, owner, result_id), "assets")


def get_check(check_id: str) -> Endpoint[JsonObject]:
    """`GET /v1/checks/{id}`: a check as it is configured."""
    return _get("checks", check_id)


def get_error_group(kind: SessionKind, group_id: str) -> Endpoint[JsonObject]:
    """`GET /v1/error-groups/{id}`: one error, with its root-cause analyses."""
    return _get(kind.error_groups, group_id)


def trigger_root_cause_analysis(kind: SessionKind, group_id: str) -> Endpoint[JsonObject]:
    """`POST /v1/root-cause-analyses/error-groups/{id}`: uses one of the account's quota."""
    where = path("v1", "root-cause-analyses", kind.error_groups, group_id)
    return Endpoint(Request("POST", where, body={}, repeatable=False), read_object)


def _read_analysis(response: Response) -> JsonObject | None:
    answer = read_object(response)
    return None if response.status == HTTPStatus.ACCEPTED else answer


def get_root_cause_analysis(analysis_id: str) -> Endpoint[JsonObject | None]:
    """`GET /v1/root-cause-analyses/{id}`: None while it is in progress."""
    return Endpoint(Request("GET", path("v1", "root-cause-analyses", analysis_id)), _read_analysis)
