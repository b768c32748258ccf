"""What the result of an API check says: request, response, timings, assertions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_checkly.emulator.evidence import assertion

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON
    from airflow_provider_checkly.emulator.evidence import Evidence


def api_json(evidence: Evidence) -> dict[str, JSON]:
    """Show it (schema CheckResultAPI); a request that timed out has no response and no assertion."""
    captures = evidence.urls("pcap")
    return {
        "assertions": [] if evidence.timed_out else _assertions(evidence),
        "request": {
            "method": "GET",
            "url": evidence.url,
            "data": "",
            "headers": {"user-agent": "Checkly/1.0 (https://www.checklyhq.com)"},
            "params": {},
        },
        "response": _no_response() if evidence.timed_out else _response(evidence),
        "requestError": evidence.message if evidence.timed_out else None,
        "jobLog": {"setup": [], "request": evidence.log(), "teardown": []},
        "jobAssets": None,
        "pcapDataUrl": captures[0] if captures else None,
    }


def _assertions(evidence: Evidence) -> list[JSON]:
    status = 503 if evidence.failed else 200
    error = "expected 503 to equal 200" if evidence.failed else None
    return [
        assertion("STATUS_CODE", "EQUALS", "200", status, error=error),
        assertion("RESPONSE_TIME", "LESS_THAN", "30000", evidence.milliseconds),
    ]


def _response(evidence: Evidence) -> dict[str, JSON]:
    body: JSON = {"error": "no healthy upstream"} if evidence.failed else {"status": "ok"}
    return {
        "status": 503 if evidence.failed else 200,
        "statusText": "Service Unavailable" if evidence.failed else "OK",
        "body": json.dumps(body),
        "headers": {"content-type": "application/json", "server": "envoy"},
        **_timings(evidence.milliseconds),
    }


def _timings(total: int) -> dict[str, JSON]:
    """Split the time a request took into its phases, in milliseconds."""
    wait, dns, tcp = (round(total * share, 1) for share in (0.01, 0.04, 0.1))
    first_byte = round(total * 0.8, 1)
    connected = wait + dns + tcp
    timings: dict[str, JSON] = {
        "socket": wait,
        "lookup": wait + dns,
        "connect": connected,
        "response": connected + first_byte,
        "end": total,
    }
    download = round(total - connected - first_byte, 1)
    phases: dict[str, JSON] = {"wait": wait, "dns": dns, "tcp": tcp, "firstByte": first_byte}
    return {"timings": timings, "timingPhases": {**phases, "download": download, "total": total}}


def _no_response() -> dict[str, JSON]:
    return {"status": 0, "statusText": "", "body": "", "headers": None, "timings": None, "timingPhases": None}
