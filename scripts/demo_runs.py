"""The two runs of the demo: start them, watch them, and report what happened, as text and as a verdict."""

from __future__ import annotations

import json
import platform
import re
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import requests
from deployment import VERSION, Deployment
from deployment_clients import FIRED, DeploymentError
from progress import TookTooLong

from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.http import Credentials
from airflow_provider_checkly.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from progress import Progress

    from airflow_provider_checkly.api.http import JsonObject

DAG_ID: Final = "checkly_gate_publish_on_checks"
DAG_FILE: Final = "example_dags/gate_publish_on_checks.py"
GATE: Final = "gate"
RUN_LIMIT: Final = 120
MEANING: Final = {
    "none": "not yet scheduled",
    "running": "running on a worker",
    "deferred": "deferred: the triggerer waits for the checks, no worker is held",
}
WIDTH: Final = 110
TAIL: Final = 12
"""Lines of a log that may tell why something went wrong."""


@dataclass(frozen=True, slots=True)
class Expected:
    """How a run should end."""

    meaning: str
    state: str
    tasks: dict[str, str]
    error: str = ""


EXPECTED: Final = {
    "deploy-gate": Expected("all pass", "success", {"gate": "success", "publish": "success"}),
    "deploy-gate-broken": Expected(
        "one fails",
        "failed",
        {"gate": "failed", "publish": "upstream_failed"},
        "ChecksFailed: 1 of 4 checks did not pass: Payment API FAILED.",
    ),
}
"""The runs, by the tag of their checks."""

NEXT: Final = """
The local Checkly has ended, so its links lead nowhere now. Next:
  make airflow     the same in Airflow's UI, with all example DAGs and a local Checkly whose links work
  docs/index.md    a gate in a project of your own, with pip alone; then with your account at Checkly"""

WARNING: Final = re.compile(r"(?: warning | WARNING - )(.*)")
"""An entry of the log, of Airflow 3 and of Airflow 2."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the gate DAG that has ended.

    :param looks: the states of its tasks, looked at again and again, each time with a moment in seconds.
    :param log: the log of its gate.
    """

    tag: str
    state: str
    looks: Sequence[tuple[float, dict[str, str]]]
    log: str
    xcom: dict[str, dict[str, Any]]
    sessions: Sequence[JsonObject]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.looks[-1][0] - self.looks[0][0]

    @property
    def tasks(self) -> dict[str, str]:
        """The states of its tasks at the end."""
        return self.looks[-1][1]

    def spent(self, task: str, state: str) -> float:
        """Return for how many seconds a task was seen in a state, since Airflow 3.0 and 3.1 count wrongly."""
        pairs = pairwise(self.looks)
        return sum(after - moment for (moment, tasks), (after, _) in pairs if tasks.get(task) == state)

    @property
    def fired(self) -> bool:
        """Whether the gate's log holds the event of its trigger."""
        return bool(FIRED.search(self.log))

    @property
    def error(self) -> str:
        """What the gate failed with, "" where it did not."""
        found = re.findall(r"\bChecksFailed: .*", self.log)
        return found[-1] if found else ""


class DemoFailed(Exception):
    """Something was not as it should be; the text says what."""


def demo(progress: Progress, root: Path, scratch: Path) -> None:
    """Do everything, and print what it came to."""
    with Emulator() as checkly:
        progress(f"A local stand-in for Checkly answers at {checkly.url}")
        progress(
            f"Setting up a throw-away Airflow {VERSION}, default settings, in {scratch.relative_to(root)}"
        )
        settings = {"AIRFLOW_CONN_CHECKLY_DEFAULT": checkly.connection_json}
        deployment = Deployment(scratch, [root / DAG_FILE], settings, progress)
        try:
            with deployment as airflow:
                airflow.wait_for_dag(DAG_ID)
                runs = [run(airflow, checkly, progress, tag) for tag in EXPECTED]
        except (DeploymentError, TookTooLong) as problem:
            raise DemoFailed(f"{problem}\n\n{ends_of_logs(deployment.logs)}") from problem
    progress(f"Everything is ended. It was Airflow {VERSION} on Python {platform.python_version()}")
    print("", *[line for each in runs for line in page(each)], sep="\n")
    if found := [fault for each in runs for fault in faults(each)]:
        raise DemoFailed("\n".join(found))
    print("The run whose checks passed has published, the run with a failed check has not: as it should be.")
    print(NEXT)


def run(airflow: Deployment, checkly: Emulator, progress: Progress, tag: str) -> Run:
    """Run the DAG once, with the checks that carry a tag."""
    progress(f"Running the DAG {DAG_ID} with the checks tagged {tag}: {EXPECTED[tag].meaning}")
    airflow.client.trigger(DAG_ID, tag, {"tag": tag})
    looks = watch(airflow, tag)
    xcom = {task: airflow.client.xcom(DAG_ID, tag, task) for task in looks[-1][1]}
    return Run(
        tag=tag,
        state=airflow.client.state(DAG_ID, tag),
        looks=looks,
        log=airflow.client.log(DAG_ID, tag, GATE),
        xcom=xcom,
        sessions=sessions(checkly, xcom.get(GATE, {}).get("check_session_ids", [])),
    )


