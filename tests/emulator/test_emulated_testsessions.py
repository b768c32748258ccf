from __future__ import annotations

import re
import threading
import time
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider_checkly.emulator import Check, Emulator

ID = "c0000000-0000-4000-8000-0000000000{:02}".format
PLACE = {"name": "DAG run 7", "runLocation": "eu-west-1"}


def start(client: Any, *numbers: int, **body: Any) -> Any:
    target = {"target": {"checkId": client.fleet(*numbers)}} if numbers else {}
    answer = client.post("/v1/test-sessions/trigger", {**PLACE, **target, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


def finish(client: Any, *numbers: int, **body: Any) -> Any:
    session_id = start(client, *numbers, **body)["testSessionId"]
    answer = client.get(f"/v1/test-sessions/{session_id}/completion", params={"maxWaitSeconds": 2})
    assert answer.status_code == 200, answer.text
    assert answer.json() == client.get(f"/v1/test-sessions/{session_id}").json()
    return answer.json()


def finals(session: Any) -> dict[int, str]:
    return {
        int(one["checkId"][-2:]): one["status"] for one in session["results"] if one["resultType"] == "FINAL"
    }


def test_one_session_has_all_checks_at_one_place(client: Any) -> None:
    session = start(client, 1, 9)
    account = client.emulator.account_id
    assert session["name"] == "DAG run 7"
    assert session["testSessionLink"] == (
        f"{client.emulator.url}/accounts/{account}/test-sessions/{session['testSessionId']}"
    )
    assert (session["status"], session["stoppedAt"], session["errorGroupIds"]) == ("RUNNING", None, [])
    for result in session["results"]:
        assert (result["resultType"], result["status"], result["runLocation"]) == (
            "PENDING",
            "RUNNING",
            "eu-west-1",
        )
        assert (result["responseTime"], result["stoppedAt"], result["hasErrors"]) == (None, None, False)
        assert result["startedAt"]
    assert client.emulator.sessions == ()
    assert client.emulator.test_sessions[0].request.name == "DAG run 7"


@pytest.mark.parametrize(
    ("numbers", "status", "results"),
    [
        ((1, 2), "PASSED", {1: "PASSED", 2: "PASSED"}),
        ((1, 4), "PASSED", {1: "PASSED", 4: "PASSED"}),
        ((1, 3), "FAILED", {1: "PASSED", 3: "FAILED"}),
        ((5,), "FAILED", {5: "FAILED"}),
        ((3, 6), "CANCELLED", {3: "FAILED", 6: "CANCELLED"}),
    ],
)
def test_how_it_ends(client: Any, numbers: tuple[int, ...], status: str, results: dict[int, str]) -> None:
    session = finish(client, *numbers)
    assert session["status"] == status
    assert finals(session) == results
    assert session["stoppedAt"] > session["startedAt"]
    degraded = [one["isDegraded"] for one in session["results"] if one["resultType"] == "FINAL"]
    assert degraded == [number == 4 for number in numbers]


def test_a_pending_result_becomes_the_final_one(client: Any) -> None:
    pending = start(client, 3)["results"]
    answer = finish(client, 3)
    assert [one["resultType"] for one in pending] == ["PENDING"]
    assert [one["resultType"] for one in answer["results"]] == ["ATTEMPT", "FINAL"]
    session = client.get(f"/v1/test-sessions/{client.emulator.test_sessions[0].id}").json()
    assert pending[0]["testSessionResultId"] == session["results"][-1]["testSessionResultId"]
    assert pending[0]["startedAt"] is None, "its turn comes after the attempt"


def test_errors_are_grouped(client: Any) -> None:
    first, second = finish(client, 3, 11), finish(client, 3)
    assert len(first["errorGroupIds"]) == 2
    assert second["errorGroupIds"] == first["errorGroupIds"][:1]
    assert {one for result in second["results"] for one in result["errorGroupIds"]} == set(
        second["errorGroupIds"]
    )


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ({}, {3: (1, "FAILED"), 14: (1, "PASSED"), 9: (0, "PASSED")}),
        ({"retryStrategy": None}, {3: (0, "FAILED"), 14: (0, "FAILED"), 9: (0, "PASSED")}),
        (
            {"retryStrategy": {"type": "SINGLE_RETRY"}},
            {3: (1, "FAILED"), 14: (1, "PASSED"), 9: (0, "PASSED")},
        ),
        ({"retryStrategy": {"type": "FIXED"}}, {3: (2, "FAILED"), 14: (1, "PASSED"), 9: (0, "PASSED")}),
        (
            {
                "retryStrategy": {
                    "type": "LINEAR",
                    "maxRetries": 4,
                    "baseBackoffSeconds": 0,
                    "sameRegion": False,
                }
            },
            {3: (4, "FAILED"), 14: (1, "PASSED"), 9: (0, "PASSED")},
        ),
        (
            {"retryStrategy": {"type": "EXPONENTIAL", "onlyOn": ["NETWORK_ERROR"], "maxDurationSeconds": 60}},
            {3: (0, "FAILED"), 14: (0, "FAILED"), 9: (0, "PASSED")},
        ),
    ],
)
def test_retries(client: Any, strategy: Any, expected: dict[int, tuple[int, str]]) -> None:
    session = finish(client, 3, 14, 9, **strategy)
    attempts = [int(one["checkId"][-2:]) for one in session["results"] if one["resultType"] == "ATTEMPT"]
    assert {
        number: (attempts.count(number), status) for number, status in finals(session).items()
    } == expected


