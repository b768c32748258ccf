"""What a single result says about its failure; reads any JSON without complaint, to mask no failure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


@dataclass(frozen=True, slots=True)
class Details:
    """Why a result is what it is, as lines of text.

    :param answer: what was asked and what came, without headers, bodies and queries: they may hold secrets.
    :param links: kind and address of the files it left.
    """

    errors: tuple[str, ...] = ()
    assertions: tuple[str, ...] = ()
    answer: str = ""
    timings: str = ""
    links: tuple[tuple[str, str], ...] = ()


def clean(value: Json) -> str:
    """Return a text of few and short lines, without colours and control characters."""
    if not isinstance(value, str):
        return ""
    lines = [_printable(line) for line in COLOUR.sub("", value).splitlines()]
    return "\n".join([line for line in lines if line.strip()][:LINES_OF_AN_ERROR])


def _printable(line: str) -> str:
    text = "".join(mark if mark.isprintable() else " " for mark in line).rstrip()
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"


def one_line(value: Json) -> str:
    """Return what stands somewhere in JSON, as one short line."""
    text = value if isinstance(value, str) else "" if value is None else repr(value)
    return _printable(" ".join(COLOUR.sub("", text[: 4 * LONGEST_LINE]).split()))


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _unique(texts: Iterable[str], most: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))[:most]


def _parts(document: JsonObject) -> list[JsonObject]:
    """Return the details of a result: one key per type of check, of which one holds something."""
    found = [value for key, value in document.items() if key.endswith("CheckResult")]
    return [part for part in found if isinstance(part, dict)]


def _place(error: JsonObject) -> str:
    """Return which test an error is of, and where it stands."""
    spot = _object(error.get("location"))
    file = one_line(spot.get("file") or error.get("testFile"))
    line = f":{spot['line']}" if file and isinstance(spot.get("line"), int) else ""
    title = one_line(error.get("testTitle"))
    return ", ".join(text for text in (title, f"{file}{line}") if text)


def _error(value: Json) -> str:
    error = _object(value)
    inner = error.get("error")
    message = clean(error.get("message") or _object(inner).get("message") or inner or value)
    place = _place(error)
    return f"{message}\nat {place}" if message and place else message


def _errors(document: JsonObject) -> Iterator[str]:
    yield clean(document.get("scheduleError"))
    for part in _parts(document):
        yield clean(part.get("requestError"))
        yield from map(_error, _list(part.get("errors")))
        response = _object(part.get("response"))
        for name in CAUSES:
            yield clean(part.get(name) or response.get(name))


def _assertion(value: Json) -> str:
    """Return an assertion that failed, "" for one that held."""
    stated = _object(value)
    if not (stated.get("error") or stated.get("passed") is False):
        return ""
    subject = " ".join(filter(None, map(one_line, (stated.get("source"), stated.get("property")))))
    rule = f"{one_line(stated.get('comparison'))} {one_line(stated.get('target'))}".strip()
    wanted = rule or f"expected {one_line(stated.get('expected'))}"
    actual = f"was {one_line(stated['actual'])}" if "actual" in stated else one_line(stated.get("error"))
    return f"{subject or one_line(stated.get('condition'))}: {wanted}, {actual}"


def _assertions(document: JsonObject) -> Iterator[str]:
    for part in _parts(document):
        yield from map(_assertion, _list(part.get("assertions")))


def _address(value: Json) -> str:
    """Return a URL without user, query and fragment."""
    try:
        parts = urlsplit(one_line(value))
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else ""


def _answer(document: JsonObject) -> str:
    for part in _parts(document):
        request, response = _object(part.get("request")), _object(part.get("response"))
        if status := response.get("status"):
            asked = f"{one_line(request.get('method'))} {_address(request.get('url'))}".strip()
            return f"{asked}: {one_line(status)} {one_line(response.get('statusText'))}".strip(": ")
        if isinstance(code := part.get("grpcStatusCode"), int):
            return f"gRPC status {code}"
    return ""


def _is_time(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _timings(document: JsonObject) -> str:
    for part in _parts(document):
        phases = _object(_object(part.get("response")).get("timingPhases") or part.get("timingPhases"))
        times = [f"{one_line(name)} {value} ms" for name, value in phases.items() if _is_time(value)]
        if times:
            return ", ".join(times[:PHASES])
    return ""


def _url(value: Json) -> str:
    text = value.get("url") if isinstance(value, dict) else value
    fit = isinstance(text, str) and text.startswith(("https://", "http://"))
    return text if fit and isinstance(text, str) and text.isprintable() and " " not in text else ""


def _links(document: JsonObject) -> Iterator[tuple[str, str]]:
    for kind, names in FILES.items():
        values = [value for part in _parts(document) for name in names for value in _list(part.get(name))]
        yield from ((kind, url) for url in _unique(map(_url, values), LINKS_OF_A_KIND))


def details(document: JsonObject) -> Details:
    """Return what a result says.

    :param document: of `GET /v1/check-results/{checkId}/{id}` or `GET /v1/test-sessions/{id}/results/{id}`.
    """
    return Details(
        _unique(_errors(document), ERRORS),
        _unique(_assertions(document), ASSERTIONS),
        _answer(document),
        _timings(document),
        tuple(_links(document)),
    )


def asset_links(manifest: JsonObject) -> tuple[tuple[str, str], ...]:
    """Return kind and address of the videos, traces and screenshots that a manifest lists."""
    assets = [_object(asset) for asset in _list(manifest.get("assets"))]
    return tuple(
        (kind, url)
        for kind in FILES
        for url in _unique((_url(asset) for asset in assets if asset.get("type") == kind), LINKS_OF_A_KIND)
    )
