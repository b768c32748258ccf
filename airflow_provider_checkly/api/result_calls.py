"""Calls about single results: their details and files, the checks behind them, and why they failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api import model
from airflow_provider_checkly.api.calls import Call, read_object
from airflow_provider_checkly.api.wire import Request, path

if TYPE_CHECKING:
    from airflow_provider_checkly.api.model import SessionKind
    from airflow_provider_checkly.api.wire import JsonObject, Response

ACCEPTED: Final = 202
GROUPS: Final[dict[str, str]] = {
    model.CHECK_SESSION.resource: "error-groups",
    model.TEST_SESSION.resource: "test-session-error-groups",
}


def _get(*parts: str) -> Call[JsonObject]:
    return Call(Request("GET", path("v1", *parts)), read_object)


def _result(kind: SessionKind, owner: str, result_id: str) -> tuple[str, ...]:
    if kind is model.TEST_SESSION:
        return kind.resource, owner, "results", result_id
    return "check-results", owner, result_id


def get_result(kind: SessionKind, owner: str, result_id: str) -> Call[JsonObject]:
    """`GET /v1/check-results/{checkId}/{id}`, `GET /v1/test-sessions/{id}/results/{id}`: with details.

    :param owner: id of the check, or of the test session.
    """
    return _get(*_result(kind, owner, result_id))


def get_assets(kind: SessionKind, owner: str, result_id: str) -> Call[JsonObject]:
    """`GET .../assets` of a result: the manifest of its files."""
    return _get(*_result(kind, owner, result_id), "assets")


def get_check(check_id: str) -> Call[JsonObject]:
    """`GET /v1/checks/{id}`: a check as it is set up."""
    return _get("checks", check_id)


def get_error_group(kind: SessionKind, group_id: str) -> Call[JsonObject]:
    """`GET /v1/error-groups/{id}`: one error, with the analyses that were made of it."""
    return _get(GROUPS[kind.resource], group_id)


def trigger_root_cause_analysis(kind: SessionKind, group_id: str) -> Call[JsonObject]:
    """`POST /v1/root-cause-analyses/error-groups/{id}`: costs the account one of its quota."""
    where = path("v1", "root-cause-analyses", GROUPS[kind.resource], group_id)
    return Call(Request("POST", where, body={}, repeatable=False), read_object)


def _read_analysis(response: Response) -> JsonObject | None:
    answer = read_object(response)
    return None if response.status == ACCEPTED else answer


def get_root_cause_analysis(analysis_id: str) -> Call[JsonObject | None]:
    """`GET /v1/root-cause-analyses/{id}`: None while it is being made."""
    return Call(Request("GET", path("v1", "root-cause-analyses", analysis_id)), _read_analysis)
