"""What a task says after every end: in XCom `gate`, in both reports and in its exception."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from airflow.exceptions import AirflowException
from airflow.providers.common.compat.sdk import AirflowSkipException, TaskDeferred
from airflow_runner import TaskInstance, context, run, run_checks

from airflow_provider_checkly.emulator.default_checks import DEGRADED, FAILS, NEVER_ENDS, PASSES
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyUnreadable,
    ChecksFailed,
    ChecksNotRun,
    ChecksTimedOut,
    InvalidInput,
    NoMatchingChecks,
)
from airflow_provider_checkly.gate import Gate

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator

UNKNOWN = "dddddddd-0000-4000-8000-000000000001"
MALFORMED = {"path": "completion", "status": 200, "body": {"status": "NEW"}, "times": None}
REFUSED = {"path": "completion", "status": 401, "times": None}
REFUSED["body"] = {"statusCode": 401, "error": "Unauthorized", "message": "No."}

End = tuple[dict[str, Any], dict[str, Any], type[BaseException] | None, str]
ENDS: dict[str, End] = {
    "passed": ({"check_ids": PASSES}, {}, None, "Homepage API passed."),
    "degraded": ({"check_ids": DEGRADED}, {}, None, "Product images passed (DEGRADED)."),
    "tolerated": (
        {"check_ids": [PASSES, FAILS], "gate": Gate(max_failed=1)},
        {},
        None,
        "1 of 2 checks passed; the gate tolerates the others: Checkout API FAILED.",
    ),
    "failed": (
        {"check_ids": [PASSES, FAILS]},
        {},
        ChecksFailed,
        "1 of 2 checks did not pass: Checkout API FAILED.",
    ),
    "failed, without details": (
        {"check_ids": [PASSES, FAILS], "explain": False},
        {},
        ChecksFailed,
        "1 of 2 checks did not pass: Checkout API FAILED.",
    ),
    "failed, may be retried": (
        {"check_ids": FAILS, "retry_failed": True},
        {},
        ChecksFailed,
        "1 of 1 check did not pass: Checkout API FAILED.",
    ),
    "failed, skipped": (
        {"check_ids": FAILS, "soft_fail": True},
        {},
        AirflowSkipException,
        "1 of 1 check did not pass: Checkout API FAILED.",
    ),
    "timed out": (
        {"check_ids": NEVER_ENDS, "timeout": 1},
        {},
        ChecksTimedOut,
        "1 of 1 session had not ended at the deadline",
    ),
    "timed out, skipped": (
        {"check_ids": NEVER_ENDS, "timeout": 1, "soft_fail": True},
        {},
        AirflowSkipException,
        "1 of 1 session had not ended at the deadline",
    ),
    "no match": (
        {"check_ids": UNKNOWN},
        {},
        NoMatchingChecks,
        f"No requested check ran: {UNKNOWN} does not exist in this account.",
    ),
    "no match, skipped": (
        {"tags": "no-such-tag", "on_no_match": "skip"},
        {},
        AirflowSkipException,
        "No active check has the tags 'no-such-tag'.",
    ),
    "not run": (
        {"check_ids": [PASSES, UNKNOWN]},
        {},
        ChecksNotRun,
        "Checkly did not run 1 of the requested checks",
    ),
    "not run, with soft_fail": (
        {"check_ids": [PASSES, UNKNOWN], "soft_fail": True},
        {},
        ChecksNotRun,
        "Checkly did not run 1 of the requested checks",
    ),
    "an error of the API": (
        {"check_ids": PASSES},
        REFUSED,
        ChecklyAuthError,
        "GET /v2/check-sessions",
    ),
    "an error of the API, with soft_fail": (
        {"check_ids": PASSES, "soft_fail": True},
        REFUSED,
        ChecklyAuthError,
        "GET /v2/check-sessions",
    ),
    "a malformed response": (
        {"check_ids": PASSES},
        MALFORMED,
        ChecklyUnreadable,
        "GET /v2/check-sessions",
    ),
    "an empty template": ({"check_ids": ""}, {}, InvalidInput, "check_ids contains an empty value"),
    "an unknown connection": (
        {"check_ids": PASSES, "checkly_conn_id": "no_such_connection"},
        {},
        AirflowException,
        "The conn_id `no_such_connection` isn't defined",
    ),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_the_message_of_every_end(end: End, checkly: Emulator) -> None:
    """The gate, the reports and the exception say the same."""
    arguments, fault, error, message = end
    if fault:
        checkly.fail(method="GET", **fault)
    ti = TaskInstance()
    if error is None:
        run(run_checks(**arguments), context(ti))
    else:
        with pytest.raises(error, match=re.escape(message)):
            run(run_checks(**arguments), context(ti))
    assert ti.xcom["gate"]["message"].startswith(message)
    assert ti.xcom["report"].replace("\\", "").startswith(message)
    assert ti.xcom["report_slack"].startswith(message.replace("`", "'")), "Slack has no escape for it"


@pytest.mark.usefixtures("checkly", "_defers_at_once")
def test_no_report_before_the_gate_is_evaluated() -> None:
    ti = TaskInstance()
    with pytest.raises(TaskDeferred):
        run_checks(check_ids=NEVER_ENDS, deferrable=True).execute(context(ti))
    assert ti.xcom["check_session_ids"]
    assert not {"gate", "report", "report_slack"} & set(ti.xcom)
