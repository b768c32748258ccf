"""What one try of a task remembers for the next: the check sessions it started (Airflow 3.3+).

Airflow's `task_state_store` outlives a try that was cut off, but also a user's "clear". A clear raises the
task instance's `max_tries`, a retry leaves it: so what is stored counts only while `max_tries` is the same.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from airflow_provider_checkly.api.errors import ChecklyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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

    @contextmanager
    def starting(self, name: str) -> Iterator[None]:
        """Remember that sessions may be started, under a name where they have one, unless none surely was."""
        self._remember([], name)
        try:
            yield
        except ChecklyError as error:
            if self._store is not None and not error.may_have_started:
                self._store.set(KEY, {})
            raise

    def started(self, session_ids: Sequence[str]) -> None:
        """Remember the sessions that were started."""
        self._remember(session_ids, "")

    def earlier(self, find: Callable[[str], str | None] | None = None) -> list[str]:
        """Return the sessions that an earlier try started, [] where this try starts afresh.

        :param find: finds the session that a try which was cut off may have started under a name.
        """
        stored = None if self._store is None else self._store.get(KEY)
        match stored:
            case {"max_tries": int(tries), "ids": [*ids], "name": str(name)} if tries == self._ti.max_tries:
                return [str(each) for each in ids] or _lost(name, find)
        return []

    def _remember(self, session_ids: Sequence[str], name: str) -> None:
        if self._store is not None:
            value: JsonObject = {"max_tries": self._ti.max_tries, "ids": list(session_ids), "name": name}
            self._store.set(KEY, value)


def _lost(name: str, find: Callable[[str], str | None] | None) -> list[str]:
    log.warning("An earlier try was cut off while it triggered checks: sessions may already run.")
    if name and find and (session_id := find(name)):
        log.info("Found test session %s by its name, %r.", session_id, name)
        return [session_id]
    log.warning("They cannot be found; the checks are triggered again.")
    return []
