"""Both transports against servers, proxies and connections that misbehave, in one table for the two."""

from __future__ import annotations

import base64
import gzip
import os
import re
import socket
import time
import zlib
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from raw_http import (
    OK,
    Exchange,
    RawServer,
    Script,
    falls_silent_after,
    forget_host,
    issue_certificates,
    resets_after,
    sends,
)

from airflow_provider_checkly import __version__, exceptions
from airflow_provider_checkly.api import endpoints, environment, transport
from airflow_provider_checkly.api.http import Credentials, Request
from airflow_provider_checkly.emulator import Emulator
from airflow_provider_checkly.exceptions import ChecklyUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Client
    from raw_http import Certificates

GET = Request("GET", "/v2/check-sessions/1/completion")
TRIGGER = Request("POST", "/v2/check-sessions/trigger", body={"refreshCache": False}, repeatable=False)
KEY = "cu_canary-0123456789"


def breaks_tls(exchange: Exchange) -> None:
    """Write plain text into a TLS connection."""
    os.write(exchange.socket.fileno(), b"this is not a TLS record, is it?" * 4)
    time.sleep(0.2)


REASON = re.compile(
    "(connection (refused|reset by peer)|no complete response in time|the response is not valid HTTP|"
    "the connection (was closed|ended (before the response was complete|within the headers))|"
    r"its host name cannot be resolved|the TLS handshake failed( \(\w+\))?|the proxy refused the connection|"
    r"tunnel connection failed: 407 Proxy Authentication Required)\."
)


def credentials_for(base_url: str) -> Credentials:
    return Credentials(base_url, "account-1", KEY)


def unreachable(error: BaseException, request: Request, credentials: Credentials) -> ChecklyUnreachable:
    """Return the error, after looking at what all errors of this class have in common."""
    assert isinstance(error, ChecklyUnreachable)
    text = str(error)
    start = f"{request}: no response from {credentials.base_url}: "
    assert text.startswith(start)
    reason = text.removeprefix(start)
    assert re.fullmatch(REASON, reason) if error.retryable else 10 < len(reason) < 300, reason
    assert KEY not in text + repr(error)
    assert error.__cause__ is None
    return error


def failure(client: Client, url: str, request: Request, margin: float = 5) -> tuple[bool, bool]:
    """Send a request that gets no complete response; return whether it may be processed, and retried."""
    credentials = credentials_for(url)
    with pytest.raises(exceptions.ChecklyError) as caught:
        client.exchange(credentials, request, margin=margin)
    error = unreachable(caught.value, request, credentials)
    return error.maybe_processed, error.retryable


MAYBE_PROCESSED = (True, True)
NEVER_PROCESSED = (False, True)
MISCONFIGURED = (False, False)

