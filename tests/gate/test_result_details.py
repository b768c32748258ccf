"""What a result says about its failure, in documents as Checkly's OpenAPI description has them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_documents import is_clean

from airflow_provider_checkly.gate.result_details import failure_details, links, milliseconds, response_time

RED = "\x1b[31m"
S3 = "https://files.example.com"

API: dict[str, Any] = {
    "assertions": [
        {
            "source": "STATUS_CODE",
            "property": "",
            "comparison": "EQUALS",
            "target": "200",
            "actual": 503,
            "error": "x",
        },
        {
            "source": "JSON_BODY",
            "property": "$.ok",
            "comparison": "EQUALS",
            "target": "true",
            "error": "no such path",
        },
        {"source": "RESPONSE_TIME", "comparison": "LESS_THAN", "target": "1000", "actual": 80, "error": None},
    ],
    "request": {
        "method": "GET",
        "url": "https://user:secret@shop.example.com:8443/cart?token=secret#x",
        "headers": {"authorization": "Bearer secret"},
        "data": "secret",
    },
    "response": {
        "status": 503,
        "statusText": "Service Unavailable",
        "body": "secret",
        "headers": {"set-cookie": "secret"},
        "timingPhases": {"wait": 0.5, "dns": 3, "total": 80, "odd": None, "no": True},
    },
    "requestError": None,
    "pcapDataUrl": f"{S3}/a.pcap",
}
PLAYWRIGHT: dict[str, Any] = {
    "errors": [
        {
            "message": f"Error: {RED}expect(page){RED} failed\n\nExpected: 1\nReceived: 2",
            "testTitle": "a guest can check out",
            "testFile": "tests/checkout.spec.ts",
            "location": {"file": "tests/checkout.spec.ts", "line": 14, "column": 3},
        },
        {"message": "Second", "testFile": "a.ts"},
        {"message": "Second", "testFile": "a.ts"},
        "Third",
        "Fourth",
    ],
    "playwrightTraceFiles": [{"url": f"{S3}/t.zip", "name": "t"}, {"url": "javascript:alert(1)"}],
    "playwrightTestVideos": [f"{S3}/1.webm", f"{S3}/2.webm", f"{S3}/3.webm"],
    "jobAssets": [f"{S3}/failed.png", 7],
}

TRACE, PCAP = ("trace", f"{S3}/t.zip"), ("pcap", f"{S3}/a.pcap")
DOCUMENTS: dict[str, tuple[dict[str, Any], list[tuple[str, str]], list[tuple[str, str]]]] = {
    "API": (
        {"apiCheckResult": API, "browserCheckResult": None},
        [
            ("assertion", "STATUS_CODE: EQUALS 200, was 503"),
            ("assertion", "JSON_BODY $.ok: EQUALS true, no such path"),
            ("response", "503 Service Unavailable from GET https://shop.example.com:8443/cart"),
            ("timings", "wait 0.5 ms, dns 3 ms, total 80 ms"),
        ],
        [PCAP],
    ),
    "API without a response": (
        {"apiCheckResult": {"requestError": "getaddrinfo ENOTFOUND\x00", "response": {"status": 0}}},
        [("error", "getaddrinfo ENOTFOUND")],
        [],
    ),
    "a URL that is not valid": (
        {"apiCheckResult": {"request": {"url": "http://[x"}, "response": {"status": 500}}},
        [("response", "500")],
        [],
    ),
    "browser": (
        {"browserCheckResult": {"errors": [f"{RED}boom"], "playwrightTestTraces": [f"{S3}/t.zip"]}},
        [("error", "boom")],
        [TRACE],
    ),
    "Playwright": (
        {"playwrightCheckResult": PLAYWRIGHT},
        [
            (
                "error",
                (
                    "Error: expect(page) failed\nExpected: 1\nReceived: 2\n"
                    "at a guest can check out, tests/checkout.spec.ts:14"
                ),
            ),
            ("error", "Second\nat a.ts"),
            ("error", "Third"),
        ],
        [
            ("video", f"{S3}/1.webm"),
            ("video", f"{S3}/2.webm"),
            TRACE,
            ("screenshot", f"{S3}/failed.png"),
        ],
    ),
    "agentic": (
        {
            "agenticCheckResult": {
                "errors": [{"error": {"message": "never appeared"}}, {"error": "text"}],
                "assertions": [
                    {"condition": "Ordered", "passed": False, "expected": "a page", "actual": "a spinner"},
                    {"condition": "Open", "passed": True},
                ],
            }
        },
        [
            ("error", "never appeared"),
            ("error", "text"),
            ("assertion", "Ordered: expected a page, was a spinner"),
        ],
        [],
    ),
    "gRPC": (
        {"grpcCheckResult": {"grpcStatusCode": 14, "response": {"grpcStatusMessage": "14 UNAVAILABLE"}}},
        [("error", "14 UNAVAILABLE"), ("response", "gRPC status 14")],
        [],
    ),
    "SSL": (
        {
            "sslCheckResult": {
                "failureCategory": "CERT_EXPIRED",
                "response": {"chainTrustDetail": "certificate has expired"},
                "timingPhases": {"dns": 1},
            }
        },
        [("error", "CERT_EXPIRED"), ("error", "certificate has expired"), ("timings", "dns 1 ms")],
        [],
    ),
    "not scheduled": ({"scheduleError": "no such location"}, [("error", "no such location")], []),
    "nothing": ({}, [], []),
}


@pytest.mark.parametrize(("document", "details", "files"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_every_check_type(document: dict[str, Any], details: list[Any], files: list[Any]) -> None:
    assert failure_details(document) == details
    assert links(document) == files


def test_headers_bodies_and_queries_are_not_shown() -> None:
    assert "secret" not in repr(failure_details({"apiCheckResult": API}))


def test_long_texts_are_cut() -> None:
    ((_, error),) = failure_details({"browserCheckResult": {"errors": ["\n".join(["x" * 999] * 99)]}})
    assert [len(line) for line in error.splitlines()] == [240] * 6


def test_assets() -> None:
    kinds = ("log", "screenshot", "trace", "video", "pcap", "report", "file")
    manifest: Any = {"assets": [{"type": kind, "url": f"{S3}/{kind}"} for kind in kinds] + [None, 7]}
    assert [kind for kind, _ in links(manifest)] == ["video", "trace", "screenshot", "pcap"]


def test_milliseconds() -> None:
    assert [milliseconds(value) for value in (0, 80, 80.0, 0.5, 1234567)] == [
        "0 ms",
        "80 ms",
        "80 ms",
        "0.5 ms",
        "1234567 ms",
    ]
    odd: list[Any] = [0, 1.5, -1, True, "1", None, 10**400, float("nan"), float("inf")]
    assert [response_time({"responseTime": each}) for each in odd] == [0, 1.5, *[None] * 7]


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
PARTS = (
    "errors",
    "assertions",
    "request",
    "response",
    "requestError",
    "timingPhases",
    "jobAssets",
    "grpcStatusCode",
)
FIELDS = (
    "message",
    "error",
    "location",
    "source",
    "actual",
    "target",
    "passed",
    "url",
    "status",
    "timingPhases",
)
inner = st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6)
odd_details = st.dictionaries(
    st.sampled_from(PARTS), json_values | inner | st.lists(inner, max_size=3), max_size=8
)
odd_documents = st.dictionaries(
    st.sampled_from(["apiCheckResult", "sslCheckResult", "scheduleError"]),
    json_values | odd_details,
    max_size=3,
)


@given(odd_documents, st.dictionaries(st.just("assets"), json_values | st.lists(inner)))
def test_any_document_can_be_read(document: Any, manifest: Any) -> None:
    """An error in the details must not mask the failure."""
    for kind, text in [*failure_details(document), *links(document), *links(manifest)]:
        assert kind
        assert all(is_clean(line) for line in text.split("\n"))
        assert json.loads(json.dumps(text)) == text
