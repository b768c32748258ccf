"""Arguments of DAG authors: every bad value is refused with the name of the argument and the value."""

from __future__ import annotations

from collections import deque
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from airflow_provider_checkly import arguments
from airflow_provider_checkly.arguments import InvalidInput, Target

if TYPE_CHECKING:
    from collections.abc import Callable

ONE = "11111111-1111-4111-8111-111111111111"
TWO = "22222222-2222-4222-8222-222222222222"


class Text(str, Enum):  # noqa: UP042 - people have such classes
    """Its `str()` is "Text.SMOKE"."""

    SMOKE = "smoke"
    ONE = ONE
    FAILED = "FAILED"


class Plain(Enum):
    SMOKE = "smoke"


class Strings(StrEnum):
    SMOKE = "smoke"


class Number(IntEnum):
    SEVEN = 7


EMPTY = "contains an empty value"
UNUSABLE: list[tuple[Any, str]] = [
    ("", f"{EMPTY} ('')"),
    (" ", f"{EMPTY} ('')"),
    ("None", f"{EMPTY} ('None')"),
    (" None\n", f"{EMPTY} ('None')"),
    ([], "is empty"),
    ((), "is empty"),
    ("[]", "is empty"),
    ([None], "contains None; did a template render"),
    ([ONE, None], "contains None"),
    ([""], f"{EMPTY} ('')"),
    ([ONE, " "], f"{EMPTY} (' ')"),
    (["None"], f"{EMPTY} ('None')"),
    ('[""]', f"{EMPTY} ('')"),
    ("[null]", "contains None"),
    (True, "must be a string or a list of strings, not bool 'True'"),
    (b"abc", """must be a string or a list of strings, not bytes "b'abc'"."""),
    (bytearray(b"abc"), "must be a string or a list of strings, not bytearray"),
    (memoryview(b"abc"), "must be a string or a list of strings, not memoryview"),
    ([bytearray(b"abc")], "contains bytearray"),
    (Plain.SMOKE, """must be a string or a list of strings, not Plain "<Plain.SMOKE: 'smoke'>"."""),
    ([Plain.SMOKE], "contains Plain"),
    ([PurePosixPath("abc")], "contains PurePosixPath"),
    ([date(2026, 11, 25)], "contains date 'datetime.date(2026, 11, 25)'. A string is required."),
    ({"a": 1}, """must be a string or a list of strings, not dict "{'a': 1}"."""),
    ([{"a": 1}], """dict "{'a': 1}"."""),
    ("['a', 'b']", "\"['a', 'b']\" starts like a list but is not JSON. Render it with the filter `| tojson`"),
    ("[a", "'[a' starts like a list but is not JSON"),
    ("[" * 100_000, "starts like a list but is not JSON"),
]


@pytest.mark.parametrize(("value", "fault"), UNUSABLE)
@pytest.mark.parametrize(
    ("read", "argument"),
    [
        (arguments.session_ids, "check_session_ids"),
        (lambda value: arguments.target(value, None, all_checks=False), "check_ids"),
        (lambda value: arguments.target(value, "smoke", all_checks=False), "check_ids"),
        (lambda value: arguments.target(None, value, all_checks=False), "tags"),
        (lambda value: arguments.target(ONE, value, all_checks=False), "tags"),
    ],
)
def test_an_unusable_value_is_refused(
    read: Callable[[Any], object], argument: str, value: Any, fault: str
) -> None:
    """A template that renders to an empty value never means all checks."""
    with pytest.raises(InvalidInput) as caught:
        read(value)
    assert str(caught.value).startswith(argument)
    assert fault in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("all_checks", [False, "False", "True", 1, 0, None, "", "{{ params.all }}"])
def test_an_empty_target_is_refused(all_checks: Any) -> None:
    """All checks run, and alert, only if all_checks is `True` itself."""
    with pytest.raises(InvalidInput, match="all_checks"):
        arguments.target(None, None, all_checks=all_checks)


@pytest.mark.parametrize(("check_ids", "tags"), [([ONE], None), (None, ["smoke"]), ([], None), ("", "")])
def test_all_checks_excludes_ids_and_tags(check_ids: Any, tags: Any) -> None:
    with pytest.raises(InvalidInput, match="all_checks=True cannot be combined"):
        arguments.target(check_ids, tags, all_checks=True)