def test_deactivated_checks_run_only_when_allowed(client: Any) -> None:
    target = {"checkId": client.fleet(15)}
    assert client.post("/v1/test-sessions/trigger", {**PLACE, "target": target}).status_code == 404
    allowed = {**target, "allowDeactivated": True}
    assert finals(finish(client, target=allowed)) == {15: "PASSED"}


def test_a_heartbeat_never_runs(connect: Any) -> None:
    with Emulator([Check(id=ID(1), name="x", checkType="HEARTBEAT", activated=False)]) as checkly:
        body = {**PLACE, "target": {"allowDeactivated": True}}
        answer = connect(checkly).post("/v1/test-sessions/trigger", body)
    assert (answer.status_code, answer.json()["message"]) == (404, "No matching checks were found.")


def test_cancel_stops_suites_and_wakes_who_waits(client: Any) -> None:
    session = start(client, 7, 9, 1)
    path = f"/v1/test-sessions/{session['testSessionId']}"
    waiter = threading.Timer(0.2, lambda: client.post(f"{path}/cancel", {}))
    waiter.start()
    began = time.monotonic()
    answer = client.get(f"{path}/completion", params={"maxWaitSeconds": 20})
    waiter.join()
    assert time.monotonic() - began < 5
    assert answer.json()["status"] == "CANCELLED"
    assert finals(answer.json()) == {7: "CANCELLED", 9: "PASSED", 1: "PASSED"}
    pending = {one["testSessionResultId"] for one in session["results"]}
    assert pending == {one["testSessionResultId"] for one in answer.json()["results"]}


def test_cancel_of_some(client: Any) -> None:
    start(client, 7, 8)
    (session,) = client.emulator.test_sessions
    stuck = session.parts[0].runs[0].sequence_id
    path = f"/v1/test-sessions/{session.id}"
    assert client.post(f"{path}/cancel", {"sequenceId": [stuck]}).status_code == 204
    answer = client.get(f"{path}/completion")
    assert finals(answer.json()) == {7: "CANCELLED", 8: "PASSED"}


@pytest.mark.parametrize("body", [[], {"sequenceId": []}, {"sequenceId": ["x"]}, {"x": 1}])
def test_a_bad_cancel_is_400(client: Any, body: Any) -> None:
    session_id = start(client, 7)["testSessionId"]
    assert client.post(f"/v1/test-sessions/{session_id}/cancel", body).status_code == 400


@pytest.mark.parametrize("seconds", ["0", "31", "x", "", "0.9"])
def test_bad_waits_are_400(client: Any, seconds: str) -> None:
    session_id = start(client, 7)["testSessionId"]
    path = f"/v1/test-sessions/{session_id}/completion"
    assert client.get(path, params={"maxWaitSeconds": seconds}).status_code == 400


def test_a_wait_that_is_up_is_408(connect: Any) -> None:
    with Emulator(retry_after=3) as checkly:
        client = connect(checkly)
        path = f"/v1/test-sessions/{start(client, 7)['testSessionId']}/completion"
        answer = client.get(path, params={"maxWaitSeconds": 1.2})
    assert (answer.status_code, answer.headers["Retry-After"]) == (408, "3")
    assert answer.json()["message"].startswith(
        "Test session is still in progress, but maximum per-request wait"
    )


@pytest.mark.parametrize("path", ["", "/completion", "/cancel"])
@pytest.mark.parametrize(("session_id", "status"), [(uuid4(), 404), ("x", 400)])
def test_unknown_sessions(client: Any, path: str, session_id: object, status: int) -> None:
    method = "POST" if path == "/cancel" else "GET"
    assert client.ask(method, f"/v1/test-sessions/{session_id}{path}").status_code == status


