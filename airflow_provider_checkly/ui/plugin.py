"""Register the tab "Checkly" with Airflow's UI (3.1 and newer).

Every process of Airflow imports this module, as it does with all plugins. What the tab needs is made when the
API server asks for it, and nowhere else.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.providers.common.compat.sdk import AirflowPlugin
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS, AIRFLOW_V_3_4_PLUS

from airflow_provider_checkly import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

STATIC: Final = Path(__file__).parent / "static"
PREFIX: Final = "/checkly"
OPERATORS: Final = (
    "ChecklyRunChecksOperator",
    "ChecklyRunTestSessionOperator",
    "ChecklyCheckSessionSensor",
    "ChecklyTestSessionSensor",
    "ChecklyCheckStatusSensor",
    "ChecklyAvailabilityOperator",
)
"""The classes that Airflow 3.4 shows the tab for; subclasses have other names, and no tab."""
TAG: Final = "checkly"
"""The tag that gives a DAG the tab on Airflow 3.4; a DAG does not say which operators it holds."""
PAGES: Final[Mapping[str, Mapping[str, list[str]]]] = {
    "task_instance": {"operator_name": [*OPERATORS]},
    "task": {"operator_name": [*OPERATORS]},
    "dag": {"dag.tags.name": [TAG]},
}
"""The pages that have the tab, and what they are narrowed down to by `applies_to` (Airflow 3.4 and newer)."""


class ChecklyPlugin(AirflowPlugin):
    """The tab: static files on the API server, and the pages that load them."""

    name = "checkly"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override] # it can be written to, too
        """Return the static files; their path holds the version, so no browser mixes two versions."""
        if not self.react_apps:
            return []
        from fastapi import FastAPI  # noqa: PLC0415
        from fastapi.staticfiles import StaticFiles  # noqa: PLC0415

        app = FastAPI(title="Checkly", openapi_url=None)
        app.mount(f"/{__version__}", StaticFiles(directory=STATIC))
        return [{"app": app, "url_prefix": PREFIX, "name": "Checkly"}]

    @cached_property
    def react_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Return the tabs: all below 3.4, which cannot narrow them down, are off unless a setting says so."""
        everywhere = conf.getboolean("checkly", "show_tab", fallback=False)
        return [
            {
                "name": "Checkly",
                "bundle_url": f"{_root_path()}{PREFIX}/{__version__}/checkly.mjs",
                "destination": page,
                "url_route": f"checkly-{page.replace('_', '-')}",
                **({} if everywhere else {"applies_to": scope}),
            }
            for page, scope in PAGES.items()
            if everywhere or AIRFLOW_V_3_4_PLUS
        ]


def _root_path() -> str:
    """Return the path that Airflow is served under, "" without one."""
    return urlsplit(conf.get("api", "base_url", fallback="/") or "/").path.rstrip("/")


plugin = ChecklyPlugin if AIRFLOW_V_3_1_PLUS else None
"""The entry point; older versions of Airflow ignore what is not a plugin."""
