"""The sensors: wait for sessions that somebody else started."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_checkly import arguments
from airflow_provider_checkly.api import model
from airflow_provider_checkly.api.calls import MAX_WAIT_SECONDS
from airflow_provider_checkly.connection import TEST_SESSIONS
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.triggers import IDS_KEYS, deadline
from airflow_provider_checkly.verdict import Outcome, airflow_errors
from airflow_provider_checkly.waiter import SessionWaiter, is_timeout

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.wire import JsonObject


log = logging.getLogger(__name__)


class SessionSensor(SessionWaiter, BaseSensorOperator):
    """What the sensors share: three ways to wait for sessions, and one verdict."""

    def __init__(
        self,
        *,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("poke_interval", 60 if kwargs.get("mode") == "reschedule" else 1)
        super().__init__(**kwargs)
        self.checkly_conn_id = checkly_conn_id
        self.deferrable = deferrable
        arguments.positive_seconds(self.timeout, "timeout")
        self._known = {}
        self._until: float | None = None

    @property
    def _asked(self) -> object:
        """The ids as given."""
        return getattr(self, IDS_KEYS[self.resource])

    def execute(self, context: Context) -> JsonObject | list[JsonObject]:
        """Wait in the way that `deferrable` and `mode` name."""
        with self._errors():
            self._remember_ids()
            self._until = deadline(self.timeout, context["ti"].start_date, self.execution_timeout)
            if self.deferrable:
                return self._value(self._judge(context, self._look(self._until)))
        if not self.reschedule:
            log.info(
                "Waiting on this worker. deferrable=True (with a triggerer) or mode='reschedule' "
                "would free its slot."
            )
        found: JsonObject | list[JsonObject] = super().execute(context)
        return found

    def poke(self, context: Context) -> PokeReturnValue:
        """Ask once; done when all sessions have ended."""
        with self._errors():
            self._remember_ids()
            outcome = self._read_in_turn() if self.reschedule else self._poll()
            if outcome.unfinished and not outcome.late:
                return PokeReturnValue(is_done=False)
            return PokeReturnValue(is_done=True, xcom_value=self._value(self._judge(context, outcome)))

    def execute_complete(self, context: Context, event: object) -> JsonObject | list[JsonObject]:
        """Judge what the trigger reports."""
        with self._errors():
            return self._value(self._judge(context, Outcome.from_event(event)))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume, and let `soft_fail` skip on a time-out, but not on a trigger that broke.

        Airflow's sensors skip on both, and call the time-out differently from version to version.
        """
        if self.soft_fail and not is_timeout(next_method, next_kwargs):
            return super(BaseSensorOperator, self).resume_execution(next_method, next_kwargs, context)
        return super().resume_execution(next_method, next_kwargs, context)

    def _errors(self) -> AbstractContextManager[None]:
        return airflow_errors(soft_fail=self.soft_fail, on_timeout=AirflowSensorTimeout)

    def _remember_ids(self) -> None:
        ids = arguments.session_ids(self._asked, IDS_KEYS[self.resource])
        self._known = {each: self._known.get(each) for each in ids}

    def _value(self, sessions: list[JsonObject]) -> JsonObject | list[JsonObject]:
        given = self._asked
        one = isinstance(given, str) and not given.strip().startswith("[")
        return sessions[0] if one else sessions

    def _poll(self) -> Outcome:
        """Wait for as long as one poll may take, or the rest of the time."""
        if self._until is None:
            self._until = time.time() + self.timeout
        poll_until = time.time() + MAX_WAIT_SECONDS
        if self._until <= poll_until:
            return self._drive(self._until)
        outcome = self._drive(poll_until, last_look=False)
        return Outcome(outcome.ids, outcome.sessions, outcome.unfinished)

    def _read_in_turn(self) -> Outcome:
        """Read sessions up to the first that has not ended."""
        for session_id in self._known:
            (session,) = self._read([session_id])
            self._known[session_id] = session
            if not model.is_final(session):
                break
        seen = [session for session in self._known.values() if session]
        ended = {model.session_id(session) for session in seen if model.is_final(session)}
        return Outcome(tuple(self._known), tuple(seen), tuple(i for i in self._known if i not in ended))


class ChecklyCheckSessionSensor(SessionSensor):
    """Wait for the end of check sessions, and fail if one did not pass.

    It never cancels, since it did not start the sessions. It returns the session as Checkly returned it: a
    dict for one id given as a string, else a list. In poke mode a poke is one long poll, and `poke_interval`
    defaults to 1 second; in reschedule mode it is one plain GET, every 60 seconds.

    :param check_session_ids: UUIDs, e.g. the XCom `check_session_ids` of the operator. (templated)
    :param deferrable: wait in the triggerer, without a worker slot; `mode` then means nothing.
    :param fail_on: which of FAILED, TIMED_OUT, CANCELLED, DEGRADED fail the task; default: all but DEGRADED.
    :param gate: a :class:`airflow_provider_checkly.gate.Gate` with more rules, instead of `fail_on`.
    :param explain: on failure, log why each check failed (at most 20 more requests).
    :param root_cause_analysis: also ask Checkly's AI for the cause; each analysis costs one of a quota.
    :param checkly_conn_id: the connection. (templated)
    """

    template_fields: Sequence[str] = ("checkly_conn_id", "check_session_ids")

    def __init__(
        self,
        *,
        check_session_ids: str | Iterable[str],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.check_session_ids = check_session_ids


class ChecklyTestSessionSensor(SessionSensor):
    """Wait for the end of test sessions, and fail if a check did not pass.

    It waits and returns as :class:`ChecklyCheckSessionSensor` does.

    :param test_session_ids: UUIDs, e.g. the XCom `test_session_ids` of the operator. (templated)
    :param deferrable: wait in the triggerer, without a worker slot; `mode` then means nothing.
    :param fail_on: which of FAILED, CANCELLED, DEGRADED fail the task; default: all but DEGRADED.
    :param gate: a :class:`airflow_provider_checkly.gate.Gate` with more rules, instead of `fail_on`.
    :param explain: on failure, log why each check failed (at most 20 more requests).
    :param root_cause_analysis: also ask Checkly's AI for the cause; each analysis costs one of a quota.
    :param checkly_conn_id: the connection. (templated)
    """

    template_fields: Sequence[str] = ("checkly_conn_id", "test_session_ids")
    resource = TEST_SESSIONS

    def __init__(
        self,
        *,
        test_session_ids: str | Iterable[str],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.test_session_ids = test_session_ids
