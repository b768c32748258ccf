"""Properties of any input: from Checkly, from the database, from a DAG author."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow_runner import stored
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_checkly import arguments, exceptions
from airflow_provider_checkly.api import endpoints, models
from airflow_provider_checkly.api.http import Response
from airflow_provider_checkly.api.models import CHECK_SESSION, TEST_SESSION
from airflow_provider_checkly.emulator.default_checks import PASSES
from airflow_provider_checkly.triggers import ChecklySessionTrigger

if TYPE_CHECKING:
    from airflow_provider_checkly.api.endpoints import Endpoint

CHECKS, TESTS = endpoints.SessionEndpoints(CHECK_SESSION), endpoints.SessionEndpoints(TEST_SESSION)
ENDPOINTS: list[Endpoint[Any]] = [
    CHECKS.get(PASSES),
    CHECKS.completion(PASSES, 30),
    CHECKS.cancel(PASSES),
    TESTS.get(PASSES),
    TESTS.completion(PASSES, 30),
    endpoints.trigger_check_sessions("v2", [PASSES], [], refresh_cache=False),
    endpoints.trigger_test_session({"name": "x"}),
    endpoints.get_account(),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(
    [
        "checkSessionId",
        "testSessionId",
        "checkId",
        "status",
        "results",
        "sessions",
        "name",
        "message",
        "entries",
    ]
)
words = st.sampled_from([PASSES, *sorted(models.STATUSES), "NEW_ONE", ""])
sessions = st.dictionaries(fields, words | json_values, max_size=7)
bodies = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda value: json.dumps(value).encode()),
    sessions.map(lambda value: json.dumps(value).encode()),
    st.lists(sessions, max_size=3).map(lambda value: json.dumps({"sessions": value}).encode()),
)
headers = st.dictionaries(
    st.sampled_from(["retry-after", "x-ratelimit-reset", "location", "content-type"]), st.text(max_size=20)
)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: str(endpoint.request))
@given(st.integers(100, 599), headers, bodies)
@settings(deadline=None)
def test_any_response_becomes_a_value_or_a_checkly_error(
    endpoint: Endpoint[Any], status: int, names: dict[str, str], body: bytes
) -> None:
    """A session with an unknown status is never a value, nor is a running one the value of a completion."""
    try:
        value = endpoint.read(Response(endpoint.request, status, names, body))
    except exceptions.ChecklyError as error:
        assert str(error).startswith(str(endpoint.request))  # noqa: PT017 - not every input is refused
        return
    found = value if isinstance(value, list) else [value]
    for session in found:
        if isinstance(session, dict) and endpoint.request.path.count("sessions") and "entries" not in session:
            known = {**session}.get("status")
            assert known in models.STATUSES | models.TEST_STATUSES or "textSearch" in endpoint.request.target
    if "completion" in endpoint.request.path and isinstance(value, dict):
        assert models.is_final(value)


uuids = st.uuids().map(str)
numbers = st.floats(0, 2e9)


@given(
    st.text(min_size=1),
    st.lists(uuids, min_size=1, max_size=4),
    numbers,
    st.lists(st.sampled_from(sorted(arguments.CAN_FAIL)), unique=True),
    numbers,
    numbers,
    st.booleans(),
)
def test_a_trigger_survives_the_database(  # noqa: PLR0917 - one per argument
    conn_id: str,
    ids: list[str],
    deadline: float,
    stop_on: list[str],
    not_before: float,
    max_hold_seconds: float,
    cancel_on_kill: bool,  # noqa: FBT001
) -> None:
    trigger = ChecklySessionTrigger(
        conn_id,
        ids,
        deadline,
        stop_on=stop_on,
        not_before=not_before,
        max_hold_seconds=max_hold_seconds,
        cancel_on_kill=cancel_on_kill,
    )
    assert stored(trigger).serialize() == trigger.serialize()


@given(json_values)
def test_any_rendered_value_becomes_ids_or_is_refused(value: Any) -> None:
    try:
        found = arguments.session_ids(value)
    except exceptions.InvalidInput as error:
        assert "check_session_ids" in str(error)  # noqa: PT017 - not every input is refused
        return
    assert found
    assert all(models.UUID.fullmatch(each) for each in found)


@given(st.lists(uuids, min_size=1, max_size=5))
def test_ids_are_sent_once_in_their_order(ids: list[str]) -> None:
    for given_as in (ids, json.dumps(ids), tuple(ids), iter([*ids, *(each.upper() for each in ids)])):
        assert arguments.session_ids(given_as) == list(dict.fromkeys(ids))


@given(json_values, json_values)
def test_a_target_is_never_empty(ids: Any, tags: Any) -> None:
    """Without all_checks, a trigger always names ids or tags."""
    try:
        target = arguments.target(ids, tags, all_checks=False)
    except exceptions.InvalidInput:
        return
    assert target.check_ids or target.tags
    assert all(group and all(tag.strip() for tag in group) for group in target.tags)
