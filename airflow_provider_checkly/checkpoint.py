"""What one try of a task remembers for the next: the check sessions it started (Airflow 3.3+).

Airflow's `task_state_store` outlives a try that was cut off, but also a user's "clear". A clear raises the
task instance's `max_tries`, a retry leaves it: so what is stored counts only while `max_tries` is the same.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api.errors import ChecklyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.wire import JsonObject

log = logging.getLogger(__name__)

KEY: Final = "checkly_check_sessions"


class Checkpoint:
    """Where a try finds and leaves the ids of its check sessions; does nothing before Airflow 3.3."""

    def __init__(self, context: Context) -> None:
        self._store = context.get("task_state_store")
        self._max_tries = context["ti"].max_tries

    @contextmanager
    def starting(self, name: str) -> Iterator[None]:
        """Remember that sessions may be started, under a name where they have one, unless none surely was."""
        self._remember({"max_tries": self._max_tries, "ids": [], "name": name, "at": time.time()})
        try:
            yield
        except ChecklyError as error:
            if not error.may_have_started:
                self._remember({})
            raise

    def started(self, session_ids: Sequence[str]) -> None:
        """Remember the sessions that were started."""
        self._remember({"max_tries": self._max_tries, "ids": list(session_ids), "name": ""})

    def earlier(self, find: Callable[[str, float], str | None]) -> list[str]:
        """Return the sessions that an earlier try started, [] where this try starts afresh.

        :param find: finds the session that a try which was cut off may have started under a name, at a time.
        """
        match None if self._store is None else self._store.get(KEY):
            case {"max_tries": self._max_tries, "ids": [_, *_] as ids}:
                return [str(each) for each in ids]
            case {"max_tries": self._max_tries, "name": str(name), **more}:
                log.warning("An earlier try was cut off while it triggered checks: sessions may already run.")
                at = more.get("at")
                if name and (session_id := find(name, at if isinstance(at, float) else 0.0)):
                    log.info("Found test session %s by its name, %r.", session_id, name)
                    return [session_id]
                log.warning("They cannot be found; the checks are triggered again.")
        return []

    def _remember(self, value: JsonObject) -> None:
        if self._store is not None:
            self._store.set(KEY, value)
