from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from airflow_provider_checkly.emulator import Check, Emulator

STUCK = 7
SLOW = 9


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_it_holds_as_long_as_it_may(client: Any, version: str) -> None:
    session_id = client.start(client.fleet(STUCK)[0])
    before = time.monotonic()
    answer = client.completion(session_id, 1, version)
    assert 0.95 < time.monotonic() - before < 1.5
    assert answer.status_code == 408
    assert answer.headers["Retry-After"] == "0"
    assert answer.json() == {
        "statusCode": 408,
        "error": "Request Time-out",
        "message": "Check session is still in progress, but maximum per-request wait time was exceeded. "
        "Please retry.",
    }


@pytest.mark.parametrize(("retry_after", "header"), [(3, "3"), (None, None)])
def test_what_a_408_says_about_retrying(connect: Any, retry_after: int | None, header: str | None) -> None:
    with Emulator(retry_after=retry_after) as checkly:
        client = connect(checkly)
        answer = client.completion(client.start(client.fleet(STUCK)[0]))
        assert answer.headers.get("Retry-After") == header


def test_it_answers_at_once_when_the_session_ends(connect: Any) -> None:
    with Emulator(speed=20) as checkly:
        client = connect(checkly)
        session_id = client.start(client.fleet(SLOW)[0])
        before = time.monotonic()
        answer = client.get(f"/v2/check-sessions/{session_id}/completion")
        assert 0.3 < time.monotonic() - before < 0.6
        assert answer.json()["status"] == "PASSED"
        assert client.completion(session_id).elapsed.total_seconds() < 0.2


@pytest.mark.parametrize("body", [None, {}])
def test_a_cancel_wakes_everyone_who_waits(client: Any, connect: Any, body: Any) -> None:
    session_id = client.start(client.fleet(STUCK)[0])
    with ThreadPoolExecutor() as pool:
        polls = [
            pool.submit(connect(client.emulator).completion, session_id, 30, version)
            for version in ("v1", "v2")
        ]
        until(lambda: sum(one.seconds is None for one in client.emulator.requests) == 2)
        answer = client.cancel(session_id, body)
        assert (answer.status_code, answer.content) == (204, b"")
        first, second = (poll.result(timeout=1).json() for poll in polls)
    assert (first["status"], second["status"]) == ("TIMED_OUT", "CANCELLED")
    assert first["results"][0]["isCancelled"] is True


def test_cancel_by_sequence(connect: Any) -> None:
    check = Check(
        id=str(uuid4()), name="suite", checkType="PLAYWRIGHT", locations=("a", "b"), outcome="never"
    )
    with Emulator([check]) as checkly:
        client = connect(checkly)
        session_id = client.start(check.id)
        first, second = (run.sequence_id for run in checkly.sessions[0].runs)
        with ThreadPoolExecutor() as pool:
            poll = pool.submit(connect(checkly).completion, session_id, 30)
            until(lambda: any(one.seconds is None for one in checkly.requests))
            assert client.cancel(session_id, {"sequenceId": [str(uuid4())]}).status_code == 204
            assert client.cancel(session_id, {"sequenceId": [first.upper()]}).status_code == 204
            seen = client.get(f"/v2/check-sessions/{session_id}").json()
            assert (seen["status"], seen["stoppedAt"], len(seen["results"])) == ("PROGRESS", None, 1)
            assert not poll.done()
            client.cancel(session_id, {"sequenceId": [second]})
            assert poll.result(timeout=1).json()["status"] == "CANCELLED"


@pytest.mark.parametrize(
    "body",
    [
        [],
        1,
        {"sequenceId": []},
        {"sequenceId": "x"},
        {"sequenceId": ["x"]},
        {"other": 1},
        {"sequenceId": None},
    ],
)
def test_a_bad_cancel_is_400(client: Any, body: Any) -> None:
    session_id = client.start(client.fleet(STUCK)[0])
    assert client.cancel(session_id, body).status_code == 400
    assert client.emulator.sessions[0].runs[0].outcome == "never"


def test_a_finished_or_uncancellable_session_takes_a_cancel_without_effect(client: Any) -> None:
    for number in (SLOW, 8):
        session_id = client.start(client.fleet(number)[0])
        assert client.completion(session_id).json()["status"] == "PASSED"
        assert client.cancel(session_id).status_code == 204
        assert client.completion(session_id).json()["status"] == "PASSED"


WAITS = {
    "v1": (["1", "1.5", "30", "30.0"], ["0", "0.9", "30.1", "31", "-1", "x", "", "nan", "inf", "1_0", "1e1"]),
    "v2": (["1", "30"], ["0", "31", "-1", "1.5", "x", "", "nan", "\u0661"]),
}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_how_long_a_caller_may_wait(client: Any, version: str) -> None:
    session_id = client.start(client.fleet(1)[0])
    good, bad = WAITS[version]
    assert [client.completion(session_id, text, version).status_code for text in good] == [200] * len(good)
    for text in bad:
        answer = client.completion(session_id, text, version)
        assert answer.status_code == 400, text
        assert "maxWaitSeconds" in answer.json()["message"]


@pytest.mark.parametrize(("session_id", "status"), [(str(uuid4()), 404), ("x", 400)])
def test_sessions_that_do_not_exist(client: Any, session_id: str, status: int) -> None:
    path = f"/check-sessions/{session_id}"
    answers = [
        *(client.get(f"/{version}{path}{end}") for version in ("v1", "v2") for end in ("", "/completion")),
        client.cancel(session_id),
    ]
    assert {answer.status_code for answer in answers} == {status}
    message = {404: "No such check session.", 400: '"checkSessionId" must be a valid GUID.'}[status]
    assert {answer.json()["message"] for answer in answers} == {message}


def until(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
