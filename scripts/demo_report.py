"""What a run of the demo came to: as a page of text, and whether it is as it should be."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from deployment_clients import FIRED

from airflow_provider_checkly.api import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.api.http import JsonObject

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