def test_all_checks_is_an_empty_target() -> None:
    assert arguments.target(None, None, all_checks=True) == Target([], [])


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (ONE, [ONE]),
        (f" {ONE}\n", [ONE]),
        ([ONE, TWO], [ONE, TWO]),
        ((TWO, ONE), [TWO, ONE]),
        (iter([ONE]), [ONE]),
        ([ONE, TWO, ONE.upper(), f"{TWO} "], [ONE, TWO]),
        (f'["{ONE}", "{TWO}"]', [ONE, TWO]),
        (f' ["{ONE}"] ', [ONE]),
        (UUID(ONE), [ONE]),
        ([UUID(ONE), TWO], [ONE, TWO]),
        ([[ONE], [TWO, ONE]], [ONE, TWO]),
        ([ONE, (TWO,)], [ONE, TWO]),
        (iter([iter([ONE])]), [ONE]),
        (f'[["{ONE}"], ["{TWO}"]]', [ONE, TWO]),
        ([Text.ONE], [ONE]),
        (Text.ONE, [ONE]),
        ({1: ONE}.values(), [ONE]),
        ({ONE: 1}.keys(), [ONE]),
        (deque([ONE, TWO]), [ONE, TWO]),
    ],
)
def test_ids(value: Any, ids: list[str]) -> None:
    """Each id is sent once, in the order of the first mention; lists of mapped tasks are flattened."""
    assert arguments.session_ids(value) == ids


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("homepage", "'homepage'"),
        (7, "'7'"),
        ([True], "'True'"),
        ([ONE[:-1]], f"'{ONE[:-1]}'"),
        ("{{ params.id }}", "'{{ params.id }}'"),
        (Decimal(7), "'7'"),
    ],
)
def test_an_id_that_is_not_a_uuid_is_refused(value: Any, shown: str) -> None:
    """A string is one value."""
    with pytest.raises(InvalidInput) as caught:
        arguments.session_ids(value, "check_ids")
    assert str(caught.value) == f"check_ids: {shown} is not a UUID."


@pytest.mark.parametrize(
    "value",
    [
        f"{ONE},{TWO}",
        f"{ONE}, {TWO}",
        f"{ONE} {TWO}",
        f"{ONE};{TWO}",
        f"{ONE}\n{TWO}",
        f"{ONE}/../x",
        f'"{ONE}"',
        "{%s}" % ONE,  # noqa: UP031 - braces
        UUID(ONE).urn,
        f"https://app.checklyhq.com/checks/{ONE}/overview",
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_text_around_ids_gets_a_hint(value: str, *, wrapped: bool) -> None:
    """Neither commas nor spaces split."""
    with pytest.raises(InvalidInput) as caught:
        arguments.session_ids([TWO, value] if wrapped else value, "check_ids")
    assert str(caught.value).endswith(
        "(pass the id alone; several ids as a list, since commas and spaces do not separate them)."
    )


def test_a_member_that_is_a_printed_list_gets_a_hint() -> None:
    with pytest.raises(InvalidInput, match="tojson"):
        arguments.session_ids([f"['{ONE}']"])


@pytest.mark.parametrize("member", [[], {}, b"x", object()])
def test_members_are_texts(member: Any) -> None:
    for argument in ({"check_ids": [[member]], "tags": None}, {"check_ids": None, "tags": [[member]]}):
        with pytest.raises(InvalidInput, match=r"^(check_ids|tags) contains .* A string is required\.$"):
            arguments.target(**argument, all_checks=False)


A_SESSION = {"checkSessionId": ONE, "checkId": TWO}


@pytest.mark.parametrize(
    ("argument", "value", "hint"),
    [
        ("check_session_ids", A_SESSION, r'a whole session; .* started.output\["check_session_ids"\]'),
        ("check_session_ids", [[A_SESSION]], r'a whole session; .* started.output\["check_session_ids"\]'),
        ("test_session_ids", {"testSessionId": ONE}, r'started.output\["test_session_ids"\]'),
        ("check_ids", A_SESSION, 'a whole session; pass its "checkId"'),
        ("check_ids", {"id": ONE, "name": "Shop"}, 'a whole check; pass its "id"'),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_whole_document_as_id_gets_a_hint(argument: str, value: Any, hint: str, *, wrapped: bool) -> None:
    with pytest.raises(InvalidInput, match=hint):
        arguments.session_ids([value] if wrapped and isinstance(value, dict) else value, argument)


@pytest.mark.parametrize(
    ("value", "groups"),
    [
        ("smoke", [["smoke"]]),
        ("a,b", [["a,b"]]),
        (" a b ", [["a b"]]),
        ("!smoke", [["!smoke"]]),
        (["a", "!b"], [["a", "!b"]]),
        (("a", "b"), [["a", "b"]]),
        (iter(["a"]), [["a"]]),
        ([["a", "!b"], ["c"]], [["a", "!b"], ["c"]]),
        ((("a",), ["c"]), [["a"], ["c"]]),
        ('["a", "b"]', [["a", "b"]]),
        ('[["a", "b"], ["!c"]]', [["a", "b"], ["!c"]]),
        (7, [["7"]]),
        ([2025, 1.5, False], [["2025", "1.5", "False"]]),
        (UUID(ONE), [[ONE]]),
        (Text.SMOKE, [["smoke"]]),
        ([Text.SMOKE], [["smoke"]]),
        ([[Text.SMOKE], ["b"]], [["smoke"], ["b"]]),
        ([Strings.SMOKE], [["smoke"]]),
        (Number.SEVEN, [["7"]]),
        (Decimal("1.50"), [["1.50"]]),
        ([Decimal(7)], [["7"]]),
        ({"smoke": 1}.keys(), [["smoke"]]),
    ],
)
def test_tags_are_or_of_ands(value: Any, groups: list[list[str]]) -> None:
    assert arguments.target(None, value, all_checks=False) == Target([], groups)


@pytest.mark.parametrize("value", [["a", ["b"]], [["a"], "b"], '["a", ["b"]]'])
def test_tags_that_mix_strings_and_lists_are_refused(value: Any) -> None:
    """It is not clear whether they mean AND or OR."""
    with pytest.raises(InvalidInput, match=r"^tags mixes strings and lists: .*a.*. Use a list of lists"):
        arguments.tag_groups(value)


@pytest.mark.parametrize("value", [[[]], [["a"], []], [["a"], [""]], [["a"], ["None"]], [["a"], None]])
def test_an_empty_group_of_tags_is_refused(value: Any) -> None:
    """An empty group would match every check."""
    with pytest.raises(InvalidInput, match=r"^tags "):
        arguments.tag_groups(value)


@pytest.mark.parametrize(
    ("value", "statuses"),
    [
        ({"FAILED"}, {"FAILED"}),
        (["FAILED", "DEGRADED", "FAILED"], {"FAILED", "DEGRADED"}),
        (("TIMED_OUT", "CANCELLED"), {"TIMED_OUT", "CANCELLED"}),
        ("FAILED", {"FAILED"}),
        (Text.FAILED, {"FAILED"}),
        ([Text.FAILED], {"FAILED"}),
        (iter(["FAILED"]), {"FAILED"}),
        (frozenset(), set()),
        (arguments.FAIL_ON, {"FAILED", "TIMED_OUT", "CANCELLED"}),
    ],
)
def test_fail_on(value: Any, statuses: set[str]) -> None:
    found = arguments.fail_on(value)
    assert found == statuses
    assert all(type(each) is str for each in found)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"PASSED"}, "'PASSED'"),
        (["FAILED", "PROGRESS_FAILED"], "'PROGRESS_FAILED'"),
        (["STARTED", "RUNNING"], "'RUNNING', 'STARTED'"),
        ({"failed"}, "'failed'"),
        ("failed", "'failed'"),
        ("FAILED,TIMED_OUT", "'FAILED,TIMED_OUT'"),
        ('["FAILED"]', """'["FAILED"]'"""),
        ("", "''"),
        ([""], "''"),
        (["FAILED "], "'FAILED '"),
        ([None], "None"),
        ([["FAILED"]], "['FAILED']"),
        ([7], "7"),
        (None, "None"),
        (7, "7"),
        (b"FAILED", "b'FAILED'"),
        ({"FAILED": True}, "{'FAILED': True}"),
    ],
)
def test_a_bad_status_in_fail_on_is_refused(value: Any, named: str) -> None:
    """The whole value is quoted, so that a text of several statuses looks like one."""
    with pytest.raises(InvalidInput) as caught:
        arguments.fail_on(value)
    words = "CANCELLED, DEGRADED, FAILED, TIMED_OUT"
    assert str(caught.value) == f"fail_on: {named} is not one of {words}. Give several as a list."


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(1, 1), (0.5, 0.5), (3600, 3600), (timedelta(minutes=2), 120), (timedelta(milliseconds=5), 0.005)],
)
def test_seconds(value: Any, seconds: float) -> None:
    assert arguments.positive_seconds(value, "timeout") == seconds


