"""The plan of a wait, driven by hand: no network, and a clock that only moves when it is told to."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_checkly import exceptions
from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.endpoints import CHECK_SESSIONS, StillRunning
from airflow_provider_checkly.api.polling import Answer, Poll, Polling, WaitResult

if TYPE_CHECKING:
    from collections.abc import Callable

A, B, C = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "abc")
CHECK = "22222222-2222-4222-8222-222222222222"
STILL = StillRunning(0, early=False)
DOWN = exceptions.ChecklyRefused("down", status=503)
NEW = exceptions.ChecklyNotFound("GET /x: unknown.", status=404)


def session(session_id: str, status: str = "PASSED", **fields: Any) -> dict[str, Any]:
    return {"checkSessionId": session_id, "checkId": CHECK, "status": status, **fields}


def asked(ask: Ask) -> tuple[str, str]:
    """The session that is asked for, and how: "hold N" or "look"."""
    parts = ask.call.request.path.split("/")
    query = dict(ask.call.request.query)
    return parts[3], f"hold {query['maxWaitSeconds']}" if query else "look"


@dataclass
class Driver:
    """Plays the transport and Checkly for a plan; `now` is the time."""

    ids: tuple[str, ...] = (A, B, C)
    deadline: float = 1000
    now: float = 0
    settings: dict[str, Any] = field(default_factory=dict)
    asks: list[Poll] = field(default_factory=list)
    waited: WaitResult | None = None

    def __post_init__(self) -> None:
        self.wait = Polling(
            CHECK_SESSIONS["v2"], self.ids, self.deadline, clock=lambda: self.now, **self.settings
        )
        self._plan = self.wait.steps()
        self._send(None)

    def _send(self, answer: Answer | None) -> None:
        try:
            self.asks.append(self._plan.send(answer))
        except StopIteration as end:
            self.waited = end.value

    def answer(self, answer: Answer | None, after: float = 0) -> None:
        """Sleep as asked, then give the answer after so many seconds more."""
        self.now += self.asks[-1].pause + after
        self._send(answer)

    @property
    def last(self) -> Poll:
        return self.asks[-1]

    @property
    def found(self) -> WaitResult:
        assert self.waited is not None
        return self.waited

    def script(self) -> list[tuple[str, str]]:
        return [asked(ask) for ask in self.asks]


def test_sessions_are_asked_in_turn_until_all_have_ended() -> None:
    """Pitfalls 7 and 63: one long poll at a time; 408 moves on at once."""
    checkly = Driver()
    for answer in (STILL, session(B), STILL, session(A, "FAILED"), STILL, session(C, "DEGRADED")):
        assert checkly.last.pause == 0
        checkly.answer(answer, after=30)
    assert [one for one, _ in checkly.script()] == [A, B, C, A, C, C]
    assert checkly.found == WaitResult(
        {A: session(A, "FAILED"), B: session(B), C: session(C, "DEGRADED")}, (), late=False
    )


def test_nothing_to_wait_for_asks_nothing() -> None:
    """Pitfall 26: what is known to have ended is not asked again."""
    known: dict[str, Any] = {A: session(A, "CANCELLED"), B: session(B)}
    checkly = Driver((A, B), deadline=-5, settings={"known": known})
    assert checkly.asks == []
    assert checkly.found == WaitResult(known, (), late=False)


def test_known_sessions_that_run_are_asked_and_the_order_is_that_of_the_ids() -> None:
    known: dict[str, Any] = {C: None, B: session(B, "PROGRESS"), A: session(A)}
    checkly = Driver(settings={"known": known})
    checkly.answer(session(B))
    checkly.answer(session(C))
    assert [one for one, _ in checkly.script()] == [B, C]
    assert list(checkly.found.sessions) == [A, B, C]
    assert known == checkly.found.sessions


@pytest.mark.parametrize(
    ("retry_after", "early", "pause"),
    [
        (None, False, 0),
        (0, False, 0),
        (2, False, 2),
        (5, False, 5),
        (60, False, 5),
        (float("inf"), False, 5),
        (None, True, 1),
        (0, True, 1),
        (0.001, True, 1),
        (1, True, 1),
        (3, True, 3),
        (60, True, 5),
    ],
)
def test_pace_after_408(retry_after: float | None, *, early: bool, pause: float) -> None:
    """Pitfalls 59 and 63: Retry-After is obeyed up to 5 s; a server that does not hold gets no storm."""
    checkly = Driver((A,))
    checkly.answer(StillRunning(retry_after, early=early))
    assert checkly.last.pause == pause


def test_a_server_that_never_holds_is_asked_once_a_second() -> None:
    """Pitfall 59."""
    checkly = Driver((A, B), deadline=100)
    while not checkly.waited:
        checkly.answer(StillRunning(0, early=True), after=0.01)
    assert 90 < len(checkly.asks) <= 102


@pytest.mark.parametrize(
    ("left", "hold"),
    [(1000, 30), (31, 30), (30, 30), (29.7, 30), (29.4, 29), (12, 12), (1.4, 1), (1, 1)],
)
def test_no_poll_outlasts_the_deadline(left: float, hold: int) -> None:
    """Pitfall 30: what Checkly may hold is clipped, 1 to 30 whole seconds."""
    checkly = Driver((A,), deadline=left)
    assert asked(checkly.last) == (A, f"hold {hold}")
    assert checkly.last.patience == left


def test_patience_leaves_out_the_pause() -> None:
    checkly = Driver((A,), deadline=20)
    checkly.answer(StillRunning(4, early=False), after=6)
    assert (checkly.last.pause, checkly.last.patience, asked(checkly.last)[1]) == (4, 10, "hold 10")


@pytest.mark.parametrize("status", ["PASSED", "FAILED"])
def test_an_end_that_is_seen_after_the_deadline_counts(status: str) -> None:
    """Pitfalls 7 and 58: the state first, the deadline second."""
    checkly = Driver((A,), deadline=30)
    checkly.answer(STILL, after=40)
    assert asked(checkly.last) == (A, "look")
    checkly.answer(session(A, status))
    assert checkly.found == WaitResult({A: session(A, status)}, (), late=False)


def test_the_last_look_is_at_the_deadline_and_at_all() -> None:
    checkly = Driver(deadline=10)
    checkly.answer(session(B, "PASSED") | {"checkSessionId": A})
    checkly.answer(StillRunning(5, early=True), after=7)
    assert asked(checkly.last) == (C, "look")
    assert checkly.last.pause == 3
    checkly.answer(session(C, "PROGRESS"))
    assert asked(checkly.last) == (B, "look")
    assert (checkly.last.pause, checkly.last.patience) == (0, 60)
    checkly.answer(session(B, "TIMED_OUT"))
    assert checkly.found.unfinished == (C,)
    assert checkly.found.late
    assert checkly.found.sessions[C]["status"] == "PROGRESS"


def test_last_looks_that_are_refused_end_within_a_minute() -> None:
    """Airflow's own time-out would come five minutes after the deadline, and lose what is known."""
    checkly = Driver((A, B, C), deadline=0)
    checkly.answer(exceptions.ChecklyRateLimited("429", status=429), after=20)
    assert checkly.last.patience == 40
    checkly.answer(exceptions.ChecklyRateLimited("429", status=429), after=45)
    assert checkly.found.unfinished == (A, B, C)


