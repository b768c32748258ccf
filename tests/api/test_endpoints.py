"""Endpoints: which request is sent, and what each kind of response means."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_checkly import __version__, exceptions
from airflow_provider_checkly.api import endpoints
from airflow_provider_checkly.api.endpoints import Endpoint, SessionEndpoints, StillRunning
from airflow_provider_checkly.api.http import Credentials, Request, Response, path
from airflow_provider_checkly.api.models import CHECK_SESSION, TEST_SESSION

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION = "11111111-1111-4111-8111-111111111111"
OTHER = "33333333-3333-4333-8333-333333333333"
CHECK = "22222222-2222-4222-8222-222222222222"
V1, V2 = SessionEndpoints(CHECK_SESSION, "v1"), SessionEndpoints(CHECK_SESSION, "v2")
TRIGGER = endpoints.trigger_check_sessions("v2", [CHECK], [], refresh_cache=False)


def session(status: str = "PASSED", **fields: Any) -> dict[str, Any]:
    return {"checkSessionId": SESSION, "checkId": CHECK, "status": status, **fields}


def read(endpoint: Endpoint[Any], status: int, body: object, seconds: float = 0, **headers: str) -> Any:
    """Return what an endpoint reads from a response."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return endpoint.read(Response(endpoint.request, status, names, raw, seconds))


@pytest.mark.parametrize(
    ("endpoint", "method", "target", "body", "repeatable", "hold"),
    [
        (V2.get(SESSION), "GET", f"/v2/check-sessions/{SESSION}", None, True, 0),
        (V1.get(SESSION), "GET", f"/v1/check-sessions/{SESSION}", None, True, 0),
        (
            V2.completion(SESSION, 30),
            "GET",
            f"/v2/check-sessions/{SESSION}/completion?maxWaitSeconds=30",
            None,
            True,
            30,
        ),
        (V2.cancel(SESSION), "POST", f"/v1/check-sessions/{SESSION}/cancel", {}, True, 0),
        (endpoints.get_account(), "GET", "/v1/accounts/me", None, True, 0),
        (
            TRIGGER,
            "POST",
            "/v2/check-sessions/trigger",
            {"refreshCache": False, "target": {"checkId": [CHECK]}},
            False,
            endpoints.TRIGGER_SECONDS,
        ),
    ],
)
def test_requests(
    endpoint: Endpoint[Any],
    method: str,
    target: str,
    body: object,
    *,
    repeatable: bool,
    hold: float,
) -> None:
    """Only the trigger must not be sent twice."""
    request = endpoint.request
    assert (request.method, request.target, request.body, request.repeatable, request.hold) == (
        (method, target, body, repeatable, hold)
    )
    assert str(request) == f"{method} {target.partition('?')[0]}"


