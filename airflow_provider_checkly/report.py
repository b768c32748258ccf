"""Why checks failed, as lines for the task log and as Markdown for a chat."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api import model
from airflow_provider_checkly.details import milliseconds, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LINES_PER_CHECK: Final = 25
LONGEST_REPORT: Final = 3500
KINDS: Final = ("gate", "error", "assertion", "answer", "timings", "root cause")
"""The most telling first."""


@dataclass(slots=True)
class Reason:
    """Why one result of one check failed.

    :param time: its response time in milliseconds, None where Checkly gives none.
    :param facts: what is known, as kind and text; the kinds stand in `KINDS`.
    :param links: where to look further, as kind and address; the result's page at Checkly is the last one.
    """

    check: str
    status: str
    location: str
    time: float | None = None
    facts: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Which check, how it ended, where, and how long that took."""
        time = "" if self.time is None else f" ({milliseconds(self.time)})"
        return f"{one_line(self.check)} {one_line(self.status)} in {one_line(self.location)}{time}"

    def _facts(self) -> list[tuple[str, str]]:
        return sorted(self.facts, key=lambda fact: KINDS.index(fact[0]))

    def lines(self) -> list[str]:
        """Return lines for a log."""
        named = [*self._facts(), *self.links]
        return [f"{self.title}:", *(line for kind, text in named for line in _indented(kind, text))]

    def markdown(self) -> str:
        """Return Markdown."""
        facts = [f"- {kind}: {_quoted(text)}" for kind, text in self._facts()]
        links = " · ".join(f"[{kind}]({url})" for kind, url in self.links)
        return "\n".join([f"**{_plain(self.title)}**", *facts, *([f"- {links}"] if links else [])])


def _indented(name: str, text: str) -> Iterator[str]:
    first, *others = text.splitlines() or [""]
    yield f"  {name}: {first}"
    yield from (f"    {line}" for line in others)


def _plain(text: str) -> str:
    """Return a text that means nothing to Markdown."""
    return "".join(f"\\{mark}" if mark in "\\`*_[]<>" else mark for mark in text)


def _quoted(text: str) -> str:
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"


def lines(reasons: Iterable[Reason]) -> list[str]:
    """Return lines for a log: a screenful per check at most."""
    check = attrgetter("check")
    by_check = groupby(sorted(reasons, key=check), key=check)
    return [line for _, of_check in by_check for line in _screenful(list(of_check))]


def _screenful(reasons: Sequence[Reason]) -> list[str]:
    found = [line for reason in reasons for line in reason.lines()]
    if len(found) <= LINES_PER_CHECK:
        return found
    kept = LINES_PER_CHECK - 2
    page = [f"  {kind}: {url}" for kind, url in reasons[0].links[-1:]] or ["  See Checkly for the rest."]
    return [*found[:kept], f"  and {len(found) - kept} more lines", *page]


def markdown(headline: str, reasons: Iterable[Reason]) -> str:
    """Return a report that is short enough for a chat message: 3,500 characters at most."""
    blocks = [reason.markdown() for reason in reasons]
    report, left = model.shortened(_plain(headline), LONGEST_REPORT // 3), len(blocks)
    for block in blocks:
        tail = f"\n\nand {left - 1} more" if left > 1 else ""
        if len(report) + len(block) + len(tail) + 2 > LONGEST_REPORT:
            break
        report, left = f"{report}\n\n{block}", left - 1
    return f"{report}\n\nand {left} more" if left else report
