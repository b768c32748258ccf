"""The Airflow connection of type `checkly`: its form, and what its fields mean."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import SplitResult, urlsplit

from airflow_provider_checkly.api import calls
from airflow_provider_checkly.api.errors import InvalidInput
from airflow_provider_checkly.api.wire import Account, JsonObject

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_checkly.api.calls import ApiVersion, SessionEndpoints

log = logging.getLogger(__name__)

TYPE: Final = "checkly"

Resource = Literal["check-sessions", "test-sessions"]
CHECK_SESSIONS: Final[Resource] = "check-sessions"
TEST_SESSIONS: Final[Resource] = "test-sessions"
DEFAULT_HOST: Final = "https://api.checklyhq.com"
HIGHEST_PORT: Final = 65_535
CHECKLY_LIMIT: Final = 600
"""Requests per minute that Checkly allows an account."""

FORM_BEHAVIOUR: Final[JsonObject] = {
    "hidden-fields": ["schema", "extra"],
    "relabeling": {"login": "Account ID", "password": "API key", "host": "API URL"},
    "placeholders": {
        "login": "from app.checklyhq.com/settings/account/general (CHECKLY_ACCOUNT_ID)",
        "password": "from app.checklyhq.com/settings/user/api-keys (CHECKLY_API_KEY)",
        "host": DEFAULT_HOST,
    },
}
FORM_FIELDS: Final[dict[str, JsonObject]] = {
    "api_version": {
        "label": "API version",
        "description": "v2, or v1 (deprecated by Checkly).",
        "schema": {"type": ["string", "null"], "default": "v2", "enum": ["v2", "v1"]},
    },
    "requests_per_minute": {
        "label": "Requests per minute",
        "description": f"Of the {CHECKLY_LIMIT} that Checkly allows the account; 570 if empty.",
        "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": CHECKLY_LIMIT},
    },
    "max_connections": {
        "label": "Connections at once",
        "description": "From one triggerer; 300 if empty.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
}


def form_widgets() -> dict[str, Any]:  # pragma: no cover - its libraries come with Airflow 2 only
    """Return the fields of the form for extras, for Airflow 2.11 to 3.1."""
    from flask_appbuilder.fieldwidgets import BS3TextFieldWidget  # noqa: PLC0415 - absent in plain 3.x
    from wtforms import IntegerField, StringField  # noqa: PLC0415 - absent in plain 3.x
    from wtforms.validators import Optional  # noqa: PLC0415 - absent in plain 3.x

    kinds = {"api_version": StringField}
    return {
        name: kinds.get(name, IntegerField)(
            field["label"], [Optional()], description=field["description"], widget=BS3TextFieldWidget()
        )
        for name, field in FORM_FIELDS.items()
    }


@dataclass(frozen=True, slots=True)
class Settings:
    """What a connection says.

    :param requests_per_minute: the budget of all waits of the account in one process.
    :param max_connections: held at most by one process.
    """

    account: Account
    api_version: ApiVersion = "v2"
    requests_per_minute: int = 570
    max_connections: int = 300

    def sessions(self, resource: Resource) -> SessionEndpoints:
        """Return the endpoints of one kind of session."""
        return calls.TEST_SESSIONS if resource == TEST_SESSIONS else calls.CHECK_SESSIONS[self.api_version]


def _refuse(connection: Connection, field: str, fault: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"Connection {connection.conn_id!r}: {field} {fault}. {remedy}")


def _credential(connection: Connection, field: str, meaning: str, variable: str) -> str:
    value = getattr(connection, field)
    if not value:
        remedy = f"Set {field} to the {meaning} that Checkly's own tools read from {variable}."
        raise _refuse(connection, f"{field} ({meaning})", "is missing", remedy)
    if not (value.isascii() and value.isprintable() and " " not in value):
        remedy = "Copy it again, without line ends and blanks."
        raise _refuse(connection, f"{field} ({meaning})", "holds characters that no header can hold", remedy)
    return str(value)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _split(connection: Connection, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    clean = not any(mark in url for mark in "@?# \\") and url.isprintable()
    if not (usable and clean):
        remedy = f"Set host to a URL such as {DEFAULT_HOST}, or leave it empty."
        raise _refuse(connection, "host", f"makes no valid URL: {url.rpartition('@')[2]!r}", remedy)
    return parts


def base_url(connection: Connection) -> str:
    """Return scheme, host, and where given port and path, without a slash at the end.

    `host` is used as it is if it holds `://`; else `schema` (or https) is put before it. `port` is appended.
    """
    host = (connection.host or "").strip() or DEFAULT_HOST
    parts = _split(connection, host if "://" in host else f"{connection.schema or 'https'}://{host}")
    if connection.port and not 0 < connection.port <= HIGHEST_PORT:
        raise _refuse(connection, "port", f"{connection.port} is no port", "Empty it, or set e.g. 443.")
    if connection.port and parts.port not in {None, connection.port}:
        raise _refuse(
            connection, "port", f"{connection.port} contradicts host {host!r}", "Empty one of them."
        )
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        log.warning("Connection %r sends the API key over plain http.", connection.conn_id)
    port = f":{connection.port}" if connection.port and not parts.port else ""
    return f"{parts.scheme}://{parts.netloc}{port}{parts.path.rstrip('/')}"


def _extras(connection: Connection) -> JsonObject:
    try:
        extras = json.loads(connection.extra or "{}")
    except (ValueError, RecursionError):
        extras = None
    if not isinstance(extras, dict):
        raise _refuse(
            connection, "extra", "is no JSON object", 'Empty it, or set e.g. {"api_version": "v2"}.'
        )
    if unknown := sorted(set(extras) - set(FORM_FIELDS)):
        log.warning(
            "Connection %r: extras that mean nothing here: %s.", connection.conn_id, ", ".join(unknown)
        )
    return {name: value for name, value in extras.items() if name in FORM_FIELDS and value not in (None, "")}


def _whole_number(connection: Connection, extras: JsonObject, name: str, default: int, most: int) -> int:
    value = extras.get(name, default)
    number = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else value
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
        remedy = f"Set a whole number from 1 to {most}, or leave it out ({default})."
        raise _refuse(connection, f"extra {name}", f"is {value!r}", remedy)
    return number


def settings(connection: Connection) -> Settings:
    """Return what a connection says.

    :raises InvalidInput: a field is missing or cannot work; the error names it and says how to set it.
    """
    extras = _extras(connection)
    version = extras.get("api_version", "v2")
    if not isinstance(version, str) or version not in calls.CHECK_SESSIONS:
        raise _refuse(connection, "extra api_version", f"is {version!r}", "Set v2 or v1, or leave it out.")
    account = Account(
        base_url(connection),
        _credential(connection, "login", "account ID", "CHECKLY_ACCOUNT_ID"),
        _credential(connection, "password", "API key", "CHECKLY_API_KEY"),
    )
    return Settings(
        account,
        version,
        _whole_number(connection, extras, "requests_per_minute", 570, CHECKLY_LIMIT),
        _whole_number(connection, extras, "max_connections", 300, 65_535),
    )
