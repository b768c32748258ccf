"""The trigger: waits for sessions in the triggerer, and reports once."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import XCom, conf
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_provider_checkly.api.errors import ChecklyError
from airflow_provider_checkly.connection import CHECK_SESSIONS
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.verdict import Outcome, unfinished

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.connection import Resource

log = logging.getLogger(__name__)

BACKSTOP: Final = timedelta(minutes=5)
"""How much later Airflow's own time-out of a deferral comes, which loses the session ids."""
KILL_SECONDS: Final = 28.0
"""How long `on_kill` may take; Airflow allows it 30 s, of which a busy triggerer may need half for itself."""
CANCEL_SECONDS: Final = 10.0
_UNDER_WAY: Final[set[asyncio.Future[None]]] = set()
"""What `on_kill` still does; the event loop itself does not keep it from being collected."""
IDS_KEYS: Final[dict[Resource, str]] = {
    "check-sessions": "check_session_ids",
    "test-sessions": "test_session_ids",
}
"""The XCom that holds the sessions of a try."""
SETTLING: Final = 3.0
"""Seconds beyond the supervisor's heartbeat interval that a deferral must last (Airflow 3.1 to 3.3.2)."""


@dataclass(eq=False, repr=False)
class ChecklySessionTrigger(BaseTrigger):
    """Wait until check sessions have ended, or the deadline has come, and report the outcome in one event.

    :param checkly_conn_id: the connection; it is looked up in the triggerer.
    :param session_ids: UUIDs in lower case.
    :param deadline: absolute wall-clock time in seconds.
    :param stop_on: statuses that end the wait for all.
    :param not_before: absolute wall-clock time in seconds before which no event is sent.
    :param hold_back: seconds that `not_before` may cost at most, whatever the clocks say.
    :param cancel_on_kill: whether a user who ends the task ends its sessions, too.
    :param resource: "check-sessions" or "test-sessions".
    """

    checkly_conn_id: str
    session_ids: Sequence[str]
    deadline: float
    _: KW_ONLY
    stop_on: Sequence[str] = ()
    not_before: float = 0
    hold_back: float = 0
    cancel_on_kill: bool = False
    resource: Resource = CHECK_SESSIONS

    def __post_init__(self) -> None:
        """Prepare what is not stored."""
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow does not annotate it
        self.session_ids, self.stop_on = list(self.session_ids), sorted(self.stop_on)
        self._known: dict[str, JsonObject | None] = dict.fromkeys(self.session_ids)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, which hold no secrets."""
        arguments = {field.name: getattr(self, field.name) for field in fields(self)}
        return f"{__name__}.ChecklySessionTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: a ChecklyError becomes its content, anything unexpected is let through."""
        outcome = await self._outcome()
        pause = min(max(0.0, self.not_before - time.time()), self.hold_back)
        if pause:
            log.info("The task is resumed in %.0f s; Airflow 3.1 to 3.3.2 would fail it sooner.", pause)
            await asyncio.sleep(pause)
        yield TriggerEvent(outcome.to_event())

    async def _outcome(self) -> Outcome:
        try:
            waited = await ChecklyHook(self.checkly_conn_id).adrive(
                self.session_ids,
                self.deadline,
                resource=self.resource,
                stop_on=frozenset(self.stop_on),
                known=self._known,
            )
        except ChecklyError as error:
            log.warning("The wait ended: %s", error)
            return Outcome(tuple(self.session_ids), error=error)
        return Outcome.of(self._known, late=waited.late)

    async def on_kill(self) -> None:
        """Cancel the unfinished sessions where a user ended the task (Airflow 3.3+); raise nothing."""
        if self.cancel_on_kill:
            await _to_the_end(self._cancel_unless_awaited())

    async def _cancel_unless_awaited(self) -> None:
        try:
            async with asyncio.timeout(KILL_SECONDS):
                if await self._is_awaited():
                    log.info("Nothing is cancelled: the task still waits for these check sessions.")
                    return
                hook = ChecklyHook(self.checkly_conn_id)
                await hook.acancel_sessions(unfinished(self._known), self.resource, CANCEL_SECONDS)
        except TimeoutError:
            log.warning("It took too long; sessions may go on at Checkly.")
        except Exception:  # a kill must not fail; what cannot be known cancels nothing
            log.exception("Nothing was cancelled.")

    async def _is_awaited(self) -> bool:
        """Return whether the task goes on waiting for these sessions.

        `on_kill` also fires in a triggerer that was frozen while another one took over. A user's action
        leaves the task neither deferred nor up for retry, or with the ids of a new try: XCom is wiped at its
        start.
        """
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415 - 3.3+ only

        if (ti := self.task_instance) is None:
            return True
        states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
            dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
        )
        ids = await sync_to_async(XCom.get_one)(
            key=IDS_KEYS[self.resource],
            dag_id=ti.dag_id,
            task_id=ti.task_id,
            run_id=ti.run_id,
            map_index=ti.map_index,
        )
        name = ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
        return states.get(ti.run_id, {}).get(name) in {"deferred", "up_for_retry"} and ids == self.session_ids


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Carry work out although Airflow 3.3 cancels `on_kill` again every second."""
    task = asyncio.ensure_future(work)
    _UNDER_WAY.add(task)  # on Python 3.11 Airflow forgets `on_kill` before its end
    task.add_done_callback(_UNDER_WAY.discard)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait({task})


def hold_back() -> float:
    """Return for how many seconds after a deferral its trigger must hold its event back.

    The scheduler of Airflow 3.1 to 3.3.2 fails tasks that are resumed while the supervisor of the deferring
    leg lingers.
    """
    return float(conf.getint("workers", "min_heartbeat_interval", fallback=0) + SETTLING)
