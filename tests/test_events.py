"""The result of a wait <-> the event of a trigger, and JSON that Airflow can store."""

from __future__ import annotations

import json
import logging
import pickle
import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_documents import ID, check, waited

from airflow_provider_checkly import exceptions
from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.polling import WaitResult
from airflow_provider_checkly.events import (
    MAX_DEFERRED_SESSIONS,
    MAX_PLAIN_IDS,
    from_event,
    json_safe,
    pack_ids,
    sessions_for_xcom,
    to_event,
    unpack_ids,
)
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyError,
    ChecklyRateLimited,
    ChecklyUnreadable,
    ChecksFailed,
    ChecksNotRun,
    ChecksTimedOut,
    InvalidInput,
)
from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.gate.evaluation import evaluate

statuses = st.sampled_from(sorted(models.STATUSES))
texts = st.text(string.printable, max_size=20)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.tuples(statuses, json_values), min_size=1, max_size=5), st.booleans())
def test_events_come_back_as_they_went(found: list[tuple[str, Any]], late: bool) -> None:  # noqa: FBT001
    """An event is stored as JSON and read in another process."""
    sessions = tuple(check(number, status, extra=extra) for number, (status, extra) in enumerate(found))
    ids = tuple(each["checkSessionId"] for each in sessions)
    waited_for = WaitResult(ids, sessions, ids[:1], late=late)
    back = from_event(json.loads(json.dumps(to_event(waited_for))))
    assert (back.ids, back.unfinished, back.late, back.error) == (ids, ids[:1], late, None)
    assert [models.status(each) for each in back.sessions or ()] == [status for status, _ in found]


