from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_checkly.api import reads
from airflow_provider_checkly.api.http import Response
from airflow_provider_checkly.arguments import Target
from airflow_provider_checkly.check_selection import list_checks, no_match_text, select
from airflow_provider_checkly.exceptions import ChecklyUnreadable, NoMatchingChecks

if TYPE_CHECKING:
    from airflow_provider_checkly.api.endpoints import Endpoint

TAGS = {"a": ["web", "prod"], "b": ["web"], "c": ["prod"], "d": [], "e": ["web", "prod"]}


class Account:
    """An account whose checks have one-letter ids; `e` is deactivated."""

    def __init__(self, size: int | None = None) -> None:
        self.size = size
        self.sent: list[str] = []

    def send(self, endpoint: Endpoint[Any]) -> Any:
        request = endpoint.request
        self.sent.append(request.target)
        query = dict(request.query)
        if request.path != "/v1/checks":
            check_id = request.path.rpartition("/")[2]
            return endpoint.read(self.answer(request, 200 if check_id in TAGS else 404, check(check_id)))
        ids = [str(n) for n in range(self.size)] if self.size is not None else list(TAGS)
        found = [
            check(each) for each in ids if query.get("tag") is None or query["tag"] in TAGS.get(each, [])
        ]
        start = (int(query["page"]) - 1) * int(query["limit"])
        page = found[start : start + int(query["limit"])]
        headers = {"content-range": f"{start}-{start + len(page) - 1}/{len(found)}"}
        return endpoint.read(self.answer(request, 200, page, headers))

    @staticmethod
    def answer(request: Any, status: int, body: Any, headers: Any = None) -> Response:

        return Response(request, status, headers or {}, json.dumps(body).encode())


def check(check_id: str) -> dict[str, Any]:
    return {"id": check_id, "name": check_id, "activated": check_id != "e", "tags": TAGS.get(check_id, [])}


@pytest.mark.parametrize(
    ("groups", "ids", "requests"),
    [
        ([], "abcde", 1),
        ([["web"]], "abe", 1),
        ([["web", "prod"]], "ae", 2),
        ([["web"], ["prod"]], "abce", 2),
        ([["web", "!prod"]], "b", 2),
        ([["!web"]], "cd", 2),
        ([["!web", "!prod"]], "d", 3),
        ([["web", "!prod"], ["prod", "!web"]], "bc", 2),
        ([["none"]], "", 1),
    ],
)
def test_tags_are_or_of_ands(groups: list[list[str]], ids: str, requests: int) -> None:
    account = Account()
    found = reads.run(list_checks(groups), account.send)
    assert sorted(str(each["id"]) for each in found) == list(ids)
    assert len(account.sent) == requests


@pytest.mark.parametrize(("size", "pages"), [(0, 1), (1, 1), (99, 1), (100, 1), (101, 2), (250, 3)])
def test_pages_are_followed_to_the_end(size: int, pages: int) -> None:
    account = Account(size)
    found = reads.run(list_checks([]), account.send)
    assert [each["id"] for each in found] == [str(n) for n in range(size)]
    assert len(account.sent) == pages


def test_pages_end_without_a_content_range() -> None:
    def send(endpoint: Endpoint[Any]) -> Any:
        page = int(dict(endpoint.request.query)["page"])
        items = [{"id": str(n)} for n in range(100 * (page - 1), min(100 * page, 150))]
        return endpoint.read(Account.answer(endpoint.request, 200, items))

    assert len(reads.run(list_checks([]), send)) == 150


PAGES: list[tuple[str, list[tuple[range, str]], int, int]] = [
    ("one was deleted between two pages", [(range(100), "150"), (range(101, 150), "149")], 4, 149),
    ("one was added between two pages", [(range(100), "150"), (range(99, 150), "151")], 4, 151),
    ("the total is too small", [(range(100), "50"), (range(100, 150), "50")], 2, 150),
    ("the total is not a number", [(range(100), "*"), (range(100, 150), "?")], 2, 150),
    ("pages are smaller than asked for", [(range(10), "20"), (range(10, 20), "20")], 2, 20),
]


@pytest.mark.parametrize(
    ("pages", "requests", "count"), [row[1:] for row in PAGES], ids=[r[0] for r in PAGES]
)
def test_nothing_is_missed_where_pages_disagree(
    pages: list[tuple[range, str]], requests: int, count: int
) -> None:
    """The pages of the first time; later, the list stays as it is."""
    sent: list[int] = []

    def send(endpoint: Endpoint[Any]) -> Any:
        page = int(dict(endpoint.request.query)["page"])
        sent.append(page)
        if len(sent) <= len(pages):
            ids, total = pages[page - 1]
        else:
            ids, total = range(count)[100 * (page - 1) : 100 * page], str(count)
        items = [{"id": str(number)} for number in ids]
        headers = {"content-range": f"0-{len(items)}/{total}"}
        return endpoint.read(Account.answer(endpoint.request, 200, items, headers))

    assert len(reads.run(list_checks([]), send)) == count
    assert len(sent) == requests


