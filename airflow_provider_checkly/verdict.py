"""Outcome <-> trigger event, and `conclude`: the only place that decides success."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from airflow_provider_checkly.api import errors, model
from airflow_provider_checkly.api.errors import ChecklyError, ChecklyRefused, ChecklyUnreadable
from airflow_provider_checkly.decision import Rule, judge, some
from airflow_provider_checkly.exceptions import ChecksFailed, ChecksTimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from airflow_provider_checkly.api.wire import Json, JsonObject
    from airflow_provider_checkly.decision import Decision
    from airflow_provider_checkly.gate import Gate

log = logging.getLogger(__name__)

EVENT_VERSION: Final = 1
LARGEST_EVENT: Final = 64 * 1024
LARGEST_XCOM: Final = 1024 * 1024
NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
SOURCE: Final = "The trigger's event"
ERRORS: Final[dict[str, type[ChecklyError]]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, ChecklyError)
}


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
    def of(cls, known: Mapping[str, JsonObject | None], *, late: bool = False) -> Outcome:
        """Return what is known of sessions, by id: the last state that was seen, None where none was."""
        seen = tuple(session for session in known.values() if session)
        return cls(tuple(known), seen, tuple(unfinished(known)), late)

    @property
    def final(self) -> list[JsonObject]:
        """The sessions that have ended."""
        return [session for session in self.sessions or () if model.is_final(session)]

    def to_event(self) -> JsonObject:
        """Return the payload of a trigger event: JSON, no secrets, below 64 KiB."""
        event: JsonObject = {
            "version": EVENT_VERSION,
            "session_ids": list(self.ids),
            "unfinished": list(self.unfinished),
            "late": self.late,
            "error": None if self.error is None else _error_fields(self.error),
            "sessions": [harmless(session) for session in self.sessions or ()],
        }
        return event if len(json.dumps(event)) < LARGEST_EVENT else event | {"sessions": None}

    @classmethod
    def from_event(cls, event: object) -> Outcome:
        """Return the outcome that a trigger event holds.

        :raises ChecklyUnreadable: it is no event of ours.
        """
        match event:
            case {
                "version": 1,
                "session_ids": [_, *_] as ids,
                "unfinished": [*running],
                "late": bool(late),
                "error": None | {"type": str(), "text": str(), "status": int()} as error,
                "sessions": None | [*_] as sessions,
            }:
                return cls(
                    _uuids(ids),
                    None if sessions is None else tuple(map(_session, sessions)),
                    _uuids(running),
                    late,
                    None if error is None else _error(error),
                )
        raise ChecklyUnreadable(f"{SOURCE} is not understood: {model.quoted(repr(event))}.")


def _uuids(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(model.uuid(value, SOURCE) for value in values))


def _session(session: Json) -> JsonObject:
    return model.checked_session(session, SOURCE, model.kind_of(session))


def _error_fields(error: ChecklyError) -> JsonObject:
    return {"type": type(error).__name__, "text": str(error), "status": getattr(error, "status", 0)}


def _error(fields: Mapping[str, Any]) -> ChecklyError:
    kind, text = ERRORS.get(fields["type"], ChecklyError), fields["text"]
    return kind(text, status=fields["status"]) if issubclass(kind, ChecklyRefused) else kind(text)


def unfinished(known: Mapping[str, JsonObject | None]) -> list[str]:
    """Return the ids of sessions that are not known to have ended."""
    return [session_id for session_id, seen in known.items() if seen is None or not model.is_final(seen)]


def complete(outcome: Outcome, read: Callable[[Sequence[str]], list[JsonObject]]) -> Outcome:
    """Return an outcome with its sessions, which are read again where the event was too small for them."""
    return outcome if outcome.sessions is not None else replace(outcome, sessions=tuple(read(outcome.ids)))


def harmless(value: JsonObject) -> JsonObject:
    """Return JSON that Airflow can store.

    Its serializers keep keys as `__x` for themselves: they become `checkly__x`. Halves of characters and NUL,
    which no database takes, become question marks.
    """
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    renamed: JsonObject = json.loads(NUL.sub(r"\1?", text), object_pairs_hook=_renamed)
    return renamed


def _renamed(pairs: list[tuple[str, Json]]) -> JsonObject:
    return {f"checkly{key}" if key.startswith("__") else key: value for key, value in pairs}


def for_xcom(sessions: Sequence[JsonObject]) -> list[JsonObject]:
    """Return sessions fit for XCom: no reserved keys, and without `results` if it were above 1 MiB."""
    fit = [harmless(session) for session in sessions]
    size = len(json.dumps(fit))
    if size <= LARGEST_XCOM:
        return fit
    log.warning("The sessions take %d bytes; XCom gets them without their results.", size)
    return [{name: value for name, value in session.items() if name != "results"} for session in fit]


def decide(outcome: Outcome, gate: Gate, tags: Mapping[str, Collection[str]] | None = None) -> Decision:
    """Return what a gate makes of an outcome.

    :param tags: of checks, by check id, where they are known.
    :raises ChecklyError: the wait could not be carried out.
    """
    if outcome.error is not None:
        raise outcome.error
    asked, ended = len(outcome.ids), len(outcome.final)
    decision = judge(gate, outcome.final, tags=tags, pending=max(asked - ended, 0))
    if ended == asked:
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
        failing = broken_sessions(outcome, decision)
        for session in failing:
            log.warning("%s %s: %s", model.label(session), model.status(session), model.link(session))
        raise ChecksFailed(decision.text(), failing)
    if outcome.late and outcome.unfinished:
        raise _lateness(outcome)
    final = outcome.final
    if not decision.passed:
        raise ChecklyUnreadable(
            f"{len(final)} of {len(outcome.ids)} sessions have ended, though the wait is over. "
            f"That is no success."
        )
    counts = Counter(map(model.status, final))
    log.info("Passed: %s.", ", ".join(f"{number} {status}" for status, number in sorted(counts.items())))
    return final


def broken_sessions(outcome: Outcome, decision: Decision) -> list[JsonObject]:
    """Return the sessions with checks that broke the gate."""
    ids = {session_id for each in decision.broke for session_id in each.finding.session_ids}
    return [session for session in outcome.final if model.session_id(session) in ids]


def _lateness(outcome: Outcome) -> ChecksTimedOut:
    seen = {model.session_id(session): session for session in outcome.sessions or ()}
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


def for_airflow(
    error: ChecklyError,
    *,
    soft_fail: bool,
    never_fail: bool = False,
    retry_failed: bool,
    on_timeout: type[Exception],
) -> Exception:
    """Return what leaves the task.

    Skipping is for a failing status and our deadline only. Other errors of a `soft_fail` task stay plain,
    since Airflow's sensors would skip on some AirflowExceptions. What another try cannot mend is not retried.
    Sensors with `never_fail` skip on all errors.
    """
    gate = isinstance(error, ChecksFailed | ChecksTimedOut)
    if never_fail or (soft_fail and gate):
        return AirflowSkipException(str(error))
    if soft_fail:
        return error
    if isinstance(error, ChecksTimedOut):
        return _also(error, on_timeout)
    hopeless = not retry_failed if isinstance(error, ChecksFailed) else error.permanent
    return _also(error, AirflowFailException if hopeless else AirflowException)


def _also(error: ChecklyError, airflow: type[Exception]) -> ChecklyError:
    """Return the same error, of a class that Airflow's handling of exceptions knows too."""
    kind = type(error)
    fields = {
        "__module__": kind.__module__,
        "__doc__": kind.__doc__,
        "__reduce__": lambda twin: (kind, twin.args, twin.__dict__),  # a copy of it is the plain error
    }
    twin: ChecklyError = type(kind.__name__, (kind, airflow), fields)(*error.args)
    twin.__dict__.update(error.__dict__)
    return twin