@pytest.mark.parametrize(
    ("check_ids", "tags", "target"),
    [
        ([CHECK], [], {"checkId": [CHECK]}),
        ([], [["a", "!b"], ["c"]], {"matchTags": [["a", "!b"], ["c"]]}),
        ((CHECK,), (("a",),), {"checkId": [CHECK], "matchTags": [["a"]]}),
        ([], [], None),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_body_of_a_trigger(
    version: endpoints.ApiVersion, check_ids: list[str], tags: list[list[str]], target: object
) -> None:
    request = endpoints.trigger_check_sessions(version, check_ids, tags, refresh_cache=True).request
    assert request.path == f"/{version}/check-sessions/trigger"
    assert request.body == {"refreshCache": True, **({"target": target} if target else {})}


@pytest.mark.parametrize(
    ("parts", "escaped"),
    [
        (("v2", "check-sessions"), "/v2/check-sessions"),
        (("v2", "../accounts?x=1#y"), "/v2/..%2Faccounts%3Fx%3D1%23y"),
        (("a b", "ü", "%2F"), "/a%20b/%C3%BC/%252F"),
    ],
)
def test_path_parts_are_escaped(parts: tuple[str, ...], escaped: str) -> None:
    assert path(*parts) == escaped


def test_the_key_is_in_the_headers_and_nowhere_else() -> None:
    account = Credentials("https://host/api", "account-1", "cu_canary")
    assert account.headers() == {
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "Authorization": "Bearer cu_canary",
        "User-Agent": f"airflow-provider-checkly/{__version__}",
        "x-checkly-account": "account-1",
    }
    assert "cu_canary" not in f"{account!r} {account}"
    assert account.url(V2.completion(SESSION, 7).request) == (
        f"https://host/api/v2/check-sessions/{SESSION}/completion?maxWaitSeconds=7"
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (100, exceptions.ChecklyRefused),
        (204, None),
        (299, None),
        (302, exceptions.ChecklyRefused),
        (304, exceptions.ChecklyRefused),
        (400, exceptions.ChecklyRefused),
        (401, exceptions.ChecklyAuthError),
        (402, exceptions.ChecklyPlanLimit),
        (403, exceptions.ChecklyAuthError),
        (404, exceptions.ChecklyNotFound),
        (408, exceptions.ChecklyRefused),
        (418, exceptions.ChecklyRefused),
        (429, exceptions.ChecklyRateLimited),
        (500, exceptions.ChecklyRefused),
        (502, exceptions.ChecklyRefused),
        (503, exceptions.ChecklyRefused),
        (504, exceptions.ChecklyRefused),
        (600, exceptions.ChecklyRefused),
    ],
)
def test_the_error_of_each_status(status: int, kind: type[exceptions.ChecklyRefused] | None) -> None:
    """The error names method, path, status and Checkly's message."""
    endpoint = V2.cancel(SESSION)
    body = {"statusCode": status, "error": "No", "message": "Checkly's own words"}
    if kind is None:
        assert read(endpoint, status, body) is None
        return
    with pytest.raises(exceptions.ChecklyRefused) as caught:
        read(endpoint, status, body, retry_after="7")
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.message, error.retry_after) == (status, "Checkly's own words", 7)
    assert str(error) == (
        f"POST /v1/check-sessions/{SESSION}/cancel: Checkly responded {status}: Checkly's own words."
        f"{' This needs an API key with the role Read & Run.' if status == 403 else ''}"
    )


@pytest.mark.parametrize("body", [{}, {"message": ""}, {"message": {"deep": 1}}, {"message": 7}])
def test_an_error_without_a_message_says_so(body: dict[str, Any]) -> None:
    with pytest.raises(exceptions.ChecklyRefused, match="Checkly responded 502: no message"):
        read(V2.get(SESSION), 502, {"statusCode": 502, **body})


@pytest.mark.usefixtures("_no_garbage_collection")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no message"),
        (b"{}", "'{}'"),
        (b'{"message": "No"}', """'{"message": "No"}'"""),
        (b'{"statusCode": 500, "message": "No"}', """'{"statusCode": 500, "message": "No"}'"""),
        (b"<html>\n<h1>502</h1>", r"'<html>\n<h1>502</h1>'"),
        (b"[1]", "'[1]'"),
        (b"\xff\xfe", "'\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}'"),
        (b'{"message":' * 100_000, "…'"),
        (b"x" * 10_000, "…'"),
    ],
)
def test_the_error_of_another_server_quotes_the_response(body: bytes, message: str) -> None:
    with pytest.raises(exceptions.ChecklyRefused, match="the server responded 502") as caught:
        read(V2.get(SESSION), 502, body)
    assert caught.value.message.endswith(message)
    assert caught.value.message in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_proxy_cannot_say_that_checkly_refuses(status: int) -> None:
    """Its 404 does not mean that no check matches, and its 401 not that the API key is wrong."""
    for endpoint in (V2.get(SESSION), TRIGGER):
        with pytest.raises(exceptions.ChecklyRefused, match="a proxy or another server responded") as caught:
            read(endpoint, status, b"<html>")
        assert type(caught.value) is exceptions.ChecklyRefused


