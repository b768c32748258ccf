from __future__ import annotations

import re
from typing import Any

import pytest

ID = "c0000000-0000-4000-8000-0000000000{:02}".format
GATE = {8, 9, 10}

TARGETS = [
    ({}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}),
    ({"matchTags": [["deploy-gate"]]}, GATE),
    ({"matchTags": [["deploy-gate-broken"]]}, GATE | {11}),
    ({"matchTags": [["production", "smoke"]]}, {1, 2}),
    ({"matchTags": [["production", "smoke"], ["infra"]]}, {1, 2, 12, 13}),
    ({"matchTags": [["production", "!smoke"]]}, {4, 12}),
    ({"matchTags": [["web"]]}, {1, 2, 4, 9}),
    ({"matchTags": [["!web", "!shop", "!infra"]]}, {5, 6, 7, 14}),
    ({"matchTags": [["production", "!web"]]}, {12}),
    ({"matchTags": []}, set(range(1, 15))),
    ({"matchTags": [[]]}, set(range(1, 15))),
    ({"checkId": []}, set(range(1, 15))),
    ({"checkId": [ID(1), ID(15)]}, {1}),
    ({"checkId": [ID(1).upper(), ID(99)]}, {1}),
    ({"checkId": [ID(1), ID(12)], "matchTags": [["infra"]]}, {12}),
]
NOTHING = [
    {"matchTags": [["no-such-tag"]]},
    {"matchTags": [["retired"]]},
    {"checkId": [ID(15)]},
    {"checkId": [ID(99)]},
    {"checkId": [ID(1)], "matchTags": [["infra"]]},
]
BROKEN: list[Any] = [
    [],
    "x",
    {"target": []},
    {"target": {"matchTags": {}}},
    {"target": {"matchTags": ["deploy-gate"]}},
    {"target": {"matchTags": [[1]]}},
    {"target": {"matchTags": None}},
    {"target": {"checkId": ["not-an-id"]}},
    {"target": {"checkId": [1]}},
    {"target": {"checkId": {}}},
    {"target": {"checkId": ID(1)}},
    {"refreshCache": "yes"},
]


def numbers(sessions: list[dict[str, Any]]) -> set[int]:
    found = [int(session["checkId"][-2:]) for session in sessions]
    assert len(found) == len(set(found)), "one session per check"
    return set(found)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize(("target", "expected"), TARGETS)
def test_what_a_target_picks(client: Any, version: str, target: dict[str, Any], expected: set[int]) -> None:
    assert numbers(client.trigger(target, version)) == expected


@pytest.mark.parametrize("target", NOTHING)
def test_no_match_is_404(client: Any, target: dict[str, Any]) -> None:
    for version in ("v1", "v2"):
        answer = client.post(f"/{version}/check-sessions/trigger", {"target": target})
        assert answer.status_code == 404
        assert answer.json()["message"] == "No matching checks were found."
    assert client.emulator.sessions == ()


@pytest.mark.parametrize("body", BROKEN)
def test_a_broken_body_is_400(client: Any, body: Any) -> None:
    answer = client.post("/v2/check-sessions/trigger", body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "Bad Request"


@pytest.mark.parametrize("body", [b"{", b"\xff", b"nope"])
def test_a_body_that_is_not_json_is_400(client: Any, body: bytes) -> None:
    assert client.ask("POST", "/v1/check-sessions/trigger", data=body).status_code == 400


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("body", [b"{}", b'{"refreshCache": true}', b'{"target": {}}'])
def test_no_target_means_all(client: Any, version: str, body: bytes) -> None:
    answer = client.ask("POST", f"/{version}/check-sessions/trigger", data=body)
    assert len(answer.json()["sessions"]) == 14


@pytest.mark.parametrize("body", [b"", b" "])
def test_only_v1_takes_a_trigger_without_a_body(client: Any, body: bytes) -> None:
    answer = client.ask("POST", "/v1/check-sessions/trigger", data=body)
    assert len(answer.json()["sessions"]) == 14
    assert client.ask("POST", "/v2/check-sessions/trigger", data=body).status_code == 400


@pytest.mark.parametrize("tags", ["deploy-gate", ["deploy-gate"], [["deploy-gate"]]])
def test_v1_takes_one_tag_without_lists(client: Any, tags: Any) -> None:
    assert numbers(client.trigger({"matchTags": tags}, "v1")) == GATE


def test_v1_takes_one_id_without_a_list(client: Any) -> None:
    assert numbers(client.trigger({"checkId": ID(2)}, "v1")) == {2}


def test_a_session_starts_like_checklys(client: Any) -> None:
    (session,) = client.trigger({"checkId": [ID(1)]})
    account, link = client.emulator.account_id, session["checkSessionLink"]
    assert link == (
        f"{client.emulator.url}/accounts/{account}/checks/{ID(1)}/check-sessions/{session['checkSessionId']}"
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", session["startedAt"])
    fixed = ("status", "stoppedAt", "runSource", "runLocations", "name", "checkType")
    assert [session[name] for name in fixed] == [
        "STARTED",
        None,
        "TRIGGER_API",
        ["eu-central-1", "us-east-1"],
        "Homepage API",
        "API",
    ]
    assert "results" not in session
