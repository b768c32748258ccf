"""Finds out why checks failed: few requests, little time, and no error of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, TypeVar

from airflow_provider_checkly import details
from airflow_provider_checkly.api import model, result_calls
from airflow_provider_checkly.api.errors import ChecklyError, ChecklyNotFound, ChecklyUnreadable
from airflow_provider_checkly.findings import result_id
from airflow_provider_checkly.judge import place, response_time
from airflow_provider_checkly.report import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.api.calls import Call
    from airflow_provider_checkly.api.model import SessionKind
    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.decision import Decision, Judged
    from airflow_provider_checkly.hooks import ChecklyHook

T = TypeVar("T")

REQUESTS: Final = 20
SECONDS: Final = 30.0
SECONDS_PER_REQUEST: Final = 10.0
WITH_FILES: Final = frozenset({"AGENTIC", "BROWSER", "MULTI_STEP", "PLAYWRIGHT"})
WRONG: Final = ("hasErrors", "hasFailures", "isCancelled", "aborted")


@dataclass(slots=True)
class Inquiry:
    """Asks Checkly within a budget, and keeps what goes wrong to itself.

    :param until: `time.monotonic()` at which it ends.
    :param errors: what went wrong.
    """

    hook: ChecklyHook
    until: float
    left: int = REQUESTS
    errors: list[ChecklyError] = field(default_factory=list)

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
        except ChecklyError as error:
            self.errors.append(error)
            self.left = 0
        return None

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be asked."""
        return self.left <= 0 or time.monotonic() >= self.until


@dataclass(frozen=True, slots=True)
class Suspect:
    """A result that may say why its check failed.

    :param owner: id of the check, or of the test session.
    """

    judged: Judged
    result: JsonObject
    kind: SessionKind
    owner: str

    def reason(self) -> Reason:
        """Return what is known without asking."""
        link = self.result.get("testSessionResultLink") or self.result.get("checkResultLink")
        where, status = place(self.result), self.judged.status
        return Reason(
            self.judged.finding.name,
            status,
            where,
            response_time(self.result),
            link if isinstance(link, str) else "",
            broken=tuple(text for text in self.judged.reasons if text != status and _is_about(text, where)),
        )


def _is_about(text: str, where: str) -> bool:
    return where in text or " in " not in text


def _looks_wrong(result: JsonObject) -> bool:
    return any(result.get(flag) is True for flag in WRONG) or result.get("status") in {"FAILED", "CANCELLED"}


def _worth_asking(judged: Judged) -> Sequence[JsonObject]:
    """Return the results that explain why a check broke the gate; all, if none stands out."""
    results = judged.finding.results
    odd = [each for each in results if _looks_wrong(each) or place(each) in " ".join(judged.reasons)]
    return odd or results


def suspects(decision: Decision, sessions: Iterable[JsonObject]) -> list[Suspect]:
    """Return which results to ask for: one of each check first, then the other locations."""
    owners = {
        result_id(result): (model.kind_of(session), session)
        for session in sessions
        for result in model.final_results(session)
    }
    rounds = zip_longest(*([(judged, each) for each in _worth_asking(judged)] for judged in decision.broke))
    found = [pair for each in rounds for pair in each if pair]
    known = [(judged, each, *owners[result_id(each)]) for judged, each in found if result_id(each)]
    return [
        Suspect(
            judged,
            each,
            kind,
            model.session_id(session) if kind is model.TEST_SESSION else judged.finding.check_id,
        )
        for judged, each, kind, session in known
    ]


@dataclass(frozen=True, slots=True)
class Explained:
    """What was found out about a suspect.

    :param groups: ids of the error groups it belongs to.
    """

    suspect: Suspect
    reason: Reason
    groups: tuple[str, ...] = ()


def _groups(document: JsonObject, result: JsonObject) -> tuple[str, ...]:
    found = document.get("errorGroupIds") or result.get("errorGroupIds")
    return tuple(each for each in found if isinstance(each, str) and each) if isinstance(found, list) else ()


def _first_look(inquiry: Inquiry, suspect: Suspect) -> Explained:
    call = result_calls.get_result(suspect.kind, suspect.owner, result_id(suspect.result))
    document = inquiry.ask(call) or {}
    reason = replace(suspect.reason(), details=details.details(document))
    return Explained(suspect, reason, _groups(document, suspect.result))


def _second_look(inquiry: Inquiry, explained: Explained) -> Explained:
    """Fill in what the details of some checks lack: the error, and where the files are."""
    suspect, known = explained.suspect, explained.reason.details
    if explained.groups and not (known.errors or known.assertions):
        group = inquiry.ask(result_calls.get_error_group(suspect.kind, explained.groups[0])) or {}
        message = details.clean(group.get("cleanedErrorMessage"))
        known = replace(known, errors=(message,) if message else ())
    if suspect.result.get("checkType") in WITH_FILES and not known.links:
        call = result_calls.get_assets(suspect.kind, suspect.owner, result_id(suspect.result))
        known = replace(known, links=details.asset_links(inquiry.ask(call) or {}))
    return replace(explained, reason=replace(explained.reason, details=known))


def explain(inquiry: Inquiry, found: Sequence[Suspect]) -> list[Explained]:
    """Return why results failed, as far as Checkly says so within the budget."""
    first = [_first_look(inquiry, suspect) for suspect in found]
    return [_second_look(inquiry, each) for each in first]
