"""The query parameters of a request, each wrong one a 400 that names it.

Lists come as `a=1&a=2` or `a[]=1&a[]=2`.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.emulator.answers import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
WHOLE: Final = re.compile(r"[0-9]+")
FLAGS: Final = {"true": True, "false": False}


def texts(request: web.Request, name: str, words: Sequence[str] = ()) -> list[str]:
    """Read a list; `words` are the values that are allowed, any if there are none."""
    found = [*request.query.getall(name, ()), *request.query.getall(f"{name}[]", ())]
    if words and not set(found) <= set(words):
        raise Problem(400, f'"{name}" must be one of [{", ".join(words)}].')
    return found


def text(request: web.Request, name: str, shortest: int = 0, longest: float = math.inf) -> str | None:
    """Read a text of a certain length, in characters."""
    found = request.query.get(name)
    if found is not None and not shortest <= len(found) <= longest:
        raise Problem(400, f'"{name}" must have {shortest} to {longest} characters.')
    return found


def word(request: web.Request, name: str, words: Sequence[str]) -> str | None:
    """Read one of several words."""
    found = texts(request, name, words)
    return found[0] if found else None


def flag(request: web.Request, name: str) -> bool | None:
    """Read `true` or `false`."""
    found = word(request, name, tuple(FLAGS))
    return None if found is None else FLAGS[found]


def number(request: web.Request, name: str) -> float | None:
    """Read a number."""
    found = request.query.get(name)
    if found is not None and not NUMBER.fullmatch(found):
        raise Problem(400, f'"{name}" must be a number.')
    return None if found is None else float(found)


def whole(request: web.Request, name: str, default: int, highest: float = math.inf) -> int:
    """Read a whole number from 1 up; an empty one is the default."""
    found = request.query.get(name) or str(default)
    if not WHOLE.fullmatch(found) or not 1 <= int(found) <= highest:
        raise Problem(400, f'"{name}" must be an integer from 1 to {highest}.')
    return int(found)


def page(request: web.Request) -> slice:
    """Read which part of a list `limit` (10 if not given) and `page` ask for."""
    limit = whole(request, "limit", 10, 100)
    start = (whole(request, "page", 1) - 1) * limit
    return slice(start, start + limit)
