from __future__ import annotations

import re
import socket
import time
from typing import Any

import pytest
import requests

TRIGGER = "/v2/check-sessions/trigger"
ONE = {"target": {"checkId": ["c0000000-0000-4000-8000-000000000001"]}}


def test_the_first_fault_that_fits_is_used_up_first(client: Any) -> None:
    client.emulator.fail(path="^/v1/accounts$", status=503, times=2)
    client.emulator.fail(path="accounts", status=502)
    client.emulator.fail(method="POST", path="accounts", status=500)
    assert [client.get("/v1/accounts").status_code for _ in range(4)] == [503, 503, 502, 200]
    assert client.get("/v1/accounts/me").status_code == 200


def test_a_fault_for_ever_lasts_until_it_is_cleared(client: Any) -> None:
    client.emulator.fail(status=503, times=None)
    assert [client.get("/v1/accounts").status_code for _ in range(3)] == [503] * 3
    client.emulator.clear()
    assert client.emulator.requests == []
    assert client.get("/v1/accounts").status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "text", "kind"),
    [
        ({"status": 503}, 503, '"message": "Service Unavailable"', "application/json"),
        ({"status": 599}, 599, '"error": "Unknown"', "application/json"),
        ({"status": 502, "body": "<h1>Bad"}, 502, "^<h1>Bad$", "text/plain"),
        ({"status": 408, "body": "<p>", "headers": {"content-type": "text/html"}}, 408, "^<p>$", "text/html"),
        ({"body": '{"id": '}, 200, '^{"id": $', "text/plain"),
        ({"body": [1]}, 200, r"^\[1\]$", "application/json"),
        ({"body": ""}, 200, "^$", "text/plain"),
        ({"status": 204}, 204, "^$", ""),
        ({"status": 200}, 200, "^$", ""),
        ({"headers": {"X-One": "1"}}, 200, "Checkly emulator", "application/json"),
    ],
)
def test_wrong_answers(client: Any, fault: dict[str, Any], status: int, text: str, kind: str) -> None:
    client.emulator.fail(path="me", **fault)
    answer = client.get("/v1/accounts/me", checked=False)
    assert answer.status_code == status
    assert re.search(text, answer.text)
    assert answer.headers.get("Content-Type", "").startswith(kind)
    assert answer.headers.get("X-One") == fault.get("headers", {}).get("X-One")


def test_a_header_is_put_on_checklys_own_answer(client: Any) -> None:
    client.emulator.fail(path="completion", headers={"retry-after": "7"})
    session_id = client.start(client.fleet(7)[0])
    answer = client.completion(session_id)
    assert (answer.status_code, answer.headers["Retry-After"]) == (408, "7")
    client.emulator.fail(path="cancel", headers={"x": "y"})
    assert client.cancel(session_id).status_code == 204


@pytest.mark.parametrize(
    ("fault", "started"),
    [
        ({"status": 503}, 0),
        ({"status": 503, "processed": True}, 1),
        ({"drop": True}, 0),
        ({"drop": "before"}, 0),
        ({"drop": "before", "processed": True}, 1),
        ({"drop": "after"}, 1),
        ({"drop": "headers"}, 1),
        ({"drop": "body"}, 1),
        ({"drop": "body", "status": 503}, 0),
    ],
)
def test_what_checkly_took_although_the_answer_is_bad(
    client: Any, fault: dict[str, Any], started: int
) -> None:
    client.emulator.fail(path="trigger", **fault)
    try:
        bad = client.post(TRIGGER, ONE, checked=False)
    except requests.RequestException:
        assert fault.get("drop") != "headers"
    else:
        # http.client takes half the headers for all of them, and no body for an empty one.
        assert bad.status_code == 503 or (fault["drop"] == "headers" and not bad.text)
    assert len(client.emulator.sessions) == started
    assert client.post(TRIGGER, ONE).status_code == 201


