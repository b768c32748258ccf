"""Tasks that leave what a gate leaves in XCom, one for each thing that the tab has to show."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSkipException, task
from airflow.providers.standard.operators.empty import EmptyOperator

LINK = "https://app.checklyhq.com/accounts/a/check-sessions/"
PLACES = {"eu-central-1": 1.0, "us-east-1": 1.3, "ap-southeast-2": 1.9}
WAITING = Path(__file__).with_name("waiting")
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
LONG = "Checkout " * 23
RIGHT_TO_LEFT = "\u202eتسجيل الدخول \u202e"
BAD_LINK = "javascript:document.title='owned'"


def check(name: str, status: str = "PASSED", ms: float = 400, **fields: Any) -> dict[str, Any]:
    """Return a check as XCom `gate` holds it."""
    locations = [
        {
            "location": place,
            "status": status,
            "response_time_ms": round(ms * by),
            "link": f"{LINK}{name}/{place}",
        }
        for place, by in PLACES.items()
    ]
    return {
        "check_id": f"id of {name}",
        "name": name,
        "type": "API",
        "status": status,
        "severity": "passed" if status in {"PASSED", "DEGRADED"} else "failing",
        "reasons": [],
        "response_time_ms": round(ms * 1.9),
        "session_id": f"session of {name}",
        "link": f"{LINK}{name}",
        "locations": locations,
        **fields,
    }


def gate(outcome: str, message: str, checks: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Return XCom `gate`."""
    bad = sum(each.get("severity") == "failing" for each in checks)
    required, actual = "no check FAILED, TIMED_OUT or CANCELLED", f"{bad or 'none'} of {len(checks)} checks"
    return {
        "version": 1,
        "outcome": outcome,
        "passed": outcome == "passed",
        "message": message,
        "rules": [
            {"rule": "status", "required": required, "actual": actual, "met": not bad},
            {
                "rule": "response time",
                "required": "at most 2000 ms in each location",
                "actual": "slowest 1900 ms",
                "met": True,
            },
        ],
        "checks": checks,
        "omitted": 0,
        **fields,
    }


