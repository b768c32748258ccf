"""Why a check failed, in the words that Checkly's runners would use; the same check always fails alike."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import Check, CheckType
    from airflow_provider_checkly.emulator.sessions import Result

Scope: TypeAlias = Literal["check", "test-session"]
NAMESPACE: Final = UUID("e0000000-0000-4000-8000-000000000000")
COLOUR: Final = re.compile("\x1b\\[[0-9;]*m")
# Playwright colours what it says, also where nobody sees the colour.
RED, GREEN, DIM, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[39m"
MESSAGES: Final[dict[CheckType, str]] = {
    "API": "Assertion failed: status code equals 200, received 503",
    "URL": "Assertion failed: status code is less than 400, received 503",
    "BROWSER": (
        f"Error: {DIM}expect({PLAIN}{RED}locator{PLAIN}{DIM}).{PLAIN}toBeVisible{DIM}(){PLAIN} failed\n\n"
        f"Locator: getByRole('heading', {{ name: 'Welcome' }})\nExpected: {GREEN}visible{PLAIN}\n"
        f"Received: {RED}<element(s) not found>{PLAIN}\nTimeout:  5000ms"
    ),
    "MULTI_STEP": (
        f"Error: {DIM}expect({PLAIN}{RED}received{PLAIN}{DIM}).{PLAIN}toBe{DIM}({PLAIN}{GREEN}expected{PLAIN}"
        f"{DIM}){PLAIN}\n\nExpected: {GREEN}201{PLAIN}\nReceived: {RED}500{PLAIN}"
    ),
    "PLAYWRIGHT": (
        f"Error: {DIM}expect({PLAIN}{RED}page{PLAIN}{DIM}).{PLAIN}toHaveTitle{DIM}({PLAIN}"
        f'{GREEN}expected{PLAIN}{DIM}){PLAIN} failed\n\nExpected: {GREEN}"Your order"{PLAIN}\n'
        f'Received: {RED}"Something went wrong"{PLAIN}\nTimeout:  5000ms'
    ),
    "TCP": "connect ECONNREFUSED 203.0.113.10:5432",
    "DNS": "queryA ENOTFOUND shop.example.com",
    "ICMP": "100% packet loss: none of 10 packets came back from 203.0.113.10",
    "SSL": "certificate has expired",
    "GRPC": "14 UNAVAILABLE: connect ECONNREFUSED 203.0.113.10:50051",
    "TRACEROUTE": "shop.example.com was not reached within 30 hops",
    "AGENTIC": "The order confirmation never appeared after the form was sent",
}
TIMED_OUT: Final = "Check timed out: it was still running when its time was up"


def error_message(check: Check, result: Result) -> str | None:
    """Say what went wrong, as the runner wrote it; None if nothing did."""
    if result.outcome == "timed_out":
        return TIMED_OUT
    return MESSAGES[check.checkType] if result.outcome == "failed" else None


def cleaned(message: str) -> str:
    """Give a message as error groups have it: on one line, without colours."""
    return " ".join(COLOUR.sub("", message).split())


def error_hash(message: str) -> str:
    """Give the hash by which errors are grouped."""
    return hashlib.sha256(cleaned(message).encode()).hexdigest()


def error_group_id(scope: Scope, check: Check, result: Result) -> str | None:
    """Give the id of the error group that a result belongs to, if it has an error."""
    message = error_message(check, result)
    return None if message is None else _group_id(scope, check.id, message)


@cache
def _group_id(scope: Scope, check_id: str, message: str) -> str:
    return str(uuid5(NAMESPACE, f"{scope} {check_id} {error_hash(message)}"))
