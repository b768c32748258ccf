"""Two senders, one on requests and one on aiohttp, and the loops that run a request or a wait with them.

Both take proxies and certificates from `environment`, verify TLS, never follow a redirect, and ignore
`.netrc`, which would replace the key.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import aiohttp
import requests
import urllib3
import yarl
from requests.adapters import HTTPAdapter
from tenacity import AsyncRetrying, Retrying

from airflow_provider_checkly.api import encodings, environment
from airflow_provider_checkly.api.http import Credentials, Request, Response
from airflow_provider_checkly.api.rate_limit import OVERTIME_SECONDS
from airflow_provider_checkly.api.retry import retrying
from airflow_provider_checkly.api.unreachable import unreachable
from airflow_provider_checkly.exceptions import ChecklyError, ChecklyUnreadable

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator, Mapping

    from airflow_provider_checkly.api.endpoints import Endpoint
    from airflow_provider_checkly.api.polling import Answer, Steps, WaitResult
    from airflow_provider_checkly.api.rate_limit import AsyncSender

T = TypeVar("T")
Sender: TypeAlias = Callable[[Request, float], Response]
"""Send one request once; return the response, whatever its status, or raise ChecklyUnreachable.

A long poll takes little more than the given seconds.
"""

CONNECT_SECONDS: Final = 10.0
MAX_BODY_BYTES: Final = 32 * 1024 * 1024
MAX_INLINE_BYTES: Final = 128 * 1024
MAX_INLINE_COMPRESSED_BYTES: Final = 16 * 1024
CHUNK_BYTES: Final = 64 * 1024
MIN_REDACTED: Final = 8
"""Characters of a key that is replaced in responses; real keys are much longer."""
_timeout = lru_cache(16)(aiohttp.ClientTimeout)


class TlsAdapter(HTTPAdapter):
    """Connections that verify certificates with our TLS context, even through proxies."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create the pool of direct connections."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> urllib3.ProxyManager:
        """Create the pool of connections through a proxy."""
        kwargs |= {"ssl_context": self._context, "proxy_ssl_context": self._context}
        manager: urllib3.ProxyManager = super().proxy_manager_for(*args, **kwargs)
        return manager

    def cert_verify(self, conn: Any, *_: object) -> None:
        """Leave trust to the context; `requests` would add certifi's certificates to it."""
        conn.cert_reqs = "CERT_REQUIRED"


def _without_key(credentials: Credentials, response: Response) -> Response:
    """Return a response without the key, which a server may echo; a short key could be part of any word."""
    key = credentials.api_key.encode()
    if len(key) < MIN_REDACTED or key not in response.body:
        return response
    return replace(response, body=response.body.replace(key, b"***"))


def _decoded(request: Request, body: bytearray, headers: Mapping[str, str]) -> bytes:
    """Return a body without its content encodings."""
    content = encodings.decoded(bytes(body), headers.get("Content-Encoding", ""), MAX_BODY_BYTES)
    _check_size(request, content)
    return content


def _check_size(request: Request, body: bytes | bytearray) -> None:
    if len(body) > MAX_BODY_BYTES:
        text = f"{request}: the response is larger than {MAX_BODY_BYTES >> 20} MiB."
        raise ChecklyUnreadable(text, of_trigger=not request.repeatable)


def open_session(url: str, headers: Mapping[str, str]) -> requests.Session:
    """Return a session for one host; of the environment, only proxies and certificates count."""
    context, proxy = environment.tls_context(), environment.proxy_for(url)
    session = requests.Session()
    session.trust_env = False
    session.headers.update(headers)
    session.mount("https://", TlsAdapter(context))
    if proxy:
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
        while chunk := answer.raw.read1(CHUNK_BYTES, decode_content=False):
            body += chunk
            _check_size(request, body)
            if time.monotonic() - started > limit:
                raise TimeoutError(f"the response was not complete after {limit:.0f} s")
    sized = "Content-Length" in answer.headers or "Transfer-Encoding" in answer.headers
    if answer.status_code in {200, 201} and not sized and not body:
        raise ConnectionError("the connection ended within the headers")  # http.client does not notice
    content = _decoded(request, body, answer.headers)
    return Response(request, answer.status_code, answer.headers, content, time.monotonic() - started)


