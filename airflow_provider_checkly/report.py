"""Why checks failed, as lines for the task log and as Markdown for a chat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.details import Details, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LINES_PER_CHECK: Final = 25
LONGEST_REPORT: Final = 3500


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one result of one check failed.

    :param link: its page at Checkly, "" where Checkly gives none.
    :param broken: which rules of the gate it breaks, besides its status.
    :param analysis: what a root-cause analysis says, line by line.
    """

    check: str
    status: str
    location: str
    milliseconds: float | None = None
    link: str = ""
    details: Details = field(default_factory=Details)
    broken: tuple[str, ...] = ()
    analysis: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Which check, how it ended, where, and how long that took."""
        time = "" if self.milliseconds is None else f" ({self.milliseconds:g} ms)"
        return f"{one_line(self.check)} {self.status} in {one_line(self.location)}{time}"

    def facts(self) -> Iterator[tuple[str, str]]:
        """Say what is known, the most telling first: name and text."""
        yield from (("gate", text) for text in self.broken)
        yield from (("error", text) for text in self.details.errors)
        yield from (("assertion", text) for text in self.details.assertions)
        yield from ((name, text) for name, text in self._measured() if text)
        yield from (("root cause", text) for text in self.analysis)

    def links(self) -> Iterator[tuple[str, str]]:
        """Say where to look further."""
        yield from self.details.links
        if self.link:
            yield "result", self.link

    def _measured(self) -> tuple[tuple[str, str], ...]:
        return ("answer", self.details.answer), ("timings", self.details.timings)

    def lines(self) -> list[str]:
        """Return lines for a log."""
        named = [*self.facts(), *self.links()]
        return [f"{self.title}:", *(line for name, text in named for line in _indented(name, text))]

    def markdown(self) -> str:
        """Return Markdown."""
        facts = [f"- {name}: {_quoted(text)}" for name, text in self.facts()]
        links = " · ".join(f"[{name}]({url})" for name, url in self.links())
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


def _by_check(reasons: Iterable[Reason]) -> dict[str, list[Reason]]:
    found: dict[str, list[Reason]] = {}
    for reason in reasons:
        found.setdefault(reason.check, []).append(reason)
    return found


def lines(reasons: Iterable[Reason]) -> list[str]:
    """Return lines for a log: a screenful per check at most."""
    return [line for of_check in _by_check(reasons).values() for line in _screenful(of_check)]


def _screenful(reasons: Sequence[Reason]) -> list[str]:
    found = [line for reason in reasons for line in reason.lines()]
    if len(found) <= LINES_PER_CHECK:
        return found
    kept = LINES_PER_CHECK - 2
    last = f"  result: {reasons[0].link}" if reasons[0].link else "  See Checkly for the rest."
    return [*found[:kept], f"  and {len(found) - kept} more lines", last]


def markdown(headline: str, reasons: Iterable[Reason]) -> str:
    """Return a report that is short enough for a chat message: 3,500 characters at most."""
    blocks = [reason.markdown() for reason in reasons]
    report, left = _shortened(_plain(headline), LONGEST_REPORT // 3), len(blocks)
    for block in blocks:
        tail = f"\n\nand {left - 1} more" if left > 1 else ""
        if len(report) + len(block) + len(tail) + 2 > LONGEST_REPORT:
            break
        report, left = f"{report}\n\n{block}", left - 1
    return f"{report}\n\nand {left} more" if left else report


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
