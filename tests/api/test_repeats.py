"""What is sent again and what never is, and whole waits, over both transports against the emulator."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tenacity import wait_fixed

from airflow_provider_checkly import exceptions
from airflow_provider_checkly.api import endpoints, transport
from airflow_provider_checkly.api.endpoints import CHECK_SESSIONS, StillRunning
from airflow_provider_checkly.api.polling import Polling
from airflow_provider_checkly.api.http import Credentials
from airflow_provider_checkly.emulator import Check, Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Way

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
V2 = CHECK_SESSIONS["v2"]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the order of pauses, not their length: Checkly's own words still count."""
    monkeypatch.setattr("airflow_provider_checkly.api.retry._back_off", wait_fixed(0.02))


@pytest.fixture
def checkly() -> Iterator[Emulator]:
    with Emulator(CHECKS) as emulator:
        yield emulator


def account_of(checkly: Emulator) -> Account:
    return Credentials(checkly.url, checkly.account_id, checkly.api_key)


def start(*check_ids: str) -> endpoints.Endpoint[Any]:
    return endpoints.trigger_check_sessions("v2", check_ids, [], refresh_cache=False)


def started(checkly: Emulator, *check_ids: str) -> list[str]:
    """Start checks, and give the ids of their sessions in that order."""
    with transport.requests_sender(account_of(checkly), 5) as sender:
        found = transport.send(sender, start(*check_ids), 5)
    by_check = {session["checkId"]: session["checkSessionId"] for session in found}
    checkly.clear()
    return [by_check[check_id] for check_id in check_ids]


