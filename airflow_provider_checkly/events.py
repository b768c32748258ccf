"""The result of a wait <-> the event of a trigger; JSON that Airflow can store."""

from __future__ import annotations

import base64
import json
import logging
import re
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from airflow.triggers.base import TriggerEvent

from airflow_provider_checkly import exceptions
from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.polling import WaitResult
from airflow_provider_checkly.api.text import quoted
from airflow_provider_checkly.exceptions import ChecklyError, ChecklyRefused, ChecklyUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_checkly.api.http import Json, JsonObject

log = logging.getLogger(__name__)

EVENT_VERSION: Final = 1
MAX_EVENT_BYTES: Final = 64 * 1024
MAX_PLAIN_IDS: Final = 500
MAX_DEFERRED_SESSIONS: Final = 2_000
"""More do not fit into the arguments of a trigger, which MySQL limits to 65,535 encrypted bytes."""
MAX_XCOM_BYTES: Final = 1024 * 1024
ESCAPED_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
UNSAFE: Final = re.compile(r"\"__|\\u(0000|d[89a-f])")
"""Found in JSON in ASCII that may hold what `json_safe` replaces; most does not."""
SOURCE: Final = "The trigger's event"
ERROR_TYPES: Final[dict[str, type[ChecklyError]]] = {
    name: kind
    for name, kind in vars(exceptions).items()
    if isinstance(kind, type) and issubclass(kind, ChecklyError)
}


class ChecklyEvent(TriggerEvent):
    """An event with a short `repr`, which the triggerer logs: of lists and texts, only the length."""

    def __repr__(self) -> str:
        parts = (
            (key, len(each) if isinstance(each, list | str) else each) for key, each in self.payload.items()
        )
        return f"ChecklyEvent<{', '.join(f'{key}={each}' for key, each in parts)}>"

    __str__ = __repr__


def pack_ids(ids: Sequence[str]) -> list[str] | str:
    """Return ids as a list, or as one short text if they are many; a UUID takes 22 instead of 39 bytes."""
    if len(ids) <= MAX_PLAIN_IDS:
        return list(ids)
    return base64.b64encode(b"".join(UUID(each).bytes for each in ids)).decode()


def unpack_ids(packed: Sequence[str] | str) -> list[str]:
    """Return the ids that `pack_ids` packed.

    :raises ValueError: `pack_ids` did not return this value.
    """
    if not isinstance(packed, str):
        return list(packed)
    data = base64.b64decode(packed, validate=True)
    return [str(UUID(bytes=data[start : start + 16])) for start in range(0, len(data), 16)]


def to_event(result: WaitResult) -> JsonObject:
    """Return the payload of a trigger event: JSON, no secrets, below 64 KiB for up to 2,000 sessions.

    Sessions that do not fit are omitted; `from_event` then has None for them. Their size is checked
    first, since cleaning megabytes would block the triggerer.
    """
    index = {session_id: number for number, session_id in enumerate(result.ids)}
    event: JsonObject = {
        "version": EVENT_VERSION,
        "session_ids": pack_ids(result.ids),  # type: ignore[dict-item]  # a list of str is JSON
        "unfinished": [index[each] for each in result.unfinished],
        "late": result.late,
        "error": None if result.error is None else error_fields(result.error),
        "sessions": None,
    }
    sessions: list[Json] = [*(result.sessions or ())]
    if not fits(sessions, MAX_EVENT_BYTES):
        return event
    whole = event | {"sessions": [json_safe(session) for session in result.sessions or ()]}
    return whole if len(json.dumps(whole)) < MAX_EVENT_BYTES else event


def fits(value: Json, size: int) -> bool:
    """Return whether JSON may take less than `size` bytes; stops counting as soon as it does not."""
    layer = [value]
    while layer and size > 0:
        each = layer.pop()
        size -= len(each) + 2 if isinstance(each, str) else 2
        if isinstance(each, dict):
            size -= sum(map(len, each))
            layer += each.values()
        elif isinstance(each, list):
            layer += each
    return size > 0


def from_event(event: object) -> WaitResult:
    """Return the result that a trigger event holds.

    :raises ChecklyUnreadable: it is not an event of our trigger.
    """
    match event:
        case {
            "version": 1,
            "session_ids": [_, *_] | str() as packed,
            "unfinished": [*unfinished],
            "late": bool(late),
            "error": None | {"type": str(), "text": str(), "status": int()} as error,
            "sessions": None | [*_] as sessions,
        } if (ids := _ids(packed)) and all(_is_index(number, ids) for number in unfinished):
            return WaitResult(
                ids,
                None if sessions is None else tuple(map(_session, sessions)),
                tuple(ids[number] for number in unfinished),
                late,
                None if error is None else read_error(error),
            )
    raise ChecklyUnreadable(f"{SOURCE} cannot be read: {quoted(repr(event))}.")


def _is_index(number: object, ids: Sequence[str]) -> bool:
    return isinstance(number, int) and number in range(len(ids))


def fitting(rows: Iterable[JsonObject], size: int) -> Iterator[JsonObject]:
    """Yield rows as long as their JSON fits."""
    for row in rows:
        size -= len(json.dumps(row)) + 2
        if size < 0:
            return
        yield row


def _ids(packed: Sequence[Any] | str) -> tuple[str, ...]:
    """Return ids, () if they cannot be read."""
    try:
        return tuple(dict.fromkeys(models.uuid(each, SOURCE) for each in unpack_ids(packed)))
    except (ValueError, ChecklyError):
        return ()


def _session(session: Json) -> JsonObject:
    return models.checked_session(session, SOURCE, models.kind_of(session))


def error_fields(error: ChecklyError) -> JsonObject:
    """Return an error as an event holds it."""
    return {"type": type(error).__name__, "text": str(error), "status": getattr(error, "status", 0)}


def read_error(fields: Mapping[str, Any]) -> ChecklyError:
    """Return the error that an event holds."""
    kind, text = ERROR_TYPES.get(fields["type"], ChecklyError), fields["text"]
    return kind(text, status=fields["status"]) if issubclass(kind, ChecklyRefused) else kind(text)


def json_safe(value: JsonObject) -> JsonObject:
    """Return JSON that Airflow can store.

    Its serializers reserve keys such as `__x`: they become `checkly__x`. Lone surrogates and NUL, which
    databases reject, are replaced by "?".
    """
    safe: JsonObject
    if not UNSAFE.search(text := json.dumps(value)):
        safe = json.loads(text)
        return safe
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    safe = json.loads(ESCAPED_NUL.sub(r"\1?", text), object_pairs_hook=_renamed)
    return safe


def _renamed(pairs: list[tuple[str, Json]]) -> JsonObject:
    return {f"checkly{key}" if key.startswith("__") else key: value for key, value in pairs}


def sessions_for_xcom(sessions: Sequence[JsonObject]) -> list[JsonObject]:
    """Return sessions for XCom: JSON that Airflow can store, without `results` above 1 MiB in all."""
    safe = [json_safe(session) for session in sessions]
    size = len(json.dumps(safe))
    if size <= MAX_XCOM_BYTES:
        return safe
    log.warning("The sessions take %d bytes (limit: 1 MiB); XCom gets them without `results`.", size)
    return [{name: value for name, value in session.items() if name != "results"} for session in safe]
