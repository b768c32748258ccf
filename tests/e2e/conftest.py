"""What the end-to-end tests share; they run only where they are asked for by name, as `make e2e` does."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

HERE: Final = Path(__file__).parent
sys.path.append(str(HERE.parent.parent / "scripts"))

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from e2e.stage import Stage

SIDE_BY_SIDE: Final = {"sqlite": 4, "local": 8, "celery": 8}
LEDGERS: Final = pytest.StashKey[dict[str, Any]]()


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave these tests out unless they are named."""
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path == HERE or HERE in path.parents for path in named) else True


def pytest_configure(config: pytest.Config) -> None:
    """Know the marker of the quick subset."""
    config.addinivalue_line("markers", "quick: needs nothing but Airflow itself; a few minutes in all")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say in one line which packages are missing."""
    wanted = {getattr(getattr(item, "module", None), "DEPLOYMENT", "sqlite") for item in session.items}
    if wanted - {"sqlite"} and (missing := importlib.import_module("e2e.backends").missing()):
        pytest.exit(missing, 1)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what came of each scenario."""
    for deployment, ledger in config.stash.get(LEDGERS, {}).items():
        terminalreporter.section(f"scenarios: {deployment}")
        terminalreporter.write_line("\n".join(ledger.lines()))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for what Airflow writes; KEEP=1 keeps it."""
    path = tmp_path_factory.mktemp("e2e")
    yield path
    if os.environ.get("KEEP"):
        print(f"What Airflow wrote is in {path}")  # noqa: T201
    else:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, folder: Path) -> Iterator[Stage]:
    """The deployment that a module asks for with `DEPLOYMENT`, started once for all its scenarios."""
    deployments, kind = importlib.import_module("e2e.deployments"), request.module.DEPLOYMENT
    ledger = importlib.import_module("e2e.ledger").Ledger()
    dags = getattr(request.module, "DAGS", "gates")
    request.config.stash.setdefault(LEDGERS, {})[f"{kind}, {dags}"] = ledger
    with ExitStack() as stack:
        home = folder / request.module.__name__.rpartition(".")[2]
        yield stack.enter_context(deployments.staged(kind, home, ledger, dags))


@pytest.fixture(scope="module")
def company(request: pytest.FixtureRequest, stage: Stage) -> Iterator[dict[Any, Future[None]]]:
    """The scenarios that disturb nobody, which run side by side."""
    chosen = [
        item.callspec.params["calm"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module and "calm" in item.fixturenames
    ]
    given_up = importlib.import_module("e2e.cluster").GIVEN_UP
    with ThreadPoolExecutor(SIDE_BY_SIDE[request.module.DEPLOYMENT]) as pool:
        yield {scenario: pool.submit(scenario, stage) for scenario in chosen}
        given_up.set()
        pool.shutdown(cancel_futures=True)
    given_up.clear()
