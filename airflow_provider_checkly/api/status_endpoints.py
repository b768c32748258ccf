"""Endpoints that say how checks are doing: the list of checks, their statuses, and their past."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.endpoints import Endpoint, accept, read_object
from airflow_provider_checkly.api.http import Json, JsonObject, Request, Response, path
from airflow_provider_checkly.exceptions import ChecklyUnreadable, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_checkly.api.reads import Reads

PAGE_SIZE: Final = 100
MAX_ANALYTICS_IDS: Final = 100
CONTENT_RANGE: Final = re.compile(r"(?:\w+ )?\d+-\d+/(\d+)")
NOT_FOUND: Final = 404

ReportPeriod = Literal[
    "last24Hrs", "last7Days", "last30Days", "thisWeek", "thisMonth", "lastWeek", "lastMonth"
]
AnalyticsPeriod = Literal["last24Hours", "last7Days", "thisWeek", "lastWeek", "lastMonth"]
ANALYTICS_PERIODS: Final[tuple[AnalyticsPeriod, ...]] = get_args(AnalyticsPeriod)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    :param total: how many items all pages have, None if Checkly does not say.
    """

    items: list[JsonObject]
    total: int | None


def objects(response: Response) -> list[JsonObject]:
    """Return the objects of a list; null entries, which Checkly documents, are left out."""
    found = models.json_list(accept(response))
    if wrong := [each for each in found if not isinstance(each, dict | None)]:
        raise ChecklyUnreadable(
            f"{response.request}: an entry of the list is not an object: {wrong[0]!r:.200}."
        )
    return [each for each in found if isinstance(each, dict)]


def _read_page(response: Response) -> Page:
    total = CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    return Page(objects(response), int(total[1]) if total else None)


def list_page(where: str, filters: Sequence[tuple[str, str]], page: int) -> Endpoint[Page]:
    """`GET ...?limit=100&page=`: one page of a list."""
    query = (*filters, ("limit", str(PAGE_SIZE)), ("page", str(page)))
    return Endpoint(Request("GET", where, query), _read_page)


def all_pages(where: str, filters: Sequence[tuple[str, str]] = ()) -> Reads[list[JsonObject]]:
    """Read a list to its end; an item that moved to the next page meanwhile is kept once."""
    found: dict[Json, JsonObject] = {}
    number, count = 1, 0
    while True:
        page: Page = yield list_page(where, filters, number)
        found |= {str(each.get("id")): each for each in page.items}
        number, count = number + 1, count + len(page.items)
        is_last = len(page.items) < PAGE_SIZE if page.total is None else count >= page.total
        if is_last or not page.items:
            return list(found.values())


def list_checks(
    tag: str | None = None,
    *,
    status: str | None = None,
    check_type: str | None = None,
    search: str | None = None,
) -> Reads[list[JsonObject]]:
    """`GET /v1/checks`: all checks that match, with the settings of their groups applied.

    :param tag: of the check or of its group.
    """
    given = {"tag": tag, "status": status, "checkType": check_type, "search": search}
    filters = [(name, value) for name, value in given.items() if value is not None]
    return all_pages(path("v1", "checks"), [*filters, ("applyGroupSettings", "true")])


def _read_found(response: Response) -> JsonObject | None:
    return None if response.status == NOT_FOUND else read_object(response)


def find_check(check_id: str) -> Endpoint[JsonObject | None]:
    """`GET /v1/checks/{id}`: a check with the settings of its group applied, None if it does not exist."""
    request = Request("GET", path("v1", "checks", check_id), (("applyGroupSettings", "true"),))
    return Endpoint(request, _read_found)


def get_check_statuses() -> Endpoint[list[JsonObject]]:
    """`GET /v1/check-statuses`: the statuses of all checks of the account; this list has no pages."""
    return Endpoint(Request("GET", path("v1", "check-statuses")), objects)


def _read_status(response: Response) -> JsonObject | None:
    return None if accept(response).body.strip() == b"null" else read_object(response)


def get_check_status(check_id: str) -> Endpoint[JsonObject | None]:
    """`GET /v1/check-statuses/{checkId}`: None if Checkly has none, as its documentation allows."""
    return Endpoint(Request("GET", path("v1", "check-statuses", check_id)), _read_status)


def get_reporting(query: Sequence[tuple[str, str]]) -> Endpoint[list[JsonObject]]:
    """`GET /v1/reporting`: success ratio and response times of checks in a period."""
    return Endpoint(Request("GET", path("v1", "reporting"), tuple(query)), objects)


def get_analytics(check_ids: Sequence[str], period: AnalyticsPeriod) -> Endpoint[list[JsonObject]]:
    """`POST /v1/analytics/checks`: availability (per cent) and response times (ms) of up to 100 checks.

    It starts nothing, so it may be repeated. Checkly allows 30 of these requests a minute.

    :raises InvalidInput: more than 100 checks, or none.
    """
    if not 1 <= len(check_ids) <= MAX_ANALYTICS_IDS:
        raise InvalidInput(f"check_ids must hold 1 to {MAX_ANALYTICS_IDS} ids, not {len(check_ids)}.")
    body: JsonObject = {"checkIds": list(check_ids)}
    where = path("v1", "analytics", "checks")
    return Endpoint(Request("POST", where, (("quickRange", period),), body), objects)
