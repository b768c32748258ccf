"""Pings of heartbeat monitors. Their URL holds a token, so no error and no log shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, urlsplit

import requests
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_exponential

from airflow_provider_checkly.api import transport
from airflow_provider_checkly.api.http import USER_AGENT
from airflow_provider_checkly.exceptions import ChecklyRefused, ChecklyUnreachable, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TRIES: Final = 4
FIRST_PAUSE_SECONDS: Final = 0.5
SECONDS_PER_TRY: Final = 5.0
MAX_SECONDS: Final = 20.0
MAX_SOURCE: Final = 500


@dataclass(frozen=True, slots=True)
class Ping:
    """One ping; its `repr` hides the URL.

    :param source: the origin of the ping, which Checkly shows next to it.
    """

    url: str = field(repr=False)
    method: Literal["GET", "POST"]
    source: str

    def headers(self) -> Mapping[str, str]:
        """Return the headers; Checkly reads the source of a ping from `Origin`."""
        return {"Origin": quote(self.source, safe="/:+@ ")[:MAX_SOURCE], "User-Agent": USER_AGENT}


def checked_url(url: object) -> str:
    """Return a valid ping URL.

    :raises InvalidInput: it is not valid; the error does not show it.
    """
    text = url.strip() if isinstance(url, str) else ""
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        usable = parts.scheme in {"http", "https"} and has_host and parts.path not in {"", "/"}
    except ValueError:
        usable = False
    if not (usable and text.isprintable() and " " not in text):
        raise InvalidInput(
            "The ping URL of the heartbeat is not valid (it is not shown, since it is a secret). It must be "
            "https://ping.checklyhq.com/ followed by a token. Did a template render to an empty string?"
        )
    return text


def _transient(error: BaseException) -> bool:
    return isinstance(error, ChecklyUnreachable | ChecklyRefused) and error.retryable


def _send(ping: Ping) -> None:
    try:
        with (
            transport.open_session(ping.url, ping.headers()) as session,
            session.request(
                ping.method, ping.url, timeout=SECONDS_PER_TRY, allow_redirects=False, stream=True
            ) as answer,
        ):
            status = answer.status_code
    except (requests.RequestException, OSError, ValueError) as error:
        # the error text of a library may hold the URL
        raise ChecklyUnreachable(f"The ping did not reach Checkly ({type(error).__name__}).") from None
    if status not in range(200, 300):
        raise ChecklyRefused(f"Checkly responded {status} to the ping.", status=status)


def send(ping: Ping) -> None:
    """Send a ping, with retries: at most four tries and 20 seconds.

    :raises ChecklyRefused: the last response had an error status.
    :raises ChecklyUnreachable: no response arrived.
    """
    Retrying(
        retry=retry_if_exception(_transient),
        stop=stop_after_attempt(MAX_TRIES) | stop_after_delay(MAX_SECONDS),
        wait=wait_exponential(multiplier=FIRST_PAUSE_SECONDS, max=4),
        reraise=True,
    )(_send, ping)
