"""The trigger that watches checks for an asset; users import it from `triggers`."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from dataclasses import KW_ONLY, dataclass, fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider_checkly import arguments, check_selection, events
from airflow_provider_checkly.airflow_workarounds import asset_stores
from airflow_provider_checkly.exceptions import ChecklyError
from airflow_provider_checkly.gate import status_changes
from airflow_provider_checkly.gate.health import HEALTH_WORDS, get_account_statuses
from airflow_provider_checkly.gate.presentation import some
from airflow_provider_checkly.gate.status_changes import StatusMemory
from airflow_provider_checkly.health_wait import SELECTION_SECONDS
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.shared_reads import max_age, shared_reads, until_next_tick

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable, Sequence

    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.reads import Reads
    from airflow_provider_checkly.arguments import Tags
    from airflow_provider_checkly.connection import Settings
    from airflow_provider_checkly.gate.health import AccountStatuses, HealthWord

log = logging.getLogger(__name__)

CLASS_PATH: Final = "airflow_provider_checkly.triggers.ChecklyCheckStatusTrigger"
"""The class path that Airflow's database stores."""
SETTLE_SECONDS: Final = 3.0
"""How long an event may take to reach Airflow's database."""
STORE_KEY: Final = "checkly_statuses"
REMIND_SECONDS: Final = 600.0
"""How often the same error is logged while it lasts, in seconds."""


@dataclass(slots=True)
class Trouble:
    """The last error: a wrong key is logged once in a while, not at every poll."""

    _kind: object = None
    _logged_at: float = -math.inf

    def report(self, error: Exception) -> None:
        """Log an error, unless one of its kind was logged lately; with a traceback if it is unexpected."""
        kind, now = (type(error), getattr(error, "status", None)), time.monotonic()
        if kind == self._kind and now - self._logged_at < REMIND_SECONDS:
            return
        self._kind, self._logged_at = kind, now
        unexpected = None if isinstance(error, ChecklyError | AirflowNotFoundException) else error
        log.warning(
            "Could not read the check statuses at Checkly: %s The watcher keeps trying; it will report what "
            "changes meanwhile.",
            error,
            exc_info=unexpected,
        )

    def over(self) -> None:
        """Log that a poll succeeded, after one that failed."""
        if self._kind is not None:
            log.info("The check statuses at Checkly can be read again.")
        self._kind = None


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """What a shared poll passes on to watchers."""

    statuses: AccountStatuses
    settings: Settings


