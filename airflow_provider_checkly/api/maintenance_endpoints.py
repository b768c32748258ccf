"""Endpoints of maintenance windows; all but the reads need an API key with the role Read & Write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_checkly.api.endpoints import Endpoint, accept, read_object
from airflow_provider_checkly.api.http import JsonObject, Request, Response, path
from airflow_provider_checkly.api.status_endpoints import all_pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_checkly.api.reads import Reads


def _where(window_id: int | None = None) -> str:
    return path("v1", "maintenance-windows", *([] if window_id is None else [str(window_id)]))


def _read_nothing(response: Response) -> None:
    accept(response)


def create(body: JsonObject) -> Endpoint[JsonObject]:
    """`POST /v1/maintenance-windows`: create a window; not repeated once Checkly may have processed it."""
    return Endpoint(Request("POST", _where(), body=body, repeatable=False), read_object)


def list_all(filters: Sequence[tuple[str, str]] = ()) -> Reads[list[JsonObject]]:
    """`GET /v1/maintenance-windows`: all windows, page by page."""
    return all_pages(_where(), filters)


def get(window_id: int) -> Endpoint[JsonObject]:
    """`GET /v1/maintenance-windows/{id}`: one window."""
    return Endpoint(Request("GET", _where(window_id)), read_object)


def update(window_id: int, body: JsonObject) -> Endpoint[JsonObject]:
    """`PUT /v1/maintenance-windows/{id}`: change the given fields only; safe to repeat."""
    return Endpoint(Request("PUT", _where(window_id), body=body), read_object)


def delete(window_id: int) -> Endpoint[None]:
    """`DELETE /v1/maintenance-windows/{id}`: end a window; Checkly answers a repeat with 404."""
    return Endpoint(Request("DELETE", _where(window_id)), _read_nothing)
