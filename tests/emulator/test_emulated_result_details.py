"""What results say in detail, for every kind of check and outcome, in check results and in test sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from airflow_provider_checkly.emulator import Check, Emulator
from airflow_provider_checkly.emulator.checks import CheckType

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = [kind for kind in get_args(CheckType) if kind != "HEARTBEAT"]
OUTCOMES = ["passed", "failed", "degraded", "timed_out", "cancelled"]
KEYS = {
    "API": "apiCheckResult",
    "BROWSER": "browserCheckResult",
    "MULTI_STEP": "multiStepCheckResult",
    "PLAYWRIGHT": "playwrightCheckResult",
    "AGENTIC": "agenticCheckResult",
    "TRACEROUTE": "tracerouteCheckResult",
    "GRPC": "grpcCheckResult",
    "SSL": "sslCheckResult",
}
IN_TEST_SESSIONS = {"API", "BROWSER", "MULTI_STEP", "PLAYWRIGHT", "AGENTIC"}
FLEET = [
    Check(
        id=f"c0000000-0000-4000-8000-0000000{100 * row + column:05}",
        name=f"{kind} {outcome}",
        checkType=kind,
        outcome=outcome,  # type: ignore[arg-type]
        seconds=1,
    )
    for row, kind in enumerate(KINDS)
    for column, outcome in enumerate(OUTCOMES)
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    with Emulator(FLEET, speed=100) as emulator:
        yield emulator


@pytest.fixture
def results(visitor: Any) -> Any:
    """See to one check session per check and one test session with all; give the ids of their results."""
    model = visitor.emulator.model
    if not model.test_sessions:
        sessions = visitor.trigger({})
        for session in sessions:
            visitor.completion(session["checkSessionId"])
        body = {"name": "all", "runLocation": "us-east-1"}
        session_id = visitor.post("/v1/test-sessions/trigger", body).json()["testSessionId"]
        assert visitor.get(f"/v1/test-sessions/{session_id}/completion").status_code == 200
    return {
        "check": {
            one.check.id: f"/v1/check-results/{one.check.id}/{one.runs[0].tries[-1]}"
            for one in model.sessions
        },
        "test-session": {
            part.check.id: f"/v1/test-sessions/{session.id}/results/{part.runs[0].tries[-1]}"
            for session in model.test_sessions
            for part in session.parts
        },
    }


@pytest.mark.parametrize("scope", ["check", "test-session"])
@pytest.mark.parametrize("check", FLEET, ids=lambda check: check.name)
def test_there_are_details_where_the_document_has_them(
    visitor: Any, results: Any, scope: str, check: Check
) -> None:
    shown = visitor.get(results[scope][check.id]).json()
    known = KEYS if scope == "check" else {kind: KEYS[kind] for kind in IN_TEST_SESSIONS}
    assert {key for key in KEYS.values() if key in shown} == set(known.values())
    given = [key for key in known.values() if shown[key] is not None]
    detailed = check.checkType in known and check.outcome != "cancelled"
    assert given == ([known[check.checkType]] if detailed else [])
    wrong = check.outcome in ("failed", "timed_out")
    assert len(shown["errorGroupIds"]) == int(wrong)
    assert (shown["hasFailures"], shown["hasErrors"]) == (
        check.outcome == "failed",
        check.outcome == "timed_out",
    )
    assert shown["isCancelled"] == (check.outcome == "cancelled")


def find(kind: str, outcome: str) -> str:
    return next(check.id for check in FLEET if check.checkType == kind and check.outcome == outcome)


@pytest.fixture
def details(visitor: Any, results: Any) -> Any:
    def one(kind: str, outcome: str, scope: str = "check") -> Any:
        return visitor.get(results[scope][find(kind, outcome)]).json()[KEYS[kind]]

    return one


@pytest.mark.parametrize("scope", ["check", "test-session"])
def test_a_failed_api_check(details: Any, scope: str) -> None:
    shown = details("API", "failed", scope)
    bad, good = shown["assertions"]
    assert bad == {
        "source": "STATUS_CODE",
        "property": "",
        "comparison": "EQUALS",
        "target": "200",
        "regex": None,
        "actual": 503,
        "error": "expected 503 to equal 200",
    }
    assert good["error"] is None
    assert shown["request"]["url"] == "https://shop.example.com/api-failed"
    assert (shown["response"]["status"], shown["requestError"]) == (503, None)
    phases = shown["response"]["timingPhases"]
    parts = sum(phases[name] for name in ("wait", "dns", "tcp", "firstByte", "download"))
    assert abs(parts - phases["total"]) < 0.5
    assert shown["pcapDataUrl"].endswith("/assets/capture.pcap")
    assert [line["level"] for line in shown["jobLog"]["request"]] == ["INFO", "ERROR", "INFO"]


def test_an_api_check_that_timed_out_or_passed(details: Any) -> None:
    late, fine = details("API", "timed_out"), details("API", "passed")
    assert late["requestError"].startswith("Check timed out")
    assert (late["assertions"], late["response"]["timings"], late["response"]["status"]) == ([], None, 0)
    assert [one["error"] for one in fine["assertions"]] == [None, None]
    assert (fine["response"]["status"], fine["pcapDataUrl"]) == (200, None)


def test_failed_browser_checks(details: Any) -> None:
    browser, steps, suite = (details(kind, "failed") for kind in ("BROWSER", "MULTI_STEP", "PLAYWRIGHT"))
    assert "toBeVisible" in browser["errors"][0]
    assert "\x1b[31m" in browser["errors"][0], "Playwright colours its errors"
    assert steps["errors"][0]["location"] == {"file": "tests/checkout.spec.ts", "line": 14, "column": 3}
    assert suite["errors"][0]["testTitle"] == "a guest can check out"
    assert suite["playwrightTraceFiles"][0]["url"] == suite["playwrightTestTraces"][0]
    for shown in (browser, suite):
        assert shown["playwrightTestVideos"][0].endswith("/assets/video.webm")
        assert shown["jobAssets"][0].endswith("/assets/failed.png")


@pytest.mark.parametrize("kind", ["BROWSER", "MULTI_STEP", "PLAYWRIGHT"])
def test_passed_browser_checks_have_no_traces(details: Any, kind: str) -> None:
    shown = details(kind, "passed")
    assert (shown["errors"], shown["playwrightTestTraces"]) == ([], [])
    assert shown["playwrightTestJsonReportFile"].endswith("/assets/playwright-report.json")


def test_a_degraded_page_is_slow(details: Any) -> None:
    assert details("BROWSER", "degraded")["pages"][0]["webVitals"]["LCP"]["score"] == "POOR"
    assert details("BROWSER", "passed")["pages"][0]["webVitals"]["LCP"]["score"] == "GOOD"


@pytest.mark.parametrize(
    ("kind", "outcome", "names"),
    [
        ("SSL", "failed", {"daysUntilExpiry": -3, "failureCategory": "CERT_EXPIRED", "requestError": None}),
        ("SSL", "passed", {"daysUntilExpiry": 61, "failureCategory": None, "baselineVerdict": "pass"}),
        ("GRPC", "failed", {"grpcStatusCode": 14, "healthStatus": None, "assertions": []}),
        ("GRPC", "passed", {"grpcStatusCode": 0, "healthStatus": 1, "requestError": None}),
        ("TRACEROUTE", "failed", {"totalHops": 30, "destinationReached": False, "finalHopLatency": None}),
        ("TRACEROUTE", "passed", {"totalHops": 9, "destinationReached": True, "requestError": None}),
        ("SSL", "timed_out", {"assertions": []}),
        ("TRACEROUTE", "timed_out", {"assertions": []}),
    ],
)
def test_probes(details: Any, kind: str, outcome: str, names: dict[str, Any]) -> None:
    shown = details(kind, outcome)
    assert {name: shown[name] for name in names} == names


def test_failed_probes_say_why(details: Any) -> None:
    assert details("SSL", "failed")["assertions"][0]["error"] == "expected -3 to be greater than 14"
    assert details("SSL", "failed")["response"]["chainTrustDetail"] == "certificate has expired"
    assert details("GRPC", "failed")["requestError"].startswith("14 UNAVAILABLE")
    assert details("TRACEROUTE", "failed")["response"]["truncationReason"] == "MAX_HOPS_REACHED"


def test_agentic_checks(details: Any) -> None:
    bad, late, fine = (details("AGENTIC", outcome) for outcome in ("failed", "timed_out", "passed"))
    assert bad["errors"][0]["error"]["message"].startswith("The order confirmation never appeared")
    assert [one["passed"] for one in (*bad["assertions"], *fine["assertions"])] == [False, True]
    assert (late["assertions"], fine["errors"], fine["artifactManifest"]) == ([], [], None)


@pytest.mark.parametrize("kind", ["TCP", "DNS", "URL", "ICMP"])
def test_what_has_no_details_is_told_by_its_error_group(visitor: Any, results: Any, kind: str) -> None:
    shown = visitor.get(results["check"][find(kind, "failed")]).json()
    group = visitor.get(f"/v1/error-groups/{shown['errorGroupIds'][0]}").json()
    assert group["rawErrorMessage"]


MANIFESTS = [
    ("BROWSER", "failed", "", ["log", "report", "trace", "video", "screenshot"]),
    ("BROWSER", "passed", "", ["log", "report"]),
    ("PLAYWRIGHT", "cancelled", "", ["log", "report"]),
    ("TCP", "failed", "", ["pcap"]),
    ("DNS", "failed", "", []),
    ("BROWSER", "failed", "type=video&type=trace", ["trace", "video"]),
    ("BROWSER", "failed", "type[]=log", ["log"]),
    ("BROWSER", "failed", "name=*.WEBM", ["video"]),
    ("BROWSER", "failed", "name=test-results/*", ["trace", "video", "screenshot"]),
    ("BROWSER", "failed", "name=+", ["log", "report", "trace", "video", "screenshot"]),
    ("BROWSER", "failed", "name=nothing", []),
]


@pytest.mark.parametrize("scope", ["check", "test-session"])
@pytest.mark.parametrize("asked", MANIFESTS)
def test_manifests(visitor: Any, results: Any, scope: str, asked: tuple[str, str, str, list[str]]) -> None:
    kind, outcome, query, types = asked
    path = f"{results[scope][find(kind, outcome)]}/assets"
    assets = visitor.get(f"{path}?{query}").json()["assets"]
    assert [asset["type"] for asset in assets] == types
    for asset in assets:
        assert asset["source"]["type"] == f"{scope}-result"
        got = visitor.get(asset["url"].removeprefix(visitor.emulator.url))
        assert (got.status_code, got.headers["Content-Type"].split(";")[0]) == (200, asset["contentType"])
    assert visitor.get(f"{path}/nothing.txt").status_code == 404
    for bad in ("type=x", f"name={'a' * 201}"):
        assert visitor.get(f"{path}?{bad}").status_code == 400


@pytest.mark.parametrize("tail", ["", "/assets", "/assets/x"])
@pytest.mark.parametrize(("result_id", "status"), [("c0000000-0000-4000-8000-000000000999", 404), ("x", 400)])
def test_unknown_results(visitor: Any, results: Any, tail: str, result_id: str, status: int) -> None:
    for scope in ("check", "test-session"):
        start = results[scope][FLEET[0].id].rsplit("/", 1)[0]
        assert visitor.get(f"{start}/{result_id}{tail}").status_code == status


def test_a_result_to_come_has_nothing_yet(client: Any) -> None:
    client.emulator.model.speed = 0.01
    for check_id in client.fleet(7, 3):
        body = {"name": "x", "runLocation": "emulated-dc", "target": {"checkId": [check_id]}}
        session = client.post("/v1/test-sessions/trigger", body).json()
        result_id = session["results"][-1]["testSessionResultId"]
        path = f"/v1/test-sessions/{session['testSessionId']}/results/{result_id}"
        shown = client.get(path).json()
        assert (shown["resultType"], shown["updated_at"], shown["apiCheckResult"]) == ("PENDING", None, None)
        assert (shown["traceId"] is None) == (check_id == client.fleet(3)[0])
        assert shown["privateLocationId"] == client.get("/v1/private-locations").json()[0]["id"]
        assert client.get(f"{path}/assets").json() == {"assets": []}
