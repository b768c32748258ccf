"""Print which functions a deferred run goes through, file by file: a first walk through the code.

A line is a stay in one file: the functions that were called there, in order. The local Checkly of
`airflow_provider_checkly.emulator` responds in threads of its own, which are not shown.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import tempfile
from datetime import UTC, datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

    from airflow.triggers.base import BaseTrigger, TriggerEvent

PACKAGE = Path(__file__).resolve().parent.parent / "airflow_provider_checkly"
SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Trace:
    """The calls of a run, and how often it came back to a generator or coroutine."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.steps: list[str] = []
        self._known: dict[int, FrameType] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Count a call of a function of the package."""
        path, flags = Path(frame.f_code.co_filename), frame.f_code.co_flags
        is_function = flags & inspect.CO_OPTIMIZED  # bodies of modules and classes are not
        if event != "call" or not is_function or not path.is_relative_to(PACKAGE) or "emulator" in path.parts:
            return
        file = path.relative_to(PACKAGE).as_posix()
        self.steps.append(file)
        if flags & SUSPENDABLE:
            if id(frame) in self._known:
                return
            self._known[id(frame)] = frame
        self.calls.append((file, frame.f_code.co_name))


def moves(files: list[str]) -> int:
    """Return how often the file changes."""
    return sum(one != other for one, other in pairwise(files))


class TaskInstance:
    """What a task needs of its task instance."""

    dag_id, task_id, run_id, map_index, try_number, max_tries = "dag", "task", "run", -1, 1, 0
    start_date = datetime.now(UTC)

    def xcom_push(self, key: str, value: Any) -> None:
        """Forget the value."""


async def first_event(trigger: BaseTrigger) -> TriggerEvent:
    """Run a trigger up to its event."""
    return await anext(trigger.run())


def walk() -> Trace:
    """Run a check that passes, in a task that defers at once."""
    from airflow.providers.common.compat.sdk import TaskDeferred  # noqa: PLC0415 - its settings come first

    from airflow_provider_checkly.emulator import Emulator  # noqa: PLC0415
    from airflow_provider_checkly.emulator.default_checks import PASSES  # noqa: PLC0415
    from airflow_provider_checkly.operators import ChecklyRunChecksOperator  # noqa: PLC0415
    from airflow_provider_checkly.triggers import ChecklySessionTrigger  # noqa: PLC0415

    trace = Trace()
    context: Any = {"ti": TaskInstance()}
    with Emulator(speed=10) as emulator:
        os.environ["AIRFLOW_CONN_CHECKLY_DEFAULT"] = emulator.connection_json
        task = ChecklyRunChecksOperator(task_id="task", check_ids=PASSES, deferrable=True)
        sys.setprofile(trace)
        try:
            task.execute(context)
        except TaskDeferred as deferred:
            _, arguments = deferred.trigger.serialize()
        event = asyncio.run(first_event(ChecklySessionTrigger(**arguments)))
        task.resume_execution("execute_complete", {"event": event.payload}, context)
        sys.setprofile(None)
    return trace


def main() -> None:
    """Print the walk, and how long it is."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CHECKLY__INITIAL_WAIT": "0",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "0",
        }
        trace = walk()
    for file, calls in groupby(trace.calls, key=lambda call: call[0]):
        print(f"{file:28}{', '.join(name for _, name in calls)}")
    files = [file for file, _ in trace.calls]
    print(f"\n{len(set(files))} files; {moves(files)} moves between files, ", end="")
    print(f"{moves(trace.steps)} with returns to coroutines and generators")


if __name__ == "__main__":
    main()
