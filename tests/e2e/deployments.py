"""The deployments of the end-to-end tests."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from deployment import PROCESSES
from e2e import backends
from e2e.cluster import DISTRIBUTED, Cluster
from e2e.stage import Stage
from raw_http import RawServer

from airflow_provider_checkly.emulator import Check, Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.ledger import Ledger

Kind: TypeAlias = Literal["sqlite", "local", "celery"]
DATABASE: Final = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
WATCHED: Final = [
    Check(
        id=f"e000000{number}-0000-4000-8000-000000000000",
        name=name,
        tags=("shop",),
        timeline=((0, "passing"),),
    )
    for number, name in enumerate(("Watched", "Watched twice"))
]
SOONER: Final = {"AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15"}
"""A triggerer without heartbeats is taken for dead after 15 s instead of 30, since one is killed 30 times.

Not where there are two: on a busy machine, they would take triggers from one another."""
API_SECONDS: Final = 3
"""How long Airflow's API waits for SQLite: it does so in its event loop, at times for a request that needs
that loop to end, so that nothing happens until the time is over. The client then repeats its request."""


@contextmanager
def staged(kind: Kind, home: Path, ledger: Ledger, dags: str = "gates") -> Iterator[Stage]:
    """Run a deployment: SQLite or PostgreSQL under the LocalExecutor, or the CeleryExecutor with Redis."""
    with ExitStack() as stack:
        checkly = stack.enter_context(Emulator(checks=WATCHED if dags == "health" else []))
        proxy = stack.enter_context(RawServer(upstream=checkly.url))
        settings = _sqlite(home, 60) if kind == "sqlite" else _backends(kind, stack)
        settings |= SOONER if dags == "health" and kind == "sqlite" else {}
        own = {"api-server": _sqlite(home, API_SECONDS)} if kind == "sqlite" else {}
        processes = DISTRIBUTED if kind == "celery" else PROCESSES
        airflow = stack.enter_context(Cluster(home, settings, processes, own=own, dags=dags))
        for connection_id, url in (("checkly_default", checkly.url), ("checkly_behind_proxy", proxy.url)):
            airflow.api.connect(connection_id, url, checkly.account_id, checkly.api_key)
        airflow.ready()
        yield Stage(airflow, checkly, proxy, ledger)


def _sqlite(home: Path, seconds: int) -> dict[str, str]:
    """Make a database in which readers and writers do not wait for one another, and writers wait so long."""
    home.mkdir(parents=True, exist_ok=True)
    path = home.resolve() / "airflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
    return {
        DATABASE: f"sqlite:///{path}?timeout={seconds}",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",  # what no log may hold shall not be there at any level
    }


def _backends(kind: Kind, stack: ExitStack) -> dict[str, str]:
    database = stack.enter_context(backends.postgres())
    settings = {DATABASE: f"postgresql+psycopg2://{database}", "AIRFLOW__CORE__EXECUTOR": "LocalExecutor"}
    if kind == "local":
        return settings
    broker = stack.enter_context(backends.redis())
    return settings | {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": broker,
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql://{database}",
    }
