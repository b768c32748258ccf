"""The pages that the documents link to, read as a browser without a key would."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
import requests

from airflow_provider_checkly.emulator import Check, Emulator
from airflow_provider_checkly.emulator.default_checks import ALWAYS_PASSING, FAILS, NEVER_ENDS, PASSES

PLACE = {"runLocation": "us-east-1"}
HOSTILE = "<script>alert(1)</script> \"&' shop"
SUITE = Check(id=str(uuid4()), name=HOSTILE, checkType="PLAYWRIGHT", tags=("x",), outcome="failed", seconds=1)


class Page(HTMLParser):
    """The text, links and tags of a page."""

    def __init__(self, url: str, form: dict[str, str] | None = None) -> None:
        super().__init__()
        answer = requests.request("POST" if form else "GET", url, data=form, timeout=5)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        self.status = answer.status_code
        self.tags: set[str] = set()
        self.links: dict[str, str] = {}
        self.cells: list[str] = []
        self.refreshes = 'http-equiv="refresh"' in answer.text
        self._open: list[str] = []
        self.feed(answer.text)
        self.text = " | ".join(self.cells)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._open.append(dict(attrs).get("href") or "")

    def handle_data(self, data: str) -> None:
        self.cells.append(data)
        if self._open and self._open[-1]:
            self.links[data] = self._open[-1]
            self._open[-1] = ""

    def follow(self, text: str, url: str) -> Page:
        return Page(requests.compat.urljoin(url, self.links[text]))  # type: ignore[attr-defined]


def finished(client: Any, check_id: str) -> Any:
    return client.completion(client.start(check_id)).json()


def test_a_check_session_that_failed(client: Any) -> None:
    session = finished(client, FAILS)
    url = session["checkSessionLink"]
    page = Page(url)
    assert page.status == 200
    for text in ("Checkout API", "FAILED", "eu-central-1", "attempt", "final", "received 503", "UTC"):
        assert text in page.text
    assert not page.refreshes
    result = page.follow("final", url)
    assert ("try 2" in result.text, "1600 ms" not in result.text) == (True, True)
    assert "capture.pcap" in result.text
    assert result.follow("all results", url).text == page.text
    assert "Checkout API" in page.follow("overview", url).text


def test_each_link_of_a_document_is_a_page(client: Any) -> None:
    session = finished(client, PASSES)
    for link in (session["checkSessionLink"], *(one["checkResultLink"] for one in session["results"])):
        assert "Homepage API" in Page(link).text
    body = {**PLACE, "name": "Nightly", "target": {"checkId": [PASSES]}, "metadata": {"commitId": "abc"}}
    started = client.post("/v1/test-sessions/trigger", body).json()
    test = client.get(f"/v1/test-sessions/{started['testSessionId']}/completion").json()
    page = Page(test["testSessionLink"])
    assert "Nightly" in page.text
    assert "abc" in page.text
    assert "PASSED" in page.text
    assert "Homepage API" in Page(test["results"][0]["testSessionResultLink"]).text
    link = client.get(f"/next/test-sessions/{test['testSessionId']}/link").json()["link"]
    assert link == test["testSessionLink"]


def test_while_it_runs_a_page_reloads_itself(client: Any) -> None:
    client.start(NEVER_ENDS)
    session = client.emulator.sessions[0]
    body = {**PLACE, "name": "Stuck", "target": {"checkId": [NEVER_ENDS]}}
    test = client.post("/v1/test-sessions/trigger", body).json()
    check = client.get(f"/v2/check-sessions/{session.id}").json()
    for link, status in ((check["checkSessionLink"], "STARTED"), (test["testSessionLink"], "RUNNING")):
        page = Page(link)
        assert page.refreshes
        assert status in page.text
        assert "still running" in page.text
        assert page.follow("pending", link).refreshes
    client.cancel(session.id)
    page = Page(check["checkSessionLink"])
    assert ("CANCELLED" in page.text, page.refreshes) == (True, False)


def test_text_is_escaped_and_coloured_messages_are_plain(connect: Any) -> None:
    with Emulator([SUITE], speed=100) as checkly:
        client = connect(checkly)
        session = finished(client, SUITE.id)
        body = {**PLACE, "name": HOSTILE, "metadata": {"commitMessage": HOSTILE}}
        test_id = client.post("/v1/test-sessions/trigger", body).json()["testSessionId"]
        test = client.get(f"/v1/test-sessions/{test_id}/completion").json()
        for link in (
            f"{checkly.url}/",
            f"{checkly.model.pages_url}/checks/{SUITE.id}",
            session["checkSessionLink"],
            session["results"][0]["checkResultLink"],
            test["testSessionLink"],
            test["results"][0]["testSessionResultLink"],
        ):
            page = Page(link)
            assert "script" not in page.tags
            assert HOSTILE in page.text
            assert "\x1b" not in page.text


def test_the_buttons_of_a_check_set_its_status(client: Any) -> None:
    overview = Page(f"{client.emulator.url}/")
    url = overview.links["Database port"]
    assert url == f"{client.emulator.model.pages_url}/checks/{ALWAYS_PASSING}"
    page = Page(url)
    assert "never ran" in Page(overview.links["Homepage"]).text
    assert ("PASSING" in page.cells, "FAILING" in page.cells) == (True, False)
    red = Page(url, {"status": "failing"})
    assert red.cells.count("FAILING") == 2  # the status and the change
    assert "FAILING" in red.follow("overview", url).cells
    assert client.get(f"/v1/check-statuses/{ALWAYS_PASSING}").json()["hasFailures"] is True
    assert Page(url, {"status": "passing"}).cells.count("PASSING") == 2


@pytest.mark.parametrize("form", [{"status": "red"}, {"x": "failing"}])
def test_a_status_that_is_none_is_refused(visitor: Any, form: dict[str, str]) -> None:
    url = f"{visitor.emulator.model.pages_url}/checks/{PASSES}"
    assert requests.post(url, data=form, timeout=5).status_code == 400
    assert "never ran" in Page(url).text


@pytest.mark.parametrize(
    "path",
    [
        "/checks/{unknown}",
        "/checks/{check}/check-sessions/{unknown}",
        "/checks/{unknown}/check-sessions/{session}",
        "/checks/{check}/check-sessions/{session}/results/{unknown}",
        "/test-sessions/{unknown}",
        "/test-sessions/x",
    ],
)
def test_unknown_pages_are_404(visitor: Any, path: str) -> None:
    session = visitor.emulator.sessions[0].id if visitor.emulator.sessions else visitor.start(PASSES)
    url = visitor.emulator.model.pages_url + path.format(check=PASSES, session=session, unknown=uuid4())
    assert requests.get(url, timeout=5).status_code == 404


def test_pages_need_no_key_and_use_up_no_rate_limit(connect: Any) -> None:
    with Emulator(rate_limit=1) as checkly:
        assert [Page(checkly.url + "/").status for _ in range(3)] == [200] * 3
        assert requests.get(f"{checkly.url}/favicon.ico", timeout=5).status_code == 404
        assert connect(checkly).get("/v1/accounts").status_code == 200
        assert requests.get(f"{checkly.url}/v1/accounts", timeout=5).status_code == 401


def test_no_page_has_more_than_plain_html(client: Any) -> None:
    page = Page(finished(client, FAILS)["checkSessionLink"])
    check = Page(f"{client.emulator.model.pages_url}/checks/{FAILS}")
    known = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "p",
        "a",
        "table",
        "tr",
        "td",
        "th",
    }
    assert page.tags <= known
    assert check.tags <= known | {"form", "button"}
    assert all(re.match(r"https?://|/", link) for link in page.links.values())
