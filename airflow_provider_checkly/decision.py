"""`judge`: what a gate makes of sessions; pure, told as a log table, as plain JSON and as an error's text."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_checkly.api import model
from airflow_provider_checkly.details import milliseconds, one_line, place, response_time
from airflow_provider_checkly.findings import collect, rank

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_checkly.api.wire import Json, JsonObject
    from airflow_provider_checkly.findings import Finding
    from airflow_provider_checkly.gate import Gate

Effect = Literal["broke_it", "only_warned", "tolerated", "passed"]
EFFECTS: Final[dict[Effect, str]] = {
    "broke_it": "fails the gate",
    "only_warned": "only warns",
    "tolerated": "tolerated",
}
"""What a check that is not in order does, worst first, in the words of the table."""
NAMED_AT_MOST: Final = 10
ROWS_AT_MOST: Final = 50
WIDEST: Final = 60


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the gate: what was asked, what was found, whether it holds."""

    name: str
    asked: str
    found: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """One check as the rules see it; what is slow or missing is never tolerated.

    :param slow: response times that break the limit, or are missing.
    """

    finding: Finding
    status: str
    failed: bool
    warns: bool
    slow: tuple[str, ...]
    tolerated: bool = False

    @property
    def effect(self) -> Effect:
        """What it does to the gate."""
        if not self.reasons:
            return "passed"
        if self.warns:
            return "only_warned"
        return "tolerated" if self.tolerated and not (self.finding.missing or self.slow) else "broke_it"

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is wrong with it: its status where that fails it, then what is missing or slow."""
        return (*((self.status,) if self.failed else ()), *self.finding.missing, *self.slow)

    @property
    def slowest(self) -> float | None:
        """Its longest response time in milliseconds."""
        return max((time for time in self.finding.times if time is not None), default=None)

    def __str__(self) -> str:
        return f"{_fit(self.finding.name)}{' ' if self.failed else ': '}{', '.join(self.reasons)}"

    def row(self) -> tuple[str, ...]:
        """Return its row of the table."""
        slowest = "-" if self.slowest is None else milliseconds(self.slowest)
        why = f"{'status ' if self.failed else ''}{'; '.join(self.reasons)}"
        return _fit(self.finding.name), self.status, slowest, EFFECTS[self.effect], why

    def to_json(self) -> JsonObject:
        """Return plain JSON."""
        return {
            "check_id": self.finding.check_id or None,
            "name": self.finding.name,
            "status": self.status,
            "slowest_ms": self.slowest,
            "session_ids": list(self.finding.session_ids),
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """What a gate decided.

    :param checks: how many it is about, with those that have not ended.
    :param judged: the checks that have ended, those that broke it first.
    """

    rules: tuple[Rule, ...]
    judged: tuple[Judged, ...]
    checks: int

    @property
    def passed(self) -> bool:
        """Whether all rules hold."""
        return all(rule.holds for rule in self.rules)

    @property
    def broke(self) -> list[Judged]:
        """The checks that broke it."""
        return [each for each in self.judged if each.effect == "broke_it"]

    def text(self) -> str:
        """Return why the gate is not passed, in one line."""
        counts = [rule for rule in self.rules if not rule.holds and rule.name == "checks"]
        required = "".join(f" Required: {rule.asked}; found: {rule.found}." for rule in counts)
        names = some(map(str, self.broke)) or "none has ended"
        return f"{len(self.broke)} of {self.checks} checks did not pass: {names}.{required}"

    def table(self) -> str:
        """Return what was asked, what was found, and what broke it, in aligned columns."""
        rules = [(rule.name, rule.asked, rule.found, "yes" if rule.holds else "NO") for rule in self.rules]
        lines = [f"Gate {'passed' if self.passed else 'not passed'}:"]
        lines += aligned([("RULE", "REQUIRED", "FOUND", "MET"), *rules])
        if rows := [each.row() for each in self.judged if each.effect != "passed"]:
            lines += aligned([("CHECK", "STATUS", "SLOWEST", "EFFECT", "WHY"), *rows[:ROWS_AT_MOST]])
        if (more := len(rows) - ROWS_AT_MOST) > 0:
            lines.append(f"  and {more} more")
        return "\n".join(lines)

    def to_xcom(self) -> JsonObject:
        """Return plain JSON: `passed`, `checks`, `rules`, and the checks of each effect but "passed"."""
        rules: list[Json] = [
            {"rule": rule.name, "asked": rule.asked, "found": rule.found, "holds": rule.holds}
            for rule in self.rules
        ]
        effects: JsonObject = {
            effect: [each.to_json() for each in self.judged if each.effect == effect] for effect in EFFECTS
        }
        return {"passed": self.passed, "checks": self.checks, "rules": rules, **effects}


def _fit(name: str) -> str:
    return model.shortened(one_line(name), WIDEST) or "(a name that cannot be shown)"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Line rows up in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(map(str.ljust, row, widths)).rstrip()


def some(texts: Iterable[str]) -> str:
    """Join texts, ten at most."""
    lines = list(texts)
    more = len(lines) - NAMED_AT_MOST
    return "; ".join(lines[:NAMED_AT_MOST]) + (f"; and {more} more" if more > 0 else "")


def judge(
    gate: Gate,
    sessions: Iterable[JsonObject],
    *,
    tags: Mapping[str, Collection[str]] | None = None,
    pending: int = 0,
) -> Decision:
    """Return what a gate makes of sessions that have ended, whatever their order.

    :param tags: of checks, by check id, where they are known.
    :param pending: how many checks have not ended; they may still pass.
    """
    seen = [_look(gate, finding, tags or {}) for finding in collect(sessions)]
    status = _status_rule(gate, seen, pending)
    judged = [replace(each, tolerated=status.holds) for each in seen]
    judged.sort(key=lambda each: [*EFFECTS, "passed"].index(each.effect))
    return Decision((status, *_time_rule(gate, seen)), tuple(judged), len(seen) + pending)


def _look(gate: Gate, finding: Finding, tags: Mapping[str, Collection[str]]) -> Judged:
    status, check_id = finding.worst(gate.statuses), finding.check_id
    warns = finding.key[0] != "session" and gate.only_warns(check_id, finding.name, tags.get(check_id, ()))
    return Judged(finding, status, status in gate.statuses, warns, _too_slow(finding, gate.max_response_time))


def _too_slow(finding: Finding, limit: float | None) -> tuple[str, ...]:
    """Return what breaks the limit, or keeps it from being judged."""
    if limit is None:
        return ()
    if not finding.results:
        return ("no response time, since there is no final result",)
    timed = [(place(result), response_time(result)) for result in finding.results]
    above = f"is above {milliseconds(limit)}"
    missing = [f"no response time in {where}" for where, time in timed if time is None]
    slow = [f"{milliseconds(time)} in {where} {above}" for where, time in timed if time and time > limit]
    return tuple(sorted(slow + missing))


def _status_rule(gate: Gate, seen: Sequence[Judged], pending: int) -> Rule:
    bad = [each for each in seen if each.failed or each.finding.missing]
    failed = [each for each in bad if not each.warns]
    missing = any(each.finding.missing for each in failed)
    left_out = len(bad) - len(failed)
    counted = len(seen) + pending - left_out
    holds = bool(seen) and not missing and gate.allows(len(failed), counted)
    found = _found(gate, failed, counted) if counted or left_out else "no check that has ended"
    warned = f"; {left_out} more only warned" if left_out else ""
    return Rule("checks" if gate.tolerant else "status", _asked(gate), found + warned, holds)


def _asked(gate: Gate) -> str:
    *most, last = sorted(gate.statuses, key=rank) or ["of any status"]
    words = f"{', '.join(most)} or {last}" if most else last
    if gate.min_passed_percent is not None:
        return f"at least {gate.min_passed_percent:g} % of checks not {words}"
    if gate.max_failed is not None:
        return f"at most {gate.max_failed} of the checks {words}"
    return f"no check {words}" if gate.statuses else f"checks {words}"


def _found(gate: Gate, failed: Sequence[Judged], counted: int) -> str:
    words = Counter(each.status if each.failed else "without a final status" for each in failed)
    counts = ", ".join(f"{words[word]} {word}" for word in sorted(words, key=rank))
    which = f" ({counts})" if len(words) > 1 else "".join(f" {word}" for word in words)
    found = f"{len(failed) or 'none'} of {counted} checks{which}"
    if gate.min_passed_percent is None or not counted:
        return found
    return f"{found}, so {math.floor((counted - len(failed)) * 10_000 / counted) / 100:g} % are not"


def _time_rule(gate: Gate, seen: Sequence[Judged]) -> list[Rule]:
    if gate.max_response_time is None:
        return []
    counted = [each for each in seen if not (each.slow and each.warns)]
    times = [time for each in counted for time in each.finding.times]
    known, warned = [time for time in times if time is not None], len(seen) - len(counted)
    found = [
        f"slowest {milliseconds(max(known))}" if known else "no response time",
        f"{len(times) - len(known)} missing" if known and len(known) < len(times) else "",
        f"{warned} more only warned" if warned else "",
    ]
    asked = f"at most {milliseconds(gate.max_response_time)} in each location"
    holds = bool(seen) and not any(each.slow for each in counted)
    return [Rule("response time", asked, "; ".join(filter(None, found)), holds)]
