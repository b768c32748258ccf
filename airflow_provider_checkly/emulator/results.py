"""What results of check sessions and of test sessions have in common: errors, details, files."""

from __future__ import annotations

import hashlib
import re
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args
from uuid import UUID, uuid5

from aiohttp import web

from airflow_provider_checkly.emulator.checks import CHECK_TYPES
from airflow_provider_checkly.emulator.http import Problem, Query
from airflow_provider_checkly.emulator.result_details import AssetType, ResultContext

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import Asset, Check, Outcome
    from airflow_provider_checkly.emulator.http import JSON
    from airflow_provider_checkly.emulator.model import Result

# Whether a result came from a check session or from a test session.
Scope: TypeAlias = Literal["check", "test-session"]

OPERATION_SHARE: Final = 0.8
ASSET_TYPES: Final[tuple[AssetType, ...]] = get_args(AssetType)
GROUP_NAMESPACE: Final = UUID("e0000000-0000-4000-8000-000000000000")
COLOUR: Final = re.compile("\x1b\\[[0-9;]*m")
TIMED_OUT: Final = "Check timed out: it was still running when its time was up"


def response_time(check: Check, result: Result) -> int | None:
    """Return how long the operation took, in milliseconds; None for a cancelled one."""
    if result.outcome == "cancelled":
        return None
    return operation_milliseconds(check, result.stopped_at - result.started_at)


def operation_milliseconds(check: Check, seconds: float) -> int:
    """Return how long the operation takes in a run of so many seconds."""
    return round(seconds * (1 if check.type.whole_run else OPERATION_SHARE) * 1000)


def flags_json(result: Result) -> dict[str, JSON]:
    """Return the flags of a result; all are false while it is pending."""
    outcome = None if result.type == "PENDING" else result.outcome
    return {
        "hasErrors": outcome == "timed_out",
        "hasFailures": outcome == "failed",
        "isDegraded": outcome == "degraded",
        "aborted": outcome == "timed_out",
        "isCancelled": outcome == "cancelled",
    }


def trace_id(result: Result) -> str:
    """Return the OpenTelemetry trace of a result."""
    return result.id.replace("-", "")


def error_message(check: Check, result: Result) -> str | None:
    """Return what went wrong, as the runner wrote it; None if nothing did."""
    return outcome_message(check, result.outcome)


def outcome_message(check: Check, outcome: Outcome) -> str | None:
    """Return what is wrong with a run of that outcome; None if nothing is."""
    return {"timed_out": TIMED_OUT, "failed": check.type.error}.get(outcome)


def cleaned(message: str) -> str:
    """Return a message as error groups have it: on one line, without colours."""
    return " ".join(COLOUR.sub("", message).split())


def error_hash(message: str) -> str:
    """Return the hash by which errors are grouped."""
    return hashlib.sha256(cleaned(message).encode()).hexdigest()


def error_group_ids(scope: Scope, check: Check, result: Result) -> list[str]:
    """Return the error groups of a result: one, if it has an error."""
    message = None if result.type == "PENDING" else error_message(check, result)
    return [] if message is None else [_group_id(scope, check.id, message)]


@cache
def _group_id(scope: Scope, check_id: str, message: str) -> str:
    return str(uuid5(GROUP_NAMESPACE, f"{scope} {check_id} {error_hash(message)}"))


def assets_of(check: Check, result: Result) -> list[Asset]:
    """Return the files of a result; a pending one has none yet."""
    if result.type == "PENDING":
        return []
    wrong = result.outcome in ("failed", "timed_out")
    return [*check.type.files, *(check.type.failure_files if wrong else ())]


def details_json(scope: Scope, check: Check, result: Result, assets_url: str) -> dict[str, JSON]:
    """Return all keys of details, null but for the one of the check's type; test sessions have fewer keys."""
    known = [one for one in CHECK_TYPES.values() if scope == "check" or one.details_in_tests]
    shown: dict[str, JSON] = {one.details[0]: None for one in known if one.details}
    ended = result.type != "PENDING" and result.outcome != "cancelled"
    if ended and check.type.details and check.type in known:
        key, details = check.type.details
        shown[key] = details(_context(check, result, assets_url))
    return shown


def _context(check: Check, result: Result, assets_url: str) -> ResultContext:
    assets = assets_of(check, result)
    return ResultContext(
        name=check.name,
        outcome=result.outcome,
        location=result.location,
        started_at=result.started_at,
        stopped_at=result.stopped_at,
        message=error_message(check, result),
        milliseconds=response_time(check, result) or 0,
        files={asset.type: [f"{assets_url}/{asset.name}"] for asset in assets},
        failed=result.outcome == "failed",
        timed_out=result.outcome == "timed_out",
    )


def assets_url(request: web.Request, result_path: str) -> str:
    """Return the URL under which the files of a result are."""
    return f"{request.url.origin()}{result_path}/assets"


def answer_manifest(
    request: web.Request, check: Check, result: Result, source: dict[str, JSON]
) -> web.Response:
    """Answer with the files of a result that `type` and `name` select (schema AssetManifest)."""
    query = Query(request)
    types = query.texts("type", ASSET_TYPES)
    pattern = (query.text("name", longest=200) or "").strip().lower()
    url = str(request.url.origin().join(request.rel_url.with_query(None)))
    about: dict[str, JSON] = {
        "checkId": check.id,
        "checkName": check.name,
        "checkType": check.checkType,
        "resultId": result.id,
        **source,
    }
    found: list[JSON] = [
        _asset_json(asset, url, about)
        for asset in assets_of(check, result)
        if (not types or asset.type in types) and (not pattern or _matches(asset, pattern))
    ]
    return web.json_response({"assets": found})


def answer_file(request: web.Request, check: Check, result: Result) -> web.Response:
    """Answer with a file; its made-up content says what it stands for."""
    for asset in assets_of(check, result):
        if asset.name == request.match_info["name"]:
            body = f"This stands for {asset.name} of {request.path}\n".encode()
            return web.Response(body=body, content_type=asset.content_type)
    raise Problem(404, "No such asset.")


def _matches(asset: Asset, pattern: str) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for name in (asset.name, asset.entry) if name)


def _asset_json(asset: Asset, base_url: str, source: dict[str, JSON]) -> dict[str, JSON]:
    shown: dict[str, JSON] = {
        "type": asset.type,
        "name": asset.name,
        "url": f"{base_url}/{asset.name}",
        "contentType": asset.content_type,
        "source": source,
    }
    return {**shown, "archive": {"entryName": asset.entry}} if asset.entry else shown
