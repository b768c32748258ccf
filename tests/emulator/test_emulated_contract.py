from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests

from airflow_provider_checkly.emulator.trigger_requests import Target, TriggerRequest

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator

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
    ("GET", "/v1/test-sessions/{test}/results/{result}", {400, 401, 403, 404, 429}),
    ("GET", "/v1/test-sessions/{test}/results/{result}/assets", {400, 401, 403, 404, 429}),
    ("GET", "/v1/check-results/{check}/{checkResult}", {400, 401, 403, 404, 429}),
    ("GET", "/v1/check-results/{check}/{checkResult}/assets", {400, 401, 403, 404, 429}),
    ("GET", "/v1/check-statuses", {401, 403, 404, 429}),
    ("GET", "/v1/check-statuses/{check}", {401, 403, 404, 429}),
    ("GET", "/v1/error-groups", {401, 403, 429}),
    ("GET", "/v1/error-groups/checks/{check}", {401, 403, 429}),
    ("GET", "/v1/error-groups/{group}", {401, 403, 404, 429}),
    ("PATCH", "/v1/error-groups/{group}", {401, 403, 404, 429}),
    ("GET", "/v1/test-session-error-groups", {400, 401, 403, 429}),
    ("GET", "/v1/test-session-error-groups/projects/{project}", {400, 401, 403, 429}),
    ("GET", "/v1/test-session-error-groups/{testGroup}", {400, 401, 403, 404, 429}),
    ("PATCH", "/v1/test-session-error-groups/{testGroup}", {400, 401, 403, 404, 429}),
    ("POST", "/v1/root-cause-analyses/error-groups/{group}", {401, 402, 403, 404, 429}),
    ("POST", "/v1/root-cause-analyses/test-session-error-groups/{testGroup}", {401, 402, 403, 404, 429}),
    ("GET", "/v1/root-cause-analyses/{analysis}", {401, 403, 404, 429}),
    ("GET", "/v1/checks", {400, 401, 403, 429}),
    ("GET", "/v1/checks/{check}", {400, 401, 403, 404, 429}),
    ("GET", "/v2/check-results/{check}", {400, 401, 402, 403, 429}),
    ("GET", "/v1/check-alerts", {400, 401, 403, 404, 429}),
    ("GET", "/v1/check-alerts/{check}", {400, 401, 403, 404, 429}),
    ("GET", "/v1/reporting", {401, 403, 429}),
    ("GET", "/v1/maintenance-windows", {401, 403, 429}),
    ("POST", "/v1/maintenance-windows", {401, 403, 429}),
    ("GET", "/v1/maintenance-windows/{window}", {401, 403, 404, 429}),
    ("PUT", "/v1/maintenance-windows/{window}", {401, 403, 404, 429}),
    ("DELETE", "/v1/maintenance-windows/{window}", {401, 403, 404, 429}),
    ("GET", "/v1/locations", {429}),
    ("GET", "/v1/private-locations", {401, 403, 429}),
    ("GET", "/v1/accounts", {401, 403, 429}),
    ("GET", "/v1/accounts/me", {401, 403, 404, 429}),
    ("GET", "/v1/accounts/{account}", {401, 403, 404, 429}),
]


WINDOWS = "/v1/maintenance-windows"
MAINTENANCE = f"{WINDOWS}/{{id}}/maintenances/{{maintenanceId}}"
# Documented operations that neither the provider nor the official command line tool uses.
NOT_EMULATED = {
    ("POST", "/v1/private-locations"),
    ("GET", "/v1/checks/heartbeats/{checkId}/availability"),
    ("GET", "/v1/checks/heartbeats/{checkId}/events"),
    ("GET", "/v1/checks/heartbeats/{checkId}/events/{id}"),
    ("GET", f"{WINDOWS}/{{id}}/maintenances"),
    *((method, MAINTENANCE) for method in ("GET", "PATCH", "DELETE")),
    ("POST", f"{MAINTENANCE}/updates"),
    *((method, f"{MAINTENANCE}/updates/{{updateId}}") for method in ("PUT", "DELETE")),
}
BODIES: dict[str, Any] = {
    WINDOWS: {"name": "x", "startsAt": "2026-01-01", "endsAt": "2026-01-02"},
    f"{WINDOWS}/{{window}}": {"name": "y"},
    "/v1/test-sessions/trigger": {"name": "x", "runLocation": "eu-west-1"},
    "/{version}/check-sessions/trigger": {},
}
BOTH = [
    (version, *one) for one in PATHS for version in ("v1", "v2") if version == "v1" or "{version}" in one[1]
]


