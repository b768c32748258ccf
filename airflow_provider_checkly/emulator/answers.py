"""How Checkly answers: JSON, and errors as `{"statusCode": 404, "error": "Not Found", "message": "..."}`."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_checkly.emulator.checks import JSON

STILL_RUNNING: Final = (
    "Check session is still in progress, but maximum per-request wait time was exceeded. Please retry."
)
# What the message says where nobody knows better, as in the examples of Checkly's OpenAPI document.
MESSAGES: Final = {401: "Bad Token", 408: STILL_RUNNING}
NAMES: Final = {408: "Request Time-out"}


class Problem(Exception):
    """An error answer in the making; `more` are fields that its body has besides the documented ones."""

    def __init__(
        self,
        status: int,
        message: str | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, JSON] | None = None,
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def response(self) -> web.Response:
        """Build the answer."""
        body = {**error_body(self.status, self.message), **self.more}
        return web.json_response(body, status=self.status, headers=self.headers)


def error_body(status: int, message: str | None = None) -> dict[str, JSON]:
    """Give the documented body of an error; without a message it is the documented example."""
    name = NAMES.get(status) or _phrase(status)
    return {"statusCode": status, "error": name, "message": message or MESSAGES.get(status, name)}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


async def read_json(request: web.Request) -> JSON:
    """Read the body of a request; an empty one is None, whatever is not JSON is a 400."""
    body = await request.read()
    try:
        return json.loads(body) if body.strip() else None
    except ValueError:
        raise Problem(400, "Invalid request payload JSON format") from None
