"""Outcome <-> trigger event, and `conclude`: the only place that decides success."""

from __future__ import annotations

import json
import logging
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
)

from airflow_provider_checkly.api import errors, model
from airflow_provider_checkly.api.errors import ChecklyError, ChecklyUnreadable
from airflow_provider_checkly.decision import Rule, judge, some
from airflow_provider_checkly.exceptions import ChecksFailed, ChecksTimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from airflow_provider_checkly.api.waiting import Waited
    from airflow_provider_checkly.api.wire import Json, JsonObject
    from airflow_provider_checkly.decision import Decision
    from airflow_provider_checkly.gate import Gate

log = logging.getLogger(__name__)

EVENT_VERSION: Final = 1
LARGEST_EVENT: Final = 64 * 1024
LARGEST_XCOM: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a wait came to.

    :param ids: the sessions that were waited for.
    :param sessions: the last known state of each session that was seen; None where an event was too small for
        them, so that they must be read again.
    :param unfinished: ids of the sessions that had not ended.
    :param late: whether our deadline ended the wait.
    :param error: what ended the wait instead.
    """

    ids: tuple[str, ...]
    sessions: tuple[JsonObject, ...] | None = ()
    unfinished: tuple[str, ...] = ()
    late: bool = False
    error: ChecklyError | None = None

    @classmethod
    def of(cls, ids: Sequence[str], waited: Waited) -> Outcome:
        """Return the outcome of a wait."""
        return cls(tuple(ids), tuple(waited.sessions.values()), waited.unfinished, waited.late)

    def to_event(self) -> JsonObject:
        """Return the payload of a trigger event: JSON, no secrets, below 64 KiB."""
        event: JsonObject = {
            "version": EVENT_VERSION,
            "session_ids": list(self.ids),
            "unfinished": list(self.unfinished),
            "late": self.late,
            "error": _error_to_json(self.error),
            "sessions": [harmless(session) for session in self.sessions or ()],
        }
        return event if _size(event) < LARGEST_EVENT else event | {"sessions": None}

    @classmethod
    def from_event(cls, event: object) -> Outcome:
        """Return the outcome that a trigger event holds.

        :raises ChecklyUnreadable: it is no event of ours.
        """
        match event:
            case {
                "version": 1,
                "session_ids": [_, *_] as ids,
                "unfinished": list(unfinished),
                "late": bool(late),
                "error": None | {} as error,
                "sessions": None | [*_] as sessions,
            }:
                seen = None if sessions is None else _sessions_from_event(sessions)
                return cls(_texts(ids), seen, _texts(unfinished), late, _error_from_json(error))
        raise ChecklyUnreadable(f"The trigger's event is not understood: {model.quoted(repr(event))}.")


def _sessions_from_event(sessions: Sequence[Json]) -> tuple[JsonObject, ...]:
    source = "The trigger's event"
    return tuple(model.checked_session(session, source, model.kind_of(session)) for session in sessions)


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(model.uuid(value, "The trigger's event") for value in values)


def _size(value: Json) -> int:
    return len(json.dumps(value).encode())


def harmless(value: JsonObject) -> JsonObject:
    """Rename keys that Airflow's serializers keep for themselves: `__x` becomes `checkly__x`."""
    return {_harmless_key(key): _harmless_value(inner) for key, inner in value.items()}


def _harmless_key(key: str) -> str:
    return f"checkly{key}" if key.startswith("__") else key


def _harmless_value(value: Json) -> Json:
    if isinstance(value, dict):
        return harmless(value)
    return [_harmless_value(item) for item in value] if isinstance(value, list) else value


def _error_to_json(error: ChecklyError | None) -> JsonObject | None:
    if error is None:
        return None
    return {"type": type(error).__name__, "text": str(error), "status": getattr(error, "status", 0)}


def _error_from_json(error: object) -> ChecklyError | None:
    match error:
        case None:
            return None
        case {"type": str(name), "text": str(text), "status": int(status)}:
            known = getattr(errors, name, None)
            if not (isinstance(known, type) and issubclass(known, ChecklyError)):
                return ChecklyError(text)
            return known(text, status=status) if issubclass(known, errors.ChecklyRefused) else known(text)
    raise ChecklyUnreadable(f"The trigger's event holds an error that is not understood: {error!r}.")


def decide(outcome: Outcome, gate: Gate, tags: Mapping[str, Collection[str]] | None = None) -> Decision:
    """Return what a gate makes of an outcome.

    :param tags: of checks, by check id, where they are known.
    :raises ChecklyError: the wait could not be carried out.
    """
    if outcome.error is not None:
        raise outcome.error
    final = _final(outcome)
    asked, ended = len(outcome.ids), len(final)
    decision = judge(gate, final, tags=tags, pending=max(asked - ended, 0))
    if ended >= asked:
        return decision
    end = Rule("end", f"{asked} sessions", f"{ended} ended", holds=False)
    return replace(decision, rules=(*decision.rules, end))


