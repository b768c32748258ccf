"""The account: its key, its rate limit, its locations, and the endpoints that show them."""

from __future__ import annotations

import math
import secrets
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args
from uuid import NAMESPACE_DNS, uuid5

from aiohttp import web

from airflow_provider_checkly.emulator.http import CREATED_AT, Problem, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_checkly.emulator.http import JSON

WINDOW_SECONDS: Final = 60.0
# Requests per window of operations with a limit of their own, besides that of the account.
ANALYTICS: Final = "/v1/analytics/checks"
OPERATION_LIMITS: Final = {"/v2/check-results/{checkId}": 60, ANALYTICS: 30}
PUBLIC_LOCATIONS: Final = {
    "us-east-1": "N. Virginia",
    "us-east-2": "Ohio",
    "us-west-1": "N. California",
    "us-west-2": "Oregon",
    "ca-central-1": "Montreal",
    "sa-east-1": "Sao Paulo",
    "eu-west-1": "Ireland",
    "eu-central-1": "Frankfurt",
    "eu-west-2": "London",
    "eu-west-3": "Paris",
    "eu-north-1": "Stockholm",
    "eu-south-1": "Milan",
    "me-south-1": "Bahrain",
    "ap-southeast-1": "Singapore",
    "ap-northeast-1": "Tokyo",
    "ap-east-1": "Hong Kong",
    "ap-southeast-2": "Sydney",
    "ap-southeast-3": "Jakarta",
    "ap-northeast-2": "Seoul",
    "ap-northeast-3": "Osaka",
    "ap-south-1": "Mumbai",
    "af-south-1": "Cape Town",
}
# What a key may do, the least first: read; also trigger and cancel; also change.
Role: TypeAlias = Literal["read_only", "read_and_run", "read_and_write"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
RUNS: Final = ("/trigger", "/cancel")
DEFAULT_LOCATION: Final = "emulated-dc"


class RateLimit:
    """A limit of requests per window of 60 seconds; 0 or None is no limit. `clock` gives Unix seconds."""

    def __init__(self, limit: int | None, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._reset_at = -math.inf
        self._taken = 0

    def take(self) -> None:
        """Count one request, or refuse it with the 429 that says how long the window still lasts."""
        now = self._clock()
        if now >= self._reset_at:
            self._reset_at, self._taken = now + WINDOW_SECONDS, 0
        self._taken += 1
        if self._limit and self._taken > self._limit:
            # Rounded up, so that obeying is enough.
            seconds, reset_at = math.ceil(self._reset_at - now), math.ceil(self._reset_at)
            raise Problem(429, headers={"Retry-After": f"{seconds}", "X-RateLimit-Reset": f"{reset_at}"})


def private_location_id(location: str) -> str | None:
    """Return the id of a private location by its slug; a public region has none."""
    return None if location in PUBLIC_LOCATIONS else str(uuid5(NAMESPACE_DNS, location))


class Locations:
    """The locations of the account: public regions and private locations."""

    def __init__(self, private: Iterable[str]) -> None:
        self._private = tuple(private)

    def __contains__(self, name: object) -> bool:
        return name in PUBLIC_LOCATIONS or name in self._private

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/v1/locations", self.list_public),
            web.get("/v1/private-locations", self.list_private),
        ]

    async def list_public(self, _: web.Request) -> web.Response:
        """Answer with the public regions."""
        return web.json_response([{"region": one, "name": name} for one, name in PUBLIC_LOCATIONS.items()])

    async def list_private(self, request: web.Request) -> web.Response:
        """Answer with the private locations."""
        Query(request).flag("versions")
        return web.json_response(
            [
                {
                    "id": private_location_id(slug),
                    "slugName": slug,
                    "name": slug,
                    "created_at": CREATED_AT,
                }
                for slug in self._private
            ]
        )


def _required_role(request: web.Request) -> Role:
    """Return the least role that may send a request."""
    if request.method in ("GET", "HEAD") or request.path == ANALYTICS:
        return "read_only"
    runs = request.path.endswith(RUNS) or request.path.startswith("/v1/root-cause-analyses/")
    return "read_and_run" if runs else "read_and_write"


class Accounts:
    """The one account of the emulator and its keys, which may be added and changed at any time.

    `/next/...` is not in Checkly's OpenAPI document; the official command line tool asks there before
    anything else.
    """

    def __init__(
        self, account_id: str, keys: dict[str, Role], rate_limit: int | None, clock: Callable[[], float]
    ) -> None:
        self.keys = keys
        self._account_id = account_id
        self._limit = RateLimit(rate_limit, clock)
        limits = OPERATION_LIMITS if rate_limit else {}
        self._operation_limits = {path: RateLimit(limit, clock) for path, limit in limits.items()}

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/v1/accounts", self.list),
            web.get("/v1/accounts/me", self.me),
            web.get("/{version:v1|next}/accounts/{accountId}", self.find),
            web.get("/next/users/me", self.user),
        ]

    def admit(self, request: web.Request) -> None:
        """Refuse a wrong or missing key with 401, another account or a weak role with 403, too many with 429.

        How Checkly refuses an account over REST is not documented; 403 is what its documents have for
        refusals.
        """
        role = self._role(request)
        if role is None:
            raise Problem(401)
        named = request.headers.get("x-checkly-account", "").lower()
        # A key may list its accounts without naming one; every other request names its account.
        if named != self._account_id and (named or request.path != "/v1/accounts"):
            raise Problem(403)
        if ROLES.index(role) < ROLES.index(_required_role(request)):
            raise Problem(403)
        self._limit.take()
        resource = request.match_info.route.resource
        if resource and resource.canonical in self._operation_limits:
            self._operation_limits[resource.canonical].take()

    def _role(self, request: web.Request) -> Role | None:
        given = request.headers.get("Authorization", "").encode()
        matches = [
            role for key, role in self.keys.items() if secrets.compare_digest(given, f"Bearer {key}".encode())
        ]
        return matches[0] if matches else None

    async def list(self, _: web.Request) -> web.Response:
        """Answer with the accounts of the key."""
        return web.json_response([self._account()])

    async def me(self, _: web.Request) -> web.Response:
        """Answer with the account that the request names."""
        return web.json_response(self._account())

    async def find(self, request: web.Request) -> web.Response:
        """Answer with the account of an id."""
        if request.match_info["accountId"].lower() != self._account_id:
            raise Problem(404)
        return web.json_response(self._account())

    async def user(self, _: web.Request) -> web.Response:
        """Answer with the owner of the key."""
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
                name: {"tier": "team", "tierDisplayName": f"{name.title()} Team"}
                for name in ("communicate", "resolve")
            },
            "settings": {},
            "alertSettings": {},
            "features": [],
        }