@pytest.mark.parametrize(
    "value",
    [
        *(0, -1, 0.0, -0.5, True, False, None, "60", [60]),
        *(float("nan"), float("inf"), -float("inf"), 1e10, 10**400),
        *(timedelta(0), timedelta(seconds=-1), timedelta.max),
    ],
)
def test_bad_seconds_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        arguments.positive_seconds(value, "timeout")
    text = f"timeout must be seconds (or a timedelta) above 0 and below a century, not {value!r}."
    assert str(caught.value) == text


@pytest.mark.parametrize("view", [{"a": "b"}.keys(), {"b": "a"}.values()])
def test_views_become_lists(view: Any) -> None:
    """Airflow renders no templates in a view."""
    assert arguments.as_list(view) == ["a"]


def test_iterators_are_read_once() -> None:
    """A task may run `execute` twice, and an iterator can be read only once."""
    assert arguments.as_list(iter(["a", "b"])) == ["a", "b"]
    assert arguments.as_list([iter(["a"]), ["b"]]) == [["a"], ["b"]]
    assert arguments.as_list((iter(["a"]), (iter("b"),))) == [["a"], [["b"]]]
    assert arguments.as_list("ab") == "ab"
    assert arguments.as_list(None) is None


@pytest.mark.parametrize("value", ["False", "", 1, 0, None])
def test_flags_are_booleans(value: Any) -> None:
    arguments.flags(deferrable=True, soft_fail=False)
    with pytest.raises(InvalidInput) as caught:
        arguments.flags(soft_fail=value)
    assert str(caught.value) == f"soft_fail must be True or False, not {value!r}."


def test_a_known_word() -> None:
    assert arguments.one_of("skip", ("fail", "skip"), "on_no_match") == "skip"


@pytest.mark.parametrize("value", ["Skip", "", None, True, ["skip"]])
def test_an_unknown_word_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        arguments.one_of(value, ("fail", "skip"), "on_no_match")
    assert str(caught.value) == f"on_no_match must be one of fail, skip, not {value!r}."