@contextmanager
def requests_sender(credentials: Credentials, margin: float) -> Iterator[Sender]:
    """Open a sender that blocks its thread, for workers.

    :param margin: seconds that a response may take beyond the time Checkly may hold it back.
    """

    def send(request: Request, retry_seconds: float) -> Response:
        longest = max(retry_seconds, 0) + OVERTIME_SECONDS if request.hold else margin
        limit = min(request.hold + margin, longest)
        try:
            return _without_key(credentials, _exchange(session, credentials.url(request), request, limit))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise unreachable(request, credentials, error) from None

    with open_session(credentials.base_url, credentials.headers()) as session:
        yield send


async def _aexchange(
    session: aiohttp.ClientSession,
    credentials: Credentials,
    proxy: str | None,
    request: Request,
    limit: float,
) -> Response:
    started = time.monotonic()
    body = bytearray()
    async with session.request(
        request.method,
        yarl.URL(credentials.url(request), encoded=True),
        headers=credentials.headers(),  # as headers of the session, a proxy would get them, too
        json=request.body,
        timeout=_timeout(total=limit, sock_connect=CONNECT_SECONDS),
        allow_redirects=False,
        proxy=proxy,
    ) as answer:
        while chunk := await answer.content.readany():
            body += chunk
            _check_size(request, body)
    if len(body) < MAX_INLINE_COMPRESSED_BYTES:
        content = _decoded(request, body, answer.headers)
    else:
        content = await asyncio.to_thread(_decoded, request, body, answer.headers)
    return Response(request, answer.status, answer.headers, content, time.monotonic() - started)


@asynccontextmanager
async def aiohttp_sender(credentials: Credentials, margin: float) -> AsyncIterator[AsyncSender]:
    """Open a sender that does not block the event loop, for triggerers.

    :param margin: seconds that a response may take beyond the time Checkly may hold it back.
    """

    async def send(request: Request, retry_seconds: float) -> Response:
        # 0 means no limit to aiohttp
        limit = min(request.hold + margin, max(retry_seconds, 0) + OVERTIME_SECONDS)
        try:
            response = await _aexchange(session, credentials, proxy(), request, limit)
            return _without_key(credentials, response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise unreachable(request, credentials, error) from None

    # reading the environment takes as long as a request
    proxy = cache(partial(environment.proxy_for, credentials.base_url))
    context = await asyncio.to_thread(environment.tls_context)
    connector = aiohttp.TCPConnector(limit=0, ssl=context, resolver=aiohttp.ThreadedResolver())
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, auto_decompress=False) as session:
        yield send


def send(sender: Sender, endpoint: Endpoint[T], retry_seconds: float) -> T:
    """Send a request, with retries, and return what its response says.

    :param retry_seconds: how long the request may be repeated.
    :raises ChecklyError: the error of the last try.
    """
    end = time.monotonic() + retry_seconds

    def once() -> T:
        return endpoint.read(sender(endpoint.request, end - time.monotonic()))

    return retrying(Retrying, endpoint.request, retry_seconds)(once)


async def asend(sender: AsyncSender, endpoint: Endpoint[T], retry_seconds: float) -> T:
    """Send as `send` does, without blocking the event loop.

    Tenacity is entered only after a first failure: most requests succeed, and it costs as much as a request.
    """
    end = time.monotonic() + retry_seconds
    try:
        return await _read(endpoint, await sender(endpoint.request, retry_seconds))
    except ChecklyError as error:
        failed = [error]

    async def again() -> T:
        if failed:
            raise failed.pop()
        return await _read(endpoint, await sender(endpoint.request, end - time.monotonic()))

    return await retrying(AsyncRetrying, endpoint.request, end - time.monotonic())(again)


async def _read(endpoint: Endpoint[T], response: Response) -> T:
    """Read a response; a large one in a thread, since decoding it would block the event loop."""
    if len(response.body) < MAX_INLINE_BYTES:
        return endpoint.read(response)
    return await asyncio.to_thread(endpoint.read, response)


def run(steps: Steps, sender: Sender) -> WaitResult:
    """Run a wait."""
    answer: Answer | None = None
    while True:
        try:
            poll = steps.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # typeshed has Any here
        time.sleep(poll.pause)
        try:
            answer = send(sender, poll.endpoint, poll.retry_seconds)
        except ChecklyError as error:
            answer = error


async def arun(steps: Steps, sender: AsyncSender) -> WaitResult:
    """Run a wait, without blocking the event loop."""
    answer: Answer | None = None
    while True:
        try:
            poll = steps.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # typeshed has Any here
        if poll.pause:
            await asyncio.sleep(poll.pause)
        try:
            answer = await asend(sender, poll.endpoint, poll.retry_seconds)
        except ChecklyError as error:
            answer = error
