"""Endpoints for the health of checks: the list of checks, their statuses, and their past."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.endpoints import Endpoint, accept, read_object
from airflow_provider_checkly.api.http import JsonObject, Request, Response, path
from airflow_provider_checkly.exceptions import ChecklyUnreadable, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_checkly.api.reads import Reads

PAGE_SIZE: Final = 100
MAX_ANALYTICS_IDS: Final = 100
MAX_READS: Final = 3
"""How many times a list is read if it changes meanwhile."""
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

    def is_last(self, count: int) -> bool:
        """Return whether the list ends here, after so many items; a total below that does not count."""
        if self.total is None or self.total < count:
            return len(self.items) < PAGE_SIZE
        return self.total == count or not self.items


def objects(response: Response) -> list[JsonObject]:
    """Return the objects of a list; null entries, which Checkly documents for statuses, are omitted."""
    return [each for each in _entries(response) if each is not None]


def _entries(response: Response) -> list[JsonObject | None]:
    found = models.json_list(accept(response))
    if wrong := [each for each in found if not isinstance(each, dict | None)]:
        raise ChecklyUnreadable(
            f"{response.request}: an entry of the list is not an object: {wrong[0]!r:.200}."
        )
    return [each if isinstance(each, dict) else None for each in found]


def _read_page(response: Response) -> Page:
    entries = _entries(response)
    items = [each for each in entries if each and each.get("id")]
    if len(items) < len(entries):
        raise ChecklyUnreadable(f"{response.request}: an entry of the list is null, or has no id.")
    total = CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    return Page(items, int(total[1]) if total else None)


def list_page(where: str, filters: Sequence[tuple[str, str]], page: int) -> Endpoint[Page]:
    """`GET ...?limit=100&page=`: one page of a list."""
    query = (*filters, ("limit", str(PAGE_SIZE)), ("page", str(page)))
    return Endpoint(Request("GET", where, query), _read_page)


def all_pages(
    where: str, filters: Sequence[tuple[str, str]] = (), *, is_part: bool = False
) -> Reads[list[JsonObject]]:
    """Read a list to its end; anew if it changed meanwhile, since an item may have moved to an earlier page.

    :param is_part: whether items are filtered; what the total counts then is not documented.
    :raises ChecklyUnreadable: Checkly says that the list has more items than its pages.
    """
    known: dict[str, JsonObject] = {}
    for _ in range(MAX_READS):
        pages = yield from _pages(where, filters)
        found = {str(each["id"]): each for page in pages for each in page.items}
        known |= found
        total = pages[-1].total
        least = 0 if is_part else total or 0
        if all(page.total == total for page in pages) and len(found) >= least:
            return list(found.values())
    if len(known) < least:
        raise ChecklyUnreadable(
            f"GET {where}: Checkly says that there are {total} items, but lists {len(known)}."
        )
    return list(known.values())


def _pages(where: str, filters: Sequence[tuple[str, str]]) -> Reads[list[Page]]:
    pages: list[Page] = []
    while not pages or not pages[-1].is_last(sum(len(page.items) for page in pages)):
        page: Page = yield list_page(where, filters, len(pages) + 1)
        pages.append(page)
    return pages


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
    every = [*filters, ("applyGroupSettings", "true")]
    return all_pages(path("v1", "checks"), every, is_part=bool(filters))


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