@pytest.mark.parametrize(
    ("endpoint", "role"),
    [(TRIGGER, "Read & Run"), (V2.cancel(SESSION), "Read & Run"), (V2.get(SESSION), "")],
)
def test_a_403_names_the_role_that_the_key_needs(endpoint: Endpoint[Any], role: str) -> None:
    with pytest.raises(exceptions.ChecklyAuthError) as caught:
        read(endpoint, 403, {"statusCode": 403, "message": "No."})
    advice = f" This needs an API key with the role {role}." if role else ""
    assert str(caught.value).endswith(f"Checkly responded 403: No.{advice}")


def test_the_error_of_a_redirect_shows_where_it_leads() -> None:
    with pytest.raises(
        exceptions.ChecklyRefused, match=r"responded 301.*It redirects to 'https://elsewhere/x'; set the host"
    ):
        read(V2.get(SESSION), 301, b"", location="https://elsewhere/x")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ({"retry-after": "0"}, 0),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 7 "}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "86400000"}, 86_400_000),
        ({"retry-after": "9" * 400}, float("inf")),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1_0"}, None),
        ({"retry-after": "1e3"}, None),
        ({"retry-after": "."}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 99999999999 07:28:00 GMT"}, None),
        ({"retry-after": "", "x-ratelimit-reset": ""}, None),
        ({"x-ratelimit-reset": "12"}, None),
        ({"x-ratelimit-reset": "never"}, None),
        ({}, None),
    ],
)
def test_retry_after(value: dict[str, str], seconds: float | None) -> None:
    """Nonsense and moments in the past are ignored."""
    assert endpoints.retry_after(Response(V2.get(SESSION).request, 429, value, b"")) == seconds


@pytest.mark.parametrize(
    ("ahead", "seconds", "least", "most"),
    [
        (0, 0.1, 0, 0),
        (0.5, 0.1, 0, 1.7),
        (-20, 30, 0, 0),
        (300, 0.1, 300, 301.5),
        (300, 20, 319, 322),
        (-300, 0.1, -300, -298),
        (-300, 20, -280, -278),
    ],
)
def test_clock_lead(ahead: float, seconds: float, least: float, most: float) -> None:
    """Too large an estimate makes a wait longer; too small a one would count old statuses."""
    headers = {"date": formatdate(time.time() + ahead)}
    found = endpoints.clock_lead(Response(Request("GET", "/"), 200, headers, b"", seconds))
    assert least - 1 <= found <= most


@pytest.mark.parametrize("headers", [{}, {"date": ""}, {"date": "soon"}, {"date": "0"}])
def test_without_a_date_clocks_are_taken_to_agree(headers: dict[str, str]) -> None:
    assert endpoints.clock_lead(Response(Request("GET", "/"), 200, headers, b"")) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": formatdate(time.time() + 10_000, usegmt=True)},
        {"x-ratelimit-reset": str(int(time.time()) + 10_000)},
    ],
)
def test_a_moment_in_the_future_becomes_seconds_from_now(headers: dict[str, str]) -> None:
    """A date, or the Unix seconds that Checkly's own Go client reads."""
    found = endpoints.retry_after(Response(V2.get(SESSION).request, 429, headers, b""))
    assert found is not None
    assert 0 < found <= 10_000


@pytest.mark.parametrize("status", [408, 503, 200])
def test_the_reset_of_the_rate_limit_counts_for_a_429_only(status: int) -> None:
    """A server may send it with every response; it must not slow waits down."""
    headers = {"x-ratelimit-reset": str(int(time.time()) + 50)}
    assert endpoints.retry_after(Response(V2.get(SESSION).request, status, headers, b"")) is None


@given(st.text(st.characters(max_codepoint=255)))
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("0 0 0 0 0")
@example("Mon, 1 Jan 1 1:1:1:1")
def test_no_header_raises(value: str) -> None:
    hint = endpoints.retry_after(Response(Request("GET", "/"), 429, {"retry-after": value}, b""))
    assert hint is None or hint >= 0


