"""WaitResult <-> event, and the conclusion: pure functions."""

from __future__ import annotations

import json
import logging
import pickle
import string
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_checkly import exceptions
from airflow_provider_checkly.api import models
from airflow_provider_checkly.arguments import CAN_FAIL, FAIL_ON
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
from airflow_provider_checkly.events import (
    WaitResult,
    complete,
    conclude,
    decide,
    first_link,
    for_airflow,
    for_xcom,
)

ID = "00000000-0000-4000-8000-{:012}".format


def session(number: int, status: str, **fields: Any) -> Any:
    return {
        "checkSessionId": ID(number),
        "checkId": ID(number + 1000),
        "name": f"Check {number}",
        "checkSessionLink": f"https://checkly/{number}",
        "status": status,
        **fields,
    }


def outcome(*statuses: str, late: bool = False, **fields: Any) -> WaitResult:
    sessions = tuple(session(number, status) for number, status in enumerate(statuses))
    unfinished = tuple(s["checkSessionId"] for s in sessions if s["status"] not in models.FINAL)
    ids = tuple(s["checkSessionId"] for s in sessions)
    return WaitResult(ids, sessions, unfinished, late=late, **fields)


def concluded(found: WaitResult, fail_on: frozenset[str] | None = None) -> list[Any]:
    return conclude(found, decide(found, Gate(fail_on)))


CONCLUSIONS: list[tuple[WaitResult, type[Exception] | None]] = [
    (outcome("PASSED", "DEGRADED"), None),
    (outcome("PASSED", "FAILED"), ChecksFailed),
    (outcome("CANCELLED"), ChecksFailed),
    (outcome("TIMED_OUT", "PROGRESS", late=True), ChecksFailed),
    (outcome("PASSED", "STARTED", late=True), ChecksTimedOut),
    (outcome("PASSED", "PROGRESS"), ChecklyUnreadable),
    (outcome(), ChecklyUnreadable),
    (WaitResult((ID(1), ID(2)), (session(1, "PASSED"),)), ChecklyUnreadable),
    (WaitResult((ID(1),), (session(1, "PASSED"), session(2, "PASSED"))), ChecklyUnreadable),
    (WaitResult((ID(1),), None), ChecklyUnreadable),
    (outcome("PASSED", error=ChecklyAuthError("no", status=401)), ChecklyAuthError),
]


@pytest.mark.parametrize(("found", "expected"), CONCLUSIONS)
def test_conclusions(found: WaitResult, expected: type[Exception] | None) -> None:
    """Pitfall 8: what is not known to be well is not well."""
    if expected is None:
        assert concluded(found) == list(found.sessions or ())
        return
    with pytest.raises(expected):
        concluded(found)


@given(
    st.lists(st.sampled_from(sorted(models.STATUSES)), max_size=5),
    st.frozensets(st.sampled_from(sorted(CAN_FAIL))),
    st.booleans(),
)
def test_success_means_that_all_ended_well(statuses: list[str], fail_on: frozenset[str], late: bool) -> None:  # noqa: FBT001
    well = bool(statuses) and all(status in models.FINAL - fail_on for status in statuses)
    try:
        concluded(outcome(*statuses, late=late), fail_on)
    except ChecklyError:
        assert not well
    else:
        assert well


def test_texts_name_what_happened() -> None:
    many = outcome(*["FAILED"] * 12)
    with pytest.raises(ChecksFailed, match=r"12 of 12 checks did not pass: Check 0 FAILED;.*; and 2 more"):
        concluded(many)
    late = WaitResult(
        (ID(0), ID(1), ID(2)),
        (session(0, "STARTED"), session(1, "PROGRESS")),
        (ID(0), ID(1), ID(2)),
        late=True,
    )
    with pytest.raises(ChecksTimedOut) as caught:
        concluded(late)
    text = str(caught.value)
    assert "Check 0 has not got beyond its start" in text
    assert "Check 1 is still running" in text
    assert ID(2) in text
    assert "TIMED_OUT" not in text


