"""What stands between a task and the emulator, and does to an answer what no HTTP server does."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_checkly.emulator import Emulator

Ask = Callable[[], bytes]
"""Lets Checkly act on the request, and returns the body of its answer."""
Script = Callable[[socket.socket, Ask], None]
"""What happens to a connection instead of an answer, once a request has come in."""

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def sends(length: int = 0) -> Script:
    """Send Checkly's own answer, with a Content-Length that is wrong by so many bytes."""

    def script(connection: socket.socket, ask: Ask) -> None:
        body = ask()
        announced = len(body) + length
        connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % announced + body[:announced])
        time.sleep(0.05 if length else 0)
        connection.sendall(body[announced:])

    return script


def drips(data: bytes, pause: float) -> Script:
    """Send something byte by byte, after Checkly has acted."""

    def script(connection: socket.socket, ask: Ask) -> None:
        ask()
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(pause)

    return script


def edits(edit: Callable[[bytes], bytes]) -> Script:
    """Send Checkly's own answer with another body."""

    def script(connection: socket.socket, ask: Ask) -> None:
        body = edit(ask())
        connection.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    return script


def edits_json(edit: Callable[[Any], object]) -> Script:
    """Send Checkly's own answer with another body: the first session in it is changed in place."""

    def changed(body: bytes) -> bytes:
        answer = json.loads(body)
        edit(answer["sessions"][0] if "sessions" in answer else answer)
        return json.dumps(answer).encode()

    return edits(changed)


def resets_after(data: bytes) -> Script:
    """Send something, and end the connection with an RST, after Checkly has acted."""

    def script(connection: socket.socket, ask: Ask) -> None:
        ask()
        connection.sendall(data)
        time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    return script


def says(data: bytes) -> Script:
    """Send something that is not Checkly's, which is not asked."""
    return lambda connection, _: connection.sendall(data)


class Front(ThreadingHTTPServer):
    """Passes requests on to the emulator, but for the first ones that match: they meet a script.

    :param place: method and path; a regular expression found anywhere in the path.
    :param times: how many requests meet the script; None: all.
    """

    daemon_threads = False

    def __init__(
        self,
        checkly: Emulator,
        script: Script | None = None,
        place: tuple[str, str] = ("", ""),
        *,
        times: int | None = 0,
        port: int = 0,
    ) -> None:
        self.checkly, self.script = checkly, script or sends()
        self._place, self._left = place, times
        super().__init__(("127.0.0.1", port), _Handler)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def strikes(self, method: str, path: str) -> bool:
        """Tell whether a request meets the script, and count it if so."""
        wanted, pattern = self._place
        if self._left == 0 or method != wanted or not re.search(pattern, urlsplit(path).path):
            return False
        self._left = None if self._left is None else self._left - 1
        return True

    def shutdown_request(self, request: Any) -> None:
        """Close without a farewell, so that an RST is one."""
        self.close_request(request)


class _Handler(BaseHTTPRequestHandler):
    server: Front

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.strikes(self.command, self.path):
            with suppress(OSError):
                self.server.script(self.connection, lambda: self._ask(body)[1])
            return
        status, answer = self._ask(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_CONNECT = _answer  # noqa: N815 - the base class's names

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        checkly = HTTPConnection(urlsplit(self.server.checkly.url).netloc)
        try:
            checkly.request(self.command, self.path, body or None, dict(self.headers))
            answer = checkly.getresponse()
            return answer.status, answer.read()
        finally:
            checkly.close()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def speak_tls(front: Front, folder: Path) -> None:
    """Let a front speak TLS, with a certificate that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    front.socket = context.wrap_socket(front.socket, server_side=True)
