"""The Airflow connection of type `checkly`: its form, and its fields as `Settings`."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from airflow_provider_checkly.api.endpoints import SessionEndpoints
from airflow_provider_checkly.api.http import Credentials, JsonObject, path
from airflow_provider_checkly.exceptions import InvalidInput

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_checkly.api.endpoints import ApiVersion
    from airflow_provider_checkly.api.models import SessionKind

log = logging.getLogger(__name__)

TYPE: Final = "checkly"

DEFAULT_HOST: Final = "https://api.checklyhq.com"
HIGHEST_PORT: Final = 65_535
IPV6: Final = 6
CHECKLY_LIMIT: Final = 600
"""Requests per minute that Checkly allows per account."""

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
        "description": f"Of the {CHECKLY_LIMIT} that Checkly allows per account; default 595.",
        "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": CHECKLY_LIMIT},
    },
    "max_connections": {
        "label": "Concurrent connections",
        "description": "Of one triggerer; default 300.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    },
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The fields of a connection.

    :param requests_per_minute: the request budget of all deferred waits of the account in one triggerer.
    :param max_connections: concurrent requests in one triggerer.
    """

    credentials: Credentials
    api_version: ApiVersion = "v2"
    requests_per_minute: int = 595
    max_connections: int = 300

    def sessions(self, kind: SessionKind) -> SessionEndpoints:
        """Return the endpoints of a session kind."""
        return SessionEndpoints(kind, self.api_version)

    def check_page(self, check_id: str) -> str:
        """Return the address of a check in Checkly's app; its documentation shows the form in examples."""
        app = self.credentials.base_url.replace("://api.", "://app.", 1)
        return f"{app}{path('accounts', self.credentials.account_id, 'checks', check_id)}"


def _credential(connection: Connection, field: str, meaning: str, variable: str) -> str:
    value = getattr(connection, field)
    if not value:
        raise InvalidInput(
            f"{field} ({meaning}) is missing. "
            f"Set it to the value that Checkly's own tools read from {variable}."
        )
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise InvalidInput(
            f"{field} ({meaning}) contains characters that are not allowed in an HTTP header. "
            f"Remove spaces and line breaks."
        )
    return str(value)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def bracketed(host: str) -> str:
    """Return a host for use in a URL: Airflow takes the brackets of an IPv6 address away."""
    try:
        return f"[{host}]" if ip_address(host).version == IPV6 else host
    except ValueError:
        return host


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_complete = parts.hostname and parts.port != 0 and not parts.netloc.endswith(":")
        usable = parts.scheme in {"http", "https"} and is_complete
    except ValueError:
        usable = False
    if usable and url.isprintable() and url.isascii() and not any(mark in url for mark in "@?# \\"):
        return parts
    raise InvalidInput(
        f"host is not a valid URL: {url.rpartition('@')[2]!r}. "
        f"Set host to a URL such as {DEFAULT_HOST}, or leave it empty."
    )


def _base_url(connection: Connection) -> str:
    """Return scheme, host and, if given, port and path, without a trailing slash.

    `host` is the base URL if it contains `://`; else `schema` (or https) precedes it. `port` is appended.
    """
    host, port = (connection.host or "").strip() or DEFAULT_HOST, connection.port
    parts = _split(host if "://" in host else f"{connection.schema or 'https'}://{bracketed(host)}")
    if port and not 0 < port <= HIGHEST_PORT:
        raise InvalidInput(f"port {port} is not a valid port. Clear it, or set e.g. 443.")
    if port and parts.port not in {None, port}:
        raise InvalidInput(f"port {port} contradicts host {host!r}. Clear one of them.")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        log.warning("Connection %r sends the API key over plain http; use https.", connection.conn_id)
    appended = f":{port}" if port and not parts.port else ""
    return f"{parts.scheme}://{parts.netloc}{appended}{parts.path.rstrip('/')}"


def _extras(connection: Connection) -> JsonObject:
    try:
        extras = json.loads(connection.extra or "{}")
    except (ValueError, RecursionError):
        extras = None
    if not isinstance(extras, dict):
        raise InvalidInput('extra is not a JSON object. Clear it, or set e.g. {"api_version": "v2"}.')
    if unknown := ", ".join(sorted(set(extras) - set(FORM_FIELDS))):
        log.warning("Connection %r: unknown extras are ignored: %s.", connection.conn_id, unknown)
    return {name: value for name, value in extras.items() if name in FORM_FIELDS and value not in (None, "")}


def _api_version(extras: JsonObject) -> ApiVersion:
    version = extras.get("api_version", "v2")
    if version in ("v1", "v2"):
        return "v1" if version == "v1" else "v2"
    raise InvalidInput(f"extra api_version is {version!r}. Set v2 or v1, or remove it.")


def _whole_number(extras: JsonObject, name: str, default: int, most: int) -> int:
    value = extras.get(name, default)
    if isinstance(value, int | str) and re.fullmatch("[0-9]{1,9}", str(value)) and 1 <= int(value) <= most:
        return int(value)
    raise InvalidInput(
        f"extra {name} is {value!r}. Set a whole number from 1 to {most}, or remove it (default {default})."
    )


def settings(connection: Connection) -> Settings:
    """Return the fields of a connection, checked.

    :raises InvalidInput: a field is missing or cannot work; the error names it and how to set it.
    """
    try:
        extras = _extras(connection)
        return Settings(
            Credentials(
                _base_url(connection),
                _credential(connection, "login", "account ID", "CHECKLY_ACCOUNT_ID"),
                _credential(connection, "password", "API key", "CHECKLY_API_KEY"),
            ),
            _api_version(extras),
            _whole_number(extras, "requests_per_minute", 595, CHECKLY_LIMIT),
            _whole_number(extras, "max_connections", 300, 65_535),
        )
    except InvalidInput as error:
        raise InvalidInput(f"Connection {connection.conn_id!r}: {error}") from None
