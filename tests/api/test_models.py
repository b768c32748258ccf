"""Statuses and sessions: what is accepted, and what is refused as unreadable."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.http import Request, Response
from airflow_provider_checkly.api.text import quoted
from airflow_provider_checkly.exceptions import ChecklyUnreadable, InvalidInput

SESSION = "11111111-1111-4111-8111-111111111111"
CHECK = "22222222-2222-4222-8222-222222222222"
REQUEST = Request("GET", f"/v2/check-sessions/{SESSION}")


def session(**fields: Any) -> dict[str, Any]:
    return {"checkSessionId": SESSION, "checkId": CHECK, "status": "PASSED", **fields}


def response(body: bytes) -> Response:
    return Response(REQUEST, 200, {}, body)


@pytest.mark.usefixtures("_no_garbage_collection")
@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "not readable JSON"),
        (b"<html>Bad Gateway</html>", "<html>Bad Gateway"),
        (
            b"\n <!doctype html><title>Sign in",
            "That is a web page, not Checkly's API; check the host of the",
        ),
        (b'{"status": "PASSED"', '"status": "PASSED"'),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": Infinity}', "Infinity"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1e999}', "1e999"),
        (b'{"status": "PASSED", "status": "FAILED"}', "twice"),
        (b'{"results": [{"a": 1, "a": 2}]}', "twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not readable JSON"),
        (b'{"a":' * 100_000, "RecursionError"),
        (b"[" * 100_000, "RecursionError"),
        (b'{"name": "\xff\xfe"}', "UnicodeDecodeError"),
        (json.dumps(session()).encode("utf-16"), "UnicodeDecodeError"),
        (b"[1, 2]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"PASSED"', "not a JSON object"),
        (b"true", "not a JSON object"),
        (b"12", "not a JSON object"),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused_and_quoted(body: bytes, fault: str) -> None:
    """The error names request and status, and quotes the start of the body."""
    with pytest.raises(ChecklyUnreadable) as caught:
        models.json_object(response(body))
    text = str(caught.value)
    assert fault in text
    assert text.startswith(f"GET /v2/check-sessions/{SESSION}: the response (200)")
    assert quoted(body) in text
    assert len(text) < 1200


def test_an_object_is_returned_as_it_is() -> None:
    assert models.json_object(response('{"name": "Größe", "n": [1.5, null]}'.encode())) == {
        "name": "Größe",
        "n": [1.5, None],
    }


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "a session that is not an object: 'null'"),
        ([], "a session that is not an object"),
        ("PASSED", "a session that is not an object"),
        ({}, "a session without checkSessionId: '{}'"),
        (session(checkSessionId=None), "a session without checkSessionId"),
        (session(checkSessionId=""), "a session without checkSessionId"),
        (session(checkSessionId=7), "a session without checkSessionId"),
        (
            session(checkSessionId="../../v1/accounts/me"),
            "checkSessionId '../../v1/accounts/me' is not a UUID",
        ),
        (session(checkSessionId=SESSION + "\n"), "is not a UUID"),
        (session(checkId=None), "a session without checkId"),
        (session(checkId="homepage"), "checkId 'homepage' is not a UUID"),
        (session(status=None), "a session without status"),
        (session(status=""), "a session without status"),
        (session(status=["PASSED"]), "a session without status"),
        (session(status=0), "a session without status"),
        (session(status=True), "a session without status"),
        (session(status="NEW_ONE"), f"unknown status 'NEW_ONE' of session {SESSION}"),
        (session(status="passed"), "unknown status 'passed'"),
        (session(status=" PASSED"), "unknown status ' PASSED'"),
        (session(status="RUNNING"), "unknown status 'RUNNING'"),
        (session(status="x" * 10_000), "unknown status 'xxx"),
    ],
)
def test_an_unexpected_session_is_refused(value: Any, fault: str) -> None:
    """An unknown status is never success."""
    with pytest.raises(ChecklyUnreadable) as caught:
        models.checked_session(value, "GET /here")
    assert str(caught.value).startswith("GET /here: ")
    assert fault in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("said", "is_final"),
    [
        ("PASSED", True),
        ("FAILED", True),
        ("DEGRADED", True),
        ("TIMED_OUT", True),
        ("CANCELLED", True),
        ("STARTED", False),
        ("PROGRESS", False),
        ("PROGRESS_FAILED", False),
        ("PROGRESS_DEGRADED", False),
    ],
)
def test_every_status_is_known(said: str, *, is_final: bool) -> None:
    found = models.checked_session(session(status=said), "")
    assert (models.is_final(found), models.status(found)) == (is_final, said)
    assert len(models.STATUSES) == 9


@pytest.mark.parametrize(
    ("fields", "reads"),
    [
        ({"results": [{"isCancelled": False}, {"isCancelled": True}]}, "CANCELLED"),
        ({"results": [{"isCancelled": False}]}, "TIMED_OUT"),
        ({"results": [{"isCancelled": "true"}]}, "TIMED_OUT"),
        ({"results": [{}]}, "TIMED_OUT"),
        ({"results": [None, "x", ["isCancelled"]]}, "TIMED_OUT"),
        ({"results": None}, "TIMED_OUT"),
        ({"results": "isCancelled"}, "TIMED_OUT"),
        ({"results": {"isCancelled": True}}, "TIMED_OUT"),
        ({"results": []}, "TIMED_OUT"),
        ({}, "TIMED_OUT"),
    ],
)
def test_v1_reports_cancelled_as_timed_out(fields: dict[str, Any], reads: str) -> None:
    """A cancelled session is told from one that timed out, whatever the results look like."""
    assert models.status(session(status="TIMED_OUT", **fields)) == reads


@pytest.mark.parametrize("said", ["PASSED", "FAILED", "DEGRADED", "PROGRESS"])
def test_cancelled_results_do_not_change_other_statuses(said: str) -> None:
    assert models.status(session(status=said, results=[{"isCancelled": True}])) == said


def test_session_ids_are_in_lower_case() -> None:
    assert models.session_id(session(checkSessionId=SESSION.upper())) == SESSION


@pytest.mark.parametrize(
    ("elapsed", "seconds"),
    [
        (1500, 1.5),
        (0, 0),
        (12.5, 0.0125),
        (None, None),
        ("1500", None),
        (True, None),
        ([1], None),
        (10**400, None),
        (float("inf"), None),
        (-1, None),
    ],
)
def test_a_malformed_duration_is_ignored(elapsed: object, seconds: float | None) -> None:
    assert models.seconds(session(timeElapsed=elapsed)) == seconds


@pytest.mark.parametrize(
    ("fields", "label", "link"),
    [
        ({"name": "Home", "checkSessionLink": "https://app/1"}, "Home", "https://app/1"),
        ({"name": "", "checkSessionLink": None}, CHECK, ""),
        ({"name": None, "checkSessionLink": 3}, CHECK, ""),
        ({"name": ["Home"], "checkSessionLink": {}}, CHECK, ""),
        ({}, CHECK, ""),
    ],
)
def test_name_and_link_may_be_missing(fields: dict[str, Any], label: str, link: str) -> None:
    assert (models.label(session(**fields)), models.link(session(**fields))) == (label, link)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "None",
        None,
        7,
        SESSION[:-1],
        SESSION + "0",
        SESSION.replace("-", ""),
        f"{{{SESSION}}}",
        "zzzzzzzz-1111-4111-8111-111111111111",
        f"{SESSION},{CHECK}",
        f"{SESSION}/cancel",
        "{{ params.session }}",
    ],
)
def test_an_id_that_is_not_a_uuid_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        models.uuid(value, "check_ids")
    assert str(caught.value).startswith(f"check_ids: {str(value)!r} is not a UUID")


def test_an_id_may_be_a_uuid_object() -> None:
    assert models.uuid(uuid.UUID(SESSION), "check_session_id") == SESSION


def test_a_list_rendered_as_text_gets_a_hint() -> None:
    with pytest.raises(
        InvalidInput, match=r"is not a UUID \(a list from a template needs the filter `\| toj"
    ):
        models.uuid(f"['{SESSION}']", "check_ids")


@pytest.mark.parametrize(
    ("results", "reads"),
    [
        ([{"resultType": "FINAL", "isDegraded": True}], "DEGRADED"),
        ([{"resultType": "ATTEMPT", "isDegraded": True}], "PASSED"),
        ([{"resultType": "FINAL", "isDegraded": "true"}], "PASSED"),
        ([{"resultType": "FINAL"}, None], "PASSED"),
        (None, "PASSED"),
    ],
)
def test_a_test_session_is_degraded_if_a_final_result_is(results: object, reads: str) -> None:
    """Checkly has no such status for test sessions; attempts do not count."""
    found = {"testSessionId": SESSION, "status": "PASSED", "results": results}
    assert models.checked_session(found, "", models.TEST_SESSION) == found
    assert (models.status(found), models.is_final(found), models.session_id(found)) == (reads, True, SESSION)


def test_an_unknown_field_does_not_change_the_kind_of_a_session() -> None:
    """Undocumented fields are ignored, whatever their names."""
    own = session(testSessionId=None)
    assert models.kind_of(own) is models.CHECK_SESSION
    assert models.session_id(own) == own["checkSessionId"]
    other = {"testSessionId": own["checkSessionId"], "status": "PASSED", "checkSessionId": None}
    assert models.kind_of(other) is models.TEST_SESSION


def test_a_name_is_cleaned_for_the_log() -> None:
    assert models.label(session(name="Shop\n\x1b[31m answers \ud800")) == "Shop answers"


def test_the_depth_of_a_session_is_limited() -> None:
    deep: Any = None
    for _ in range(models.MAX_DEPTH - 2):
        deep = [deep]
    assert models.checked_session(session(x=deep), "GET /x")
    with pytest.raises(ChecklyUnreadable, match="more than 100 levels of nesting"):
        models.checked_session(session(x={"y": deep}), "GET /x")