@dataclass(eq=False, repr=False)
class ChecklyCheckStatusTrigger(BaseEventTrigger):
    """Send an event for each check that becomes failing, degraded or passing; for an `AssetWatcher` (3.0+).

    The payload holds `check_id`, `name`, `status`, `previous_status`, `location`, `result_id`, `link` and
    `updated_at`. The first poll causes no events. On Airflow 3.3+, all watchers of a connection share one
    request per interval, and what was seen survives restarts; before, changes during a restart are missed.
    A watcher never ends: errors are logged, even a wrong key, and the next poll comes an interval later. What
    was seen is kept per asset, connection and choice of checks; a new choice starts with a first poll again.

    :param check_ids: UUIDs of checks.
    :param tags: a list means AND, a list of lists OR of ANDs; `!tag` negates; read every ten minutes.
    :param all_checks: every check of the account.
    :param to: the statuses that are events, from `failing` (the default), `degraded` and `passing`.
    :param poll_interval: seconds between polls.
    :param checkly_conn_id: the connection.
    :raises InvalidInput: not exactly one of ids, tags and all, or an unknown word.
    """

    check_ids: str | Sequence[str] | None = None
    _: KW_ONLY
    tags: Tags | None = None
    all_checks: bool = False
    to: HealthWord | Sequence[HealthWord] = ("failing",)
    poll_interval: float = 60
    checkly_conn_id: str = ChecklyHook.default_conn_name

    def __post_init__(self) -> None:
        """Check and normalize the arguments, so that equal ones are stored equally."""
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow does not annotate it
        self._target = arguments.selection(self.check_ids, self.tags, all_checks=self.all_checks)
        self.check_ids = None if self.check_ids is None else sorted(self._target.check_ids)
        self.tags = None if self.tags is None else self._target.tags
        self.to = [word for word in HEALTH_WORDS if word in arguments.words_of(self.to, HEALTH_WORDS, "to")]
        self.poll_interval = arguments.positive_seconds(self.poll_interval, "poll_interval")
        self._memory = StatusMemory()
        self._is_recalled = False
        self._to_store: JsonObject | None = None
        self._store_after = 0.0
        self._tagged: Sequence[str] | None = None
        self._tagged_at = -math.inf

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, which hold no secrets."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return CLASS_PATH, given

    def shared_stream_key(self) -> Hashable | None:
        """Return what the watchers of one poll have in common."""
        return "checkly-check-statuses", self.checkly_conn_id, self.poll_interval

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[StatusSnapshot]:
        """Yield the statuses of all checks, at every interval, forever."""
        hook, interval, trouble = ChecklyHook(kwargs["checkly_conn_id"]), kwargs["poll_interval"], Trouble()
        while True:
            try:
                statuses = await shared_reads(hook, _all_statuses(), max_age(interval))
                snapshot = StatusSnapshot(statuses, await hook.load_settings())
            except Exception as error:  # noqa: BLE001 - a watcher that ends is started again at once, forever
                trouble.report(error)
            else:
                trouble.over()
                yield snapshot
            await asyncio.sleep(until_next_tick(interval))

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[StatusSnapshot]
    ) -> AsyncIterator[TriggerEvent]:
        """Yield the events of this watcher."""
        trouble = Trouble()
        async for snapshot in shared_stream:
            try:
                payloads = await self._payloads(snapshot)
            except Exception as error:  # noqa: BLE001 - a watcher that ends is started again at once, forever
                trouble.report(error)
                continue
            trouble.over()
            for each in payloads:
                log.info("Check %s became %s; sending an event.", each["name"], each["status"])
                yield TriggerEvent(each)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the events of this watcher where Airflow has no shared streams (3.0 to 3.2)."""
        async for event in self.filter_shared_stream(self.open_shared_stream(self.serialize()[1])):
            yield event

    async def _payloads(self, snapshot: StatusSnapshot) -> list[JsonObject]:
        """Record a poll; return the payloads of its events.

        What was seen is stored at a later poll, when its events are in Airflow's database. If it were stored
        at once, a triggerer that is killed within a second would lose events. The first poll has no events.
        """
        if not self._is_recalled:
            await self._recall()
        await self._store_if_due()
        check_ids, is_first = await self._check_ids(), not self._memory.has_baseline
        before, statuses = self._memory.to_json(), snapshot.statuses
        changes = self._memory.changes(statuses, check_ids, self.to)
        if is_first or self._memory.to_json() != before:
            self._to_store = self._memory.to_json()
            self._store_after = time.monotonic() + (0 if is_first else SETTLE_SECONDS)
        if is_first:
            await self._store_if_due()
        page = snapshot.settings.check_page
        found = [status_changes.payload(each, statuses.by_id[each[0]], page) for each in changes]
        return [events.json_safe(each) for each in found]

    async def _check_ids(self) -> Sequence[str] | None:
        """Return the ids of the watched checks, None for all."""
        if not self._target.tags:
            return self.check_ids
        if self._tagged is None or time.monotonic() - self._tagged_at > SELECTION_SECONDS:
            steps = check_selection.list_checks(self._target.tags)
            listed = await shared_reads(ChecklyHook(self.checkly_conn_id), steps, SELECTION_SECONDS)
            self._tagged = [str(check["id"]).lower() for check in listed]
            self._tagged_at = time.monotonic()
            if not self._tagged:
                log.warning("No check has the tags %s: there is nothing to watch yet.", self.tags)
        return self._tagged

    @property
    def _store_key(self) -> str:
        """The key of this watcher: an asset may have several, of other checks."""
        chosen = json.dumps([self.checkly_conn_id, self.check_ids, self.tags])
        return f"{STORE_KEY}_{sha256(chosen.encode()).hexdigest()[:16]}"

    async def _recall(self) -> None:
        for store in asset_stores(self):
            memory = StatusMemory.from_json(await store.aget(self._store_key))
            if memory.has_baseline:
                self._memory = memory
                break
        self._is_recalled = True
        log.info(
            "Watching %s; not passing when last seen: %s.",
            self._watched,
            some(self._memory.not_passing) or "none",
        )

    @property
    def _watched(self) -> str:
        """The watched checks in words."""
        if self.check_ids is None:
            return f"the checks with the tags {self.tags}" if self.tags else "all checks"
        return f"the checks {some(self.check_ids)}"

    async def _store_if_due(self) -> None:
        if self._to_store is not None and time.monotonic() >= self._store_after:
            for store in asset_stores(self):
                await store.aset(self._store_key, self._to_store)
            self._to_store = None


def _all_statuses() -> Reads[AccountStatuses]:
    statuses: AccountStatuses = yield get_account_statuses()
    return statuses
