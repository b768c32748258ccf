from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
import requests


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("headers", "source"),
    [({"Origin": "dag-a"}, "dag-a"), ({"Referer": "dag-b"}, "dag-b"), ({}, None)],
)
def test_a_ping_needs_no_key(client: Any, method: str, headers: dict[str, str], source: str | None) -> None:
    heartbeat = client.emulator.model.checks[15]
    answer = requests.request(method, client.emulator.ping_url(heartbeat), headers=headers, timeout=5)
    (ping,) = client.emulator.pings
    assert answer.status_code == 200
    assert (ping.check, ping.method, ping.source) == (heartbeat, method, source)
    assert abs(ping.at - time.time()) < 5
    (record,) = client.emulator.requests
    assert {name: record.headers.get(name.lower()) for name in headers} == headers


def test_an_unknown_token_is_404(visitor: Any) -> None:
    for token in (uuid4(), "x", visitor.fleet(1)[0]):
        assert visitor.get(f"/ping/{token}").status_code == 404
    assert visitor.ask("PUT", f"/ping/{visitor.fleet(16)[0]}").status_code == 404
    assert visitor.emulator.pings == ()


def test_a_ping_can_go_wrong_like_anything(client: Any) -> None:
    client.emulator.fail(path="^/ping/", status=503)
    assert [client.get(f"/ping/{client.fleet(16)[0]}").status_code for _ in range(2)] == [503, 200]
