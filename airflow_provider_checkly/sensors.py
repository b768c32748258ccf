"""Sensors that wait for sessions started elsewhere."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, BaseSensorOperator, PokeReturnValue

from airflow_provider_checkly import arguments, events
from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.endpoints import MAX_WAIT_SECONDS
from airflow_provider_checkly.api.polling import Polling
from airflow_provider_checkly.base_operator import DEFERRABLE, BaseSessionOperator
from airflow_provider_checkly.exceptions import ChecklyError, ChecksTimedOut
from airflow_provider_checkly.hooks import ChecklyHook

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.polling import WaitResult
    from airflow_provider_checkly.arguments import FailStatus
    from airflow_provider_checkly.gate import Gate

log = logging.getLogger(__name__)


class BaseSessionSensor(BaseSessionOperator, BaseSensorOperator):
    """What both sensors share: three ways to wait, one gate. They never cancel."""

    _until = math.inf

    def __init__(
        self, *, mode: str = "poke", poke_interval: float | timedelta | None = None, **kwargs: Any
    ) -> None:
        if poke_interval is None:
            poke_interval = 60 if mode == "reschedule" else 1
        super().__init__(mode=mode, poke_interval=poke_interval, **kwargs)
        arguments.positive_seconds(self.timeout, "timeout")

    @property
    def _given_ids(self) -> object:
        """The ids as the DAG author gave them."""
        return getattr(self, self.kind.ids_key)

    def execute(self, context: Context) -> JsonObject | list[JsonObject]:
        """Wait as `deferrable` and `mode` say."""
        with self._task_errors(context):
            polling = self._get_polling()
            self._until = self._deadline(context, self.timeout)
            if self.deferrable:
                return self._value(context, self._look_then_defer(polling, self._until))
            if not self.reschedule:
                log.info(
                    "Waiting on this worker. deferrable=True (with a triggerer) or mode='reschedule' would "
                    "free its slot."
                )
            try:
                found: JsonObject | list[JsonObject] = super().execute(context)
            except AirflowSensorTimeout as error:
                if isinstance(error, ChecklyError):
                    raise
                result = polling.result(late=True)
                raise ChecksTimedOut(f"{error} Still running: {', '.join(result.unfinished)}.") from None
            return found

    def poke(self, context: Context) -> PokeReturnValue:
        """Ask once; done when all sessions have ended."""
        polling = self._get_polling()
        result = self._read_in_turn(polling) if self.reschedule else self._poll(polling)
        if result.unfinished and not result.late:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._value(context, result))

    def execute_complete(self, context: Context, event: object) -> JsonObject | list[JsonObject]:
        """Conclude from the event of the trigger."""
        with self._task_errors(context):
            return self._value(context, events.from_event(event))

    def _get_polling(self) -> Polling:
        """Return the wait of this process; it remembers sessions between pokes."""
        if self._polling is None:
            ids = arguments.session_ids(self._given_ids, self.kind.ids_key)
            self._polling = Polling(self.kind, ids)
        return self._polling

    def _value(self, context: Context, result: WaitResult) -> JsonObject | list[JsonObject]:
        """Conclude; return one session if one id was given as a string, else a list."""
        sessions = events.sessions_for_xcom(self._conclude(context, result))
        given = self._given_ids
        is_single = isinstance(given, str) and not given.strip().startswith("[")
        return sessions[0] if is_single else sessions

    def _poll(self, polling: Polling) -> WaitResult:
        """Wait for one long poll, or for the rest of the time."""
        poll_until = time.time() + MAX_WAIT_SECONDS
        if self._until <= poll_until:
            return self._wait_here(polling, self._until)
        return replace(self._wait_here(polling, poll_until, last_look=False), late=False)

    def _read_in_turn(self, polling: Polling) -> WaitResult:
        """Read sessions until one has not ended."""
        for session_id in list(polling.unfinished):
            (session,) = self.hook.read_sessions([session_id], self.kind)
            if not polling.record(session_id, session):
                break
        return polling.result()

    def _skips_on(self, error: ChecklyError) -> bool:
        return self.never_fail or super()._skips_on(error)

    def _may_retry(self, error: ChecklyError) -> bool:
        return not isinstance(error, ChecksTimedOut) and super()._may_retry(error)


class ChecklyCheckSessionSensor(BaseSessionSensor):
    """Wait for the end of check sessions, and fail if a check did not pass.

    It never cancels, since it did not start the sessions. It returns the session as Checkly returned it: a
    dict for one id given as a string, else a list. In poke mode a poke is one long poll, and `poke_interval`
    defaults to 1 second; in reschedule mode it is one plain GET, every 60 seconds.

    :param check_session_ids: UUIDs, e.g. the XCom `check_session_ids` of the operator. (templated)
    :param deferrable: wait in the triggerer, without a worker slot; `mode` then has no effect.
    :param fail_on: which of FAILED, TIMED_OUT, CANCELLED, DEGRADED fail the task; default: all but DEGRADED.
    :param gate: a :class:`airflow_provider_checkly.gate.Gate` with more rules, instead of `fail_on`.
    :param mode: "poke" or "reschedule", as in Airflow's sensors.
    :param poke_interval: seconds (or a timedelta) between pokes.
    :param explain: on failure, log why each check failed (at most 20 more requests).
    :param root_cause_analysis: also ask Checkly's AI for the cause, which uses the account's quota.
    :param checkly_conn_id: the connection. (templated)
    """

    kind = models.CHECK_SESSION
    template_fields: Sequence[str] = ("checkly_conn_id", "check_session_ids")

    def __init__(
        self,
        *,
        check_session_ids: str | Iterable[str],
        deferrable: bool = DEFERRABLE,
        fail_on: FailStatus | Iterable[FailStatus] | None = None,
        gate: Gate | None = None,
        mode: Literal["poke", "reschedule"] = "poke",
        poke_interval: float | timedelta | None = None,
        explain: bool = True,
        root_cause_analysis: bool = False,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            deferrable=deferrable,
            fail_on=fail_on,
            gate=gate,
            mode=mode,
            poke_interval=poke_interval,
            explain=explain,
            root_cause_analysis=root_cause_analysis,
            checkly_conn_id=checkly_conn_id,
            **kwargs,
        )
        self.check_session_ids = arguments.as_list(check_session_ids)


class ChecklyTestSessionSensor(BaseSessionSensor):
    """Wait for the end of test sessions, and fail if a check did not pass.

    It waits and returns as :class:`ChecklyCheckSessionSensor` does.

    :param test_session_ids: UUIDs, e.g. the XCom `test_session_ids` of the operator. (templated)
    :param deferrable: wait in the triggerer, without a worker slot; `mode` then has no effect.
    :param fail_on: which of FAILED, TIMED_OUT, CANCELLED, DEGRADED fail the task; default: all but DEGRADED.
    :param gate: a :class:`airflow_provider_checkly.gate.Gate` with more rules, instead of `fail_on`.
    :param mode: "poke" or "reschedule", as in Airflow's sensors.
    :param poke_interval: seconds (or a timedelta) between pokes.
    :param explain: on failure, log why each check failed (at most 20 more requests).
    :param root_cause_analysis: also ask Checkly's AI for the cause, which uses the account's quota.
    :param checkly_conn_id: the connection. (templated)
    """

    kind = models.TEST_SESSION
    template_fields: Sequence[str] = ("checkly_conn_id", "test_session_ids")

    def __init__(
        self,
        *,
        test_session_ids: str | Iterable[str],
        deferrable: bool = DEFERRABLE,
        fail_on: FailStatus | Iterable[FailStatus] | None = None,
        gate: Gate | None = None,
        mode: Literal["poke", "reschedule"] = "poke",
        poke_interval: float | timedelta | None = None,
        explain: bool = True,
        root_cause_analysis: bool = False,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            deferrable=deferrable,
            fail_on=fail_on,
            gate=gate,
            mode=mode,
            poke_interval=poke_interval,
            explain=explain,
            root_cause_analysis=root_cause_analysis,
            checkly_conn_id=checkly_conn_id,
            **kwargs,
        )
        self.test_session_ids = arguments.as_list(test_session_ids)
