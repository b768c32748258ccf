"""Sessions as JUnit XML."""

from __future__ import annotations

import sys
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from airflow_provider_checkly.junit import junit_xml


def final(**fields: Any) -> Any:
    return {"resultType": "FINAL", "runLocation": "eu", "responseTime": 1500, **fields}


def check(name: str, status: str, *results: Any) -> Any:
    return {"checkSessionId": name, "checkId": name, "name": name, "status": status, "results": list(results)}


SESSIONS: list[Any] = [
    check("a", "PASSED", final()),
    check("b", "FAILED", final(hasFailures=True), final(runLocation="us", responseTime=None)),
    check("c", "TIMED_OUT", final(hasErrors=True)),
    check("d", "CANCELLED", final(isCancelled=True)),
    check("e", "DEGRADED", final(isDegraded=True)),
    check("f", "FAILED"),
    check("g", "PASSED", final(hasErrors=True)),
    check("h\x00<&>", "PASSED", final()),
    check("i", "FAILED", final()),
    {
        "testSessionId": "t",
        "name": "t",
        "status": "FAILED",
        "results": [
            final(name="j", checkId="j", status="FAILED"),
            final(name="k", checkId="k", status="PASSED"),
            final(name="l", checkId="l", status="PASSED", hasFailures=True),
            final(name="m", checkId="m", status=["FAILED"]),
            final(name="n", checkId="n", status="RUNNING", resultType="PENDING"),
            None,
        ],
    },
    check("o", "PASSED", final(), None),
]


def test_one_case_per_check_and_location() -> None:
    pytest.importorskip("junitparser", reason="the extra junit")
    cases = ET.fromstring(junit_xml(SESSIONS)).findall(".//testcase")  # noqa: S314 - our own
    rows = [
        (case.get("classname"), case.get("name"), *(f"{each.tag} {each.get('type')}" for each in case))
        for case in cases
    ]
    assert rows == [
        ("a", "eu"),
        ("a result without a name", "all locations", "error UNKNOWN"),
        ("b", "eu", "failure FAILED"),
        ("b", "us"),
        ("c", "eu", "error TIMED_OUT"),
        ("d", "eu", "error CANCELLED"),
        ("e", "eu"),
        ("f", "all locations", "failure FAILED"),
        ("g", "eu", "failure FAILED"),
        ("h <&>", "eu"),
        ("i", "eu"),
        ("i", "all locations", "failure FAILED"),
        ("j", "eu", "failure FAILED"),
        ("k", "eu"),
        ("l", "eu", "failure FAILED"),
        ("m", "eu", "error ['FAILED']"),
        ("n", "all locations", "error PENDING"),
        ("o", "eu"),
    ]
    (suite,) = ET.fromstring(junit_xml(SESSIONS))  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("18", "6", "5")
    assert cases[0].get("time") == "1.5"


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "junitparser", None)
    with pytest.raises(ImportError):
        junit_xml(SESSIONS)
