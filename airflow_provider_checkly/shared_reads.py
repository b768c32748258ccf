"""Share one request among all waits in a triggerer that need it: a thousand cost as much as one."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_checkly.api import reads

if TYPE_CHECKING:
    from collections.abc import Hashable

    from airflow_provider_checkly.api.endpoints import Endpoint
    from airflow_provider_checkly.api.reads import Reads
    from airflow_provider_checkly.base_hook import ChecklyBaseHook

T = TypeVar("T")

RETRY_SECONDS: Final = 50.0
"""How long a request is repeated; after that, the next tick is soon enough."""
KEEP_SECONDS: Final = 60.0
MAX_AGE_SECONDS: Final = 5.0
MAX_SPREAD_SECONDS: Final = 1.0


@dataclass(eq=False, slots=True)
class _Answer:
    """A request in progress, or its answer.

    :param request: runs in its own task, so a wait that ends does not cancel it.
    :param at: monotonic time of the answer, None while the request is in progress.
    :param turns: of those that wait for it.
    """

    request: asyncio.Task[Any]
    at: float | None = None
    turns: list[asyncio.Future[None]] = field(default_factory=list)
    waking: asyncio.Task[None] | None = None

    def is_usable(self, max_age: float) -> bool:
        if self.at is None:
            return True
        failed = self.request.cancelled() or self.request.exception() is not None
        return time.monotonic() - self.at <= (min(max_age, MAX_SPREAD_SECONDS) if failed else max_age)


_answers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, _Answer]] = WeakKeyDictionary()


async def shared_reads(hook: ChecklyBaseHook, steps: Reads[T], max_age: float) -> T:
    """Send requests that belong together, or take the answers to the same requests of others.

    :param max_age: how old the answer to the first request may be, in seconds; of the others, a minute.
    :raises ChecklyError: the first error of a request; all that share the request get it.
    """
    ages = iter([max_age])

    with hook.named(await hook.load_settings()):
        return await reads.arun(steps, lambda endpoint: _shared(hook, endpoint, next(ages, KEEP_SECONDS)))


async def _shared(hook: ChecklyBaseHook, endpoint: Endpoint[Any], max_age: float) -> object:
    settings = await hook.load_settings()
    loop = asyncio.get_running_loop()
    answers = _answers.setdefault(loop, {})
    key = (settings.credentials, endpoint.request)
    answer = answers.get(key)
    if answer is None or not answer.is_usable(max_age):
        answer = answers[key] = _Answer(asyncio.create_task(hook.asend(endpoint, RETRY_SECONDS)))
        answer.waking = asyncio.create_task(_wake(answer))
        answer.waking.add_done_callback(partial(_forget_later, answers, key, answer))
    if answer.at is None:
        answer.turns.append(turn := loop.create_future())
        await turn
    return answer.request.result()


async def _wake(answer: _Answer) -> None:
    """Resume the waits for an answer, one in each step of the event loop.

    One may take 20 ms, if it makes a new selection of 5,000 checks.
    """
    await asyncio.wait({answer.request})
    answer.at = time.monotonic()
    for turn in answer.turns:
        if not turn.done():
            turn.set_result(None)
            await asyncio.sleep(0)


def _forget_later(
    answers: dict[Hashable, _Answer], key: Hashable, answer: _Answer, task: asyncio.Task[None]
) -> None:
    def forget() -> None:
        if answers.get(key) is answer:
            del answers[key]

    task.get_loop().call_later(KEEP_SECONDS, forget)


def max_age(interval: float) -> float:
    """Return how old an answer may be for polls at an interval: half of that, but at most a few seconds."""
    return min(MAX_AGE_SECONDS, interval / 2)


def until_next_tick(interval: float) -> float:
    """Return the seconds until all waits with this interval poll again: at multiples of it.

    They are spread over at most a second, which keeps the event loop free.
    """
    spread = random.uniform(0, min(MAX_SPREAD_SECONDS, interval / 10))  # noqa: S311 - no secret
    return interval - time.time() % interval + spread
