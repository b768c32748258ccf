"""Checkly's root-cause analyses of failed checks: asked for, and awaited for a while."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api import result_calls
from airflow_provider_checkly.details import clean, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.api.model import SessionKind
    from airflow_provider_checkly.api.wire import Json, JsonObject
    from airflow_provider_checkly.explain import Explained, Inquiry

AT_MOST: Final = 2
"""Analyses per task: each costs one of the account's quota."""
REQUESTS: Final = 12
SECONDS: Final = 60.0
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 15.0
LATER: Final = ("Checkly has not finished its analysis; it will stand beside the error at Checkly.",)


def _text(analysis: JsonObject) -> tuple[str, ...]:
    named = {"": "rootCause", "impact: ": "userImpact", "fix: ": "codeFix"}
    kind = one_line(analysis.get("classification"))
    texts = [f"{name}{text}" for name, field in named.items() if (text := clean(analysis.get(field)))]
    return tuple([f"[{kind}] {texts[0]}", *texts[1:]] if kind and texts else texts)


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _known(group: JsonObject) -> tuple[str, ...]:
    """Return the newest analysis that an error group has already, which costs nothing."""
    found = group.get("rootCauseAnalyses")
    made = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    newest = max(made, key=lambda each: str(each.get("created_at")), default={})
    return _text(_object(newest.get("analysis")))


def _order(inquiry: Inquiry, kind: SessionKind, group_id: str) -> str:
    """Ask for an analysis, unless nothing could be asked about it afterwards."""
    if inquiry.left <= 1:
        return ""
    ordered = inquiry.ask(result_calls.trigger_root_cause_analysis(kind, group_id)) or {}
    return one_line(ordered.get("id"))


def _await(inquiry: Inquiry, ordered: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the analyses that are done in time, by error group."""
    done: dict[str, tuple[str, ...]] = {}
    pause = FIRST_PAUSE
    while len(done) < len(ordered) and not inquiry.is_over:
        time.sleep(max(min(pause, inquiry.until - time.monotonic()), 0))
        pause = min(2 * pause, LONGEST_PAUSE)
        for group_id in ordered.keys() - done.keys():
            if analysis := inquiry.ask(result_calls.get_root_cause_analysis(ordered[group_id])):
                done[group_id] = _text(_object(analysis.get("analysis")))
    return {group_id: done.get(group_id, LATER) for group_id in ordered}


def analyse(inquiry: Inquiry, explained: Sequence[Explained]) -> list[Explained]:
    """Return the same, with what Checkly's analyses of the first errors say."""
    groups = _first_groups(explained)
    found: dict[str, tuple[str, ...]] = {}
    ordered: dict[str, str] = {}
    for group_id, kind in groups.items():
        group = inquiry.ask(result_calls.get_error_group(kind, group_id))
        if text := _known(group or {}):
            found[group_id] = text
        elif group and (analysis_id := _order(inquiry, kind, group_id)):
            ordered[group_id] = analysis_id
    found |= _await(inquiry, ordered)
    return [_with(each, found) for each in explained]


def _first_groups(explained: Iterable[Explained]) -> dict[str, SessionKind]:
    groups = {each.groups[0]: each.suspect.kind for each in explained if each.groups}
    return dict(list(groups.items())[:AT_MOST])


def _with(explained: Explained, found: dict[str, tuple[str, ...]]) -> Explained:
    """Add an analysis to the first result that has the error."""
    text = next((found.pop(group) for group in explained.groups if group in found), ())
    return replace(explained, reason=replace(explained.reason, analysis=text))
