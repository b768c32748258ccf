"""The generator of a wait, driven by hand: no network, and a clock that moves only when told."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_checkly import exceptions
from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.endpoints import SessionEndpoints, StillRunning
from airflow_provider_checkly.api.models import CHECK_SESSION
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


def request_of(poll: Poll) -> tuple[str, str]:
    """Return the session that is asked for, and how: "hold N" or "look"."""
    parts = poll.endpoint.request.path.split("/")
    query = dict(poll.endpoint.request.query)
    return parts[3], f"hold {query['maxWaitSeconds']}" if query else "look"


@dataclass
class Driver:
    """Plays the transport and Checkly; `now` is the time.

    :param known: sessions whose state is known before the wait.
    :param settings: arguments of `Polling`.
    """

    ids: tuple[str, ...] = (A, B, C)
    deadline: float = 1000
    now: float = 0
    last_look: bool = True
    known: tuple[dict[str, Any], ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    polls: list[Poll] = field(default_factory=list)
    result: WaitResult | None = None

    def __post_init__(self) -> None:
        polling = Polling(CHECK_SESSION, self.ids, clock=lambda: self.now, **self.settings)
        for session in self.known:
            polling.record(models.session_id(session), session)
        self._steps = polling.steps(SessionEndpoints(CHECK_SESSION), self.deadline, last_look=self.last_look)
        self._send(None)

    def _send(self, answer: Answer | None) -> None:
        try:
            self.polls.append(self._steps.send(answer))
        except StopIteration as end:
            self.result = end.value

    def answer(self, answer: Answer | None, after: float = 0) -> None:
        """Sleep as asked, then give the answer after so many seconds more."""
        self.now += self.polls[-1].pause + after
        self._send(answer)

    @property
    def last(self) -> Poll:
        return self.polls[-1]

    @property
    def found(self) -> WaitResult:
        assert self.result is not None
        return self.result

    def script(self) -> list[tuple[str, str]]:
        return [request_of(poll) for poll in self.polls]


def ended(ids: tuple[str, ...], *sessions: dict[str, Any], running: tuple[str, ...] = ()) -> WaitResult:
    """Return the result of a wait for sessions; it is late if one still runs."""
    return WaitResult(ids, sessions, running, late=bool(running))


def test_sessions_are_asked_in_turn_until_all_have_ended() -> None:
    """One long poll at a time; after a 408 the wait moves on immediately."""
    checkly = Driver()
    for answer in (STILL, session(B), STILL, session(A, "FAILED"), STILL, session(C, "DEGRADED")):
        assert checkly.last.pause == 0
        checkly.answer(answer, after=30)
    assert [one for one, _ in checkly.script()] == [A, B, C, A, C, C]
    assert checkly.found == ended((A, B, C), session(A, "FAILED"), session(B), session(C, "DEGRADED"))


def test_sessions_known_to_have_ended_are_not_polled() -> None:
    known = session(A, "CANCELLED"), session(B)
    checkly = Driver((A, B), deadline=-5, known=known)
    assert checkly.polls == []
    assert checkly.found == ended((A, B), *known)


def test_known_running_sessions_are_polled_and_results_keep_the_order_of_the_ids() -> None:
    checkly = Driver(known=(session(B, "PROGRESS"), session(A)))
    checkly.answer(session(B))
    checkly.answer(session(C))
    assert [one for one, _ in checkly.script()] == [B, C]
    assert checkly.found == ended((A, B, C), session(A), session(B), session(C))


def test_a_wait_for_sessions_whose_state_is_known() -> None:
    started = [session(B, "STARTED"), session(A.upper())]
    polling = Polling.of(CHECK_SESSION, started, frozenset({"FAILED"}))
    assert (polling.ids, polling.unfinished, polling.stop_on) == ([B, A], [B], {"FAILED"})
    assert polling.result() == WaitResult((B, A), tuple(started), (B,))


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
def test_the_pause_after_a_408(retry_after: float | None, *, early: bool, pause: float) -> None:
    """Retry-After is obeyed up to 5 s; a server that does not hold is not flooded."""
    checkly = Driver((A,))
    checkly.answer(StillRunning(retry_after, early=early))
    assert checkly.last.pause == pause


def test_a_server_that_never_holds_is_polled_once_a_second() -> None:
    checkly = Driver((A, B), deadline=100)
    while not checkly.result:
        checkly.answer(StillRunning(0, early=True), after=0.01)
    assert 90 < len(checkly.polls) <= 102


@pytest.mark.parametrize(
    ("left", "hold"),
    [(1000, 30), (31, 30), (30, 30), (29.7, 30), (29.4, 29), (12, 12), (1.4, 1), (1, 1)],
)
def test_no_poll_outlasts_the_deadline(left: float, hold: int) -> None:
    """Checkly accepts 1 to 30 whole seconds."""
    checkly = Driver((A,), deadline=left)
    assert request_of(checkly.last) == (A, f"hold {hold}")
    assert checkly.last.retry_seconds == left


def test_the_pause_does_not_count_as_time_for_retries() -> None:
    checkly = Driver((A,), deadline=20)
    checkly.answer(StillRunning(4, early=False), after=6)
    assert (checkly.last.pause, checkly.last.retry_seconds, request_of(checkly.last)[1]) == (4, 10, "hold 10")


@pytest.mark.parametrize("status", ["PASSED", "FAILED"])
def test_an_end_that_is_noticed_after_the_deadline_counts(status: str) -> None:
    """The state counts first, the deadline second."""
    checkly = Driver((A,), deadline=30)
    checkly.answer(STILL, after=40)
    assert request_of(checkly.last) == (A, "look")
    checkly.answer(session(A, status))
    assert checkly.found == ended((A,), session(A, status))


def test_the_last_look_is_at_the_deadline_and_covers_all() -> None:
    checkly = Driver(deadline=10)
    checkly.answer(session(B, "PASSED") | {"checkSessionId": A})
    checkly.answer(StillRunning(5, early=True), after=7)
    assert request_of(checkly.last) == (C, "look")
    assert checkly.last.pause == 3
    checkly.answer(session(C, "PROGRESS"))
    assert request_of(checkly.last) == (B, "look")
    assert (checkly.last.pause, checkly.last.retry_seconds) == (0, 60)
    checkly.answer(session(B, "TIMED_OUT"))
    last = session(A), session(B, "TIMED_OUT"), session(C, "PROGRESS")
    assert checkly.found == ended((A, B, C), *last, running=(C,))
    assert checkly.found.final == list(last[:2])


def test_last_looks_that_are_rate_limited_end_within_a_minute() -> None:
    """Airflow's own timeout comes five minutes after the deadline, and loses what is known."""
    checkly = Driver((A, B, C), deadline=0)
    checkly.answer(exceptions.ChecklyRateLimited("429", status=429), after=20)
    assert checkly.last.retry_seconds == 40
    checkly.answer(exceptions.ChecklyRateLimited("429", status=429), after=45)
    assert checkly.found.unfinished == (A, B, C)


