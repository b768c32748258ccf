"""The hook's methods for test sessions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Unpack

from airflow_provider_checkly import arguments, endpoints, orders
from airflow_provider_checkly.api.calls import MAX_WAIT_SECONDS
from airflow_provider_checkly.base_hook import PATIENCE, ChecklyBaseHook, all_ended
from airflow_provider_checkly.endpoints import TEST_SESSIONS

if TYPE_CHECKING:
    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.orders import Options


class TestSessionHook(ChecklyBaseHook):
    """Test sessions: many checks in one session, with variables and a location, that alert nobody."""

    __test__ = False

    def trigger_test_session(self, timeout: float = PATIENCE, **options: Unpack[Options]) -> JsonObject:
        """Start a test session (`POST /v1/test-sessions/trigger`).

        :param timeout: seconds for which the request is repeated where Checkly surely did not take it.
        :param options: see :class:`airflow_provider_checkly.orders.Options`.
        :return: the session as it started.
        :raises NoMatchingChecks: nothing was started.
        """
        return self._ask(endpoints.trigger_test_session(orders.order(**options)), timeout)

    async def atrigger_test_session(
        self,
        timeout: float = PATIENCE,  # noqa: ASYNC109 - bounds repeats, not the call
        **options: Unpack[Options],
    ) -> JsonObject:
        """Do what `trigger_test_session` does."""
        return await self._aask(endpoints.trigger_test_session(orders.order(**options)), timeout)

    def get_test_session(self, test_session_id: str) -> JsonObject:
        """Read a test session (`GET /v1/test-sessions/{id}`)."""
        return self._ask(endpoints.get(test_session_id, TEST_SESSIONS))

    async def aget_test_session(self, test_session_id: str) -> JsonObject:
        """Do what `get_test_session` does."""
        return await self._aask(endpoints.get(test_session_id, TEST_SESSIONS))

    def await_test_session(
        self, test_session_id: str, max_wait_seconds: int = MAX_WAIT_SECONDS
    ) -> JsonObject | None:
        """Wait once for the end of a test session (`GET /v1/test-sessions/{id}/completion`).

        :param max_wait_seconds: 1 to 30; how long Checkly may hold the answer back.
        :return: the session once it has ended, None while it is running.
        """
        return endpoints.ended(
            self._ask(endpoints.completion(test_session_id, max_wait_seconds, TEST_SESSIONS))
        )

    async def aawait_test_session(
        self, test_session_id: str, max_wait_seconds: int = MAX_WAIT_SECONDS
    ) -> JsonObject | None:
        """Do what `await_test_session` does."""
        return endpoints.ended(
            await self._aask(endpoints.completion(test_session_id, max_wait_seconds, TEST_SESSIONS))
        )

    def wait_for_test_session(self, test_session_id: str, timeout: float = 3600) -> JsonObject:
        """Wait until a test session has ended, whatever its status.

        :param timeout: seconds.
        :raises ChecksTimedOut: it has not ended by then.
        """
        ids = arguments.session_ids(test_session_id, "test_session_id")
        until = time.time() + arguments.positive_seconds(timeout, "timeout")
        return all_ended(self.drive(ids, until, resource=TEST_SESSIONS), timeout)[0]

    async def await_for_test_session(
        self,
        test_session_id: str,
        timeout: float = 3600,  # noqa: ASYNC109 - the deadline of the wait, judged after a last look
    ) -> JsonObject:
        """Do what `wait_for_test_session` does."""
        ids = arguments.session_ids(test_session_id, "test_session_id")
        until = time.time() + arguments.positive_seconds(timeout, "timeout")
        return all_ended(await self.adrive(ids, until, resource=TEST_SESSIONS), timeout)[0]

    def cancel_test_session(self, test_session_id: str, timeout: float = PATIENCE) -> None:
        """Cancel a test session (`POST /v1/test-sessions/{id}/cancel`): Playwright runs only.

        :param timeout: seconds for which the request is repeated where that may help.
        """
        self._ask(endpoints.cancel(test_session_id, TEST_SESSIONS), timeout)

    async def acancel_test_session(
        self,
        test_session_id: str,
        timeout: float = PATIENCE,  # noqa: ASYNC109 - bounds repeats, not the call
    ) -> None:
        """Do what `cancel_test_session` does."""
        await self._aask(endpoints.cancel(test_session_id, TEST_SESSIONS), timeout)

    def find_test_session(self, name: str) -> str | None:
        """Return the id of the newest test session with exactly this name, None if there is none."""
        entries = self._ask(endpoints.find_test_sessions(name))
        found = [str(entry["id"]) for entry in entries if entry.get("name") == name and entry.get("id")]
        return found[0] if found else None
