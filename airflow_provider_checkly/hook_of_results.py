"""The hook's methods for single results: details, files, checks, and root-cause analyses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_checkly import endpoints_of_results as endpoints
from airflow_provider_checkly.base_hook import ChecklyBaseHook

if TYPE_CHECKING:
    from airflow_provider_checkly.api.wire import JsonObject


class ResultHook(ChecklyBaseHook):
    """Results one by one: what a check or test session leaves behind."""

    def get_check(self, check_id: str) -> JsonObject:
        """Read a check as it is set up (`GET /v1/checks/{id}`)."""
        return self._ask(endpoints.check(check_id))

    async def aget_check(self, check_id: str) -> JsonObject:
        """Do what `get_check` does."""
        return await self._aask(endpoints.check(check_id))

    def get_check_result(self, check_id: str, check_result_id: str) -> JsonObject:
        """Read a result with its details (`GET /v1/check-results/{checkId}/{checkResultId}`)."""
        return self._ask(endpoints.check_result(check_id, check_result_id))

    async def aget_check_result(self, check_id: str, check_result_id: str) -> JsonObject:
        """Do what `get_check_result` does."""
        return await self._aask(endpoints.check_result(check_id, check_result_id))

    def get_test_session_result(self, test_session_id: str, test_session_result_id: str) -> JsonObject:
        """Read a result with its details (`GET /v1/test-sessions/{id}/results/{id}`)."""
        return self._ask(endpoints.test_session_result(test_session_id, test_session_result_id))

    async def aget_test_session_result(self, test_session_id: str, test_session_result_id: str) -> JsonObject:
        """Do what `get_test_session_result` does."""
        return await self._aask(endpoints.test_session_result(test_session_id, test_session_result_id))

    def get_check_result_assets(self, check_id: str, check_result_id: str) -> JsonObject:
        """Read which files a result left (`GET /v1/check-results/{checkId}/{checkResultId}/assets`)."""
        return self._ask(endpoints.check_result_assets(check_id, check_result_id))

    async def aget_check_result_assets(self, check_id: str, check_result_id: str) -> JsonObject:
        """Do what `get_check_result_assets` does."""
        return await self._aask(endpoints.check_result_assets(check_id, check_result_id))

    def get_error_group(self, error_group_id: str) -> JsonObject:
        """Read an error group of a check (`GET /v1/error-groups/{id}`)."""
        return self._ask(endpoints.error_group(error_group_id))

    async def aget_error_group(self, error_group_id: str) -> JsonObject:
        """Do what `get_error_group` does."""
        return await self._aask(endpoints.error_group(error_group_id))
