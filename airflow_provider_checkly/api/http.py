"""Requests, responses and credentials as frozen plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import quote, urlencode

from airflow_provider_checkly import __version__
from airflow_provider_checkly.api.encodings import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]

USER_AGENT: Final = f"airflow-provider-checkly/{__version__}"


# Long polls repeat the same requests.
_encoded = lru_cache(64)(urlencode)
_escaped = lru_cache(4096)(partial(quote, safe=""))


@dataclass(frozen=True, slots=True)
class Request:
    """One request to Checkly.

    :param path: escaped path, from the root of the API.
    :param body: JSON; hidden in `repr`, since it may hold secrets.
    :param hold: seconds for which Checkly may hold the response back (a long poll).
    :param repeatable: whether it may be sent again after Checkly may have processed it.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: JsonObject | None = field(default=None, repr=False)
    hold: float = 0
    repeatable: bool = True

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{_encoded(self.query)}" if self.query else self.path

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Response:
    """One response of Checkly.

    :param headers: looked up in lower case; a case-insensitive mapping works too.
    :param seconds: how long the response took.
    """

    request: Request
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Credentials:
    """The base URL, account and API key of a connection; `repr` hides the key.

    :param base_url: scheme, host and, if any, port and path, without a trailing slash.
    """

    base_url: str
    account_id: str
    api_key: str = field(repr=False)

    def url(self, request: Request) -> str:
        """Return the URL of a request."""
        return self.base_url + request.target

    def headers(self) -> dict[str, str]:
        """Return the headers of every request; they include the key."""
        return {
            "Accept": "application/json",
            "Accept-Encoding": ACCEPTED,
            "Authorization": f"Bearer {self.api_key}",
            "User-Agent": USER_AGENT,
            "x-checkly-account": self.account_id,
        }


def path(*parts: str) -> str:
    """Join parts into an escaped path."""
    return "".join(f"/{_escaped(part)}" for part in parts)
