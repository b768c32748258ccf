"""Find the checks that ids, tags or `all_checks` select; steps of requests, for workers and triggerers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api import status_endpoints
from airflow_provider_checkly.api.status_endpoints import PAGE_SIZE
from airflow_provider_checkly.api.text import one_line, quoted
from airflow_provider_checkly.exceptions import NoMatchingChecks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.reads import Reads
    from airflow_provider_checkly.arguments import Target

NO_MATCH_STATUS: Final = 404
MAX_NAMED: Final = 10
MAX_GROUPS: Final = 1000
"""Characters."""
USUAL_ACCOUNT_SIZE: Final = 1000


def list_checks(
    groups: Sequence[Sequence[str]],
    *,
    status: str | None = None,
    check_type: str | None = None,
    search: str | None = None,
) -> Reads[list[JsonObject]]:
    """Read the checks that match tags, with one list per tag, since Checkly's own filter supports only OR.

    Checkly decides which check has a tag, so the tags of groups count as they do elsewhere.

    :param groups: OR of ANDs; `!tag` negates; none at all means every check.
    """
    lists: dict[str, dict[str, JsonObject]] = {}
    for tag in sorted({*_listed(groups)}):
        listed = yield from status_endpoints.list_checks(
            tag or None, status=status, check_type=check_type, search=search
        )
        lists[tag] = {str(each.get("id")).lower(): each for each in listed}
    checks = {check_id: each for listed in lists.values() for check_id, each in listed.items()}
    return [each for check_id, each in checks.items() if _matches(groups, check_id, lists)]


def _listed(groups: Sequence[Sequence[str]]) -> list[str]:
    """Return the tags whose lists are needed; "" for the list of all checks."""
    tags = [tag.removeprefix("!") for group in groups for tag in group]
    needs_all = not groups or any(all(tag.startswith("!") for tag in group) for group in groups)
    return [*tags, *([""] if needs_all else [])]


def _matches(groups: Sequence[Sequence[str]], check_id: str, lists: dict[str, dict[str, JsonObject]]) -> bool:
    def has(tag: str) -> bool:
        return (check_id in lists[tag.removeprefix("!")]) is not tag.startswith("!")

    return not groups or any(all(map(has, group)) for group in groups)


def select(target: Target, account_size: int = USUAL_ACCOUNT_SIZE) -> Reads[dict[str, JsonObject | None]]:
    """Read the checks of a target, by id in lower case: None for an id that does not exist.

    Deactivated checks are excluded, unless they are selected by id.

    :param account_size: about how many checks the account has.
    :raises NoMatchingChecks: no active check has the tags.
    """
    if target.check_ids:
        return (yield from _by_id(target.check_ids, account_size))
    found = yield from list_checks(target.tags)
    active = {str(each.get("id")).lower(): each for each in found if each.get("activated") is not False}
    if not active:
        raise NoMatchingChecks(no_match_text(target, deactivated=len(found)), status=NO_MATCH_STATUS)
    return dict(active)


def _by_id(check_ids: Sequence[str], account_size: int) -> Reads[dict[str, JsonObject | None]]:
    """Read the checks one by one, or the whole list where that takes no more requests."""
    if len(check_ids) * PAGE_SIZE < account_size:
        found: dict[str, JsonObject | None] = {}
        for check_id in check_ids:
            found[check_id] = yield status_endpoints.find_check(check_id)
        return found
    listed = yield from status_endpoints.list_checks()
    by_id = {str(each.get("id")).lower(): each for each in listed}
    return {check_id: by_id.get(check_id) for check_id in check_ids}


def no_match_text(target: Target, reasons: Mapping[str, str] | None = None, deactivated: int = 0) -> str:
    """Return why no check matches a target.

    :param reasons: why checks did not run, by the ids of some of them.
    :param deactivated: how many checks would match if they were active, as far as that is known.
    """
    texts = []
    if target.check_ids:
        known = [f"{check_id} {why}" for check_id, why in (reasons or {}).items()]
        texts.append(f"No requested check ran: {_some(known, len(target.check_ids))}.")
    if target.tags:
        shown = [" and ".join(map(quoted, group)) for group in target.tags[:MAX_NAMED]]
        others = f" ({deactivated} deactivated)" if deactivated else ""
        groups = one_line(_some(shown, len(target.tags), " or "), MAX_GROUPS)
        texts.append(
            f"No active check{' of these' if target.check_ids else ''} has the tags {groups}{others}. "
            f"All tags of a list must match; use a list of lists for alternatives."
        )
    if any("," in tag for group in target.tags for tag in group):
        texts.append("A comma does not separate tags; use a list.")
    return " ".join(texts) or "The account has no active check."


def _some(texts: Sequence[str], count: int, separator: str = "; ") -> str:
    more = count - len(texts)
    return separator.join([*texts, *([f"{more} more"] if more > 0 else [])])
