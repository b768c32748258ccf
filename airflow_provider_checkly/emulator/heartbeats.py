"""The pings of heartbeat monitors, which Checkly takes at https://ping.checklyhq.com/<token>."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from airflow_provider_checkly.emulator.answers import Problem

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import Check
    from airflow_provider_checkly.emulator.model import Model

PINGS: Final = "/ping/"


@dataclass(frozen=True)
class Ping:
    """A sign of life: of which heartbeat, and from where (`Origin`, else `Referer`); Unix seconds."""

    check: Check
    method: str
    source: str | None
    at: float


class Heartbeats:
    """Takes pings from anybody who knows a token: the id of a heartbeat check."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.pings: list[Ping] = []

    def routes(self) -> list[web.RouteDef]:
        """List the endpoints."""
        path = f"{PINGS}{{token}}"
        return [web.get(path, self.ping, allow_head=False), web.post(path, self.ping)]

    async def ping(self, request: web.Request) -> web.Response:
        """Note a ping."""
        check = self._model.find_check(request.match_info["token"])
        if check is None or check.checkType != "HEARTBEAT":
            raise Problem(404)
        source = request.headers.get("Origin") or request.headers.get("Referer")
        self.pings.append(Ping(check, request.method, source, self._model.clock()))
        return web.Response(text="OK")
