"""Error groups: the same error of the same check, however often it was seen, and what was asked about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from airflow_provider_checkly.emulator.failures import error_group_id, error_message

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON, Check
    from airflow_provider_checkly.emulator.failures import Scope
    from airflow_provider_checkly.emulator.model import Model
    from airflow_provider_checkly.emulator.sessions import Result

# How long an analysis takes before `--speed` divides it.
ANALYSIS_SECONDS: Final = 6.0


@dataclass(frozen=True)
class ErrorGroup:
    """An error of a check, with the results that have it and where they ran; times in Unix seconds."""

    id: str
    scope: Scope
    check: Check
    message: str
    results: tuple[Result, ...]
    environments: tuple[str, ...] = ()

    @property
    def first_seen(self) -> float:
        """When the error came up."""
        return min(result.stopped_at for result in self.results)

    @property
    def last_seen(self) -> float:
        """When it was met last."""
        return max(result.stopped_at for result in self.results)


@dataclass(frozen=True)
class Analysis:
    """A root-cause analysis that somebody asked for; times in Unix seconds."""

    id: str
    group: ErrorGroup
    user_context: str
    started_at: float
    stopped_at: float


@dataclass
class Groups:
    """The error groups of a model, which follow from its results, and what people did with them."""

    model: Model
    analyses: dict[str, Analysis] = field(default_factory=dict)
    _archived_at: dict[str, float] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)

    def all(self, scope: Scope) -> list[ErrorGroup]:
        """List the error groups of one kind of session, the one that was met last first."""
        seen: dict[str, list[tuple[Check, Result, str]]] = {}
        for check, result, environment in self._results(scope):
            group_id = error_group_id(scope, check, result)
            if group_id is not None:
                seen.setdefault(group_id, []).append((check, result, environment))
        groups = [_group(group_id, scope, found) for group_id, found in seen.items()]
        return sorted(groups, key=lambda group: group.last_seen, reverse=True)

    def listed(self, scope: Scope) -> list[ErrorGroup]:
        """List those that were not archived for ever."""
        return [group for group in self.all(scope) if group.id not in self._gone]

    def find(self, scope: Scope, group_id: str) -> ErrorGroup | None:
        """Look an error group up."""
        return next((group for group in self.all(scope) if group.id == group_id.lower()), None)

    def is_archived(self, group: ErrorGroup) -> bool:
        """Tell whether a group is out of sight: for ever, or because it was not met since."""
        return group.id in self._gone or self._archived_at.get(group.id, 0) >= group.last_seen

    def archive(self, group: ErrorGroup, *, until_next: bool | None, for_ever: bool | None) -> None:
        """Put a group away or bring it back; None leaves that as it is."""
        if until_next is not None:
            self._archived_at[group.id] = self.model.clock() if until_next else 0
        if for_ever is not None:
            (self._gone.add if for_ever else self._gone.discard)(group.id)

    def analyse(self, group: ErrorGroup, user_context: str) -> Analysis:
        """Begin a root-cause analysis."""
        now = self.model.clock()
        ready_at = now + ANALYSIS_SECONDS / self.model.speed
        analysis = Analysis(str(uuid4()), group, user_context, now, ready_at)
        self.analyses[analysis.id] = analysis
        return analysis

    def analysed(self, group: ErrorGroup) -> list[Analysis]:
        """List the analyses of a group that are done, newest first."""
        now = self.model.clock()
        done = [one for one in self.analyses.values() if one.group.id == group.id and one.stopped_at <= now]
        return done[::-1]

    def _results(self, scope: Scope) -> list[tuple[Check, Result, str]]:
        now = self.model.clock()
        if scope == "check":
            sessions = self.model.sessions
            return [(one.check, result, "") for one in sessions for result in one.results(now)]
        return [
            (part.check, result, str(session.order.metadata.get("environment", "")))
            for session in self.model.test_sessions
            for part in session.parts
            for result in part.results(now)
        ]


def _group(group_id: str, scope: Scope, found: list[tuple[Check, Result, str]]) -> ErrorGroup:
    check, first, _ = found[0]
    environments = dict.fromkeys(environment for _, _, environment in found if environment)
    results = tuple(result for _, result, _ in found)
    return ErrorGroup(group_id, scope, check, error_message(check, first) or "", results, tuple(environments))


def analysis_json(analysis: Analysis) -> dict[str, JSON]:
    """Show what an analysis came to (schema analysis)."""
    check = analysis.group.check
    places = ", ".join(sorted({result.location for result in analysis.group.results}))
    evidence: JSON = {
        "artifacts": [{"name": "JOB_LOG", "type": "LOG"}],
        "description": f"{len(analysis.group.results)} results from {places} have the same error.",
    }
    return {
        "classification": "INFRA ERROR",
        "userImpact": f"Whoever depends on {check.name!r} met the same error.",
        "rootCause": "The service behind the load balancer had no healthy instance.",
        "codeFix": None,
        "evidence": [evidence],
        "referenceLinks": [{"url": "https://www.checklyhq.com/docs/", "title": "Checkly's documentation"}],
    }
