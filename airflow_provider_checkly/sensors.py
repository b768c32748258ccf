"""The sensors: wait for sessions that somebody else started."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, BaseSensorOperator, PokeReturnValue

from airflow_provider_checkly import arguments
from airflow_provider_checkly.api import model
from airflow_provider_checkly.api.calls import MAX_WAIT_SECONDS
from airflow_provider_checkly.connection import TEST_SESSIONS
from airflow_provider_checkly.triggers import IDS_KEYS
from airflow_provider_checkly.verdict import Outcome, for_xcom
from airflow_provider_checkly.waiter import SessionWaiter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.wire import JsonObject


log = logging.getLogger(__name__)


class SessionSensor(SessionWaiter, BaseSensorOperator):
    """What the sensors share: three ways to wait for sessions, and one verdict."""

    _error_on_timeout = AirflowSensorTimeout
    _until = math.inf

    def __init__(
        self, *, mode: str = "poke", poke_interval: float | timedelta | None = None, **kwargs: Any
    ) -> None:
        if poke_interval is None:
            poke_interval = 60 if mode == "reschedule" else 1
        super().__init__(mode=mode, poke_interval=poke_interval, **kwargs)
        arguments.positive_seconds(self.timeout, "timeout")

    @property
    def _asked(self) -> object:
        """The ids as given."""
        return getattr(self, IDS_KEYS[self.resource])

    def execute(self, context: Context) -> JsonObject | list[JsonObject]:
        """Wait in the way that `deferrable` and `mode` name."""
        with self._errors():
            self._remember_ids()
            self._until = self._deadline(context, self.timeout)
            if self.deferrable:
                return self._value(context, self._look(self._until))
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
            return PokeReturnValue(is_done=True, xcom_value=self._value(context, outcome))

    def execute_complete(self, context: Context, event: object) -> JsonObject | list[JsonObject]:
        """Judge what the trigger reports."""
        with self._errors():
            return self._value(context, Outcome.from_event(event))

    def _remember_ids(self) -> None:
        ids = arguments.session_ids(self._asked, IDS_KEYS[self.resource])
        self._known = {each: self._known.get(each) for each in ids}

    def _value(self, context: Context, outcome: Outcome) -> JsonObject | list[JsonObject]:
        """Judge; return one session where one id is given as a string, else a list."""
        sessions = for_xcom(self._judge(context, outcome))
        one = isinstance(self._asked, str) and not self._asked.strip().startswith("[")
        return sessions[0] if one else sessions

    def _poll(self) -> Outcome:
        """Wait for as long as one poll may take, or the rest of the time."""
        poll_until = time.time() + MAX_WAIT_SECONDS
        if self._until <= poll_until:
            return self._drive(self._until)
        return replace(self._drive(poll_until, last_look=False), late=False)

    def _read_in_turn(self) -> Outcome:
        """Read sessions up to the first that has not ended."""
        for session_id in self._known:
            (session,) = self._read([session_id])
            self._known[session_id] = session
            if not model.is_final(session):
                break
        return Outcome.of(self._known)


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

    def __init__(self, *, check_session_ids: str | Iterable[str], **kwargs: Any) -> None:
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

    def __init__(self, *, test_session_ids: str | Iterable[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.test_session_ids = test_session_ids
