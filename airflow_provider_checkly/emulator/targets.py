"""Which checks a trigger means: tags (OR of AND groups, `!` negates) and ids, both of which must match."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from airflow_provider_checkly.emulator.answers import Problem
from airflow_provider_checkly.emulator.checks import JSON, Check, is_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Target:
    """The filters of a trigger; None means that this filter was not given.

    `deactivated` lets such checks in.
    """

    tags: tuple[tuple[str, ...], ...] | None = None
    ids: frozenset[str] | None = None
    deactivated: bool = False

    def pick(self, checks: Iterable[Check]) -> list[Check]:
        """List the eligible checks that match; ids that no eligible check has are passed over in silence."""
        return [check for check in checks if self._admits(check) and self._matches(check)]

    def _admits(self, check: Check) -> bool:
        return check.eligible or (self.deactivated and replace(check, activated=True).eligible)

    def _matches(self, check: Check) -> bool:
        tagged = self.tags is None or any(_has_all(check, group) for group in self.tags)
        return tagged and (self.ids is None or check.id in self.ids)


def _has_all(check: Check, group: tuple[str, ...]) -> bool:
    own = {*check.tags, *check.groupTags}
    return all((tag[1:] not in own) if tag.startswith("!") else (tag in own) for tag in group)


def parse_target(body: JSON, *, single: bool) -> Target:
    """Read the body of a trigger; `single` also takes one value where a list is meant, as v1 does."""
    if body is None:
        return Target()
    if not isinstance(body, dict):
        raise Problem(400, "The request body must be an object.")
    if not isinstance(body.get("refreshCache", False), bool):
        raise Problem(400, '"refreshCache" must be a boolean.')
    target = body.get("target", {})
    if not isinstance(target, dict):
        raise Problem(400, '"target" must be an object.')
    return Target(
        tags=_tags(target["matchTags"], single=single) if "matchTags" in target else None,
        ids=_ids(target["checkId"], single=single) if "checkId" in target else None,
    )


def _listed(value: JSON, *, single: bool) -> JSON:
    return [value] if single and isinstance(value, str) else value


def _tags(value: JSON, *, single: bool) -> tuple[tuple[str, ...], ...] | None:
    """Read tag groups. No group at all filters nothing, as Checkly's documents leave open."""
    groups = _listed(value, single=single)
    if not isinstance(groups, list):
        raise Problem(400, '"target.matchTags" must be an array.')
    return tuple(_group(_listed(group, single=single)) for group in groups) or None


def _group(value: JSON) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise Problem(400, '"target.matchTags" must be an array of arrays of strings.')
    return tuple(cast("list[str]", value))


def _ids(value: JSON, *, single: bool) -> frozenset[str] | None:
    ids = _listed(value, single=single)
    if not isinstance(ids, list) or not all(is_uuid(one) for one in ids):
        raise Problem(400, '"target.checkId" must be an array of valid GUIDs.')
    return frozenset(one.lower() for one in cast("list[str]", ids)) or None
