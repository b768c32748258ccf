from __future__ import annotations

from typing import Any

import pytest

FLAGS = ("hasFailures", "hasErrors", "isDegraded")


@pytest.fixture
def client(visitor: Any) -> Any:
    """See to one run of four checks: passed, failed, degraded, timed out; and a cancelled one."""
    if not visitor.emulator.sessions:
        for number in (1, 3, 4, 5, 6):
            assert visitor.completion(visitor.start(visitor.fleet(number)[0])).status_code == 200
    return visitor


def numbers(client: Any, query: str) -> tuple[list[int], str]:
    answer = client.get(f"/v1/checks?{query}")
    assert answer.status_code == 200, answer.text
    return [int(check["id"][-2:]) for check in answer.json()], answer.headers["content-range"]


@pytest.mark.parametrize(
    ("query", "found", "content_range"),
    [
        ("", list(range(1, 11)), "0-10/16"),
        ("page=2", list(range(11, 17)), "10-16/16"),
        ("limit=3&page=2", [4, 5, 6], "3-6/16"),
        ("limit=100&page=9", [], "800-800/16"),
        ("limit=100&tag=infra", [12, 13], "0-2/2"),
        ("tag[]=infra&tag[]=flaky", [12, 13, 14], "0-3/3"),
        ("checkType=MULTI_STEP", [5, 10], "0-2/2"),
        ("search=HOMEPAGE", [1, 2, 15], "0-3/3"),
        ("apiCheckUrlFilterPattern=example.com/homepage", [1], "0-1/1"),
        ("apiCheckUrlFilterPattern=page&applyGroupSettings=true", [1, 15], "0-2/2"),
        ("limit=10.0&page=1.0&tag=infra", [12, 13], "0-2/2"),
        ("status=failing", [3, 5], "0-2/2"),
        ("status=degraded", [4], "0-1/1"),
        ("status=passing&limit=2", [1, 2], "0-2/13"),
    ],
)
def test_checks(client: Any, query: str, found: list[int], content_range: str) -> None:
    assert numbers(client, query) == (found, content_range)


@pytest.mark.parametrize(
    "query",
    [
        *("limit=101", "limit=0", "page=0", "page=x", "page=1.5", "status=odd", "checkType=HTTP"),
        *("apiCheckUrlFilterPattern=", "applyGroupSettings=1"),
    ],
)
def test_bad_queries_are_400(client: Any, query: str) -> None:
    assert client.get(f"/v1/checks?{query}").status_code == 400


def test_one_check(client: Any) -> None:
    api, tcp, old = (client.get(f"/v1/checks/{check_id}").json() for check_id in client.fleet(1, 12, 15))
    assert (api["name"], api["request"]["method"], api["activated"]) == ("Homepage API", "GET", True)
    assert (api["locations"], api["privateLocations"]) == (["eu-central-1", "us-east-1"], [])
    assert "request" not in tcp
    assert old["activated"] is False


@pytest.mark.parametrize(
    ("number", "flags"),
    [
        (1, (False, False, False)),
        (3, (True, False, False)),
        (4, (False, False, True)),
        (5, (False, True, False)),
        (6, (False, False, False)),
        (9, (False, False, False)),
    ],
)
def test_statuses(client: Any, number: int, flags: tuple[bool, ...]) -> None:
    (check_id,) = client.fleet(number)
    status = client.get(f"/v1/check-statuses/{check_id}").json()
    assert tuple(status[flag] for flag in FLAGS) == flags
    ran = number not in (6, 9)
    assert (status["lastRunLocation"] is not None, status["updated_at"] is not None) == (ran, ran)
    assert (status["longestRun"] is not None, status["lastCheckRunId"] is not None) == (ran, ran)
    assert status in client.get("/v1/check-statuses").json()
