"""What a user sees of each fault, in three tables: at the trigger, at a long poll, at all that a sensor asks.

Each row is run over both transports. At the trigger, the operator (requests) and an `async def` task of the
user's own (aiohttp) meet the fault; at a poll, a task that waits on its worker (requests) and one that is
deferred (aiohttp); so do sensors. Pauses have their real length, but pass at once: see `virtual_clock`.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow_runner import Store, TaskInstance, context, defer, events, stored
from fault_scenes import (
    HALF_A_BODY,
    Fault,
    Scene,
    add_reserved_keys,
    always,
    broken,
    emulated,
    having,
    impatient,
    in_turn,
    make_large,
    missing_bundle,
    nested,
    no_tls,
    nothing,
    proxy_down,
    proxy_refuses,
    rate_limited_until_a_date,
    refused,
    refused_at_first,
    refuses,
    responds,
    unknown_host,
    untrusted_certificate,
    without,
)
from raw_http import OK, Script, edits, edits_json, processed, resets_after

from airflow_provider_checkly.api import endpoints
from airflow_provider_checkly.emulator.default_checks import NEVER_ENDS, PASSES
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyError,
    ChecklyNotFound,
    ChecklyPlanLimit,
    ChecklyRateLimited,
    ChecklyRefused,
    ChecklyUnreachable,
    ChecklyUnreadable,
    ChecksNotRun,
    ChecksTimedOut,
    NoMatchingChecks,
)
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunChecksOperator
from airflow_provider_checkly.sensors import ChecklyCheckSessionSensor
from airflow_provider_checkly.task_exceptions import NOT_RETRIED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow.providers.common.compat.sdk import BaseOperator
    from virtual_clock import VirtualClock

    from airflow_provider_checkly.emulator import Emulator

SUCCESS: Final = "success"
SKIPPED: Final = "skipped"
RETRY: Final = "fails, Airflow may retry"
NO_RETRY: Final = "fails without a retry"

TRIGGER: Final = "trigger"
POLL: Final = "poll"
SENSOR: Final = "sensor"
PLACES: Final = {
    TRIGGER: ("POST", "/trigger$"),
    POLL: ("GET", "/completion$"),
    SENSOR: ("GET", "/check-sessions/"),
}
WAYS: Final = {
    TRIGGER: ("worker", "async task"),
    POLL: ("worker", "deferred"),
    SENSOR: ("worker", "deferred"),
}

UNKNOWN: Final = "dddddddd-0000-4000-8000-000000000001"
ENDLESS: Final = {"check_ids": NEVER_ENDS}
NO_RESPONSE: Final = "no response from http"
HTML: Final = "<html><h1>Bad Gateway</h1></html>"
NOT_JSON: Final = "not readable JSON"
SERVER_ERRORS: Final = (500, 502, 503, 504)
RATE_LIMITS: Final[list[tuple[str, Fault, float]]] = [
    ("a second", responds(429, Retry_After="1"), 1),
    ("a date", rate_limited_until_a_date, 60),
    ("a year", responds(429, Retry_After="31536000"), 60),
    ("negative", responds(429, Retry_After="-5"), 0.5),
    ("missing", responds(429), 0.5),
]
UNREADABLE: Final[list[tuple[str, Script, str]]] = [
    ("HTML", edits(lambda _: HTML.encode()), NOT_JSON),
    ("empty", edits(lambda _: b""), NOT_JSON),
    ("40 MB", edits(lambda body: body + b" " * 40_000_000), "larger than 32 MiB"),
    ("deep JSON", edits(lambda _: b"[" * 100_000), NOT_JSON),
    ("not UTF-8", edits(lambda body: body[:-1] + b', "x": "\xff"}'), NOT_JSON),
    ("NaN", edits(lambda body: body[:-1] + b', "x": NaN}'), "NaN is not valid JSON"),
    ("a field twice", edits(lambda body: b'{"status": "FAILED", "sessions": [], ' + body[1:]), "twice"),
    ("a list", edits(lambda body: b"[" + body + b"]"), "not a JSON object"),
    ("no status", without("status"), "without status"),
    ("no check", without("checkId"), "without checkId"),
    ("no id", without("checkSessionId"), "without checkSessionId"),
    ("an id that is not a UUID", having(checkSessionId="../1"), "is not a UUID"),
    ("an unknown status", having(status="NEW"), "unknown status 'NEW'"),
    ("body too long", edits(lambda body: body, announce=-9), NOT_JSON),
]

NO_ACCOUNTS: Final[list[tuple[str, int, object, str, type[ChecklyError], str]]] = [
    ("404", 404, {"statusCode": 404, "message": "No route"}, NO_RETRY, ChecklyRefused, "another server"),
    ("any JSON", 200, {"status": "ok"}, RETRY, ChecklyUnreadable, 'is not an account: \'{"status": "ok"}\''),
    ("a list", 200, [], RETRY, ChecklyUnreadable, "not a JSON object"),
    ("a page", 200, HTML, RETRY, ChecklyUnreadable, "That is a web page, not Checkly's API"),
]


@dataclass(frozen=True)
class Row:
    """One fault, and what a user sees of it.

    :param end: the end of the task; `error` is the class of its error, and `text` a part of the text.
    :param retries: whether the same request is sent again, as the log says; None: one transport does.
    :param posts: how often a trigger was sent.
    :param runs: how many sessions run at Checkly in the end; None: one, but for a trigger that fails.
    :param polls: how many long polls were sent, at most.
    :param looks: how many plain reads of the session were made; None: any number.
    :param cancels: how many sessions were cancelled.
    :param warns: whether a retry warns that sessions may still be running, and triggers again.
    :param gap: seconds from each of these requests to the next, at least.
    :param timeout: seconds that the task gets.
    :param task: more of its arguments.
    """

    name: str
    fault: Fault
    end: str
    error: type[ChecklyError] | None = None
    text: str = ""
    retries: bool | None = False
    posts: int = 1
    runs: int | None = None
    polls: int = 1
    looks: int | None = None
    cancels: int = 0
    warns: bool = False
    gap: float = 0
    timeout: float = 120
    task: dict[str, Any] = field(default_factory=dict)


# fmt: off
AT_TRIGGER: Final = [
    # Without a connection, Checkly processed nothing, so the trigger is repeated until the time is up.
    Row("refused", refused, RETRY, ChecklyUnreachable, NO_RESPONSE, retries=True, posts=0),
    Row("refused at first", refused_at_first, SUCCESS, retries=True),
    Row("unknown host", unknown_host, RETRY, ChecklyUnreachable, "host name cannot be resolved", retries=True,
        posts=0, timeout=2),
    Row("proxy down", proxy_down, RETRY, ChecklyUnreachable, NO_RESPONSE, retries=True, posts=0),
    Row("proxy refuses", proxy_refuses, RETRY, ChecklyUnreachable, "proxy", retries=True, posts=0),

    # A wrong setting is not mended by a repetition, but perhaps by somebody before Airflow's retry.
    Row("certificate", untrusted_certificate, RETRY, ChecklyUnreachable, "is not trusted", posts=0),
    Row("no bundle", missing_bundle, RETRY, ChecklyUnreachable, "/no/such/file", posts=0),

    # Without a complete response, Checkly may have processed the trigger, so it is not sent again.
    Row("no TLS", no_tls, RETRY, ChecklyUnreachable, "TLS handshake failed", retries=None, posts=0,
        warns=True),
    Row("dropped before", emulated(drop="before"), RETRY, ChecklyUnreachable, NO_RESPONSE, warns=True),
    Row("dropped after", emulated(drop="after"), RETRY, ChecklyUnreachable, NO_RESPONSE, runs=1, warns=True),
    Row("half a head", emulated(drop="headers"), RETRY, ChecklyUnreachable, NO_RESPONSE, runs=1, warns=True),
    Row("half a body", emulated(drop="body"), RETRY, ChecklyUnreachable, NO_RESPONSE, runs=1, warns=True),
    Row("reset before", broken(processed(resets_after())), RETRY, ChecklyUnreachable, "reset", runs=1,
        warns=True),
    Row("reset in the head", broken(processed(resets_after(OK))), RETRY, ChecklyUnreachable, NO_RESPONSE,
        runs=1, warns=True),
    Row("reset in the body", broken(processed(resets_after(HALF_A_BODY))), RETRY, ChecklyUnreachable,
        NO_RESPONSE, runs=1, warns=True),
    Row("body too short", broken(edits(lambda body: body, announce=9)), RETRY, ChecklyUnreachable,
        NO_RESPONSE, runs=1, warns=True),

    # A response may take so long, and no longer; both would be complete after nine seconds.
    Row("silence", impatient(emulated(delay=9)), RETRY, ChecklyUnreachable, NO_RESPONSE, warns=True),
    Row("drip", impatient(emulated(drip=0.05)), RETRY, ChecklyUnreachable, NO_RESPONSE, runs=1, warns=True),

    # Checkly, or a server before it, is in trouble.
    *(Row(f"{n} in HTML", responds(n, HTML), RETRY, ChecklyRefused, f"the server responded {n}: '<html>",
          warns=True) for n in SERVER_ERRORS),
    *(Row(f"{n}, but processed", emulated(status=n, processed=True), RETRY, ChecklyRefused,
          f"Checkly responded {n}", runs=1, warns=True) for n in SERVER_ERRORS),

    # Too many requests: not processed. Checkly says when to try again; up to a minute, that is obeyed.
    *(Row(f"429, {name}", fault, SUCCESS, retries=True, posts=2, gap=gap)
      for name, fault, gap in RATE_LIMITS),
    Row("always 429", always(429, **{"Retry-After": "60"}), RETRY, ChecklyRateLimited,
        "Checkly responded 429", retries=True, posts=3),

    # Checkly refuses.
    Row("408", responds(408), RETRY, ChecklyRefused, "Checkly responded 408"),
    Row("400", refuses(400), NO_RETRY, ChecklyRefused, "Checkly responded 400: Why."),
    Row("401", refuses(401), NO_RETRY, ChecklyAuthError, "does not accept the API key"),
    Row("402", refuses(402), NO_RETRY, ChecklyPlanLimit, "The plan of the account does not include this."),
    Row("403", refuses(403), RETRY, ChecklyAuthError, "needs an API key with the role Read & Run"),
    Row("404", refuses(404), NO_RETRY, NoMatchingChecks, "Checkly responded 404: Why."),
    Row("404, on_no_match", refuses(404), SKIPPED, None, "Checkly responded 404: Why.",
        task={"on_no_match": "skip"}),

    # Another server refuses, which says nothing about key, plan and checks.
    Row("401 of a proxy", responds(401, HTML), NO_RETRY, ChecklyRefused, "a proxy or another server"),
    Row("404 of a proxy", responds(404, HTML), NO_RETRY, ChecklyRefused, "a proxy or another server"),
    Row("404 of a proxy, on_no_match", responds(404, HTML), NO_RETRY, ChecklyRefused, "another server",
        task={"on_no_match": "skip"}),
    *(Row(f"{n} of a proxy", responds(n, HTML), end, ChecklyRefused, "a proxy or another server")
      for n, end in ((400, NO_RETRY), (402, NO_RETRY), *((n, RETRY) for n in (403, 405, 407, 410, 451)))),

    # A server in whose form Checkly refuses, too, has no account: nothing is skipped.
    *(Row(f"404 without an account, {name}",
          in_turn(refuses(404), emulated(method="GET", path="/accounts/me", status=status, body=body)),
          end, kind, text, task={"on_no_match": "skip"})
      for name, status, body, end, kind, text in NO_ACCOUNTS),
    Row("redirect", responds(307, Location="https://else.where"), RETRY, ChecklyRefused,
        "redirects to 'https://else.where'"),

    # What cannot be read is never success, and not retried: a retry would start the checks twice.
    *(Row(name, broken(script), NO_RETRY, ChecklyUnreadable, text, runs=1)
      for name, script, text in UNREADABLE),
    Row("no list of sessions", responds(201, {"sessions": None}), NO_RETRY, ChecklyUnreadable,
        "no list 'sessions'"),
    Row("no sessions", responds(201, {"sessions": []}), NO_RETRY, NoMatchingChecks, "started no session"),
    Row("a deleted check", nothing, NO_RETRY, ChecksNotRun, UNKNOWN, runs=1,
        task={"check_ids": [PASSES, UNKNOWN]}),

    # What is odd but readable does no harm.
    Row("10 MB", broken(edits_json(make_large)), SUCCESS),
    Row("nested, but readable", broken(nested(90)), SUCCESS),
    Row("reserved keys", broken(edits_json(add_reserved_keys)), SUCCESS, polls=0,
        task={"wait_for_completion": False}),
]
AT_POLL: Final = [
    # A poll is repeated. (Three go wrong, since aiohttp itself silently repeats a GET without a response.)
    Row("dropped before", emulated(drop="before", times=3), SUCCESS, retries=True, polls=4),
    Row("dropped after", emulated(drop="after", times=3), SUCCESS, retries=True, polls=4),
    Row("half a head", emulated(drop="headers", times=3), SUCCESS, retries=True, polls=4),
    Row("half a body", emulated(drop="body", times=3), SUCCESS, retries=True, polls=4),
    Row("reset before", broken(processed(resets_after()), 3), SUCCESS, retries=True, polls=4),
    Row("reset in the head", broken(processed(resets_after(OK)), 3), SUCCESS, retries=True, polls=4),
    Row("reset in the body", broken(processed(resets_after(HALF_A_BODY)), 3), SUCCESS, retries=True, polls=4),
    Row("body too short", broken(edits(lambda body: body, announce=9), 3), SUCCESS, retries=True, polls=4),

    # At the deadline a last look decides; without a limit, the poll itself would succeed after nine seconds.
    Row("silence", impatient(emulated(delay=9)), SUCCESS, looks=1, timeout=1.2),
    Row("drip", impatient(emulated(drip=0.05)), SUCCESS, looks=1, timeout=1.2),

    # Checkly, or a server before it, is in trouble.
    *(Row(f"{n} in HTML", responds(n, HTML, times=2), SUCCESS, retries=True, polls=3) for n in SERVER_ERRORS),
    Row("always 500", responds(500, times=None), RETRY, ChecklyRefused, "Checkly responded 500", retries=True,
        polls=4),
    Row("502 to the deadline", responds(502, times=None), SUCCESS, retries=True, polls=12, looks=1),
    Row("always 502", always(502), RETRY, ChecklyRefused, "Checkly responded 502", retries=True, polls=12),

    # Too many requests.
    *(Row(f"429, {name}", fault, SUCCESS, retries=True, polls=2, gap=gap)
      for name, fault, gap in RATE_LIMITS),
    Row("always 429", always(429), RETRY, ChecksTimedOut, "at the deadline", retries=True, polls=12,
        cancels=1),

    # "Still running" is not an error, and no reason to hurry.
    Row("408 at once", responds(408, times=2), SUCCESS, polls=3, gap=1),
    Row("408 and an hour", responds(408, Retry_After="3600"), SUCCESS, polls=2, looks=0, gap=5),
    Row("408 of a proxy", responds(408, HTML), SUCCESS, polls=2, gap=1),
    Row("never ends", nothing, RETRY, ChecksTimedOut, "at the deadline", polls=2, looks=1, cancels=1,
        timeout=1.2, task=ENDLESS),
    Row("never ends, soft_fail", nothing, SKIPPED, None, "at the deadline", polls=0, looks=1, cancels=1,
        timeout=0.1, task=ENDLESS | {"soft_fail": True}),

    # Checkly refuses.
    Row("400", refuses(400), NO_RETRY, ChecklyRefused, "Checkly responded 400: Why."),
    Row("401", refuses(401), NO_RETRY, ChecklyAuthError, "Checkly responded 401: Why."),
    Row("401 in the middle", in_turn(responds(408), refuses(401)), NO_RETRY, ChecklyAuthError,
        "Checkly responded 401: Why.", polls=2),
    Row("402", refuses(402), NO_RETRY, ChecklyPlanLimit, "Checkly responded 402: Why."),
    Row("403", refuses(403), RETRY, ChecklyAuthError, "Checkly responded 403: Why."),
    Row("404 right after the trigger", responds(404), SUCCESS, polls=2, gap=1),
    Row("404 for good", refuses(404, times=None), NO_RETRY, ChecklyNotFound, "Checkly responded 404: Why.",
        polls=12, gap=1),
    Row("redirect", responds(307, Location="https://else.where"), RETRY, ChecklyRefused,
        "redirects to 'https://else.where'"),

    # What cannot be read is never success, but a retry continues with the same sessions.
    *(Row(name, broken(script), RETRY, ChecklyUnreadable, text) for name, script, text in UNREADABLE),
    Row("nested too deeply to store", broken(nested(600)), RETRY, ChecklyUnreadable, "levels of nesting"),
    Row("no end", broken(having(status="PROGRESS")), RETRY, ChecklyUnreadable, "its status is PROGRESS"),
    Row("another session", broken(having(checkSessionId=UNKNOWN)), RETRY, ChecklyUnreadable,
        "about another session"),

    # What is odd but readable does no harm.
    Row("10 MB", broken(edits_json(make_large)), SUCCESS),
    Row("nested, but readable", broken(nested(90)), SUCCESS),
    Row("reserved keys", broken(edits_json(add_reserved_keys)), SUCCESS),
]
AT_SENSOR: Final = [
    Row("refused", refused, RETRY, ChecklyUnreachable, NO_RESPONSE, retries=True, timeout=2),
    Row("refused at first", refused_at_first, SUCCESS, retries=True),
    Row("unknown host", unknown_host, RETRY, ChecklyUnreachable, "cannot be resolved", retries=True,
        timeout=2),
    Row("proxy down", proxy_down, RETRY, ChecklyUnreachable, NO_RESPONSE, retries=True, timeout=2),
    Row("proxy refuses", proxy_refuses, RETRY, ChecklyUnreachable, "proxy", retries=True, timeout=2),
    Row("certificate", untrusted_certificate, RETRY, ChecklyUnreachable, "is not trusted"),
    Row("no bundle", missing_bundle, RETRY, ChecklyUnreachable, "/no/such/file"),
    Row("no TLS", no_tls, RETRY, ChecklyUnreachable, "TLS handshake failed", retries=True, timeout=2),
    Row("never ends", nothing, NO_RETRY, ChecksTimedOut, "at the deadline", polls=2, timeout=0.1,
        task=ENDLESS),
]
# fmt: on


def ways(place: str, row: Row) -> tuple[str, ...]:
    """Return how a row is run; a user's own task has none of the operator's arguments."""
    return WAYS[place][:1] if place == TRIGGER and row.task else WAYS[place]


CASES: Final = [
    pytest.param(place, row, way, id=f"{place}: {row.name}, {way}")
    for place, rows in ((TRIGGER, AT_TRIGGER), (POLL, AT_POLL), (SENSOR, AT_SENSOR))
    for row in rows
    for way in ways(place, row)
]


@pytest.fixture
def scene(clock: VirtualClock, checkly: Emulator, tmp_path: Path) -> Iterator[Scene]:
    """An environment without proxies and certificates."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        yield Scene(checkly, clock, monkeypatch, tmp_path, stack)


