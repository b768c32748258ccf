"""Compare the real Checkly with the emulator, field by field: ``make live``, with a real key.

Reads CHECKLY_ACCOUNT_ID and CHECKLY_API_KEY. It changes nothing, unless CHECKLY_CHECK_ID names one check to
trigger; that check then runs once, and alerts as it always does. Every difference is printed: please report.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_checkly.api.errors import ChecklyError
from airflow_provider_checkly.emulator import DEFAULT_FLEET, Emulator
from airflow_provider_checkly.hooks import ChecklyHook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNKNOWN: Final = "00000000-0000-4000-8000-000000000000"


def main() -> int:
    """Return the number of differences, 2 without a key."""
    account, key = os.environ.get("CHECKLY_ACCOUNT_ID"), os.environ.get("CHECKLY_API_KEY")
    if not (account and key):
        print("Set CHECKLY_ACCOUNT_ID and CHECKLY_API_KEY; see the README on the connection.")
        return 2
    connection = {"conn_type": "checkly", "login": account, "password": key}
    if host := os.environ.get("CHECKLY_API_URL"):
        connection["host"] = host
    os.environ["AIRFLOW_CONN_CHECKLY_LIVE"] = json.dumps(connection)
    with Emulator() as emulator:
        os.environ["AIRFLOW_CONN_CHECKLY_EMULATED"] = emulator.connection_json
        differences = list(compare(os.environ.get("CHECKLY_CHECK_ID")))
    print("\n".join(differences) or "No differences.")
    return min(len(differences), 100)


def compare(check_id: str | None) -> Iterator[str]:
    """Ask both the same, and name what differs."""
    live, emulated = ChecklyHook("checkly_live"), ChecklyHook("checkly_emulated")
    for name, probe in PROBES.items():
        real = shape(answer(probe, live, check_id))
        ours = shape(answer(probe, emulated, check_id and DEFAULT_FLEET[0].id))
        for where in sorted(real.keys() | ours.keys()):
            if real.get(where) != ours.get(where):
                yield f"{name}: {where}: Checkly {real.get(where, '-')}, emulator {ours.get(where, '-')}"


def answer(probe: Callable[[ChecklyHook, str | None], Any], hook: ChecklyHook, check_id: str | None) -> Any:
    """Return what a probe finds, an error as its class, status and message."""
    try:
        return probe(hook, check_id)
    except ChecklyError as error:
        status, message = getattr(error, "status", 0), getattr(error, "message", "")
        return {"error": f"{type(error).__name__} {status} {message}"}


def shape(value: Any, where: str = "") -> dict[str, str]:
    """Return the type of every field; errors and words of Checkly's as they are."""
    if isinstance(value, dict):
        found: dict[str, str] = {}
        for name, inner in value.items():
            found |= shape(inner, f"{where}.{name}")
        return found
    if isinstance(value, list):
        return shape(value[0], f"{where}[]") if value else {f"{where}[]": "empty"}
    words = ("error", "status", "runSource", "resultType")
    return {where: str(value) if where.endswith(words) else type(value).__name__}


def run(hook: ChecklyHook, check_id: str | None) -> Any:
    """Trigger one check, if one is named, and wait for its end."""
    if check_id is None:
        return {}
    (started,) = hook.trigger_check_sessions([check_id])
    session_id = str(started["checkSessionId"])
    seen = hook.get_check_session(session_id)
    (ended,) = hook.wait_for_check_sessions([session_id])
    hook.cancel_check_session(session_id)
    return {"started": started, "seen": seen, "ended": ended}


PROBES: Final[dict[str, Callable[[ChecklyHook, str | None], Any]]] = {
    "GET /v1/accounts/me": lambda hook, _: hook.get_account(),
    "GET of an unknown session": lambda hook, _: hook.get_check_session(UNKNOWN),
    "completion of an unknown session": lambda hook, _: hook.await_check_session(UNKNOWN, 1),
    "cancel of an unknown session": lambda hook, _: hook.cancel_check_session(UNKNOWN),
    "trigger of an unknown check": lambda hook, _: hook.trigger_check_sessions([UNKNOWN]),
    "a whole run (CHECKLY_CHECK_ID)": run,
}

if __name__ == "__main__":
    sys.exit(main())