def test_a_deadline_in_the_past_still_looks_once() -> None:
    checkly = Driver((A, B), deadline=-100)
    checkly.answer(session(A))
    checkly.answer(session(B, "STARTED"))
    assert checkly.script() == [(A, "look"), (B, "look")]
    assert checkly.found == WaitResult({A: session(A), B: session(B, "STARTED")}, (B,), late=True)


def test_without_a_last_look_the_deadline_ends_it() -> None:
    checkly = Driver((A, B), deadline=5, settings={"last_look": False})
    checkly.answer(session(A), after=3)
    checkly.answer(STILL, after=2)
    assert checkly.found == WaitResult({A: session(A)}, (B,), late=True)


def test_a_last_look_that_fails_is_an_error() -> None:
    checkly = Driver((A,), deadline=0)
    with pytest.raises(exceptions.ChecklyRefused, match="down"):
        checkly.answer(DOWN)


def test_a_last_look_without_an_answer_leaves_the_session_unfinished() -> None:
    checkly = Driver((A,), deadline=0)
    checkly.answer(None)
    assert checkly.found == WaitResult({}, (A,), late=True)


@pytest.mark.parametrize(
    ("stop_on", "ends"), [({"FAILED", "TIMED_OUT"}, True), ({"CANCELLED"}, False), ((), False)]
)
def test_fail_fast(stop_on: set[str], *, ends: bool) -> None:
    checkly = Driver(settings={"stop_on": frozenset(stop_on)})
    checkly.answer(session(A, "PASSED"))
    checkly.answer(session(B, "FAILED"))
    stopped = WaitResult({A: session(A), B: session(B, "FAILED")}, (C,), late=False)
    assert checkly.waited == (stopped if ends else None)


def test_fail_fast_knows_a_cancelled_session_of_v1() -> None:
    checkly = Driver((A, B), settings={"stop_on": frozenset({"CANCELLED"})})
    checkly.answer(session(A, "TIMED_OUT", results=[{"isCancelled": True}]))
    assert checkly.found.unfinished == (B,)


