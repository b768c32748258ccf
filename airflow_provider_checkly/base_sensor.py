"""Bases of the sensors: three ways to wait, with the same outcome."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowNotFoundException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
)

from airflow_provider_checkly import arguments, events
from airflow_provider_checkly.api.endpoints import MAX_WAIT_SECONDS
from airflow_provider_checkly.api.polling import Polling
from airflow_provider_checkly.base_checkly_operator import BaseChecklyOperator
from airflow_provider_checkly.base_operator import BaseSessionOperator, initial_wait
from airflow_provider_checkly.exceptions import ChecklyError, ChecksTimedOut

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.http import Json
    from airflow_provider_checkly.api.polling import WaitResult

log = logging.getLogger(__name__)


class BaseChecklySensor(BaseChecklyOperator, BaseSensorOperator):
    """A sensor that waits in the triggerer, in poke mode or in reschedule mode, with the same outcome."""

    deferrable: bool
    _until = math.inf

    def execute(self, context: Context) -> Json:
        """Wait as `deferrable` and `mode` say."""
        with self._task_errors(context):
            self._until = self._deadline(context, self.timeout)
            if self.deferrable:
                return self._look_or_defer(context)
            if not self.reschedule:
                log.info(
                    "Waiting on this worker. deferrable=True (with a triggerer) or mode='reschedule' would "
                    "free its slot."
                )
            return self._poke(context)

    def _poke(self, context: Context) -> Json:
        """Poke as Airflow does, but raise errors and Airflow's timeout as in the other modes."""
        try:
            found: Json = super().execute(context)
        except (AirflowSensorTimeout, AirflowSkipException) as error:
            match error.__cause__:
                case None:  # Airflow's timeout
                    return self._time_out(context)
                case ChecklyError() | AirflowNotFoundException() as known:  # hidden by Airflow's `never_fail`
                    raise known from known.__cause__
            raise
        return found

    def _look_or_defer(self, context: Context) -> Json:
        """Return the value of the sensor.

        :raises TaskDeferred: what the sensor waits for has not happened yet.
        """
        raise NotImplementedError

    def _time_out(self, context: Context) -> Json:
        """Conclude at Airflow's timeout: by the state if that is final, else as timed out."""
        raise NotImplementedError

    def _skips_on(self, error: ChecklyError) -> bool:
        return self.never_fail or super()._skips_on(error)

    def _may_retry(self, error: ChecklyError) -> bool:
        return not isinstance(error, ChecksTimedOut) and super()._may_retry(error)


class BaseSessionSensor(BaseSessionOperator, BaseChecklySensor):
    """What both sensors of sessions share. They never cancel."""

    def __init__(
        self, *, mode: str = "poke", poke_interval: float | timedelta | None = None, **kwargs: Any
    ) -> None:
        if poke_interval is None:
            poke_interval = 60 if mode == "reschedule" else 1
        super().__init__(mode=mode, poke_interval=poke_interval, **kwargs)
        arguments.positive_seconds(self.timeout, "timeout")

    def _look_or_defer(self, context: Context) -> Json:
        return self._value(context, self._look_then_defer(self._get_polling(), self._until, initial_wait()))

    def _time_out(self, context: Context) -> Json:
        polling = self._get_polling()
        ids = list(polling.unfinished)
        for session_id, session in zip(ids, self.hook.read_sessions(ids, self.kind), strict=True):
            polling.record(session_id, session)
        return self._value(context, polling.result(late=True))

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once; the sensor is done when all sessions have ended."""
        polling = self._get_polling()
        result = self._read_in_turn(polling) if self.reschedule else self._poll(polling)
        if result.unfinished and not result.late:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._value(context, result))

    def execute_complete(self, context: Context, event: object) -> Json:
        """Conclude from the event of the trigger."""
        with self._task_errors(context):
            return self._value(context, events.from_event(event))

    def _get_polling(self) -> Polling:
        """Return the wait of this process; it remembers sessions between pokes."""
        if self._polling is None:
            ids = arguments.session_ids(getattr(self, self.kind.ids_key), self.kind.ids_key)
            self._polling = Polling(self.kind, ids)
        return self._polling

    def _value(self, context: Context, result: WaitResult) -> Json:
        """Conclude; return one session if one id was given as a string, else a list."""
        sessions = events.sessions_for_xcom(self._conclude(context, result))
        given = getattr(self, self.kind.ids_key)
        is_single = isinstance(given, str) and not given.strip().startswith("[")
        return sessions[0] if is_single else [*sessions]

    def _poll(self, polling: Polling) -> WaitResult:
        """Wait for one long poll, or for the time that is left if that is shorter."""
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