@pytest.mark.parametrize(
    ("drop", "received"),
    [
        ("before", rb"^$"),
        ("after", rb"^$"),
        ("headers", rb"^HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Le$"),
        ("body", rb"Content-Length: (\d+)\r\n.*\r\n\r\n(.+)$"),
    ],
)
def test_what_is_on_the_wire_when_the_connection_drops(client: Any, drop: Any, received: bytes) -> None:
    client.emulator.fail(drop=drop)
    with socket.create_connection(
        ("127.0.0.1", int(client.emulator.url.rsplit(":", 1)[1])), timeout=5
    ) as wire:
        key, account = client.emulator.api_key, client.emulator.account_id
        lines = (
            "GET /v1/accounts HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {key}",
            f"X-Checkly-Account: {account}",
        )
        wire.sendall("\r\n".join((*lines, "", "")).encode())
        data = b"".join(iter(lambda: wire.recv(65536), b""))
    found = re.search(received, data, re.DOTALL)
    assert found, data
    if drop == "body":
        assert len(found[2]) == int(found[1]) // 2
    (record,) = client.emulator.requests
    assert record.status == (200 if drop == "body" else None)
    assert record.seconds is not None


def test_delay_and_drip_take_real_time(client: Any) -> None:
    client.emulator.fail(delay=0.2, status=503)
    before = time.monotonic()
    assert client.get("/v1/accounts").status_code == 503
    assert 0.2 <= time.monotonic() - before < 0.5
    client.emulator.fail(drip=0.02, body="ten bytes!")
    before = time.monotonic()
    assert client.get("/v1/accounts", checked=False).text == "ten bytes!"
    assert 0.18 <= time.monotonic() - before < 1
    client.emulator.fail(drip=0.02, body="")
    assert client.get("/v1/accounts", checked=False).text == ""


def test_a_client_that_leaves_ends_the_request(client: Any) -> None:
    session_id = client.start(client.fleet(7)[0])
    client.emulator.clear()
    for path in (f"/v2/check-sessions/{session_id}/completion", "/v1/accounts"):
        client.emulator.fail(path="accounts", drip=0.3)
        with pytest.raises(requests.RequestException):
            client.session.get(client.emulator.url + path, timeout=0.1)
    client.emulator.fail(path="accounts", delay=0.2, drop=True)
    with pytest.raises(requests.RequestException):
        client.session.get(client.emulator.url + "/v1/accounts", timeout=0.1)
    deadline = time.monotonic() + 2
    while any(record.seconds is None for record in client.emulator.requests):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [record.status for record in client.emulator.requests] == [None] * 3


def test_the_controls(client: Any) -> None:
    del client.session.headers["Authorization"], client.session.headers["X-Checkly-Account"]
    added = client.post("/_emulator/faults", {"path": "elsewhere", "drop": True, "times": 3})
    assert added.status_code == 201
    assert client.get("/_emulator/faults").json() == [added.json()]
    assert (added.json()["drop"], added.json()["times"]) == ("before", 3)
    client.emulator.fail(times=None, status=500)
    assert client.post(TRIGGER, ONE).status_code == 500
    assert len(client.get("/_emulator/faults").json()) == 2
    assert client.ask("DELETE", "/_emulator/faults").status_code == 204
    assert client.get("/_emulator/faults").json() == []
    assert client.post(TRIGGER, ONE).status_code == 401
    assert client.get("/_emulator/nothing").status_code == 404


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ([], "object"),
        ({"nope": 1}, "nope"),
        ({"method": 1}, "method"),
        ({"path": "("}, "path"),
        ({"path": None}, "path"),
        ({"status": 99}, "status"),
        ({"status": True}, "status"),
        ({"status": "503"}, "status"),
        ({"headers": {"a": 1}}, "headers"),
        ({"headers": []}, "headers"),
        ({"delay": -1}, "delay"),
        ({"delay": "1"}, "delay"),
        ({"drop": "sometimes"}, "drop"),
        ({"drop": []}, "drop"),
        ({"times": 0}, "times"),
        ({"times": 1.5}, "times"),
        ({"processed": 1}, "processed"),
        ({"drip": True}, "drip"),
    ],
)
def test_bad_faults_are_refused(client: Any, fault: Any, word: str) -> None:
    answer = client.post("/_emulator/faults", fault)
    assert answer.status_code == 400
    assert word in answer.json()["message"]
    assert client.get("/_emulator/faults").json() == []


def test_a_fault_that_is_not_json_is_refused(client: Any) -> None:
    assert client.ask("POST", "/_emulator/faults", data=b"{").status_code == 400


def test_a_drop_that_is_false_drops_nothing(client: Any) -> None:
    client.emulator.fail(drop=False)
    assert client.get("/v1/accounts").status_code == 200
