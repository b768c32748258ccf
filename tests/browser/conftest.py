"""A whole Airflow and a browser; these tests run only where they are named, as `make browser` does."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from airflow_provider_checkly.emulator import Emulator

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
sys.path.append(str(ROOT / "scripts"))
CHROMIUM: Final = shutil.which(os.environ.get("CHROMIUM", "chromium"))
SIZE: Final = {"width": 1366, "height": 768}
SECONDS: Final = 30

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from browser.stage import Stage
    from playwright.sync_api import Browser, Page


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave these tests out unless they are named."""
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path == HERE or HERE in path.parents for path in named) else True


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say in one line that there is no browser."""
    is_wanted = any(HERE in item.path.parents for item in session.items)
    if is_wanted and CHROMIUM is None:
        pytest.exit("Left out, as there is no browser here: install Debian's package chromium.", 0)


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An Airflow whose DAGs have run, but for one task that waits."""
    home = tmp_path_factory.mktemp("browser")
    with Emulator() as checkly, importlib.import_module("browser.stage").Stage(home / "a", checkly) as stage:
        stage.prepare()
        yield stage
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def admin(stage: Stage, browser: Browser) -> Any:
    """The session of somebody who is logged in, without a password: Airflow 3.1 then forgets the page."""
    page = browser.new_page()
    page.goto(stage.url)
    page.get_by_role("link", name="Dags").first.wait_for()
    state = page.context.storage_state()
    page.context.close()
    return state


@pytest.fixture
def opened(browser: Browser, admin: Any) -> Iterator[Callable[..., Page]]:
    """Open pages of their own; what a page reports as an error, or asks for in vain, fails the test."""
    contexts, faults = [], []

    def told(message: Any) -> None:
        if message.type == "error" and "Content Security Policy" not in message.text:  # of Airflow's own page
            faults.append(message.text)

    def answered(response: Any) -> None:
        if response.status >= 400:
            faults.append(f"{response.status} {response.url}")

    def opened(url: str, **options: Any) -> Page:
        contexts.append(browser.new_context(viewport=SIZE, **{"storage_state": admin, **options}))
        contexts[-1].set_default_timeout(SECONDS * 1000)
        page = contexts[-1].new_page()
        page.on("console", told)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
        page.on("response", answered)
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture(scope="session")
def picture() -> Callable[[Page, str], None]:
    """Keep pictures of pages under .work/browser, in a folder per version of Airflow."""
    folder = ROOT / ".work" / "browser" / importlib.import_module("deployment").VERSION

    def picture(page: Page, name: str) -> None:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / f"{name}.png")

    return picture
