"""Checkly's documents as typed dicts: editors complete them, and mypy checks their use.

They list the fields of Checkly's OpenAPI document. What is not `NotRequired` is always there; Checkly may add
fields at any time.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

CheckType = Literal[
    "AGENTIC",
    "API",
    "BROWSER",
    "DNS",
    "GRPC",
    "HEARTBEAT",
    "ICMP",
    "MULTI_STEP",
    "PLAYWRIGHT",
    "SSL",
    "TCP",
    "TRACEROUTE",
    "URL",
]
CheckSessionStatus = Literal[
    "STARTED",
    "PROGRESS",
    "PROGRESS_FAILED",
    "PROGRESS_DEGRADED",
    "PASSED",
    "FAILED",
    "DEGRADED",
    "TIMED_OUT",
    "CANCELLED",
]
TestSessionStatus = Literal["RUNNING", "PASSED", "FAILED", "CANCELLED"]


class CheckSessionResult(TypedDict):
    """One result of a check session: one location, one attempt."""

    checkResultId: str
    checkResultLink: str
    checkId: str
    checkType: CheckType
    name: NotRequired[str]
    runLocation: str
    resultType: Literal["FINAL", "ATTEMPT"]
    hasErrors: bool
    hasFailures: bool
    isDegraded: bool
    aborted: bool
    isCancelled: bool
    responseTime: NotRequired[float]
    startedAt: NotRequired[str]
    stoppedAt: NotRequired[str]


class CheckSession(TypedDict):
    """One run of one check in all its locations; `timeElapsed` is in milliseconds."""

    checkSessionId: str
    checkSessionLink: str
    checkId: str
    checkType: CheckType
    name: NotRequired[str]
    status: CheckSessionStatus
    startedAt: str
    stoppedAt: NotRequired[str | None]
    timeElapsed: float
    runLocations: list[str]
    runSource: NotRequired[str]
    results: NotRequired[list[CheckSessionResult]]


class TestSessionResult(TypedDict):
    """One result of a test session: one check, one location, one attempt."""

    testSessionResultId: str
    testSessionResultLink: str
    checkId: NotRequired[str | None]
    checkType: CheckType
    name: NotRequired[str]
    runLocation: NotRequired[str]
    errorGroupIds: list[str]
    resultType: NotRequired[Literal["FINAL", "ATTEMPT"]]
    status: TestSessionStatus
    hasErrors: bool
    hasFailures: bool
    isDegraded: bool
    aborted: bool
    responseTime: NotRequired[float]
    startedAt: NotRequired[str]
    stoppedAt: NotRequired[str]


class TestSession(TypedDict):
    """One run of any number of checks; `timeElapsed` is in milliseconds."""

    testSessionId: str
    testSessionLink: str
    name: NotRequired[str]
    status: TestSessionStatus
    errorGroupIds: list[str]
    startedAt: str
    stoppedAt: NotRequired[str | None]
    timeElapsed: float
    metadata: NotRequired[dict[str, Any]]
    results: NotRequired[list[TestSessionResult]]


class Check(TypedDict):
    """A check as it is configured; each check type has more fields."""

    id: str
    name: str
    checkType: CheckType
    activated: NotRequired[bool]
    muted: NotRequired[bool]
    frequency: NotRequired[int]
    locations: NotRequired[list[str]]
    privateLocations: NotRequired[list[str]]
    tags: NotRequired[list[str]]
    groupId: NotRequired[int | None]


class CheckResult(TypedDict):
    """One result with its details; one more field per check type, such as `apiCheckResult`, holds them."""

    id: str
    name: NotRequired[str]
    checkId: str
    checkType: NotRequired[CheckType]
    runLocation: NotRequired[str]
    resultType: NotRequired[Literal["FINAL", "ATTEMPT"]]
    hasErrors: NotRequired[bool]
    hasFailures: NotRequired[bool]
    isDegraded: NotRequired[bool | None]
    responseTime: NotRequired[float]
    startedAt: NotRequired[str]
    stoppedAt: NotRequired[str]
    errorGroupIds: NotRequired[list[str]]
    apiCheckResult: NotRequired[dict[str, Any] | None]
    browserCheckResult: NotRequired[dict[str, Any] | None]
    multiStepCheckResult: NotRequired[dict[str, Any] | None]
    playwrightCheckResult: NotRequired[dict[str, Any] | None]


class Asset(TypedDict):
    """A file that a result left."""

    type: str
    name: str
    url: str
    contentType: NotRequired[str]


class AssetManifest(TypedDict):
    """The files that a result left."""

    assets: list[Asset]
    truncated: NotRequired[bool]
    entriesReturned: NotRequired[int]
    entriesTotal: NotRequired[int]


class ErrorGroup(TypedDict):
    """One error of a check, however often it occurred."""

    id: str
    checkId: NotRequired[str]
    errorHash: str
    rawErrorMessage: str
    cleanedErrorMessage: str
    firstSeen: str
    lastSeen: str
    archivedUntilNextEvent: NotRequired[bool]
    rootCauseAnalyses: NotRequired[list[dict[str, Any]]]


class Account(TypedDict):
    """The account of a connection."""

    id: str
    name: NotRequired[str]
    plan: NotRequired[str]
    planDisplayName: NotRequired[str]
    runtimeId: NotRequired[str]


class CheckStatus(TypedDict):
    """How a check is doing, as of its last run; only `name` is documented as always there."""

    name: str
    checkId: NotRequired[str]
    hasFailures: NotRequired[bool]
    hasErrors: NotRequired[bool]
    isDegraded: NotRequired[bool]
    longestRun: NotRequired[float | None]
    shortestRun: NotRequired[float | None]
    lastRunLocation: NotRequired[str | None]
    lastCheckRunId: NotRequired[str | None]
    sslDaysRemaining: NotRequired[float | None]
    created_at: NotRequired[str]
    updated_at: NotRequired[str | None]


class ReportAggregate(TypedDict):
    """Success ratio and response times in milliseconds; `from` and `to` with a granularity only."""

    successRatio: float
    avg: float
    p95: float
    p99: float


class CheckReport(TypedDict):
    """One check in a report: `aggregate` for the whole period, or `aggregates` with a granularity."""

    name: str
    checkId: str
    checkType: CheckType
    deactivated: bool
    tags: list[str]
    aggregate: NotRequired[ReportAggregate]
    aggregates: NotRequired[list[ReportAggregate]]


class CheckAnalytics(TypedDict):
    """Availability (per cent) and response times (ms) of a check; null without data in the period."""

    checkId: str
    checkType: CheckType
    availability: NotRequired[float | None]
    responseTime_avg: NotRequired[float | None]
    responseTime_p50: NotRequired[float | None]
    responseTime_p95: NotRequired[float | None]
    responseTime_p99: NotRequired[float | None]


class MaintenanceWindow(TypedDict):
    """A maintenance window; `tags` names the checks and groups that it pauses."""

    id: int
    name: str
    startsAt: str
    endsAt: str
    tags: NotRequired[list[str]]
    pauseAllChecks: NotRequired[bool]
    silenceAlertsTags: NotRequired[list[str]]
    silenceAllAlerts: NotRequired[bool]
    description: NotRequired[str | None]
    repeatUnit: NotRequired[Literal["DAY", "WEEK", "MONTH"] | None]
    created_at: NotRequired[str]
    updated_at: NotRequired[str | None]