def test_a_deadline_in_the_past_still_looks_once() -> None:
    checkly = Driver((A, B), deadline=-100)
    checkly.answer(session(A))
    checkly.answer(session(B, "STARTED"))
    assert checkly.script() == [(A, "look"), (B, "look")]
    assert checkly.found == ended((A, B), session(A), session(B, "STARTED"), running=(B,))


def test_without_a_last_look_the_deadline_ends_the_wait() -> None:
    checkly = Driver((A, B), deadline=5, last_look=False)
    checkly.answer(session(A), after=3)
    checkly.answer(STILL, after=2)
    assert checkly.found == ended((A, B), session(A), running=(B,))


def test_a_last_look_that_fails_is_an_error() -> None:
    checkly = Driver((A,), deadline=0)
    with pytest.raises(exceptions.ChecklyRefused, match="down"):
        checkly.answer(DOWN)


def test_a_last_look_without_an_answer_leaves_the_session_unfinished() -> None:
    checkly = Driver((A,), deadline=0)
    checkly.answer(None)
    assert checkly.found == ended((A,), running=(A,))


@pytest.mark.parametrize(
    ("stop_on", "ends"), [({"FAILED", "TIMED_OUT"}, True), ({"CANCELLED"}, False), ((), False)]
)
def test_fail_fast(stop_on: set[str], *, ends: bool) -> None:
    checkly = Driver(settings={"stop_on": frozenset(stop_on)})
    checkly.answer(session(A, "PASSED"))
    checkly.answer(session(B, "FAILED"))
    stopped = WaitResult((A, B, C), (session(A), session(B, "FAILED")), (C,))
    assert checkly.result == (stopped if ends else None)


@pytest.mark.parametrize(("ids", "hold"), [((A, B), "hold 5"), ((A,), "hold 30")])
def test_with_fail_fast_the_failure_of_another_session_is_noticed_soon(
    ids: tuple[str, ...], hold: str
) -> None:
    assert Driver(ids, settings={"stop_on": frozenset({"FAILED"})}).script() == [(A, hold)]


