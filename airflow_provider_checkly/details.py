"""What a single result says; reads any JSON without complaint, so that no failure is masked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from airflow_provider_checkly.api import model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeGuard

    from airflow_provider_checkly.api.wire import Json, JsonObject

COLOUR: Final = re.compile("\x1b\\[[0-9;]*[A-Za-z]")
LONGEST_LINE: Final = 240
LINES_OF_AN_ERROR: Final = 6
ERRORS: Final = 3
ASSERTIONS: Final = 5
PHASES: Final = 8
LINKS_OF_A_KIND: Final = 2
CAUSES: Final = ("failureCategory", "truncationReason", "chainTrustDetail", "grpcStatusMessage")
FILES: Final = {
    "video": ("playwrightTestVideos",),
    "trace": ("playwrightTestTraces", "playwrightTraceFiles"),
    "screenshot": ("jobAssets",),
    "pcap": ("pcapDataUrl",),
}


# Texts


def _printable(line: str) -> str:
    return model.shortened(
        "".join(mark if mark.isprintable() else " " for mark in line).rstrip(), LONGEST_LINE
    )


def clean(value: Json) -> str:
    """Return a text of few and short lines, without colours and control characters."""
    text = COLOUR.sub("", value) if isinstance(value, str) else ""
    lines = [_printable(line) for line in text.splitlines()]
    return "\n".join([line for line in lines if line.strip()][:LINES_OF_AN_ERROR])


def one_line(value: Json) -> str:
    """Return what stands somewhere in JSON, as one short line."""
    text = value if isinstance(value, str) else "" if value is None else repr(value)
    return " ".join(_printable(COLOUR.sub("", text[: 4 * LONGEST_LINE])).split())


def milliseconds(value: float) -> str:
    """Return a time as text."""
    return f"{value:.0f} ms" if value == round(value) else f"{value:g} ms"


# A result as its session shows it


def result_id(result: JsonObject) -> str:
    """Return the id of a result of either kind of session, "" where it has none."""
    found = result.get("testSessionResultId") or result.get("checkResultId")
    return found if isinstance(found, str) else ""


def response_time(result: JsonObject) -> float | None:
    """Return the response time of a result in milliseconds, None where Checkly says none that makes sense."""
    found = result.get("responseTime")
    return found if _is_number(found) and 0 <= found < model.SENSELESS else None


def place(result: JsonObject) -> str:
    """Return where a result comes from."""
    return one_line(result.get("runLocation")) or "an unnamed location"


def _is_number(value: Json) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


# A result with its details


def fields(value: Json) -> JsonObject:
    """Return an object of JSON, {} where there is none."""
    return value if isinstance(value, dict) else {}


def items(value: Json) -> list[Json]:
    """Return a list of JSON; what is none is its only member."""
    return value if isinstance(value, list) else [value]


def _part(document: JsonObject) -> JsonObject:
    found = (fields(value) for key, value in document.items() if key.endswith("CheckResult"))
    return next(filter(None, found), {})


def _unique(texts: Iterable[str], most: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))[:most]


def _joined(separator: str, *values: Json) -> str:
    return separator.join(filter(None, map(one_line, values)))


def _error(value: Json) -> str:
    """Return a message, with the test it is of, and where that stands."""
    error = fields(value)
    inner, spot = error.get("error"), fields(error.get("location"))
    message = clean(error.get("message") or fields(inner).get("message") or inner or value)
    file = one_line(spot.get("file") or error.get("testFile"))
    line = spot.get("line")
    where = _joined(
        ", ", error.get("testTitle"), f"{file}:{line}" if file and isinstance(line, int) else file
    )
    return f"{message}\nat {where}" if message and where else message


def _assertion(value: Json) -> str:
    """Return an assertion that failed, "" for one that held."""
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


def _answer(part: JsonObject) -> str:
    """Return what was asked and what came, without headers, bodies and queries: they may hold secrets."""
    request, response = fields(part.get("request")), fields(part.get("response"))
    if response.get("status"):
        asked = _joined(" ", request.get("method"), _address(request.get("url")))
        return _joined(" from ", _joined(" ", response["status"], response.get("statusText")), asked)
    code = part.get("grpcStatusCode")
    return f"gRPC status {code}" if isinstance(code, int) else ""


def _timings(part: JsonObject) -> str:
    phases = fields(fields(part.get("response")).get("timingPhases") or part.get("timingPhases"))
    times = [f"{one_line(name)} {value} ms" for name, value in phases.items() if _is_number(value)]
    return ", ".join(times[:PHASES])


def _url(value: Json) -> str:
    text = fields(value).get("url") or value
    fit = isinstance(text, str) and text.startswith(("https://", "http://"))
    return text if fit and isinstance(text, str) and text.isprintable() and " " not in text else ""


def facts(document: JsonObject) -> list[tuple[str, str]]:
    """Return what a result says of its failure, as kind and text.

    :param document: of `GET /v1/check-results/{checkId}/{id}` or `GET /v1/test-sessions/{id}/results/{id}`;
        one key per type of check holds what is asked for.
    """
    part = _part(document)
    causes = [part.get(name) or fields(part.get("response")).get(name) for name in CAUSES]
    errors = [document.get("scheduleError"), part.get("requestError"), *items(part.get("errors")), *causes]
    assertions = map(_assertion, items(part.get("assertions")))
    return [
        *(("error", text) for text in _unique(map(_error, errors), ERRORS)),
        *(("assertion", text) for text in _unique(assertions, ASSERTIONS)),
        *(("answer", text) for text in [_answer(part)] if text),
        *(("timings", text) for text in [_timings(part)] if text),
    ]


def links(document: JsonObject) -> list[tuple[str, str]]:
    """Return kind and address of the files that a result left, from its details or its manifest of assets."""
    part, assets = _part(document), [fields(asset) for asset in items(document.get("assets"))]
    found = {
        kind: [each for name in names for each in items(part.get(name))]
        + [asset for asset in assets if asset.get("type") == kind]
        for kind, names in FILES.items()
    }
    return [(kind, url) for kind in found for url in _unique(map(_url, found[kind]), LINKS_OF_A_KIND)]