@pytest.mark.parametrize("status", ["PASSED", "FAILED", "DEGRADED", "TIMED_OUT", "CANCELLED"])
def test_a_completion_returns_the_ended_session(status: str) -> None:
    assert read(V2.completion(SESSION, 30), 200, session(status)) == session(status)


@pytest.mark.parametrize("value", [0, 31, -1, 1.0, 29.5, True, None, "30", float("nan"), 10**9])
def test_a_bad_max_wait_is_refused(value: Any) -> None:
    """Checkly holds a response back for 1 to 30 whole seconds."""
    with pytest.raises(exceptions.InvalidInput) as caught:
        V2.completion(SESSION, value)
    assert str(caught.value) == f"max_wait_seconds must be a whole number from 1 to 30, not {value!r}."


@pytest.mark.parametrize(
    ("make", "argument"),
    [(V2.get, "check_session_id"), (SessionEndpoints(TEST_SESSION).cancel, "test_session_id")],
)
def test_an_id_that_is_not_a_uuid_is_not_sent(make: Callable[[str], Endpoint[Any]], argument: str) -> None:
    with pytest.raises(exceptions.InvalidInput, match=rf"^{argument}: '\.\./x' is not a UUID"):
        make("../x")
    assert make(f" {SESSION.upper()}\n").request.path == make(SESSION).request.path


@pytest.mark.parametrize("status", ["STARTED", "PROGRESS", "PROGRESS_FAILED", "PROGRESS_DEGRADED"])
def test_a_completion_without_a_final_status_is_refused(status: str) -> None:
    with pytest.raises(
        exceptions.ChecklyUnreadable,
        match=rf"reports session {SESSION} as complete, but its status is {status}\.",
    ):
        read(V2.completion(SESSION, 30), 200, session(status))
    assert read(V2.get(SESSION), 200, session(status)) == session(status)


@pytest.mark.parametrize("endpoint", [V2.get(SESSION), V2.completion(SESSION, 30)])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"<html>",
        b'{"status": "PASSED"}',
        session("NEW_ONE"),
        session(status=None),
        session(checkSessionId=OTHER),
        {"sessions": [session()]},
    ],
)
def test_an_unexpected_response_is_refused(endpoint: Endpoint[Any], body: object) -> None:
    """It is never success."""
    with pytest.raises(exceptions.ChecklyUnreadable, match=r"GET /v2/check-sessions/.*"):
        read(endpoint, 200, body)


def test_the_session_may_be_named_in_upper_case() -> None:
    assert read(V2.get(SESSION), 200, session(checkSessionId=SESSION.upper()))["status"] == "PASSED"


@pytest.mark.parametrize(
    ("hold", "seconds", "headers", "expected"),
    [
        (30, 30.1, {"retry_after": "0"}, StillRunning(0, early=False)),
        (30, 30.1, {}, StillRunning(None, early=False)),
        (30, 15.0, {"retry_after": "3"}, StillRunning(3, early=False)),
        (30, 14.9, {"retry_after": "3"}, StillRunning(3, early=True)),
        (30, 0.01, {}, StillRunning(None, early=True)),
        (1, 0.4, {}, StillRunning(None, early=True)),
        (1, 0.5, {}, StillRunning(None, early=False)),
    ],
)
def test_408_of_a_completion_means_still_running(
    hold: int, seconds: float, headers: dict[str, str], expected: StillRunning
) -> None:
    """Whatever its body, it is not an error."""
    assert read(V2.completion(SESSION, hold), 408, {"statusCode": 408}, seconds, **headers) == expected
    for body in (b"<html>408</html>", {"statusCode": 504}, b""):
        found = read(V2.completion(SESSION, hold), 408, body, seconds, **headers)
        assert found == replace(expected, from_checkly=False)


@pytest.mark.parametrize("endpoint", [V2.get(SESSION), V2.cancel(SESSION), TRIGGER, endpoints.get_account()])
def test_408_of_anything_else_is_an_error(endpoint: Endpoint[Any]) -> None:
    with pytest.raises(exceptions.ChecklyRefused, match="responded 408"):
        read(endpoint, 408, b"")


