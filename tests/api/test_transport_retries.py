"""Requests that are sent again, requests that never are, and whole waits, over both transports."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from raw_http import RawServer, edits_json

from airflow_provider_checkly import exceptions
from airflow_provider_checkly.api import endpoints, models, transport
from airflow_provider_checkly.api.endpoints import SessionEndpoints, StillRunning
from airflow_provider_checkly.api.http import Credentials
from airflow_provider_checkly.api.models import CHECK_SESSION
from airflow_provider_checkly.api.polling import Polling
from airflow_provider_checkly.emulator import Check, Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Client
    from virtual_clock import VirtualClock

    from airflow_provider_checkly.api.polling import Steps, WaitResult
    from airflow_provider_checkly.emulator.faults import FaultFields

QUICK = "c0000000-0000-4000-8000-000000000001"
FAILS = "c0000000-0000-4000-8000-000000000002"
SLOW = "c0000000-0000-4000-8000-000000000003"
STUCK = "c0000000-0000-4000-8000-000000000004"
CHECKS = (
    Check(id=QUICK, name="Quick", seconds=0),
    Check(id=FAILS, name="Fails", seconds=0.2, outcome="failed"),
    Check(id=SLOW, name="Slow", seconds=0.6),
    Check(id=STUCK, name="Stuck", checkType="PLAYWRIGHT", outcome="never"),
)
SESSIONS = SessionEndpoints(CHECK_SESSION)


@pytest.fixture
def checkly() -> Iterator[Emulator]:
    with Emulator(CHECKS) as emulator:
        yield emulator


def credentials_of(checkly: Emulator) -> Credentials:
    return Credentials(checkly.url, checkly.account_id, checkly.api_key)


def trigger(*check_ids: str) -> endpoints.Endpoint[Any]:
    return endpoints.trigger_check_sessions("v2", check_ids, [], refresh_cache=False)


def started(checkly: Emulator, *check_ids: str) -> list[str]:
    """Start checks, and return the ids of their sessions in that order."""
    with transport.requests_sender(credentials_of(checkly), 5) as sender:
        found = transport.send(sender, trigger(*check_ids), 5)
    by_check = {session["checkId"]: session["checkSessionId"] for session in found}
    checkly.clear()
    return [by_check[check_id] for check_id in check_ids]


def statuses(result: WaitResult) -> list[str]:
    return [str(session["status"]) for session in result.sessions or ()]


def retries(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged of requests that were sent again."""
    return [one.getMessage() for one in caplog.records if one.name == "airflow_provider_checkly.api.retry"]


