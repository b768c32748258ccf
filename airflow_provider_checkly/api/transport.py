"""Two small senders, requests and aiohttp, and the two loops that drive a wait.

Both take proxies and certificates from the environment in the same way, verify TLS, never follow a redirect,
and leave `.netrc` alone (it would replace the key).
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import time
from contextlib import asynccontextmanager, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import requests
import urllib3
import yarl
from tenacity import AsyncRetrying, Retrying

from airflow_provider_checkly.api.errors import (
    ChecklyError,
    ChecklyRateLimited,
    ChecklyUnreachable,
    ChecklyUnreadable,
)
from airflow_provider_checkly.api.retry import policy
from airflow_provider_checkly.api.wire import Account, Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from airflow_provider_checkly.api.calls import Call
    from airflow_provider_checkly.api.waiting import Answer, Ask, Plan, Waited

T = TypeVar("T")

CONNECT_SECONDS: Final = 10.0
OVERTIME: Final = 5.0
"""Seconds that an ask may take beyond its patience."""
LARGEST_BODY: Final = 32 * 1024 * 1024
CHUNK: Final = 64 * 1024
CREDENTIALS: Final = re.compile(r"//[^/\s]*@")


class Sender(Protocol):
    """Sends one request, once."""

    def __call__(self, request: Request) -> Response:
        """Return the answer, whatever its status.

        :raises ChecklyUnreachable: none came.
        """


class AsyncSender(Protocol):
    """Sends one request, once, without blocking the event loop."""

    async def __call__(self, request: Request) -> Response:
        """Return the answer, whatever its status.

        :raises ChecklyUnreachable: none came.
        """


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for an address, e.g. by HTTPS_PROXY and NO_PROXY."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def certificates() -> str | None:
    """Return the certificate bundle that the environment names, for both transports."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return next((found for name in names if (found := os.environ.get(name))), None)


@cache
def _tls(bundle: str | None) -> ssl.SSLContext:
    if bundle and Path(bundle).is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)


def _trusted() -> ssl.SSLContext:
    """Return what verifies certificates.

    :raises ChecklyUnreachable: the bundle that the environment names cannot be read.
    """
    bundle = certificates()
    try:
        return _tls(bundle)
    except OSError as error:
        raise ChecklyUnreachable(
            f"The certificates that the environment names cannot be read: {bundle} ({error}).",
            taken=False,
            hopeless=True,
        ) from error


def _unreachable(
    request: Request, account: Account, error: BaseException, *, taken: bool, hopeless: bool
) -> NoReturn:
    """Raise what stands for an error of a library, which may hold the key or the password of a proxy."""
    reason = CREDENTIALS.sub("//", str(error)) or "no answer in time"
    raise ChecklyUnreachable(
        f"{request}: no whole answer from {account.base_url} ({type(error).__name__}: {reason[:300]}).",
        taken=taken,
        hopeless=hopeless,
    ) from None


class _Body:
    """Collects a body of bounded size."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._content = bytearray()

    def add(self, chunk: bytes) -> None:
        self._content += chunk
        if len(self._content) > LARGEST_BODY:
            raise ChecklyUnreadable(f"{self._request}: the answer is larger than {LARGEST_BODY >> 20} MiB.")

    def response(self, status: int, headers: Mapping[str, str], started: float) -> Response:
        names = {name.lower(): value for name, value in headers.items()}
        return Response(self._request, status, names, bytes(self._content), time.monotonic() - started)


NO_CONNECTION: Final = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


def _reason(error: Exception) -> object:
    """Return what lies beneath the wrappers of requests and urllib3."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, urllib3.exceptions.ProxyError):
        reason = reason.original_error
    return reason.args[0] if isinstance(reason, urllib3.exceptions.SSLError) and reason.args else reason


def _was_not_taken(error: Exception) -> bool:
    """Return whether surely no request went out; a ProxyError alone says nothing about that."""
    reason = _reason(error)
    return isinstance(reason, NO_CONNECTION) or "Tunnel connection failed" in str(reason)


def _proxies(url: str) -> dict[str, str]:
    proxy = proxy_for(url)
    return {"http": proxy, "https": proxy} if proxy else {}


def _exchange(session: requests.Session, url: str, request: Request, limit: float) -> Response:
    started = time.monotonic()
    answer = session.request(
        request.method,
        url,
        json=request.body,
        timeout=(min(CONNECT_SECONDS, limit), limit),
        allow_redirects=False,
        stream=True,
        proxies=_proxies(url),
        verify=certificates() or True,
    )
    body = _Body(request)
    with answer:
        while chunk := answer.raw.read1(CHUNK, decode_content=True):
            body.add(chunk)
            if time.monotonic() - started > limit:
                raise TimeoutError(f"the answer was not whole after {limit:.0f} s")
    response = body.response(answer.status_code, answer.headers, started)
    if _lost_its_headers(response):
        raise ConnectionError("the connection ended within the headers")
    return response


