"""Share one look-up among all callers within a few seconds: a thousand waits may start together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

T = TypeVar("T")

KEEP_SECONDS: Final = 5.0
"""How long a result is kept; a change of the connection takes effect this much later."""

_known: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Any]] = WeakKeyDictionary()
"""Per event loop: results, and futures of look-ups in progress. Only the latter hold the loop."""


async def shared(key: Hashable, look_up: Callable[[], Awaitable[T]]) -> T:
    """Look something up, or return what another look-up with the same key has just found.

    The first one looks up in its own task. If that fails or is cancelled, each of the others looks up.

    :param key: everything that determines the result.
    """
    loop = asyncio.get_running_loop()
    known = _known.setdefault(loop, {})
    if key not in known:
        return await _first(loop, known, key, look_up)
    found: T | asyncio.Future[T] = known[key]
    if not isinstance(found, asyncio.Future):
        return found
    await asyncio.wait((found,))
    return await look_up() if found.cancelled() else found.result()


async def _first(
    loop: asyncio.AbstractEventLoop,
    known: dict[Hashable, Any],
    key: Hashable,
    look_up: Callable[[], Awaitable[T]],
) -> T:
    others = known[key] = loop.create_future()
    try:
        found = known[key] = await look_up()
        others.set_result(found)
        loop.call_later(KEEP_SECONDS, known.pop, key)
        return found
    finally:
        if not others.done():
            del known[key]
            others.cancel()
