"""The trigger: waits for sessions in the triggerer, and reports once."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypedDict

from airflow.providers.common.compat.sdk import conf
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_checkly.api.errors import ChecklyError
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

BACKSTOP: Final = timedelta(minutes=5)
"""How much later Airflow's own time-out of a deferral comes, which loses the session ids."""
SETTLING: Final = 3.0
"""Seconds beyond the supervisor's heartbeat interval that a deferral must last (Airflow 3.1 to 3.3.2)."""


class ChecklySessionTrigger(BaseTrigger):
    """Wait until check sessions have ended, or the deadline has come, and report the outcome in one event.

    :param checkly_conn_id: the connection; it is looked up in the triggerer.
    :param session_ids: UUIDs in lower case.
    :param deadline: absolute wall-clock time in seconds.
    :param stop_on: statuses that end the wait for all.
    :param not_before: absolute wall-clock time in seconds before which no event is sent.
    :param hold_back: seconds that `not_before` may cost at most, whatever the clocks say.
    """

    def __init__(
        self,
        checkly_conn_id: str,
        session_ids: Sequence[str],
        deadline: float,
        *,
        stop_on: Sequence[str] = (),
        not_before: float = 0,
        hold_back: float = 0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow does not annotate it
        self.checkly_conn_id = checkly_conn_id
        self.session_ids = list(session_ids)
        self.deadline = deadline
        self.stop_on = sorted(stop_on)
        self.not_before = not_before
        self.hold_back = hold_back

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, which hold no secrets."""
        return (
            "airflow_provider_checkly.triggers.ChecklySessionTrigger",
            {
                "checkly_conn_id": self.checkly_conn_id,
                "session_ids": self.session_ids,
                "deadline": self.deadline,
                "stop_on": self.stop_on,
                "not_before": self.not_before,
                "hold_back": self.hold_back,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: a ChecklyError becomes its content, anything unexpected is let through."""
        outcome = await self._outcome()
        await asyncio.sleep(min(max(0.0, self.not_before - time.time()), self.hold_back))
        yield TriggerEvent(outcome.to_event())

    async def _outcome(self) -> Outcome:
        hook = ChecklyHook(self.checkly_conn_id)
        try:
            waited = await hook.adrive(self.session_ids, self.deadline, stop_on=frozenset(self.stop_on))
        except ChecklyError as error:
            self.log.warning("The wait ended: %s", error)
            return Outcome(tuple(self.session_ids), error=error)
        return Outcome.of(self.session_ids, waited)


class Deferral(TypedDict):
    """The keywords of `BaseOperator.defer`."""

    trigger: BaseTrigger
    method_name: str
    timeout: timedelta


def deferral(
    checkly_conn_id: str, session_ids: Sequence[str], deadline: float, stop_on: frozenset[str] = frozenset()
) -> Deferral:
    """Return the keywords for a deferral that starts now.

    The scheduler of Airflow 3.1 to 3.3.2 fails tasks that are resumed while the supervisor of the deferring
    leg lingers, so the trigger holds its event back until that is over.
    """
    now = time.time()
    hold_back = conf.getint("workers", "min_heartbeat_interval", fallback=0) + SETTLING
    trigger = ChecklySessionTrigger(
        checkly_conn_id,
        session_ids,
        deadline,
        stop_on=sorted(stop_on),
        not_before=now + hold_back,
        hold_back=hold_back,
    )
    left = timedelta(seconds=max(0.0, deadline - now))
    return {"trigger": trigger, "method_name": "execute_complete", "timeout": left + BACKSTOP}


def deadline(timeout: float, start_date: datetime | None, execution_timeout: timedelta | None) -> float:
    """Return when a wait ends, as absolute wall-clock time in seconds.

    Airflow 3 does not apply `execution_timeout` while a task is deferred.

    :param timeout: seconds from now.
    :param start_date: when this try of the task started.
    """
    latest = time.time() + timeout
    if execution_timeout is None or start_date is None:
        return latest
    return min(latest, (start_date + execution_timeout).timestamp())