VARIABLE = {"key": "TOKEN", "value": "hush-hush", "secret": True}
GOOD: list[dict[str, Any]] = [
    {"runLocation": "emulated-dc"},
    {
        "environmentVariables": [
            {"key": "A", "value": None},
            {"key": "B", "value": "b", "locked": True},
            VARIABLE,
        ]
    },
    {"environmentVariables": [{"key": "A", "value": "a"}] * 50},
    {"environmentVariables": [{"key": "A", "value": 5, "secret": True}]},
    {"metadata": {}},
    {"metadata": {"environment": "production", "commitId": None, "branchName": ""}},
    {"metadata": {"github": {"reporting": True, "sha": "abc", "job": None}}},
    {"refreshCache": True, "target": {"matchTags": []}},
    {"somethingNew": 1},
]
BAD: list[tuple[Any, str]] = [
    (None, "The request body must be an object."),
    ([], "The request body must be an object."),
    ({"name": ...}, '"name" is required.'),
    ({"name": ""}, '"name" must be a string that is not empty.'),
    ({"name": None}, '"name" must'),
    ({"name": 7}, '"name" must'),
    ({"runLocation": ...}, '"runLocation" is required.'),
    ({"runLocation": "the-moon"}, '"runLocation" must be a public region or the slug of a private location.'),
    ({"target": []}, '"target" must be an object.'),
    ({"target": {"checkId": ID(1)}}, '"target.checkId" must'),
    ({"target": {"matchTags": ["a"]}}, '"target.matchTags" must'),
    ({"target": {"matchTags": [[""]]}}, '"target.matchTags" must have no empty tag.'),
    ({"target": {"allowDeactivated": 1}}, '"target.allowDeactivated" must be a boolean.'),
    ({"refreshCache": "yes"}, '"refreshCache" must'),
    ({"environmentVariables": {}}, '"environmentVariables" must be an array of up to 50.'),
    ({"environmentVariables": [{"key": "A", "value": "a"}] * 51}, '"environmentVariables" must be an array'),
    ({"environmentVariables": [1]}, '"environmentVariables.0" must be an object.'),
    ({"environmentVariables": [{"value": "a"}]}, '"environmentVariables.0.key" is required.'),
    ({"environmentVariables": [{"key": "", "value": "a"}]}, '"environmentVariables.0.key" must'),
    ({"environmentVariables": [{"key": "A"}]}, '"environmentVariables.0.value" is required.'),
    ({"environmentVariables": [{"key": "A", "secret": True}]}, '"environmentVariables.0.value" is required.'),
    ({"environmentVariables": [{"key": "A", "value": ""}]}, '"environmentVariables.0.value" must be null or'),
    ({"environmentVariables": [{"key": "A", "value": 1}]}, '"environmentVariables.0.value" must be null or'),
    (
        {"environmentVariables": [{"key": "A", "value": "a", "secret": "no"}]},
        '"environmentVariables.0.secret"',
    ),
    (
        {"environmentVariables": [{"key": "A", "value": "a", "locked": None}]},
        '"environmentVariables.0.locked"',
    ),
    ({"retryStrategy": 1}, '"retryStrategy" must be an object.'),
    ({"retryStrategy": {}}, '"retryStrategy.type" is required.'),
    ({"retryStrategy": {"type": "NEVER"}}, '"retryStrategy.type" must be one of [FIXED, LINEAR,'),
    (
        {"retryStrategy": {"type": "FIXED", "maxRetries": 11}},
        '"retryStrategy.maxRetries" must be a number from',
    ),
    ({"retryStrategy": {"type": "FIXED", "maxRetries": True}}, '"retryStrategy.maxRetries" must'),
    (
        {"retryStrategy": {"type": "FIXED", "maxDurationSeconds": 601}},
        '"retryStrategy.maxDurationSeconds" must',
    ),
    ({"retryStrategy": {"type": "FIXED", "sameRegion": 0}}, '"retryStrategy.sameRegion" must'),
    ({"retryStrategy": {"type": "FIXED", "onlyOn": ["RAIN"]}}, '"retryStrategy.onlyOn" must'),
    ({"metadata": None}, '"metadata" must be an object.'),
    ({"metadata": {"environment": ""}}, '"metadata.environment" must'),
    ({"metadata": {"commitId": 1}}, '"metadata.commitId" must be a string.'),
    ({"metadata": {"github": {}}}, '"metadata.github.reporting" is required.'),
    ({"metadata": {"github": {"reporting": True, "ref": 1}}}, '"metadata.github.ref" must'),
]


@pytest.mark.parametrize("body", GOOD)
def test_good_bodies(client: Any, body: dict[str, Any]) -> None:
    session = start(client, **{"target": {"checkId": [ID(1)]}, **body})
    assert session["metadata"] == body.get("metadata", {})
    assert session["results"][0]["runLocation"] == body.get("runLocation", "eu-west-1")


