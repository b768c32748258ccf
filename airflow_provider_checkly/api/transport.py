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
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import requests
import urllib3
import yarl
from tenacity import AsyncRetrying, Retrying

from airflow_provider_checkly.api.adapter import BoundedAdapter, ends_after
from airflow_provider_checkly.api.errors import ChecklyError, ChecklyUnreachable, ChecklyUnreadable
from airflow_provider_checkly.api.retry import repeats
from airflow_provider_checkly.api.wire import Account, Request, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from airflow_provider_checkly.api.calls import Call
    from airflow_provider_checkly.api.waiting import Answer, Plan, Waited

T = TypeVar("T")
Sender: TypeAlias = Callable[[Request, float], Response]
"""Sends one request, once; returns the answer, whatever its status, or raises ChecklyUnreachable.

A long poll takes little more than the seconds given.
"""
AsyncSender: TypeAlias = Callable[[Request, float], Awaitable[Response]]
"""The same, without blocking the event loop."""

CONNECT_SECONDS: Final = 10.0
OVERTIME: Final = 5.0
"""Seconds that a request may take beyond its patience."""
LARGEST_BODY: Final = 32 * 1024 * 1024
CHUNK: Final = 64 * 1024
CREDENTIALS: Final = re.compile(r"//[^/\s]*@")
NEVER_TAKEN: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
)


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