def test_a_list_that_changes_all_the_time_is_everything_that_was_seen() -> None:
    sent: list[str] = []

    def send(endpoint: Endpoint[Any]) -> Any:
        page = dict(endpoint.request.query)["page"]
        sent.append(page)
        headers = {"content-range": f"0-1/{6 if page == '1' else 2}"}
        return endpoint.read(Account.answer(endpoint.request, 200, [{"id": str(len(sent))}], headers))

    assert [each["id"] for each in reads.run(list_checks([]), send)] == ["1", "2", "3", "4", "5", "6"]


def test_fewer_checks_than_checkly_says_are_unreadable() -> None:
    def send(endpoint: Endpoint[Any]) -> Any:
        items = [{"id": "x"}] if dict(endpoint.request.query)["page"] == "1" else []
        return endpoint.read(Account.answer(endpoint.request, 200, items, {"content-range": "0-1/2"}))

    with pytest.raises(ChecklyUnreadable, match="there are 2 items, but lists 1"):
        reads.run(list_checks([]), send)
    assert len(reads.run(list_checks([["tag"]]), send)) == 1  # the total may count all checks


@pytest.mark.parametrize("body", [{}, "x", None, [1], [["x"]], [None, {"id": "x"}], [{"name": "x"}]])
def test_anything_but_a_list_of_objects_is_unreadable(body: Any) -> None:
    def send(endpoint: Endpoint[Any]) -> Any:
        return endpoint.read(Account.answer(endpoint.request, 200, body))

    with pytest.raises(ChecklyUnreadable):
        reads.run(list_checks([]), send)


def test_tags_select_active_checks_only() -> None:
    selected = reads.run(select(Target([], [["web", "prod"]])), Account().send)
    assert list(selected) == ["a"]


def test_ids_select_deactivated_and_missing_checks_too() -> None:
    selected = reads.run(select(Target(["a", "e", "x"], [])), Account().send)
    assert {key: value and value["activated"] for key, value in selected.items()} == {
        "a": True,
        "e": False,
        "x": None,
    }


@pytest.mark.parametrize(("size", "listed"), [(100, True), (300, True), (301, False)])
def test_ids_are_read_one_by_one_where_the_list_has_more_pages(size: int, listed: bool) -> None:  # noqa: FBT001
    account = Account()
    selected = reads.run(select(Target(["a", "b", "c"], []), size), account.send)
    assert len(selected) == 3
    assert len(account.sent) == (1 if listed else 3)


@pytest.mark.parametrize("groups", [[["none"]], [["web", "prod", "!web"]]])
def test_tags_that_match_nothing_are_an_error(groups: list[list[str]]) -> None:
    with pytest.raises(NoMatchingChecks, match="All tags of a list must match"):
        reads.run(select(Target([], groups)), Account().send)


def test_deactivated_checks_that_match_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TAGS, "e", ["old"])
    with pytest.raises(NoMatchingChecks, match=r"\(1 deactivated\)"):
        reads.run(select(Target([], [["old"]])), Account().send)


def test_an_account_without_checks_matches_nothing() -> None:
    with pytest.raises(NoMatchingChecks):
        reads.run(select(Target([], [])), Account(0).send)


REMEDY = "All tags of a list must match; use a list of lists for alternatives."
NO_MATCH: list[tuple[list[str], list[list[str]], dict[str, str], str]] = [
    ([], [], {}, "The account has no active check."),
    ([], [["a", "!b"], ["c"]], {}, f"No active check has the tags 'a' and '!b' or 'c'. {REMEDY}"),
    (
        [],
        [["a,b"]],
        {},
        f"No active check has the tags 'a,b'. {REMEDY} A comma does not separate tags; use a list.",
    ),
    (["1", "2"], [], {"1": "is deactivated"}, "No requested check ran: 1 is deactivated; 1 more."),
    (
        ["1"],
        [["a"]],
        {"1": "exists and is active"},
        "No requested check ran: 1 exists and is active. No active check of these has the tags 'a'. "
        + REMEDY,
    ),
    ([], [["a\u202e\n\x1b[31m"]], {}, r"No active check has the tags 'a\u202e\n\x1b[31m'. " + REMEDY),
]


@pytest.mark.parametrize(("ids", "tags", "reasons", "text"), NO_MATCH)
def test_why_no_check_matches(
    ids: list[str], tags: list[list[str]], reasons: dict[str, str], text: str
) -> None:
    assert no_match_text(Target(ids, tags), reasons) == text


@pytest.mark.parametrize("tags", [[[f"tag-{n}"] for n in range(500)], [["x" * 5000]], [["y" * 150] * 50]])
def test_the_remedy_survives_many_and_long_tags(tags: list[list[str]]) -> None:
    text = no_match_text(Target([], tags), {})
    assert text.endswith(REMEDY)
    assert len(text) < 1500
