"""Time short DAG runs on a whole Airflow (scheduler, triggerer, LocalExecutor), ours beside peers.

airflow_runs.py [--runs N] [--heartbeat SECONDS] says how the runs of ours went.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sqlite3
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from figures import percentile
from memory import certified
from twin import twin

from airflow_provider_checkly.emulator import Check, Emulator

HERE: Final = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "scripts"), str(HERE.parent / "tests")]

from deployment import Deployment  # noqa: E402 - it lies beside this folder
from deployment_clients import Rest  # noqa: E402
from e2e import backends  # noqa: E402 - it lies beside this folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

BROWSER: Final = "browser, 5 to 30 s"
MIXES: Final = {"API, 1 to 10 s": (1.0, 10.0), BROWSER: (5.0, 30.0)}
"""Lengths of the sessions that are timed, in seconds."""
PEERS: Final = ("http-5", "http-60", "dbt-5", "dbt-60")
OURS: Final = "ours"
GAP: Final = 4.0
"""Seconds between two starts."""
DATABASE: Final = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
LIMIT: Final = 180.0
LAST_WORDS: Final = 7.0
"""Seconds in which the last processes say how long they ran."""
FINISHED: Final = re.compile(r"Workload finished.*?duration=([\d.]+).*?workload_id=([\w-]{36})")
ENDED: Final = frozenset({"success", "failed"})


@dataclass(frozen=True)
class Wanted:
    """A DAG run; `seconds` is how long what it waits for takes."""

    dag: str
    run: str
    seconds: float
    check: str = ""
    mix: str = ""

    @property
    def conf(self) -> dict[str, Any]:
        """What the DAG run is told."""
        return {"seconds": self.seconds, "check": self.check}


@dataclass(frozen=True)
class Timed:
    """How a DAG run went, in seconds.

    :param whole: from its start to that of the next task, without what it waited for.
    :param late: from the end of the session to the start of the next task; only of ours.
    :param legs: how long each process of the waiting task held a worker slot.
    """

    wanted: Wanted
    state: str
    whole: float
    late: float
    legs: Sequence[float]

    @property
    def deferred(self) -> bool:
        """Whether it deferred."""
        return len(self.legs) > 1


class Api(Rest):
    """What Airflow knows of a run."""

    def times(self, wanted: Wanted) -> tuple[float, str, float]:
        """Return when a run began, the id of the waiting task, and when the next one began."""
        path = f"/dags/{wanted.dag}/dagRuns/{wanted.run}"
        began = self._ask("GET", path)["queued_at"]
        tasks = self._ask("GET", f"{path}/taskInstances")["task_instances"]
        found = {each["task_id"]: each for each in tasks}
        return unix(began), found["wait"]["id"], unix(found["go_on"]["start_date"])


def unix(moment: str | None) -> float:
    """Return a moment in Unix seconds, 0 where there is none."""
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0


def lengths(mix: str, number: int) -> list[float]:
    """Return lengths, spread evenly over a mix."""
    least, most = MIXES[mix]
    return [round(least + (most - least) * (each + 0.5) / number, 2) for each in range(number)]


def wanted_of_ours(runs: int) -> list[Wanted]:
    """Return runs over both mixes."""
    each = runs // len(MIXES)
    return [
        Wanted(OURS, f"ours-{index}-{number}", seconds, str(uuid.uuid4()), mix)
        for index, mix in enumerate(MIXES)
        for number, seconds in enumerate(lengths(mix, each))
    ]


def wanted_of_peers(each: int) -> list[Wanted]:
    """Return runs of the peers, over the lengths of browser checks."""
    return [Wanted(dag, f"{dag}-{seconds}", seconds) for seconds in lengths(BROWSER, each) for dag in PEERS]


def connections(checkly: Emulator, peers: str, certificate: Path) -> dict[str, str]:
    """Return the environment of Airflow by which it knows all servers; dbt Cloud's must have TLS."""
    dbt = {"conn_type": "dbt_cloud", "host": f"{peers.removeprefix('https://')}/dbt", "login": "1"}
    return {
        "AIRFLOW_CONN_CHECKLY_DEFAULT": checkly.connection_json,
        "AIRFLOW_CONN_HTTP_DEFAULT": json.dumps({"conn_type": "http", "host": peers}),
        "AIRFLOW_CONN_DBT_CLOUD_DEFAULT": json.dumps(dbt | {"password": "key"}),
        "REQUESTS_CA_BUNDLE": str(certificate),
        "SSL_CERT_FILE": str(certificate),
    }