def make_task(place: str, row: Row, way: str) -> BaseOperator:
    """Return the task of a row; the sessions that a sensor waits for are started."""
    waits: dict[str, Any] = {"deferrable": way == "deferred", "timeout": row.timeout}
    arguments = {"task_id": "task", "check_ids": PASSES, **waits, **row.task}
    if place != SENSOR:
        return ChecklyRunChecksOperator(**arguments)
    (started,) = ChecklyHook().trigger_check_sessions(arguments.pop("check_ids"))
    return ChecklyCheckSessionSensor(check_session_ids=[started["checkSessionId"]], **arguments)


def defer_and_resume(task: BaseOperator, where: Any) -> Any:
    """Run a deferrable task: up to its deferral, in the triggerer, and to its end."""
    deferred = defer(task, where)
    (event,) = events(stored(deferred.trigger))
    assert len(json.dumps(event)) < 64 * 1024
    assert '"__' not in json.dumps(event)
    return task.resume_execution(deferred.method_name, {**(deferred.kwargs or {}), "event": event}, where)


def trigger_in_async_task(row: Row) -> Any:
    """Trigger with aiohttp, as an `async def` task of the user's own may."""
    endpoint = endpoints.trigger_check_sessions("v2", [PASSES], [], refresh_cache=False)
    return asyncio.run(ChecklyHook().asend(endpoint, row.timeout))