def test_a_trigger_returns_its_sessions() -> None:
    started = [session("STARTED"), session("PASSED", checkSessionId=OTHER)]
    assert read(TRIGGER, 201, {"sessions": started}) == started


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (
            404,
            {"statusCode": 404, "message": "No matching checks were found."},
            exceptions.NoMatchingChecks,
            "No matching checks",
        ),
        (404, {"statusCode": 404}, exceptions.NoMatchingChecks, "responded 404"),
        (404, b"<html>", exceptions.ChecklyRefused, "another server responded"),
        (201, {"sessions": []}, exceptions.NoMatchingChecks, "started no session"),
        (201, {}, exceptions.ChecklyUnreadable, "no list 'sessions': '{}'"),
        (201, {"sessions": None}, exceptions.ChecklyUnreadable, "no list 'sessions'"),
        (201, {"sessions": {"0": session()}}, exceptions.ChecklyUnreadable, "no list 'sessions'"),
        (201, [session()], exceptions.ChecklyUnreadable, "not a JSON object"),
        (201, {"sessions": [session(), None]}, exceptions.ChecklyUnreadable, "not an object: 'null'"),
        (201, {"sessions": [session("NEW_ONE")]}, exceptions.ChecklyUnreadable, "unknown status"),
        (201, {"sessions": [{"checkSessionId": SESSION}]}, exceptions.ChecklyUnreadable, "without checkId"),
        (201, b"", exceptions.ChecklyUnreadable, "not readable JSON"),
        (402, {"statusCode": 402, "message": "Upgrade"}, exceptions.ChecklyPlanLimit, "Upgrade"),
    ],
)
def test_a_trigger_that_started_nothing_or_is_unclear(
    status: int, body: object, kind: type[exceptions.ChecklyError], text: str
) -> None:
    with pytest.raises(exceptions.ChecklyError, match=text) as caught:
        read(TRIGGER, status, body)
    assert type(caught.value) is kind
    assert "POST /v2/check-sessions/trigger: " in str(caught.value)
    if isinstance(caught.value, exceptions.ChecklyUnreadable):
        assert str(caught.value).endswith(
            "Sessions may have started; check at Checkly before you trigger again."
        )
        assert caught.value.permanent
    if isinstance(caught.value, exceptions.NoMatchingChecks):
        assert (caught.value.status, caught.value.permanent) == (404, True)


def test_no_matching_checks_keeps_checklys_words() -> None:
    with pytest.raises(exceptions.NoMatchingChecks) as caught:
        read(TRIGGER, 404, {"statusCode": 404, "message": "No matching checks were found."})
    assert caught.value.message == "No matching checks were found."


def test_the_account_is_returned_as_it_is() -> None:
    body = {"id": "1", "name": "Acme"}
    assert read(endpoints.get_account(), 200, body) == body


@pytest.mark.parametrize("body", [{}, {"status": "ok"}, {"id": None}, {"id": 7}, {"accounts": []}])
def test_json_of_another_server_is_not_an_account(body: object) -> None:
    with pytest.raises(exceptions.ChecklyUnreadable, match=r"is not an account: .*Check the host"):
        read(endpoints.get_account(), 200, body)


def test_an_account_that_does_not_exist_is_not_checklys() -> None:
    """The frameworks of other servers refuse in the same form; so does Checkly for a wrong path."""
    refusal = {"statusCode": 404, "error": "Not Found", "message": "Route GET:/v1/accounts/me not found"}
    with pytest.raises(exceptions.ChecklyRefused, match="a proxy or another server responded") as caught:
        read(endpoints.get_account(), 404, refusal)
    assert type(caught.value) is exceptions.ChecklyRefused


TESTS = SessionEndpoints(TEST_SESSION, "v2")
BODY: dict[str, Any] = {"name": "deploy", "target": {"checkId": [CHECK]}}
TRIGGER_TESTS = endpoints.trigger_test_session(BODY)


