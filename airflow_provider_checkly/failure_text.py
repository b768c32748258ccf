"""A failure report as log lines, as Markdown and as Slack's mrkdwn."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api.text import one_line, shortened
from airflow_provider_checkly.gate.presentation import UNPRINTABLE
from airflow_provider_checkly.gate.result_details import milliseconds, response_time, run_location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_provider_checkly.failure_report import FailedResult

MAX_LINES_PER_CHECK: Final = 25
MAX_REPORT: Final = 3500
"""Characters: short enough for a chat message."""
MARKDOWN: Final = "\\`*_[]<>~|&#"
LIST_ITEM: Final = re.compile(r"^(\d*)([-+.)] )")
DETAIL_KINDS: Final = ("gate", "error", "assertion", "response", "root cause", "timings")
"""Most telling first."""


def _title(failed: FailedResult) -> str:
    time = response_time(failed.result)
    took = "" if time is None else f" ({milliseconds(time)})"
    check = failed.check
    return f"{one_line(check.name) or UNPRINTABLE} {check.status} in {run_location(failed.result)}{took}"


def _details(failed: FailedResult) -> list[tuple[str, str]]:
    return sorted(failed.details, key=lambda detail: DETAIL_KINDS.index(detail[0]))


def reasons(results: Iterable[FailedResult]) -> dict[tuple[str, str], list[str]]:
    """Return the errors and assertions of each check on one line each, for XCom `gate`."""
    found: dict[tuple[str, str], list[str]] = {}
    for failed in results:
        texts = [one_line(text) for kind, text in _details(failed) if kind in {"error", "assertion"}]
        known = found.setdefault(failed.check.key, [])
        known += [text for text in texts if text not in known]
    return found


def log_lines(results: Iterable[FailedResult]) -> list[str]:
    """Return lines for a log: at most 25 per check."""
    by_check = groupby(sorted(results, key=_check_name), key=_check_name)
    return [line for _, of_check in by_check for line in _limited(list(of_check))]


def _check_name(failed: FailedResult) -> str:
    return failed.check.name


def _lines(failed: FailedResult) -> list[str]:
    details = _details(failed)
    first = [detail for detail in details if detail[0] != "timings"]
    last = [detail for detail in details if detail[0] == "timings"]
    named = [*first, *failed.links[:1], *last, *failed.links[1:]]
    return [f"{_title(failed)}:", *(line for kind, text in named for line in _indented(kind, text))]


def _indented(name: str, text: str) -> Iterator[str]:
    first, *others = text.splitlines() or [""]
    yield f"  {name}: {first}"
    yield from (f"    {line}" for line in others)


def _limited(results: Sequence[FailedResult]) -> list[str]:
    found = [line for failed in results for line in _lines(failed)]
    if len(found) <= MAX_LINES_PER_CHECK:
        return found
    kept = MAX_LINES_PER_CHECK - 2
    page = [f"  {kind}: {url}" for kind, url in results[0].links[:1]] or ["  See Checkly for the rest."]
    return [*found[:kept], f"  and {len(found) - kept} more lines", *page]


def markdown(message: str, results: Iterable[FailedResult] = ()) -> str:
    """Return a report in Markdown: at most 3,500 characters."""
    return _report(_escaped_markdown(message), [_markdown_block(failed) for failed in results])


def _markdown_block(failed: FailedResult) -> str:
    details = [f"- {kind}: {_code(text)}" for kind, text in _details(failed)]
    links = " · ".join(f"[{kind}]({_escaped_url(url)})" for kind, url in failed.links)
    return "\n".join(
        [f"**{_escaped_markdown(_title(failed))}**", *details, *([f"- {links}"] if links else [])]
    )


def slack(message: str, results: Iterable[FailedResult] = ()) -> str:
    """Return a report in Slack's mrkdwn: at most 3,500 characters."""
    return _report(_slack_text(message), [_slack_block(failed) for failed in results])


def _slack_block(failed: FailedResult) -> str:
    details = [f"• {kind}: {_escaped_slack(_code(text))}" for kind, text in _details(failed)]
    links = " · ".join(f"<{_escaped_slack(_escaped_url(url))}|{kind}>" for kind, url in failed.links)
    return "\n".join([f"*{_slack_text(_title(failed))}*", *details, *([f"• {links}"] if links else [])])


def _escaped_markdown(text: str) -> str:
    """Return text in which nothing is markup, even at the start of a line."""
    escaped = "".join(f"\\{mark}" if mark in MARKDOWN else mark for mark in text)
    return LIST_ITEM.sub(r"\1\\\2", escaped)


def _escaped_url(url: str) -> str:
    """Return a URL that cannot end its link before its own end."""
    return url.replace("(", "%28").replace(")", "%29").replace("|", "%7C")


def _escaped_slack(text: str) -> str:
    """Return text in which nothing is a link or a mention; Slack has no escape for `*` and `_`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _slack_text(text: str) -> str:
    return _escaped_slack(_without_backticks(text))


def _without_backticks(text: str) -> str:
    """Return text that neither starts nor ends code."""
    return text.replace("`", "'")


def _code(text: str) -> str:
    return f"`{' '.join(_without_backticks(text).split())}`"


def _report(headline: str, blocks: Sequence[str]) -> str:
    report, left = shortened(headline, MAX_REPORT // 3), len(blocks)
    for block in blocks:
        tail = f"\n\nand {left - 1} more" if left > 1 else ""
        if len(report) + len(block) + len(tail) + 2 > MAX_REPORT:
            break
        report, left = f"{report}\n\n{block}", left - 1
    return f"{report}\n\nand {left} more" if left else report