def retries(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged of requests that are sent again."""
    return [one.getMessage() for one in caplog.records if one.name == "airflow_provider_checkly.api.retry"]


def wait_for(ids: list[str], seconds: float, **settings: Any) -> Polling:
    return Polling(V2, ids, time.time() + seconds, hold=settings.pop("hold", 2), **settings)


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
def test_a_question_outlives_trouble(
    way: Way, checkly: Emulator, faults: list[FaultFields], times: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Pitfalls 14 and 15: each repeat is logged with its cause."""
    for fault in faults:
        checkly.fail(**fault)
    assert way.ask(account_of(checkly), endpoints.get_account())["id"] == checkly.account_id
    assert len(checkly.requests) == times
    ours = retries(caplog)
    assert ours
    assert all(text.startswith("GET /v1/accounts/me: ") and "Next try in " in text for text in ours)
    assert checkly.api_key not in caplog.text


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
def test_what_asking_again_does_not_mend(
    way: Way, checkly: Emulator, fault: FaultFields, kind: type[exceptions.ChecklyError], times: int
) -> None:
    """Pitfalls 14 and 37."""
    checkly.fail(**fault, times=None)
    with pytest.raises(kind):
        way.ask(account_of(checkly), endpoints.get_account())
    assert len(checkly.requests) == times


def test_patience_ends_the_repeats(way: Way, checkly: Emulator) -> None:
    checkly.fail(status=503, times=None)
    with pytest.raises(exceptions.ChecklyRefused, match="answered 503"):
        way.ask(account_of(checkly), endpoints.get_account(), patience=0.3)
    assert 2 <= len(checkly.requests) <= 20


@pytest.mark.parametrize(
    "fault",
    [
        *({"status": status, "processed": True} for status in (408, 500, 502, 503, 504)),
        {"status": 503, "processed": True, "headers": {"Retry-After": "0"}},
        *({"drop": drop, "processed": True} for drop in ("after", "headers", "body")),
    ],
)
def test_nothing_is_started_twice(way: Way, checkly: Emulator, fault: FaultFields) -> None:
    """Pitfall 2: Checkly took it, the answer got lost."""
    checkly.fail(path="trigger", **fault)
    with pytest.raises((exceptions.ChecklyRefused, exceptions.ChecklyUnreachable)):
        way.ask(account_of(checkly), start(QUICK))
    assert (len(checkly.requests), len(checkly.sessions)) == (1, 1)


def test_a_lost_start_is_not_repeated_even_if_checkly_never_saw_it(way: Way, checkly: Emulator) -> None:
    """Pitfall 2: nobody can tell the difference."""
    checkly.fail(path="trigger", drop="before")
    with pytest.raises(exceptions.ChecklyUnreachable):
        way.ask(account_of(checkly), start(QUICK))
    assert (len(checkly.requests), len(checkly.sessions)) == (1, 0)


def test_a_start_that_came_too_often_is_repeated(way: Way, checkly: Emulator) -> None:
    """Pitfalls 2 and 15: a 429 was surely not taken, and says when."""
    checkly.fail(path="trigger", status=429, headers={"Retry-After": "1"})
    (session,) = way.ask(account_of(checkly), start(QUICK))
    assert session["checkId"] == QUICK
    assert (len(checkly.requests), len(checkly.sessions)) == (2, 1)
    first, second = (record.at for record in checkly.requests)
    assert second - first >= 1


def test_a_start_waits_for_a_checkly_that_is_down(way: Way, closed_port: int) -> None:
    """Pitfall 2: a refused connection was surely not taken."""
    checkly = Emulator(CHECKS, host_port=closed_port)
    done = threading.Event()

    def be_late() -> None:
        time.sleep(0.3)
        with checkly:
            done.wait(20)

    server = threading.Thread(target=be_late)
    account = Credentials(f"http://127.0.0.1:{closed_port}", checkly.account_id, checkly.api_key)
    server.start()
    try:
        assert way.ask(account, start(QUICK))[0]["checkId"] == QUICK
    finally:
        done.set()
        server.join()
    assert (len(checkly.requests), len(checkly.sessions)) == (1, 1)


def test_a_cancel_is_repeated(way: Way, checkly: Emulator) -> None:
    """Pitfall 4: cancelling twice does no harm."""
    (session_id,) = started(checkly, STUCK)
    checkly.fail(path="cancel", drop="after")
    assert way.ask(account_of(checkly), V2.cancel(session_id)) is None
    assert [record.status for record in checkly.requests] == [None, 204]


def test_a_poll_may_take_as_long_as_checkly_holds_it(
    way: Way, checkly: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Pitfall 30: the limit is the hold and a margin; no network error is made up."""
    (session_id,) = started(checkly, STUCK)
    answer = way.ask(account_of(checkly), V2.completion(session_id, 2), margin=1)
    assert answer == StillRunning(0, early=False)
    assert (len(checkly.requests), retries(caplog)) == (1, [])


def test_a_wait_for_several_sessions(way: Way, checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """Pitfalls 14 and 63: all ends are seen, in the order asked for, through trouble."""
    caplog.set_level(logging.INFO, "airflow_provider_checkly")
    ids = started(checkly, SLOW, QUICK, FAILS)
    checkly.fail(path="completion", status=502, times=4)
    checkly.fail(path="completion", drop="before")
    waited = way.drive(account_of(checkly), wait_for(ids, 20).steps())
    assert [waited.sessions[i]["status"] for i in ids] == ["PASSED", "PASSED", "FAILED"]
    assert list(waited.sessions) == ids
    assert (waited.unfinished, waited.late) == ((), False)
    ends = [text for text in caplog.messages if text.startswith("Check session ")]
    assert [text.split(" ended: ")[0] for text in ends] == [f"Check session {n} of 3" for n in (1, 2, 3)]


def test_still_running_is_no_trouble(
    way: Way, checkly: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Pitfall 63: twenty times "still running" is no retry."""
    monkeypatch.setattr("airflow_provider_checkly.api.polling.EARLY_PAUSE", 0.01)
    (session_id,) = started(checkly, QUICK)
    checkly.fail(path="completion", status=408, body="<html>408</html>", times=20)
    waited = way.drive(account_of(checkly), wait_for([session_id], 20).steps())
    assert waited.sessions[session_id]["status"] == "PASSED"
    assert (len(checkly.requests), retries(caplog)) == (21, [])


def test_a_wait_that_is_late(way: Way, checkly: Emulator) -> None:
    """Pitfalls 7 and 67: the last look is plain, comes once, and not before the deadline."""
    ids = started(checkly, STUCK, FAILS)
    deadline = time.time() + 1.2
    waited = way.drive(account_of(checkly), Polling(V2, ids, deadline, hold=1).steps())
    assert (waited.unfinished, waited.late) == ((ids[0],), True)
    assert waited.sessions[ids[0]]["status"] == "STARTED"
    last = checkly.requests[-1]
    assert last.path == f"/v2/check-sessions/{ids[0]}"
    assert last.at >= deadline - 0.01


def test_trouble_up_to_the_deadline_leads_to_the_last_look(way: Way, checkly: Emulator) -> None:
    """Pitfalls 7 and 14: it had ended all the time."""
    (session_id,) = started(checkly, QUICK)
    checkly.fail(path="completion", status=503, times=None)
    waited = way.drive(account_of(checkly), wait_for([session_id], 1.2).steps())
    assert waited.sessions[session_id]["status"] == "PASSED"
    assert not waited.late


def test_a_wait_ends_with_an_error_of_checklys(way: Way, checkly: Emulator) -> None:
    (session_id,) = started(checkly, QUICK)
    checkly.fail(path="completion", status=403)
    with pytest.raises(exceptions.ChecklyAuthError):
        way.drive(account_of(checkly), wait_for([session_id], 20).steps())


async def wait_on_the_loop(checkly: Emulator, ids: list[str]) -> Any:
    async with transport.aiohttp_sender(account_of(checkly), 5) as sender:
        return await transport.arun(wait_for(ids, 20).steps(), sender)


def test_the_event_loop_is_never_blocked(checkly: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """Pitfalls 13 and 32: no callback of a whole wait takes 50 ms (one quiet round of three will do)."""

    async def watched(ids: list[str]) -> Any:
        asyncio.get_running_loop().slow_callback_duration = 0.05
        return await wait_on_the_loop(checkly, ids)

    for _ in range(3):
        ids = started(checkly, SLOW, FAILS, QUICK)
        checkly.fail(path="completion", status=502)
        caplog.clear()
        waited = asyncio.run(watched(ids), debug=True)
        assert waited.unfinished == ()
        slow = [record.getMessage() for record in caplog.records if record.name == "asyncio"]
        if not [text for text in slow if text.startswith("Executing")]:
            return
    pytest.fail(f"slow callbacks each time: {slow}")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("after", [0.0, 0.02, 0.3])
def test_a_wait_that_is_cut_off_leaves_nothing_behind(checkly: Emulator, after: float) -> None:
    """Pitfalls 3 and 27: connections are closed, and nothing is cancelled at Checkly."""

    async def cut_off(ids: list[str]) -> None:
        wait = asyncio.create_task(wait_on_the_loop(checkly, ids))
        await asyncio.sleep(after)
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait

    asyncio.run(cut_off(started(checkly, STUCK)))
    gc.collect()
    assert {record.method for record in checkly.requests} <= {"GET"}


@pytest.mark.filterwarnings("error")
def test_connections_are_closed(way: Way, checkly: Emulator) -> None:
    """Pitfall 27: after an answer, and after an error."""
    way.ask(account_of(checkly), endpoints.get_account())
    checkly.fail(drop="body", times=None)
    with pytest.raises(exceptions.ChecklyUnreachable):
        way.ask(account_of(checkly), endpoints.get_account(), patience=0)
    gc.collect()


def test_two_waits_at_once_only_read(checkly: Emulator) -> None:
    """Pitfall 25: two triggerers may watch the same sessions."""
    ids = started(checkly, SLOW, FAILS)

    async def both() -> list[Any]:
        return await asyncio.gather(wait_on_the_loop(checkly, ids), wait_on_the_loop(checkly, ids))

    one, other = asyncio.run(both())
    assert one == other
    assert {record.method for record in checkly.requests} == {"GET"}


def test_a_poll_that_is_repeated_ends_with_the_deadline(
    way: Way, checkly: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall 7: it may have been planned for longer, before Checkly was in trouble for a while."""
    monkeypatch.setattr("airflow_provider_checkly.api.transport.OVERTIME", 0.5)
    (session_id,) = started(checkly, STUCK)
    checkly.fail(path="completion", status=503, times=30)
    began = time.monotonic()
    waited = way.drive(account_of(checkly), wait_for([session_id], 2, hold=30).steps())
    assert waited.late
    assert time.monotonic() - began < 12