def suite(status: str = "PASSED", **fields: Any) -> dict[str, Any]:
    return {"testSessionId": SESSION, "status": status, **fields}


def test_requests_about_test_sessions() -> None:
    """They exist in API v1 only, and are not started twice either."""
    assert TRIGGER_TESTS.request == Request(
        "POST", "/v1/test-sessions/trigger", body=BODY, hold=endpoints.TRIGGER_SECONDS, repeatable=False
    )
    assert TESTS.get(SESSION).request.path == f"/v1/test-sessions/{SESSION}"
    assert TESTS.completion(SESSION, 9).request.target == (
        f"/v1/test-sessions/{SESSION}/completion?maxWaitSeconds=9"
    )
    assert TESTS.cancel(SESSION).request.path == f"/v1/test-sessions/{SESSION}/cancel"


@pytest.mark.parametrize("status", ["PASSED", "FAILED", "CANCELLED"])
def test_the_completion_of_a_test_session(status: str) -> None:
    assert read(TESTS.completion(SESSION, 30), 200, suite(status)) == suite(status)


@pytest.mark.parametrize("body", [suite("RUNNING"), suite("DEGRADED"), suite("NEW_ONE"), session(), {}])
def test_a_test_session_has_its_own_statuses(body: object) -> None:
    with pytest.raises(exceptions.ChecklyUnreadable):
        read(TESTS.completion(SESSION, 30), 200, body)


def test_a_trigger_returns_its_test_session() -> None:
    assert read(TRIGGER_TESTS, 201, suite("RUNNING")) == suite("RUNNING")
    with pytest.raises(exceptions.NoMatchingChecks, match="No matching"):
        read(TRIGGER_TESTS, 404, {"statusCode": 404, "message": "No matching checks were found."})
    with pytest.raises(exceptions.ChecklyUnreadable, match="testSessionId"):
        read(TRIGGER_TESTS, 201, session())


RESULT = "r/1"


@pytest.mark.parametrize(
    ("endpoint", "method", "where"),
    [
        (endpoints.get_check(CHECK), "GET", f"/v1/checks/{CHECK}"),
        (endpoints.get_result(CHECK_SESSION, CHECK, RESULT), "GET", f"/v1/check-results/{CHECK}/r%2F1"),
        (
            endpoints.get_result(TEST_SESSION, SESSION, RESULT),
            "GET",
            f"/v1/test-sessions/{SESSION}/results/r%2F1",
        ),
        (
            endpoints.get_assets(CHECK_SESSION, CHECK, RESULT),
            "GET",
            f"/v1/check-results/{CHECK}/r%2F1/assets",
        ),
        (
            endpoints.get_assets(TEST_SESSION, SESSION, RESULT),
            "GET",
            f"/v1/test-sessions/{SESSION}/results/r%2F1/assets",
        ),
        (endpoints.get_error_group(CHECK_SESSION, OTHER), "GET", f"/v1/error-groups/{OTHER}"),
        (endpoints.get_error_group(TEST_SESSION, OTHER), "GET", f"/v1/test-session-error-groups/{OTHER}"),
        (
            endpoints.trigger_root_cause_analysis(CHECK_SESSION, OTHER),
            "POST",
            f"/v1/root-cause-analyses/error-groups/{OTHER}",
        ),
        (endpoints.get_root_cause_analysis(OTHER), "GET", f"/v1/root-cause-analyses/{OTHER}"),
    ],
)
def test_requests_for_details(endpoint: Endpoint[Any], method: str, where: str) -> None:
    """A root-cause analysis costs quota, so it is not started twice."""
    request = endpoint.request
    assert (request.method, request.target) == (method, where)
    assert request.repeatable is (method == "GET")
    assert read(endpoint, 200, {"id": "1"}) == {"id": "1"}


def test_a_root_cause_analysis_may_still_be_in_progress() -> None:
    assert read(endpoints.get_root_cause_analysis(OTHER), 202, {"id": OTHER}) is None