def wait_for(ids: list[str], seconds: float) -> Steps:
    return Polling(CHECK_SESSION, ids).steps(SESSIONS, time.time() + seconds)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("faults", "times"),
    [
        ([{"status": 502, "times": 4}], 5),
        ([{"status": 503, "times": 2}, {"status": 504, "times": 2}], 5),
        ([{"status": 500, "times": 3}], 4),
        ([{"status": 408}], 2),
        ([{"status": 429, "headers": {"Retry-After": "0"}, "times": 3}], 4),
        ([{"status": 503, "headers": {"Retry-After": "0"}}], 2),
        ([{"status": 502, "body": "<html>Bad Gateway</html>", "headers": {"Content-Type": "text/html"}}], 2),
        ([{"drop": "body", "times": 2}], 3),
        ([{"drop": "before", "times": 2}, {"drop": "headers", "times": 2}], 5),
    ],
)
def test_a_request_is_repeated_until_it_succeeds(
    client: Client, checkly: Emulator, faults: list[FaultFields], times: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Each retry is logged with its cause."""
    for fault in faults:
        checkly.fail(**fault)
    assert client.send(credentials_of(checkly), endpoints.get_account())["id"] == checkly.account_id
    assert len(checkly.requests) == times
    ours = retries(caplog)
    assert ours
    assert all(text.startswith("GET /v1/accounts/me: ") and "Retrying in " in text for text in ours)
    assert checkly.api_key not in caplog.text


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("fault", "kind", "times"),
    [
        ({"status": 500}, exceptions.ChecklyRefused, 4),
        ({"status": 400}, exceptions.ChecklyRefused, 1),
        ({"status": 401}, exceptions.ChecklyAuthError, 1),
        ({"status": 402}, exceptions.ChecklyPlanLimit, 1),
        ({"status": 403}, exceptions.ChecklyAuthError, 1),
        ({"status": 404}, exceptions.ChecklyNotFound, 1),
        ({"status": 200, "body": "<html>"}, exceptions.ChecklyUnreadable, 1),
        ({"status": 200, "body": []}, exceptions.ChecklyUnreadable, 1),
    ],
)
def test_errors_that_a_retry_does_not_mend(
    client: Client, checkly: Emulator, fault: FaultFields, kind: type[exceptions.ChecklyError], times: int
) -> None:
    checkly.fail(**fault, times=None)
    with pytest.raises(kind):
        client.send(credentials_of(checkly), endpoints.get_account())
    assert len(checkly.requests) == times


@pytest.mark.usefixtures("clock")
def test_retries_end_when_the_time_is_up(client: Client, checkly: Emulator) -> None:
    checkly.fail(status=503, times=None)
    with pytest.raises(exceptions.ChecklyRefused, match="responded 503"):
        client.send(credentials_of(checkly), endpoints.get_account(), retry_seconds=60)
    assert 6 <= len(checkly.requests) <= 9


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "fault",
    [
        *({"status": status, "processed": True} for status in (408, 500, 502, 503, 504)),
        {"status": 503, "processed": True, "headers": {"Retry-After": "0"}},
        *({"drop": drop, "processed": True} for drop in ("after", "headers", "body")),
    ],
)
def test_a_processed_trigger_is_not_sent_again(client: Client, checkly: Emulator, fault: FaultFields) -> None:
    """Checkly started the check, but the response was lost."""
    checkly.fail(path="trigger", **fault)
    with pytest.raises((exceptions.ChecklyRefused, exceptions.ChecklyUnreachable)):
        client.send(credentials_of(checkly), trigger(QUICK))
    assert (len(checkly.requests), len(checkly.sessions)) == (1, 1)


def test_a_lost_trigger_is_not_sent_again_even_if_it_never_arrived(client: Client, checkly: Emulator) -> None:
    """The client cannot tell the difference."""
    checkly.fail(path="trigger", drop="before")
    with pytest.raises(exceptions.ChecklyUnreachable):
        client.send(credentials_of(checkly), trigger(QUICK))
    assert (len(checkly.requests), len(checkly.sessions)) == (1, 0)


@pytest.mark.usefixtures("clock")
def test_a_rate_limited_trigger_is_sent_again(client: Client, checkly: Emulator) -> None:
    """A 429 was definitely not processed; Retry-After is obeyed."""
    checkly.fail(path="trigger", status=429, headers={"Retry-After": "1"})
    (session,) = client.send(credentials_of(checkly), trigger(QUICK))
    assert session["checkId"] == QUICK
    assert (len(checkly.requests), len(checkly.sessions)) == (2, 1)
    first, second = (record.at for record in checkly.requests)
    assert second - first >= 1


def test_a_refused_trigger_is_sent_again(client: Client, closed_port: int, clock: VirtualClock) -> None:
    """A refused connection was definitely not processed."""
    checkly = Emulator(CHECKS, host_port=closed_port)
    with ExitStack() as stack:
        clock.call_after(1, lambda: stack.enter_context(checkly))
        credentials = Credentials(f"http://127.0.0.1:{closed_port}", checkly.account_id, checkly.api_key)
        assert client.send(credentials, trigger(QUICK))[0]["checkId"] == QUICK
    assert (len(checkly.requests), len(checkly.sessions)) == (1, 1)


@pytest.mark.usefixtures("clock")
def test_a_cancel_is_sent_again(client: Client, checkly: Emulator) -> None:
    """Cancelling twice does no harm."""
    (session_id,) = started(checkly, STUCK)
    checkly.fail(path="cancel", drop="after")
    assert client.send(credentials_of(checkly), SESSIONS.cancel(session_id)) is None
    assert [record.status for record in checkly.requests] == [None, 204]


def test_a_poll_may_take_as_long_as_checkly_holds_it_back(
    client: Client, checkly: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """The limit is the hold and a margin, so a held poll is not a network error."""
    (session_id,) = started(checkly, STUCK)
    answer = client.send(credentials_of(checkly), SESSIONS.completion(session_id, 2), margin=1)
    assert answer == StillRunning(0, early=False)
    assert (len(checkly.requests), retries(caplog)) == (1, [])


@pytest.mark.usefixtures("clock")
def test_a_wait_for_several_sessions(
    client: Client, checkly: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """All ends are noticed in spite of errors; results keep the order of the ids."""
    caplog.set_level(logging.INFO, "airflow_provider_checkly")
    ids = started(checkly, SLOW, QUICK, FAILS)
    checkly.fail(path="completion", status=502, times=4)
    checkly.fail(path="completion", drop="before")
    result = client.run(credentials_of(checkly), wait_for(ids, 20))
    assert [session["checkSessionId"] for session in result.final] == ids
    assert statuses(result) == ["PASSED", "PASSED", "FAILED"]
    assert (result.unfinished, result.late) == ((), False)
    ends = [text.partition("(")[2] for text in caplog.messages if text.endswith(" ended)")]
    assert ends == [f"{n} of 3 check sessions ended)" for n in (1, 2, 3)]


@pytest.mark.usefixtures("clock")
def test_still_running_is_not_an_error(
    client: Client, checkly: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    (session_id,) = started(checkly, QUICK)
    checkly.fail(path="completion", status=408, body="<html>408</html>", times=20)
    result = client.run(credentials_of(checkly), wait_for([session_id], 60))
    assert statuses(result) == ["PASSED"]
    assert (len(checkly.requests), retries(caplog)) == (21, [])


@pytest.mark.usefixtures("clock")
def test_a_wait_that_is_late(client: Client, checkly: Emulator) -> None:
    """The last look is a single plain read, not before the deadline."""
    ids = started(checkly, STUCK, FAILS)
    deadline = time.time() + 1.2
    result = client.run(credentials_of(checkly), Polling(CHECK_SESSION, ids).steps(SESSIONS, deadline))
    assert (result.unfinished, result.late) == ((ids[0],), True)
    assert statuses(result) == ["STARTED", "FAILED"]
    last = checkly.requests[-1]
    assert last.path == f"/v2/check-sessions/{ids[0]}"
    assert last.at >= deadline


@pytest.mark.usefixtures("clock")
def test_errors_until_the_deadline_lead_to_the_last_look(client: Client, checkly: Emulator) -> None:
    """The session had ended all the time."""
    (session_id,) = started(checkly, QUICK)
    checkly.fail(path="completion", status=503, times=None)
    result = client.run(credentials_of(checkly), wait_for([session_id], 120))
    assert statuses(result) == ["PASSED"]
    assert not result.late


def test_an_error_ends_the_wait(client: Client, checkly: Emulator) -> None:
    (session_id,) = started(checkly, QUICK)
    checkly.fail(path="completion", status=403)
    with pytest.raises(exceptions.ChecklyAuthError):
        client.run(credentials_of(checkly), wait_for([session_id], 20))


async def wait_on_the_loop(credentials: Credentials, ids: list[str]) -> WaitResult:
    async with transport.aiohttp_sender(credentials, 5) as sender:
        return await transport.arun(wait_for(ids, 20), sender)


BLOCKING: Final = ("time.sleep", "socket.getaddrinfo", "socket.gethostbyname", "open", "subprocess.Popen")


class Watch:
    """Notes what blocks the event loop of the main thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.active = False
        self.blocked: list[str] = []
        self.busiest = 0.0
        self._run = asyncio.Handle._run  # noqa: SLF001
        sleep = time.sleep
        monkeypatch.setattr(time, "sleep", lambda seconds: (self._audit("time.sleep"), sleep(seconds)))
        # a bound method would not get the handle
        monkeypatch.setattr(asyncio.Handle, "_run", lambda handle: self.timed(handle))  # noqa: PLW0108
        sys.addaudithook(self._audit)  # it cannot be removed

    def _is_watched(self) -> bool:
        return self.active and threading.current_thread() is threading.main_thread()

    def _audit(self, event: str, _: object = None) -> None:
        if event in BLOCKING and self._is_watched():
            self.blocked.append(event)

    def timed(self, handle: asyncio.Handle) -> None:
        """Run a callback of the loop, and note how long it kept the processor busy."""
        began = time.thread_time()
        self._run(handle)
        if self._is_watched():
            self.busiest = max(self.busiest, time.thread_time() - began)


def make_large(session: dict[str, Any]) -> None:
    session["results"] = [{"resultType": "FINAL", "number": number} for number in range(100_000)]


def test_the_event_loop_is_never_blocked(checkly: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """No callback of a whole wait blocks, or keeps the processor busy for 50 ms; one session is large."""
    ids = started(checkly, SLOW, FAILS, QUICK)
    asyncio.run(wait_on_the_loop(credentials_of(checkly), ids[-1:]))  # loads what is loaded once
    checkly.fail(path=f"{ids[1]}/completion", status=502)
    watch = Watch(monkeypatch)

    async def watched(credentials: Credentials) -> WaitResult:
        watch.active = True
        try:
            return await wait_on_the_loop(credentials, ids)
        finally:
            watch.active = False

    with RawServer(edits_json(make_large), ("GET", ids[0]), 2, upstream=checkly.url) as server:
        result = asyncio.run(watched(replace(credentials_of(checkly), base_url=server.url)))
    assert max(len(models.results(session)) for session in result.final) == 100_000
    assert watch.blocked == []
    assert 0 < watch.busiest < 0.05


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("after", [0.0, 0.02, 0.3])
def test_a_cancelled_wait_leaves_nothing_behind(checkly: Emulator, after: float) -> None:
    """Connections are closed, and nothing is cancelled at Checkly."""

    async def cancel(ids: list[str]) -> None:
        wait = asyncio.create_task(wait_on_the_loop(credentials_of(checkly), ids))
        await asyncio.sleep(after)
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait

    asyncio.run(cancel(started(checkly, STUCK)))
    gc.collect()
    assert {record.method for record in checkly.requests} <= {"GET"}


@pytest.mark.filterwarnings("error")
def test_connections_are_closed(client: Client, checkly: Emulator) -> None:
    """They are closed after a response, and after an error."""
    client.send(credentials_of(checkly), endpoints.get_account())
    checkly.fail(drop="body", times=None)
    with pytest.raises(exceptions.ChecklyUnreachable):
        client.send(credentials_of(checkly), endpoints.get_account(), retry_seconds=0)
    gc.collect()


def test_concurrent_waits_only_read(checkly: Emulator) -> None:
    """Two triggerers may wait for the same sessions."""
    ids = started(checkly, SLOW, FAILS)

    async def both() -> list[WaitResult]:
        return await asyncio.gather(
            wait_on_the_loop(credentials_of(checkly), ids), wait_on_the_loop(credentials_of(checkly), ids)
        )

    one, other = asyncio.run(both())
    assert one == other
    assert {record.method for record in checkly.requests} == {"GET"}


@pytest.mark.usefixtures("clock")
def test_a_repeated_poll_ends_with_the_deadline(
    client: Client, checkly: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asked Checkly to hold the response for longer than there is time left after a pause."""
    monkeypatch.setattr("airflow_provider_checkly.api.transport.OVERTIME_SECONDS", 0.5)
    (session_id,) = started(checkly, STUCK)
    checkly.fail(path="completion", status=503, headers={"Retry-After": "19"})
    result = client.run(credentials_of(checkly), wait_for([session_id], 20))
    assert result.late
    polls = [record.status for record in checkly.requests if "completion" in record.path]
    assert polls == [503, None]  # Checkly would have responded 408
