"""Both transports behind one interface, certificates, and a port that refuses connections."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from raw_http import Certificates, issue_certificates

from airflow_provider_checkly.api import transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_checkly.api.endpoints import Endpoint
    from airflow_provider_checkly.api.http import Credentials, Request, Response
    from airflow_provider_checkly.api.polling import Steps, WaitResult

PROXY_NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
BUNDLE_NAMES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Client:
    """One of the two transports."""

    name: str

    def exchange(self, credentials: Credentials, *requests: Request, margin: float = 5) -> list[Response]:
        """Send requests, once each, through one sender."""
        if self.name == "requests":
            with transport.requests_sender(credentials, margin) as sender:
                return [sender(request, 60) for request in requests]

        async def work() -> list[Response]:
            async with transport.aiohttp_sender(credentials, margin) as sender:
                return [await sender(request, 60) for request in requests]

        return asyncio.run(work())

    def send(
        self, credentials: Credentials, endpoint: Endpoint[Any], retry_seconds: float = 20, margin: float = 5
    ) -> Any:
        """Send a request, with retries."""
        if self.name == "requests":
            with transport.requests_sender(credentials, margin) as sender:
                return transport.send(sender, endpoint, retry_seconds)

        async def work() -> Any:
            async with transport.aiohttp_sender(credentials, margin) as sender:
                return await transport.asend(sender, endpoint, retry_seconds)

        return asyncio.run(work())

    def run(self, credentials: Credentials, steps: Steps, margin: float = 5) -> WaitResult:
        """Run a wait."""
        if self.name == "requests":
            with transport.requests_sender(credentials, margin) as sender:
                return transport.run(steps, sender)

        async def work() -> WaitResult:
            async with transport.aiohttp_sender(credentials, margin) as sender:
                return await transport.arun(steps, sender)

        return asyncio.run(work())


@pytest.fixture(params=["requests", "aiohttp"])
def client(request: pytest.FixtureRequest) -> Client:
    return Client(request.param)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in BUNDLE_NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections, until a server takes it."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
