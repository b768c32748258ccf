"""What a gate decided: as one log table, as plain JSON, and as the text of an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_checkly.api.wire import Json, JsonObject
    from airflow_provider_checkly.findings import Finding

Effect = Literal["broke it", "only warned", "tolerated", "passed"]
EFFECTS: Final[tuple[Effect, ...]] = ("broke it", "only warned", "tolerated")
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
    """One check, what it did to the gate, and why."""

    finding: Finding
    status: str
    slowest: float | None
    effect: Effect
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{_fit(self.finding.name)} {', '.join(self.reasons)}"


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

    def having(self, effect: Effect) -> list[Judged]:
        """Return the checks that had an effect on the gate."""
        return [each for each in self.judged if each.effect == effect]

    @property
    def broke(self) -> list[Judged]:
        """The checks that broke it."""
        return self.having("broke it")

    def text(self) -> str:
        """Return why the gate is not passed, in one line."""
        broke = self.broke
        names = some([str(each) for each in broke])
        counts = [rule for rule in self.rules if not rule.holds and rule.name == "checks"]
        asked = "".join(f" Asked: {rule.asked}; found: {rule.found}." for rule in counts)
        return f"{len(broke)} of {self.checks} checks did not pass: {names or 'none was found'}.{asked}"

    def table(self) -> str:
        """Return what was asked, what was found, and what broke it, in aligned columns."""
        rules = [(rule.name, rule.asked, rule.found, _word(holds=rule.holds)) for rule in self.rules]
        lines = [f"Gate {'passed' if self.passed else 'not passed'}:"]
        lines += aligned([("RULE", "ASKED", "FOUND", "HOLDS"), *rules])
        if notable := [each for each in self.judged if each.effect != "passed"]:
            lines += aligned(
                [("CHECK", "STATUS", "SLOWEST", "EFFECT", "WHY"), *map(_row, notable[:ROWS_AT_MOST])]
            )
        if (more := len(notable) - ROWS_AT_MOST) > 0:
            lines.append(f"  and {more} more")
        return "\n".join(lines)

    def to_xcom(self) -> JsonObject:
        """Return plain JSON: `passed`, `checks`, `rules`, and the checks of each effect but "passed"."""
        return {
            "passed": self.passed,
            "checks": self.checks,
            "rules": [
                {"rule": rule.name, "asked": rule.asked, "found": rule.found, "holds": rule.holds}
                for rule in self.rules
            ],
            **{effect.replace(" ", "_"): self._json(effect) for effect in EFFECTS},
        }

    def _json(self, effect: Effect) -> list[Json]:
        return [_judged_json(each) for each in self.having(effect)]


def _judged_json(judged: Judged) -> JsonObject:
    return {
        "check_id": judged.finding.check_id or None,
        "name": judged.finding.name,
        "status": judged.status,
        "slowest_ms": judged.slowest,
        "session_ids": list(judged.finding.session_ids),
        "reasons": list(judged.reasons),
    }


def _word(*, holds: bool) -> str:
    return "yes" if holds else "NO"


def milliseconds(value: float) -> str:
    """Return a time as text."""
    return f"{value:.0f} ms" if value == round(value) else f"{value:g} ms"


def _row(judged: Judged) -> tuple[str, ...]:
    slowest = "-" if judged.slowest is None else milliseconds(judged.slowest)
    return _fit(judged.finding.name), judged.status, slowest, judged.effect, "; ".join(judged.reasons)


def _fit(name: str) -> str:
    line = " ".join(name.split())
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"


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
