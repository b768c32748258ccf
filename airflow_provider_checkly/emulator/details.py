"""What a result says in detail: one shape per kind of check, under the key that Checkly has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.emulator.agentic_details import agentic_json
from airflow_provider_checkly.emulator.api_details import api_json
from airflow_provider_checkly.emulator.browser_details import browser_json, multi_step_json, playwright_json
from airflow_provider_checkly.emulator.evidence import Evidence
from airflow_provider_checkly.emulator.probe_details import grpc_json, ssl_json, traceroute_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_checkly.emulator.checks import JSON, Check, CheckType
    from airflow_provider_checkly.emulator.failures import Scope
    from airflow_provider_checkly.emulator.sessions import Result

# Checkly's document has no details of DNS, ICMP, TCP and URL monitors: what failed stands in the error group.
KINDS: Final[dict[CheckType, tuple[str, Callable[[Evidence], dict[str, JSON]]]]] = {
    "API": ("apiCheckResult", api_json),
    "BROWSER": ("browserCheckResult", browser_json),
    "MULTI_STEP": ("multiStepCheckResult", multi_step_json),
    "PLAYWRIGHT": ("playwrightCheckResult", playwright_json),
    "AGENTIC": ("agenticCheckResult", agentic_json),
    "TRACEROUTE": ("tracerouteCheckResult", traceroute_json),
    "GRPC": ("grpcCheckResult", grpc_json),
    "SSL": ("sslCheckResult", ssl_json),
}
# Test sessions have fewer keys than check results.
ONLY_OF_CHECKS: Final = frozenset({"TRACEROUTE", "GRPC", "SSL"})


def details_json(scope: Scope, check: Check, result: Result, assets_url: str) -> dict[str, JSON]:
    """Give all keys of details, null but for the one of this kind of check."""
    known = {kind: key for kind, (key, _) in KINDS.items() if scope == "check" or kind not in ONLY_OF_CHECKS}
    shown: dict[str, JSON] = dict.fromkeys(known.values())
    ended = result.type != "PENDING" and result.outcome != "cancelled"
    if ended and check.checkType in known:
        key, details = KINDS[check.checkType]
        shown[key] = details(Evidence(check, result, assets_url))
    return shown
