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


def _credential(connection: Connection, field: str, meaning: str, variable: str) -> str:
    value = getattr(connection, field)
    if not value:
        raise InvalidInput(
            f"{field} ({meaning}) is missing. "
            f"Set {field} to the {meaning} that Checkly's own tools read from {variable}."
        )
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise InvalidInput(
            f"{field} ({meaning}) holds characters that no header can hold. "
            f"Copy it again, without line ends and blanks."
        )
    return str(value)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if usable and url.isprintable() and url.isascii() and not any(mark in url for mark in "@?# \\"):
        return parts
    raise InvalidInput(
        f"host makes no valid URL: {url.rpartition('@')[2]!r}. "
        f"Set host to a URL such as {DEFAULT_HOST}, or leave it empty."
    )


def _base_url(connection: Connection) -> str:
    """Return scheme, host, and where given port and path, without a slash at the end.

    `host` is used as it is if it holds `://`; else `schema` (or https) is put before it. `port` is appended.
    """
    host, port = (connection.host or "").strip() or DEFAULT_HOST, connection.port
    parts = _split(host if "://" in host else f"{connection.schema or 'https'}://{host}")
    if port and not 0 < port <= HIGHEST_PORT:
        raise InvalidInput(f"port {port} is no port. Empty it, or set e.g. 443.")
    if port and parts.port not in {None, port}:
        raise InvalidInput(f"port {port} contradicts host {host!r}. Empty one of them.")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        log.warning("Connection %r sends the API key over plain http.", connection.conn_id)
    appended = f":{port}" if port and not parts.port else ""
    return f"{parts.scheme}://{parts.netloc}{appended}{parts.path.rstrip('/')}"


def _extras(connection: Connection) -> JsonObject:
    try:
        extras = json.loads(connection.extra or "{}")
    except (ValueError, RecursionError):
        extras = None
    if not isinstance(extras, dict):
        raise InvalidInput('extra is no JSON object. Empty it, or set e.g. {"api_version": "v2"}.')
    if unknown := ", ".join(sorted(set(extras) - set(FORM_FIELDS))):
        log.warning("Connection %r: extras that mean nothing here: %s.", connection.conn_id, unknown)
    return {name: value for name, value in extras.items() if name in FORM_FIELDS and value not in (None, "")}


def _api_version(extras: JsonObject) -> ApiVersion:
    version = extras.get("api_version", "v2")
    if isinstance(version, str) and version in calls.CHECK_SESSIONS:
        return version
    raise InvalidInput(f"extra api_version is {version!r}. Set v2 or v1, or leave it out.")


def _whole_number(extras: JsonObject, name: str, default: int, most: int) -> int:
    value = extras.get(name, default)
    if isinstance(value, int | str) and re.fullmatch("[0-9]{1,9}", str(value)) and 1 <= int(value) <= most:
        return int(value)
    raise InvalidInput(
        f"extra {name} is {value!r}. Set a whole number from 1 to {most}, or leave it out ({default})."
    )


def settings(connection: Connection) -> Settings:
    """Return what a connection says.

    :raises InvalidInput: a field is missing or cannot work; the error names it and says how to set it.
    """
    try:
        extras = _extras(connection)
        return Settings(
            Account(
                _base_url(connection),
                _credential(connection, "login", "account ID", "CHECKLY_ACCOUNT_ID"),
                _credential(connection, "password", "API key", "CHECKLY_API_KEY"),
            ),
            _api_version(extras),
            _whole_number(extras, "requests_per_minute", 570, CHECKLY_LIMIT),
            _whole_number(extras, "max_connections", 300, 65_535),
        )
    except InvalidInput as error:
        raise InvalidInput(f"Connection {connection.conn_id!r}: {error}") from None
