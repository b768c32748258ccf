"""Text from outside, as it is shown: short, on one line, without control characters."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_checkly.api import text


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"abc", "'abc'"),
        (b"\xff", "'\N{REPLACEMENT CHARACTER}'"),
        ("a\r\nb\x1b[31m", r"'a\r\nb\x1b[31m'"),
        ("x" * 200, f"'{'x' * 200}'"),
        ("x" * 201, f"'{'x' * 199}…'"),
    ],
)
def test_quotes_are_short_and_on_one_line(sent: str | bytes, shown: str) -> None:
    assert text.quoted(sent) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Shop\n\x1b[31m answers \ud800\x00", "Shop answers"),
        ("\x1b]8;;https://evil\x1b\\link\x1b]8;;\x07", "link"),
        ("a\u202eb\u2028c", "a b c"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("x" * 241, "x" * 239 + "…"),
        (None, ""),
        (7, "7"),
        (["a\nb"], r"['a\nb']"),
    ],
)
def test_one_line(value: Any, shown: str) -> None:
    assert text.one_line(value) == shown


def test_few_lines() -> None:
    assert text.few_lines("\x1b[1mone\x1b[0m  \n\n \ntwo\tx\nthree\n", 2) == "one\ntwo x"
    assert text.few_lines({"not": "a text"}, 2) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://app.checklyhq.com/x?y=1#z", "https://app.checklyhq.com/x?y=1#z"),
        ("http://127.0.0.1:3000/x", "http://127.0.0.1:3000/x"),
        *(
            (bad, "")
            for bad in ("javascript:alert(1)", "ftp://x.org", "https://", "//x.org", "x.org", "", None, 7)
        ),
        *((bad, "") for bad in ("https://me@x.org", "https://x.org/<b>", "https://x.org/a b", "https://[x")),
        *(
            (bad, "")
            for bad in ("https://x.org/\n", "https://x.org/'", 'https://x.org/"', "https://x.org\\@y")
        ),
    ],
)
def test_only_safe_web_addresses_become_links(value: Any, shown: str) -> None:
    assert text.http_url(value) == shown
