"""The tags of checks that broke a gate, where a gate makes only a warning of some."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api import result_calls
from airflow_provider_checkly.api.errors import ChecklyError

if TYPE_CHECKING:
    from airflow_provider_checkly.decision import Decision
    from airflow_provider_checkly.hooks import ChecklyHook

log = logging.getLogger(__name__)

LOOKED_UP_AT_MOST: Final = 20
SECONDS: Final = 30.0


def tags_of(hook: ChecklyHook, decision: Decision) -> dict[str, list[str]]:
    """Return the tags of the checks that broke a gate, by check id.

    Twenty checks at most are looked up, in 30 seconds; what cannot be looked up has no tags, so that its
    failure counts.
    """
    ids = [each.finding.check_id for each in decision.broke if each.finding.check_id]
    end, found = time.monotonic() + SECONDS, dict[str, list[str]]()
    try:
        for check_id in ids[:LOOKED_UP_AT_MOST]:
            check = hook.ask_once(result_calls.get_check(check_id), max(end - time.monotonic(), 0.1))
            tags = check.get("tags")
            found[check_id] = [str(tag) for tag in tags] if isinstance(tags, list) else []
    except ChecklyError as error:
        log.warning("The tags of %d failing check(s) are not known. %s", len(ids) - len(found), error)
    return found
