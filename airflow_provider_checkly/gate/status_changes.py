"""Which changes of checks are events for a watcher, and what it must remember. Pure, like all of `gate`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api.text import one_line
from airflow_provider_checkly.gate.health import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from airflow_provider_checkly.api.http import Json, JsonObject
    from airflow_provider_checkly.gate.health import AccountStatuses

PASSING: Final = "passing"
MEMORY_VERSION: Final = 1
REMEMBERED: Final = ("degraded", "failing", UNKNOWN)


@dataclass(slots=True)
class StatusMemory:
    """What a watcher knows of its checks.

    :param not_passing: the status of each check that does not pass; all others are assumed to pass, which
        keeps the memory of a large account small.
    :param has_baseline: whether the first poll has been recorded; it causes no events.
    """

    not_passing: dict[str, str] = field(default_factory=dict)
    has_baseline: bool = False

    @classmethod
    def from_json(cls, value: Json) -> StatusMemory:
        """Return what was stored, an empty memory for anything else."""
        match value:
            case {"version": 1, "not_passing": dict() as words} if all(
                each in REMEMBERED for each in words.values()
            ):
                return cls({check_id: str(word) for check_id, word in words.items()}, has_baseline=True)
        return cls()

    def to_json(self) -> JsonObject:
        """Return what to store."""
        return {"version": MEMORY_VERSION, "not_passing": dict(self.not_passing)}

    def changes(
        self, statuses: AccountStatuses, check_ids: Iterable[str] | None, to: Collection[str]
    ) -> list[tuple[str, str, str]]:
        """Record a poll; return check id, status before and status now of each change that is an event.

        A check without a status, or with one that cannot be read, keeps its last one. The first run of a new
        check is an event only if it does not pass.

        :param check_ids: the watched checks, None for all.
        """
        found = []
        candidates = self.not_passing.keys() | statuses.not_passing.keys()
        for check_id in sorted(candidates if check_ids is None else candidates.intersection(check_ids)):
            before = self.not_passing.get(check_id, PASSING)
            now = statuses.words.get(check_id, before)
            if now == before or (now == UNKNOWN and before != PASSING):
                continue
            self._remember(check_id, now)
            if self.has_baseline and now in to and (before, now) != (UNKNOWN, PASSING):
                found.append((check_id, before, now))
        self.has_baseline = True
        return found

    def _remember(self, check_id: str, word: str) -> None:
        if word == PASSING:
            del self.not_passing[check_id]
        else:
            self.not_passing[check_id] = word


def payload(change: tuple[str, str, str], status: JsonObject, page: Callable[[str], str]) -> JsonObject:
    """Return the payload of an event: small, plain JSON, without secrets.

    :param page: returns the address of a check.
    """
    check_id, before, now = change
    return {
        "check_id": check_id,
        "name": one_line(status.get("name")),
        "status": now,
        "previous_status": before,
        "location": one_line(status.get("lastRunLocation")) or None,
        "result_id": one_line(status.get("lastCheckRunId")) or None,
        "link": page(check_id),
        "updated_at": one_line(status.get("updated_at")) or None,
    }
