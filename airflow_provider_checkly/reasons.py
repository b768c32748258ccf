"""Why checks failed: asked for within a budget, logged, and never a failure of its own."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly import analyses, explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.decision import Decision
    from airflow_provider_checkly.hooks import ChecklyHook
    from airflow_provider_checkly.report import Reason

log = logging.getLogger(__name__)

LONGEST: Final = explain.SECONDS + analyses.SECONDS


def find_reasons(
    hook: ChecklyHook,
    decision: Decision,
    sessions: Sequence[JsonObject],
    seconds: float,
    *,
    analyse: bool = False,
) -> list[Reason]:
    """Return why the checks failed that broke a gate, one entry per check and location, twenty at most.

    It takes 20 requests at most, and 30 seconds, with analyses 90. What goes wrong becomes one warning.

    :param sessions: those that hold the failed checks.
    :param seconds: how long it may take, where that is shorter.
    :param analyse: whether to ask Checkly for root-cause analyses, which cost the account of its quota.
    """
    until = time.monotonic() + seconds
    found = explain.suspects(decision, sessions)[: explain.REQUESTS]
    requests = explain.REQUESTS - (analyses.REQUESTS if analyse else 0)
    inquiry = explain.Inquiry(hook, min(until, time.monotonic() + explain.SECONDS), requests)
    explained = explain.explain(inquiry, found)
    errors = list(inquiry.errors)
    if analyse and not errors:
        inquiry = explain.Inquiry(hook, min(until, time.monotonic() + analyses.SECONDS), analyses.REQUESTS)
        explained = analyses.analyse(inquiry, explained)
        errors = inquiry.errors
    if errors:
        log.warning("Checkly does not say all there is to say about the failure. %s", errors[0])
    return [each.reason for each in explained]
