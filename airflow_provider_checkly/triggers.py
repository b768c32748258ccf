"""Triggers: wait in the triggerer for sessions or for healthy checks, or watch checks for an asset."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from airflow.triggers.base import BaseTrigger

from airflow_provider_checkly import events
from airflow_provider_checkly.airflow_workarounds import (
    hold_back,
    is_still_awaited,
    shield_from_repeated_cancels,
)
from airflow_provider_checkly.api.models import SESSION_KINDS, KindName
from airflow_provider_checkly.api.polling import Polling
from airflow_provider_checkly.exceptions import ChecklyError
from airflow_provider_checkly.health_trigger import ChecklyHealthTrigger
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.status_watcher import ChecklyCheckStatusTrigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow.triggers.base import TriggerEvent

    from airflow_provider_checkly.api.polling import WaitResult

__all__ = ["ChecklyCheckStatusTrigger", "ChecklyHealthTrigger", "ChecklySessionTrigger"]

log = logging.getLogger(__name__)

ON_KILL_SECONDS: Final = 28.0
"""How long `on_kill` may take; Airflow allows 30 s, of which a busy triggerer may need half for itself."""
ON_KILL_CANCEL_SECONDS: Final = 10.0


@dataclass(eq=False, repr=False)
class ChecklySessionTrigger(BaseTrigger):
    """Wait until sessions have ended or the deadline comes, and report the result in one event.

    :param checkly_conn_id: the connection; it is looked up in the triggerer.
    :param session_ids: UUIDs in lower case; a long list is stored in a shorter form.
    :param deadline: absolute wall-clock time in seconds.
    :param kind: "check-sessions" or "test-sessions".
    :param stop_on: statuses that end the wait for all.
    :param logged_ids: sessions whose end has been logged before.
    :param not_before: absolute wall-clock time in seconds before which no event is sent.
    :param max_hold_seconds: how long `not_before` may hold the event back at most, whatever the clocks say.
    :param cancel_on_kill: whether a user who ends the task also cancels its sessions.
    """

    checkly_conn_id: str
    session_ids: Sequence[str] | str
    deadline: float
    _: KW_ONLY
    kind: KindName = "check-sessions"
    stop_on: Sequence[str] = ()
    logged_ids: Sequence[str] = ()
    not_before: float = 0
    max_hold_seconds: float = 0
    cancel_on_kill: bool = False

    def __post_init__(self) -> None:
        """Set up the state that is not serialized."""
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow does not annotate it
        self.session_ids = events.unpack_ids(self.session_ids)
        self.logged_ids = list(self.logged_ids)
        self.stop_on = sorted(self.stop_on)
        self._polling = Polling(
            SESSION_KINDS[self.kind], self.session_ids, frozenset(self.stop_on), frozenset(self.logged_ids)
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, which hold no secrets."""
        arguments = {field.name: getattr(self, field.name) for field in fields(self)}
        arguments["session_ids"] = events.pack_ids(self.session_ids)
        return f"{__name__}.ChecklySessionTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: a ChecklyError becomes its content, an unexpected error is raised."""
        result = await self._result()
        await hold_back(self.not_before, self.max_hold_seconds)
        yield events.ChecklyEvent(payload=events.to_event(result))

    async def _result(self) -> WaitResult:
        try:
            return await ChecklyHook(self.checkly_conn_id).arun_polling(self._polling, self.deadline)
        except ChecklyError as error:
            return replace(self._polling.result(), error=error)

    async def on_kill(self) -> None:
        """Cancel the unfinished sessions if a user ended the task (Airflow 3.3+); raise nothing."""
        if self.cancel_on_kill:
            await shield_from_repeated_cancels(self._cancel_unless_awaited())

    async def _cancel_unless_awaited(self) -> None:
        polling = self._polling
        try:
            async with asyncio.timeout(ON_KILL_SECONDS):
                if await is_still_awaited(self.task_instance, polling.kind.ids_key, list(self.session_ids)):
                    log.info("Not cancelling anything: the task still waits for these sessions.")
                    return
                hook = ChecklyHook(self.checkly_conn_id)
                await hook.load_settings()
                await asyncio.to_thread(
                    hook.cancel_sessions, polling.unfinished, polling.kind, ON_KILL_CANCEL_SECONDS
                )
        except TimeoutError:
            log.warning(
                "Cancelling timed out after %.0f s; sessions may still be running at Checkly.",
                ON_KILL_SECONDS,
            )
        except Exception:  # a kill must not fail; without the look-up, nothing is cancelled
            log.exception("The sessions were not cancelled; they may still be running at Checkly.")
