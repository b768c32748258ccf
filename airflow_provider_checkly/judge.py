"""`judge`: what a gate makes of sessions; pure, and independent of their order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_checkly.api import model
from airflow_provider_checkly.decision import Decision, Judged, Rule, milliseconds
from airflow_provider_checkly.findings import collect

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from airflow_provider_checkly.api.wire import JsonObject
    from airflow_provider_checkly.decision import Effect
    from airflow_provider_checkly.findings import Finding
    from airflow_provider_checkly.gate import Gate


@dataclass(frozen=True, slots=True)
class _Seen:
    """A check as the rules see it; what is slow or missing is never tolerated."""

    finding: Finding
    failed: bool
    warns: bool
    slow: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def counts_as_failed(self) -> bool:
        return (self.failed or bool(self.missing)) and not self.warns

    def reasons(self, status: str) -> tuple[str, ...]:
        return (*((status,) if self.failed else ()), *self.missing, *self.slow)

    def effect(self, *, tolerated: bool) -> Effect:
        if not (self.failed or self.missing or self.slow):
            return "passed"
        if self.warns:
            return "only warned"
        return "tolerated" if tolerated and not (self.missing or self.slow) else "broke it"


def response_time(result: JsonObject) -> float | None:
    """Return the response time of a result in milliseconds, None where Checkly says none that makes sense."""
    found = result.get("responseTime")
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < model.SENSELESS:
        return None
    return found


def place(result: JsonObject) -> str:
    """Return where a result comes from."""
    return str(result.get("runLocation") or "an unnamed location")


def _slowest(finding: Finding) -> float | None:
    return max((time for each in finding.results if (time := response_time(each)) is not None), default=None)


def _too_slow(finding: Finding, limit: float | None) -> tuple[str, ...]:
    """Return what breaks the limit, or keeps it from being judged."""
    if limit is None:
        return ()
    if not finding.results:
        return ("no final result, so no response time",)
    return tuple(sorted(text for each in finding.results if (text := _slowness(each, limit))))


def _slowness(result: JsonObject, limit: float) -> str:
    time = response_time(result)
    if time is None:
        return f"no response time in {place(result)}"
    return f"{milliseconds(time)} in {place(result)} is above {milliseconds(limit)}" if time > limit else ""


def _missing(finding: Finding) -> tuple[str, ...]:
    """Return what keeps the statuses from being judged."""
    odd = sorted(finding.statuses - model.FINAL)
    unexplained = ["no final result explains it"] if finding.unexplained else []
    return (*unexplained, *(f"{status} is no final status" for status in odd))


def _look(gate: Gate, finding: Finding, tags: Mapping[str, Collection[str]]) -> _Seen:
    return _Seen(
        finding,
        bool(finding.statuses & gate.statuses),
        gate.only_warns(finding.check_id, finding.name, tags.get(finding.check_id, ())),
        _too_slow(finding, gate.max_response_time),
        _missing(finding),
    )


def judge(
    gate: Gate,
    sessions: Iterable[JsonObject],
    *,
    tags: Mapping[str, Collection[str]] | None = None,
    pending: int = 0,
) -> Decision:
    """Return what a gate makes of sessions that have ended.

    :param tags: of checks, by check id, where they are known.
    :param pending: how many checks have not ended; they may still pass.
    """
    seen = [_look(gate, finding, tags or {}) for finding in collect(sessions)]
    status = _status_rule(gate, seen, pending)
    judged = [_judged(gate, each, tolerated=status.holds) for each in seen]
    rules = [status, *_time_rule(gate, seen)]
    return Decision(tuple(rules), tuple(sorted(judged, key=_by_effect)), len(seen) + pending)


def _judged(gate: Gate, seen: _Seen, *, tolerated: bool) -> Judged:
    status = seen.finding.worst(gate.statuses)
    return Judged(
        seen.finding,
        status,
        _slowest(seen.finding),
        seen.effect(tolerated=tolerated),
        seen.reasons(status),
    )


def _by_effect(judged: Judged) -> tuple[int, str, str]:
    order: tuple[Effect, ...] = ("broke it", "only warned", "tolerated", "passed")
    return order.index(judged.effect), judged.finding.name, judged.finding.key


def _status_rule(gate: Gate, seen: Sequence[_Seen], pending: int) -> Rule:
    left_out = sum(each.warns and (each.failed or bool(each.missing)) for each in seen)
    counted = len(seen) - left_out + pending
    failed = [each for each in seen if each.counts_as_failed]
    missing = any(each.missing for each in failed)
    holds = bool(seen) and not missing and gate.allows(len(failed), counted)
    return Rule(
        "checks" if gate.tolerant else "status", _asked(gate), _found(gate, failed, counted, left_out), holds
    )


def _asked(gate: Gate) -> str:
    words = ", ".join(sorted(gate.statuses)) or "of no status"
    if gate.min_passed_percent is not None:
        return f"at least {gate.min_passed_percent:g} % not {words}"
    if gate.max_failed is not None:
        return f"at most {gate.max_failed} {words}"
    return f"none {words}"


def _found(gate: Gate, failed: Sequence[_Seen], counted: int, left_out: int) -> str:
    words = Counter(each.finding.worst(gate.statuses) for each in failed)
    counts = ", ".join(f"{number} {status}" for status, number in sorted(words.items())) or "none"
    if not counted + left_out:
        return "no check that has ended"
    share = (
        f"{(counted - len(failed)) * 100 / counted:.4g} %: "
        if counted and gate.min_passed_percent is not None
        else ""
    )
    warned = f", {left_out} only warned" if left_out else ""
    return f"{share}{counts} of {counted}{warned}"


def _time_rule(gate: Gate, seen: Sequence[_Seen]) -> list[Rule]:
    if gate.max_response_time is None:
        return []
    holds = bool(seen) and not any(each.slow for each in seen if not each.warns)
    slowest = max((time for each in seen if (time := _slowest(each.finding)) is not None), default=None)
    unknown = sum("no " in text for each in seen for text in each.slow)
    found = "no response time" if slowest is None else f"slowest {milliseconds(slowest)}"
    missing = f", {unknown} missing" if unknown and slowest is not None else ""
    return [Rule("response time", f"at most {milliseconds(gate.max_response_time)}", found + missing, holds)]
