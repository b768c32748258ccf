from __future__ import annotations

import time
from typing import Any

import pytest

from airflow_provider_checkly.emulator.controls import Records, log_line


@pytest.mark.parametrize(
    ("body", "kept"), [(b'{"a": [1]}', {"a": [1]}), (b"", None), (b"{", "{"), (b"\xff", "\ufffd")]
)
def test_a_request_is_kept_as_it_came(client: Any, body: bytes, kept: Any) -> None:
    answer = client.ask("POST", "/v1/accounts?a=1&b[]=2&b[]=3", data=body)
    (record,) = client.emulator.requests
    assert (record.method, record.path, record.query) == ("POST", "/v1/accounts", {"a": "1", "b[]": "2,3"})
    assert (record.body, record.status) == (kept, answer.status_code)
    assert record.headers["authorization"] == "***"
    assert record.headers["x-checkly-account"] == client.emulator.account_id
    assert abs(record.at - time.time()) < 5
    assert 0 <= record.seconds < 1
    assert client.emulator.api_key not in str(record) + log_line(record)


def test_requests_over_http(client: Any) -> None:
    client.get("/v1/accounts")
    client.session.headers["Authorization"] = None
    client.get("/v1/accounts")
    first, second = client.get("/_emulator/requests").json()
    assert (first["path"], first["status"], second["status"]) == ("/v1/accounts", 200, 401)
    assert "authorization" not in second["headers"]
    assert client.ask("DELETE", "/_emulator/requests").status_code == 204
    assert client.get("/_emulator/requests").json() == []


def test_a_request_that_is_cleared_while_held_stays_away(client: Any) -> None:
    client.get("/v1/accounts")
    (record,) = client.emulator.requests
    records = Records()
    number = records.open(record)
    records.clear()
    assert records.close(number, record, 200).status == 200
    assert records.copy() == []
