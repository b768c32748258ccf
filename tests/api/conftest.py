"""Both transports behind one face, and a server that may do what no HTTP server does."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_provider_checkly.api import transport
from airflow_provider_checkly.api.http import Credentials, Request, Response

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_checkly.api.endpoints import Endpoint
    from airflow_provider_checkly.api.polling import Steps, WaitResult

KEY = "cu_canary-0123456789"
PROXY_NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
BUNDLE_NAMES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Way:
    """One of the two transports."""

    name: str

    def exchange(self, account: Credentials, *requests: Request, margin: float = 5) -> list[Response]:
        """Send requests, once each, through one sender."""
        if self.name == "requests":
            with transport.requests_sender(account, margin) as sender:
                return [sender(request, 60) for request in requests]

        async def talk() -> list[Response]:
            async with transport.aiohttp_sender(account, margin) as sender:
                return [await sender(request, 60) for request in requests]

        return asyncio.run(talk())

    def ask(self, account: Credentials, call: Endpoint[Any], patience: float = 20, margin: float = 5) -> Any:
        """Send a request, again where that may help."""
        if self.name == "requests":
            with transport.requests_sender(account, margin) as sender:
                return transport.send(sender, call, patience)

        async def talk() -> Any:
            async with transport.aiohttp_sender(account, margin) as sender:
                return await transport.asend(sender, call, patience)

        return asyncio.run(talk())

    def drive(self, account: Credentials, plan: Steps, margin: float = 5) -> WaitResult:
        """Carry a wait out."""
        if self.name == "requests":
            with transport.requests_sender(account, margin) as sender:
                return transport.run(plan, sender)

        async def talk() -> WaitResult:
            async with transport.aiohttp_sender(account, margin) as sender:
                return await transport.arun(plan, sender)

        return asyncio.run(talk())


@pytest.fixture(params=["requests", "aiohttp"])
def way(request: pytest.FixtureRequest) -> Way:
    return Way(request.param)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in BUNDLE_NAMES:
        monkeypatch.delenv(name, raising=False)


Script = Callable[[socket.socket], None]


@dataclass
class RawServer:
    """Plays a script with each connection, after it has read a request; `heads` are what was asked.

    :param tls: speak TLS first.
    :param reads: whether a request is read before the script begins.
    """

    script: Script
    tls: ssl.SSLContext | None = None
    reads: bool = True
    heads: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                thread = threading.Thread(target=self._play, args=self._listener.accept()[:1])
                self._threads.append(thread)
                thread.start()

    def _play(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(10)
            peer = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
            with peer:
                if self.reads:
                    self.heads.append(read_request(peer))
                self.script(peer)

    @property
    def account(self) -> Account:
        return Credentials(f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}", "account-1", KEY)


def read_request(connection: socket.socket) -> str:
    """Read a request with its body, and give the head."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    left = int(lengths[0]) - len(body) if lengths else 0
    while left > 0 and (more := connection.recv(left)):
        left -= len(more)
    return head.decode()


Serve = Callable[..., RawServer]


@pytest.fixture
def serve() -> Serve:
    return RawServer


@dataclass(frozen=True)
class Certificates:
    """A certificate for 127.0.0.1 that nobody knows, as its own authority."""

    bundle: Path
    server: ssl.SSLContext


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return Certificates(folder / "cert.pem", context)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port where nobody listens, unless with SO_REUSEADDR, as servers do."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