def watch(airflow: Deployment, run_id: str) -> list[tuple[float, dict[str, str]]]:
    """Look at the tasks of a run until it ends."""
    looks = []

    def pending() -> str:
        state = airflow.client.state(DAG_ID, run_id)
        tasks = airflow.client.tasks(DAG_ID, run_id)
        looks.append((time.monotonic(), tasks))
        return "" if state in {"success", "failed"} else doing(tasks)

    airflow.wait(pending, RUN_LIMIT)
    return looks


def doing(tasks: dict[str, str]) -> str:
    """Say what the tasks of a run do; those that wait for others are left out."""
    begun = {task: state for task, state in tasks.items() if state != "none"} or {GATE: "none"}
    return "  " + "; ".join(f"{task} {MEANING.get(state, state)}" for task, state in begun.items())


def sessions(checkly: Emulator, ids: Sequence[str]) -> list[JsonObject]:
    """Read check sessions as Checkly tells them."""
    account = Credentials(checkly.url, checkly.account_id, checkly.api_key)
    with requests.Session() as session:
        session.trust_env = False  # no proxy between two processes of one machine
        session.headers.update(account.headers())
        return [session.get(f"{checkly.url}/v2/check-sessions/{each}", timeout=10).json() for each in ids]


def ends_of_logs(folder: Path) -> str:
    """Return the last lines of all logs in a folder."""
    ends = {
        path: path.read_text("utf-8", "replace").splitlines()[-TAIL:] for path in sorted(folder.glob("*.log"))
    }
    return "\n".join(
        line for path, lines in ends.items() if lines for line in (f"-- the end of {path}", *map(cut, lines))
    )


# The report


def faults(run: Run) -> list[str]:
    """Return what is not as it should be, and where there is something, the end of the gate's log."""
    wanted = EXPECTED[run.tag]
    published = run.xcom.get("publish", {}).get("return_value") == "published"
    right = {
        f"its state is {run.state}": run.state == wanted.state,
        f"its tasks are not {wanted.tasks}": run.tasks == wanted.tasks,
        f"it has {'' if published else 'not '}published": published == (wanted.state == "success"),
        "its gate was never deferred": run.spent("gate", "deferred") > 0,
        "its gate's log shows no event of a trigger": run.fired,
        f"its gate's error is {run.error!r}": run.error == wanted.error,
        "its gate's log does not say why": not wanted.error
        or any("was 503" in line for line in reasons(run.log)),
        "it left no check sessions": bool(run.sessions),
    }
    found = [
        f"The run with the checks tagged {run.tag}: {fault}." for fault, holds in right.items() if not holds
    ]
    return [*found, "-- the end of the gate's log", *map(cut, run.log.splitlines()[-TAIL:])] if found else []


def page(run: Run) -> list[str]:
    """Return all there is to say about a run."""
    title = f"Run with the checks tagged {run.tag}: {run.state} after {run.seconds:.0f} s"
    return [
        title,
        "=" * WIDTH,
        *table(
            ("TASK", "STATE", "ON A WORKER", "DEFERRED"), [_task(task, run) for task in sorted(run.tasks)]
        ),
        *([cut(run.error)] if run.error else []),
        *reasons(run.log),
        "",
        *_sessions(run.sessions),
        "",
        *table(("XCOM OF", "KEY", "VALUE"), _xcom(run.xcom)),
        "",
    ]


def reasons(log: str) -> list[str]:
    """Return what a gate's log says of its decision and of why checks failed."""
    warnings = [found[1] for line in log.splitlines() if (found := WARNING.search(line))]
    if "Gate not passed:" not in warnings:
        return []
    return ["", "WHAT THE LOG OF THE GATE SAYS", *map(cut, warnings[warnings.index("Gate not passed:") :])]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Line texts up in columns; what is too wide is cut."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [cut("  ".join(map(str.ljust, line, widths)).rstrip()) for line in lines]


def cut(text: str) -> str:
    """Return a text that fits on one line."""
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def _task(task: str, run: Run) -> tuple[str, ...]:
    state, worker, deferred = run.tasks[task], run.spent(task, "running"), run.spent(task, "deferred")
    unseen = "under 1 s" if state in {"success", "failed"} else "-"  # it ran between two looks
    return task, state, _seconds(worker, unseen).rjust(11), _seconds(deferred, "-").rjust(8)


def _seconds(spent: float, unseen: str) -> str:
    return f"{spent:.1f} s" if spent else unseen


def _sessions(sessions: Sequence[JsonObject]) -> list[str]:
    """Return a table in which each session has a second line, whole whatever its width: its link."""
    head, *rows = table(("CHECK SESSION", "STATUS", "SECONDS", "PER LOCATION"), map(_session, sessions))
    pairs = zip(rows, sessions, strict=True)
    return [head, *[line for row, session in pairs for line in (row, f"  {models.link(session)}")]]


def _session(session: JsonObject) -> tuple[str, ...]:
    final = [result for result in models.results(session) if result.get("resultType") == "FINAL"]
    places = ", ".join(f"{result.get('runLocation')} {result.get('responseTime')} ms" for result in final)
    return models.label(session), models.status(session), f"{models.seconds(session) or 0:7.1f}", places


def _xcom(xcom: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(task, key, shown(value)) for task, pairs in xcom.items() for key, value in pairs.items()]


def shown(value: object) -> str:
    """Return a value on one line; a list begins with its length."""
    text = json.dumps(value)
    return f"{len(value)} x {text}" if isinstance(value, list) else text
