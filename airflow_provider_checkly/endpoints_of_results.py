"""What can be asked of Checkly about single results, with checked arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_checkly.api import model, result_calls

if TYPE_CHECKING:
    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.endpoints import Endpoint


def check(check_id: str) -> Endpoint[JsonObject]:
    """Read a check."""
    call = result_calls.get_check(model.uuid(check_id, "check_id"))
    return lambda _: call


def check_result(check_id: str, result_id: str) -> Endpoint[JsonObject]:
    """Read a result of a check."""
    owner, own = model.uuid(check_id, "check_id"), model.uuid(result_id, "check_result_id")
    return lambda _: result_calls.get_result(model.CHECK_SESSION, owner, own)


def check_result_assets(check_id: str, result_id: str) -> Endpoint[JsonObject]:
    """Read which files a result of a check left."""
    owner, own = model.uuid(check_id, "check_id"), model.uuid(result_id, "check_result_id")
    return lambda _: result_calls.get_assets(model.CHECK_SESSION, owner, own)


def test_session_result(session_id: str, result_id: str) -> Endpoint[JsonObject]:
    """Read a result of a test session."""
    owner, own = model.uuid(session_id, "test_session_id"), model.uuid(result_id, "test_session_result_id")
    return lambda _: result_calls.get_result(model.TEST_SESSION, owner, own)


def error_group(group_id: str) -> Endpoint[JsonObject]:
    """Read an error group of a check."""
    own = model.uuid(group_id, "error_group_id")
    return lambda _: result_calls.get_error_group(model.CHECK_SESSION, own)
