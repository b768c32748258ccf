"""Triggers: wait in the triggerer for sessions or for healthy checks, or watch checks for an asset."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_checkly import arguments, events
from airflow_provider_checkly.airflow_workarounds import is_still_awaited, shield_from_repeated_cancels
from airflow_provider_checkly.api.models import SESSION_KINDS, KindName
from airflow_provider_checkly.api.polling import Polling
from airflow_provider_checkly.exceptions import ChecklyError
from airflow_provider_checkly.gate.health import HealthResult, Requirement
from airflow_provider_checkly.health_wait import MAX_GAP, HealthWait
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.shared_reads import max_age, shared_reads, until_next_tick
from airflow_provider_checkly.status_watcher import ChecklyCheckStatusTrigger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow_provider_checkly.api.polling import WaitResult

__all__ = ["ChecklyCheckStatusTrigger", "ChecklyHealthTrigger", "ChecklySessionTrigger"]

log = logging.getLogger(__name__)

ON_KILL_SECONDS: Final = 28.0
"""How long `on_kill` may take; Airflow allows 30 s, of which a busy triggerer may need half for itself."""
ON_KILL_CANCEL_SECONDS: Final = 10.0


async def _hold_back(not_before: float, max_hold_seconds: float) -> None:
    """Wait until a deferral has lasted long enough for Airflow."""
    pause = min(max(0.0, not_before - time.time()), max_hold_seconds)
    if pause:
        log.debug("Holding the event back for %.1f s; see min_deferral_seconds.", pause)
        await asyncio.sleep(pause)


class ChecklyEvent(TriggerEvent):
    """An event with a short `repr`, which the triggerer logs: of lists and texts, only the length."""

    def __repr__(self) -> str:
        parts = (
            (key, len(each) if isinstance(each, list | str) else each) for key, each in self.payload.items()
        )
        return f"ChecklyEvent<{', '.join(f'{key}={each}' for key, each in parts)}>"

    __str__ = __repr__


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
        """Prepare what is not stored."""
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
        await _hold_back(self.not_before, self.max_hold_seconds)
        yield ChecklyEvent(payload=events.to_event(result))

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
                    log.info("Nothing is cancelled: the task still waits for these sessions.")
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
            log.exception("The sessions were not cancelled.")


@dataclass(eq=False, repr=False)
class ChecklyHealthTrigger(BaseTrigger):
    """Wait until checks are healthy or the deadline comes, and report the result in one event.

    All waits of an account look at the same moments, so that one request serves them.

    :param checkly_conn_id: the connection.
    :param deadline: absolute wall-clock time in seconds.
    :param check_ids: the checks; without ids and tags, all of the account.
    :param tags: OR of ANDs.
    :param healthy: the good words.
    :param since: only runs after this time count, in Unix seconds; None: all.
    :param for_seconds: for how long the checks must be healthy.
    :param poll_interval: seconds between looks.
    :param not_before: when the event may be sent at the earliest, in Unix seconds.
    :param max_hold_seconds: how long it may be held back for that.
    """

    checkly_conn_id: str
    deadline: float
    _: KW_ONLY
    check_ids: Sequence[str] = ()
    tags: Sequence[Sequence[str]] = ()
    healthy: Sequence[str] = ("passing", "degraded")
    since: float | None = None
    for_seconds: float = 0
    poll_interval: float = 60
    not_before: float = 0
    max_hold_seconds: float = 0

    def __post_init__(self) -> None:
        """Prepare what is not stored."""
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow does not annotate it
        self.check_ids, self.healthy = list(self.check_ids), sorted(self.healthy)
        self.tags = [list(group) for group in self.tags]
        self._wait = HealthWait(
            arguments.Target(self.check_ids, self.tags),
            Requirement(frozenset(self.healthy), self.since),
            self.for_seconds,
            MAX_GAP * self.poll_interval,
        )
        self._known = HealthResult()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, which hold no secrets."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return f"{__name__}.ChecklyHealthTrigger", given

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: a ChecklyError becomes its content, an unexpected error is raised."""
        result = await self._result()
        await _hold_back(self.not_before, self.max_hold_seconds)
        yield ChecklyEvent(payload=events.health_to_event(result))

    async def _result(self) -> HealthResult:
        hook, known = ChecklyHook(self.checkly_conn_id), HealthResult()
        while True:
            await asyncio.sleep(self._pause(known))
            try:
                known = await shared_reads(hook, self._wait.look(), max_age(self.poll_interval))
            except ChecklyError as error:
                if not error.retryable or time.time() >= self.deadline:
                    return replace(known, error=error)
                log.warning("%s The next look is in %.0f s.", error, self.poll_interval)
                self._wait.interrupt()
                continue
            if known.is_met or time.time() >= self.deadline:
                return replace(known, late=not known.is_met)

    def _pause(self, known: HealthResult) -> float:
        """Return the seconds until the next look."""
        left = max(0.0, self.deadline - time.time())
        ripe = known.missing_seconds if known.count and not known.unhealthy else left
        return min(until_next_tick(self.poll_interval), left, ripe)
