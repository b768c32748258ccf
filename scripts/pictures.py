"""Take the pictures of the documentation from the UI of a whole Airflow: ``make pictures``.

They show a gate that failed, DAGs that a watcher started, a wait for health, and a quiet deployment. Where
Debian's package chromium is missing, none is taken. The pictures are in `docs/images`.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from deployment import IS_2, Deployment
from deployment_clients import Rest
from playground import WATCHING, watch

from airflow_provider_checkly.emulator import DEFAULT_CHECKS, Emulator
from airflow_provider_checkly.emulator.default_checks import ALWAYS_PASSING, FLAPPING

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

ROOT: Final = Path(__file__).resolve().parent.parent
IMAGES: Final = ROOT / "docs" / "images"
CHROMIUM: Final = shutil.which(os.environ.get("CHROMIUM", "chromium"))
SIZE: Final = {"width": 1280, "height": 720}
GATE: Final = "checkly_gate_publish_on_checks"
WAIT: Final = "checkly_wait_until_healthy"
DEPLOY: Final = "checkly_deploy_quietly"
FAILED: Final = f"/dags/{GATE}/runs/failed/tasks/gate"
EXAMPLES: Final = [
    ROOT / "example_dags" / f"{dag_id.removeprefix('checkly_')}.py"
    for dag_id in (GATE, WAIT, DEPLOY, *WATCHING)
]


class Picture(NamedTuple):
    """Where to look, what to do there, and which part of the page is shown: left, top, width, height."""

    path: str
    prepare: Callable[[Page], None]
    part: tuple[int, int, int, int] = (0, 0, SIZE["width"], SIZE["height"])


class Api(Rest):
    """What else these pictures ask Airflow."""

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the runs of a DAG."""
        return list(self._ask("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"])


def main() -> int:
    """Return 0, also where no picture can be taken."""
    if CHROMIUM is None or IS_2:
        print("No pictures: there is no chromium here, or this is Airflow 2, whose UI differs.")
        return 0
    (ROOT / ".work").mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="pictures-", dir=ROOT / ".work"))
    with Emulator([check for check in DEFAULT_CHECKS if check.id != FLAPPING]) as checkly:
        settings = {
            "AIRFLOW_CONN_CHECKLY_DEFAULT": checkly.connection_json,
            "AIRFLOW__CHECKLY__SHOW_TAB": "True",
        }
        with Deployment(scratch, EXAMPLES, settings) as airflow:
            watch(airflow)
            run_all(airflow, checkly)
            take_all(airflow.url, pictures(Api(airflow.url).runs(WATCHING[0])[0]["dag_run_id"]))
    shutil.rmtree(scratch, ignore_errors=True)
    return 0


def run_all(airflow: Deployment, checkly: Emulator) -> None:
    """Let one gate pass and one fail, and a check fail and recover while others wait for it."""
    start(airflow, GATE, "passed", tag="deploy-gate")
    start(airflow, GATE, "failed", tag="deploy-gate-broken")
    start(airflow, DEPLOY, "release")
    checkly.set_status(ALWAYS_PASSING, "failing")
    start(airflow, WAIT, "load")
    await_end(airflow, WATCHING[0])
    checkly.set_status(ALWAYS_PASSING, "passing")
    for dag_id in (WATCHING[1], WAIT, DEPLOY, GATE):
        await_end(airflow, dag_id)


def start(airflow: Deployment, dag_id: str, run_id: str, **conf: str) -> None:
    """Start a run of an example."""
    airflow.wait_for_dag(dag_id)
    airflow.client.trigger(dag_id, run_id, conf)


def await_end(airflow: Deployment, dag_id: str) -> None:
    """Wait until a DAG has run, and has ended each run."""
    api, ended = Api(airflow.url), {"success", "failed"}

    def pending() -> str:
        states = {run["state"] for run in api.runs(dag_id)}
        return "" if states and states <= ended else f"  {dag_id} runs"

    airflow.wait(pending)


def take_all(url: str, pictures: dict[str, Picture]) -> None:
    """Take each picture, in a browser without a window."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - in the environment of `make pictures`

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, picture in pictures.items():
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.goto(f"{url}{quote(picture.path, safe='/?=')}")
            picture.prepare(page)
            clip = dict(zip(("x", "y", "width", "height"), picture.part, strict=True))
            page.screenshot(path=IMAGES / f"{name}.png", clip=clip)
            page.close()
            print(f"docs/images/{name}.png")
        browser.close()


def show_tab(page: Page) -> None:
    """Wait until the tab is filled."""
    page.locator("section.checkly h2").first.wait_for()
    page.get_by_text("Reading …").wait_for(state="detached")


def show_log(page: Page) -> None:
    """Scroll to the reason."""
    reason = page.get_by_text("Payment API FAILED in eu-central-1").last
    reason.wait_for()
    reason.scroll_into_view_if_needed()


def show_connection(page: Page) -> None:
    """Open the form of a new connection."""
    page.get_by_role("button", name="Add Connection").click()
    page.get_by_placeholder("Select Connection Type").or_(page.get_by_role("combobox").last).first.click()
    page.keyboard.type("checkly")
    page.get_by_role("option", name="checkly").first.click()
    page.get_by_label("Account ID").or_(page.get_by_text("Account ID")).first.wait_for()


def show_payload(page: Page) -> None:
    """Unfold what a run was told by its event."""
    page.get_by_text("1 Asset Event").wait_for()
    for text in ("payload", "previous_status"):
        page.locator(".codicon-folding-collapsed").click()
        page.get_by_text(text).wait_for()
    page.mouse.move(0, 0)


def show_runs(page: Page) -> None:
    """Wait for the runs that watchers started."""
    for dag_id in WATCHING:
        page.get_by_role("link", name=dag_id).first.wait_for()


def show_wait(page: Page) -> None:
    """Scroll to the end of a wait."""
    end = page.get_by_text("is healthy").last
    end.wait_for()
    end.scroll_into_view_if_needed()


def show_graph(page: Page) -> None:
    """Show the graph of a run instead of its grid."""
    page.get_by_role("button", name="Graph").click()
    page.locator(".react-flow__node").filter(has_text="well_again").wait_for()
    page.wait_for_timeout(1000)  # the graph is still being fitted


def pictures(watched_run: str) -> dict[str, Picture]:
    """Return the pictures by name; the run is one that a watcher started."""
    return {
        "tab-failed": Picture(f"{FAILED}/plugin/checkly-task-instance", show_tab),
        "log-failed": Picture(FAILED, show_log),
        "connection": Picture("/connections", show_connection),
        "watcher-runs": Picture("/dag_runs?run_type=asset_triggered", show_runs, (64, 112, 1164, 226)),
        "watcher-event": Picture(
            f"/dags/{WATCHING[0]}/runs/{watched_run}/asset_events", show_payload, (332, 60, 948, 636)
        ),
        "health-log": Picture(f"/dags/{WAIT}/runs/load/tasks/healthy", show_wait, (0, 0, 1280, 540)),
        "deployment": Picture(f"/dags/{DEPLOY}/runs/release", show_graph, (86, 340, 812, 126)),
    }


if __name__ == "__main__":
    sys.exit(main())
