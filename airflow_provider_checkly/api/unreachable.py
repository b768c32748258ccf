"""Errors of `requests`, urllib3 and aiohttp -> `ChecklyUnreachable`, in plain words.

It decides whether Checkly may have processed a request, and whether a retry can succeed.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
from typing import TYPE_CHECKING, Final

import aiohttp
import requests
import urllib3

from airflow_provider_checkly.api.text import one_line
from airflow_provider_checkly.exceptions import ChecklyUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_checkly.api.http import Credentials, Request

URL_CREDENTIALS: Final = re.compile(r"//[^/\s]*@")
NEVER_PROCESSED: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
)
MISCONFIGURED: Final = (
    ssl.SSLCertVerificationError,
    urllib3.exceptions.LocationValueError,
    UnicodeError,
)
"""Beside any `ValueError` of a library itself."""
REASONS: Final[dict[str, tuple[type[BaseException], ...]]] = {
    "its certificate is not trusted ({})": (ssl.SSLCertVerificationError,),
    "the TLS handshake failed ({})": (ssl.SSLError,),
    "its host name cannot be resolved": (socket.gaierror,),
    "the proxy refused the connection": (aiohttp.ClientHttpProxyError,),
    "no complete response in time": (TimeoutError, requests.Timeout),
    "the connection ended before the response was complete": (
        http.client.RemoteDisconnected,
        http.client.IncompleteRead,
        aiohttp.ServerDisconnectedError,
        aiohttp.ClientPayloadError,
    ),
    "the response is not valid HTTP": (
        http.client.HTTPException,
        urllib3.exceptions.DecodeError,
        aiohttp.ClientResponseError,
    ),
}
"""The first that fits explains why no response arrived."""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that lies beneath the wrappers of the libraries."""
    seen: list[BaseException] = []
    layer: list[object] = [error]
    while layer:
        found = [each for each in layer if isinstance(each, BaseException) and each not in seen]
        seen += found
        yield from found
        layer = [
            beneath
            for each in found
            for beneath in (
                *each.args,
                getattr(each, "reason", None),
                getattr(each, "original_error", None),
                each.__cause__,
                each.__context__,
            )
        ]


def _detail(cause: BaseException) -> str:
    return str(getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or "").rstrip(".")


def _reason(causes: Sequence[BaseException]) -> str:
    """Return in plain words why no response arrived."""
    for words, kinds in REASONS.items():
        if found := [cause for cause in causes if isinstance(cause, kinds)]:
            return words.format(next(filter(None, map(_detail, found)), "")).replace(" ()", "")
    numbers = [number for cause in causes if (number := getattr(cause, "errno", None) or 0) > 0]
    if not numbers and any(isinstance(cause, ConnectionError) for cause in causes):
        return str(causes[-1]) or "the connection was closed"
    text = os.strerror(numbers[-1]) if numbers else str(causes[-1])
    return URL_CREDENTIALS.sub("//", one_line(text[:1].lower() + text[1:]))


def unreachable(request: Request, credentials: Credentials, error: Exception) -> ChecklyUnreachable:
    """Return our error for an error of a library, whose text may hold the password of a proxy."""
    causes = list(_causes(error))
    misconfigured = isinstance(error, ValueError) or any(isinstance(cause, MISCONFIGURED) for cause in causes)
    never_processed = any(
        isinstance(cause, NEVER_PROCESSED) or "Tunnel connection failed" in str(cause) for cause in causes
    )
    return ChecklyUnreachable(
        f"{request}: no response from {credentials.base_url}: {_reason(causes)}.",
        maybe_processed=not (misconfigured or never_processed),
        retryable=not misconfigured,
    )