def test_fail_fast_knows_a_cancelled_session_of_v1() -> None:
    checkly = Driver((A, B), settings={"stop_on": frozenset({"CANCELLED"})})
    checkly.answer(session(A, "TIMED_OUT", results=[{"isCancelled": True}]))
    assert checkly.found.unfinished == (B,)


def test_a_new_session_may_not_be_found_at_first(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    checkly = Driver((A,))
    for _ in range(9):
        checkly.answer(NEW)
        assert (request_of(checkly.last), checkly.last.pause) == ((A, "hold 30"), 1)
    checkly.answer(session(A))
    assert checkly.found.unfinished == ()
    assert caplog.messages[0] == "GET /x: unknown. The session may not be visible yet; retrying."


def test_a_session_that_is_still_not_found_is_an_error() -> None:
    checkly = Driver((A,))
    checkly.answer(NEW, after=9.9)
    with pytest.raises(exceptions.ChecklyNotFound):
        checkly.answer(NEW)


def test_a_session_that_is_not_found_at_the_last_look_is_an_error() -> None:
    checkly = Driver((A,), deadline=0)
    with pytest.raises(exceptions.ChecklyNotFound):
        checkly.answer(NEW)


@pytest.mark.parametrize(
    "error", [DOWN, exceptions.ChecklyUnreachable("cut"), exceptions.ChecklyRateLimited("", status=429)]
)
@pytest.mark.parametrize("seconds", [99.5, 100, 130])
def test_errors_until_the_deadline_lead_to_the_last_look(
    error: exceptions.ChecklyError, seconds: float
) -> None:
    """Errors that last until the deadline do not hide a session that ended.

    The pauses between retries follow another clock than the deadline, so half a second does not matter.
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
    """An error that arrives before the deadline was retried as long as that could help."""
    checkly = Driver((A, B), deadline=100)
    with pytest.raises(type(error)) as caught:
        checkly.answer(error, after=after)
    assert caught.value is error


def test_each_end_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    checkly = Driver(deadline=10)
    named = {"name": "Home", "timeElapsed": 1234, "checkSessionLink": "https://app/a"}
    checkly.answer(session(A, "PASSED", **named))
    checkly.answer(session(B, "TIMED_OUT", results=[{"isCancelled": True}]))
    checkly.answer(STILL, after=10)
    checkly.answer(session(C, "PROGRESS"))
    assert caplog.messages == [
        "Home PASSED after 1.2 s (1 of 3 check sessions ended)",
        f"{CHECK} CANCELLED (2 of 3 check sessions ended)",
    ]


def test_ends_that_were_logged_before_are_not_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    """A worker may have logged them before it deferred."""
    caplog.set_level(logging.INFO)
    checkly = Driver((A, B), settings={"logged": frozenset({A})})
    checkly.answer(session(A))
    checkly.answer(session(B))
    assert caplog.messages == [f"{CHECK} PASSED (2 of 2 check sessions ended)"]


def test_a_408_of_another_server_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    checkly = Driver((A,))
    for _ in range(3):
        checkly.answer(StillRunning(None, early=False, from_checkly=False))
    checkly.answer(session(A))
    assert caplog.messages == ["A proxy, and not Checkly's API, seems to have responded 408; still polling."]


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
    """No session is polled after its end, none is lost, and the wait ends."""
    checkly = Driver(deadline=deadline, last_look=last_look, settings={"stop_on": frozenset(stop_on)})
    ends: dict[str, Answer] = {}
    stream = iter(answers)
    try:
        while not checkly.result:
            session_id, how = request_of(checkly.last)
            assert session_id not in ends
            assert checkly.last.pause >= 0
            make, seconds = next(stream, (lambda _: STILL, 20.0))
            answer = make(session_id)
            if how == "look" and isinstance(answer, StillRunning):
                answer = session(session_id, "PROGRESS")
            if isinstance(answer, dict) and models.is_final(answer):
                ends[session_id] = answer
            checkly.answer(answer, seconds)
    except (exceptions.ChecklyNotFound, exceptions.ChecklyRefused) as error:
        assert error in (NEW, DOWN)  # noqa: PT017 - either may end it
        return
    found = checkly.found
    assert {models.session_id(each): each for each in found.final} == ends
    assert sorted([*ends, *found.unfinished]) == [A, B, C]
    stopped = any(str(answer["status"]) in stop_on for answer in ends.values() if isinstance(answer, dict))
    assert found.late or stopped or not found.unfinished
    soonest = deadline - (0.001 if last_look else 6)
    assert not found.late or (found.unfinished and checkly.now >= soonest)
