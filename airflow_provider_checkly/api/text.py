"""Text from outside, cleaned before it is shown. Cleaned text is never compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow_provider_checkly.api.http import Json

ANSI_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, hyperlinks
    r"|\x1b[@-_]"
)
JOINERS: Final = "\u200c\u200d"
"""Not printable to Python, but part of emoji and of Persian words."""
INVISIBLE: Final = f"{JOINERS} \u115f\u1160\u2800\u3164\uffa0"
"""Joiners alone, and letters without a shape."""
MAX_LINE: Final = 240
MAX_URL: Final = 2048
MAX_QUOTED: Final = 200
"""Characters of a response that an error message quotes."""


def shortened(text: str, most: int) -> str:
    """Return a text of at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _printable(text: str) -> str:
    """Return a text without colours, control characters and changes of the text direction."""
    if text.isprintable():
        return text
    visible = ANSI_SEQUENCE.sub("", text)
    return "".join(mark if mark.isprintable() or mark in JOINERS else " " for mark in visible)


def one_line(value: Json, most: int = MAX_LINE) -> str:
    """Return any JSON value as one short, printable line; "" for null and for what cannot be seen."""
    text = value if isinstance(value, str) else "" if value is None else repr(value)
    line = " ".join(_printable(text[: 8 * most]).split())
    return shortened(line, most) if line.strip(INVISIBLE) else ""


def few_lines(value: Json, lines: int) -> str:
    """Return a text as a few short, printable lines; "" for what is not a text."""
    text = ANSI_SEQUENCE.sub("", value) if isinstance(value, str) else ""
    cleaned = [shortened(_printable(line).rstrip(), MAX_LINE) for line in text.splitlines()]
    return "\n".join([line for line in cleaned if line.strip()][:lines])


def quoted(text: str | bytes) -> str:
    """Return the start of a text from outside, quoted for an error message."""
    return repr(shortened(text.decode("utf-8", "replace") if isinstance(text, bytes) else text, MAX_QUOTED))


def http_url(value: Json) -> str:
    """Return a web address that is safe to show as a link, "" for anything else."""
    if not isinstance(value, str) or len(value) > MAX_URL or not value.isprintable():
        return ""
    if any(mark in value for mark in " \"'<>\\`"):
        return ""
    try:
        parts = urlsplit(value)
        is_safe = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return ""
    return value if is_safe else ""
