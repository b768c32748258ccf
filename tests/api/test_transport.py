"""Both transports against servers, proxies and wires that misbehave: one table for the two."""

from __future__ import annotations

import gzip
import os
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from airflow_provider_checkly import __version__
from airflow_provider_checkly import exceptions
from airflow_provider_checkly.api import endpoints, transport
from airflow_provider_checkly.api.http import Credentials, Request
from airflow_provider_checkly.emulator import Emulator

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Certificates, Script, Serve, Way

GET = Request("GET", "/v2/check-sessions/1/completion")
START = Request("POST", "/v2/check-sessions/trigger", body={"refreshCache": False}, repeatable=False)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
KEY = "cu_canary-0123456789"


def says(*parts: bytes, pause: float = 0) -> Script:
    """Send parts, with pauses between them, and end the connection in order."""

    def script(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        connection.shutdown(socket.SHUT_RDWR)

    return script


def falls_silent_after(*parts: bytes) -> Script:
    """Send parts, and wait for the other side to hang up, up to ten seconds."""

    def script(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
        connection.recv(1)

    return script


def resets_after(*parts: bytes) -> Script:
    """Send parts, and end the connection with an RST."""

    def script(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
        time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    return script


def breaks_tls(connection: socket.socket) -> None:
    """Write what is no TLS into a connection that is."""
    os.write(connection.fileno(), b"this is no record of TLS, is it?" * 4)
    time.sleep(0.2)


def check(error: BaseException, request: Request, account: Credentials) -> exceptions.ChecklyUnreachable:
    """Look at what all errors have in common."""
    assert isinstance(error, exceptions.ChecklyUnreachable)
    text = str(error)
    assert text.startswith(f"{request}: no whole answer from {account.base_url} (")
    assert not text.endswith(": ).")
    assert len(text) < 600
    assert KEY not in text + repr(error)
    assert error.__cause__ is None
    return error


def broken(way: Way, account: Credentials, request: Request, margin: float = 5) -> tuple[bool, bool]:
    """Send a request that gets no whole answer: was it taken, is it hopeless?"""
    with pytest.raises(exceptions.ChecklyError) as caught:
        way.exchange(account, request, margin=margin)
    error = check(caught.value, request, account)
    return error.maybe_processed, error.retryable


WIRES: dict[str, Script] = {
    "closed without an answer": says(),
    "reset without an answer": resets_after(),
    "closed in the status line": says(b"HTTP/1.1 20"),
    "closed in the headers": says(OK + b"Content-Le"),
    "reset in the headers": resets_after(OK + b"Content-Le"),
    "half a body": says(OK + b"Content-Length: 100\r\n\r\n" + b"x" * 50),
    "reset in the body": resets_after(OK + b"Content-Length: 100\r\n\r\n" + b"x" * 50),
    "no body at all": says(OK + b"Content-Length: 100\r\n\r\n"),
    "chunks cut off": says(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"),
    "a chunk cut off": says(OK + b"Transfer-Encoding: chunked\r\n\r\n50\r\nabcde"),
    "a chunk without a size": says(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabcde\r\n0\r\n\r\n"),
    "garbage instead of gzip": says(OK + b"Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\nno gzip!!"),
    "garbage instead of HTTP": says(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "endless headers": says(OK + b"X: " + b"x" * 200_000 + b"\r\n\r\n"),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("request_", [GET, START], ids=["get", "start"])
def test_an_answer_that_is_not_whole_may_have_been_taken(
    way: Way, serve: Serve, wire: str, request_: Request
) -> None:
    """Pitfalls 2, 14 and 16: it was sent, so it may have been taken; asking again may help."""
    with serve(WIRES[wire]) as server:
        assert broken(way, server.account, request_) == (True, False)
    # aiohttp asks once more by itself where a GET gets no answer
    assert len(server.heads) == 1 or (way.name, request_, len(server.heads)) == ("aiohttp", GET, 2)


@pytest.mark.parametrize(
    "script",
    [
        falls_silent_after(),
        says(OK + b"Content-Length: 100\r\n\r\n", *[b"x"] * 100, pause=0.05),
        says(OK + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 100, pause=0.05),
        falls_silent_after(OK + b"Content-Length: 10\r\n\r\nx"),
        says(OK + b"Transfer-Encoding: chunked\r\n\r\n", *[b"0"] * 100, pause=0.05),
        says(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", *[b"x"] * 100, pause=0.05),
        says(OK + b"Connection: close\r\n\r\n", *[b"x"] * 100, pause=0.05),
    ],
    ids=[
        *(
            "silence",
            "a drip",
            "a drip of chunks",
            "a stop",
            "a drip of a chunk's size",
            "a drip of trailers",
        ),
        "a drip up to the end",
    ],
)
def test_no_answer_takes_for_ever(way: Way, serve: Serve, script: Script) -> None:
    """Pitfall 29: silence, and a body that drips in, end at the limit of the whole answer."""
    with serve(script) as server:
        started = time.monotonic()
        assert broken(way, server.account, GET, margin=0.4) == (True, False)
        assert time.monotonic() - started < 4


@pytest.mark.parametrize("tls", [False, True])
def test_headers_that_drip_in_end_at_the_limit(
    serve: Serve, way: Way, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, *, tls: bool
) -> None:
    """Pitfall 29: `requests` by itself bounds each byte of the headers only."""
    if tls and way.name == "aiohttp":
        pytest.skip(
            "its limit knows nothing of TLS, and it says goodbye only after the end of this test's loop"
        )
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.bundle))
    drip = [bytes([byte]) for byte in OK + b"X: " + b"x" * 200 + b"\r\nContent-Length: 2\r\n\r\n{}"]
    with serve(says(*drip, pause=0.05), tls=certificates.server if tls else None) as server:
        started = time.monotonic()
        assert broken(way, server.account, GET, margin=0.3) == (True, False)
        assert time.monotonic() - started < 6


@pytest.mark.parametrize("request_", [GET, START], ids=["get", "start"])
def test_nobody_listens(way: Way, closed_port: int, request_: Request) -> None:
    """Pitfall 2: this one surely was not taken."""
    account = Credentials(f"http://127.0.0.1:{closed_port}", "account-1", KEY)
    assert broken(way, account, request_) == (False, False)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_does_not_exist(way: Way, scheme: str) -> None:
    account = Credentials(f"{scheme}://checkly.invalid", "account-1", KEY)
    assert broken(way, account, START) == (False, False)


def test_a_connection_that_does_not_come_about(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfall 29: a host that does not answer at all is given up in time, and took nothing."""
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.3)
    with ExitStack() as sockets:
        deaf = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(2):  # fill its queue
            client = sockets.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex(deaf.getsockname())
        account = Credentials(f"http://127.0.0.1:{deaf.getsockname()[1]}", "account-1", KEY)
        assert broken(way, account, START) == (False, False)


@pytest.mark.parametrize(
    "host", ["a" * 70 + ".example.com", "a..example.com", "ex\N{SNOWMAN}" + "a" * 70 + ".com"]
)
def test_a_host_that_cannot_be_a_name_is_hopeless(way: Way, host: str) -> None:
    assert broken(way, Credentials(f"https://{host}", "account-1", KEY), START) == (False, True)


def test_a_certificate_that_nobody_trusts_is_hopeless(
    way: Way, serve: Serve, certificates: Certificates
) -> None:
    with serve(says(), tls=certificates.server) as server:
        assert broken(way, server.account, START) == (False, True)
    assert server.heads == []


def test_a_certificate_for_another_host_is_hopeless(
    way: Way, serve: Serve, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.bundle))
    with serve(says(), tls=certificates.server) as server:
        account = Credentials(f"https://localhost:{server.port}", "account-1", KEY)
        assert broken(way, account, START) == (False, True)
    assert server.heads == []


@pytest.mark.parametrize("script", [says(), resets_after(), says(b"HTTP/1.1 400 No\r\n\r\n")])
def test_a_handshake_that_is_cut_off_may_be_tried_again(way: Way, serve: Serve, script: Script) -> None:
    """Pitfall 14: a load balancer that restarts is no bad certificate."""

    def after_hello(connection: socket.socket) -> None:
        connection.recv(65_536)
        script(connection)

    with serve(after_hello, reads=False) as server:
        account = Credentials(f"https://127.0.0.1:{server.port}", "account-1", KEY)
        assert broken(way, account, GET)[1] is False


def test_tls_that_breaks_after_the_request_may_have_been_taken(
    way: Way, serve: Serve, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall 2: an error of TLS is no proof that nothing was started."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.bundle))
    with serve(breaks_tls, tls=certificates.server) as server:
        assert broken(way, server.account, START) == (True, False)
    assert len(server.heads) == 1


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_certificates_from_the_environment(
    way: Way, serve: Serve, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Pitfall 28: the same names on workers and in the triggerer."""
    monkeypatch.setenv(name, str(certificates.bundle))
    with serve(says(OK + b"Content-Length: 2\r\n\r\n{}"), tls=certificates.server) as server:
        (response,) = way.exchange(server.account, GET)
    assert response.body == b"{}"


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_bundle_that_cannot_be_read_is_named(
    way: Way, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with pytest.raises(exceptions.ChecklyUnreachable, match=r"bundle\.pem") as caught:
        way.exchange(Credentials("https://127.0.0.1:1", "account-1", KEY), GET)
    assert (caught.value.maybe_processed, caught.value.retryable) == (False, True)


def test_a_folder_of_certificates(way: Way, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pitfall 28: `requests` knows folders, so must the other."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with Emulator() as checkly:
        account = Credentials(checkly.url, checkly.account_id, checkly.api_key)
        assert way.exchange(account, Request("GET", "/v1/accounts/me"))[0].status == 200


def test_a_server_that_repeats_the_key(way: Way, serve: Serve) -> None:
    """Pitfall 17: neither an error nor a result may hold it."""
    body = b'{"message": "Bearer %s is not valid"}' % KEY.encode()
    head = b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n" % len(body)
    with serve(says(head + body)) as server, pytest.raises(exceptions.ChecklyAuthError) as caught:
        way.ask(server.account, endpoints.get_account())
    assert "Bearer *** is not valid" in str(caught.value)


@pytest.mark.parametrize("size", [4_000, 200_000])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_huge_body_is_not_read(
    way: Way, serve: Serve, monkeypatch: pytest.MonkeyPatch, size: int, *, compressed: bool
) -> None:
    monkeypatch.setattr(transport, "LARGEST_BODY", 3_000)
    body = gzip.compress(b" " * size) if compressed else b" " * size
    kind = b"Content-Encoding: gzip\r\n" if compressed else b""
    head = OK + kind + b"Content-Length: %d\r\n\r\n" % len(body)
    with serve(says(head + body)) as server, pytest.raises(exceptions.ChecklyUnreadable) as caught:
        way.exchange(server.account, GET)
    assert str(caught.value) == f"{GET}: the answer is larger than 0 MiB."


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"", b"{}"),
        (b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", None),
        (b"Transfer-Encoding: chunked\r\n", b"1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n"),
    ],
    ids=["until the end", "gzip", "chunks"],
)
def test_bodies_that_are_whole(way: Way, serve: Serve, head: bytes, body: bytes | None) -> None:
    packed = gzip.compress(b"{}")
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed) if body is None else body
    with serve(says(OK + head + b"\r\n" + sent)) as server:
        (response,) = way.exchange(server.account, GET)
    assert (response.status, response.body) == (200, b"{}")


def test_a_body_longer_than_announced_is_never_success(way: Way, serve: Serve) -> None:
    """Pitfall 8: what is cut is no JSON."""
    cut = (exceptions.ChecklyUnreadable, exceptions.ChecklyUnreachable)
    with serve(says(OK + b'Content-Length: 9\r\n\r\n{"id": "1234"}')) as server, pytest.raises(cut):
        way.ask(server.account, endpoints.get_account(), patience=0)


def test_204_has_no_body(way: Way, serve: Serve) -> None:
    with serve(says(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        (response,) = way.exchange(server.account, Request("POST", "/cancel", body={}))
    assert (response.status, response.body) == (204, b"")


def test_what_is_sent(way: Way, serve: Serve) -> None:
    """Pitfalls 18 and 31: our headers, once each, and no other secrets."""
    with serve(says(OK + b"Content-Length: 2\r\nX-Odd: A\r\n\r\n{}")) as server:
        request = Request("POST", "/v2/a%2Fb", (("maxWaitSeconds", "30"),), body={"a": "ü"})
        (response,) = way.exchange(server.account, request)
    first, *lines = server.heads[0].split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert first == "POST /v2/a%2Fb?maxWaitSeconds=30 HTTP/1.1"
    assert len(headers) == len(lines)
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["x-checkly-account"] == "account-1"
    assert headers["user-agent"] == f"airflow-provider-checkly/{__version__}"
    assert headers["accept"] == headers["content-type"] == "application/json"
    assert "cookie" not in headers
    assert response.headers["x-odd"] == "A"
    assert response.seconds < 5


def test_the_body_is_json_and_a_get_has_none(way: Way) -> None:
    with Emulator() as checkly:
        account = Credentials(checkly.url, checkly.account_id, checkly.api_key)
        way.exchange(account, START, Request("GET", "/v1/accounts/me"))
    assert [record.body for record in checkly.requests] == [{"refreshCache": False}, None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(way: Way, serve: Serve, status: int) -> None:
    """The key stays with the host that it was meant for; the error says where the redirect points to."""
    with serve(says(OK)) as elsewhere:
        there = f"http://127.0.0.1:{elsewhere.port}/v1/accounts/me"
        head = f"HTTP/1.1 {status} Moved\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n"
        with serve(says(head.encode())) as server, pytest.raises(exceptions.ChecklyRefused) as caught:
            way.ask(server.account, endpoints.get_account())
    assert caught.value.status == status
    assert f"It points to '{there}'" in str(caught.value)
    assert (len(server.heads), elsewhere.heads) == (1, [])


@pytest.mark.parametrize("name", [".netrc", "_netrc"])
def test_netrc_does_not_replace_the_key(
    way: Way, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("machine 127.0.0.1 login evil password netrc\ndefault login x password y\n")
    (tmp_path / name).chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / name))
    with serve(says(OK + b"Content-Length: 2\r\n\r\n{}")) as server:
        way.exchange(server.account, GET)
    assert f"Authorization: Bearer {KEY}" in server.heads[0]
    assert "Basic" not in server.heads[0]


@dataclass(frozen=True)
class Proxied:
    """Where a proxy is set, and for what."""

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
]


@pytest.mark.parametrize("case", PROXIED)
def test_a_proxy_from_the_environment(
    way: Way, serve: Serve, monkeypatch: pytest.MonkeyPatch, case: Proxied
) -> None:
    """Pitfall 28: the same on workers and in the triggerer."""
    with serve(says(OK + b"Content-Length: 2\r\n\r\n{}")) as proxy:
        monkeypatch.setenv(case.variable, case.proxy.format(f"127.0.0.1:{proxy.port}"))
        monkeypatch.setenv("NO_PROXY", case.no_proxy or "")
        (response,) = way.exchange(Credentials(case.host, "account-1", KEY), GET)
    assert response.body == b"{}"
    assert proxy.heads[0].startswith(f"GET {case.host}{GET.path} HTTP/1.1\r\n")
    assert ("Proxy-Authorization: Basic bWU6czNjcjN0" in proxy.heads[0]) is ("@" in case.proxy)


def test_https_goes_through_a_tunnel(way: Way, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfall 28: and where the proxy refuses, nothing was taken, and the proxy's password stays hidden."""
    with serve(says(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:s3cr3t@127.0.0.1:{proxy.port}")
        account = Credentials("https://checkly.example.com", "account-1", KEY)
        with pytest.raises(exceptions.ChecklyError) as caught:
            way.exchange(account, START)
    error = check(caught.value, START, account)
    assert (error.maybe_processed, error.retryable) == (False, False)
    assert "s3cr3t" not in str(error)
    assert proxy.heads[0].startswith("CONNECT checkly.example.com:443 HTTP/1.")
    assert KEY not in proxy.heads[0]


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "localhost,127.0.0.1", "*"])
def test_no_proxy_is_obeyed(
    way: Way, monkeypatch: pytest.MonkeyPatch, no_proxy: str, closed_port: int
) -> None:
    """Pitfall 28."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    with Emulator() as checkly:
        account = Credentials(checkly.url, checkly.account_id, checkly.api_key)
        assert way.exchange(account, Request("GET", "/v1/accounts/me"))[0].status == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_down(
    way: Way, monkeypatch: pytest.MonkeyPatch, closed_port: int, scheme: str
) -> None:
    """Pitfall 2: nothing was taken."""
    monkeypatch.setenv(f"{scheme}_proxy", f"http://me:s3cr3t@127.0.0.1:{closed_port}")
    account = Credentials(f"{scheme}://checkly.example.com", "account-1", KEY)
    with pytest.raises(exceptions.ChecklyError) as caught:
        way.exchange(account, START)
    error = check(caught.value, START, account)
    assert (error.maybe_processed, error.retryable) == (False, False)
    assert "s3cr3t" not in str(error)


def test_a_proxy_that_drops_what_it_took(way: Way, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pitfall 2: Checkly may have it."""
    with serve(says()) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        account = Credentials("http://checkly.example.com", "account-1", KEY)
        assert broken(way, account, START) == (True, False)


def test_a_tunnel_that_drops_what_it_took(
    way: Way, serve: Serve, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall 2: the same through a tunnel, once it stands."""
    heads = []

    def tunnel(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with certificates.server.wrap_socket(connection, server_side=True) as inside:
            heads.append(inside.recv(4096))

    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.bundle))
    with serve(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert broken(way, Credentials("https://127.0.0.1:9", "account-1", KEY), START) == (True, False)
    assert heads[0].startswith(b"POST /v2/check-sessions/trigger HTTP/1.1")


@pytest.mark.parametrize(
    "proxy", ["socks5://me:s3cr3t@127.0.0.1:1", "http://me:s3cr3t@[127.0.0.1", "http://me:s3cr3t@127.0.0.1:x"]
)
def test_a_proxy_that_cannot_work_is_hopeless(way: Way, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """Pitfall 28: asking again for an hour does not mend a setting; its password stays hidden."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    account = Credentials("http://checkly.example.com", "account-1", KEY)
    with pytest.raises(exceptions.ChecklyError) as caught:
        way.exchange(account, START)
    error = check(caught.value, START, account)
    assert (error.maybe_processed, error.retryable) == (False, True)
    assert "s3cr3t" not in str(error)
