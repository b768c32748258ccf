"""A raw HTTP server for what the emulator cannot do: broken answers, cut connections, TLS.

It reads one request per connection and lets a script answer it, byte by byte. Requests that do not match are
forwarded to another server, the upstream.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CONNECTION_SECONDS: Final = 60
"""How long a silent connection is kept; longer than Checkly holds a long poll."""
SILENT_SECONDS: Final = 20
RESET_ON_CLOSE: Final = b"\1\0\0\0\0\0\0\0"
"""SO_LINGER, on, 0 seconds."""
PER_CONNECTION: Final = {"connection", "content-length", "keep-alive", "transfer-encoding"}


class Answer(NamedTuple):
    """An answer of the upstream."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def raw(self) -> bytes:
        """Return the answer as it is sent."""
        kept = [f"{name}: {value}\r\n" for name, value in self.headers if name.lower() not in PER_CONNECTION]
        head = f"HTTP/1.1 {self.status} -\r\n{''.join(kept)}Connection: close\r\n"
        length = "" if self.status == 204 else f"Content-Length: {len(self.body)}\r\n"
        return f"{head}{length}\r\n".encode() + self.body


@dataclass
class Exchange:
    """One request, and the connection on which it is answered."""

    server: RawServer
    socket: socket.socket
    head: str = ""
    body: bytes = b""

    @property
    def method(self) -> str:
        """GET, POST, CONNECT, ..."""
        return self.head.partition(" ")[0]

    @property
    def target(self) -> str:
        """Path and query."""
        return self.head.split(" ", 2)[1]

    def headers(self) -> dict[str, str]:
        """Return the headers as they were sent."""
        return dict(line.split(": ", 1) for line in self.head.split("\r\n")[1:])

    def send(self, *parts: bytes, pause: float = 0) -> None:
        """Send bytes, with a pause of so many seconds after each part."""
        for part in parts:
            self.socket.sendall(part)
            time.sleep(pause)

    def forward(self) -> Answer:
        """Let the upstream act on the request, and return its answer."""
        upstream = HTTPConnection(urlsplit(self.server.upstream).netloc, timeout=CONNECTION_SECONDS)
        try:
            upstream.connect()
            with self.server.tracked(upstream.sock):
                upstream.request(self.method, self.target, self.body or None, self.headers())
                answer = upstream.getresponse()
                return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            upstream.close()


Script = Callable[[Exchange], None]


# Scripts


def sends(*parts: bytes, pause: float = 0) -> Script:
    """Send parts, with a pause after each, and end the connection in order."""

    def script(exchange: Exchange) -> None:
        exchange.send(*parts, pause=pause)
        exchange.socket.shutdown(socket.SHUT_RDWR)

    return script


def falls_silent_after(*parts: bytes, then: bytes = b"") -> Script:
    """Send parts, and the rest only if the other side does not hang up for long."""

    def script(exchange: Exchange) -> None:
        exchange.send(*parts)
        exchange.socket.settimeout(SILENT_SECONDS)
        try:
            exchange.socket.recv(1)
        except TimeoutError:
            exchange.send(then)

    return script


def resets_after(*parts: bytes) -> Script:
    """Send parts, and end the connection with an RST."""

    def script(exchange: Exchange) -> None:
        exchange.send(*parts)
        time.sleep(0.05)
        exchange.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)

    return script


def processed(script: Script) -> Script:
    """Let the upstream act on the request before the script answers it."""

    def after_upstream(exchange: Exchange) -> None:
        exchange.forward()
        script(exchange)

    return after_upstream


def edits(edit: Callable[[bytes], bytes], *, announce: int = 0) -> Script:
    """Send the upstream's answer with another body.

    :param announce: by how many bytes Content-Length is wrong.
    """

    def script(exchange: Exchange) -> None:
        body = edit(exchange.forward().body)
        announced = len(body) + announce
        exchange.send(OK + b"Content-Length: %d\r\n\r\n" % announced + body[:announced])
        if announce < 0:
            time.sleep(0.2)  # what is too much comes after the response has been read
        exchange.send(body[announced:])

    return script


def edits_json(edit: Callable[[Any], object]) -> Script:
    """Send the upstream's answer, in which the first session is changed in place."""

    def changed(body: bytes) -> bytes:
        answer = json.loads(body)
        edit(answer["sessions"][0] if "sessions" in answer else answer)
        return json.dumps(answer).encode()

    return edits(changed)


# The server


def read_request(connection: socket.socket) -> tuple[str, bytes]:
    """Return head and body of a request."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65_536)):
            raise ConnectionError("the client left")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = re.findall(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    left = int(lengths[0]) - len(body) if lengths else 0
    while left > 0 and (more := connection.recv(left)):
        body += more
        left -= len(more)
    return head.decode(), body


@dataclass
class RawServer:
    """Answers requests by a script; `heads` are the requests that it read.

    :param script: None: all requests are forwarded.
    :param only: the requests that meet the script: method, and a regular expression found in the path.
    :param times: how many requests meet the script; None: all.
    :param upstream: base URL of the server to which the others are forwarded.
    :param tls: speak TLS.
    :param reads: whether a request is read before the script begins.
    :param port: 0: any free port.
    """

    script: Script | None = None
    only: tuple[str, str] = ("", "")
    times: int | None = None
    upstream: str = ""
    tls: ssl.SSLContext | None = None
    reads: bool = True
    port: int = 0
    heads: list[str] = field(default_factory=list)
    _open: set[socket.socket] = field(default_factory=set)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        for thread in self._threads:
            thread.join()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def listen(self) -> None:
        """Accept connections, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)

    def cut(self) -> None:
        """Refuse connections, and break those that are open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def tracked(self, connection: socket.socket) -> Iterator[None]:
        """Let `cut` break a connection, too."""
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def _start(self, work: Callable[[socket.socket], None], connection: socket.socket) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=work, args=(connection,))
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                self._start(self._serve, listener.accept()[0])

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(CONNECTION_SECONDS)
            peer = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
            with peer, self.tracked(peer):
                self._answer(peer)

    def _answer(self, peer: socket.socket) -> None:
        exchange = Exchange(self, peer)
        if self.reads:
            exchange.head, exchange.body = read_request(peer)
            self.heads.append(exchange.head)
        if self.script and self._meets_script(exchange):
            self.script(exchange)
        else:
            exchange.send(exchange.forward().raw())

    def _meets_script(self, exchange: Exchange) -> bool:
        method, pattern = self.only
        with self._lock:
            if self.times == 0 or (method and method != exchange.method):
                return False
            if pattern and not re.search(pattern, urlsplit(exchange.target).path):
                return False
            self.times = None if self.times is None else self.times - 1
            return True


# TLS


@dataclass(frozen=True)
class Certificates:
    """A certificate for 127.0.0.1, and the bundle of the authority that issued it."""

    bundle: Path
    server: ssl.SSLContext


def issue_certificates(folder: Path) -> Certificates:
    """Issue a certificate that nobody trusts, unless the environment names its bundle."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(folder / "bundle.pem"))
    return Certificates(folder / "bundle.pem", context)


# DNS


def forget_host(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let a name be unknown, whatever the DNS of this machine is like."""
    look_up = socket.getaddrinfo

    def without_host(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host in {name, name.encode()}:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", without_host)
