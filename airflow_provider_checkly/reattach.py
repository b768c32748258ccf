"""What one try of a task leaves for the next: the sessions it started (Airflow 3.3+).

Airflow's `task_state_store` survives a try that was cut off, but also a user's "clear". A clear raises the
`max_tries` of the task instance and a retry does not, so a stored value counts only while it is the same.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.exceptions import ChecklyError, ChecklyNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.models import SessionKind
    from airflow_provider_checkly.hooks import ChecklyHook

log = logging.getLogger(__name__)

STORE_KEY: Final = "checkly_sessions"


class StartedSessions:
    """The session ids in the task state store; does nothing before Airflow 3.3."""

    def __init__(self, context: Context, hook: ChecklyHook, kind: SessionKind) -> None:
        self._store = context.get("task_state_store")
        self._max_tries = context["ti"].max_tries
        self._hook = hook
        self._kind = kind

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Record that a trigger is in progress; drop the record if it was definitely not processed."""
        before = self._stored()
        self._write([])
        try:
            yield
        except ChecklyError as error:
            if not error.maybe_processed and self._store is not None:
                self._store.set(STORE_KEY, before)
            raise

    def started(self, session_ids: Sequence[str]) -> None:
        """Record the sessions that were started."""
        self._write(session_ids)

    def earlier(self) -> list[JsonObject]:
        """Return the sessions that an earlier try started, [] if this try starts anew."""
        try:
            ids = self._earlier_ids()
            return self._hook.read_sessions(ids, self._kind) if ids else []
        except ChecklyNotFound as error:
            log.warning("%s Triggering the checks again.", error)
            return []

    def _earlier_ids(self) -> list[str]:
        match self._stored():
            case {"max_tries": self._max_tries, "ids": [_, *_] as ids}:
                return [str(each) for each in ids]
            case {"max_tries": self._max_tries}:
                log.warning(
                    "An earlier try ended while it triggered checks; its sessions may still be running. "
                    "Triggering the checks again."
                )
        return []

    def _stored(self) -> JsonObject:
        found = None if self._store is None else self._store.get(STORE_KEY)
        return found if isinstance(found, dict) else {}

    def _write(self, session_ids: Sequence[str]) -> None:
        if self._store is not None:
            self._store.set(STORE_KEY, {"max_tries": self._max_tries, "ids": list(session_ids)})
