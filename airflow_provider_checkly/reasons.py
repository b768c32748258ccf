"""Finds out why checks failed: few requests, little time, and no error of its own."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, TypeVar

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_checkly import details
from airflow_provider_checkly.api import model, result_calls
from airflow_provider_checkly.api.errors import ChecklyError, ChecklyNotFound, ChecklyUnreadable
from airflow_provider_checkly.details import clean, fields, items, one_line, place, result_id
from airflow_provider_checkly.findings import FLAGS
from airflow_provider_checkly.report import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.api.calls import Call
    from airflow_provider_checkly.api.model import SessionKind
    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.decision import Decision, Judged
    from airflow_provider_checkly.hooks import ChecklyHook

log = logging.getLogger(__name__)

T = TypeVar("T")

REQUESTS: Final = 20
SECONDS: Final = 30.0
SECONDS_PER_REQUEST: Final = 10.0
ANALYSES: Final = 2
"""Root-cause analyses per task: each costs one of the account's quota."""
REQUESTS_OF_ANALYSES: Final = 12
SECONDS_OF_ANALYSES: Final = 60.0
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 15.0
LONGEST: Final = SECONDS + SECONDS_OF_ANALYSES
LATER: Final = "Checkly has not finished its analysis; it will stand beside the error at Checkly."
WITH_FILES: Final = frozenset({"AGENTIC", "BROWSER", "MULTI_STEP", "PLAYWRIGHT"})


@dataclass(slots=True)
class Inquiry:
    """Asks Checkly within a budget, and keeps what goes wrong to itself.

    :param until: `time.monotonic()` at which it ends.
    :param errors: what went wrong.
    """

    hook: ChecklyHook
    until: float
    left: int = REQUESTS
    errors: list[Exception] = field(default_factory=list)

    def ask(self, call: Call[T]) -> T | None:
        """Return the answer, None where there is none or the budget is used up."""
        if self.is_over:
            return None
        self.left -= 1
        seconds = max(min(self.until - time.monotonic(), SECONDS_PER_REQUEST), 0.1)
        try:
            return self.hook.ask_once(call, seconds)
        except (ChecklyNotFound, ChecklyUnreadable) as error:
            self.errors.append(error)
        except (ChecklyError, AirflowException) as error:  # the connection may be gone meanwhile
            self.errors.append(error)
            self.left = 0
        return None

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be asked."""
        return self.left <= 0 or time.monotonic() >= self.until


def tags_of(hook: ChecklyHook, decision: Decision) -> dict[str, list[str]]:
    """Return the tags of the checks that broke a gate, by check id.

    Twenty checks at most are looked up, in 30 seconds; what cannot be looked up has no tags, so that its
    failure counts.
    """
    inquiry = Inquiry(hook, time.monotonic() + SECONDS)
    ids = [each.finding.check_id for each in decision.broke if model.UUID.fullmatch(each.finding.check_id)]
    answers = {check_id: inquiry.ask(result_calls.get_check(check_id)) for check_id in ids}
    found = {check_id: answer for check_id, answer in answers.items() if answer is not None}
    if inquiry.errors:
        missing = len(ids) - len(found)
        log.warning("The tags of %d failing check(s) are not known. %s", missing, inquiry.errors[0])
    return {check_id: [str(tag) for tag in items(check.get("tags"))] for check_id, check in found.items()}


@dataclass(slots=True)
class Suspect:
    """A result that may say why its check failed, and what it has said so far.

    :param owner: id of the check, or of the test session.
    :param group: id of the first error group it belongs to, "" where there is none.
    """

    result: JsonObject
    kind: SessionKind
    owner: str
    reason: Reason
    group: str = ""


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
    found = suspects(decision, sessions)[:REQUESTS]
    requests = REQUESTS - (REQUESTS_OF_ANALYSES if analyse else 0)
    inquiry = Inquiry(hook, min(until, time.monotonic() + SECONDS), requests)
    explain(inquiry, found)
    if analyse and not inquiry.errors:
        inquiry = Inquiry(hook, min(until, time.monotonic() + SECONDS_OF_ANALYSES), REQUESTS_OF_ANALYSES)
        _analyse(inquiry, found)
    if inquiry.errors:
        log.warning("Checkly did not give all details of the failure. %s", inquiry.errors[0])
    return [suspect.reason for suspect in found]


def suspects(decision: Decision, sessions: Iterable[JsonObject]) -> list[Suspect]:
    """Return which results to ask for: one of each check first, then the other locations."""
    owners = {result_id(result): session for session in sessions for result in model.final_results(session)}
    rounds = zip_longest(*([(judged, each) for each in _worth_asking(judged)] for judged in decision.broke))
    found = [pair for each in rounds for pair in each if pair]
    return [_suspect(judged, each, owners[result_id(each)]) for judged, each in found if result_id(each)]


def _worth_asking(judged: Judged) -> Sequence[JsonObject]:
    """Return the results that explain why a check broke the gate; all, if none stands out."""
    reasons, results = " ".join(judged.reasons), judged.finding.results
    return [each for each in results if _looks_wrong(each) or place(each) in reasons] or results


def _looks_wrong(result: JsonObject) -> bool:
    return any(result.get(flag) is True for flag in FLAGS) or result.get("status") in ("FAILED", "CANCELLED")


def _suspect(judged: Judged, result: JsonObject, session: JsonObject) -> Suspect:
    kind, where = model.kind_of(session), place(result)
    owner = model.session_id(session) if kind is model.TEST_SESSION else judged.finding.check_id
    reason = Reason(judged.finding.name, judged.status, where, details.response_time(result))
    broken = [*judged.finding.missing, *judged.slow]
    reason.facts += [("gate", text) for text in broken if where in text or " in " not in text]
    page = result.get("testSessionResultLink") or result.get("checkResultLink")
    reason.links += [("result", page)] if isinstance(page, str) else []
    return Suspect(result, kind, owner, reason)


def explain(inquiry: Inquiry, found: Iterable[Suspect]) -> None:
    """Find out why results failed, as far as Checkly says so within the budget."""
    for look in (_read_details, _fill_gaps):
        for suspect in found:
            look(inquiry, suspect)


def _read_details(inquiry: Inquiry, suspect: Suspect) -> None:
    call = result_calls.get_result(suspect.kind, suspect.owner, result_id(suspect.result))
    document = inquiry.ask(call) or {}
    groups = map(one_line, items(document.get("errorGroupIds") or suspect.result.get("errorGroupIds")))
    suspect.group = next(filter(model.UUID.fullmatch, groups), "")
    suspect.reason.facts += details.facts(document)
    suspect.reason.links[:0] = details.links(document)


def _fill_gaps(inquiry: Inquiry, suspect: Suspect) -> None:
    """Ask for what the details of some checks lack: the error, and where the files are."""
    reason, said = suspect.reason, {kind for kind, _ in (*suspect.reason.facts, *suspect.reason.links)}
    if suspect.group and said.isdisjoint({"error", "assertion"}):
        group = inquiry.ask(result_calls.get_error_group(suspect.kind, suspect.group)) or {}
        message = clean(group.get("cleanedErrorMessage"))
        reason.facts += [("error", message)] if message else []
    if str(suspect.result.get("checkType")) in WITH_FILES and said.isdisjoint(details.FILES):
        call = result_calls.get_assets(suspect.kind, suspect.owner, result_id(suspect.result))
        reason.links[:0] = details.links(inquiry.ask(call) or {})


def _analyse(inquiry: Inquiry, found: Sequence[Suspect]) -> None:
    """Add what Checkly's root-cause analyses say of the first errors, once each."""
    first: dict[str, Suspect] = {}
    for suspect in found:
        first.setdefault(suspect.group, suspect)
    first.pop("", None)
    ordered = {_known_or_ordered(inquiry, suspect): suspect for suspect in list(first.values())[:ANALYSES]}
    ordered.pop("", None)
    _await(inquiry, ordered)


