"""What can be asked of Checkly, with checked arguments; what a connection says fills in the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from airflow_provider_checkly import arguments
from airflow_provider_checkly.api import calls, model
from airflow_provider_checkly.api.calls import Call, StillRunning
from airflow_provider_checkly.connection import CHECK_SESSIONS, TEST_SESSIONS, Resource, Settings

if TYPE_CHECKING:
    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.arguments import Target
    from airflow_provider_checkly.orders import Order

T = TypeVar("T")

Endpoint: TypeAlias = Callable[[Settings], Call[T]]


def trigger(target: Target, *, refresh_cache: bool) -> Endpoint[list[JsonObject]]:
    """Start a check session per matching check."""
    return lambda settings: calls.trigger_check_sessions(
        settings.api_version, target.check_ids, target.tags, refresh_cache=refresh_cache
    )


def trigger_test_session(order: Order) -> Endpoint[JsonObject]:
    """Start a test session."""
    body = order.body()
    return lambda _: calls.trigger_test_session(body)


def find_test_sessions(text: str) -> Endpoint[list[JsonObject]]:
    """Search test sessions by a text."""
    return lambda _: calls.find_test_sessions(text)


def _id(session_id: str, resource: Resource) -> str:
    return model.uuid(session_id, resource.replace("-", "_").removesuffix("s") + "_id")


def get(session_id: str, resource: Resource = CHECK_SESSIONS) -> Endpoint[JsonObject]:
    """Read a session."""
    checked = _id(session_id, resource)
    return lambda settings: settings.sessions(resource).get(checked)


def completion(
    session_id: str, max_wait_seconds: int, resource: Resource = CHECK_SESSIONS
) -> Endpoint[JsonObject | StillRunning]:
    """Wait once for the end of a session."""
    checked = _id(session_id, resource)
    seconds = arguments.max_wait_seconds(max_wait_seconds)
    return lambda settings: settings.sessions(resource).completion(checked, seconds)


def ended(answer: JsonObject | StillRunning) -> JsonObject | None:
    """Return the session that a completion reports, None while it is running."""
    return None if isinstance(answer, StillRunning) else answer


def cancel(session_id: str, resource: Resource = CHECK_SESSIONS) -> Endpoint[None]:
    """Cancel a session."""
    checked = _id(session_id, resource)
    return lambda settings: settings.sessions(resource).cancel(checked)


def account(_: Settings) -> Call[JsonObject]:
    """Read the account."""
    return calls.get_account()


__all__ = [
    "CHECK_SESSIONS",
    "TEST_SESSIONS",
    "Endpoint",
    "Resource",
    "account",
    "cancel",
    "completion",
    "ended",
    "find_test_sessions",
    "get",
    "trigger",
    "trigger_test_session",
]
