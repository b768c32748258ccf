"""A canary for a key: it must not sing anywhere but in the connection and the Authorization header."""

from __future__ import annotations

import io
import json
import logging
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow_runner import Store, TaskInstance, context, events, stored

from airflow_provider_checkly import connection
from airflow_provider_checkly.emulator import Emulator
from airflow_provider_checkly.exceptions import ChecklyError
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunChecksOperator, ChecklyRunTestSessionOperator
from airflow_provider_checkly.sensors import ChecklyCheckSessionSensor

if TYPE_CHECKING:
    from collections.abc import Iterator

CANARY = "cu_canary0123456789abcdef"
CHECKS = ["c0000000-0000-4000-8000-000000000001", "c0000000-0000-4000-8000-000000000003"]


@pytest.fixture
def birdcage(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Emulator, io.StringIO]]:
    """A Checkly whose key is the canary, and what all loggers and the emulator say, at DEBUG."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    root = logging.getLogger()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    root.addHandler(handler)
    with Emulator(speed=20, api_key=CANARY, log=lambda record: print(record, file=said)) as checkly:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", checkly.connection_json)
        yield checkly, said
    root.removeHandler(handler)


def everything(task: Any, faults: Emulator) -> list[object]:
    """Run a task through all its stations and return all that it leaves behind."""
    ti, store, left = TaskInstance(), Store(), []
    where = context(ti, store)
    try:
        left.append(task.execute(where))
    except TaskDeferred as deferred:
        left += [deferred.trigger.serialize(), repr(deferred), repr(vars(deferred.trigger))]
        left.append(pickle.dumps(stored(deferred.trigger).serialize()))
        (event,) = events(stored(deferred.trigger))
        left.append(event)
        try:
            left.append(task.execute_complete(where, event))
        except ChecklyError as error:
            left += [repr(error), repr(vars(error))]
    except ChecklyError as error:
        left += [repr(error), repr(vars(error)), repr(error.__cause__), repr(error.__context__)]
    task.on_kill()
    left += [ti.xcom, store.values, pickle.dumps(task.hook), repr(task.hook), faults.requests]
    left += [getattr(task, name) for name in task.template_fields]
    return left


TASKS: dict[str, Any] = {
    "operator": lambda **kwargs: ChecklyRunChecksOperator(task_id="t", check_ids=CHECKS, **kwargs),
    "test session": lambda **kwargs: ChecklyRunTestSessionOperator(
        task_id="t", check_ids=CHECKS, run_location="eu-central-1", **kwargs
    ),
    "sensor": lambda **kwargs: ChecklyCheckSessionSensor(
        task_id="t",
        check_session_ids=[str(s["checkSessionId"]) for s in ChecklyHook().trigger_check_sessions(CHECKS)],
        **kwargs,
    ),
}
FAULTS: dict[str, dict[str, Any]] = {
    "all well": {"method": "DELETE"},
    "401": {"status": 401},
    "dropped": {"drop": "before", "method": "POST"},
    "redirect": {"status": 302, "headers": {"Location": "http://127.0.0.1:9/elsewhere"}},
}


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.usefixtures("_defers_at_once")
def test_the_canary_stays_silent(
    task: Any, fault: dict[str, Any], birdcage: tuple[Emulator, io.StringIO], *, deferrable: bool
) -> None:
    """Pitfalls 17 and 18."""
    checkly, said = birdcage
    operator = task(deferrable=deferrable)
    checkly.fail(**{"path": "sessions", "times": None, **fault})
    left = everything(operator, checkly)
    assert CANARY not in repr(left)
    assert all(CANARY.encode() not in each for each in left if isinstance(each, bytes))
    assert "sessions" in said.getvalue()
    assert CANARY not in said.getvalue()


def test_a_connection_and_its_settings(birdcage: tuple[Emulator, io.StringIO]) -> None:
    """The key is where it belongs, and in no repr of ours; no copy of a hook takes it along."""
    checkly, _ = birdcage
    hook = ChecklyHook()
    hook.get_account()
    settings = connection.settings(hook.get_connection("checkly_default"))
    assert settings.credentials.api_key == CANARY
    assert settings.credentials.headers()["Authorization"] == f"Bearer {CANARY}"
    assert CANARY not in repr(settings)
    assert CANARY not in repr(vars(pickle.loads(pickle.dumps(hook))))  # noqa: S301 - our own
    assert CANARY not in json.dumps([record.headers for record in checkly.requests])


def test_no_other_host_is_asked(birdcage: tuple[Emulator, io.StringIO]) -> None:
    """A redirect is not followed: the key stays with the connection's host."""
    checkly, _ = birdcage
    with Emulator() as elsewhere:
        checkly.fail(path="accounts/me", status=307, headers={"Location": f"{elsewhere.url}/v1/accounts/me"})
        with pytest.raises(ChecklyError, match="host"):
            ChecklyHook().get_account()
        assert elsewhere.requests == []