def _lost_its_headers(response: Response) -> bool:
    """Return whether http.client took the end of a connection for the end of the headers."""
    sized = response.headers.keys() & {"content-length", "transfer-encoding"}
    return response.status in {200, 201} and not sized and not response.body


@contextmanager
def requests_sender(account: Account, margin: float) -> Iterator[Sender]:
    """Open a sender that blocks its thread, for workers.

    :param margin: seconds that an answer may take beyond the time Checkly may hold it.
    """

    def send(request: Request) -> Response:
        try:
            return _exchange(session, account.url(request), request, request.hold + margin)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            hopeless = isinstance(error, ValueError) or isinstance(_reason(error), ValueError)
            taken = not (hopeless or _was_not_taken(error))
            _unreachable(request, account, error, taken=taken, hopeless=hopeless)

    _trusted()
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(account.headers())
        yield send


NEVER_TAKEN: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
)


def _http_proxy(url: str) -> str | None:
    proxy = proxy_for(url)
    if proxy and not proxy.lower().startswith(("http://", "https://")):
        raise ValueError("aiohttp speaks to http proxies only: see the environment's HTTPS_PROXY, ALL_PROXY")
    return proxy


async def _aexchange(
    session: aiohttp.ClientSession, url: str, proxy: str | None, request: Request, limit: float
) -> Response:
    started = time.monotonic()
    body = _Body(request)
    async with session.request(
        request.method,
        yarl.URL(url, encoded=True),
        json=request.body,
        timeout=aiohttp.ClientTimeout(total=limit, sock_connect=CONNECT_SECONDS),
        allow_redirects=False,
        proxy=proxy,
    ) as answer:
        async for chunk in answer.content.iter_chunked(CHUNK):
            body.add(chunk)
        return body.response(answer.status, answer.headers, started)


@asynccontextmanager
async def aiohttp_sender(account: Account, margin: float) -> AsyncIterator[AsyncSender]:
    """Open a sender that does not block the event loop, for triggerers.

    :param margin: seconds that an answer may take beyond the time Checkly may hold it.
    """

    async def send(request: Request) -> Response:
        try:
            limit = request.hold + margin
            return await _aexchange(session, account.url(request), proxy(), request, limit)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            hopeless = isinstance(error, ValueError)
            taken = not (hopeless or isinstance(error, NEVER_TAKEN))
            _unreachable(request, account, error, taken=taken, hopeless=hopeless)

    proxy = cache(
        partial(_http_proxy, account.base_url)
    )  # reading the environment costs as much as a request
    connector = aiohttp.TCPConnector(limit=0, ssl=await asyncio.to_thread(_trusted))
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=jar, headers=account.headers()
    ) as session:
        yield send


def send(sender: Sender, call: Call[T], patience: float) -> T:
    """Send a request, again where that may help, and return what its answer says.

    :param patience: seconds after which it is not sent again.
    :raises ChecklyError: what the last try said.
    """
    return Retrying(**policy(call.request, patience))(lambda: call.read(sender(call.request)))


async def asend(sender: AsyncSender, call: Call[T], patience: float) -> T:
    """Do what `send` does, without blocking the event loop.

    Tenacity comes in after a first failure only: a thousand waits hardly ever need it, and it costs much.
    """
    began = time.monotonic()
    failed: list[ChecklyError] = []

    async def once() -> T:
        if failed:
            raise failed.pop()
        return call.read(await sender(call.request))

    try:
        return await once()
    except ChecklyError as error:
        failed.append(error)
    return await AsyncRetrying(**policy(call.request, patience - (time.monotonic() - began)))(once)


def answer_to(sender: Sender, ask: Ask) -> Answer:
    """Return what Checkly says to an ask, or the error."""
    time.sleep(ask.pause)
    try:
        return send(sender, ask.call, ask.patience)
    except ChecklyError as error:
        return error


async def aanswer_to(sender: AsyncSender, ask: Ask) -> Answer:
    """Do what `answer_to` does, without blocking the event loop, also where the account's budget is spent."""
    await asyncio.sleep(ask.pause)
    try:
        async with asyncio.timeout(ask.patience + OVERTIME):
            return await asend(sender, ask.call, ask.patience)
    except TimeoutError:
        text = f"{ask.call.request}: its turn did not come in time; the account's requests are used up."
        return ChecklyRateLimited(text, status=429)
    except ChecklyError as error:
        return error


def drive(plan: Plan, sender: Sender) -> Waited:
    """Carry a wait out."""
    answer: Answer | None = None
    while True:
        try:
            ask = plan.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # typeshed has Any here
        answer = answer_to(sender, ask)


async def adrive(plan: Plan, sender: AsyncSender) -> Waited:
    """Do what `drive` does, without blocking the event loop."""
    answer: Answer | None = None
    while True:
        try:
            ask = plan.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # typeshed has Any here
        answer = await aanswer_to(sender, ask)
