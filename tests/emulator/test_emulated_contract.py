from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

ERRORS = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Time-out",
    429: "Too Many Requests",
}
STUCK = "/{version}/check-sessions/{stuck}"
PATHS = [
    ("POST", "/{version}/check-sessions/trigger", {401, 402, 403, 404, 429}),
    ("GET", STUCK, {401, 403, 404, 429}),
    ("GET", f"{STUCK}/completion", {401, 403, 404, 408, 429}),
    ("POST", "/v1/check-sessions/{stuck}/cancel", {400, 401, 403, 404, 429}),
    ("POST", "/v1/test-sessions/trigger", {400, 401, 402, 403, 404, 429}),
    ("GET", "/v1/test-sessions", {400, 401, 402, 403, 429}),
    ("GET", "/v1/test-sessions/{test}", {400, 401, 403, 404, 429}),
    ("GET", "/v1/test-sessions/{test}/completion", {400, 401, 403, 404, 408, 429}),
    ("POST", "/v1/test-sessions/{test}/cancel", {400, 401, 403, 404, 429}),
    ("GET", "/v1/accounts", {401, 403, 429}),
    ("GET", "/v1/accounts/me", {401, 403, 404, 429}),
    ("GET", "/v1/accounts/{account}", {401, 403, 404, 429}),
]


def test_the_document_covers_every_path(document: dict[str, Any]) -> None:
    names = {"stuck": "{checkSessionId}", "test": "{testSessionId}", "account": "{accountId}"}
    paths = {path.format(version="v1", **names) for _, path, _ in PATHS}
    assert paths <= set(document["paths"])


BODIES = {"/v1/test-sessions/trigger": {"name": "x", "runLocation": "eu-west-1"}}
BOTH = [
    (version, *one) for one in PATHS for version in ("v1", "v2") if version == "v1" or "{version}" in one[1]
]


@pytest.mark.parametrize(("version", "method", "path", "statuses"), BOTH)
def test_answers_are_documented(
    client: Any, version: str, method: str, path: str, statuses: set[int]
) -> None:
    stuck = {"name": "x", "runLocation": "eu-west-1", "target": {"checkId": client.fleet(7)}}
    names = {
        "version": version,
        "stuck": client.start(client.fleet(7)[0]),
        "test": client.post("/v1/test-sessions/trigger", stuck).json()["testSessionId"],
        "account": client.emulator.account_id,
    }
    asked = path.format(**names)
    answer = client.ask(method, asked, params={"maxWaitSeconds": 1}, json=BODIES.get(path))
    assert answer.status_code in (200, 201, 204, 408)
    for status in statuses:
        client.emulator.fail(path=asked, status=status)
        answer = client.ask(method, asked)
        assert answer.status_code == status
        assert answer.json()["statusCode"] == status
        assert answer.json()["error"] == ERRORS[status]
        assert answer.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_check_of_the_fleet_ends_as_documented(client: Any, version: str) -> None:
    ended = {}
    for session in client.trigger({}, version):
        stuck = session["checkId"] == client.fleet(7)[0]
        if not stuck:
            answer = client.completion(session["checkSessionId"], version=version)
            again = client.get(f"/{version}/check-sessions/{session['checkSessionId']}")
            assert answer.json() == again.json()
            ended[int(session["checkId"][-2:])] = answer.json()["status"]
    stopped = {"v1": "TIMED_OUT", "v2": "CANCELLED"}[version]
    others = {3: "FAILED", 4: "DEGRADED", 5: "TIMED_OUT", 6: stopped, 11: "FAILED"}
    assert ended == {number: others.get(number, "PASSED") for number in range(1, 15) if number != 7}


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/nowhere", f"/v2/check-sessions/{uuid4()}/cancel", "/v3/check-sessions/x"]
)
def test_unknown_paths_are_404(client: Any, path: str) -> None:
    for method in ("GET", "DELETE"):
        answer = client.ask(method, path)
        assert answer.status_code == 404
        assert answer.json() == {"statusCode": 404, "error": "Not Found", "message": "Not Found"}
