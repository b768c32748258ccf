"""The trigger that waits until checks are healthy, and its event; users import it from `triggers`."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from airflow.triggers.base import BaseTrigger

from airflow_provider_checkly import arguments, events
from airflow_provider_checkly.airflow_workarounds import hold_back
from airflow_provider_checkly.api.text import one_line, quoted
from airflow_provider_checkly.exceptions import ChecklyError, ChecklyUnreadable
from airflow_provider_checkly.gate.health import CheckHealth, HealthResult, Requirement
from airflow_provider_checkly.health_wait import MAX_GAP, HealthWait
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.shared_reads import max_age, shared_reads, until_next_tick

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow.triggers.base import TriggerEvent

    from airflow_provider_checkly.api.http import JsonObject

log = logging.getLogger(__name__)

CLASS_PATH: Final = "airflow_provider_checkly.triggers.ChecklyHealthTrigger"
"""The class path that Airflow's database stores."""
MAX_ERROR_BYTES: Final = 16 * 1024
"""Bytes of an event that are reserved for everything but its checks."""


def health_to_event(result: HealthResult) -> JsonObject:
    """Return the payload of an event about the health of checks: JSON below 64 KiB, healthy checks last."""
    event: JsonObject = {
        "version": events.EVENT_VERSION,
        "count": result.count,
        "unhealthy": result.unhealthy,
        "missing_seconds": result.missing_seconds,
        "late": result.late,
        "error": None if result.error is None else events.error_fields(result.error),
    }
    rows = (events.json_safe(each.to_json() | {"name": one_line(each.name)}) for each in result.checks)
    return event | {"checks": [*events.fitting(rows, events.MAX_EVENT_BYTES - MAX_ERROR_BYTES)]}


def health_from_event(event: object) -> HealthResult:
    """Return the result that an event about the health of checks holds.

    :raises ChecklyUnreadable: it is not an event of our trigger.
    """
    match event:
        case {
            "version": 1,
            "checks": [*rows],
            "count": int(count),
            "unhealthy": int(unhealthy),
            "missing_seconds": int() | float() as missing,
            "late": bool(late),
            "error": None | {"type": str(), "text": str(), "status": int()} as error,
        }:
            checks = tuple(map(_health, rows))
            return HealthResult(
                checks, count, unhealthy, missing, late, None if error is None else events.read_error(error)
            )
    raise ChecklyUnreadable(f"{events.SOURCE} cannot be read: {quoted(repr(event))}.")


def _health(row: object) -> CheckHealth:
    names = {field.name for field in fields(CheckHealth)}
    if isinstance(row, dict) and row.keys() == names and all(isinstance(each, str) for each in row.values()):
        return CheckHealth(**row)
    raise ChecklyUnreadable(f"{events.SOURCE} holds a check that cannot be read: {quoted(repr(row))}.")


@dataclass(eq=False, repr=False)
class ChecklyHealthTrigger(BaseTrigger):
    """Wait until checks are healthy or the deadline comes, and report the result in one event.

    All waits of an account poll at the same moments, so one request serves them all.

    :param checkly_conn_id: the connection.
    :param deadline: absolute wall-clock time in seconds.
    :param check_ids: the checks; without ids and tags, all of the account.
    :param tags: OR of ANDs.
    :param healthy: the statuses that count as healthy.
    :param since: only runs after this time count, in Unix seconds; None: all.
    :param for_seconds: for how long the checks must be healthy.
    :param poll_interval: seconds between polls.
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
        """Set up the state that is not serialized."""
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
        return CLASS_PATH, given

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: a ChecklyError becomes its content, an unexpected error is raised."""
        result = await self._result()
        await hold_back(self.not_before, self.max_hold_seconds)
        yield events.ChecklyEvent(payload=health_to_event(result))

    async def _result(self) -> HealthResult:
        hook, known = ChecklyHook(self.checkly_conn_id), HealthResult()
        while True:
            await asyncio.sleep(self._pause(known))
            try:
                known = await shared_reads(hook, self._wait.look(), max_age(self.poll_interval))
            except ChecklyError as error:
                if not error.retryable or time.time() >= self.deadline:
                    return replace(known, error=error)
                log.warning("%s Polling again in %.0f s.", error, self.poll_interval)
                self._wait.interrupt()
                continue
            if known.is_met or time.time() >= self.deadline:
                return replace(known, late=not known.is_met)

    def _pause(self, known: HealthResult) -> float:
        """Return the seconds until the next poll."""
        left = max(0.0, self.deadline - time.time())
        ripe = known.missing_seconds if known.count and not known.unhealthy else left
        return min(until_next_tick(self.poll_interval), left, ripe)
