"""Compare the real Checkly with the emulator, answer by answer: ``make live``, with a real key.

Reads CHECKLY_ACCOUNT_ID and CHECKLY_API_KEY (and CHECKLY_API_URL, if it is not the usual one). It only reads,
unless CHECKLY_CHECK_ID names one check to trigger: that check then runs once, and alerts as it always does.
On a terminal, it asks whether it may create a maintenance window far in the future, and deletes it again.
Every difference of status, header or field is printed, no value of yours but statuses: please report them.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import requests

from airflow_provider_checkly.emulator import DEFAULT_CHECKS, Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHECKLY: Final = "https://api.checklyhq.com"
UNKNOWN: Final = "00000000-0000-4000-8000-000000000000"
HEADERS: Final = ("content-type", "retry-after", "x-ratelimit", "ratelimit", "content-range")
"""What a client may act on; the rest is the business of proxies."""
WORDS: Final = ("status", "statusCode", "error", "runSource", "resultType")
"""Fields whose values are words of Checkly's, and compared as such."""
SECONDS: Final = 60.0
LONGEST_RUN: Final = 1800.0


class Checkly:
    """One side of the comparison; remembers the answers by the name of the question.

    :param ids: what stands for the names in braces of a path.
    """

    def __init__(self, url: str, account_id: str, api_key: str) -> None:
        self.answers: dict[str, dict[str, str]] = {}
        self.ids: dict[str, str] = {"unknown": UNKNOWN}
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}", "x-checkly-account": account_id}

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Any:
        """Ask, remember what the answer looks like, and return its JSON, None where it has none."""
        if any(
            f"{{{name}}}" in path and name not in self.ids for name in ("check", "result", "session", "test")
        ):
            return None
        where, start = self._url + path.format(**self.ids), time.monotonic()
        answer = requests.request(
            method, where, json=body, headers=self._headers | headers, timeout=SECONDS, allow_redirects=False
        )
        held = round(time.monotonic() - start) if "completion" in path else 0
        name = f"{method} {path}" + "".join(f" with another {each}" for each in headers)
        try:
            found = answer.json()
        except ValueError:
            found = None
        self.answers[name] = {
            "status": f"{answer.status_code}",
            "held": f"{held} s",
            **{
                f"header {each.lower()}": "there"
                for each in answer.headers
                if each.lower().startswith(HEADERS)
            },
            **shape(found, "body"),
        }
        return found


def shape(value: Any, where: str) -> dict[str, str]:
    """Return the type of every field, of a list's first entry; words of Checkly's as they are."""
    if isinstance(value, dict):
        return {k: v for name, inner in value.items() for k, v in shape(inner, f"{where}.{name}").items()}
    if isinstance(value, list):
        return shape(value[0], f"{where}[]") if value else {f"{where}[]": "empty"}
    word = where.rpartition(".")[2] in WORDS
    return {where: str(value) if word else type(value).__name__}


