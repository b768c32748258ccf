"""A check as it is set up at Checkly, plus what the emulator needs to know to run it; read from JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"


# What kind of check it is, in the words of the v2 API.
CheckType: TypeAlias = Literal[
    "AGENTIC",
    "API",
    "BROWSER",
    "HEARTBEAT",
    "ICMP",
    "MULTI_STEP",
    "TCP",
    "PLAYWRIGHT",
    "URL",
    "DNS",
    "SSL",
    "GRPC",
    "TRACEROUTE",
]
# How every run of a check ends; "never" stays unfinished until it is cancelled.
Outcome: TypeAlias = Literal["passed", "failed", "degraded", "timed_out", "cancelled", "never"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check of the emulated account; bad values raise BadChecks.

    `seconds` is how long a run takes before `--speed` divides it; `attempts` counts the failed tries that
    come before the final one. The other names are those of Checkly's API.
    """

    id: str
    name: str
    checkType: CheckType = "API"  # noqa: N815 - Checkly's word
    tags: tuple[str, ...] = ()
    groupTags: tuple[str, ...] = ()  # noqa: N815 - Checkly's word
    activated: bool = True
    locations: tuple[str, ...] = ("eu-central-1",)
    seconds: float = 1.0
    outcome: Outcome = "passed"
    attempts: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _read(field.name, getattr(self, field.name)))

    @property
    def eligible(self) -> bool:
        """Whether a trigger may start it: it is activated, and no heartbeat (those are pinged, never run)."""
        return self.activated and self.checkType != "HEARTBEAT"


class BadChecks(ValueError):
    """A list of checks cannot be read; the text is one line that names the entry and the field."""


def is_uuid(value: object) -> bool:
    """Tell whether a value is a UUID written the usual way (hex digits in groups of 8-4-4-4-12)."""
    if not isinstance(value, str) or len(value) != len("00000000-0000-0000-0000-000000000000"):
        return False
    try:
        return str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _uuid(value: object) -> str:
    if not is_uuid(value):
        raise ValueError("a UUID")
    return str(value).lower()


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text that is not empty")
    return value


def _flag(value: object) -> bool:
    if value is not True and value is not False:
        raise ValueError("true or false")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
        raise ValueError("a list of texts")
    return tuple(value)


def _locations(value: object) -> tuple[str, ...]:
    if not value:
        raise ValueError("a list of at least one location")
    return _texts(value)


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError("a number of seconds, 0 or more")
    return float(value)


def _attempts(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number, 0 or more")
    return value


def _word(words: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return value

    return read


READERS: Final[Mapping[str, Callable[[object], object]]] = {
    "id": _uuid,
    "name": _text,
    "checkType": _word(get_args(CheckType)),
    "tags": _texts,
    "groupTags": _texts,
    "activated": _flag,
    "locations": _locations,
    "seconds": _seconds,
    "outcome": _word(get_args(Outcome)),
    "attempts": _attempts,
}


def _read(field: str, value: object) -> object:
    try:
        return READERS[field](value)
    except ValueError as problem:
        raise BadChecks(f"has a bad {field!r}: {json.dumps(value, default=str)} is not {problem}") from None


def parse_check(entry: JSON) -> Check:
    """Read one check from JSON; the error names the field."""
    if not isinstance(entry, dict):
        raise BadChecks("is no object")
    for field in ("id", "name"):
        if field not in entry:
            raise BadChecks(f"has no {field!r}")
    for field in entry:
        if field not in READERS:
            raise BadChecks(f"has an unknown field {field!r} (known: {', '.join(READERS)})")
    return Check(**entry)  # type: ignore[arg-type]  # Check looks at each value itself


def parse_checks(text: str) -> tuple[Check, ...]:
    """Read a JSON list of checks, e.g. `[{"id": "c0000000-0000-4000-8000-000000000001", "name": "Home"}]`."""
    try:
        entries: JSON = json.loads(text)
    except ValueError as problem:
        raise BadChecks(f"not JSON: {problem}") from None
    if not isinstance(entries, list):
        raise BadChecks("not a list of checks")
    checks: dict[str, Check] = {}
    for number, entry in enumerate(entries, 1):
        check = _parse_entry(number, entry)
        if check.id in checks:
            raise BadChecks(f"entry {number} repeats the 'id' {check.id}")
        checks[check.id] = check
    return tuple(checks.values())


def _parse_entry(number: int, entry: JSON) -> Check:
    try:
        return parse_check(entry)
    except BadChecks as problem:
        raise BadChecks(f"entry {number} {problem}") from None


def load_checks(path: Path) -> tuple[Check, ...]:
    """Read the checks of a file; the error names the file."""
    try:
        return parse_checks(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise BadChecks(f"{path}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise BadChecks(f"{path}: not UTF-8 text") from None
    except BadChecks as problem:
        raise BadChecks(f"{path}: {problem}") from None