def test_links() -> None:
    assert first_link([], FAIL_ON) == ""
    assert first_link([session(1, "PASSED"), session(2, "FAILED")], FAIL_ON) == "https://checkly/2"
    assert first_link([session(1, "PASSED"), session(2, "DEGRADED")], FAIL_ON) == "https://checkly/1"


# Events

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
    """Pitfall 24."""
    sessions = tuple(session(number, status, extra=extra) for number, (status, extra) in enumerate(found))
    ids = tuple(each["checkSessionId"] for each in sessions)
    there = WaitResult(ids, sessions, ids[:1], late=late)
    back = WaitResult.from_event(json.loads(json.dumps(there.to_event())))
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
    """Pitfall 16: with their whole text, and their class decides what Airflow does."""
    back = WaitResult.from_event(json.loads(json.dumps(WaitResult((ID(1),), error=error).to_event()))).error
    assert back is not None
    assert (type(back), str(back), back.permanent) == (type(error), str(error), error.permanent)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own


NOT_OURS: list[object] = [
    None,
    {},
    "success",
    {"status": "success"},
    {**outcome("PASSED").to_event(), "version": 2},
    {**outcome("PASSED").to_event(), "session_ids": []},
    {**outcome("PASSED").to_event(), "session_ids": ["x"]},
    {**outcome("PASSED").to_event(), "unfinished": [None]},
    {**outcome("PASSED").to_event(), "late": "no"},
    {**outcome("PASSED").to_event(), "sessions": "none"},
    {**outcome("PASSED").to_event(), "sessions": [{"status": "PASSED"}]},
    {**outcome("PASSED").to_event(), "sessions": [session(0, "NEW_ONE")]},
    {**outcome("PASSED").to_event(), "error": {"type": "ChecklyError"}},
]


@pytest.mark.parametrize("event", NOT_OURS)
def test_events_that_are_not_ours(event: object) -> None:
    """Pitfall 21."""
    with pytest.raises(ChecklyError, match="event"):
        WaitResult.from_event(event)


# Literal, as release 0.1.0 left them in the database: today's code must read them.
STORED_EVENT = """{"version": 1, "session_ids": ["c0000000-0000-4000-8000-000000000001",
"c0000000-0000-4000-8000-000000000002"], "unfinished": ["c0000000-0000-4000-8000-000000000002"], "late": true,
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


def test_what_an_older_release_stored() -> None:
    """Pitfall 54."""
    late = WaitResult.from_event(json.loads(STORED_EVENT))
    assert (late.late, late.unfinished) == (True, ("c0000000-0000-4000-8000-000000000002",))
    assert [models.status(each) for each in late.final] == ["PASSED"]
    with pytest.raises(ChecksTimedOut, match="1 of 2"):
        concluded(late)
    error = WaitResult.from_event(json.loads(STORED_ERROR)).error
    assert isinstance(error, ChecklyAuthError)
    assert (str(error), error.status, error.permanent) == ("GET /x: 401", 401, True)
    assert WaitResult.from_event(json.loads(STORED_LARGE)).sessions is None
    with pytest.raises(ChecksFailed):
        concluded(WaitResult.from_event(json.loads(STORED_TEST_SESSION)))


def test_what_a_newer_release_adds_is_no_harm() -> None:
    """Pitfall 54: workers may be updated after the triggerer."""
    event = {**json.loads(STORED_ERROR), "more": 1}
    event["error"]["more"] = 1
    assert isinstance(WaitResult.from_event(event).error, ChecklyAuthError)


def test_an_event_names_only_our_errors() -> None:
    event = WaitResult((ID(1),), error=ChecklyError("x")).to_event()
    for name in ("TYPE_CHECKING", "Exception", "REFUSALS", "annotations"):
        event["error"] = {"type": name, "text": "x", "status": 0}
        assert type(WaitResult.from_event(event).error) is ChecklyError


def test_the_size_of_an_event() -> None:
    """Pitfall 44: below 64 KiB, whatever the sessions hold; they are then read again."""
    there = outcome(*["PASSED"] * 500)
    event = there.to_event()
    assert len(json.dumps(event).encode()) < 64 * 1024
    back = WaitResult.from_event(event)
    assert back.sessions is None
    whole = complete(back, lambda ids: [session(int(each[-12:]), "PASSED") for each in ids])
    assert concluded(whole) == list(there.sessions or ())
    assert complete(there, lambda _: []) is there


def test_keys_that_airflow_keeps_for_itself() -> None:
    upset = session(
        1, "PASSED", results=[{"__classname__": "x", "a": {"__id__": 1}, "b": [{"__type": "dict"}]}]
    )
    (back,) = for_xcom([upset])
    assert back["results"] == [
        {"checkly__classname__": "x", "a": {"checkly__id__": 1}, "b": [{"checkly__type": "dict"}]}
    ]
    assert "__classname__" not in json.dumps(WaitResult((ID(1),), (upset,)).to_event()).replace(
        "checkly__", ""
    )


def test_text_that_no_database_takes() -> None:
    """JSON may hold halves of characters and NUL; Airflow's client and PostgreSQL refuse them."""
    odd = json.loads('{"a": "x\\ud800y", "b": ["\\u0000"], "c\\udfff": 1.5}')
    (back,) = for_xcom([session(1, "PASSED", **odd)])
    assert (back["a"], back["b"], back["c?"]) == ("x?y", ["?"], 1.5)
    json.dumps(back, ensure_ascii=False).encode()


