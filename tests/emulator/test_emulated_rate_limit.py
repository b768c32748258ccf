from __future__ import annotations

import time
from typing import Any

import pytest

from airflow_provider_checkly.emulator import Emulator
from airflow_provider_checkly.emulator.accounts import RateLimit
from airflow_provider_checkly.emulator.default_checks import FAILS, PASSES
from airflow_provider_checkly.emulator.http import Problem


def test_the_request_above_the_limit_is_429(connect: Any) -> None:
    with Emulator(rate_limit=3) as checkly:
        client = connect(checkly)
        stranger = connect(checkly, Authorization="Bearer wrong")
        before = time.time()
        assert [client.get("/v1/accounts").status_code for _ in range(4)] == [200, 200, 200, 429]
        answer = client.get("/v2/check-sessions/x")
        assert answer.json()["message"] == "Too Many Requests"
        assert 58 <= int(answer.headers["Retry-After"]) <= 60
        assert before + 59 <= int(answer.headers["X-RateLimit-Reset"]) <= before + 62
        assert stranger.get("/v1/accounts").status_code == 401
        assert client.get("/_emulator/requests").status_code == 200


@pytest.mark.parametrize(("rate_limit", "last"), [(600, 429), (None, 200), (0, 200)])
def test_the_list_of_results_has_a_limit_of_its_own(connect: Any, rate_limit: int | None, last: int) -> None:
    with Emulator(rate_limit=rate_limit) as checkly:
        client = connect(checkly)
        path = f"/v2/check-results/{PASSES}"
        assert {client.get(path).status_code for _ in range(60)} == {200}
        assert client.get(f"/v2/check-results/{FAILS}").status_code == last
        assert client.get(f"/v1/checks/{PASSES}").status_code == 200


@pytest.mark.parametrize("limit", [None, 0])
def test_no_limit(limit: int | None) -> None:
    window = RateLimit(limit, lambda: 0.0)
    for _ in range(1000):
        window.take()


def test_the_window_opens_again() -> None:
    now = [100.25]
    window = RateLimit(2, lambda: now[0])
    told = []
    for now[0] in (100.25, 120.0, 120.5, 160.2, 160.25, 200.0, 220.24):
        try:
            window.take()
            told.append(None)
        except Problem as problem:
            told.append((problem.headers["Retry-After"], problem.headers["X-RateLimit-Reset"]))
    assert told == [None, None, ("40", "161"), ("1", "161"), None, None, ("1", "221")]