def conclude(outcome: Outcome, decision: Decision) -> list[JsonObject]:
    """Return the sessions of a gate that is passed.

    :raises ChecksFailed: checks broke it.
    :raises ChecksTimedOut: none did, but our deadline came first.
    :raises ChecklyUnreadable: not all sessions have ended, though the wait is over.
    """
    if decision.broke:
        raise _failure(broken_sessions(outcome, decision), decision)
    if outcome.late and outcome.unfinished:
        raise _lateness(outcome, outcome.sessions or ())
    final = _final(outcome)
    if not decision.passed or len(final) != len(outcome.ids):
        raise ChecklyUnreadable(
            f"{len(final)} of {len(outcome.ids)} sessions have ended, though the wait is over. "
            f"That is no success."
        )
    log.info("Passed: %s.", _counts(final))
    return final


def _final(outcome: Outcome) -> list[JsonObject]:
    return [session for session in outcome.sessions or () if model.is_final(session)]


def broken_sessions(outcome: Outcome, decision: Decision) -> list[JsonObject]:
    """Return the sessions with checks that broke the gate."""
    ids = {session_id for each in decision.broke for session_id in each.finding.session_ids}
    return [session for session in _final(outcome) if model.session_id(session) in ids]


def _counts(sessions: Sequence[JsonObject]) -> str:
    counts = Counter(model.status(session) for session in sessions)
    return ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))


def _failure(failing: Sequence[JsonObject], decision: Decision) -> ChecksFailed:
    for session in failing:
        log.warning("%s %s: %s", model.label(session), model.status(session), model.link(session))
    return ChecksFailed(decision.text(), failing)


def _lateness(outcome: Outcome, sessions: Sequence[JsonObject]) -> ChecksTimedOut:
    seen = {model.session_id(session): session for session in sessions}
    lines = [_progress(session_id, seen.get(session_id)) for session_id in outcome.unfinished]
    return ChecksTimedOut(
        f"{len(lines)} of {len(outcome.ids)} sessions had not ended at the deadline (timeout or "
        f"execution_timeout): {some(lines)}. They may go on at Checkly.",
        outcome.unfinished,
    )


def _progress(session_id: str, session: JsonObject | None) -> str:
    if session is None:
        return session_id
    state = "has not got beyond its start" if session["status"] == "STARTED" else "is still running"
    return f"{model.label(session)} {state} ({session_id})"


def first_link(sessions: Sequence[JsonObject], fail_on: frozenset[str]) -> str:
    """Return the link to the first failing session, else to the first."""
    failing = (session for session in sessions if model.status(session) in fail_on)
    return model.link(next(failing, sessions[0])) if sessions else ""


def for_xcom(sessions: Sequence[JsonObject]) -> list[JsonObject]:
    """Return sessions fit for XCom: no reserved keys, and without `results` if it were above 1 MiB."""
    fit = [harmless(session) for session in sessions]
    size = _size(list(fit))
    if size <= LARGEST_XCOM:
        return fit
    log.warning("The sessions take %d bytes; XCom gets them without their results.", size)
    return [{name: value for name, value in session.items() if name != "results"} for session in fit]


def _also(error: ChecklyError, airflow: type[Exception]) -> ChecklyError:
    """Return the same error, of a class that Airflow's handling of exceptions knows too."""
    kind = type(error)
    fields = {
        "__module__": kind.__module__,
        "__doc__": kind.__doc__,
        "__reduce__": lambda twin: (kind, twin.args, twin.__dict__),  # a copy of it is the plain error
    }
    both = type(kind.__name__, (kind, airflow), fields)
    twin: ChecklyError = both(*error.args)
    twin.__dict__.update(error.__dict__)
    return twin


def for_airflow(
    error: ChecklyError, *, soft_fail: bool, retry_failed: bool, on_timeout: type[Exception]
) -> Exception:
    """Return what leaves the task.

    Skipping is for a failing status and our deadline only. Other errors of a `soft_fail` task stay plain,
    since Airflow's sensors would skip on some AirflowExceptions. What another try cannot mend is not retried.
    """
    gate = isinstance(error, ChecksFailed | ChecksTimedOut)
    if soft_fail:
        return AirflowSkipException(str(error)) if gate else error
    if isinstance(error, ChecksTimedOut):
        return _also(error, on_timeout)
    hopeless = not retry_failed if isinstance(error, ChecksFailed) else error.permanent
    return _also(error, AirflowFailException if hopeless else AirflowException)


@contextmanager
def airflow_errors(
    *, soft_fail: bool, retry_failed: bool = False, on_timeout: type[Exception] = AirflowException
) -> Iterator[None]:
    """Let each ChecklyError leave the task as Airflow should treat it."""
    try:
        yield
    except ChecklyError as error:
        leaving = for_airflow(error, soft_fail=soft_fail, retry_failed=retry_failed, on_timeout=on_timeout)
        raise leaving.with_traceback(error.__traceback__) from error.__cause__


def complete(outcome: Outcome, read: Callable[[Sequence[str]], list[JsonObject]]) -> Outcome:
    """Return an outcome with its sessions, which are read again where the event was too small for them."""
    if outcome.sessions is not None:
        return outcome
    return Outcome(outcome.ids, tuple(read(outcome.ids)), outcome.unfinished, outcome.late, outcome.error)
