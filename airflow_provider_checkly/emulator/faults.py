"""Faults on demand: wrong answers, late answers, no answers, for the requests that match."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypedDict, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_checkly.emulator.checks import JSON

Drop: TypeAlias = Literal["before", "headers", "body", "after"]


class FaultFields(TypedDict, total=False):
    """What may be said of a fault; see Fault."""

    method: str | None
    path: str
    status: int | None
    headers: Mapping[str, str]
    delay: float
    drop: Drop | bool | None
    body: JSON
    times: int | None
    processed: bool
    drip: float


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong, and for whom; bad values raise ValueError.

    `method` and `path` choose the requests (any method if None; `path` is a regular expression found anywhere
    in the path), the first `times` of them (None: for ever). Seconds: `delay` before anything happens, `drip`
    between the bytes of the body. `status` answers instead of Checkly, with the documented error body unless
    `body` (a text is sent as it is, the rest as JSON) is given; `processed` lets Checkly act on the request
    all the same. Without `status`, Checkly acts and answers, and `headers` and `body` replace its own. `drop`
    ends the connection without an answer, `before` Checkly acts (also: true) or `after` it has, or half-way
    through the `headers` or the `body`.
    """

    method: str | None = None
    path: str = ""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: Drop | bool | None = None
    body: JSON = None
    times: int | None = 1
    processed: bool = False
    drip: float = 0.0

    def __post_init__(self) -> None:
        for name, (is_good, wanted) in RULES.items():
            if not is_good(getattr(self, name)):
                raise ValueError(f'"{name}" must be {wanted}.')
        if self.drop in (True, False):
            object.__setattr__(self, "drop", "before" if self.drop else None)

    @property
    def reaches_checkly(self) -> bool:
        """Whether Checkly acts on the request."""
        return self.processed or self.drop == "after" or (self.status is None and self.drop != "before")

    def hits(self, method: str, path: str) -> bool:
        """Tell whether it is meant for such a request."""
        return self.method in (None, method) and re.search(self.path, path) is not None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_whole(value: object, lowest: int, highest: float) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _is_pattern(value: object) -> bool:
    try:
        return isinstance(value, str) and re.compile(value) is not None
    except re.error:
        return False


def _is_headers(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)


RULES: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "method": (lambda value: value is None or isinstance(value, str), "a method such as GET"),
    "path": (_is_pattern, "a regular expression"),
    "status": (lambda value: value is None or _is_whole(value, 200, 599), "a status from 200 to 599"),
    "headers": (_is_headers, "an object of texts"),
    "delay": (_is_number, "a number of seconds"),
    "drop": (lambda value: value in (None, True, False, *get_args(Drop)), "before, headers, body or after"),
    "times": (lambda value: value is None or _is_whole(value, 1, float("inf")), "a number from 1, or null"),
    "processed": (lambda value: isinstance(value, bool), "true or false"),
    "drip": (_is_number, "a number of seconds"),
}


def parse_fault(fields: JSON) -> Fault:
    """Read a fault from JSON; bad values raise ValueError."""
    if not isinstance(fields, dict):
        raise ValueError("A fault is an object.")  # noqa: TRY004 - one kind of error, whatever is wrong
    unknown = set(fields) - set(FaultFields.__annotations__)
    if unknown:
        raise ValueError(f"A fault has no {', '.join(sorted(unknown))}.")
    return Fault(**fields)  # type: ignore[arg-type]  # Fault looks at each value itself


class Faults:
    """The faults in waiting, first come, first served; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put a fault at the end of the queue."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._faults.clear()

    def copy(self) -> list[Fault]:
        """List them, with the `times` that are left."""
        with self._lock:
            return list(self._faults)

    def take(self, method: str, path: str) -> Fault | None:
        """Use up one turn of the first fault that is meant for such a request."""
        with self._lock:
            for number, fault in enumerate(self._faults):
                if fault.hits(method, path):
                    self._faults[number : number + 1] = _left(fault)
                    return fault
        return None


def _left(fault: Fault) -> list[Fault]:
    if fault.times is None:
        return [fault]
    return [replace(fault, times=fault.times - 1)] if fault.times > 1 else []


def fault_json(fault: Fault) -> dict[str, JSON]:
    """Show a fault as JSON."""
    return asdict(fault)


def body_bytes(body: JSON) -> bytes:
    """Write the body of a fault: a text as it is, the rest as JSON."""
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()
