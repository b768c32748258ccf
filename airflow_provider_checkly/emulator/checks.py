"""Checks as they are set up at Checkly, and how each type of check behaves in the emulator."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from airflow_provider_checkly.emulator import result_details
from airflow_provider_checkly.emulator.http import JSON, is_number, is_text, is_uuid, is_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from airflow_provider_checkly.emulator.result_details import AssetType, ResultContext

    DetailsFunction: TypeAlias = Callable[[ResultContext], dict[str, JSON]]

# In the words of the v2 API.
CheckType: TypeAlias = Literal[
    "AGENTIC",
    "API",
    "BROWSER",
    "HEARTBEAT",
    "ICMP",
    "MULTI_STEP",
    "TCP",
    "PLAYWRIGHT",
    "URL",
    "DNS",
    "SSL",
    "GRPC",
    "TRACEROUTE",
]
# How every run of a check ends; "never" stays unfinished until it is cancelled.
Outcome: TypeAlias = Literal["passed", "failed", "degraded", "timed_out", "cancelled", "never"]
# The outcome of the results of a check.
Status: TypeAlias = Literal["passing", "failing", "degraded"]


@dataclass(frozen=True)
class Asset:
    """A file that a run leaves behind; `entry` is its path in the archive, where it is stored in one."""

    type: AssetType
    name: str
    content_type: str
    entry: str | None = None


LOG: Final = Asset("log", "job-log.txt", "text/plain")
REPORT: Final = Asset("report", "playwright-report.json", "application/json")
TRACE: Final = Asset("trace", "trace.zip", "application/zip", "test-results/failed-test/trace.zip")
VIDEO: Final = Asset("video", "video.webm", "video/webm", "test-results/failed-test/video.webm")
SCREENSHOT: Final = Asset("screenshot", "failed.png", "image/png", "test-results/failed-test/failed.png")
LAST_PAGE: Final = Asset("screenshot", "failed.png", "image/png")
CAPTURE: Final = Asset("pcap", "capture.pcap", "application/vnd.tcpdump.pcap")

# Playwright colours its messages, even where nobody sees the colours.
RED, GREEN, DIM, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[39m"
NOT_VISIBLE: Final = (
    f"Error: {DIM}expect({PLAIN}{RED}locator{PLAIN}{DIM}).{PLAIN}toBeVisible{DIM}(){PLAIN} failed\n\n"
    f"Locator: getByRole('heading', {{ name: 'Welcome' }})\nExpected: {GREEN}visible{PLAIN}\n"
    f"Received: {RED}<element(s) not found>{PLAIN}\nTimeout:  5000ms"
)
NOT_EQUAL: Final = (
    f"Error: {DIM}expect({PLAIN}{RED}received{PLAIN}{DIM}).{PLAIN}toBe{DIM}({PLAIN}{GREEN}expected{PLAIN}"
    f"{DIM}){PLAIN}\n\nExpected: {GREEN}201{PLAIN}\nReceived: {RED}500{PLAIN}"
)
WRONG_TITLE: Final = (
    f"Error: {DIM}expect({PLAIN}{RED}page{PLAIN}{DIM}).{PLAIN}toHaveTitle{DIM}({PLAIN}"
    f'{GREEN}expected{PLAIN}{DIM}){PLAIN} failed\n\nExpected: {GREEN}"Your order"{PLAIN}\n'
    f'Received: {RED}"Something went wrong"{PLAIN}\nTimeout:  5000ms'
)


@dataclass(frozen=True, kw_only=True)
class TypeOfCheck:
    """How a type of check behaves.

    `error` is the message of a failed run; `details` are the key and the shape of its results' details, which
    test sessions have only with `details_in_tests`; `files` are left behind by every run, `failure_files` by
    one that went wrong. With `whole_run` the response time is that of the run, else that of the operation, a
    part of it. One without `runs` is never started by Checkly; `cancellable` ones can be stopped.
    """

    error: str = ""
    details: tuple[str, DetailsFunction] | None = None
    details_in_tests: bool = True
    files: tuple[Asset, ...] = ()
    failure_files: tuple[Asset, ...] = ()
    whole_run: bool = False
    has_url: bool = False
    runs: bool = True
    cancellable: bool = False


# Checkly's document has no details of DNS, ICMP, TCP and URL monitors: the error group says what failed.
CHECK_TYPES: Final[Mapping[CheckType, TypeOfCheck]] = {
    "API": TypeOfCheck(
        error="Assertion failed: status code equals 200, received 503",
        details=("apiCheckResult", result_details.api_json),
        files=(LOG,),
        failure_files=(CAPTURE,),
        has_url=True,
    ),
    "URL": TypeOfCheck(error="Assertion failed: status code is less than 400, received 503", has_url=True),
    "BROWSER": TypeOfCheck(
        error=NOT_VISIBLE,
        details=("browserCheckResult", result_details.browser_json),
        files=(LOG, REPORT),
        failure_files=(TRACE, VIDEO, SCREENSHOT),
        whole_run=True,
    ),
    "MULTI_STEP": TypeOfCheck(
        error=NOT_EQUAL,
        details=("multiStepCheckResult", result_details.multi_step_json),
        files=(LOG, REPORT),
        failure_files=(TRACE,),
        whole_run=True,
    ),
    "PLAYWRIGHT": TypeOfCheck(
        error=WRONG_TITLE,
        details=("playwrightCheckResult", result_details.playwright_json),
        files=(LOG, REPORT),
        failure_files=(TRACE, VIDEO, SCREENSHOT),
        whole_run=True,
        cancellable=True,
    ),
    "AGENTIC": TypeOfCheck(
        error="The order confirmation never appeared after the form was sent",
        details=("agenticCheckResult", result_details.agentic_json),
        files=(LOG,),
        failure_files=(LAST_PAGE,),
        whole_run=True,
    ),
    "TRACEROUTE": TypeOfCheck(
        error="shop.example.com was not reached within 30 hops",
        details=("tracerouteCheckResult", result_details.traceroute_json),
        details_in_tests=False,
    ),
    "GRPC": TypeOfCheck(
        error="14 UNAVAILABLE: connect ECONNREFUSED 203.0.113.10:50051",
        details=("grpcCheckResult", result_details.grpc_json),
        details_in_tests=False,
    ),
    "SSL": TypeOfCheck(
        error="certificate has expired",
        details=("sslCheckResult", result_details.ssl_json),
        details_in_tests=False,
    ),
    "TCP": TypeOfCheck(error="connect ECONNREFUSED 203.0.113.10:5432", failure_files=(CAPTURE,)),
    "DNS": TypeOfCheck(error="queryA ENOTFOUND shop.example.com"),
    "ICMP": TypeOfCheck(
        error="100% packet loss: none of 10 packets came back from 203.0.113.10",
        failure_files=(CAPTURE,),
    ),
    "HEARTBEAT": TypeOfCheck(runs=False),
}


class BadChecks(ValueError):
    """A list of checks cannot be read; the text is one line that names the entry and the field."""


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(is_text(one) for one in value)


def _is_timeline(value: object) -> bool:
    if not isinstance(value, list | tuple) or not all(map(_is_step, value)):
        return False
    seconds = [one[0] for one in value]
    return seconds == sorted(seconds)


def _is_step(value: object) -> bool:
    if not isinstance(value, list | tuple) or len(value) != len(("seconds", "status")):
        return False
    return is_number(value[0]) and value[1] in get_args(Status)


# What each field of a check must be.
RULES: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "id": (is_uuid, "a UUID"),
    "name": (is_text, "a text that is not empty"),
    "checkType": (lambda value: value in get_args(CheckType), f"one of {', '.join(get_args(CheckType))}"),
    "tags": (_is_texts, "a list of texts"),
    "groupTags": (_is_texts, "a list of texts"),
    "activated": (lambda value: isinstance(value, bool), "true or false"),
    "locations": (lambda value: _is_texts(value) and bool(value), "a list of at least one location"),
    "seconds": (lambda value: is_number(value) and value != math.inf, "a number of seconds, 0 or more"),
    "outcome": (lambda value: value in get_args(Outcome), f"one of {', '.join(get_args(Outcome))}"),
    "attempts": (is_whole, "a whole number, 0 or more"),
    "timeline": (
        _is_timeline,
        f"a list of [seconds, status] in order, status one of {', '.join(get_args(Status))}",
    ),
    "every": (lambda value: is_number(value) and value != math.inf, "a number of seconds, 0 or more"),
    "availability": (lambda value: value is None or is_number(value, 0, 100), "a percentage, or null"),
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check of the emulated account; bad values raise BadChecks.

    `seconds` is how long a run takes before `--speed` divides it; `attempts` counts the failed tries before
    the final one. `timeline` scripts the results of its scheduled runs, by seconds after the start,
    as in `[[0, "passing"], [60, "failing"], [90, "passing"]]`; `speed` divides them too. Each step is a run,
    and with `every` there is one more every so many seconds. A check without a timeline runs only when it is
    triggered. `availability` is the percentage in its report; by default it follows from its runs. The other
    names are those of Checkly's API.
    """

    id: str
    name: str
    checkType: CheckType = "API"  # noqa: N815 - Checkly's word
    tags: tuple[str, ...] = ()
    groupTags: tuple[str, ...] = ()  # noqa: N815 - Checkly's word
    activated: bool = True
    locations: tuple[str, ...] = ("eu-central-1",)
    seconds: float = 1.0
    outcome: Outcome = "passed"
    attempts: int = 0
    timeline: tuple[tuple[float, Status], ...] = ()
    every: float = 0.0
    availability: float | None = None

    def __post_init__(self) -> None:
        for name, (is_good, wanted) in RULES.items():
            value = getattr(self, name)
            if not is_good(value):
                raise BadChecks(f"has a bad {name!r}: {json.dumps(value, default=str)} is not {wanted}")
        for name in ("tags", "groupTags", "locations"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "timeline", tuple(tuple(step) for step in self.timeline))
        object.__setattr__(self, "id", self.id.lower())

    @property
    def type(self) -> TypeOfCheck:
        """Return how checks of this type behave."""
        return CHECK_TYPES[self.checkType]

    @property
    def eligible(self) -> bool:
        """Return whether a trigger may start it: it is activated and not a heartbeat, which is pinged."""
        return self.activated and self.type.runs