GOOD = [check("Home page", ms=310), check("Log in", ms=640), check("Search", "DEGRADED", 990)]
BROKEN = check(
    "Payment provider answers",
    "FAILED",
    840,
    reasons=[
        "eu-central-1: assertion STATUS_CODE EQUALS 200, was 503",
        "us-east-1: assertion STATUS_CODE EQUALS 200, was 503",
        "ap-southeast-2: answer 503 Service Unavailable from GET https://shop.example.com/pay",
    ],
)
UNEXPLAINED = BROKEN | {"reasons": []}
REPORT = """1 of 4 checks did not pass: Payment provider answers FAILED.

**Payment provider answers FAILED in eu-central-1 (840 ms)**
- assertion: `STATUS_CODE: EQUALS 200, was 503`
- answer: `503 Service Unavailable from GET https://shop.example.com/pay`
- [pcap](https://api.checklyhq.com/x) · [result](https://app.checklyhq.com/y)

**Payment provider answers FAILED in us-east-1 (1092 ms)**
- assertion: `STATUS_CODE: EQUALS 200, was 503`
"""
ONE_FAILED = "1 of 4 checks did not pass: Payment provider answers FAILED."
CASES: dict[str, dict[str, Any]] = {
    "passed": {"gate": gate("passed", "All 3 checks passed.", GOOD), "report": "All 3 checks passed."},
    "failed": {"gate": gate("failed", ONE_FAILED, [*GOOD, BROKEN]), "report": REPORT},
    "failed_unexplained": {
        "gate": gate("failed", ONE_FAILED, [*GOOD, UNEXPLAINED]),
        "report": REPORT,
    },
    "timed_out": {
        "gate": gate(
            "timed_out",
            "After 3600 s, 1 of 2 checks has not ended: Nightly suite. Cancelled at Checkly.",
            [
                check("Home page"),
                check(
                    "Nightly suite",
                    "PROGRESS",
                    reasons=["has not ended"],
                    response_time_ms=None,
                    locations=[],
                ),
            ],
        )
    },
    "error": {
        "gate": gate(
            "error",
            "Checkly refused the API key of connection checkly_default (401). Put a new key there.",
            [],
            rules=[],
        )
    },
    "skipped": {
        "gate": gate("skipped", "1 of 4 checks did not pass; soft_fail skips the task.", [*GOOD, UNEXPLAINED])
    },
    "cut": {
        "gate": gate(
            "failed",
            "3 of 400 checks did not pass: Check 0, Check 1, Check 2.",
            [
                check(
                    f"Check {n}",
                    *(["FAILED", 2300] if n < 3 else []),
                    reasons=["above 2000 ms"] if n < 3 else [],
                )
                for n in range(30)
            ],
            omitted=370,
        )
    },
    "tolerated": {
        "gate": gate(
            "passed",
            "2 of 4 checks passed; 1 tolerated, 1 only warns.",
            [
                *GOOD[:2],
                check(
                    "Newsletter",
                    "FAILED",
                    severity="tolerated",
                ),
                check(
                    "Banner",
                    "TIMED_OUT",
                    severity="warning",
                ),
            ],
        )
    },
    "hostile": {
        "gate": gate(
            "failed",
            HOSTILE,
            [
                check(HOSTILE, "FAILED", reasons=[HOSTILE, HOSTILE, {"__proto__": 1}], link=BAD_LINK),
                check(LONG, "FAILED", reasons=[LONG.replace(" ", "")], type=HOSTILE),
                check(
                    RIGHT_TO_LEFT, "FAILED", locations="none", response_time_ms="<b>1</b>", reasons={"a": 1}
                ),
                {"name": None, "severity": "harmless", "locations": [None, {"link": BAD_LINK}], "status": {}},
                {"name": "__proto__", "constructor": {"prototype": {"x": 1}}, "link": "//example.com/x"},
                {"name": [[["nested"]]], "response_time_ms": 1e300, "link": "https://user:pw@example.com/"},
                {
                    "name": "NUL \u0000 and \u2067right to left\u202e",
                    "status": "\u202eFAILED",
                    "reasons": [[[]]],
                },
            ],
            rules=[{"rule": HOSTILE, "required": "at most 2e999 ms", "actual": None, "met": "no"}],
        ),
        "report": f"{HOSTILE} [click]({BAD_LINK}) **{HOSTILE}** `{HOSTILE}`",
        "checkly_link": BAD_LINK,
    },
    "hostile_sessions": {
        "check_session_ids": ["", "javascript:document.title='owned'//", {"toString": 1}, [["x"]], None],
        "checkly_link": "https://app.checklyhq.com/",
    },
    "foreign": {"gate": "open"},
    "nothing": {},
}
SESSIONS = ["8a7c1f2e-0000-4000-8000-000000000001", "8a7c1f2e-0000-4000-8000-000000000002"]


def push(ti: Any, values: dict[str, Any]) -> None:
    """Leave values in XCom."""
    for key, value in values.items():
        ti.xcom_push(key=key, value=value)


def started(ti: Any) -> None:
    """Leave what a gate leaves as soon as its sessions are started."""
    push(ti, {"check_session_ids": SESSIONS, "checkly_link": LINK + SESSIONS[0]})


@task
def leave(case: str, *, ti: Any = None) -> None:
    """Leave a case in XCom, and end as a gate would."""
    started(ti) if case not in {"nothing", "foreign", "error", "hostile_sessions"} else None
    push(ti, CASES[case])
    outcome = CASES[case]["gate"]["outcome"] if isinstance(CASES[case].get("gate"), dict) else "passed"
    if outcome == "skipped":
        raise AirflowSkipException
    if outcome != "passed":
        raise AirflowFailException(outcome)


@task
def wait(*, ti: Any = None) -> None:
    """Wait for sessions, and pass when the test says so."""
    started(ti)
    while WAITING.exists():
        time.sleep(0.2)
    push(ti, CASES["passed"])


@task(retries=1, retry_delay=timedelta(hours=1))
def retry(*, ti: Any = None) -> None:
    """Fail a first time."""
    started(ti)
    push(ti, CASES["failed"])
    raise RuntimeError(ONE_FAILED)


with DAG("gates", schedule=None, tags=["checkly"]):
    for name in CASES:
        leave.override(task_id=name)(name)
    leave.override(task_id="mapped").expand(case=["passed", "failed"])
    wait.override(task_id="running")()
    retry.override(task_id="retried")()

with DAG("history", schedule=None, tags=["checkly"]):
    EmptyOperator(task_id="gate")
    EmptyOperator(task_id="other")
