"""What the results of checks with Playwright say: browser checks, multistep checks, Playwright suites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.emulator.evidence import RUNTIME

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON
    from airflow_provider_checkly.emulator.evidence import Evidence

TEST_FILE: Final = "tests/checkout.spec.ts"
TEST_TITLE: Final = "a guest can check out"
SUITE: Final = ("Checkout",)
PROJECT: Final = "chromium"
LINE: Final = 14


def browser_json(evidence: Evidence) -> dict[str, JSON]:
    """Show a browser check (schema CheckResultBrowser); its errors are plain texts."""
    wrong = int(evidence.message is not None)
    return {
        "type": "PLAYWRIGHT",
        "traceSummary": {
            "consoleErrors": 0,
            "networkErrors": wrong,
            "documentErrors": 0,
            "userScriptErrors": wrong,
        },
        "pages": [_page(evidence)],
        "errors": [evidence.message] if evidence.message else [],
        "playwrightTestVideos": evidence.urls("video"),
        **_run(evidence),
    }


def multi_step_json(evidence: Evidence) -> dict[str, JSON]:
    """Show a multistep check (schema MultiStepResultBrowser); its errors are objects."""
    return {"errors": _errors(evidence), **_run(evidence)}


def playwright_json(evidence: Evidence) -> dict[str, JSON]:
    """Show a Playwright suite (schema CheckResultPlaywright); its errors name the test."""
    test: dict[str, JSON] = {"projectName": PROJECT, "testFile": TEST_FILE, "testTitle": TEST_TITLE}
    traces = evidence.urls("trace")
    names: list[JSON] = [{"url": url, "name": TEST_TITLE, "filename": "trace.zip"} for url in traces]
    errors: list[JSON] = [
        {**test, "suitePath": list(SUITE), **error} for error in _errors_as_objects(evidence)
    ]
    return {
        "errors": errors,
        "playwrightTraceFiles": names,
        "playwrightTestVideos": evidence.urls("video"),
        **_files(evidence),
    }


def _errors(evidence: Evidence) -> list[JSON]:
    return list(_errors_as_objects(evidence))


def _errors_as_objects(evidence: Evidence) -> list[dict[str, JSON]]:
    message = evidence.message
    if message is None:
        return []
    place: dict[str, JSON] = {"file": TEST_FILE, "line": LINE, "column": 3}
    stack = f"{message}\n    at {TEST_FILE}:{LINE}:3"
    return [{"name": "Error", "message": message, "stack": stack, "location": place}]


def _run(evidence: Evidence) -> dict[str, JSON]:
    return {
        "startTime": round(evidence.result.started_at * 1000),
        "endTime": round(evidence.result.stopped_at * 1000),
        "runtimeVersion": RUNTIME,
        **_files(evidence),
    }


def _files(evidence: Evidence) -> dict[str, JSON]:
    return {
        "jobLog": evidence.log(),
        "jobAssets": evidence.urls("screenshot"),
        "playwrightTestTraces": evidence.urls("trace"),
        "playwrightTestJsonReportFile": evidence.urls("report")[0],
    }


def _page(evidence: Evidence) -> dict[str, JSON]:
    slow = evidence.result.outcome == "degraded"
    vitals: dict[str, JSON] = {
        "LCP": {"score": "POOR" if slow else "GOOD", "value": 4800 if slow else 900},
        "CLS": {"score": "GOOD", "value": 0.01},
    }
    return {"url": evidence.url, "webVitals": vitals}
