from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider_checkly.emulator import Check, Emulator

SUITE = Check(
    id="c0000000-0000-4000-8000-000000000001",
    name="Suite",
    checkType="PLAYWRIGHT",
    outcome="failed",
    seconds=1,
)
KINDS = ["error-groups", "test-session-error-groups"]
PLACE = {"name": "x", "runLocation": "us-east-1"}


def meet(client: Any, number: int, **metadata: str) -> None:
    """Let a check fail in a check session and in a test session."""
    (check_id,) = client.fleet(number)
    client.completion(client.start(check_id))
    body = {**PLACE, "target": {"checkId": [check_id]}, "metadata": metadata}
    session_id = client.post("/v1/test-sessions/trigger", body).json()["testSessionId"]
    assert client.get(f"/v1/test-sessions/{session_id}/completion").json()["status"] == "FAILED"


@pytest.mark.parametrize("kind", KINDS)
def test_groups_live_as_long_as_their_errors(client: Any, kind: str) -> None:
    assert client.get(f"/v1/{kind}").json() == []
    meet(client, 3)
    meet(client, 11)
    meet(client, 11)
    newest, oldest = client.get(f"/v1/{kind}").json()
    assert newest["cleanedErrorMessage"] == oldest["cleanedErrorMessage"]
    assert newest["cleanedErrorMessage"] == "Assertion failed: status code equals 200, received 503"
    assert newest["errorHash"] == oldest["errorHash"]
    assert newest["id"] != oldest["id"]
    assert newest["firstSeen"] < newest["lastSeen"]
    assert newest["lastSeen"] > oldest["lastSeen"]
    assert client.get(f"/v1/{kind}?limit=1").json() == [newest]
    assert client.get(f"/v1/{kind}?limit=1&page=2").json() == [oldest]
    assert client.get(f"/v1/{kind}/{newest['id'].upper()}").json() == newest


def test_groups_of_one_check(client: Any) -> None:
    meet(client, 3)
    (group,) = client.get(f"/v1/error-groups/checks/{client.fleet(3)[0]}").json()
    assert group["checkId"] == client.fleet(3)[0]
    result = client.emulator.model.results(client.emulator.model.checks[2])[-1]
    shown = client.get(f"/v1/check-results/{group['checkId']}/{result.id}").json()
    assert shown["errorGroupIds"] == [group["id"]]
    assert client.get(f"/v1/error-groups/checks/{uuid4()}").json() == []


def test_groups_of_test_sessions_know_environment_and_test(connect: Any) -> None:
    with Emulator([SUITE], speed=100) as checkly:
        client = connect(checkly)
        meet(client, 1, environment="production")
        meet(client, 1)
        (group,) = client.get("/v1/test-session-error-groups").json()
    assert group["environments"] == ["production"]
    assert group["pwtMetadata"][0]["testTitle"] == "a guest can check out"
    assert "\x1b[" in group["rawErrorMessage"]
    assert group["cleanedErrorMessage"].startswith(
        "Error: expect(page).toHaveTitle(expected) failed Expected:"
    )


def test_no_project_has_any(visitor: Any) -> None:
    path = "/v1/test-session-error-groups/projects"
    assert visitor.get(f"{path}/{uuid4()}").json() == []
    assert visitor.get(f"{path}/x").status_code == 400


@pytest.mark.parametrize("kind", KINDS)
def test_archiving(client: Any, kind: str) -> None:
    meet(client, 3)
    (group,) = client.get(f"/v1/{kind}").json()
    path = f"/v1/{kind}/{group['id']}"

    def patch(body: Any) -> bool:
        answer = client.ask("PATCH", path, json=body)
        assert answer.status_code == 200
        return bool(answer.json()["archivedUntilNextEvent"])

    assert patch({}) is False
    assert patch(None) is False
    assert patch({"archivedUntilNextEvent": True}) is True
    assert patch({"archivedUntilNextEvent": False}) is False
    assert patch({"archivedUntilNextEvent": True}) is True
    meet(client, 3)
    assert client.get(path).json()["archivedUntilNextEvent"] is False
    assert patch({"archiveForEver": True}) is True
    assert client.get(f"/v1/{kind}").json() == []
    assert patch({"archiveForEver": False}) is False
    assert len(client.get(f"/v1/{kind}").json()) == 1


@pytest.mark.parametrize("body", [[], {"archiveForEver": 1}, {"archivedUntilNextEvent": None}])
def test_bad_patches_are_400(visitor: Any, body: Any) -> None:
    assert visitor.ask("PATCH", f"/v1/error-groups/{uuid4()}", json=body).status_code == 400


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("group_id", "status"), [(uuid4(), 404), ("x", 400)])
def test_unknown_groups(visitor: Any, kind: str, group_id: object, status: int) -> None:
    assert visitor.get(f"/v1/{kind}/{group_id}").status_code == status
    assert visitor.ask("PATCH", f"/v1/{kind}/{group_id}", json={}).status_code == status
    assert visitor.post(f"/v1/root-cause-analyses/{kind}/{group_id}").status_code == status


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "page=0"])
def test_bad_pages_are_400(visitor: Any, query: str) -> None:
    assert visitor.get(f"/v1/error-groups?{query}").status_code == 400


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [None, {}, {"userContext": None}, {"userContext": "x" * 256}])
def test_an_analysis(connect: Any, kind: str, body: Any) -> None:
    with Emulator(speed=100) as checkly:
        client = connect(checkly)
        meet(client, 3)
        checkly.model.speed = 1
        (group,) = client.get(f"/v1/{kind}").json()
        answer = client.post(f"/v1/root-cause-analyses/{kind}/{group['id']}", body)
        assert answer.status_code == 202
        path = f"/v1/root-cause-analyses/{answer.json()['id']}"
        assert client.get(path).status_code == 202
        assert client.get(path).json() == {"id": answer.json()["id"], "status": "PENDING"}
        assert client.get(f"/v1/{kind}/{group['id']}").json()["rootCauseAnalyses"] == []
        checkly.model.clock = lambda: time.time() + 6
        done = client.get(path)
        (kept,) = client.get(f"/v1/{kind}/{group['id']}").json()["rootCauseAnalyses"]
    assert (done.status_code, done.json()["status"], done.json()["durationMs"]) == (200, "COMPLETED", 6000)
    assert done.json()["analysis"]["rootCause"] == kept["analysis"]["rootCause"]
    assert done.json()["errorGroupId"] == (group["id"] if kind == "error-groups" else None)
    context = (body or {}).get("userContext")
    assert kept["userContext"] == ([{"text": context, "type": "text"}] if context else None)


@pytest.mark.parametrize("body", [[], {"userContext": "x" * 257}, {"userContext": 1}])
def test_a_bad_wish_for_an_analysis_is_400(visitor: Any, body: Any) -> None:
    assert visitor.post(f"/v1/root-cause-analyses/error-groups/{uuid4()}", body).status_code == 400


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_without_analyses_is_402(connect: Any, kind: str) -> None:
    with Emulator(rca=False) as checkly:
        answer = connect(checkly).post(f"/v1/root-cause-analyses/{kind}/{uuid4()}")
    assert (answer.status_code, answer.json()["message"]) == (402, "Payment Required")


@pytest.mark.parametrize(("analysis_id", "status"), [(uuid4(), 404), ("x", 400)])
def test_unknown_analyses(visitor: Any, analysis_id: object, status: int) -> None:
    assert visitor.get(f"/v1/root-cause-analyses/{analysis_id}").status_code == status