@pytest.mark.parametrize(("body", "text"), BAD)
def test_bad_bodies_are_400_and_name_the_field(visitor: Any, body: Any, text: str) -> None:
    sent = body
    if isinstance(body, dict):
        sent = {name: value for name, value in {**PLACE, **body}.items() if value is not ...}
    answer = visitor.post("/v1/test-sessions/trigger", sent)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(text)
    assert visitor.emulator.test_sessions == ()


@pytest.mark.parametrize("secret", [True, "true", 1, None])
def test_no_secret_is_kept_in_the_records(client: Any, secret: Any) -> None:
    variables = [{"key": "A", "value": "plain"}, {**VARIABLE, "secret": secret}, "broken"]
    client.post("/v1/test-sessions/trigger", {**PLACE, "environmentVariables": variables})
    shown = client.get("/_emulator/requests")
    assert "hush-hush" not in shown.text
    kept = shown.json()[0]["body"]["environmentVariables"]
    assert [kept[0]["value"], kept[1]["value"], kept[2]] == ["plain", "***", "broken"]


def test_a_test_in_python_sees_the_secret(client: Any) -> None:
    start(client, 1, environmentVariables=[VARIABLE])
    (variable,) = client.emulator.test_sessions[0].request.variables
    assert (variable.key, variable.value, variable.secret) == ("TOKEN", "hush-hush", True)
    assert "hush-hush" not in repr(client.emulator.test_sessions)


CLI_BODY = {
    "name": "Triggered Session",
    "shouldRecord": True,
    "runLocation": {"type": "PUBLIC", "region": "us-east-1"},
    "checkRunSuiteId": str(uuid4()),
    "targetTags": [["api", "deploy-gate"]],
    "environmentVariables": [],
    "repoInfo": None,
    "environment": None,
    "testRetryStrategy": None,
    "refreshCache": False,
}


def test_the_door_of_the_command_line_tool(client: Any) -> None:
    answer = client.post("/next/test-sessions/trigger", CLI_BODY)
    assert answer.status_code == 201
    told = answer.json()
    assert told["checks"] == [{"id": ID(9), "name": "Search API", "checkType": "API"}]
    session = client.get(f"/v1/test-sessions/{told['testSessionId']}").json()
    assert told["testResultIds"] == {ID(9): session["results"][0]["testSessionResultId"]}
    assert list(told["sequenceIds"]) == [ID(9)]
    link = client.get(f"/next/test-sessions/{told['testSessionId']}/link").json()["link"]
    assert link == session["testSessionLink"]


@pytest.mark.parametrize(
    ("more", "place", "metadata"),
    [
        ({"runLocation": "eu-west-3"}, "eu-west-3", {}),
        ({"runLocation": {"type": "PRIVATE", "slugName": "emulated-dc", "id": "x"}}, "emulated-dc", {}),
        (
            {"repoInfo": {"commitId": "abc"}, "environment": "test"},
            "us-east-1",
            {"commitId": "abc", "environment": "test"},
        ),
    ],
)
def test_what_the_command_line_tool_says(
    client: Any, more: dict[str, Any], place: str, metadata: dict[str, Any]
) -> None:
    told = client.post("/next/test-sessions/trigger", {**CLI_BODY, **more}).json()
    session = client.get(f"/v1/test-sessions/{told['testSessionId']}").json()
    assert (session["results"][0]["runLocation"], session["metadata"]) == (place, metadata)


def test_no_match_is_403_at_the_door_of_the_command_line_tool(client: Any) -> None:
    answer = client.post(
        "/next/test-sessions/trigger", {**CLI_BODY, "targetTags": [["nothing"]]}, checked=False
    )
    assert answer.status_code == 403
    assert answer.json()["errorCode"] == "ERR_NO_MATCHING_CHECKS"


def test_locations(connect: Any) -> None:
    with Emulator(private_locations=["cellar"]) as checkly:
        client = connect(checkly)
        public, private = client.get("/v1/locations").json(), client.get("/v1/private-locations").json()
        start(client, runLocation="cellar")
    assert {"region": "eu-central-1", "name": "Frankfurt"} in public
    assert [one["slugName"] for one in private] == ["cellar"]
    assert private[0]["created_at"]


def test_five_hundred_checks_in_one_session(connect: Any) -> None:
    checks = [Check(id=str(uuid4()), name=f"Check {number}", seconds=1) for number in range(500)]
    with Emulator(checks, speed=10) as checkly:
        session = finish(connect(checkly))
    assert len(session["results"]) == 500
    assert session["status"] == "PASSED"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", session["stoppedAt"])