def test_a_session_may_be_unknown_at_first(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    checkly = Driver((A,))
    for _ in range(9):
        checkly.answer(NEW)
        assert (asked(checkly.last), checkly.last.pause) == ((A, "hold 30"), 1)
    checkly.answer(session(A))
    assert checkly.found.unfinished == ()
    assert caplog.messages[0] == "GET /x: unknown. It may be too new; asking again."


def test_a_session_that_stays_unknown_is_an_error() -> None:
    checkly = Driver((A,))
    checkly.answer(NEW, after=9.9)
    with pytest.raises(exceptions.ChecklyNotFound):
        checkly.answer(NEW)


def test_a_session_unknown_at_the_last_look_is_an_error() -> None:
    checkly = Driver((A,), deadline=0)
    with pytest.raises(exceptions.ChecklyNotFound):
        checkly.answer(NEW)


@pytest.mark.parametrize(
    "error", [DOWN, exceptions.ChecklyUnreachable("cut"), exceptions.ChecklyRateLimited("", status=429)]
)
@pytest.mark.parametrize("seconds", [99.5, 100, 130])
def test_trouble_until_the_deadline_leads_to_the_last_look(
    error: exceptions.ChecklyError, seconds: float
) -> None:
    """Pitfalls 7 and 14: trouble that lasted to the end does not hide a session that ended.

    The pauses between repeats follow another clock than the deadline: half a second less is no difference.
    """
    checkly = Driver((A, B), deadline=100)
    checkly.answer(error, after=seconds)
    assert checkly.script()[1:] in ([(B, "look")], [(A, "look")])
    checkly.answer(session(checkly.script()[1][0]))
    checkly.answer(session(checkly.script()[2][0]))
    assert checkly.found.unfinished == ()


@pytest.mark.parametrize(
    ("error", "after"),
    [
        (DOWN, 50),
        (exceptions.ChecklyUnreachable("certificate", retryable=False), 200),
        (exceptions.ChecklyAuthError("", status=401), 0),
        (exceptions.ChecklyAuthError("", status=403), 200),
        (exceptions.ChecklyUnreadable("?"), 200),
        (exceptions.InvalidInput("?"), 0),
        (NEW, 200),
    ],
)
def test_other_errors_end_the_wait(error: exceptions.ChecklyError, after: float) -> None:
    """Pitfall 14: an error that comes back before the deadline was repeated as far as that may help."""
    checkly = Driver((A, B), deadline=100)
    with pytest.raises(type(error)) as caught:
        checkly.answer(error, after=after)
    assert caught.value is error


def test_each_end_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    checkly = Driver(deadline=10)
    named = {"name": "Home", "timeElapsed": 1234, "checkSessionLink": "https://app/a"}
    checkly.answer(session(A, "PASSED", **named))
    checkly.answer(session(B, "TIMED_OUT", results=[{"isCancelled": True}]))
    checkly.answer(STILL, after=10)
    checkly.answer(session(C, "PROGRESS"))
    assert caplog.messages == [
        "Check session 1 of 3 ended: Home PASSED after 1.2 s. https://app/a",
        f"Check session 2 of 3 ended: {CHECK} CANCELLED. ",
    ]


ANSWERS: st.SearchStrategy[Callable[[str], Answer]] = st.one_of(
    st.sampled_from(sorted(models.FINAL)).map(lambda status: lambda i: session(i, status)),
    st.builds(StillRunning, st.none() | st.floats(0, 1e6), early=st.booleans()).map(lambda a: lambda _: a),
    st.just(lambda _: NEW),
    st.just(lambda _: DOWN),
)


@given(
    answers=st.lists(st.tuples(ANSWERS, st.floats(0, 35)), max_size=60),
    deadline=st.floats(-10, 300),
    stop_on=st.sets(st.sampled_from(sorted(models.FINAL)), max_size=2),
    last_look=st.booleans(),
)
def test_any_interleaving_ends_with_each_session_once_or_late(
    answers: list[tuple[Callable[[str], Answer], float]],
    deadline: float,
    stop_on: set[str],
    *,
    last_look: bool,
) -> None:
    """Pitfalls 22, 26 and 59: nothing is asked again after its end, nothing gets lost, and it ends."""
    settings = {"stop_on": frozenset(stop_on), "last_look": last_look}
    checkly = Driver(deadline=deadline, settings=settings)
    ended: dict[str, Answer] = {}
    stream = iter(answers)
    try:
        while not checkly.waited:
            session_id, how = asked(checkly.last)
            assert session_id not in ended
            assert checkly.last.pause >= 0
            make, seconds = next(stream, (lambda _: STILL, 20.0))
            answer = make(session_id)
            if how == "look" and isinstance(answer, StillRunning):
                answer = session(session_id, "PROGRESS")
            if isinstance(answer, dict) and models.is_final(answer):
                ended[session_id] = answer
            checkly.answer(answer, seconds)
    except (exceptions.ChecklyNotFound, exceptions.ChecklyRefused) as error:
        assert error in (NEW, DOWN)  # noqa: PT017 - either may end it
        return
    found = checkly.found
    assert {i: seen for i, seen in found.sessions.items() if models.is_final(seen)} == ended
    assert sorted([*ended, *found.unfinished]) == [A, B, C]
    stopped = any(str(answer["status"]) in stop_on for answer in ended.values() if isinstance(answer, dict))
    assert found.late or stopped or not found.unfinished
    soonest = deadline - (0.001 if last_look else 6)
    assert not found.late or (found.unfinished and checkly.now >= soonest)
