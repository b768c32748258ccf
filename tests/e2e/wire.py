"""A wire to the emulator that can be cut: then connections break, and new ones are refused."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from deployment import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Wire:
    """Forwards a port of its own to another one, while it is whole.

    :param target: the port to forward to.
    """

    def __init__(self, target: int) -> None:
        self._port = free_port()
        self.url = f"http://{HOST}:{self._port}"
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def mend(self) -> None:
        """Listen."""
        self._do(self._listen())

    def cut(self) -> None:
        """Refuse connections, and break those that are open."""
        self._do(self._close())

    def _do(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._forward, HOST, self._port)

    async def _close(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.1)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(HOST, self._target)
        ends = {writer, far_writer}
        self._writers |= ends
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        self._writers -= ends


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
