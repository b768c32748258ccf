"""Clients for the virtual clock: ours, an evenly paced queue, and waits that know nothing of each other."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api.http import Credentials
from airflow_provider_checkly.api.rate_limit import RateLimiter, SharedClient
from airflow_provider_checkly.connection import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from virtual import Checkly, Client

    from airflow_provider_checkly.api.http import Request, Response
    from airflow_provider_checkly.api.rate_limit import AsyncSender

REFUSED: Final = 429
DELIVERED: Final = Settings(Credentials("", "", ""))


def ours(checkly: Checkly, per_minute: float = DELIVERED.requests_per_minute) -> SharedClient:
    """Return the client that all waits of a triggerer share, as delivered but for the network."""

    @asynccontextmanager
    async def open_sender() -> AsyncIterator[AsyncSender]:
        async def send(request: Request, _: float) -> Response:
            return await checkly.answer(request)

        yield send

    return SharedClient(open_sender, RateLimiter(per_minute, checkly.loop.time), DELIVERED.max_connections)


def evenly_paced(checkly: Checkly, per_minute: float) -> Client:
    """Return a client that sends a request every so often, first come, first served."""
    queue = asyncio.Lock()
    free_at = 0.0

    async def send(request: Request, _: float) -> Response:
        nonlocal free_at
        async with queue:
            await asyncio.sleep(max(0.0, free_at - checkly.loop.now))
            free_at = checkly.loop.now + 60 / per_minute
        return await checkly.answer(request)

    return nullcontext(send)


def obeying(checkly: Checkly) -> Client:
    """Return a client without a budget: each wait obeys the Retry-After of its own 429s."""

    async def send(request: Request, _: float) -> Response:
        return await checkly.answer(request)

    return nullcontext(send)


def backing_off(checkly: Checkly) -> Client:
    """Return a client without a budget: each wait backs off, 0.5 s, doubled up to 30 s, with jitter."""

    async def send(request: Request, _: float) -> Response:
        response = await checkly.answer(request)
        return response if response.status != REFUSED else replace(response, headers={})

    return nullcontext(send)
