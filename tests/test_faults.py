"""What a user sees of each fault, in one table: while checks are triggered, and while a task waits for them.

Each row is run over both transports. A fault at the trigger strikes the operator (requests) and the hook's
awaitable method (aiohttp); a fault at a poll strikes a task that waits on its worker (requests) and one that
is deferred (aiohttp); so does one at all that a sensor asks. Pauses are shorter than in life: see PAUSES.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.utils import formatdate
from importlib import import_module
from itertools import pairwise
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Final

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow_runner import Store, TaskInstance, context, defer, events, stored
from tenacity import wait_fixed
from wires import OK, Front, Script, drips, edits, edits_json, resets_after, says, sends, speak_tls

from airflow_provider_checkly import api
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

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.providers.common.compat.sdk import BaseOperator

    from airflow_provider_checkly.emulator import Emulator
    from airflow_provider_checkly.emulator.faults import FaultFields

CHECK: Final = "c0000000-0000-4000-8000-000000000001"
STUCK: Final = {"check_ids": "c0000000-0000-4000-8000-000000000007"}
GONE: Final = "dddddddd-0000-4000-8000-000000000001"
SOFT: Final = {"soft_fail": True}

PAUSES: Final[dict[str, Any]] = {
    "MARGIN": 0.4,  # 20 s: how much longer an answer may take than Checkly may hold it
    "GRACE": 0.4,  # 10 s: how long a new session may be unknown
    "LAST_LOOK": 0.4,  # 60 s: how long the last look at the deadline is repeated
    "START_SECONDS": 0,  # 60 s: how long Checkly may take to start checks, beyond MARGIN
    "EARLY_PAUSE": 0.2,  # 1 s: after a 408 that came at once
    "LONGEST_408_PAUSE": 0.3,  # 5 s: a 408 that asks for more is asked again after it
    "LONGEST_PAUSE": 0.2,  # 60 s: any other answer that asks for more is asked again after it
    "WINDOW": 0.2,  # 60 s: the same, for all deferred waits of an account
    "PAUSE": 0.05,  # 5 s: after a 429 that does not say how long, for all deferred waits of an account
    "_back_off": wait_fixed(0.05),  # growing from 0.5 s to 30 s: where Checkly does not say how long
}
SUCCESS: Final = "success"
SKIPPED: Final = "skipped"
RETRY: Final = "fails, Airflow may retry"
NO_RETRY: Final = "fails without a retry"
PLAIN: Final = "fails with a plain ChecklyError"

TRIGGER: Final = "trigger"
POLL: Final = "poll"
SENSOR: Final = "sensor"
PLACES: Final[dict[str, FaultFields]] = {
    TRIGGER: {"method": "POST", "path": "/trigger$"},
    POLL: {"method": "GET", "path": "/completion$"},
    SENSOR: {"method": "GET", "path": "/check-sessions/"},
}
WAYS: Final = {
    TRIGGER: ("worker", "awaited"),
    POLL: ("worker", "deferred"),
    SENSOR: ("worker", "deferred"),
}
PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")
BUNDLES: Final = ("ssl_cert_file", "requests_ca_bundle", "curl_ca_bundle")


# Ways to make trouble


@dataclass
class Scene:
    """Where a row is played."""

    checkly: Emulator
    place: FaultFields
    monkeypatch: pytest.MonkeyPatch
    folder: Path
    stack: ExitStack

    def connect(self, host: str) -> None:
        """Let the connection lead somewhere else."""
        connection = {**json.loads(self.checkly.connection_json), "host": host}
        self.monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", json.dumps(connection))

    def heal(self) -> None:
        """Let all be well again."""
        self.checkly.clear()
        self.monkeypatch.undo()

    def serve(self, front: Front) -> Front:
        """Let something stand between the task and Checkly."""
        return self.stack.enter_context(front)

    def use_proxy(self, name: str, port: int) -> None:
        """Let the environment name a proxy."""
        self.monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        for each in ("no_proxy", "NO_PROXY"):
            self.monkeypatch.delenv(each)

    def closed_port(self) -> int:
        """Find a port where nobody listens, unless with SO_REUSEADDR, as servers do."""
        taken = self.stack.enter_context(socket.socket())
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


Fault = Callable[[Scene], object]


def emulated(**fields: Any) -> Fault:
    """Let the emulator do it; see `emulator.faults.Fault`."""
    return lambda scene: scene.checkly.fail(**{**scene.place, **fields})


def answers(status: int, body: object = None, *, times: int | None = 1, **headers: str) -> Fault:
    """Answer in place of Checkly, which does not act; names of headers have underscores here."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return emulated(status=status, body=body, times=times, headers=names)