@contextmanager
def database(home: Path) -> Iterator[str]:
    """Make a database: in PostgreSQL where Debian's package is there, else in SQLite."""
    if backends.postgres_folder():
        with backends.postgres() as address:
            yield f"postgresql+psycopg2://{address}"
        return
    path = home / "airflow.db"
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("PRAGMA journal_mode=WAL")  # readers and writers do not wait for one another
    yield f"sqlite:///{path}?timeout=60"


def let_run(airflow: Deployment, api: Api, wanted: Sequence[Wanted]) -> dict[Wanted, str]:
    """Start runs, one after the other without waiting for it; return how they ended."""
    for each in wanted:
        api.trigger(each.dag, each.run, each.conf)
        time.sleep(GAP)
    states: dict[Wanted, str] = {}

    def pending() -> str:
        for each in wanted:
            if each not in states and (state := api.state(each.dag, each.run)) in ENDED:
                states[each] = state
        return "" if len(states) == len(wanted) else "runs"

    airflow.wait(pending, LIMIT)
    return states


def timed(
    api: Api, wanted: Wanted, state: str, ends: Mapping[str, float], legs: Mapping[str, Sequence[float]]
) -> Timed:
    """Return how a run went."""
    began, task, went_on = api.times(wanted)
    late = went_on - ends.get(wanted.check, went_on)
    return Timed(wanted, state, went_on - began - wanted.seconds, late, legs[task])


def legs_by_task(log: str) -> dict[str, list[float]]:
    """Return how long the processes of each task ran, from the log of the LocalExecutor."""
    found: dict[str, list[float]] = defaultdict(list)
    for seconds, task in FINISHED.findall(log):
        found[task].append(float(seconds))
    return found


@cache
def measured(runs: int = 60, peers: int = 8, heartbeat: int | None = None) -> list[Timed]:
    """Let runs of ours and of the peers go on side by side.

    :param runs: of ours.
    :param peers: runs of each peer.
    :param heartbeat: `[workers] min_heartbeat_interval`; None: Airflow's default.
    """
    wanted = wanted_of_ours(runs) + wanted_of_peers(peers)
    random.Random(1).shuffle(wanted)  # noqa: S311 - a measurement
    warm = [Wanted(dag, f"{dag}-warm", 1, str(uuid.uuid4())) for dag in sorted({each.dag for each in wanted})]
    checks = [
        Check(id=each.check, name=each.run, seconds=each.seconds) for each in wanted + warm if each.check
    ]
    least = {} if heartbeat is None else {"AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": str(heartbeat)}
    with airflow_beside(checks, least) as (airflow, checkly):
        api = Api(airflow.url)
        let_run(airflow, api, warm)
        states = let_run(airflow, api, wanted)
        time.sleep(LAST_WORDS)
        legs = legs_by_task((airflow.logs / "scheduler.log").read_text())
        ends = {each.check.id: each.stopped_at for each in checkly.sessions}
        return [timed(api, each, state, ends, legs) for each, state in states.items()]


@contextmanager
def airflow_beside(
    checks: Sequence[Check], settings: Mapping[str, str]
) -> Iterator[tuple[Deployment, Emulator]]:
    """Run an Airflow, a Checkly and a server of the peers."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(checks=checks) as checkly,
        twin(certificate=(certificate := certified(Path(folder)))) as peers,
        database(Path(folder)) as address,
    ):
        known = connections(checkly, peers, certificate) | dict(settings) | {DATABASE: address}
        home = Path(folder) / "airflow"
        with Deployment(home, [HERE / "dags" / "waiting.py"], known) as airflow:
            airflow.wait_for_dag(PEERS[-1])
            yield airflow, checkly


def main() -> None:
    """Say how the runs of ours went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--peers", type=int, default=0)
    parser.add_argument("--heartbeat", type=int)
    options = parser.parse_args()
    found = measured(options.runs, options.peers, options.heartbeat)
    for each in sorted(found, key=lambda each: (each.wanted.dag, each.wanted.seconds)):
        legs = " + ".join(f"{leg:.1f}" for leg in each.legs)
        print(
            f"{each.wanted.dag:8} {each.wanted.seconds:6.2f} s {each.state:8} "
            f"whole {each.whole:6.2f}  late {each.late:6.2f}  slot {legs}"
        )
    late = [each.late for each in found if each.wanted.dag == OURS]
    failed = sum(each.state != "success" for each in found)
    print(f"{len(found)} runs, {failed} failed; late {fmean(late):.2f} s, p95 {percentile(late, 0.95):.2f} s")


if __name__ == "__main__":
    main()
