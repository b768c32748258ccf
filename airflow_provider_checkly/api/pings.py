"""Pings of heartbeat monitors: an address that holds a token, which no error and no log may show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, urlsplit

import requests
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_exponential

from airflow_provider_checkly.api import transport
from airflow_provider_checkly.api.errors import ChecklyRefused, ChecklyUnreachable, InvalidInput
from airflow_provider_checkly.api.wire import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Mapping

TRIES: Final = 4
FIRST_PAUSE: Final = 0.5
SECONDS_PER_TRY: Final = 5.0
SECONDS: Final = 20.0
LONGEST_SOURCE: Final = 500


@dataclass(frozen=True, slots=True)
class Ping:
    """One ping; its `repr` hides the address.

    :param source: where it comes from, as Checkly shows it beside the ping.
    """

    url: str = field(repr=False)
    method: Literal["GET", "POST"]
    source: str

    def headers(self) -> Mapping[str, str]:
        """Return the headers; Checkly reads the source from `Origin`."""
        return {"Origin": quote(self.source, safe="/:+@ ")[:LONGEST_SOURCE], "User-Agent": USER_AGENT}


def checked_url(url: object) -> str:
    """Return an address that can be pinged.

    :raises InvalidInput: it cannot; the error does not show it.
    """
    text = url.strip() if isinstance(url, str) else ""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.path not in {"", "/"}
    except ValueError:
        usable = False
    if not (usable and text.isprintable() and " " not in text):
        raise InvalidInput(
            "The heartbeat's URL is none (it is not shown, since it is a secret). It looks like "
            "https://ping.checklyhq.com/ with a token behind; did a template render to nothing?"
        )
    return text


def _transient(error: BaseException) -> bool:
    return isinstance(error, ChecklyUnreachable | ChecklyRefused) and error.transient


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
        # the text of a library's error may hold the address
        raise ChecklyUnreachable(
            f"The heartbeat's ping did not reach Checkly ({type(error).__name__})."
        ) from None
    if status not in range(200, 300):
        raise ChecklyRefused(f"Checkly answered {status} to the heartbeat's ping.", status=status)


def send(ping: Ping) -> None:
    """Send a ping, again where that may help: four times, and for 20 seconds at most.

    :raises ChecklyRefused: the last answer was no.
    :raises ChecklyUnreachable: no answer came.
    """
    Retrying(
        retry=retry_if_exception(_transient),
        stop=stop_after_attempt(TRIES) | stop_after_delay(SECONDS),
        wait=wait_exponential(multiplier=FIRST_PAUSE, max=4),
        reraise=True,
    )(_send, ping)
