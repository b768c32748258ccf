"""What a run leaves behind besides its result: logs, traces, videos, screenshots, reports, captures."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_checkly.emulator.checks import JSON, Check, CheckType
    from airflow_provider_checkly.emulator.sessions import Result

AssetType: TypeAlias = Literal["log", "trace", "video", "screenshot", "pcap", "report", "file"]
TYPES: Final[tuple[AssetType, ...]] = get_args(AssetType)


@dataclass(frozen=True)
class Asset:
    """A file; `entry` is its path in the archive, where it is stored in one."""

    type: AssetType
    name: str
    content_type: str
    entry: str | None = None


LOG: Final = Asset("log", "job-log.txt", "text/plain")
REPORT: Final = Asset("report", "playwright-report.json", "application/json")
TRACE: Final = Asset("trace", "trace.zip", "application/zip", "test-results/failed-test/trace.zip")
VIDEO: Final = Asset("video", "video.webm", "video/webm", "test-results/failed-test/video.webm")
SCREENSHOT: Final = Asset("screenshot", "failed.png", "image/png", "test-results/failed-test/failed.png")
CAPTURE: Final = Asset("pcap", "capture.pcap", "application/vnd.tcpdump.pcap")
# What there is whatever came of the run, and what there is only where it went wrong.
ALWAYS: Final[dict[CheckType, tuple[Asset, ...]]] = {
    "API": (LOG,),
    "AGENTIC": (LOG,),
    "BROWSER": (LOG, REPORT),
    "MULTI_STEP": (LOG, REPORT),
    "PLAYWRIGHT": (LOG, REPORT),
}
WRONG: Final[dict[CheckType, tuple[Asset, ...]]] = {
    "API": (CAPTURE,),
    "AGENTIC": (Asset("screenshot", "failed.png", "image/png"),),
    "BROWSER": (TRACE, VIDEO, SCREENSHOT),
    "MULTI_STEP": (TRACE,),
    "PLAYWRIGHT": (TRACE, VIDEO, SCREENSHOT),
    "TCP": (CAPTURE,),
    "ICMP": (CAPTURE,),
}


def assets_of(check: Check, result: Result) -> list[Asset]:
    """List what a result has left behind; one that is still to come has nothing yet."""
    if result.type == "PENDING":
        return []
    wrong = result.outcome in ("failed", "timed_out")
    return [*ALWAYS.get(check.checkType, ()), *(WRONG.get(check.checkType, ()) if wrong else ())]


def chosen(assets: list[Asset], types: Collection[str], pattern: str) -> list[Asset]:
    """Filter by type and by a glob over name and path, whatever their case; empty filters keep all."""
    typed = [asset for asset in assets if not types or asset.type in types]
    return [asset for asset in typed if not pattern.strip() or _matches(asset, pattern.strip().lower())]


def _matches(asset: Asset, pattern: str) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for name in (asset.name, asset.entry) if name)


def asset_json(asset: Asset, base_url: str, source: dict[str, JSON]) -> dict[str, JSON]:
    """Show an asset in a manifest (schema AssetManifestEntry)."""
    shown: dict[str, JSON] = {
        "type": asset.type,
        "name": asset.name,
        "url": f"{base_url}/{asset.name}",
        "contentType": asset.content_type,
        "source": source,
    }
    return {**shown, "archive": {"entryName": asset.entry}} if asset.entry else shown
