"""What a single result says about a failure.

Any JSON is accepted here: an error in reading details must not mask the failure itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.text import few_lines, http_url, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeGuard

    from airflow_provider_checkly.api.http import Json, JsonObject

MAX_ERROR_LINES: Final = 6
MAX_ERRORS: Final = 3
MAX_ASSERTIONS: Final = 5
MAX_PHASES: Final = 8
MAX_LINKS_PER_KIND: Final = 2
CAUSES: Final = ("failureCategory", "truncationReason", "chainTrustDetail", "grpcStatusMessage")
FILES: Final = {
    "video": ("playwrightTestVideos",),
    "trace": ("playwrightTestTraces", "playwrightTraceFiles"),
    "screenshot": ("jobAssets",),
    "pcap": ("pcapDataUrl",),
}


def milliseconds(value: float) -> str:
    """Return milliseconds as text."""
    return f"{value:.0f} ms" if value == round(value) else f"{value:g} ms"


# A result as its session shows it


def result_id(result: JsonObject) -> str:
    """Return the id of a result of either session kind, "" where it has none."""
    found = result.get("testSessionResultId") or result.get("checkResultId")
    return found if isinstance(found, str) else ""


def response_time(result: JsonObject) -> float | None:
    """Return the response time of a result in milliseconds, None where it is missing or nonsense."""
    found = result.get("responseTime")
    return found if _is_number(found) and 0 <= found < models.MAX_MILLISECONDS else None


def run_location(result: JsonObject) -> str:
    """Return the run location of a result, cleaned."""
    return one_line(result.get("runLocation")) or "an unnamed location"


def _is_number(value: Json) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


# A result with its details


def fields(value: Json) -> JsonObject:
    """Return a JSON object, {} for anything else."""
    return value if isinstance(value, dict) else {}


def items(value: Json) -> list[Json]:
    """Return a JSON list; anything else becomes its only member."""
    return value if isinstance(value, list) else [value]


def _part(document: JsonObject) -> JsonObject:
    found = (fields(value) for key, value in document.items() if key.endswith("CheckResult"))
    return next(filter(None, found), {})


def _unique(texts: Iterable[str], most: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))[:most]


def _joined(separator: str, *values: Json) -> str:
    return separator.join(filter(None, map(one_line, values)))


def _error(value: Json) -> str:
    """Return an error message with its test and place in the code."""
    error = fields(value)
    inner, spot = error.get("error"), fields(error.get("location"))
    message = few_lines(
        error.get("message") or fields(inner).get("message") or inner or value, MAX_ERROR_LINES
    )
    file = one_line(spot.get("file") or error.get("testFile"))
    line = spot.get("line")
    where = _joined(
        ", ", error.get("testTitle"), f"{file}:{line}" if file and isinstance(line, int) else file
    )
    return f"{message}\nat {where}" if message and where else message


def _assertion(value: Json) -> str:
    """Return a failed assertion, "" for one that passed."""
    stated = fields(value)
    if not (stated.get("error") or stated.get("passed") is False):
        return ""
    subject = _joined(" ", stated.get("source"), stated.get("property")) or one_line(stated.get("condition"))
    rule = _joined(" ", stated.get("comparison"), stated.get("target"))
    wanted = rule or f"expected {one_line(stated.get('expected'))}"
    actual = f"was {one_line(stated['actual'])}" if "actual" in stated else one_line(stated.get("error"))
    return f"{subject}: {wanted}, {actual}"


def _address(value: Json) -> str:
    """Return a URL without user, query and fragment."""
    try:
        parts = urlsplit(one_line(value))
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else ""


def _http_response(part: JsonObject) -> str:
    """Return request and status, without headers, bodies and queries, which may hold secrets."""
    request, response = fields(part.get("request")), fields(part.get("response"))
    if response.get("status"):
        asked = _joined(" ", request.get("method"), _address(request.get("url")))
        return _joined(" from ", _joined(" ", response["status"], response.get("statusText")), asked)
    code = part.get("grpcStatusCode")
    return f"gRPC status {code}" if isinstance(code, int) else ""


def _timings(part: JsonObject) -> str:
    phases = fields(fields(part.get("response")).get("timingPhases") or part.get("timingPhases"))
    times = [f"{one_line(name)} {value} ms" for name, value in phases.items() if _is_number(value)]
    return ", ".join(times[:MAX_PHASES])


def _url(value: Json) -> str:
    return http_url(fields(value).get("url") or value)


def failure_details(document: JsonObject) -> list[tuple[str, str]]:
    """Return what a result says about its failure, as kind and text.

    :param document: of `GET /v1/check-results/{checkId}/{id}` or `GET /v1/test-sessions/{id}/results/{id}`;
        one field per check type holds the details.
    """
    part = _part(document)
    causes = [part.get(name) or fields(part.get("response")).get(name) for name in CAUSES]
    errors = [document.get("scheduleError"), part.get("requestError"), *items(part.get("errors")), *causes]
    assertions = map(_assertion, items(part.get("assertions")))
    return [
        *(("error", text) for text in _unique(map(_error, errors), MAX_ERRORS)),
        *(("assertion", text) for text in _unique(assertions, MAX_ASSERTIONS)),
        *(("response", text) for text in [_http_response(part)] if text),
        *(("timings", text) for text in [_timings(part)] if text),
    ]


def links(document: JsonObject) -> list[tuple[str, str]]:
    """Return kind and URL of the files of a result, from its details or its asset manifest."""
    part, assets = _part(document), [fields(asset) for asset in items(document.get("assets"))]
    found = {
        kind: [each for name in names for each in items(part.get(name))]
        + [asset for asset in assets if asset.get("type") == kind]
        for kind, names in FILES.items()
    }
    return [(kind, url) for kind in found for url in _unique(map(_url, found[kind]), MAX_LINKS_PER_KIND)]
