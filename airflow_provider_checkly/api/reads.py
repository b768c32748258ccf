"""Several requests that belong together, as a generator.

It yields endpoints, is sent what they return, and returns a result. It does no I/O, so the same steps
serve workers (`run`) and triggerers (`arun`).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from airflow_provider_checkly.api.endpoints import Endpoint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

Reads: TypeAlias = Generator[Endpoint[Any], Any, T]


def run(reads: Reads[T], send: Callable[[Endpoint[Any]], Any]) -> T:
    """Send the requests one after the other.

    :raises ChecklyError: the first error of a request.
    """
    answer: object = None
    while True:
        try:
            endpoint = reads.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # typeshed has Any here
        answer = send(endpoint)


async def arun(reads: Reads[T], send: Callable[[Endpoint[Any]], Awaitable[Any]]) -> T:
    """Send as `run` does, without blocking the event loop."""
    answer: object = None
    while True:
        try:
            endpoint = reads.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # typeshed has Any here
        answer = await send(endpoint)