ERRORS: list[ChecklyError] = [
    ChecklyError("a"),
    InvalidInput("b"),
    ChecklyAuthError("c", status=401, message="no"),
    ChecklyRateLimited("d", status=429),
    exceptions.ChecklyUnreachable("e"),
    ChecklyUnreadable("f"),
    ChecksNotRun("g", check_ids=["x"]),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_come_back_as_they_went(error: ChecklyError) -> None:
    """With their whole text, and of their class, which decides whether Airflow retries."""
    back = from_event(json.loads(json.dumps(to_event(WaitResult((ID(1),), error=error))))).error
    assert back is not None
    assert (type(back), str(back), back.permanent) == (type(error), str(error), error.permanent)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own


NOT_OURS: list[object] = [
    None,
    {},
    "success",
    {"status": "success"},
    {**to_event(waited(check(0, "PASSED"))), "version": 2},
    {**to_event(waited(check(0, "PASSED"))), "session_ids": []},
    {**to_event(waited(check(0, "PASSED"))), "session_ids": ["x"]},
    {**to_event(waited(check(0, "PASSED"))), "session_ids": "not base64!"},
    {**to_event(waited(check(0, "PASSED"))), "session_ids": "YQ=="},
    {**to_event(waited(check(0, "PASSED"))), "session_ids": ""},
    {**to_event(waited(check(0, "PASSED"))), "unfinished": [None]},
    {**to_event(waited(check(0, "PASSED"))), "unfinished": [0.0]},
    {**to_event(waited(check(0, "PASSED"))), "unfinished": [1]},
    {**to_event(waited(check(0, "PASSED"))), "unfinished": [-1]},
    {**to_event(waited(check(0, "PASSED"))), "late": "no"},
    {**to_event(waited(check(0, "PASSED"))), "sessions": "none"},
    {**to_event(waited(check(0, "PASSED"))), "sessions": [{"status": "PASSED"}]},
    {**to_event(waited(check(0, "PASSED"))), "sessions": [check(0, "NEW_ONE")]},
    {**to_event(waited(check(0, "PASSED"))), "error": {"type": "ChecklyError"}},
]


@pytest.mark.parametrize("event", NOT_OURS)
def test_events_that_are_not_ours(event: object) -> None:
    """A missing, foreign or malformed event is an error, never success."""
    with pytest.raises(ChecklyError, match="event"):
        from_event(event)


# Literal, as release 0.1.0 left them in the database: today's code must read them.
STORED_EVENT = """{"version": 1, "session_ids": ["c0000000-0000-4000-8000-000000000001",
"c0000000-0000-4000-8000-000000000002"], "unfinished": [1], "late": true,
"error": null, "sessions": [{"checkSessionId": "c0000000-0000-4000-8000-000000000001", "status": "PASSED",
"checkId": "c0000000-0000-4000-8000-000000000003", "name": "Homepage", "checkSessionLink": "https://x/1",
"results": []}]}"""
STORED_ERROR = """{"version": 1, "session_ids": ["c0000000-0000-4000-8000-000000000001"], "unfinished": [],
"late": false, "sessions": [], "error": {"type": "ChecklyAuthError", "text": "GET /x: 401", "status": 401}}"""
STORED_LARGE = """{"version": 1, "session_ids": ["c0000000-0000-4000-8000-000000000001"], "unfinished": [],
"late": false, "error": null, "sessions": null}"""
STORED_TEST_SESSION = """{"version": 1, "session_ids": ["c0000000-0000-4000-8000-000000000001"],
"unfinished": [], "late": false, "error": null, "sessions": [{"status": "FAILED", "name": "dag.task run",
"testSessionId": "c0000000-0000-4000-8000-000000000001", "testSessionLink": "https://x/1", "results": []}]}"""


def test_events_of_an_older_release() -> None:
    """Tasks may be deferred while the provider is updated."""
    late = from_event(json.loads(STORED_EVENT))
    assert (late.late, late.unfinished) == (True, ("c0000000-0000-4000-8000-000000000002",))
    assert [models.status(each) for each in late.final] == ["PASSED"]
    error = evaluate(Gate(), late).error
    assert isinstance(error, ChecksTimedOut)
    assert "1 of 2" in str(error)
    refused = from_event(json.loads(STORED_ERROR)).error
    assert isinstance(refused, ChecklyAuthError)
    assert (str(refused), refused.status, refused.permanent) == ("GET /x: 401", 401, True)
    assert from_event(json.loads(STORED_LARGE)).sessions is None
    assert isinstance(evaluate(Gate(), from_event(json.loads(STORED_TEST_SESSION))).error, ChecksFailed)


def test_fields_that_a_newer_release_adds_are_ignored() -> None:
    """Workers may be updated after the triggerer."""
    event = {**json.loads(STORED_ERROR), "more": 1}
    event["error"]["more"] = 1
    assert isinstance(from_event(event).error, ChecklyAuthError)


def test_an_event_names_only_our_errors() -> None:
    event = to_event(WaitResult((ID(1),), error=ChecklyError("x")))
    for name in ("TYPE_CHECKING", "Exception", "REFUSALS", "annotations"):
        event["error"] = {"type": name, "text": "x", "status": 0}
        assert type(from_event(event).error) is ChecklyError


def test_the_size_of_an_event() -> None:
    """Below 64 KiB, whatever the sessions hold; they are then read again."""
    waited_for = waited(*(check(number, "PASSED") for number in range(500)))
    event = to_event(waited_for)
    assert len(json.dumps(event).encode()) < 64 * 1024
    back = from_event(event)
    assert back.sessions is None
    assert replace(back, sessions=waited_for.sessions) == waited_for


def test_the_largest_event() -> None:
    """As many sessions as a deferral accepts, all unfinished, and a long error."""
    ids = tuple(map(ID, range(MAX_DEFERRED_SESSIONS)))
    large = WaitResult(ids, (), ids, late=True, error=ChecklyUnreadable("x" * 1000))
    event = json.loads(json.dumps(to_event(large)))
    assert len(json.dumps(event)) < 64 * 1024
    back = from_event(event)
    assert (back.ids, back.unfinished, back.late) == (ids, ids, True)


@pytest.mark.parametrize("count", [0, 1, MAX_PLAIN_IDS, MAX_PLAIN_IDS + 1])
def test_ids_are_packed_if_they_are_many(count: int) -> None:
    ids = [ID(number) for number in range(count)]
    packed = pack_ids(ids)
    assert isinstance(packed, str) is (count > MAX_PLAIN_IDS)
    assert unpack_ids(packed) == ids


def test_keys_that_airflow_reserves() -> None:
    upset = check(
        1, "PASSED", results=[{"__classname__": "x", "a": {"__id__": 1}, "b": [{"__type": "dict"}]}]
    )
    (back,) = sessions_for_xcom([upset])
    assert back["results"] == [
        {"checkly__classname__": "x", "a": {"checkly__id__": 1}, "b": [{"checkly__type": "dict"}]}
    ]
    assert "__classname__" not in json.dumps(to_event(WaitResult((ID(1),), (upset,)))).replace(
        "checkly__", ""
    )


def test_text_that_databases_reject() -> None:
    """JSON may hold lone surrogates and NUL; Airflow's client and PostgreSQL reject them."""
    odd = json.loads('{"a": "x\\ud800y", "b": ["\\u0000"], "c\\udfff": 1.5}')
    (back,) = sessions_for_xcom([check(1, "PASSED", **odd)])
    assert (back["a"], back["b"], back["c?"]) == ("x?y", ["?"], 1.5)
    json.dumps(back, ensure_ascii=False).encode()


def test_the_size_of_xcom(caplog: pytest.LogCaptureFixture) -> None:
    big = [check(number, "PASSED", results=[{"text": "x" * 2000}]) for number in range(600)]
    with caplog.at_level(logging.WARNING):
        fit = sessions_for_xcom(big)
    assert len(json.dumps(fit)) < 1024 * 1024
    assert [each["checkSessionId"] for each in fit] == [each["checkSessionId"] for each in big]
    assert "XCom gets them without `results`" in caplog.text
    assert sessions_for_xcom(big[:10]) == big[:10]


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


any_text = st.text() | st.text(st.sampled_from("\\u0\x00_\ud800"))
any_json = st.recursive(
    st.none() | any_text, lambda inner: st.lists(inner) | st.dictionaries(any_text, inner), max_leaves=5
)


@given(st.dictionaries(any_text, any_json))
def test_any_json_becomes_storable(value: Any) -> None:
    safe = json_safe(value)
    for text in strings(safe):
        text.encode()
        assert "\x00" not in text
    assert not any(key.startswith("__") for key in safe)