def test_the_size_of_xcom(caplog: pytest.LogCaptureFixture) -> None:
    big = [session(number, "PASSED", results=[{"text": "x" * 2000}]) for number in range(600)]
    with caplog.at_level(logging.WARNING):
        fit = for_xcom(big)
    assert len(json.dumps(fit)) < 1024 * 1024
    assert [each["checkSessionId"] for each in fit] == [each["checkSessionId"] for each in big]
    assert "without their results" in caplog.text
    assert for_xcom(big[:10]) == big[:10]


# What leaves the task


@pytest.mark.parametrize(
    ("error", "soft_fail", "retry_failed", "kinds", "not_kinds"),
    [
        (ChecksFailed("x"), False, False, (ChecksFailed, AirflowFailException), ()),
        (ChecksFailed("x"), False, True, (ChecksFailed, AirflowException), (AirflowFailException,)),
        (ChecksFailed("x"), True, False, (AirflowSkipException,), ()),
        (ChecksTimedOut("x"), False, False, (ChecksTimedOut, AirflowException), (AirflowFailException,)),
        (ChecksTimedOut("x"), True, False, (AirflowSkipException,), ()),
        (ChecklyAuthError("x", status=401), False, False, (ChecklyAuthError, AirflowFailException), ()),
        (ChecklyAuthError("x", status=403), False, False, (AirflowException,), (AirflowFailException,)),
        (ChecklyAuthError("x", status=401), True, False, (ChecklyAuthError,), (AirflowException,)),
        (ChecklyUnreadable("x"), False, True, (AirflowException,), (AirflowFailException,)),
        (InvalidInput("x"), False, False, (InvalidInput, ValueError, AirflowFailException), ()),
    ],
)
def test_what_leaves_the_task(
    error: ChecklyError,
    kinds: tuple[type, ...],
    not_kinds: tuple[type, ...],
    *,
    soft_fail: bool,
    retry_failed: bool,
) -> None:
    """Pitfalls 11 and 37."""
    leaving = for_airflow(error, soft_fail=soft_fail, retry_failed=retry_failed, on_timeout=AirflowException)
    assert all(isinstance(leaving, kind) for kind in kinds)
    assert not any(isinstance(leaving, kind) for kind in not_kinds)
    assert getattr(leaving, "status", None) == getattr(error, "status", None) or soft_fail
    assert str(pickle.loads(pickle.dumps(leaving))) == "x"  # noqa: S301 - our own
