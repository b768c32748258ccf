"""What one try of a task remembers for the next: the check sessions it started (Airflow 3.3+).

Airflow's `task_state_store` outlives a try that was cut off, but also a user's "clear". A clear raises the
task instance's `max_tries`, a retry leaves it: so what is stored counts only while `max_tries` is the same.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api.errors import ChecklyError, ChecklyNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.connection import Resource
    from airflow_provider_checkly.hooks import ChecklyHook

log = logging.getLogger(__name__)

KEY: Final = "checkly_check_sessions"
SKEW: Final = 60.0
"""Seconds by which the clocks of a worker and of Checkly may differ."""


class Checkpoint:
    """Where a try finds and leaves the ids of its check sessions; does nothing before Airflow 3.3."""

    def __init__(self, context: Context, hook: ChecklyHook, resource: Resource) -> None:
        self._store = context.get("task_state_store")
        self._max_tries = context["ti"].max_tries
        self._hook = hook
        self._resource = resource

    @contextmanager
    def starting(self, name: str) -> Iterator[None]:
        """Remember that sessions may be started, under a name where they have one, unless none surely was."""
        before = self._stored()
        self._remember({"max_tries": self._max_tries, "ids": [], "name": name, "at": time.time()})
        try:
            yield
        except ChecklyError as error:
            if not error.may_have_started:
                self._remember(before)
            raise

    def started(self, session_ids: Sequence[str]) -> None:
        """Remember the sessions that were started."""
        self._remember({"max_tries": self._max_tries, "ids": list(session_ids), "name": ""})

    def earlier(self) -> list[JsonObject]:
        """Return the sessions that an earlier try started, [] where this try starts afresh."""
        try:
            return self._hook.read_sessions(self._earlier_ids(), self._resource)
        except ChecklyNotFound as error:
            log.warning("%s The checks are triggered again.", error)
            return []

    def _earlier_ids(self) -> list[str]:
        match self._stored():
            case {"max_tries": self._max_tries, "ids": [_, *_] as ids}:
                return [str(each) for each in ids]
            case {"max_tries": self._max_tries, "name": str(name), **more}:
                log.warning("An earlier try was cut off while it triggered checks: sessions may already run.")
                at = more.get("at")
                if name and (session_id := self._find(name, at if isinstance(at, float) else 0.0)):
                    log.info("Found test session %s by its name, %r.", session_id, name)
                    return [session_id]
                log.warning("They cannot be found; the checks are triggered again.")
        return []

    def _find(self, name: str, since: float) -> str | None:
        """Return the test session that was started under a name; older ones may bear it, too."""
        session_id = self._hook.find_test_session(name)
        session = self._hook.get_test_session(session_id) if session_id else {}
        try:
            started = datetime.fromisoformat(str(session.get("startedAt"))).timestamp()
        except ValueError:
            return None
        return session_id if started > since - SKEW else None

    def _stored(self) -> JsonObject:
        found = None if self._store is None else self._store.get(KEY)
        return found if isinstance(found, dict) else {}

    def _remember(self, value: JsonObject) -> None:
        if self._store is not None:
            self._store.set(KEY, value)