def _cause(error: Exception) -> object:
    """Return what lies beneath the wrappers of requests and urllib3; aiohttp has none."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(cause, urllib3.exceptions.ProxyError):
        cause = cause.original_error
    return cause.args[0] if isinstance(cause, urllib3.exceptions.SSLError) and cause.args else cause


def _unreachable(request: Request, account: Account, error: Exception) -> ChecklyUnreachable:
    """Return what stands for an error of a library, whose text may hold the password of a proxy."""
    cause = _cause(error)
    hopeless = isinstance(error, ValueError) or isinstance(cause, ValueError)
    never_taken = isinstance(error, NEVER_TAKEN) or isinstance(cause, NEVER_TAKEN)
    reason = CREDENTIALS.sub("//", str(error)) or "no answer in time"
    return ChecklyUnreachable(
        f"{request}: no whole answer from {account.base_url} ({type(error).__name__}: {reason[:300]}).",
        taken=not (hopeless or never_taken or "Tunnel connection failed" in str(cause)),
        hopeless=hopeless,
    )


def _without_key(account: Account, response: Response) -> Response:
    """Return an answer that does not hold the key: a server may repeat what it was sent."""
    key = account.api_key.encode()
    return replace(response, body=response.body.replace(key, b"***")) if key in response.body else response


def _check_size(request: Request, body: bytearray) -> None:
    if len(body) > LARGEST_BODY:
        text = f"{request}: the answer is larger than {LARGEST_BODY >> 20} MiB."
        raise ChecklyUnreadable(text, of_trigger=not request.repeatable)


def open_session(url: str, headers: Mapping[str, str]) -> requests.Session:
    """Return a session for one host, with what the environment says of proxies and certificates, no more."""
    session = requests.Session()
    session.trust_env = False
    session.headers.update(headers)
    session.verify = certificates() or True
    for scheme in ("http://", "https://"):
        session.mount(scheme, BoundedAdapter())
    if proxy := proxy_for(url):
        session.proxies = {"http": proxy, "https": proxy}
    return session


def _exchange(session: requests.Session, url: str, request: Request, limit: float) -> Response:
    started = time.monotonic()
    body = bytearray()
    with session.request(
        request.method,
        url,
        json=request.body,
        timeout=(min(CONNECT_SECONDS, limit), limit),
        allow_redirects=False,
        stream=True,
    ) as answer:
        raw: Any = answer.raw  # our adapter leaves the socket there
        with ends_after(raw.socket, started + limit - time.monotonic()):
            while chunk := raw.read1(CHUNK, decode_content=True):
                body += chunk
                _check_size(request, body)
    if time.monotonic() - started > limit:
        raise TimeoutError(f"the answer was not whole after {limit:.0f} s")
    sized = "Content-Length" in answer.headers or "Transfer-Encoding" in answer.headers
    if answer.status_code in {200, 201} and not sized and not body:
        raise ConnectionError("the connection ended within the headers")  # http.client takes it for their end
    return Response(request, answer.status_code, answer.headers, bytes(body), time.monotonic() - started)


@contextmanager
def requests_sender(account: Account, margin: float) -> Iterator[Sender]:
    """Open a sender that blocks its thread, for workers.

    :param margin: seconds that an answer may take beyond the time Checkly may hold it.
    """

    def send(request: Request, patience: float) -> Response:
        longest = max(patience, 0) + OVERTIME if request.hold else margin
        limit = min(request.hold + margin, longest)
        try:
            return _without_key(account, _exchange(session, account.url(request), request, limit))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise _unreachable(request, account, error) from None

    _trusted()
    with open_session(account.base_url, account.headers()) as session:
        yield send


def _http_proxy(url: str) -> str | None:
    proxy = proxy_for(url)
    if proxy and not proxy.lower().startswith(("http://", "https://")):
        raise ValueError("aiohttp speaks to http proxies only: see the environment's HTTPS_PROXY, ALL_PROXY")
    return proxy


async def _aexchange(
    session: aiohttp.ClientSession, url: str, proxy: str | None, request: Request, limit: float
) -> Response:
    started = time.monotonic()
    body = bytearray()
    async with session.request(
        request.method,
        yarl.URL(url, encoded=True),
        json=request.body,
        timeout=aiohttp.ClientTimeout(total=limit, sock_connect=CONNECT_SECONDS),
        allow_redirects=False,
        proxy=proxy,
    ) as answer:
        while chunk := await answer.content.readany():
            body += chunk
            _check_size(request, body)
    return Response(request, answer.status, answer.headers, bytes(body), time.monotonic() - started)


@asynccontextmanager
async def aiohttp_sender(account: Account, margin: float) -> AsyncIterator[AsyncSender]:
    """Open a sender that does not block the event loop, for triggerers.

    :param margin: seconds that an answer may take beyond the time Checkly may hold it.
    """

    async def send(request: Request, patience: float) -> Response:
        limit = min(request.hold + margin, max(patience, 0) + OVERTIME)  # aiohttp takes 0 for no limit
        try:
            return _without_key(
                account, await _aexchange(session, account.url(request), proxy(), request, limit)
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _unreachable(request, account, error) from None

    # reading the environment costs as much as a request
    proxy = cache(partial(_http_proxy, account.base_url))
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
    end = time.monotonic() + patience

    def once() -> T:
        return call.read(sender(call.request, end - time.monotonic()))

    return repeats(Retrying, call.request, patience)(once)


async def asend(sender: AsyncSender, call: Call[T], patience: float) -> T:
    """Do what `send` does, without blocking the event loop.

    Tenacity comes in after a first failure only: a thousand waits hardly ever need it, and it costs much.
    """
    end = time.monotonic() + patience
    try:
        return call.read(await sender(call.request, patience))
    except ChecklyError as error:
        failed = [error]

    async def again() -> T:
        if failed:
            raise failed.pop()
        return call.read(await sender(call.request, end - time.monotonic()))

    return await repeats(AsyncRetrying, call.request, end - time.monotonic())(again)


def drive(plan: Plan, sender: Sender) -> Waited:
    """Carry a wait out."""
    answer: Answer | None = None
    while True:
        try:
            ask = plan.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # typeshed has Any here
        time.sleep(ask.pause)
        try:
            answer = send(sender, ask.call, ask.patience)
        except ChecklyError as error:
            answer = error


async def adrive(plan: Plan, sender: AsyncSender) -> Waited:
    """Do what `drive` does, without blocking the event loop."""
    answer: Answer | None = None
    while True:
        try:
            ask = plan.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # typeshed has Any here
        if ask.pause:
            await asyncio.sleep(ask.pause)
        try:
            answer = await asend(sender, ask.call, ask.patience)
        except ChecklyError as error:
            answer = error
