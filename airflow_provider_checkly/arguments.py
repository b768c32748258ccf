"""What DAG authors pass, checked and made plain; every refusal names the argument and the value."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.api import model
from airflow_provider_checkly.api.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

FAIL_ON: Final[frozenset[str]] = frozenset({"FAILED", "TIMED_OUT", "CANCELLED"})
CENTURY: Final = 100 * 365.0 * 86_400
CAN_FAIL: Final[frozenset[str]] = model.FINAL - {"PASSED"}
TEST_CAN_FAIL: Final[frozenset[str]] = CAN_FAIL - {"TIMED_OUT"}
"""A test session has no status TIMED_OUT."""
TEST_FAIL_ON: Final[frozenset[str]] = FAIL_ON & TEST_CAN_FAIL

Tags = str | Iterable[str] | Iterable[Iterable[str]]


@dataclass(frozen=True, slots=True)
class Target:
    """Which checks to trigger: ids AND (one of the tag groups); empty only for all checks."""

    check_ids: Sequence[str]
    tags: Sequence[Sequence[str]]


def _items(value: object, argument: str) -> list[object]:
    """Return the members of a list; a string is one member, unless it is a JSON list."""
    if isinstance(value, str):
        text = value.strip()
        return _json_list(text, argument) if text.startswith("[") else [text]
    if isinstance(value, Iterable) and not isinstance(value, bytes | dict):
        return list(value)
    raise InvalidInput(f"{argument} must be a string or a list of strings, not {value!r}.")


def _json_list(text: str, argument: str) -> list[object]:
    try:
        return list(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{argument}: {model.quoted(text)} starts like a list but is no JSON; "
            f"render it with the filter `| tojson`, or with render_template_as_native_obj=True."
        ) from error


def word(value: object, argument: str) -> str:
    """Return a text without blanks around it.

    :raises InvalidInput: it is empty, or what a template renders nothing to.
    """
    if isinstance(value, str) and value.strip() not in {"", "None"}:
        return value.strip()
    raise InvalidInput(f"{argument} holds {value!r}, which names nothing; did a template render to nothing?")


def _words(value: object, argument: str) -> list[str]:
    words = [word(item, argument) for item in _items(value, argument)]
    if not words:
        raise InvalidInput(f"{argument} is empty; did a template render to nothing?")
    return words


def session_ids(value: object, argument: str = "check_session_ids") -> list[str]:
    """Return ids in lower case, each once.

    :raises InvalidInput: none is given, or one is no UUID.
    """
    return list(dict.fromkeys(model.uuid(each, argument) for each in _words(value, argument)))


def tag_groups(value: object) -> list[list[str]]:
    """Return tags as OR of ANDs: a list of strings is one group."""
    groups = _items(value, "tags")
    if all(isinstance(group, str) for group in groups):
        return [_words(groups, "tags")]
    if any(isinstance(group, str) for group in groups):
        raise InvalidInput(f"tags mixes strings and lists: {value!r}; use a list of lists.")
    return [_words(group, "tags") for group in groups]


def target(check_ids: object, tags: object, *, all_checks: bool) -> Target:
    """Return which checks to trigger.

    :raises InvalidInput: nothing is named and all checks are not asked for by name (Checkly would run,
        and alert on, every check of the account), or both are.
    """
    flags(all_checks=all_checks)
    named = check_ids is not None or tags is not None
    if all_checks and named:
        raise InvalidInput("all_checks=True cannot be combined with check_ids or tags.")
    if not all_checks and not named:
        raise InvalidInput(
            "Neither check_ids nor tags are given. Checkly would run, and alert on, every active check "
            "of the account; if that is wanted, say all_checks=True."
        )
    return Target(
        session_ids(check_ids, "check_ids") if check_ids is not None else [],
        tag_groups(tags) if tags is not None else [],
    )


def fail_on(value: str | Iterable[str], can_fail: frozenset[str] = CAN_FAIL) -> frozenset[str]:
    """Return the statuses that fail a gate.

    :raises InvalidInput: one is not FAILED, TIMED_OUT, CANCELLED or DEGRADED (test sessions: no TIMED_OUT).
    """
    words = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
    if unknown := sorted(str(word) for word in words if not isinstance(word, str) or word not in can_fail):
        raise InvalidInput(f"fail_on: {', '.join(unknown)} is none of {', '.join(sorted(can_fail))}.")
    return frozenset(words)


def positive_seconds(value: float | timedelta, argument: str) -> float:
    """Return seconds.

    :raises InvalidInput: not a number above 0, or so long that dates overflow.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < CENTURY:
        raise InvalidInput(
            f"{argument} must be seconds (or a timedelta) above 0 and below a century, not {value!r}."
        )
    return float(seconds)


def flags(**values: object) -> None:
    """Refuse words where True or False is meant: "False" would count as true."""
    for argument, value in values.items():
        if not isinstance(value, bool):
            raise InvalidInput(f"{argument} must be True or False, not {value!r}.")


def one_of(value: str, known: Sequence[str], argument: str) -> str:
    """Return a word that is known."""
    if value not in known:
        raise InvalidInput(f"{argument} must be one of {', '.join(known)}, not {value!r}.")
    return value
