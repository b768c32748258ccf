"""The account endpoints, and who may ask: the key and the account header of every request."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from aiohttp import web

from airflow_provider_checkly.emulator.answers import Problem

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON

# A key may list its accounts without naming one; every other request names its account.
WITHOUT_ACCOUNT: Final = frozenset({"/v1/accounts"})


class Accounts:
    """The one account of the emulator and the one key that opens it.

    `/next/...` is not in Checkly's OpenAPI document; the official command line tool asks there before
    anything else.
    """

    def __init__(self, account_id: str, api_key: str) -> None:
        self._account_id = account_id
        self._api_key = api_key

    def routes(self) -> list[web.RouteDef]:
        """List the endpoints."""
        return [
            web.get("/v1/accounts", self.list),
            web.get("/v1/accounts/me", self.me),
            web.get("/{version:v1|next}/accounts/{accountId}", self.find),
            web.get("/next/users/me", self.user),
        ]

    def admit(self, request: web.Request) -> None:
        """Refuse a wrong or missing key with 401, a foreign or missing account with 403.

        Checkly's documents do not say how it refuses an account over REST; 403 is what they foresee for
        refusals.
        """
        given = request.headers.get("Authorization", "").encode()
        if not secrets.compare_digest(given, f"Bearer {self._api_key}".encode()):
            raise Problem(401)
        named = request.headers.get("x-checkly-account", "").lower()
        if named != self._account_id and (named or request.path not in WITHOUT_ACCOUNT):
            raise Problem(403)

    async def list(self, _: web.Request) -> web.Response:
        """List the accounts of the key."""
        return web.json_response([self._account()])

    async def me(self, _: web.Request) -> web.Response:
        """Show the account that the request names."""
        return web.json_response(self._account())

    async def find(self, request: web.Request) -> web.Response:
        """Show the account with that id."""
        if request.match_info["accountId"].lower() != self._account_id:
            raise Problem(404)
        return web.json_response(self._account())

    async def user(self, _: web.Request) -> web.Response:
        """Show whose key it is."""
        return web.json_response(
            {"id": self._account_id, "name": "Emulator", "email": "emulator@example.com"}
        )

    def _account(self) -> dict[str, JSON]:
        return {
            "id": self._account_id,
            "name": "Checkly emulator",
            "runtimeId": "2025.04",
            "plan": "team",
            "planDisplayName": "Team",
            "addons": {
                "communicate": {"tier": "team", "tierDisplayName": "Communicate Team"},
                "resolve": {"tier": "team", "tierDisplayName": "Resolve Team"},
            },
            "settings": {},
            "alertSettings": {},
            "features": [],
        }
