"""Why checks failed: asks Checkly for details, within a budget and without raising."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, TypeVar

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_checkly.api import endpoints, models
from airflow_provider_checkly.api.text import few_lines, http_url, one_line
from airflow_provider_checkly.exceptions import ChecklyError, ChecklyNotFound, ChecklyUnreadable
from airflow_provider_checkly.gate import result_details
from airflow_provider_checkly.gate.check_results import FLAGS
from airflow_provider_checkly.gate.result_details import fields, items, result_id, run_location

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.api.endpoints import Endpoint
    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.api.models import SessionKind
    from airflow_provider_checkly.gate.check_results import CheckOutcome
    from airflow_provider_checkly.gate.evaluation import Evaluation
    from airflow_provider_checkly.hooks import ChecklyHook

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_REQUESTS: Final = 20
MAX_SECONDS: Final = 30.0
SECONDS_PER_REQUEST: Final = 10.0
MAX_ANALYSES: Final = 2
"""Root-cause analyses per task: each uses up one of the account's quota."""
ANALYSIS_REQUESTS: Final = 12
ANALYSIS_SECONDS: Final = 60.0
FIRST_ANALYSIS_PAUSE: Final = 2.0
MAX_ANALYSIS_PAUSE: Final = 15.0
MAX_TOTAL_SECONDS: Final = MAX_SECONDS + ANALYSIS_SECONDS
ANALYSIS_UNFINISHED: Final = "The analysis has not finished; see the error at Checkly."
CHECK_TYPES_WITH_FILES: Final = frozenset({"AGENTIC", "BROWSER", "MULTI_STEP", "PLAYWRIGHT"})


@dataclass(slots=True)
class FailedResult:
    """One result of a failing check: one location, with all that is known about the failure.

    :param owner: id of the check, or of the test session.
    :param details: kind and text.
    :param links: kind and URL; the result's page at Checkly is the first.
    :param error_group: id of the first error group of the result, "" where there is none.
    """

    check: CheckOutcome
    result: JsonObject
    kind: SessionKind
    owner: str
    details: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    error_group: str = ""


@dataclass(slots=True)
class RequestBudget:
    """Send requests within a time and request budget; collect errors instead of raising them.

    :param until: `time.monotonic()` at which the budget ends.
    """

    hook: ChecklyHook
    until: float
    left: int = MAX_REQUESTS
    errors: list[Exception] = field(default_factory=list)

    def send(self, endpoint: Endpoint[T]) -> T | None:
        """Return the answer; None after an error, or when the budget is used up."""
        if self.is_used_up:
            return None
        self.left -= 1
        seconds = max(min(self.until - time.monotonic(), SECONDS_PER_REQUEST), 0.1)
        try:
            return self.hook.send(endpoint, 0, margin=seconds)
        except (ChecklyNotFound, ChecklyUnreadable) as error:
            self.errors.append(error)
        except (ChecklyError, AirflowException) as error:  # the connection may have been deleted meanwhile
            self.errors.append(error)
            self.left = 0
        return None

    @property
    def is_used_up(self) -> bool:
        """Whether no further request is sent."""
        return self.left <= 0 or time.monotonic() >= self.until


def tags_of(hook: ChecklyHook, checks: Iterable[CheckOutcome]) -> dict[str, list[str]]:
    """Return the tags of checks, by check id.

    At most 20 checks are read, in 30 seconds. A check that cannot be read has no tags, so its failure counts.
    """
    budget = RequestBudget(hook, time.monotonic() + MAX_SECONDS)
    ids = [each.check_id for each in checks if models.UUID.fullmatch(each.check_id)]
    answers = {check_id: budget.send(endpoints.get_check(check_id)) for check_id in ids}
    found = {check_id: answer for check_id, answer in answers.items() if answer is not None}
    if missing := len(ids) - len(found):
        reason = (
            budget.errors[0] if budget.errors else f"at most {MAX_REQUESTS} are read, in {MAX_SECONDS:g} s."
        )
        log.warning("The tags of %d failing check(s) could not be read: %s", missing, reason)
    return {check_id: [str(tag) for tag in items(check.get("tags"))] for check_id, check in found.items()}


def explain(
    hook: ChecklyHook,
    evaluation: Evaluation,
    sessions: Sequence[JsonObject],
    seconds: float,
    *,
    analyse: bool = False,
) -> list[FailedResult]:
    """Return why checks fail the gate: one entry per check and location, at most 20.

    That takes at most 20 requests and 30 seconds, 90 with analyses. Errors become one warning.

    :param sessions: those of the failing checks.
    :param seconds: time limit, if shorter.
    :param analyse: whether to ask Checkly for root-cause analyses, which use the account's quota.
    """
    until = time.monotonic() + seconds
    found = failed_results(evaluation, sessions)[:MAX_REQUESTS]
    requests = MAX_REQUESTS - (ANALYSIS_REQUESTS if analyse else 0)
    budget = RequestBudget(hook, min(until, time.monotonic() + MAX_SECONDS), requests)
    read_details(budget, found)
    if analyse and not budget.errors:
        budget = RequestBudget(hook, min(until, time.monotonic() + ANALYSIS_SECONDS), ANALYSIS_REQUESTS)
        _analyse(budget, found)
    if budget.errors:
        log.warning("Checkly did not give all details of the failure: %s", budget.errors[0])
    return found


