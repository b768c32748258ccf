from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest

NIGHTLY = {
    "environment": "Production",
    "branchName": "main",
    "commitOwner": "ada",
    "commitMessage": "Fix cart",
}


@pytest.fixture
def client(visitor: Any) -> Any:
    """See to three sessions: a nightly one that passes, a stuck one, and one of the command line tool's."""
    if not visitor.emulator.test_sessions:
        start(visitor)
    return visitor


def start(client: Any) -> None:
    for name, number, metadata in (("Nightly RUN", 9, NIGHTLY), ("Stuck", 7, {})):
        body = {"name": name, "runLocation": "eu-west-1", "target": {"checkId": client.fleet(number)}}
        assert client.post("/v1/test-sessions/trigger", {**body, "metadata": metadata}).status_code == 201
    body = {"name": "By hand", "runLocation": "emulated-dc", "checkId": client.fleet(3)}
    assert client.post("/next/test-sessions/trigger", body).status_code == 201
    for session in (client.emulator.test_sessions[0], client.emulator.test_sessions[2]):
        assert client.get(f"/v1/test-sessions/{session.id}/completion").status_code == 200


def names(client: Any, query: str) -> list[str]:
    answer = client.get(f"/v1/test-sessions?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["length"] == len(answer.json()["entries"])
    return [entry["name"] for entry in answer.json()["entries"]]


NEWEST_FIRST = ["By hand", "Stuck", "Nightly RUN"]


def test_an_entry(client: Any) -> None:
    entries = client.get("/v1/test-sessions").json()["entries"]
    assert [entry["name"] for entry in entries] == NEWEST_FIRST
    by_hand, stuck, nightly = entries
    assert [entry["status"] for entry in entries] == ["FAILED", "RUNNING", "PASSED"]
    assert [entry["provider"] for entry in entries] == ["TRIGGER", "API", "API"]
    assert [entry["invoker"] for entry in entries] == [{"name": "Emulator", "picture": None}, None, None]
    assert [len(entry["failed"]) for entry in entries] == [1, 0, 0]
    assert [len(entry["running"]) for entry in entries] == [0, 1, 0]
    assert [len(entry["passed"]) for entry in entries] == [0, 0, 1]
    assert {name: nightly[name] for name in NIGHTLY} == NIGHTLY
    assert (stuck["stoppedAt"], nightly["stoppedAt"] is None) == (None, False)
    assert (stuck["privateLocationId"], by_hand["region"]) == (None, "emulated-dc")
    assert by_hand["privateLocationId"] == client.get("/v1/private-locations").json()[0]["id"]
    assert len(by_hand["errorGroupIds"]) == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", NEWEST_FIRST),
        ("limit=", NEWEST_FIRST),
        ("statuses=PASSED", ["Nightly RUN"]),
        ("statuses=PASSED&statuses=RUNNING", ["Stuck", "Nightly RUN"]),
        ("statuses[]=PASSED&statuses[]=FAILED", ["By hand", "Nightly RUN"]),
        ("statuses=CANCELLED", []),
        ("branches=main", ["Nightly RUN"]),
        ("branches=other", []),
        ("users=ada", ["Nightly RUN"]),
        ("users=ada&noUsers=true", ["Stuck", "Nightly RUN"]),
        ("noUsers=false", NEWEST_FIRST),
        ("noUsers=true", NEWEST_FIRST),
        ("users={account}", ["By hand"]),
        ("providers=API", ["Stuck", "Nightly RUN"]),
        ("providers[]=TRIGGER", ["By hand"]),
        ("providers=GITHUB", []),
        ("textSearch=nightly", ["Nightly RUN"]),
        ("textSearch=ly+ru", ["Nightly RUN"]),
        ("textSearch=FIX+CART", ["Nightly RUN"]),
        ("textSearch=nothing+of+it", []),
        ("from={before}", NEWEST_FIRST),
        ("from={after}", []),
        ("to={after}", NEWEST_FIRST),
        ("to={before}", []),
        ("errorGroupId={group}", ["By hand"]),
        ("errorGroupId={other}", []),
    ],
)
def test_filters(client: Any, query: str, expected: list[str]) -> None:
    (group,) = client.get("/v1/test-sessions").json()["entries"][0]["errorGroupIds"]
    times = {"before": time.time() - 60, "after": int(time.time()) + 60}
    ids = {"account": client.emulator.account_id, "group": group, "other": uuid4()}
    assert names(client, query.format(**times, **ids)) == expected


def test_pages(client: Any) -> None:
    seen, cursor = [], ""
    for _ in range(3):
        answer = client.get(f"/v1/test-sessions?limit=1{cursor}").json()
        seen += [entry["name"] for entry in answer["entries"]]
        cursor = f"&nextId={answer['nextId']}"
    assert seen == NEWEST_FIRST
    assert answer["nextId"] is None


@pytest.mark.parametrize(
    "query",
    [
        "statuses=DONE",
        "statuses=PASSED,FAILED",
        "providers=me",
        "noUsers=maybe",
        "limit=101",
        "limit=0",
        "limit=x",
        "from=yesterday",
        "to=1e3",
        "textSearch=ab",
        f"textSearch={'a' * 201}",
        "nextId=",
        "nextId=x",
        "errorGroupId=",
    ],
)
def test_bad_queries_are_400(client: Any, query: str) -> None:
    assert client.get(f"/v1/test-sessions?{query}").status_code == 400