def parse_check(entry: JSON) -> Check:
    """Return a check read from JSON; the error names the field."""
    if not isinstance(entry, dict):
        raise BadChecks("is not an object")
    for field in ("id", "name"):
        if field not in entry:
            raise BadChecks(f"has no {field!r}")
    for field in entry:
        if field not in RULES:
            raise BadChecks(f"has an unknown field {field!r} (known: {', '.join(RULES)})")
    return Check(**entry)  # type: ignore[arg-type]  # Check looks at each value itself


def parse_checks(text: str) -> tuple[Check, ...]:
    """Return the checks of a JSON list such as `[{"id": "<uuid>", "name": "Homepage"}]`."""
    try:
        entries: JSON = json.loads(text)
    except ValueError as problem:
        raise BadChecks(f"not JSON: {problem}") from None
    if not isinstance(entries, list):
        raise BadChecks("not a list of checks")
    checks: dict[str, Check] = {}
    for number, entry in enumerate(entries, 1):
        check = _parse_entry(number, entry)
        if check.id in checks:
            raise BadChecks(f"entry {number} repeats the 'id' {check.id}")
        checks[check.id] = check
    return tuple(checks.values())


def _parse_entry(number: int, entry: JSON) -> Check:
    try:
        return parse_check(entry)
    except BadChecks as problem:
        raise BadChecks(f"entry {number} {problem}") from None


def load_checks(path: Path) -> tuple[Check, ...]:
    """Return the checks of a file; the error names the file."""
    try:
        return parse_checks(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise BadChecks(f"{path}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise BadChecks(f"{path}: not UTF-8 text") from None
    except BadChecks as problem:
        raise BadChecks(f"{path}: {problem}") from None
