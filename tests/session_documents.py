"""Sessions and results as Checkly returns them, and the result of a wait for them."""

from __future__ import annotations

from typing import Any

from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.polling import WaitResult
from airflow_provider_checkly.api.text import JOINERS

ID = "00000000-0000-4000-8000-{:012}".format


def final(**fields: Any) -> Any:
    """A final result of a check session."""
    return {"resultType": "FINAL", "runLocation": "eu-central-1", "responseTime": 100, **fields}


ATTEMPT = final(resultType="ATTEMPT", hasFailures=True, responseTime=9999)


def check(number: int, status: str, *results: Any, **fields: Any) -> Any:
    """A check session of API v2."""
    return {
        "checkSessionId": ID(number),
        "checkId": ID(1000 + number),
        "name": f"Check {number}",
        "checkType": "API",
        "checkSessionLink": f"https://app.checklyhq.com/check-sessions/{number}",
        "status": status,
        "results": list(results) or [final()],
        **fields,
    }


def result(number: int, status: str | None, **fields: Any) -> Any:
    """A final result of a test session."""
    own = {"testSessionResultId": ID(5000 + number), "checkId": ID(1000 + number), "name": f"Check {number}"}
    return final(**{**own, "status": status, **fields})


def suite(status: str, *results: Any, number: int = 1, **fields: Any) -> Any:
    """A test session."""
    return {
        "testSessionId": ID(number),
        "name": f"Suite {number}",
        "testSessionLink": f"https://app.checklyhq.com/test-sessions/{number}",
        "status": status,
        "results": list(results),
        **fields,
    }


def waited(*sessions: Any, unseen: int = 0, late: bool = False, **fields: Any) -> WaitResult:
    """The result of a wait for sessions.

    :param unseen: how many more sessions were never read.
    """
    more = [ID(900 + number) for number in range(unseen)]
    unfinished = [models.session_id(each) for each in sessions if not models.is_final(each)] + more
    ids = [models.session_id(each) for each in sessions] + more
    return WaitResult(tuple(dict.fromkeys(ids)), tuple(sessions), tuple(unfinished), late, **fields)


def is_clean(text: str) -> bool:
    """Whether a text is one printable line; joiners belong to emoji and to Persian words."""
    return all(mark.isprintable() or mark in JOINERS for mark in text)
