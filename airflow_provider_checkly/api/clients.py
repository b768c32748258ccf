"""One aiohttp client per account and event loop, shared by all waits of a triggerer, under one budget."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from airflow_provider_checkly.api.calls import retry_after
from airflow_provider_checkly.api.errors import ChecklyRateLimited
from airflow_provider_checkly.api.pacing import Pacer
from airflow_provider_checkly.api.transport import OVERTIME, aiohttp_sender

if TYPE_CHECKING:
    from airflow_provider_checkly.api.transport import AsyncSender
    from airflow_provider_checkly.api.wire import Account, Request, Response

REFUSED: Final = 429
PAUSE: Final = 5.0
"""Seconds that all waits of an account pause after a 429 that does not say how long."""


class Client:
    """Sends the requests of one account; open while somebody uses it."""

    def __init__(self, account: Account, margin: float, pacer: Pacer, max_connections: int) -> None:
        self.pacer = pacer
        self._account = account
        self._margin = margin
        self._slots = asyncio.Semaphore(max_connections)
        self._opening = asyncio.Lock()
        self._open = AsyncExitStack()
        self._sender: AsyncSender | None = None
        self._users = 0

    async def __aenter__(self) -> AsyncSender:
        async with self._opening:
            if self._sender is None:
                self._sender = await self._open.enter_async_context(
                    aiohttp_sender(self._account, self._margin)
                )
            self._users += 1
            return partial(self._send, self._sender)

    async def __aexit__(self, *_: object) -> None:
        self._users -= 1
        async with self._opening:
            if not self._users:
                self._sender = None
                await self._open.aclose()

    async def _send(self, sender: AsyncSender, request: Request, patience: float) -> Response:
        if self.pacer.is_free() and not self._slots.locked():
            return await self._send_in_turn(sender, request, patience)
        try:
            async with asyncio.timeout(patience + OVERTIME):
                return await self._send_in_turn(sender, request, patience)
        except TimeoutError:
            text = f"{request}: its turn did not come in time; the account's requests are used up."
            raise ChecklyRateLimited(text, status=429) from None

    async def _send_in_turn(self, sender: AsyncSender, request: Request, patience: float) -> Response:
        async with self._slots:
            sent_at = await self.pacer.turn()
            response = await sender(request, patience)
        if response.status == REFUSED:
            hint = retry_after(response)
            self.pacer.refused(sent_at, PAUSE if hint is None else hint)
        return response


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Account, Client]] = WeakKeyDictionary()
_pacers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Pacer]] = WeakKeyDictionary()


def shared_sender(account: Account, margin: float, *, per_minute: float, max_connections: int) -> Client:
    """Return what opens a sender; connections and budget are those of all the account's waits in this loop.

    :param margin: seconds that an answer may take beyond the time Checkly may hold it.
    :param per_minute: requests in any 60 seconds, at most.
    :param max_connections: held at once, at most.
    """
    loop = asyncio.get_running_loop()
    pacers = _pacers.setdefault(loop, {})
    pacer = pacers.setdefault((account.base_url, account.account_id), Pacer(per_minute))
    pacer.budget.per_minute = per_minute
    clients = _clients.setdefault(loop, {})
    if account not in clients:
        clients[account] = Client(account, margin, pacer, max_connections)
    return clients[account]
