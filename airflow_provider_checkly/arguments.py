"""Arguments of DAG authors, checked and normalized; every error names the argument and the value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass
from datetime import timedelta
from numbers import Number
from typing import TYPE_CHECKING, Any, Final, Literal, TypeGuard, TypeVar
from uuid import UUID

from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.text import quoted
from airflow_provider_checkly.exceptions import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

CAN_FAIL: Final[frozenset[str]] = models.FINAL - {"PASSED"}
FAIL_ON: Final[frozenset[str]] = CAN_FAIL - {"DEGRADED"}
MAX_SECONDS: Final = 100 * 365.0 * 86_400
"""Dates overflow beyond some centuries."""

FailStatus = Literal["FAILED", "TIMED_OUT", "CANCELLED", "DEGRADED"]
Tags = str | Iterable[str] | Iterable[Iterable[str]]


@dataclass(frozen=True, slots=True)
class Target:
    """Which checks to trigger: ids AND (one of the tag groups); both empty only for all checks."""

    check_ids: Sequence[str]
    tags: Sequence[Sequence[str]]


def as_list(value: T) -> T | list[Any]:
    """Return iterators, which can be read only once, as lists, and views, in which no template is rendered.

    Those within a list or a tuple become lists, too.
    """
    if isinstance(value, Iterator | KeysView | ValuesView):
        value = list(value)  # type: ignore[assignment]  # the type of an argument includes lists
    return [as_list(each) for each in value] if isinstance(value, list | tuple) else value


def _has_members(value: object) -> TypeGuard[Iterable[object]]:
    """Return whether a value is a list of some kind, and no text, bytes or dict."""
    is_one = isinstance(value, str | bytes | bytearray | memoryview | Mapping)
    return isinstance(value, Iterable) and not is_one


def _members(value: object) -> list[object]:
    """Return the members of a list, or the value itself."""
    return list(value) if _has_members(value) else [value]


def plain_text(value: object) -> str | None:
    """Return a text, number, boolean or UUID as text, None for anything else."""
    if isinstance(value, str):
        return str.__str__(value)  # `str()` of an `Enum` that is a text is its name
    return str(value) if isinstance(value, Number | UUID) else None


def _items(value: object, argument: str) -> list[object]:
    """Return the members of a list; a string is one member, unless it is a JSON list."""
    if isinstance(value, str):
        text = value.strip()
        return _json_list(text, argument) if text.startswith("[") else [text]
    if not isinstance(value, bool) and isinstance(value, UUID | Number):
        return [value]
    if _has_members(value):
        return list(value)
    raise InvalidInput(
        f"{argument} must be a string or a list of strings, not {_described(value, argument)}."
    )


def _json_list(text: str, argument: str) -> list[object]:
    try:
        return list(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{argument}: {quoted(text)} starts like a list but is not JSON. Render it with the filter "
            f"`| tojson`, or use render_template_as_native_obj=True."
        ) from error


def _described(value: object, argument: str) -> str:
    """Return what a wrong value is, shortened."""
    if isinstance(value, Mapping) and not {"checkSessionId", "testSessionId"}.isdisjoint(value):
        if argument == "check_ids":
            return 'a whole session; pass its "checkId"'
        return (
            f'a whole session; pass its id, for instance the operator\'s XCom: started.output["{argument}"]'
        )
    if isinstance(value, Mapping) and argument == "check_ids" and "id" in value:
        return 'a whole check; pass its "id"'
    return f"{type(value).__name__} {quoted(repr(value))}"


def word(value: object, argument: str) -> str:
    """Return a text without surrounding spaces; numbers and booleans are taken as text.

    :raises InvalidInput: it is empty or "None", as templates render missing values, or not a text.
    """
    if (text := plain_text(value)) is not None:
        if (text := text.strip()) not in {"", "None"}:
            return text
        raise InvalidInput(
            f"{argument} contains an empty value ({value!r}); did a template render to an empty string?"
        )
    if value is None:
        raise InvalidInput(f"{argument} contains None; did a template render to an empty value?")
    raise InvalidInput(f"{argument} contains {_described(value, argument)}. A string is required.")


def _words(value: object, argument: str) -> list[str]:
    words = [word(item, argument) for item in _items(value, argument)]
    if not words:
        raise InvalidInput(f"{argument} is empty; did a template render to an empty list?")
    return words


def _flattened(value: object, argument: str) -> Iterator[object]:
    """Yield the members of a list, and those of lists in it, as mapped tasks return them."""
    for item in _items(value, argument):
        if _has_members(item):
            yield from item
        else:
            yield item


def session_ids(value: object, argument: str = "check_session_ids") -> list[str]:
    """Return ids in lower case, each once; lists of lists are flattened.

    :raises InvalidInput: the list is empty, or a member is not a UUID.
    """
    ids = [models.uuid(word(each, argument), argument) for each in _flattened(value, argument)]
    if not ids:
        raise InvalidInput(f"{argument} is empty; did a template render to an empty list?")
    return list(dict.fromkeys(ids))


def tag_groups(value: object) -> list[list[str]]:
    """Return tags as OR of ANDs: a list of strings is one group."""
    groups = _items(value, "tags")
    are_groups = [_has_members(group) for group in groups]
    if not any(are_groups):
        return [_words(groups, "tags")]
    if not all(are_groups):
        raise InvalidInput(f"tags mixes strings and lists: {quoted(repr(value))}. Use a list of lists.")
    return [_words(group, "tags") for group in groups]


def plain_tags(value: object, argument: str) -> list[str]:
    """Return a plain list of tags, [] for None; one of them is enough where Checkly takes such lists.

    :raises InvalidInput: a member is a list, empty, or negated.
    """
    tags = [] if value is None else _words(value, argument)
    if negated := [tag for tag in tags if tag.startswith("!")]:
        raise InvalidInput(f"{argument}: {negated[0]!r} is negated, which Checkly does not support here.")
    return tags


def target(check_ids: object, tags: object, *, all_checks: bool) -> Target:
    """Return which checks to trigger.

    :raises InvalidInput: nothing is given without `all_checks` (Checkly would run, and alert on, every check
        of the account), or both are given.
    """
    flags(all_checks=all_checks)
    is_given = check_ids is not None or tags is not None
    if all_checks and is_given:
        raise InvalidInput("all_checks=True cannot be combined with check_ids or tags.")
    if not all_checks and not is_given:
        raise InvalidInput(
            "Neither check_ids nor tags are given. Checkly would run, and alert on, every active check "
            "of the account. If you want that, set all_checks=True."
        )
    return Target(
        session_ids(check_ids, "check_ids") if check_ids is not None else [],
        tag_groups(tags) if tags is not None else [],
    )


def one_selection(check_ids: object, tags: object, *, all_checks: bool) -> None:
    """Refuse both or neither of ids and tags, as far as that is known before templates are rendered.

    :raises InvalidInput: not exactly one of the three is given.
    """
    flags(all_checks=all_checks)
    given = [name for name, value in (("check_ids", check_ids), ("tags", tags)) if value is not None]
    if all_checks:
        given.append("all_checks=True")
    if len(given) != 1:
        what = f"not {' and '.join(given)}" if given else "none of them is given"
        raise InvalidInput(f"One of check_ids, tags and all_checks=True is needed; {what}.")


def selection(check_ids: object, tags: object, *, all_checks: bool) -> Target:
    """Return which checks to read.

    :raises InvalidInput: not exactly one of the three is given, or one cannot be used.
    """
    one_selection(check_ids, tags, all_checks=all_checks)
    return target(check_ids, tags, all_checks=all_checks)


def words_of(value: str | Iterable[str], known: Sequence[str], argument: str) -> frozenset[str]:
    """Return some of the words in `known`.

    :raises InvalidInput: one is another, or there is none.
    """
    given = {plain_text(each) for each in _members(value)}
    if not given or not given <= set(known):
        raise InvalidInput(f"{argument} must be one or more of {', '.join(known)}, not {value!r}.")
    return frozenset(known) & given


def fail_on(value: str | Iterable[str]) -> frozenset[str]:
    """Return the statuses that fail a gate.

    :raises InvalidInput: one is not FAILED, TIMED_OUT, CANCELLED or DEGRADED.
    """
    words = {plain_text(each): each for each in _members(value)}
    if unknown := sorted(repr(each) for word, each in words.items() if word not in CAN_FAIL):
        raise InvalidInput(
            f"fail_on: {', '.join(unknown)} is not one of {', '.join(sorted(CAN_FAIL))}. Give several as a "
            f"list."
        )
    return CAN_FAIL & words.keys()


def positive_seconds(value: float | timedelta, argument: str) -> float:
    """Return seconds.

    :raises InvalidInput: not a number above 0, or more than a century.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < MAX_SECONDS:
        raise InvalidInput(
            f"{argument} must be seconds (or a timedelta) above 0 and below a century, not {value!r}."
        )
    return float(seconds)


def seconds_or_zero(value: float | timedelta, argument: str) -> float:
    """Return seconds.

    :raises InvalidInput: not a number, below 0, or more than a century.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return 0.0 if seconds == 0 and not isinstance(seconds, bool) else positive_seconds(seconds, argument)


def flags(**values: object) -> None:
    """Refuse strings for booleans: "False" would count as true."""
    for argument, value in values.items():
        if not isinstance(value, bool):
            raise InvalidInput(f"{argument} must be True or False, not {value!r}.")


def one_of(value: str, known: Sequence[str], argument: str) -> str:
    """Return a word from `known`.

    :raises InvalidInput: it is another.
    """
    if value not in known:
        raise InvalidInput(f"{argument} must be one of {', '.join(known)}, not {value!r}.")
    return value
