"""What the details of a result are made from, and what several kinds of details share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.emulator.assets import assets_of
from airflow_provider_checkly.emulator.failures import error_message
from airflow_provider_checkly.emulator.results import response_time

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.assets import AssetType
    from airflow_provider_checkly.emulator.checks import JSON, Check
    from airflow_provider_checkly.emulator.sessions import Result

HOST: Final = "shop.example.com"
ADDRESS: Final = "203.0.113.10"
RUNTIME: Final = "2025.04"


@dataclass(frozen=True)
class Evidence:
    """A result that has come in, its check, and the URL under which its files are."""

    check: Check
    result: Result
    assets_url: str

    @property
    def message(self) -> str | None:
        """What went wrong, if something did."""
        return error_message(self.check, self.result)

    @property
    def failed(self) -> bool:
        """Whether the check saw something wrong; one that timed out saw nothing."""
        return self.result.outcome == "failed"

    @property
    def timed_out(self) -> bool:
        """Whether it was stopped before it saw anything."""
        return self.result.outcome == "timed_out"

    @property
    def milliseconds(self) -> int:
        """How long the operation took."""
        return response_time(self.check, self.result) or 0

    @property
    def url(self) -> str:
        """A page for this check to look at."""
        return f"https://{HOST}/{re.sub('[^a-z0-9]+', '-', self.check.name.lower()).strip('-')}"

    def urls(self, kind: AssetType) -> list[JSON]:
        """Give the URLs of the files of a kind."""
        found = assets_of(self.check, self.result)
        return [f"{self.assets_url}/{asset.name}" for asset in found if asset.type == kind]

    def log(self) -> list[JSON]:
        """Give the log of the run."""
        lines = [
            (self.result.started_at, "INFO", f"Starting job on {self.result.location}"),
            *([(self.result.stopped_at, "ERROR", self.message)] if self.message else []),
            (self.result.stopped_at, "INFO", "Run finished"),
        ]
        return [{"time": round(at * 1000), "level": level, "msg": text} for at, level, text in lines]


def assertion(
    source: str, comparison: str, target: str, actual: JSON, *, error: str | None = None
) -> dict[str, JSON]:
    """Show an assertion; one that has an `error` failed."""
    compared: dict[str, JSON] = {"source": source, "property": "", "comparison": comparison, "target": target}
    return {**compared, "regex": None, "actual": actual, "error": error}