def test_each_documented_path_is_here_and_each_of_these_is_documented(
    documents: list[dict[str, Any]],
) -> None:
    documented = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path)): set(operation["responses"])
        for document in documents
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if (method.upper(), path) not in NOT_EMULATED
    }
    here = {
        (method, re.sub(r"\{\w+\}", "{}", path.replace("{version}", version))): {str(one) for one in statuses}
        for version, method, path, statuses in BOTH
    }
    assert set(here) == set(documented)
    for operation, statuses in here.items():
        assert {one for one in documented[operation] if int(one) >= 400} - {"400"} == statuses - {"400"}


@pytest.fixture(scope="module")
def names(shared: Emulator) -> dict[str, str]:
    """Give one of everything: a session that is stuck, a result, an error group, an analysis."""
    model, groups = shared.model, shared.groups
    stuck, failing = (Target(ids=frozenset({model.checks[number].id})) for number in (6, 2))
    (session,) = model.trigger(failing)
    test = model.trigger_test(TriggerRequest("x", "eu-west-1", failing))
    stuck_test = model.trigger_test(TriggerRequest("y", "eu-west-1", stuck))
    assert test
    assert stuck_test
    time.sleep(0.1)
    (group,), (test_group,) = groups.all("check"), groups.all("test-session")
    headers = {"Authorization": f"Bearer {shared.api_key}", "X-Checkly-Account": shared.account_id}
    window = requests.post(f"{shared.url}{WINDOWS}", headers=headers, json=BODIES[WINDOWS], timeout=5).json()
    return {
        "stuck": model.trigger(stuck)[0].id,
        "test": stuck_test.id,
        "result": stuck_test.parts[0].runs[0].tries[-1],
        "check": session.check.id,
        "checkResult": session.runs[0].tries[-1],
        "group": group.id,
        "testGroup": test_group.id,
        "project": str(uuid4()),
        "analysis": groups.analyse(group, "").id,
        "account": shared.account_id,
        "window": str(window["id"]),
    }


@pytest.mark.parametrize("asked", BOTH, ids=lambda asked: f"{asked[1]} {asked[2]} {asked[0]}")
def test_answers_are_documented(
    visitor: Any, names: dict[str, str], asked: tuple[str, str, str, set[int]]
) -> None:
    version, method, template, statuses = asked
    path = template.format(version=version, **names)
    body = BODIES.get(template, {} if method == "PATCH" else None)
    answer = visitor.ask(method, path, params={"maxWaitSeconds": 1}, json=body)
    assert answer.status_code in (200, 201, 202, 204, 408)
    for status in statuses:
        visitor.emulator.fail(path=f"^{path}$", status=status)
        answer = visitor.ask(method, path)
        assert answer.status_code == status
        assert answer.json()["statusCode"] == status
        assert answer.json()["error"] == ERRORS[status]
        assert answer.headers["Content-Type"].startswith("application/json")


def wrong_values(schema: dict[str, Any]) -> list[str]:
    """Values that a documented schema does not allow."""
    kind = schema.get("type") or []
    kinds = {kind} if isinstance(kind, str) else set(kind)
    has_words = "enum" in schema or "enum" in schema.get("items", {})
    found = ["odd"] if has_words or kinds & {"integer", "number", "boolean"} else []
    found += [str(schema["maximum"] + 1)] if "maximum" in schema else []
    found += [str(schema["minimum"] - 1)] if "minimum" in schema else []
    return found + (["x" * (schema["maxLength"] + 1)] if "maxLength" in schema else [])


@pytest.mark.parametrize(
    "asked", [one for one in BOTH if one[1] == "GET"], ids=lambda one: f"{one[2]} {one[0]}"
)
def test_each_wrong_parameter_is_400(
    visitor: Any,
    names: dict[str, str],
    documents: list[dict[str, Any]],
    asked: tuple[str, str, str, set[int]],
) -> None:
    """Whatever is found: no parameter is looked at only when there is something to filter."""
    version, _, template, _ = asked
    pattern = re.sub(r"\{\w+\}", r"{\\w+}", template.replace("{version}", version)) + "$"
    operations = (
        each["get"]
        for document in documents
        for path, each in document["paths"].items()
        if re.match(pattern, path)
    )
    path = template.format(version=version, **names)
    for parameter in next(operations).get("parameters", []):
        if parameter["in"] == "query":
            for value in wrong_values(parameter.get("schema", {})):
                answer = visitor.ask("GET", path, params={parameter["name"]: value}, checked=False)
                assert answer.status_code == 400, (parameter["name"], value)


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
