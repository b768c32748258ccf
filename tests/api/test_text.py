"""Text from outside, cleaned before it is shown; and links that are safe to show."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_documents import is_clean

from airflow_provider_checkly.api.text import (
    MAX_LINE,
    MAX_QUOTED,
    MAX_URL,
    few_lines,
    http_url,
    one_line,
    quoted,
    shortened,
)

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"  # "I want", with a zero-width non-joiner
SCRIPT_TAG = "<script>alert(1)</script>"

LINES: dict[str, tuple[Any, str]] = {
    "plain": ("Checkout API", "Checkout API"),
    "spaces and newlines": ("  a\n\tb \r\n c ", "a b c"),
    "line separators": ("a\u2028b\u2029c\x0bd\x85e", "a b c d e"),
    "no-break space": ("a\u00a0b", "a b"),
    "colours": ("\x1b[1;31mred\x1b[0m", "red"),
    "colours in one byte": ("\x9b31mred\x9b0m", "red"),
    "cursor and screen": ("\x1b[2J\x1b[1;1Hx\x1bMy", "xy"),
    "hyperlink": ("\x1b]8;;http://evil.example\x1b\\text\x1b]8;;\x1b\\", "text"),
    "window title": ("\x1b]0;owned\x07x", "x"),
    "cut-off sequence": ("a\x1b[31", "a31"),
    "text direction": ("a\u202eb\u2066c\u200fd", "a b c d"),
    "NUL and bell": ("a\x00b\x07c", "a b c"),
    "zero-width space and byte order mark": ("a\u200bb\ufeffc", "a b c"),
    "lone surrogates": ("a\ud800b\udfff", "a b"),
    "emoji of several parts": (FAMILY, FAMILY),
    "Persian": (PERSIAN, PERSIAN),
    "joiners alone": ("\u200d\u200c \u200d", ""),
    "letters without a shape": ("\u3164\u2800\u115f\uffa0", ""),
    "a letter without a shape in a name": ("a\u3164b", "a\u3164b"),
    "markup is left to whoever renders it": (SCRIPT_TAG, SCRIPT_TAG),
    "null": (None, ""),
    "number": (1.5, "1.5"),
    "true": (True, "True"),
    "list": (["a\n"], "['a\\n']"),
    "object": ({"a": 1}, "{'a': 1}"),
}


@pytest.mark.parametrize(("value", "line"), LINES.values(), ids=LINES.keys())
def test_one_line(value: Any, line: str) -> None:
    assert one_line(value) == line


def test_long_lines_are_cut() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "ab…"
    assert one_line("x" * 999) == "x" * (MAX_LINE - 1) + "…"
    assert one_line("x" * 999, 5) == "xxxx…"
    assert one_line(" " * 10**7 + "x") == ""


def test_few_lines() -> None:
    assert few_lines("one \n\n  two\x1b[31m\r\nthree\nfour", 3) == "one\n  two\nthree"
    assert few_lines("x" * 999, 1) == "x" * (MAX_LINE - 1) + "…"
    assert few_lines("a\u202eb\x00", 1) == "a b"
    assert [few_lines(value, 3) for value in (None, 7, ["a"], {"a": 1}, "\x1b[31m")] == [""] * 5


@given(st.text() | st.text(st.sampled_from("\x1b[]8;m\x07\\\x9b\u202e\ud800\x00 ab")))
def test_anything_becomes_clean_and_short(text: str) -> None:
    line = one_line(text)
    assert is_clean(line)
    assert len(line) <= MAX_LINE
    assert line == line.strip()
    line.encode()
    assert all(is_clean(each) for each in few_lines(text, 3).split("\n"))
    assert len(few_lines(text, 3).split("\n")) <= 3


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
def test_quotes(sent: str | bytes, shown: str) -> None:
    assert quoted(sent) == shown


@given(st.text() | st.binary())
def test_quotes_are_one_short_printable_line(text: str | bytes) -> None:
    assert quoted(text).isprintable()
    assert len(quoted(text)) <= 10 * MAX_QUOTED + 2


SAFE = [
    "https://app.checklyhq.com/check-sessions/1?a=b&c=d#e",
    "http://localhost:8080/",
    "https://x.example/caf\u00e9",
    "HTTPS://X.example/a(b)",
    "https://[::1]:8080/a",
    f"https://x/{'a' * (MAX_URL - 10)}",
]
UNSAFE: list[Any] = [
    "",
    "x",
    "/relative",
    "//x.example/a",
    "javascript:alert(1)",
    "JavaScript://x.example/%0aalert(1)",
    "data:text/html;base64,PHNjcmlwdD4=",
    "file:///etc/passwd",
    "ftp://x.example/",
    "https://",
    "https:///path",
    "https://[x/",
    "https://user:secret@x.example/",
    "https://checklyhq.com@evil.example/",
    "https://x.example/a b",
    "https://x.example/\n",
    " https://x.example/",
    "https://x.example/\t",
    "https://x.example/\u202e",
    "https://x.example/\x00",
    "https://x.example/\ud800",
    'https://x.example/"onclick="alert(1)',
    "https://x.example/'",
    "https://x.example/<b>",
    "https://x.example/`",
    "https://x.example\\@evil.example",
    f"https://x/{'a' * MAX_URL}",
    None,
    7,
    ["https://x.example"],
    {"url": "https://x.example"},
]


@pytest.mark.parametrize("url", SAFE)
def test_a_web_address_is_kept_as_it_is(url: str) -> None:
    assert http_url(url) == url


@pytest.mark.parametrize("url", UNSAFE, ids=lambda url: json.dumps(url)[:40])
def test_anything_else_is_not_a_link(url: Any) -> None:
    assert http_url(url) == ""


@given(st.text(max_size=40))
def test_any_text_can_be_checked_as_a_link(text: str) -> None:
    for url in (text, f"https://{text}", f"https://x/{text}"):
        assert http_url(url) in {"", url}
