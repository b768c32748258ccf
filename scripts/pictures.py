"""Take the pictures of the documentation: a gate that failed, in the UI of Airflow (``make pictures``).

Where Debian's package chromium is missing, it says so and takes none. The pictures are in `docs/images`.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from deployment import IS_2, Deployment

from airflow_provider_checkly.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

ROOT: Final = Path(__file__).resolve().parent.parent
IMAGES: Final = ROOT / "docs" / "images"
CHROMIUM: Final = shutil.which(os.environ.get("CHROMIUM", "chromium"))
SIZE: Final = {"width": 1280, "height": 720}
DAG: Final = "checkly_gate_publish_on_checks"
RUNS: Final = {"passed": "deploy-gate", "failed": "deploy-gate-broken"}
TASK: Final = f"/dags/{DAG}/runs/failed/tasks/gate"


def main() -> int:
    """Return 0, also where no picture can be taken."""
    if CHROMIUM is None or IS_2:
        print("No pictures: there is no chromium here, or this is Airflow 2, whose UI differs.")
        return 0
    (ROOT / ".work").mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="pictures-", dir=ROOT / ".work"))
    with Emulator() as checkly:
        settings = {
            "AIRFLOW_CONN_CHECKLY_DEFAULT": checkly.connection_json,
            "AIRFLOW__CHECKLY__SHOW_TAB": "True",
        }
        with Deployment(scratch, [ROOT / "example_dags" / "gate_publish_on_checks.py"], settings) as airflow:
            run_gates(airflow)
            take_all(airflow.url)
    shutil.rmtree(scratch, ignore_errors=True)
    return 0


def run_gates(airflow: Deployment) -> None:
    """Let one gate pass and one fail."""
    airflow.wait_for_dag(DAG)
    for run_id, tag in RUNS.items():
        airflow.client.trigger(DAG, run_id, {"tag": tag})
    airflow.wait(lambda: " ".join(run_id for run_id in RUNS if _runs(airflow, run_id)))


def _runs(airflow: Deployment, run_id: str) -> bool:
    return airflow.client.state(DAG, run_id) not in {"success", "failed"}


def take_all(url: str) -> None:
    """Take each picture, in a browser without a window."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - in the environment of `make pictures`

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        for name, (path, prepare) in PICTURES.items():
            page.goto(f"{url}{quote(path)}")
            prepare(page)
            page.screenshot(path=IMAGES / f"{name}.png")
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


PICTURES: Final[dict[str, tuple[str, Callable[[Page], None]]]] = {
    "tab-failed": (f"{TASK}/plugin/checkly-task-instance", show_tab),
    "log-failed": (TASK, show_log),
    "connection": ("/connections", show_connection),
}


if __name__ == "__main__":
    sys.exit(main())
