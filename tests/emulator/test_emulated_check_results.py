from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest

FIELDS = "id,startedAt,runLocation,hasErrors,hasFailures,isDegraded,responseTime"


@pytest.fixture
def client(visitor: Any) -> Any:
    """See to two sessions of a check that fails at two places after one retry, and a cancelled suite."""
    if not visitor.emulator.sessions:
        for number in (11, 11, 6):
            assert visitor.completion(visitor.start(visitor.fleet(number)[0])).status_code == 200
    return visitor


def listed(client: Any, query: str = "", number: int = 11) -> Any:
    answer = client.get(f"/v2/check-results/{client.fleet(number)[0]}?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["length"] == len(answer.json()["entries"])
    return answer.json()


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("", 4),
        ("resultType=FINAL", 4),
        ("resultType=ATTEMPT", 4),
        ("resultType=ALL", 8),
        ("limit=3", 3),
        ("from={before}", 4),
        ("from={after}", 0),
        ("to={after}", 4),
        ("to={before}", 0),
        ("hasFailures=true", 4),
        ("hasFailures=false", 0),
        ("location=us-east-1", 2),
        ("location=ap-south-1", 0),
        ("checkType=API", 4),
        ("checkType=BROWSER", 0),
    ],
)
def test_filters(client: Any, query: str, number: int) -> None:
    times = {"before": time.time() - 60, "after": time.time() + 60}
    assert listed(client, query.format(**times))["length"] == number


def test_newest_first_and_pages(client: Any) -> None:
    everything = listed(client, "resultType=ALL")
    started = [one["startedAt"] for one in everything["entries"]]
    assert started == sorted(started, reverse=True)
    assert everything["nextId"] is None
    seen: list[str] = []
    cursor = ""
    while len(seen) < 8:
        page = listed(client, f"resultType=ALL&limit=3{cursor}")
        seen += [one["id"] for one in page["entries"]]
        cursor = f"&nextId={page['nextId']}"
    assert seen == [one["id"] for one in everything["entries"]]
    assert page["nextId"] is None


def test_a_listed_result_is_the_one_that_can_be_looked_at(client: Any) -> None:
    result = listed(client)["entries"][0]
    one = client.get(f"/v1/check-results/{result['checkId']}/{result['id'].upper()}").json()
    assert one == result
    assert (one["attempts"], one["resultType"], one["name"]) == (2, "FINAL", "Payment API")
    runs = listed(client, "resultType=ALL")["entries"]
    assert sorted(run["attempts"] for run in runs if run["sequenceId"] == one["sequenceId"]) == [1, 2]


def test_a_cancelled_result_has_no_response_time(client: Any) -> None:
    (result,) = listed(client, number=6)["entries"]
    assert result["isCancelled"] is True
    assert "responseTime" not in result


@pytest.mark.parametrize("query", [f"fields={FIELDS}", "fields=id&fields=name", "fields[]=id"])
def test_fields(client: Any, query: str) -> None:
    wanted = {"id", "name"} if "name" in query else set(FIELDS.split(",")) if "," in query else {"id"}
    assert set(listed(client, query)["entries"][0]) == wanted


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "nextId=x",
        "nextId=",
        "resultType=x",
        "from=x",
        "to=x",
        "hasFailures=1",
        "fields=x",
        "location=the-moon",
        "checkType=x",
    ],
)
def test_bad_queries_are_400(client: Any, query: str) -> None:
    assert client.get(f"/v2/check-results/{client.fleet(11)[0]}?{query}").status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/v1/check-results/{}/" + str(uuid4()),
        "/v1/checks/{}",
        "/v1/check-statuses/{}",
    ],
)
def test_unknown_checks(client: Any, path: str) -> None:
    assert client.get(path.format(uuid4())).status_code == 404
    assert client.get(path.format("x")).status_code == 400


def test_an_unknown_check_has_no_results(client: Any) -> None:
    path = "/v2/check-results"
    assert client.get(f"{path}/{uuid4()}").json() == {"length": 0, "entries": [], "nextId": None}
    assert client.get(f"{path}/x").status_code == 400


def test_test_sessions_leave_no_results_and_change_no_status(client: Any) -> None:
    body = {"name": "x", "runLocation": "us-east-1", "target": {"checkId": client.fleet(3)}}
    session_id = client.post("/v1/test-sessions/trigger", body).json()["testSessionId"]
    assert client.get(f"/v1/test-sessions/{session_id}/completion").json()["status"] == "FAILED"
    assert listed(client, number=3)["length"] == 0
    assert client.get(f"/v1/check-statuses/{client.fleet(3)[0]}").json()["hasFailures"] is False
    assert client.get(f"/v1/error-groups/checks/{client.fleet(3)[0]}").json() == []


@pytest.mark.parametrize("query", ["resultType=final", "from=x", "to=x", "hasFailures=1", "location=moon"])
def test_a_bad_query_is_400_also_where_there_are_no_results(client: Any, query: str) -> None:
    (deactivated,) = client.fleet(15)
    assert client.get(f"/v2/check-results/{deactivated}").json()["entries"] == []
    assert client.get(f"/v2/check-results/{deactivated}?{query}").status_code == 400