def first(found: Any, *keys: str) -> Any:
    """Return the first entry of a list, which may stand in a field."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else found
    return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}


def read(checkly: Checkly) -> None:
    """Ask all that changes nothing; the ids of later questions come from the answers before them."""
    checkly.ask("/v1/accounts/me")
    checkly.ask("/v1/accounts")
    checkly.ask("/v1/accounts/me", Authorization="Bearer wrong")
    checkly.ask("/v1/accounts/me", **{"x-checkly-account": UNKNOWN})
    remember(checkly, "check", first(checkly.ask("/v1/checks?limit=1&page=1")), "id")
    checkly.ask("/v1/checks/{check}")
    checkly.ask("/v1/checks?limit=1&applyGroupSettings=true&tag=x&tag=y")
    checkly.ask("/v1/check-statuses")
    checkly.ask("/v1/check-statuses/{check}")
    checkly.ask("/v1/check-alerts?limit=1")
    checkly.ask("/v1/reporting?quickRange=last24Hrs")
    checkly.ask("/v1/maintenance-windows?limit=1")
    if "check" in checkly.ids:
        checkly.ask(
            "/v1/analytics/checks?quickRange=last24Hours", "POST", {"checkIds": [checkly.ids["check"]]}
        )
    remember(checkly, "result", first(checkly.ask("/v2/check-results/{check}?limit=1"), "entries"), "id")
    checkly.ask("/v1/check-results/{check}/{result}")
    checkly.ask("/v1/check-results/{check}/{result}/assets")
    checkly.ask("/v1/error-groups/checks/{check}?limit=1")
    remember(checkly, "test", first(checkly.ask("/v1/test-sessions?limit=1"), "entries"), "id")
    checkly.ask("/v1/test-sessions/{test}")
    checkly.ask("/v1/test-sessions/{test}/completion?maxWaitSeconds=1")
    for version in ("v1", "v2"):
        checkly.ask(f"/{version}/check-sessions/{{unknown}}")
        checkly.ask(f"/{version}/check-sessions/{{unknown}}/completion?maxWaitSeconds=1")
        checkly.ask(f"/{version}/check-sessions/{{unknown}}/completion?maxWaitSeconds=31")
    checkly.ask("/v1/test-sessions/{unknown}")


def remember(checkly: Checkly, name: str, entry: Mapping[str, Any], field: str) -> None:
    """Keep an id for later paths, where there is one."""
    if found := entry.get(field):
        checkly.ids[name] = str(found)


def run(checkly: Checkly, check_id: str) -> None:
    """Trigger one check, poll it once while it runs, wait for its end, and cancel what has ended."""
    checkly.ask("/v1/check-sessions/{unknown}/cancel", "POST", {})
    body = {"target": {"checkId": [check_id]}}
    remember(
        checkly,
        "session",
        first(checkly.ask("/v2/check-sessions/trigger", "POST", body), "sessions"),
        "checkSessionId",
    )
    if "session" not in checkly.ids:
        return
    checkly.ask("/v2/check-sessions/{session}/completion?maxWaitSeconds=1")
    checkly.ask("/v2/check-sessions/{session}")
    until = time.monotonic() + LONGEST_RUN
    while time.monotonic() < until:
        ended = checkly.ask("/v2/check-sessions/{session}/completion?maxWaitSeconds=30")
        if isinstance(ended, dict) and ended.get("checkSessionId"):
            break
    checkly.ask("/v1/check-sessions/{session}")
    checkly.ask("/v1/check-sessions/{session}/cancel", "POST", {})


def keep_quiet(checkly: Checkly) -> None:
    """Create a window that applies to nothing, without `repeatUnit`; change it, and delete it twice."""
    body = {
        "name": "airflow-provider-checkly: make live",
        "startsAt": "2040-01-01T00:00:00.000Z",
        "endsAt": "2040-01-01T01:00:00.000Z",
        "tags": [],
        "silenceAlertsTags": ["airflow-provider-checkly-make-live"],
    }
    window = checkly.ask("/v1/maintenance-windows", "POST", body)
    if not (isinstance(window, dict) and window.get("id")):
        return
    checkly.ids["window"] = str(window["id"])
    try:
        checkly.ask("/v1/maintenance-windows/{window}")
        checkly.ask("/v1/maintenance-windows/{window}", "PUT", {"endsAt": "2040-01-01T02:00:00.000Z"})
    finally:
        checkly.ask("/v1/maintenance-windows/{window}", "DELETE")
        checkly.ask("/v1/maintenance-windows/{window}?again", "DELETE")


def may_create_a_window() -> bool:
    """Ask, where somebody can answer."""
    if not sys.stdin.isatty():
        return False
    return input("Create a maintenance window in the year 2040, and delete it again? [y/N] ").lower() == "y"


def differences(real: Checkly, emulated: Checkly) -> Iterator[str]:
    """Name what differs, and what only one of the two could be asked."""
    for name in real.answers.keys() | emulated.answers.keys():
        ours, theirs = emulated.answers.get(name), real.answers.get(name)
        if not (ours and theirs):
            who = "Checkly" if theirs else "the emulator"
            yield f"{name}: asked of {who} only, since the other has nothing to ask about"
            continue
        for where in sorted(ours.keys() | theirs.keys()):
            if (there := theirs.get(where, "-")) != (here := ours.get(where, "-")):
                yield f"{name}: {where}: Checkly {there}, emulator {here}"


def compared(emulator: Emulator, real: Checkly, check_id: str | None, *, window: bool = False) -> list[str]:
    """Ask both sides, and return what differs.

    :param check_id: a check to run, None for none.
    :param window: whether to create a maintenance window.
    """
    own, keys = DEFAULT_CHECKS[0].id, (emulator.url, emulator.account_id, emulator.api_key)
    emulated = Checkly(*keys)
    run(Checkly(*keys), own)  # so that there is something to read
    for checkly, check in ((emulated, own), (real, check_id)):
        read(checkly)
        if check_id and check:
            run(checkly, check)
        if window:
            keep_quiet(checkly)
    return sorted(differences(real, emulated))


def main() -> int:
    """Return 0 if nothing differs, 1 if something does, 2 without a key."""
    account, key = os.environ.get("CHECKLY_ACCOUNT_ID"), os.environ.get("CHECKLY_API_KEY")
    if not (account and key):
        print("Set CHECKLY_ACCOUNT_ID and CHECKLY_API_KEY; see the README on the connection.")
        return 2
    real = Checkly(os.environ.get("CHECKLY_API_URL") or CHECKLY, account, key)
    with Emulator() as emulator:
        window = may_create_a_window()
        found = compared(emulator, real, os.environ.get("CHECKLY_CHECK_ID"), window=window)
    print("\n".join(found) or "No differences.")
    print(f"{len(real.answers)} answers of Checkly were compared, {len(found)} differences.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
