"""What a result says about its failure: pure functions on documents as the OpenAPI document has them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_checkly import details, report
from airflow_provider_checkly.failure_report import Reason

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
            ("answer", "503 Service Unavailable from GET https://shop.example.com:8443/cart"),
            ("timings", "wait 0.5 ms, dns 3 ms, total 80 ms"),
        ],
        [PCAP],
    ),
    "API without an answer": (
        {"apiCheckResult": {"requestError": "getaddrinfo ENOTFOUND\x00", "response": {"status": 0}}},
        [("error", "getaddrinfo ENOTFOUND")],
        [],
    ),
    "an address that is none": (
        {"apiCheckResult": {"request": {"url": "http://[x"}, "response": {"status": 500}}},
        [("answer", "500")],
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
        [("error", "14 UNAVAILABLE"), ("answer", "gRPC status 14")],
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


@pytest.mark.parametrize(("document", "facts", "links"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_every_type_of_check(document: dict[str, Any], facts: list[Any], links: list[Any]) -> None:
    assert details.facts(document) == facts
    assert details.links(document) == links


def test_no_header_body_or_query_is_shown() -> None:
    shown = Reason("a", "FAILED", "eu", facts=details.facts({"apiCheckResult": API}))
    assert "secret" not in "\n".join(shown.lines()) + shown.markdown()


def test_long_texts_are_cut() -> None:
    ((_, error),) = details.facts({"browserCheckResult": {"errors": ["\n".join(["x" * 999] * 99)]}})
    assert [len(line) for line in error.splitlines()] == [240] * 6


def test_assets() -> None:
    kinds = ("log", "screenshot", "trace", "video", "pcap", "report", "file")
    manifest: Any = {"assets": [{"type": kind, "url": f"{S3}/{kind}"} for kind in kinds] + [None, 7]}
    assert [kind for kind, _ in details.links(manifest)] == ["video", "trace", "screenshot", "pcap"]


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


@given(odd_documents, st.text(max_size=30), st.dictionaries(st.just("assets"), json_values | st.lists(inner)))
def test_no_document_breaks_the_report(document: Any, name: str, manifest: Any) -> None:
    """Pitfall 42: what Checkly says about a failure never masks it."""
    found = [*details.links(document), ("result", f"{S3}/r")]
    shown = Reason(name, "FAILED", "eu", facts=details.facts(document), links=found)
    assert len(report.lines([shown] * 9)) <= report.LINES_PER_CHECK
    assert len(report.markdown("x" * 9999, [shown] * 99)) <= report.LONGEST_REPORT
    assert all("\n" not in line for line in shown.lines())
    json.dumps(details.links(manifest))


# Reports


def test_lines() -> None:
    reason = Reason(
        "Checkout",
        "FAILED",
        "eu-central-1",
        80,
        [
            ("timings", "dns 1 ms"),
            ("root cause", "[BUG] It is broken."),
            ("answer", "GET x: 500"),
            ("assertion", "A: EQUALS 1, was 2"),
            ("error", "one\ntwo"),
            ("gate", "80 ms in eu-central-1 is above 50 ms"),
        ],
        [("video", f"{S3}/v"), ("result", f"{S3}/r")],
    )
    assert report.lines([reason]) == [
        "Checkout FAILED in eu-central-1 (80 ms):",
        "  gate: 80 ms in eu-central-1 is above 50 ms",
        "  error: one",
        "    two",
        "  assertion: A: EQUALS 1, was 2",
        "  answer: GET x: 500",
        "  timings: dns 1 ms",
        "  root cause: [BUG] It is broken.",
        f"  video: {S3}/v",
        f"  result: {S3}/r",
    ]
    assert report.markdown("1 of 1", [reason]) == (
        "1 of 1\n\n**Checkout FAILED in eu-central-1 (80 ms)**\n"
        "- gate: `80 ms in eu-central-1 is above 50 ms`\n- error: `one two`\n"
        "- assertion: `A: EQUALS 1, was 2`\n- answer: `GET x: 500`\n- timings: `dns 1 ms`\n"
        f"- root cause: `[BUG] It is broken.`\n- [video]({S3}/v) · [result]({S3}/r)"
    )
    assert report.markdown("x", []) == "x"
    assert Reason("*a*", "FAILED", "eu").markdown() == "**\\*a\\* FAILED in eu**"


@pytest.mark.parametrize("link", ["", f"{S3}/r"])
def test_a_screenful_per_check(link: str) -> None:
    links = [("result", link)] if link else []
    many = [Reason("a", "FAILED", f"l{n}", None, [("error", "x\ny\nz")], links) for n in range(9)]
    found = report.lines([*many, Reason("b", "FAILED", "eu")])
    assert len(found) == report.LINES_PER_CHECK + 1
    assert "more lines" in found[-3]
    assert found[-2] == (f"  result: {link}" if link else "  See Checkly for the rest.")


def test_a_report_for_a_chat_says_what_it_leaves_out() -> None:
    many = [Reason(f"Check {n}", "FAILED", "eu", facts=[("error", "x" * 200)] * 3) for n in range(20)]
    text = report.markdown("h" * 5000, many)
    assert len(text) <= 3500
    assert text.count("**Check") == 3
    assert text.endswith("\n\nand 17 more")
