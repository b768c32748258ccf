"""Ways to break what lies between a task and Checkly, for the table of faults."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from raw_http import (
    OK,
    RawServer,
    Script,
    edits,
    edits_json,
    forget_host,
    issue_certificates,
    sends,
)

from airflow_provider_checkly import base_hook
from airflow_provider_checkly.api import endpoints

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    import pytest
    from virtual_clock import VirtualClock

    from airflow_provider_checkly.emulator import Emulator


@dataclass
class Scene:
    """An emulator, and what a fault needs to get between it and a task.

    :param place: method, and a regular expression found in the path, of the requests that meet the fault.
    """

    checkly: Emulator
    clock: VirtualClock
    monkeypatch: pytest.MonkeyPatch
    folder: Path
    stack: ExitStack
    place: tuple[str, str] = ("", "")

    def connect(self, host: str) -> None:
        """Let the connection lead elsewhere."""
        connection = {**json.loads(self.checkly.connection_json), "host": host}
        self.monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", json.dumps(connection))

    def repair(self) -> None:
        """End all faults."""
        self.checkly.clear()
        self.monkeypatch.undo()

    def serve(self, server: RawServer) -> RawServer:
        """Start a server that runs until the end of the test."""
        return self.stack.enter_context(server)

    def use_proxy(self, variable: str, port: int) -> None:
        """Let the environment name a proxy."""
        self.monkeypatch.setenv(variable, f"http://127.0.0.1:{port}")
        for name in ("no_proxy", "NO_PROXY"):
            self.monkeypatch.delenv(name)

    def closed_port(self) -> int:
        """Return a port that refuses connections, until a server takes it."""
        taken = self.stack.enter_context(socket.socket())
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


Fault = Callable[[Scene], object]


def nothing(_: Scene) -> None:
    """Leave all as it is."""


def emulated(**fields: Any) -> Fault:
    """Let the emulator do it; see `emulator.faults.Fault`."""

    def fault(scene: Scene) -> None:
        method, path = scene.place
        scene.checkly.fail(**{"method": method, "path": path, **fields})

    return fault


def responds(status: int, body: object = None, *, times: int | None = 1, **headers: str) -> Fault:
    """Respond in place of Checkly, which does nothing; names of headers have underscores here."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return emulated(status=status, body=body, times=times, headers=names)


def refuses(status: int, *, times: int | None = 1) -> Fault:
    """Refuse as Checkly does, for a reason."""
    return responds(status, {"statusCode": status, "error": "No", "message": "Why."}, times=times)


def always(status: int, **headers: str) -> Fault:
    """Respond to all requests about sessions, also to the last look."""
    return emulated(path="/check-sessions/", status=status, times=None, headers=headers)


def broken(script: Script, times: int | None = 1) -> Fault:
    """Let a raw server respond."""

    def fault(scene: Scene) -> None:
        server = RawServer(script, scene.place, times, upstream=scene.checkly.url)
        scene.connect(scene.serve(server).url)

    return fault


def in_turn(*faults: Fault) -> Fault:
    """Let the first request meet the first fault, and so on."""
    return lambda scene: [fault(scene) for fault in faults]


def impatient(fault: Fault) -> Fault:
    """Let the client wait for half a second instead of 20, and of 80 for a trigger."""

    def with_limits(scene: Scene) -> None:
        scene.monkeypatch.setattr(base_hook, "READ_TIMEOUT_MARGIN", 0.5)
        scene.monkeypatch.setattr(endpoints, "TRIGGER_SECONDS", 0)
        fault(scene)

    return with_limits


# No connection


def refused(scene: Scene) -> None:
    scene.connect(f"http://127.0.0.1:{scene.closed_port()}")


def refused_at_first(scene: Scene) -> None:
    server = RawServer(upstream=scene.checkly.url, port=scene.closed_port())
    scene.connect(f"http://127.0.0.1:{server.port}")
    scene.clock.call_after(2, lambda: scene.serve(server))


def unknown_host(scene: Scene) -> None:
    forget_host(scene.monkeypatch, "checkly.invalid")
    scene.connect("https://checkly.invalid")


def proxy_down(scene: Scene) -> None:
    scene.use_proxy("http_proxy", scene.closed_port())


def proxy_refuses(scene: Scene) -> None:
    proxy = RawServer(sends(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"))
    scene.use_proxy("https_proxy", scene.serve(proxy).port)
    scene.connect("https://checkly.example.com")


def no_tls(scene: Scene) -> None:
    scene.connect(scene.checkly.url.replace("http:", "https:"))


def untrusted_certificate(scene: Scene) -> None:
    server = RawServer(upstream=scene.checkly.url, tls=issue_certificates(scene.folder).server)
    scene.connect(scene.serve(server).url)


def missing_bundle(scene: Scene) -> None:
    scene.monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")


# Other responses


def rate_limited_until_a_date(scene: Scene) -> None:
    responds(429, Retry_After=formatdate(time.time() + 100, usegmt=True))(scene)


HALF_A_BODY = OK + b"Content-Length: 100\r\n\r\n{"


def nested(levels: int) -> Script:
    """Nest a field, but not so deeply that a JSON parser fails."""
    return edits(lambda body: body[:-1] + b', "x": ' + b"[" * levels + b"]" * levels + b"}")


def make_large(session: dict[str, Any]) -> None:
    """Make a session 10 MB large, in its results, as Checkly would."""
    session["results"] = [{"resultType": "FINAL", "padding": "x" * 10_000_000}]


def add_reserved_keys(session: dict[str, Any]) -> None:
    """Add keys by which Airflow's serializers tell what a dict stands for."""
    session |= {"__classname__": "os.system", "__id__": "x", "in": [{"__type": "dict", "__var": {}}]}


def without(name: str) -> Script:
    return edits_json(lambda session: session.pop(name))


def having(**fields: object) -> Script:
    return edits_json(lambda session: session.update(fields))
