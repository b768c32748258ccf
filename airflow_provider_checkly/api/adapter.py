"""What `requests` lacks: a limit for a whole answer, not only for each of its bytes."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3 import HTTPConnectionPool
    from urllib3.response import HTTPResponse

LATER: Final = 0.5
"""Seconds beyond the read time-out, which speaks first where nothing comes at all."""


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # it may have ended by itself
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def ends_after(connection: socket.socket, seconds: float) -> Iterator[None]:
    """End a connection that is still needed after so many seconds."""
    watch = threading.Timer(max(seconds, 0), _end, [connection])
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


@cache
def _bounded(kind: type[Any]) -> type[Any]:
    """Return a kind of connection that ends where the headers are not whole after its time-out."""

    class Bounded(kind):  # type: ignore[misc]  # the kind is known at run time only: TLS or not, proxy or not
        def getresponse(self) -> HTTPResponse:
            wire = self.sock  # only the response holds on to it, where the connection is not kept
            with ends_after(wire, self.timeout + LATER):
                response: Any = super().getresponse()
            response.socket = wire
            return response  # type: ignore[no-any-return]  # with its socket

    return Bounded


class BoundedAdapter(HTTPAdapter):
    """Connections whose headers may take as long as the read time-out, in seconds, says, and no longer.

    What reads the body finds the socket at the response, to bound that, too.
    """

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        """Return the pool that `requests` takes connections from."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = _bounded(pool.ConnectionCls)
        found: HTTPConnectionPool = pool
        return found
