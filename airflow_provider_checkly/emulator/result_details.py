"""The details of a result, a shape for each type of check that has any."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from airflow_provider_checkly.emulator.http import timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_checkly.emulator.http import JSON

AssetType: TypeAlias = Literal["log", "trace", "video", "screenshot", "pcap", "report", "file"]

HOST: Final = "shop.example.com"
RUNTIME: Final = "2025.04"
ADDRESS: Final = "203.0.113.10"
AGENT_HEADER: Final[JSON] = {"user-agent": "Checkly/1.0 (https://www.checklyhq.com)"}
TEST_FILE: Final = "tests/checkout.spec.ts"
TEST_LINE: Final = 14
# The test that fails in a Playwright suite, as results and error groups name it.
FAILED_TEST: Final[Mapping[str, JSON]] = {
    "projectName": "chromium",
    "testFile": TEST_FILE,
    "testTitle": "a guest can check out",
    "suitePath": ["Checkout"],
}
PROMPT: Final = "Put a product in the cart, check out as a guest and wait for the order confirmation."


@dataclass(frozen=True)
class ResultContext:
    """What the details of a finished result are made from.

    `message` is the error, if there is one, `milliseconds` the response time, `files` the URLs of what the
    run left behind; with `failed` an assertion failed, with `timed_out` the run came to none. Times in Unix
    seconds.
    """

    name: str
    outcome: str
    location: str
    started_at: float
    stopped_at: float
    message: str | None
    milliseconds: int
    files: Mapping[AssetType, Sequence[str]]
    failed: bool
    timed_out: bool

    @property
    def url(self) -> str:
        """Return the page that the check looks at."""
        return checked_url(self.name)

    def urls(self, kind: AssetType) -> list[JSON]:
        """Return the URLs of the files of a kind."""
        return list(self.files.get(kind, ()))

    def log(self) -> list[JSON]:
        """Return the log of the run."""
        lines = [
            (self.started_at, "INFO", f"Starting job on {self.location}"),
            *([(self.stopped_at, "ERROR", self.message)] if self.message else []),
            (self.stopped_at, "INFO", "Run finished"),
        ]
        return [{"time": round(at * 1000), "level": level, "msg": text} for at, level, text in lines]


def checked_url(name: str) -> str:
    """Return the page that a check of that name looks at."""
    return f"https://{HOST}/{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}"


def assertion(
    source: str, comparison: str, target: str, actual: JSON, *, error: str | None = None
) -> dict[str, JSON]:
    """Return an assertion; one with an `error` failed."""
    compared: dict[str, JSON] = {"source": source, "property": "", "comparison": comparison, "target": target}
    return {**compared, "regex": None, "actual": actual, "error": error}


def api_json(run: ResultContext) -> dict[str, JSON]:
    """Return the details of an API check (schema CheckResultAPI); one that timed out has no response."""
    captures = run.urls("pcap")
    return {
        "assertions": [] if run.timed_out else _api_assertions(run),
        "request": {"method": "GET", "url": run.url, "data": "", "headers": AGENT_HEADER, "params": {}},
        "response": _no_response() if run.timed_out else _response(run),
        "requestError": run.message if run.timed_out else None,
        "jobLog": {"setup": [], "request": run.log(), "teardown": []},
        "jobAssets": None,
        "pcapDataUrl": captures[0] if captures else None,
    }


def _api_assertions(run: ResultContext) -> list[JSON]:
    status = 503 if run.failed else 200
    error = "expected 503 to equal 200" if run.failed else None
    return [
        assertion("STATUS_CODE", "EQUALS", "200", status, error=error),
        assertion("RESPONSE_TIME", "LESS_THAN", "30000", run.milliseconds),
    ]


def _response(run: ResultContext) -> dict[str, JSON]:
    body: JSON = {"error": "no healthy upstream"} if run.failed else {"status": "ok"}
    return {
        "status": 503 if run.failed else 200,
        "statusText": "Service Unavailable" if run.failed else "OK",
        "body": json.dumps(body),
        "headers": {"content-type": "application/json", "server": "envoy"},
        **_timings(run.milliseconds),
    }


def _timings(total: int) -> dict[str, JSON]:
    """Split the time of a request into its phases, in milliseconds."""
    wait, dns, tcp = (round(total * share, 1) for share in (0.01, 0.04, 0.1))
    first_byte = round(total * 0.8, 1)
    connected = wait + dns + tcp
    started: dict[str, JSON] = {"socket": wait, "lookup": wait + dns, "connect": connected}
    timings: JSON = {**started, "response": connected + first_byte, "end": total}
    download = round(total - connected - first_byte, 1)
    phases: dict[str, JSON] = {"wait": wait, "dns": dns, "tcp": tcp, "firstByte": first_byte}
    return {"timings": timings, "timingPhases": {**phases, "download": download, "total": total}}


def _no_response() -> dict[str, JSON]:
    return {"status": 0, "statusText": "", "body": "", "headers": None, "timings": None, "timingPhases": None}


def browser_json(run: ResultContext) -> dict[str, JSON]:
    """Return the details of a browser check (schema CheckResultBrowser); its errors are plain texts."""
    errors = int(run.message is not None)
    return {
        "type": "PLAYWRIGHT",
        "traceSummary": {
            "consoleErrors": 0,
            "networkErrors": errors,
            "documentErrors": 0,
            "userScriptErrors": errors,
        },
        "pages": [_page(run)],
        "errors": [run.message] if run.message else [],
        "playwrightTestVideos": run.urls("video"),
        **_script_run(run),
    }


def multi_step_json(run: ResultContext) -> dict[str, JSON]:
    """Return the details of a multistep check (schema MultiStepResultBrowser); its errors are objects."""
    return {"errors": [*_errors(run)], **_script_run(run)}


def playwright_json(run: ResultContext) -> dict[str, JSON]:
    """Return the details of a Playwright suite (schema CheckResultPlaywright); its errors name the test."""
    title = FAILED_TEST["testTitle"]
    traces: list[JSON] = [{"url": url, "name": title, "filename": "trace.zip"} for url in run.urls("trace")]
    return {
        "errors": [{**FAILED_TEST, **error} for error in _errors(run)],
        "playwrightTraceFiles": traces,
        "playwrightTestVideos": run.urls("video"),
        **_playwright_files(run),
    }


def _errors(run: ResultContext) -> list[dict[str, JSON]]:
    if run.message is None:
        return []
    place: dict[str, JSON] = {"file": TEST_FILE, "line": TEST_LINE, "column": 3}
    stack = f"{run.message}\n    at {TEST_FILE}:{TEST_LINE}:3"
    return [{"name": "Error", "message": run.message, "stack": stack, "location": place}]


def _script_run(run: ResultContext) -> dict[str, JSON]:
    return {
        "startTime": round(run.started_at * 1000),
        "endTime": round(run.stopped_at * 1000),
        "runtimeVersion": RUNTIME,
        **_playwright_files(run),
    }


def _playwright_files(run: ResultContext) -> dict[str, JSON]:
    return {
        "jobLog": run.log(),
        "jobAssets": run.urls("screenshot"),
        "playwrightTestTraces": run.urls("trace"),
        "playwrightTestJsonReportFile": run.urls("report")[0],
    }


def _page(run: ResultContext) -> dict[str, JSON]:
    slow = run.outcome == "degraded"
    vitals: dict[str, JSON] = {
        "LCP": {"score": "POOR" if slow else "GOOD", "value": 4800 if slow else 900},
        "CLS": {"score": "GOOD", "value": 0.01},
    }
    return {"url": run.url, "webVitals": vitals}


def agentic_json(run: ResultContext) -> dict[str, JSON]:
    """Return the details of an agentic check (schema CheckResultAgentic): prompt, steps, judgement."""
    errors: list[JSON] = [{"error": {"message": run.message}}] if run.message else []
    return {
        "summary": run.message or "The order was placed and confirmed.",
        "prompt": PROMPT,
        "assertions": [] if run.timed_out else [_agentic_assertion(passed=not run.failed)],
        "suggestions": [],
        "steps": _steps(run),
        "errors": errors,
        "artifactManifest": {"failed.png": "The page at the end"} if errors else None,
    }


def _agentic_assertion(*, passed: bool) -> dict[str, JSON]:
    wanted = "an order confirmation"
    seen = wanted if passed else "a form with a spinner that never ends"
    return {"condition": "The order is confirmed", "passed": passed, "expected": wanted, "actual": seen}


def _steps(run: ResultContext) -> list[JSON]:
    at = timestamp(run.started_at)
    call: dict[str, JSON] = {"type": "tool_call", "name": "browser.open", "input": {"url": run.url}}
    result: dict[str, JSON] = {"type": "tool_result", "name": "browser.open", "output": "200 OK"}
    return [
        {**step, "timestamp": at, "sequenceNumber": number} for number, step in enumerate((call, result), 1)
    ]


def traceroute_json(run: ResultContext) -> dict[str, JSON]:
    """Return the details of a traceroute (schema CheckResultTraceroute); a failed one ran out of hops."""
    reached = run.message is None
    hops = 9 if reached else 30
    latency: JSON = {"avg_ms": 12.4, "best_ms": 11.9, "worst_ms": 13.3} if reached else None
    ends: dict[str, JSON] = {"totalHops": hops, "destinationReached": reached, "finalHopLatency": latency}
    response: dict[str, JSON] = {
        "hostname": HOST,
        "resolvedIp": ADDRESS,
        **ends,
        "hops": [{"hop_number": number, "main_ip": f"198.51.100.{number}"} for number in range(1, hops + 1)],
        "protocol": "ICMP",
        "probeProtocol": "ICMP",
        **({} if reached else {"truncationReason": "MAX_HOPS_REACHED"}),
    }
    return {
        **ends,
        "timingPhases": {"dns": 3.1},
        "requestError": run.message if run.timed_out else None,
        "request": {"hostname": HOST, "maxHops": 30},
        "assertions": _assertions(run, "HOP_COUNT", "LESS_THAN", "20", hops),
        "response": response,
    }


def grpc_json(run: ResultContext) -> dict[str, JSON]:
    """Return the details of a gRPC call (schema CheckResultGrpc); a failed one could not connect."""
    good = run.message is None
    code = 0 if good else 14  # UNAVAILABLE
    timings: JSON = {"dns": 2.0, "connect": 8.0, "total": run.milliseconds}
    health: dict[str, JSON] = {"grpcStatusCode": code, "healthStatus": 1 if good else None}
    target: dict[str, JSON] = {"host": HOST, "port": 50051, "grpcMode": "HEALTH"}
    return {
        **health,
        "timingPhases": timings,
        "requestError": run.message,
        "request": {**target},
        "assertions": [assertion("GRPC_STATUS_CODE", "EQUALS", "0", code)] if good else [],
        "response": {
            **target,
            "resolvedIp": ADDRESS,
            "grpcMethod": "grpc.health.v1.Health/Check",
            "responseMessage": "",
            "grpcStatusMessage": "OK" if good else "UNAVAILABLE",
            "healthStatusLabel": "SERVING" if good else "NOT_SERVING",
            "metadata": [],
            "discoveredMethods": None,
            "requestError": run.message,
            "timingPhases": timings,
            **health,
        },
    }


def ssl_json(run: ResultContext) -> dict[str, JSON]:
    """Return the details of a TLS handshake (schema CheckResultSsl); it fails on an expired certificate."""
    good = run.message is None
    days = 61 if good else -3
    shared: dict[str, JSON] = {
        "cipherSuite": "TLS_AES_256_GCM_SHA384",
        "daysUntilExpiry": days,
        "handshakeTimeMs": run.milliseconds,
        "chainTrusted": good,
        "hostnameVerified": True,
    }
    return {
        "tlsVersion": "TLS1.3",
        **shared,
        "baselineVerdict": "pass" if good else "fail",
        "baselineGrade": "A" if good else "F",
        "failureCategory": "CERT_EXPIRED" if run.failed else None,
        "requestError": run.message if run.timed_out else None,
        "request": {"hostname": HOST, "port": 443},
        "assertions": _assertions(run, "CERT_EXPIRES_IN_DAYS", "GREATER_THAN", "14", days),
        "response": {**shared, **_certificate(run), "resolvedIp": ADDRESS, "protocol": "TLS1.3"},
    }


def _certificate(run: ResultContext) -> dict[str, JSON]:
    return {
        "ocspStapled": False,
        "securityBaseline": None,
        "certificate": {"subjectCN": HOST, "issuerCN": "Example CA R3", "keyAlgorithm": "ECDSA"},
        "chain": [],
        **({"chainTrustDetail": run.message} if run.failed else {}),
    }


def _assertions(run: ResultContext, source: str, comparison: str, target: str, actual: JSON) -> list[JSON]:
    """Return the one assertion of a probe; one that timed out came to none."""
    if run.timed_out:
        return []
    words = comparison.lower().replace("_", " ")
    error = f"expected {actual} to be {words} {target}" if run.failed else None
    return [assertion(source, comparison, target, actual, error=error)]
