"""Where checks run: Checkly's public regions, and the private locations of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_DNS, uuid5

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable

PUBLIC: Final = {
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
DEFAULT_PRIVATE: Final = "emulated-dc"


def private_id(slug: str) -> str:
    """Give the id of a private location."""
    return str(uuid5(NAMESPACE_DNS, slug))


class Locations:
    """The locations of the account; those endpoints are not in the OpenAPI document used here.

    The official command line tool asks them before it names a location.
    """

    def __init__(self, private: Iterable[str]) -> None:
        self._private = tuple(private)

    def __contains__(self, name: object) -> bool:
        return name in PUBLIC or name in self._private

    def routes(self) -> list[web.RouteDef]:
        """List the endpoints."""
        return [
            web.get("/v1/locations", self.list_public),
            web.get("/v1/private-locations", self.list_private),
        ]

    async def list_public(self, _: web.Request) -> web.Response:
        """List the public regions."""
        return web.json_response([{"region": region, "name": name} for region, name in PUBLIC.items()])

    async def list_private(self, _: web.Request) -> web.Response:
        """List the private locations."""
        return web.json_response(
            [{"id": private_id(slug), "slugName": slug, "name": slug} for slug in self._private]
        )
