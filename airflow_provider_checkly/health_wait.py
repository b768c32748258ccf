"""A wait until checks are healthy: the requests of a poll, and how long the checks have been healthy."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly import check_selection
from airflow_provider_checkly.gate.health import HealthResult, Requirement, assess, get_account_statuses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.reads import Reads
    from airflow_provider_checkly.arguments import Target
    from airflow_provider_checkly.gate.health import AccountStatuses

log = logging.getLogger(__name__)

SELECTION_SECONDS: Final = 600.0
"""How long a wait keeps the list of the checks that have its tags."""
MAX_GAP: Final = 3
"""Two polls that are more intervals apart than this may have missed a failure."""
NOTABLE_LEAD: Final = 5.0
"""Seconds by which clocks may differ without a warning."""
CONFIRM_SECONDS: Final = 60.0
"""How old that list may be when the wait ends: a check may have been added or deactivated meanwhile."""


@dataclass(slots=True)
class HealthWait:
    """What a wait knows between its polls.

    :param for_seconds: for how long the checks must have been healthy, as far as polls can tell.
    :param max_gap: seconds between two polls, above which nothing is known about the time between them.
    :param clock: wall-clock time in seconds.
    :param is_own_time: whether `since` of the requirement is by this machine's clock, and not by Checkly's.
    """

    target: Target
    requirement: Requirement
    for_seconds: float = 0
    max_gap: float = math.inf
    clock: Callable[[], float] = time.time
    is_own_time: bool = False
    _checks: Mapping[str, JsonObject | None] = field(default_factory=dict)
    _read_at: float = -math.inf
    _healthy_since: float | None = None
    _looked_at: float = -math.inf

    def look(self) -> Reads[HealthResult]:
        """Poll once: one request, and more only to read the list of checks or to confirm a good end.

        :raises NoMatchingChecks: no active check has the tags.
        """
        statuses: AccountStatuses = yield get_account_statuses()
        self._adopt_clock(statuses.clock_lead)
        ids = self.target.check_ids
        result = assess({check_id: {} for check_id in ids}, statuses, self.requirement)
        if not result.unhealthy:
            result = yield from self._assess_selected(statuses)
        return self._timed(result)

    def interrupt(self) -> None:
        """Start the duration anew, since a poll failed and nothing is known about that time."""
        self._healthy_since = None

    def _adopt_clock(self, lead: float) -> None:
        """Convert `since` to Checkly's clock, by which statuses are dated; do so only once."""
        since, self.is_own_time = self.requirement.since if self.is_own_time else None, False
        if since is None:
            return
        self.requirement = replace(self.requirement, since=since + lead)
        if abs(lead) > NOTABLE_LEAD:
            log.warning(
                "This machine's clock differs from Checkly's by %.0f s; fresh=True allows for it.", -lead
            )

    def _assess_selected(self, statuses: AccountStatuses) -> Reads[HealthResult]:
        keep = CONFIRM_SECONDS if self.target.check_ids else SELECTION_SECONDS
        if self.clock() - self._read_at > keep:
            yield from self._select(len(statuses.by_id))
        result = assess(self._checks, statuses, self.requirement)
        if not result.unhealthy and self.clock() - self._read_at > CONFIRM_SECONDS:
            yield from self._select(len(statuses.by_id))
            result = assess(self._checks, statuses, self.requirement)
        return result

    def _select(self, account_size: int) -> Reads[None]:
        self._checks = yield from check_selection.select(self.target, account_size)
        self._read_at = self.clock()

    def _timed(self, result: HealthResult) -> HealthResult:
        now = self.clock()
        if result.unhealthy or now - self._looked_at > self.max_gap:
            self._healthy_since = None
        self._looked_at = now
        if result.unhealthy:
            return replace(result, missing_seconds=self.for_seconds)
        if self._healthy_since is None:
            self._healthy_since = now
        return replace(result, missing_seconds=max(0.0, self._healthy_since + self.for_seconds - now))
