"""What one try of a task remembers for the next: the check sessions it started (Airflow 3.3+).

Airflow's `task_state_store` outlives a try that was cut off, but also a user's "clear". A clear raises the
task instance's `max_tries`, a retry leaves it: so what is stored counts only while `max_tries` is the same.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.wire import Json, JsonObject

log = logging.getLogger(__name__)

KEY: Final = "checkly_check_sessions"


class Store(Protocol):
    """The part of Airflow's `task_state_store` that is used."""

    def get(self, key: str, /) -> Json:
        """Return what is stored, None if nothing is."""

    def set(self, key: str, value: JsonObject, /) -> None:
        """Store a value."""


class Checkpoint:
    """Where a try finds and leaves the ids of its check sessions; does nothing before Airflow 3.3."""

    def __init__(self, context: Context) -> None:
        self._store: Store | None = context.get("task_state_store")
        self._ti = context["ti"]

    def about_to_start(self) -> None:
        """Remember that sessions may be started from now on."""
        self._remember([])

    def started(self, session_ids: Sequence[str]) -> None:
        """Remember the sessions that were started."""
        self._remember(session_ids)

    def earlier(self) -> list[str]:
        """Return the sessions that an earlier try started, [] where this try starts afresh."""
        stored = self._store.get(KEY) if self._store else None
        match stored:
            case {"max_tries": int(tries), "ids": [*ids]} if tries == self._ti.max_tries:
                if not ids:
                    log.warning(
                        "An earlier try was cut off while it triggered checks: sessions may already run. "
                        "They cannot be found; the checks are triggered again."
                    )
                return [str(each) for each in ids]
        return []

    def _remember(self, session_ids: Sequence[str]) -> None:
        if self._store:
            self._store.set(KEY, {"max_tries": self._ti.max_tries, "ids": list(session_ids)})
