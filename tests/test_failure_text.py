"""A failure report as log lines, as Markdown and for Slack."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_documents import check, final, waited

from airflow_provider_checkly import failure_text
from airflow_provider_checkly.api import models
from airflow_provider_checkly.failure_report import FailedResult
from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.gate.evaluation import evaluate

S3 = "https://files.example.com"
Pairs = list[tuple[str, str]]


def failed(
    name: str = "Checkout",
    location: str = "eu",
    details: Pairs | None = None,
    links: Pairs | None = None,
    time: float | None = None,
) -> FailedResult:
    (outcome,) = evaluate(Gate(), waited(check(1, "FAILED", name=name))).checks
    document = final(runLocation=location, responseTime=time)
    return FailedResult(outcome, document, models.CHECK_SESSION, outcome.check_id, details or [], links or [])


CHECKOUT = failed(
    location="eu-central-1",
    details=[
        ("timings", "dns 1 ms"),
        ("root cause", "[BUG] It is broken."),
        ("response", "500 from GET x"),
        ("assertion", "A: EQUALS 1, was 2"),
        ("error", "one\ntwo"),
        ("gate", "80 ms in eu-central-1 is above 50 ms"),
    ],
    links=[("result", f"{S3}/r"), ("video", f"{S3}/v")],
    time=80,
)


def test_log_lines() -> None:
    assert failure_text.log_lines([CHECKOUT]) == [
        "Checkout FAILED in eu-central-1 (80 ms):",
        "  gate: 80 ms in eu-central-1 is above 50 ms",
        "  error: one",
        "    two",
        "  assertion: A: EQUALS 1, was 2",
        "  response: 500 from GET x",
        "  root cause: [BUG] It is broken.",
        f"  result: {S3}/r",
        "  timings: dns 1 ms",
        f"  video: {S3}/v",
    ]


def test_markdown() -> None:
    assert failure_text.markdown("1 of 1 check did not pass.", [CHECKOUT]) == (
        "1 of 1 check did not pass.\n\n**Checkout FAILED in eu-central-1 (80 ms)**\n"
        "- gate: `80 ms in eu-central-1 is above 50 ms`\n- error: `one two`\n"
        "- assertion: `A: EQUALS 1, was 2`\n- response: `500 from GET x`\n"
        f"- root cause: `[BUG] It is broken.`\n- timings: `dns 1 ms`\n- [result]({S3}/r) · [video]({S3}/v)"
    )
    assert failure_text.markdown("All 4 checks passed.") == "All 4 checks passed."


def test_slack() -> None:
    assert failure_text.slack("1 of 1 check did not pass.", [CHECKOUT]) == (
        "1 of 1 check did not pass.\n\n*Checkout FAILED in eu-central-1 (80 ms)*\n"
        "• gate: `80 ms in eu-central-1 is above 50 ms`\n• error: `one two`\n"
        "• assertion: `A: EQUALS 1, was 2`\n• response: `500 from GET x`\n"
        f"• root cause: `[BUG] It is broken.`\n• timings: `dns 1 ms`\n• <{S3}/r|result> · <{S3}/v|video>"
    )


def test_names_and_errors_cannot_add_markup() -> None:
    hostile = failed("*a* [x](http://evil) <!channel>", details=[("error", "`<script>` & <@U1>")])
    assert failure_text.markdown("<b>_x_", [hostile]) == (
        "\\<b\\>\\_x\\_\n\n**\\*a\\* \\[x\\](http://evil) \\<!channel\\> FAILED in eu**\n"
        "- error: `'<script>' & <@U1>`"
    )
    assert failure_text.slack("<!here> & co", [hostile]) == (
        "&lt;!here&gt; &amp; co\n\n**a* [x](http://evil) &lt;!channel&gt; FAILED in eu*\n"
        "• error: `'&lt;script&gt;' &amp; &lt;@U1&gt;`"
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("# Heading", "\\# Heading"),
        ("- item", "\\- item"),
        ("+ item", "\\+ item"),
        ("12. item", "12\\. item"),
        ("3) item", "3\\) item"),
        ("> quote", "\\> quote"),
        ("* item", "\\* item"),
        ("~~gone~~", "\\~\\~gone\\~\\~"),
        ("~~~", "\\~\\~\\~"),
        ("| a | b |", "\\| a \\| b \\|"),
        ("a&lt;b&gt;", "a\\&lt;b\\&gt;"),
        ("Checkout v1.2 - EU", "Checkout v1.2 - EU"),
    ],
)
def test_a_name_at_the_start_of_a_report_is_no_markup(name: str, shown: str) -> None:
    assert failure_text.markdown(f"{name} passed.") == f"{shown} passed."


def test_a_backtick_opens_no_code_in_slack() -> None:
    text = failure_text.slack("```a passed", [failed("b```", details=[("error", "c")])])
    assert text == "'''a passed\n\n*b''' FAILED in eu*\n• error: `c`"


@pytest.mark.parametrize("name", ["\u200d", "\x1b[31m", "\u3164 \u2800"])
def test_a_name_that_cannot_be_seen_is_replaced(name: str) -> None:
    for text in (
        failure_text.markdown("x", [failed(name)]),
        failure_text.slack("x", [failed(name)]),
        *failure_text.log_lines([failed(name)])[:1],
    ):
        assert "(unprintable name) FAILED in eu" in text


def test_urls_cannot_end_their_links() -> None:
    page = failed(links=[("result", "https://x/a)![y](https://evil|z&q=1")])
    assert failure_text.markdown("x", [page]).endswith(
        "- [result](https://x/a%29![y]%28https://evil%7Cz&q=1)"
    )
    assert failure_text.slack("x", [page]).endswith("<https://x/a%29![y]%28https://evil%7Cz&amp;q=1|result>")


def test_reasons_for_xcom_are_errors_and_assertions_once_each() -> None:
    twice = failed(details=[("error", "one\ntwo"), ("timings", "dns 1 ms"), ("assertion", "A")])
    assert failure_text.reasons([twice, twice, failed("Other", details=[("response", "500")])]) == {
        twice.check.key: ["one two", "A"]
    }


@pytest.mark.parametrize("link", ["", f"{S3}/r"])
def test_at_most_25_lines_per_check(link: str) -> None:
    links = [("result", link)] if link else []
    many = [failed(location=f"l{n}", details=[("error", "x\ny\nz")], links=links) for n in range(9)]
    found = failure_text.log_lines([*many, failed("Z")])
    assert len(found) == failure_text.MAX_LINES_PER_CHECK + 1
    assert "more lines" in found[-3]
    assert found[-2] == (f"  result: {link}" if link else "  See Checkly for the rest.")


@pytest.mark.parametrize("render", [failure_text.markdown, failure_text.slack])
def test_a_report_for_a_chat_says_what_it_omits(render: Any) -> None:
    many = [failed(f"Check {n}", details=[("error", "x" * 200)] * 3) for n in range(20)]
    text = render("h" * 5000, many)
    assert len(text) <= failure_text.MAX_REPORT
    assert text.count("*Check") == 3
    assert text.endswith("\n\nand 17 more")


@given(st.text(max_size=300), st.lists(st.tuples(st.sampled_from(failure_text.DETAIL_KINDS), st.text())))
def test_any_text_fits(name: str, details: Pairs) -> None:
    results = [failed(name, details=details, links=[("result", f"{S3}/r")])] * 30
    assert len(failure_text.log_lines(results)) <= failure_text.MAX_LINES_PER_CHECK
    assert all("\n" not in line for line in failure_text.log_lines(results))
    for render in (failure_text.markdown, failure_text.slack):
        assert len(render(name * 20, results)) <= failure_text.MAX_REPORT