BROKEN: dict[str, Script] = {
    "closed without an answer": sends(),
    "reset without an answer": resets_after(),
    "closed in the status line": sends(b"HTTP/1.1 20"),
    "closed in the headers": sends(OK + b"Content-Le"),
    "reset in the headers": resets_after(OK + b"Content-Le"),
    "half a body": sends(OK + b"Content-Length: 100\r\n\r\n" + b"x" * 50),
    "reset in the body": resets_after(OK + b"Content-Length: 100\r\n\r\n" + b"x" * 50),
    "no body at all": sends(OK + b"Content-Length: 100\r\n\r\n"),
    "chunks cut off": sends(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"),
    "a chunk cut off": sends(OK + b"Transfer-Encoding: chunked\r\n\r\n50\r\nabcde"),
    "a chunk without a size": sends(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabcde\r\n0\r\n\r\n"),
    "garbage instead of gzip": sends(OK + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nno gzip!!"),
    "JSON instead of gzip": sends(OK + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\n" + b'{"id": 1}'),
    "half a gzip": sends(
        OK + b"Content-Encoding: gzip\r\nContent-Length: 22\r\n\r\n" + gzip.compress(b"{}")[:-6]
    ),
    "garbage instead of HTTP": sends(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "endless headers": sends(OK + b"X: " + b"x" * 200_000 + b"\r\n\r\n"),
}


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("request_", [GET, TRIGGER], ids=["get", "trigger"])
def test_an_incomplete_response_may_belong_to_a_processed_request(
    client: Client, script: Script, request_: Request
) -> None:
    with RawServer(script) as server:
        assert failure(client, server.url, request_) == MAYBE_PROCESSED
    # aiohttp itself repeats a GET without a response once
    assert len(server.heads) == 1 or (client.name, request_, len(server.heads)) == ("aiohttp", GET, 2)


def drip(head: bytes, *parts: bytes) -> Script:
    """Send a response that is complete, but takes 20 seconds."""
    return sends(head, *parts, pause=20 / (len(parts) + 1))


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SLOW: dict[str, Script] = {
    "silence": falls_silent_after(then=OK + b"Content-Length: 2\r\n\r\n{}"),
    "silence in the body": falls_silent_after(OK + b"Content-Length: 2\r\n\r\n{", then=b"}"),
    "dripping body": drip(OK + b"Content-Length: 200\r\n\r\n", *[b"x"] * 200),
    "dripping chunks": drip(CHUNKED, *[b"1\r\nx\r\n"] * 200, b"0\r\n\r\n"),
    "dripping body until the end": drip(OK + b"Connection: close\r\n\r\n", *[b"x"] * 200),
}
DRIPPING_FRAMES: dict[str, Script] = {
    "headers": drip(OK, *[b"X: y\r\n"] * 200, b"Content-Length: 2\r\n\r\n{}"),
    "size of a chunk": drip(CHUNKED, *[b"0"] * 200, b"\r\n\r\n"),
    "trailers": drip(CHUNKED + b"0\r\nX: ", *[b"x"] * 200, b"\r\n\r\n"),
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW.keys())
def test_a_slow_response_ends_at_the_limit(client: Client, script: Script) -> None:
    """The limit is for the whole response, not for each byte; later, the response would be complete."""
    with RawServer(script) as server:
        assert failure(client, server.url, GET, margin=0.4) == MAYBE_PROCESSED


@pytest.mark.parametrize("script", DRIPPING_FRAMES.values(), ids=DRIPPING_FRAMES.keys())
@pytest.mark.parametrize("client", ["aiohttp"], indirect=True)
def test_in_the_triggerer_even_dripping_headers_end_at_the_limit(client: Client, script: Script) -> None:
    """On a worker only each byte of them is bounded, as in any program that uses requests."""
    with RawServer(script) as server:
        assert failure(client, server.url, GET, margin=0.4) == MAYBE_PROCESSED


@pytest.mark.parametrize("request_", [GET, TRIGGER], ids=["get", "trigger"])
def test_a_refused_connection_was_not_processed(client: Client, closed_port: int, request_: Request) -> None:
    assert failure(client, f"http://127.0.0.1:{closed_port}", request_) == NEVER_PROCESSED


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_does_not_exist(client: Client, monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    forget_host(monkeypatch, "checkly.invalid")
    assert failure(client, f"{scheme}://checkly.invalid", TRIGGER) == NEVER_PROCESSED


def test_a_connection_that_is_never_accepted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that does not respond at all is given up in time, and processed nothing."""
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.3)
    with ExitStack() as sockets:
        deaf = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):  # fill its queue
            waiting = sockets.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(deaf.getsockname())
        assert failure(client, f"http://127.0.0.1:{deaf.getsockname()[1]}", TRIGGER) == NEVER_PROCESSED


@pytest.mark.parametrize(
    "host", ["a" * 70 + ".example.com", "a..example.com", "ex\N{SNOWMAN}" + "a" * 70 + ".com"]
)
def test_a_host_that_is_not_a_valid_name_is_not_retried(client: Client, host: str) -> None:
    assert failure(client, f"https://{host}", TRIGGER) == MISCONFIGURED


def test_an_untrusted_certificate_is_not_retried(client: Client, certificates: Certificates) -> None:
    with RawServer(sends(), tls=certificates.server) as server:
        assert failure(client, server.url, TRIGGER) == MISCONFIGURED
    assert server.heads == []


def test_a_certificate_for_another_host_is_not_retried(
    client: Client, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.bundle))
    with RawServer(sends(), tls=certificates.server) as server:
        assert failure(client, f"https://localhost:{server.port}", TRIGGER) == MISCONFIGURED
    assert server.heads == []


@pytest.mark.parametrize("script", [sends(), resets_after(), sends(b"HTTP/1.1 400 No\r\n\r\n")])
def test_a_handshake_that_is_cut_off_is_retried(client: Client, script: Script) -> None:
    """A load balancer that restarts is not a bad certificate."""

    def after_hello(exchange: Exchange) -> None:
        exchange.socket.recv(65_536)
        script(exchange)

    with RawServer(after_hello, reads=False) as server:
        assert failure(client, f"https://127.0.0.1:{server.port}", GET)[1]


def test_tls_that_breaks_after_the_request_may_be_processed(
    client: Client, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A TLS error does not prove that nothing was started."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.bundle))
    with RawServer(breaks_tls, tls=certificates.server) as server:
        assert failure(client, server.url, TRIGGER) == MAYBE_PROCESSED
    assert len(server.heads) == 1


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_from_the_environment(
    client: Client, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Workers and triggerers obey the same variables."""
    monkeypatch.setenv(name, str(certificates.bundle))
    with RawServer(sends(OK + b"Content-Length: 2\r\n\r\n{}"), tls=certificates.server) as server:
        (response,) = client.exchange(credentials_for(server.url), GET)
    assert response.body == b"{}"


@pytest.fixture
def certifi_bundle(monkeypatch: pytest.MonkeyPatch, certificates: Certificates) -> Iterator[None]:
    """Let certifi trust the certificates of the tests."""
    monkeypatch.setattr("certifi.where", lambda: str(certificates.bundle))
    environment._tls.cache_clear()  # noqa: SLF001
    yield
    environment._tls.cache_clear()  # noqa: SLF001


@pytest.mark.usefixtures("certifi_bundle")
def test_certifi_is_trusted(client: Client, certificates: Certificates) -> None:
    with RawServer(sends(OK + b"Content-Length: 2\r\n\r\n{}"), tls=certificates.server) as server:
        (response,) = client.exchange(credentials_for(server.url), GET)
    assert response.body == b"{}"


@pytest.mark.usefixtures("certifi_bundle")
def test_a_bundle_from_the_environment_is_the_only_one(
    client: Client, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(issue_certificates(tmp_path).bundle))
    with RawServer(sends(), tls=certificates.server) as server:
        assert failure(client, server.url, GET) == MISCONFIGURED


@pytest.mark.parametrize("content", [None, "", "not a certificate"])
def test_a_bundle_that_cannot_be_read_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with pytest.raises(exceptions.ChecklyUnreachable, match=r"bundle\.pem") as caught:
        client.exchange(credentials_for("https://127.0.0.1:1"), GET)
    assert (caught.value.maybe_processed, caught.value.retryable) == MISCONFIGURED


def test_a_folder_of_certificates(client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`requests` accepts folders, so aiohttp must."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with Emulator() as checkly:
        credentials = Credentials(checkly.url, checkly.account_id, checkly.api_key)
        assert client.exchange(credentials, Request("GET", "/v1/accounts/me"))[0].status == 200


def test_a_key_that_the_server_echoes_is_hidden(client: Client) -> None:
    body = b'{"statusCode": 401, "message": "Bearer %s is not valid"}' % KEY.encode()
    head = b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n" % len(body)
    with RawServer(sends(head + body)) as server, pytest.raises(exceptions.ChecklyAuthError) as caught:
        client.send(credentials_for(server.url), endpoints.get_account())
    assert "Bearer *** is not valid" in str(caught.value)


def test_a_key_that_could_be_part_of_any_word_is_not_replaced(client: Client) -> None:
    body = b'{"statusCode": 400, "message": "accounts"}'
    head = b"HTTP/1.1 400 No\r\nContent-Length: %d\r\n\r\n" % len(body)
    with RawServer(sends(head + body)) as server, pytest.raises(exceptions.ChecklyRefused, match="accounts"):
        client.send(Credentials(server.url, "account-1", "acc"), endpoints.get_account())


@pytest.mark.parametrize("size", [4_000, 200_000])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_huge_body_is_not_read(
    client: Client, monkeypatch: pytest.MonkeyPatch, size: int, *, compressed: bool
) -> None:
    monkeypatch.setattr(transport, "MAX_BODY_BYTES", 3_000)
    body = gzip.compress(b" " * size) if compressed else b" " * size
    kind = b"Content-Encoding: gzip\r\n" if compressed else b""
    head = OK + kind + b"Content-Length: %d\r\n\r\n" % len(body)
    with RawServer(sends(head + body)) as server, pytest.raises(exceptions.ChecklyUnreadable) as caught:
        client.exchange(credentials_for(server.url), GET)
    assert str(caught.value) == f"{GET}: the response is larger than 0 MiB."


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"", b"{}"),
        (b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", None),
        (b"Transfer-Encoding: chunked\r\n", b"1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n"),
    ],
    ids=["until the end", "gzip", "chunks"],
)
def test_complete_bodies(client: Client, head: bytes, body: bytes | None) -> None:
    packed = gzip.compress(b"{}")
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed) if body is None else body
    with RawServer(sends(OK + head + b"\r\n" + sent)) as server:
        (response,) = client.exchange(credentials_for(server.url), GET)
    assert (response.status, response.body) == (200, b"{}")


_raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
ENCODED: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(b"{}")),
    "gzip in capitals": ("GZIP", gzip.compress(b"{}")),
    "gzip by its old name": ("x-gzip", gzip.compress(b"{}")),
    "gzip of two members": ("gzip", gzip.compress(b"{") + gzip.compress(b"}")),
    "gzip and something behind it": ("gzip", gzip.compress(b"{}") + b"\0\0"),
    "gzip twice": ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
    "deflate": ("deflate", zlib.compress(b"{}")),
    "deflate without a header": ("deflate", _raw.compress(b"{}") + _raw.flush()),
    "deflate, then gzip": ("deflate, gzip", gzip.compress(zlib.compress(b"{}"))),
    "identity": ("identity", b"{}"),
    "nonsense": ("none", b"{}"),
    "an empty list": (",", b"{}"),
}


@pytest.mark.parametrize(("encoding", "body"), ENCODED.values(), ids=ENCODED.keys())
def test_content_encodings(client: Client, encoding: str, body: bytes) -> None:
    """Both transports decode the same, whatever their libraries can."""
    head = OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding.encode(), len(body))
    with RawServer(sends(head + body)) as server:
        (response,) = client.exchange(credentials_for(server.url), GET)
    assert response.body == b"{}"


@pytest.mark.parametrize("encoding", ["br", "zstd"])
def test_an_encoding_that_was_not_asked_for_is_never_success(client: Client, encoding: str) -> None:
    head = OK + b"Content-Encoding: %s\r\nContent-Length: 4\r\n\r\n(\xb5/\xfd" % encoding.encode()
    with RawServer(sends(head)) as server, pytest.raises(exceptions.ChecklyUnreadable):
        client.send(credentials_for(server.url), endpoints.get_account(), retry_seconds=0)


@pytest.mark.parametrize("size", [100, 40_000])
def test_a_large_body_is_decoded(client: Client, size: int) -> None:
    """Above a size, in a thread of the triggerer."""
    body = gzip.compress(os.urandom(size))
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with RawServer(sends(head + body)) as server:
        (response,) = client.exchange(credentials_for(server.url), GET)
    assert response.body == gzip.decompress(body)


def test_a_body_longer_than_announced_is_never_success(client: Client) -> None:
    """What is left of it is not JSON."""
    cut = (exceptions.ChecklyUnreadable, exceptions.ChecklyUnreachable)
    with RawServer(sends(OK + b'Content-Length: 9\r\n\r\n{"id": "1234"}')) as server, pytest.raises(cut):
        client.send(credentials_for(server.url), endpoints.get_account(), retry_seconds=0)


def test_204_has_no_body(client: Client) -> None:
    with RawServer(sends(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        (response,) = client.exchange(credentials_for(server.url), Request("POST", "/cancel", body={}))
    assert (response.status, response.body) == (204, b"")


def test_what_is_sent(client: Client) -> None:
    """Our headers are sent, once each, and no cookie."""
    with RawServer(sends(OK + b"Content-Length: 2\r\nX-Odd: A\r\n\r\n{}")) as server:
        request = Request("POST", "/v2/a%2Fb", (("maxWaitSeconds", "30"),), body={"a": "ü"})
        (response,) = client.exchange(credentials_for(server.url), request)
    first, *lines = server.heads[0].split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert first == "POST /v2/a%2Fb?maxWaitSeconds=30 HTTP/1.1"
    assert len(headers) == len(lines)
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["x-checkly-account"] == "account-1"
    assert headers["user-agent"] == f"airflow-provider-checkly/{__version__}"
    assert headers["accept"] == headers["content-type"] == "application/json"
    assert headers["accept-encoding"] == "gzip, deflate"
    assert "cookie" not in headers
    assert response.headers["x-odd"] == "A"
    assert response.seconds > 0


def test_the_body_is_json_and_a_get_has_none(client: Client) -> None:
    with Emulator() as checkly:
        credentials = Credentials(checkly.url, checkly.account_id, checkly.api_key)
        client.exchange(credentials, TRIGGER, Request("GET", "/v1/accounts/me"))
    assert [record.body for record in checkly.requests] == [{"refreshCache": False}, None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(client: Client, status: int) -> None:
    """The key stays with the host of the connection; the error shows where the redirect leads."""
    with RawServer(sends(OK)) as elsewhere:
        there = f"http://127.0.0.1:{elsewhere.port}/v1/accounts/me"
        head = f"HTTP/1.1 {status} Moved\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n"
        with RawServer(sends(head.encode())) as server, pytest.raises(exceptions.ChecklyRefused) as caught:
            client.send(credentials_for(server.url), endpoints.get_account())
    assert caught.value.status == status
    assert f"It redirects to '{there}'" in str(caught.value)
    assert (len(server.heads), elsewhere.heads) == (1, [])


@pytest.mark.parametrize("name", [".netrc", "_netrc"])
def test_netrc_does_not_replace_the_key(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("machine 127.0.0.1 login evil password netrc\ndefault login x password y\n")
    (tmp_path / name).chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / name))
    with RawServer(sends(OK + b"Content-Length: 2\r\n\r\n{}")) as server:
        client.exchange(credentials_for(server.url), GET)
    assert f"Authorization: Bearer {KEY}" in server.heads[0]
    assert "Basic" not in server.heads[0]


@dataclass(frozen=True)
class Proxied:
    """A proxy in the environment, and the host that is reached through it."""

    variable: str
    proxy: str = "http://{}"
    host: str = "http://checkly.example.com"
    no_proxy: str | None = None


PROXIED = [
    Proxied("http_proxy"),
    Proxied("HTTP_PROXY"),
    Proxied("HTTP_PROXY", proxy="{}"),
    Proxied("ALL_PROXY"),
    Proxied("HTTP_PROXY", no_proxy="example.org,127.0.0.1"),
    Proxied("HTTP_PROXY", host="http://checkly.example.com:8080/api"),
    Proxied("HTTP_PROXY", proxy="http://me:s3cr3t@{}"),
    Proxied("HTTP_PROXY", proxy=" http://{}/ "),
    Proxied("HTTP_PROXY", no_proxy="10.0.0.0/8,checkly.example.com:81"),
]


@pytest.mark.parametrize("case", PROXIED)
def test_a_proxy_from_the_environment(client: Client, monkeypatch: pytest.MonkeyPatch, case: Proxied) -> None:
    """Workers and triggerers obey the same variables."""
    with RawServer(sends(OK + b"Content-Length: 2\r\n\r\n{}")) as proxy:
        monkeypatch.setenv(case.variable, case.proxy.format(f"127.0.0.1:{proxy.port}"))
        monkeypatch.setenv("NO_PROXY", case.no_proxy or "")
        (response,) = client.exchange(credentials_for(case.host), GET)
    assert response.body == b"{}"
    assert proxy.heads[0].startswith(f"GET {case.host}{GET.path} HTTP/1.1\r\n")
    given = re.findall("Proxy-Authorization: (.*)", proxy.heads[0])
    assert [each.strip() for each in given] == (["Basic bWU6czNjcjN0"] if "@" in case.proxy else [])


@pytest.mark.parametrize("user", ["", "me@", "me:s3cr3t@", "m%40:s%3Acr@"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_gets_its_own_credentials_only(
    client: Client, monkeypatch: pytest.MonkeyPatch, scheme: str, user: str
) -> None:
    """The tunnel for https is opened without encryption, so it must not hold the API key."""
    refusal = b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n"
    with RawServer(sends(refusal)) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://{user}127.0.0.1:{proxy.port}")
        with suppress(ChecklyUnreachable):
            client.exchange(credentials_for(f"{scheme}://checkly.example.com"), TRIGGER)
    given = re.findall("Proxy-Authorization: (?:Basic )?(.*)", proxy.heads[0])
    name, _, password = unquote(user.rstrip("@")).partition(":")
    assert [base64.b64decode(each).decode() for each in given] == ([f"{name}:{password}"] if user else [])
    head = re.sub("\r\nAuthorization: Bearer .*", "", proxy.heads[0]) if scheme == "http" else proxy.heads[0]
    assert KEY not in head
    assert scheme == "http" or "account-1" not in head


def test_https_goes_through_a_tunnel(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the proxy refuses, nothing was processed; the password of the proxy stays hidden."""
    with RawServer(
        sends(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    ) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:s3cr3t@127.0.0.1:{proxy.port}")
        credentials = credentials_for("https://checkly.example.com")
        with pytest.raises(exceptions.ChecklyError) as caught:
            client.exchange(credentials, TRIGGER)
    error = unreachable(caught.value, TRIGGER, credentials)
    assert (error.maybe_processed, error.retryable) == NEVER_PROCESSED
    assert "s3cr3t" not in str(error)
    assert proxy.heads[0].startswith("CONNECT checkly.example.com:443 HTTP/1.")
    assert KEY not in proxy.heads[0]


@pytest.mark.parametrize(
    "no_proxy", ["127.0.0.1", "localhost,127.0.0.1", "*", " 127.0.0.1 , x", "127.0.0.0/8", ".0.0.1"]
)
def test_no_proxy_is_obeyed(
    client: Client, monkeypatch: pytest.MonkeyPatch, no_proxy: str, closed_port: int
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    with Emulator() as checkly:
        credentials = Credentials(checkly.url, checkly.account_id, checkly.api_key)
        assert client.exchange(credentials, Request("GET", "/v1/accounts/me"))[0].status == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_down_processed_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch, closed_port: int, scheme: str
) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", f"http://me:s3cr3t@127.0.0.1:{closed_port}")
    credentials = credentials_for(f"{scheme}://checkly.example.com")
    with pytest.raises(exceptions.ChecklyError) as caught:
        client.exchange(credentials, TRIGGER)
    error = unreachable(caught.value, TRIGGER, credentials)
    assert (error.maybe_processed, error.retryable) == NEVER_PROCESSED
    assert "s3cr3t" not in str(error)


def test_a_proxy_that_drops_a_request_may_have_forwarded_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(sends()) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert failure(client, "http://checkly.example.com", TRIGGER) == MAYBE_PROCESSED


def test_a_tunnel_that_drops_a_request_may_have_forwarded_it(
    client: Client, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = []

    def tunnel(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with certificates.server.wrap_socket(exchange.socket, server_side=True) as inside:
            heads.append(inside.recv(4096))

    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.bundle))
    with RawServer(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert failure(client, "https://127.0.0.1:9", TRIGGER) == MAYBE_PROCESSED
    assert heads[0].startswith(b"POST /v2/check-sessions/trigger HTTP/1.1")


BAD_PROXIES = [
    "http://me:s3cr3t@[127.0.0.1",
    "http://me:s3cr3t@127.0.0.1:x",
    "http://me:s3cr3t@127.0.0.1:0",
    "http://me:s3cr3t@127.0.0.1:99999",
    "http://me:s3cr3t@",
    "http://",
    "//127.0.0.1:80",
]


@pytest.mark.parametrize("proxy", BAD_PROXIES)
def test_an_invalid_proxy_is_not_retried(client: Client, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """A retry does not fix a setting; the password of the proxy stays hidden."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ChecklyUnreachable, match=r"^The URL of the proxy is not valid; see HTTPS") as caught:
        client.exchange(credentials_for("http://checkly.example.com"), TRIGGER)
    assert (caught.value.maybe_processed, caught.value.retryable) == MISCONFIGURED
    assert "s3cr3t" not in str(caught.value)


def test_a_proxy_that_is_not_an_http_proxy_is_not_retried(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiohttp supports no other, and workers must not differ from triggerers."""
    monkeypatch.setenv("ALL_PROXY", "socks5://me:s3cr3t@127.0.0.1:1")
    with pytest.raises(ChecklyUnreachable, match=r"^Only http proxies are supported; see HTTPS") as caught:
        client.exchange(credentials_for("http://checkly.example.com"), TRIGGER)
    assert (caught.value.maybe_processed, caught.value.retryable) == MISCONFIGURED
