"""The raw server of the tests: what it forwards, and that it can be cut off and come back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import requests
from raw_http import RawServer, sends

from airflow_provider_checkly.emulator.default_checks import NEVER_ENDS
from airflow_provider_checkly.hooks import ChecklyHook

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator


def ask(checkly: Emulator, url: str, path: str = "/v1/accounts/me") -> requests.Response:
    headers = {"Authorization": f"Bearer {checkly.api_key}", "x-checkly-account": checkly.account_id}
    return requests.get(url + path, headers=headers, timeout=20)


def test_requests_and_responses_are_forwarded_as_they_are(checkly: Emulator) -> None:
    checkly.fail(path="me", status=429, headers={"Retry-After": "7"})
    with RawServer(upstream=checkly.url) as server:
        refused, accepted = ask(checkly, server.url), ask(checkly, server.url)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    assert accepted.json() == ask(checkly, checkly.url).json()


def test_only_some_requests_meet_the_script(checkly: Emulator) -> None:
    script = sends(b"HTTP/1.1 418 No\r\nContent-Length: 0\r\n\r\n")
    with RawServer(script, ("GET", "me$"), 1, upstream=checkly.url) as server:
        found = [ask(checkly, server.url, path).status_code for path in ("/v1/x", "/v1/accounts/me?a=1")]
        assert [*found, ask(checkly, server.url).status_code] == [404, 418, 200]


def test_connections_can_be_cut_and_come_back(checkly: Emulator) -> None:
    (session,) = ChecklyHook().trigger_check_sessions(NEVER_ENDS)
    poll = f"/v2/check-sessions/{session['checkSessionId']}/completion?maxWaitSeconds=30"
    held = []

    def wait() -> None:
        with pytest.raises(requests.ConnectionError):
            ask(checkly, server.url, poll)
        held.append("broken")

    with RawServer(upstream=checkly.url) as server:
        waiting = threading.Thread(target=wait)
        waiting.start()
        while len(checkly.requests) < 2:
            waiting.join(0.01)
        server.cut()
        waiting.join()
        with pytest.raises(requests.ConnectionError):
            ask(checkly, server.url)
        server.listen()
        assert ask(checkly, server.url).status_code == 200
    assert held == ["broken"]