def failed_results(evaluation: Evaluation, sessions: Iterable[JsonObject]) -> list[FailedResult]:
    """Return the results to ask about: one of each failing check first, then the other locations."""
    owners = {result_id(result): session for session in sessions for result in models.final_results(session)}
    rounds = zip_longest(*([(check, each) for each in _telling(check)] for check in evaluation.failing))
    found = [pair for each in rounds for pair in each if pair]
    return [
        _failed_result(check, result, owners[result_id(result)])
        for check, result in found
        if result_id(result) in owners
    ]


def _telling(check: CheckOutcome) -> Sequence[JsonObject]:
    """Return the results that explain why a check fails; all, if none stands out."""
    reasons = " ".join(check.reasons)
    return [
        each for each in check.results if _looks_failed(each) or run_location(each) in reasons
    ] or check.results


def _looks_failed(result: JsonObject) -> bool:
    return any(result.get(flag) is True for flag in FLAGS) or result.get("status") in ("FAILED", "CANCELLED")


def _failed_result(check: CheckOutcome, result: JsonObject, session: JsonObject) -> FailedResult:
    kind, where = models.kind_of(session), run_location(result)
    owner = models.session_id(session) if kind is models.TEST_SESSION else check.check_id
    page = http_url(result.get("testSessionResultLink") or result.get("checkResultLink"))
    return FailedResult(
        check,
        result,
        kind,
        owner,
        [("gate", text) for text in check.reasons if where in text or " in " not in text],
        [("result", page)] if page else [],
    )


def read_details(budget: RequestBudget, found: Iterable[FailedResult]) -> None:
    """Add what Checkly says about each result, as far as the budget goes."""
    for step in (_read_result, _fill_gaps):
        for failed in found:
            step(budget, failed)


def _read_result(budget: RequestBudget, failed: FailedResult) -> None:
    endpoint = endpoints.get_result(failed.kind, failed.owner, result_id(failed.result))
    document = budget.send(endpoint) or {}
    groups = map(one_line, items(document.get("errorGroupIds") or failed.result.get("errorGroupIds")))
    failed.error_group = next(filter(models.UUID.fullmatch, groups), "")
    failed.details += result_details.failure_details(document)
    failed.links += result_details.links(document)


def _fill_gaps(budget: RequestBudget, failed: FailedResult) -> None:
    """Ask for what the details of some checks lack: the error, and links to the files."""
    known = {kind for kind, _ in (*failed.details, *failed.links)}
    if failed.error_group and known.isdisjoint({"error", "assertion"}):
        group = budget.send(endpoints.get_error_group(failed.kind, failed.error_group)) or {}
        message = few_lines(group.get("cleanedErrorMessage"), result_details.MAX_ERROR_LINES)
        failed.details += [("error", message)] if message else []
    has_files = failed.result.get("checkType") in CHECK_TYPES_WITH_FILES
    if has_files and known.isdisjoint(result_details.FILES):
        endpoint = endpoints.get_assets(failed.kind, failed.owner, result_id(failed.result))
        failed.links += result_details.links(budget.send(endpoint) or {})


def _analyse(budget: RequestBudget, found: Sequence[FailedResult]) -> None:
    """Add Checkly's root-cause analyses of the first errors, once each."""
    first: dict[str, FailedResult] = {}
    for failed in found:
        first.setdefault(failed.error_group, failed)
    first.pop("", None)
    pending = {_known_or_started(budget, failed): failed for failed in list(first.values())[:MAX_ANALYSES]}
    pending.pop("", None)
    _wait_for_analyses(budget, pending)


def _known_or_started(budget: RequestBudget, failed: FailedResult) -> str:
    """Add the newest analysis that exists already, which is free, or return the id of a new one."""
    group = budget.send(endpoints.get_error_group(failed.kind, failed.error_group)) or {}
    existing = [fields(each) for each in items(group.get("rootCauseAnalyses"))]
    known = _findings(max(existing, key=lambda each: str(each.get("created_at")), default={}))
    failed.details += known
    if known or not group or budget.left <= 1:  # no new analysis if the group could not be read
        return ""
    endpoint = endpoints.trigger_root_cause_analysis(failed.kind, failed.error_group)
    return one_line((budget.send(endpoint) or {}).get("id"))


def _wait_for_analyses(budget: RequestBudget, pending: dict[str, FailedResult]) -> None:
    """Add the analyses that finish in time."""
    pause = FIRST_ANALYSIS_PAUSE
    while pending and not budget.is_used_up:
        time.sleep(max(min(pause, budget.until - time.monotonic()), 0))
        pause = min(2 * pause, MAX_ANALYSIS_PAUSE)
        for analysis_id in list(pending):
            if answer := budget.send(endpoints.get_root_cause_analysis(analysis_id)):
                pending.pop(analysis_id).details += _findings(answer)
    for failed in pending.values():
        failed.details.append(("root cause", ANALYSIS_UNFINISHED))


def _findings(analysis: JsonObject) -> list[tuple[str, str]]:
    """Return what an analysis says, as details."""
    said = fields(analysis.get("analysis"))
    named = {"": "rootCause", "impact: ": "userImpact", "fix: ": "codeFix"}
    lines = result_details.MAX_ERROR_LINES
    texts = [f"{name}{text}" for name, key in named.items() if (text := few_lines(said.get(key), lines))]
    if texts and (kind := one_line(said.get("classification"))):
        texts[0] = f"[{kind}] {texts[0]}"
    return [("root cause", text) for text in texts]