def end_of(run: Callable[[], Any]) -> tuple[str, Any]:
    """Return the end of a task as Airflow sees it, and its value or error."""
    try:
        return SUCCESS, run()
    except AirflowSkipException as error:
        return SKIPPED, error
    except (AirflowFailException, AirflowSensorTimeout) as error:
        return NO_RETRY, error
    except ChecklyError as error:
        return RETRY, error


def check_end(row: Row, end: str, found: Any, way: str) -> None:
    """Compare the end, and the error or the sessions that come with it."""
    if way == "async task" and end == RETRY:  # there, the error tells what to do
        end = NO_RETRY if found.permanent else RETRY
    assert end == row.end, found
    assert row.text in str(found)
    assert len(str(found)) < 1_000 or end == SUCCESS
    if row.error:
        may_retry = end == RETRY or way == "async task"
        assert type(found) is (row.error if may_retry else NOT_RETRIED[row.error])
    if end == SUCCESS and way != "async task":
        assert [session["checkId"] for session in found] == [PASSES]
        assert len(json.dumps(found)) < 1024 * 1024
        assert '"__' not in json.dumps(found)


def check_xcom(row: Row, end: str, found: Any, xcom: dict[str, Any]) -> None:
    """Compare XCom `gate` and `report`, which are there after every end."""
    waits = row.task.get("wait_for_completion", True)
    outcomes = {SUCCESS: "passed" if waits else "skipped", SKIPPED: "skipped"}
    late = "timed_out" if row.error is ChecksTimedOut else "error"
    assert xcom["gate"]["outcome"] == outcomes.get(end, late)
    assert (
        xcom["gate"]["message"] in (str(found), "All 1 checks passed.", "1 check passed.") or end == SUCCESS
    )
    assert xcom["report"]