def wire(script: Script, times: int | None = 1) -> Fault:
    """Let the connection do it."""

    def fault(scene: Scene) -> None:
        place = scene.place["method"] or "", scene.place["path"]
        front = scene.serve(Front(scene.checkly, script, place, times=times))
        scene.connect(f"http://127.0.0.1:{front.server_port}")

    return fault


def in_turn(*faults: Fault) -> Fault:
    """Let the first request meet the first fault, and so on."""
    return lambda scene: [fault(scene) for fault in faults]


def nothing(_: Scene) -> None:
    """Let all be well."""


def refuses(scene: Scene) -> None:
    scene.connect(f"http://127.0.0.1:{scene.closed_port()}")


def refuses_at_first(scene: Scene) -> None:
    port = scene.closed_port()
    timer = threading.Timer(0.3, lambda: scene.serve(Front(scene.checkly, port=port)))
    timer.start()
    scene.stack.callback(timer.join)
    scene.connect(f"http://127.0.0.1:{port}")


def no_such_name(scene: Scene) -> None:
    scene.connect("https://checkly.invalid")


def proxy_down(scene: Scene) -> None:
    scene.use_proxy("http_proxy", scene.closed_port())


def proxy_refuses(scene: Scene) -> None:
    says_no = says(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
    proxy = scene.serve(Front(scene.checkly, says_no, ("CONNECT", ""), times=None))
    scene.use_proxy("https_proxy", proxy.server_port)
    scene.connect("https://checkly.example.com")


def speaks_no_tls(scene: Scene) -> None:
    scene.connect(scene.checkly.url.replace("http:", "https:"))


def strange_certificate(scene: Scene) -> None:
    front = Front(scene.checkly)
    speak_tls(front, scene.folder)
    scene.connect(f"https://127.0.0.1:{scene.serve(front).server_port}")


def no_bundle(scene: Scene) -> None:
    scene.monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file.pem")


def for_ever(status: int, **headers: str) -> Fault:
    """Answer all requests of the kind, the last look too."""
    return emulated(path="/check-sessions/", status=status, times=None, headers=headers)


def asks_for_a_date(scene: Scene) -> None:
    answers(429, Retry_After=formatdate(time.time() + 100, usegmt=True))(scene)


TROUBLE: Final = (500, 502, 503, 504)
TOO_MANY: Final[list[tuple[str, Fault, float]]] = [
    ("a second", answers(429, Retry_After="1"), 0.2),
    ("a date", asks_for_a_date, 0.2),
    ("a year", answers(429, Retry_After="31536000"), 0.2),
    ("negative", answers(429, Retry_After="-5"), 0.05),
    ("missing", answers(429), 0.05),
]

# What comes as the answer

NO_ANSWER: Final = "no whole answer from http"
HTML: Final = "<html><h1>Bad Gateway</h1></html>"
WHY: Final = {"statusCode": 400, "error": "No", "message": "Why."}
DRIP: Final = drips(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", pause=0.045)
HALF: Final = OK + b"Content-Length: 100\r\n\r\n{"


def deep(levels: int) -> Script:
    """Nest something, but only so deep that a parser of JSON still bears it."""
    return edits(lambda body: body[:-1] + b', "x": ' + b"[" * levels + b"]" * levels + b"}")


def big(session: dict[str, Any]) -> None:
    """Make it 10 MB, in the results, where Checkly keeps what is large."""
    session["results"] = [{"resultType": "FINAL", "padding": "x" * 10_000_000}]


def reserved(session: dict[str, Any]) -> None:
    """Add the keys by which Airflow's serializers know what a dict stands for."""
    session |= {"__classname__": "os.system", "__id__": "x", "in": [{"__type": "dict", "__var": {}}]}


def without(name: str) -> Script:
    return edits_json(lambda session: session.pop(name))


def having(**fields: object) -> Script:
    return edits_json(lambda session: session.update(fields))


ODD: Final[list[tuple[str, Script, str]]] = [
    ("HTML", edits(lambda _: HTML.encode()), "no JSON"),
    ("nothing", edits(lambda _: b""), "no JSON"),
    ("40 MB", edits(lambda body: body + b" " * 40_000_000), "larger than 32 MiB"),
    ("deep JSON", edits(lambda _: b"[" * 100_000), "no JSON"),
    ("not UTF-8", edits(lambda body: body[:-1] + b', "x": "\xff"}'), "no JSON"),
    ("NaN", edits(lambda body: body[:-1] + b', "x": NaN}'), "NaN is no JSON"),
    ("a field twice", edits(lambda body: b'{"status": "FAILED", "sessions": [], ' + body[1:]), "twice"),
    ("a list", edits(lambda body: b"[" + body + b"]"), "no JSON object"),
    ("no status", without("status"), "without status"),
    ("no check", without("checkId"), "without checkId"),
    ("no id", without("checkSessionId"), "without checkSessionId"),
    ("a strange id", having(checkSessionId="../1"), "is no UUID"),
    ("a strange status", having(status="NEW"), "unknown status 'NEW'"),
]


@dataclass(frozen=True)
class Row:
    """One fault, and what a user sees of it.

    :param where: at a trigger, at the first poll of a wait, or at all that a sensor asks.
    :param error: the class of the error, and `text` a part of what it says.
    :param again: whether the same request is sent again, as the log says; None: one transport does.
    :param posts: how often a trigger was sent.
    :param runs: how many sessions run at Checkly in the end; None: one, but for a trigger that fails.
    :param polls: how many long polls were sent, at most.
    :param cancels: how many sessions were cancelled.
    :param warns: whether a retry warns that sessions may already run, and triggers again.
    :param gap: seconds between the first of these requests and the next, at least.
    :param within: seconds that it may take, generously.
    :param timeout: seconds that the task gets.
    :param task: more of its arguments.
    """

    fault: str
    where: str
    does: Fault
    end: str
    error: type[ChecklyError] | None = None
    text: str = ""
    again: bool | None = False
    posts: int = 1
    runs: int | None = None
    polls: int = 1
    cancels: int = 0
    warns: bool = False
    gap: float = 0
    within: float = 10
    timeout: float = 20
    task: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.where}: {self.fault}"


# fmt: off
TABLE = [
    # No connection. Surely nothing was taken, so it is tried again until the time is up.
    Row("refused", TRIGGER, refuses, RETRY, ChecklyUnreachable, NO_ANSWER, again=True, posts=0, timeout=0.2),
    Row("refused", SENSOR, refuses, RETRY, ChecklyUnreachable, NO_ANSWER, again=True, timeout=0.1),
    Row("refused at first", TRIGGER, refuses_at_first, SUCCESS, again=True),
    Row("refused at first", SENSOR, refuses_at_first, SUCCESS, again=True),
    Row("no such name", TRIGGER, no_such_name, RETRY, ChecklyUnreachable, "invalid", again=True, posts=0,
        timeout=0.2),
    Row("no such name", SENSOR, no_such_name, RETRY, ChecklyUnreachable, "invalid", again=True, timeout=0.1),
    Row("proxy down", TRIGGER, proxy_down, RETRY, ChecklyUnreachable, NO_ANSWER, again=True, posts=0,
        timeout=0.2),
    Row("proxy down", SENSOR, proxy_down, RETRY, ChecklyUnreachable, NO_ANSWER, again=True, timeout=0.1),
    Row("proxy refuses", TRIGGER, proxy_refuses, RETRY, ChecklyUnreachable, "407", again=True, posts=0,
        timeout=0.2),
    Row("proxy refuses", SENSOR, proxy_refuses, RETRY, ChecklyUnreachable, "407", again=True, timeout=0.1),

    # No connection, and no hope: a setting is wrong.
    Row("certificate", TRIGGER, strange_certificate, RETRY, ChecklyUnreachable, "self-signed", posts=0),
    Row("certificate", SENSOR, strange_certificate, RETRY, ChecklyUnreachable, "self-signed"),
    Row("no bundle", TRIGGER, no_bundle, RETRY, ChecklyUnreachable, "/no/such/file", posts=0),
    Row("no bundle", SENSOR, no_bundle, RETRY, ChecklyUnreachable, "/no/such/file"),

    # No whole answer. Checkly may have taken a trigger, so it is not sent twice; a poll is. (Three polls go
    # wrong here, since aiohttp itself repeats a GET once, without a word, if its connection is lost.)
    Row("no TLS", TRIGGER, speaks_no_tls, RETRY, ChecklyUnreachable, "SSL", again=None, posts=0,
        timeout=0.2, warns=True),
    Row("no TLS", SENSOR, speaks_no_tls, RETRY, ChecklyUnreachable, "SSL", again=True, timeout=0.1),
    Row("dropped before", TRIGGER, emulated(drop="before"), RETRY, ChecklyUnreachable, NO_ANSWER, warns=True),
    Row("dropped before", POLL, emulated(drop="before", times=3), SUCCESS, again=True, polls=4),
    Row("dropped after", TRIGGER, emulated(drop="after"), RETRY, ChecklyUnreachable, NO_ANSWER, runs=1,
        warns=True),
    Row("dropped after", POLL, emulated(drop="after", times=3), SUCCESS, again=True, polls=4),
    Row("half a head", TRIGGER, emulated(drop="headers"), RETRY, ChecklyUnreachable, NO_ANSWER, runs=1,
        warns=True),
    Row("half a head", POLL, emulated(drop="headers", times=3), SUCCESS, again=True, polls=4),
    Row("half a body", TRIGGER, emulated(drop="body"), RETRY, ChecklyUnreachable, NO_ANSWER, runs=1,
        warns=True),
    Row("half a body", POLL, emulated(drop="body", times=3), SUCCESS, again=True, polls=4),
    Row("reset before", TRIGGER, wire(resets_after(b"")), RETRY, ChecklyUnreachable, "reset", runs=1,
        warns=True),
    Row("reset before", POLL, wire(resets_after(b""), 3), SUCCESS, again=True, polls=4),
    Row("reset in the head", TRIGGER, wire(resets_after(OK)), RETRY, ChecklyUnreachable, NO_ANSWER, runs=1,
        warns=True),
    Row("reset in the head", POLL, wire(resets_after(OK), 3), SUCCESS, again=True, polls=4),
    Row("reset in the body", TRIGGER, wire(resets_after(HALF)), RETRY, ChecklyUnreachable, NO_ANSWER,
        runs=1, warns=True),
    Row("reset in the body", POLL, wire(resets_after(HALF), 3), SUCCESS, again=True, polls=4),
    Row("body too short", TRIGGER, wire(sends(length=9)), RETRY, ChecklyUnreachable, NO_ANSWER, runs=1,
        warns=True),
    Row("body too short", POLL, wire(sends(length=9), 3), SUCCESS, again=True, polls=4),
    Row("body too long", TRIGGER, wire(sends(length=-9)), NO_RETRY, ChecklyUnreadable, "no JSON", runs=1),
    Row("body too long", POLL, wire(sends(length=-9)), RETRY, ChecklyUnreadable, "no JSON"),

    # Slow, or silent. An answer may take so long and no longer; at the deadline a last look decides.
    Row("no answer", TRIGGER, emulated(delay=9), RETRY, ChecklyUnreachable, NO_ANSWER, within=6, warns=True),
    Row("no answer", POLL, emulated(delay=9), SUCCESS, within=6, timeout=1.2),
    Row("a drip", TRIGGER, emulated(drip=0.05), RETRY, ChecklyUnreachable, NO_ANSWER, runs=1, within=6,
        warns=True),
    Row("a drip", POLL, emulated(drip=0.05), SUCCESS, within=6, timeout=1.2),
    Row("a head that drips", TRIGGER, wire(DRIP), RETRY, ChecklyUnreachable, NO_ANSWER, runs=1, warns=True),
    Row("a head that drips", POLL, wire(DRIP), SUCCESS, timeout=1.2),

    # Trouble at Checkly or before it. Checkly may have taken a trigger, so it is not sent twice; a poll is.
    *(Row(f"{n} in HTML", TRIGGER, answers(n, HTML), RETRY, ChecklyRefused, f"answered {n}: '<html>",
          warns=True) for n in TROUBLE),
    *(Row(f"{n}, but taken", TRIGGER, emulated(status=n, processed=True), RETRY, ChecklyRefused,
          f"answered {n}", runs=1, warns=True) for n in TROUBLE),
    *(Row(f"{n} in HTML", POLL, answers(n, HTML, times=2), SUCCESS, again=True, polls=3) for n in TROUBLE),
    Row("500 for ever", POLL, answers(500, times=None), RETRY, ChecklyRefused, "answered 500", again=True,
        polls=4),
    Row("502 to the deadline", POLL, answers(502, times=None), SUCCESS, again=True, polls=30, timeout=1.2),
    Row("502 for ever", POLL, for_ever(502), RETRY, ChecklyRefused, "answered 502", again=True, timeout=0.1),

    # Too many requests: surely not taken. Checkly says when to ask again; within reason that is obeyed.
    *(Row(f"429, {name}", TRIGGER, fault, SUCCESS, again=True, posts=2, gap=gap)
      for name, fault, gap in TOO_MANY),
    *(Row(f"429, {name}", POLL, fault, SUCCESS, again=True, polls=2, gap=gap)
      for name, fault, gap in TOO_MANY),
    Row("429 for ever", TRIGGER, for_ever(429, **{"Retry-After": "60"}), RETRY, ChecklyRateLimited,
        "answered 429", again=True, posts=2, timeout=0.2),
    Row("429 for ever", POLL, for_ever(429), RETRY, ChecksTimedOut, "at the deadline", again=True, cancels=1,
        timeout=0.1),

    # "Still running", as Checkly's documents say it, is no error, and nothing to hurry about.
    Row("408", TRIGGER, answers(408), RETRY, ChecklyRefused, "answered 408"),
    Row("408 at once", POLL, answers(408, times=2), SUCCESS, polls=3, gap=0.2),
    Row("408 and an hour", POLL, answers(408, Retry_After="3600"), SUCCESS, polls=2, gap=0.3),
    Row("never ends", POLL, nothing, RETRY, ChecksTimedOut, "at the deadline", polls=2, cancels=1,
        timeout=1.2, task=STUCK),
    Row("never ends, soft_fail", POLL, nothing, SKIPPED, None, "at the deadline", polls=2, cancels=1,
        timeout=0.1, task=STUCK | SOFT),
    Row("never ends", SENSOR, nothing, NO_RETRY, ChecksTimedOut, "at the deadline", polls=2, timeout=0.1,
        task=STUCK),

    # Checkly says no.
    Row("400", TRIGGER, answers(400, WHY), NO_RETRY, ChecklyRefused, "answered 400: Why"),
    Row("400", POLL, answers(400, WHY), NO_RETRY, ChecklyRefused, "answered 400: Why"),
    Row("401", TRIGGER, answers(401, WHY), NO_RETRY, ChecklyAuthError, "answered 401: Why"),
    Row("401 in the middle", POLL, in_turn(answers(408), answers(401, WHY)), NO_RETRY, ChecklyAuthError,
        "answered 401: Why", polls=2),
    Row("402", TRIGGER, answers(402, WHY), NO_RETRY, ChecklyPlanLimit, "answered 402: Why"),
    Row("402", POLL, answers(402, WHY), NO_RETRY, ChecklyPlanLimit, "answered 402: Why"),
    Row("403", TRIGGER, answers(403, WHY), RETRY, ChecklyAuthError, "answered 403: Why"),
    Row("403", POLL, answers(403, WHY), RETRY, ChecklyAuthError, "answered 403: Why"),
    Row("404", TRIGGER, answers(404, WHY), NO_RETRY, NoMatchingChecks, "answered 404: Why"),
    Row("404, on_no_match", TRIGGER, answers(404, WHY), SKIPPED, None, "answered 404: Why",
        task={"on_no_match": "skip"}),
    Row("404 right after the trigger", POLL, answers(404), SUCCESS, polls=2, gap=0.2),
    Row("404 for good", POLL, answers(404, WHY, times=None), NO_RETRY, ChecklyNotFound, "answered 404: Why",
        polls=5),
    Row("redirect", TRIGGER, answers(307, Location="https://else.where"), RETRY, ChecklyRefused,
        "points to 'https://else.where'"),
    Row("redirect", POLL, answers(307, Location="https://else.where"), RETRY, ChecklyRefused,
        "points to 'https://else.where'"),

    # What is not understood is never success. A trigger has no retry then: it would start checks twice.
    *(Row(name, TRIGGER, wire(script), NO_RETRY, ChecklyUnreadable, text, runs=1)
      for name, script, text in ODD),
    *(Row(name, POLL, wire(script), RETRY, ChecklyUnreadable, text) for name, script, text in ODD),
    Row("too deep to copy", POLL, wire(deep(600)), RETRY, ChecklyUnreadable, "check-sessions"),
    Row("no list of sessions", TRIGGER, answers(201, {"sessions": None}), NO_RETRY, ChecklyUnreadable,
        "without a list"),
    Row("no sessions", TRIGGER, answers(201, {"sessions": []}), NO_RETRY, NoMatchingChecks,
        "started no session"),
    Row("a deleted check", TRIGGER, nothing, NO_RETRY, ChecksNotRun, GONE, runs=1,
        task={"check_ids": [CHECK, GONE]}),
    Row("no end", POLL, wire(having(status="PROGRESS")), RETRY, ChecklyUnreadable, "its status is PROGRESS"),
    Row("another session", POLL, wire(having(checkSessionId=GONE)), RETRY, ChecklyUnreadable,
        "about another session"),

    # What is odd, but understood, does no harm.
    Row("10 MB", TRIGGER, wire(edits_json(big)), SUCCESS),
    Row("10 MB", POLL, wire(edits_json(big)), SUCCESS),
    Row("deep, but readable", TRIGGER, wire(deep(90)), SUCCESS),
    Row("deep, but readable", POLL, wire(deep(90)), SUCCESS),
    Row("reserved keys", TRIGGER, wire(edits_json(reserved)), SUCCESS, polls=0,
        task={"wait_for_completion": False}),
    Row("reserved keys", POLL, wire(edits_json(reserved)), SUCCESS),
]
# fmt: on


def ways(row: Row) -> list[str]:
    """Return how a row is run: the hook knows few of the operator's arguments."""
    return [way for way in WAYS[row.where] if way != "awaited" or row.task.keys() <= {"check_ids"}]


CASES = [pytest.param(row, way, id=f"{row}, {way}") for row in TABLE for way in ways(row)]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses, wherever in the package they are."""
    for found in iter_modules(api.__path__, f"{api.__name__}."):
        import_module(found.name)
    ours = [module for name, module in sys.modules.items() if name.startswith("airflow_provider_checkly")]
    for name, value in PAUSES.items():
        places = [module for module in ours if hasattr(module, name)]
        assert places, f"no module has {name}"
        for module in places:
            monkeypatch.setattr(module, name, value)


@pytest.fixture
def scene(checkly: Emulator, tmp_path: Path) -> Iterator[Scene]:
    """An environment that names neither proxies nor certificates."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as monkeypatch:
        for name in (*PROXIES, *BUNDLES):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        yield Scene(checkly, {}, monkeypatch, tmp_path, stack)


def the_task(row: Row, way: str) -> BaseOperator:
    """Return the task of a row; what a sensor waits for is started."""
    waits: dict[str, Any] = {"deferrable": way == "deferred", "timeout": row.timeout}
    arguments = {"task_id": "task", "check_ids": CHECK, **waits, **row.task}
    if row.where != SENSOR:
        return ChecklyRunChecksOperator(**arguments)
    started = ChecklyHook().trigger_check_sessions(arguments.pop("check_ids"))
    return ChecklyCheckSessionSensor(check_session_ids=[str(started[0]["checkSessionId"])], **arguments)


def resume(task: BaseOperator) -> Any:
    """Run a deferrable task: up to its deferral, in the triggerer, and to its end."""
    where = context()
    deferred = defer(task, where)
    (event,) = events(stored(deferred.trigger))
    assert len(json.dumps(event)) < 64 * 1024
    assert '"__' not in json.dumps(event)
    return task.resume_execution(deferred.method_name, {**(deferred.kwargs or {}), "event": event}, where)


def trigger_and_await(row: Row) -> Any:
    """Trigger over aiohttp, as a task of the user's own may."""
    check_ids = row.task.get("check_ids", CHECK)
    return asyncio.run(ChecklyHook().atrigger_check_sessions(check_ids, timeout=row.timeout))


def end_of(run: Callable[[], Any]) -> tuple[str, Any]:
    """Return how it ends, as Airflow would see it, and the value or the error."""
    try:
        return SUCCESS, run()
    except AirflowSkipException as error:
        return SKIPPED, error
    except (AirflowFailException, AirflowSensorTimeout) as error:
        return NO_RETRY, error
    except AirflowException as error:
        return RETRY, error
    except ChecklyError as error:
        return PLAIN, error


def look_at_the_end(row: Row, end: str, found: Any, *, awaited: bool) -> None:
    """The task's end, and the error or the result that comes with it."""
    assert end == (PLAIN if awaited and row.end != SUCCESS else row.end), found
    assert row.text in str(found)
    if row.error:
        assert isinstance(found, row.error)
        assert type(found).__name__ == row.error.__name__
    if end == PLAIN:
        assert found.permanent is (row.end != RETRY)
    if end == SUCCESS and not awaited:
        assert [session["checkId"] for session in found] == [CHECK]
        assert len(json.dumps(found)) < 1024 * 1024
        assert '"__' not in json.dumps(found)
    if end != SUCCESS:
        assert len(str(found)) < 1_000


def look_at_what_was_asked(row: Row, end: str, scene: Scene) -> None:
    """What Checkly was asked, how often and how fast, and what it started."""
    asked = [each.path.rpartition("/")[2] for each in scene.checkly.requests]
    assert asked.count("trigger") == row.posts
    assert asked.count("completion") <= row.polls
    assert asked.count("cancel") == row.cancels
    runs = row.where != TRIGGER or end == SUCCESS if row.runs is None else row.runs
    assert len(scene.checkly.sessions) == runs
    at = [each.at for each in scene.checkly.requests if re.search(scene.place["path"], each.path)]
    assert all(later - sooner >= row.gap for sooner, later in pairwise(at))


@pytest.mark.usefixtures("_defers_at_once")
@pytest.mark.parametrize(("row", "way"), CASES)
def test_what_a_user_sees(row: Row, way: str, scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.place = PLACES[row.where]
    task = the_task(row, way)
    row.does(scene)
    began, store = time.monotonic(), Store()
    run = {
        "worker": lambda: task.execute(context(store=store)),
        "deferred": lambda: resume(task),
        "awaited": lambda: trigger_and_await(row),
    }
    end, found = end_of(run[way])
    assert time.monotonic() - began < row.within
    look_at_the_end(row, end, found, awaited=way == "awaited")
    assert row.again in (None, "Next try in" in caplog.text)
    assert scene.checkly.api_key not in f"{found!r} {caplog.text}"
    look_at_what_was_asked(row, end, scene)
    if row.where == TRIGGER and end == RETRY:
        scene.heal()
        ChecklyRunChecksOperator(task_id="task", check_ids=CHECK, wait_for_completion=False).execute(
            context(TaskInstance(try_number=2), store)
        )
        assert ("sessions may already run" in caplog.text) is row.warns