def _known_or_ordered(inquiry: Inquiry, suspect: Suspect) -> str:
    """Take the newest analysis that was made already, which costs nothing, or return the id of a new one."""
    group = inquiry.ask(result_calls.get_error_group(suspect.kind, suspect.group)) or {}
    made = [fields(each) for each in items(group.get("rootCauseAnalyses"))]
    known = _told(max(made, key=lambda each: str(each.get("created_at")), default={}))
    suspect.reason.facts += known
    if known or not group or inquiry.left <= 1:  # what could not be read is not ordered
        return ""
    order = inquiry.ask(result_calls.trigger_root_cause_analysis(suspect.kind, suspect.group)) or {}
    return one_line(order.get("id"))


def _await(inquiry: Inquiry, ordered: dict[str, Suspect]) -> None:
    """Add the analyses that are done in time."""
    pause = FIRST_PAUSE
    while ordered and not inquiry.is_over:
        time.sleep(max(min(pause, inquiry.until - time.monotonic()), 0))
        pause = min(2 * pause, LONGEST_PAUSE)
        for analysis_id in list(ordered):
            if answer := inquiry.ask(result_calls.get_root_cause_analysis(analysis_id)):
                ordered.pop(analysis_id).reason.facts += _told(answer)
    for suspect in ordered.values():
        suspect.reason.facts.append(("root cause", LATER))


def _told(analysis: JsonObject) -> list[tuple[str, str]]:
    """Return what an analysis says, as facts."""
    said = fields(analysis.get("analysis"))
    named = {"": "rootCause", "impact: ": "userImpact", "fix: ": "codeFix"}
    texts = [f"{name}{text}" for name, key in named.items() if (text := clean(said.get(key)))]
    if texts and (kind := one_line(said.get("classification"))):
        texts[0] = f"[{kind}] {texts[0]}"
    return [("root cause", text) for text in texts]