def check_requests(place: str, row: Row, end: str, scene: Scene) -> None:
    """Compare what Checkly was asked, how often and how fast, and what it started."""
    paths = [record.path for record in scene.checkly.requests]
    asked = [path.rpartition("/")[2] for path in paths]
    assert asked.count("trigger") == row.posts
    assert asked.count("completion") <= row.polls
    assert asked.count("cancel") == row.cancels
    looks = sum(re.fullmatch(r"/v2/check-sessions/[^/]{36}", path) is not None for path in paths)
    assert row.looks in (None, looks)
    runs = place != TRIGGER or end == SUCCESS if row.runs is None else row.runs
    assert len(scene.checkly.sessions) == runs
    times = [record.at for record in scene.checkly.requests if re.search(scene.place[1], record.path)]
    assert all(later - sooner >= row.gap for sooner, later in pairwise(times))


@pytest.mark.usefixtures("_defers_at_once", "_no_garbage_collection")
@pytest.mark.parametrize(("place", "row", "way"), CASES)
def test_what_a_user_sees(
    place: str, row: Row, way: str, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.place = PLACES[place]
    task, ti, store = make_task(place, row, way), TaskInstance(), Store()
    row.fault(scene)
    run = {
        "worker": lambda: task.execute(context(ti, store)),
        "deferred": lambda: defer_and_resume(task, context(ti, store)),
        "async task": lambda: trigger_in_async_task(row),
    }
    end, found = end_of(run[way])
    check_end(row, end, found, way)
    check_requests(place, row, end, scene)
    assert row.retries in (None, "Retrying in" in caplog.text)
    assert scene.checkly.api_key not in f"{found!r} {ti.xcom} {caplog.text}"
    if way != "async task":
        check_xcom(row, end, found, ti.xcom)
    if place == TRIGGER and way == "worker" and end == RETRY:
        scene.repair()
        retry = ChecklyRunChecksOperator(task_id="task", check_ids=PASSES, wait_for_completion=False)
        retry.execute(context(TaskInstance(try_number=2), store))
        assert ("its sessions may still be running" in caplog.text) is row.warns
