"""The API key is nowhere but in the connection and in the Authorization header."""

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
from airflow_provider_checkly.emulator.default_checks import FAILS, PASSES
from airflow_provider_checkly.exceptions import ChecklyError
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import ChecklyRunChecksOperator, ChecklyRunTestSessionOperator
from airflow_provider_checkly.sensors import ChecklyCheckSessionSensor

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "cu_canary0123456789abcdef"


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Emulator, io.StringIO]]:
    """An emulator, and what it and all loggers write, at DEBUG."""
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    root = logging.getLogger()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    root.addHandler(handler)
    with Emulator(speed=20, api_key=KEY, log=lambda record: print(record, file=output)) as checkly:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", checkly.connection_json)
        yield checkly, output
    root.removeHandler(handler)


def run_and_collect(task: Any, checkly: Emulator) -> list[object]:
    """Run a task to its end, kill it, and return all that it leaves behind."""
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
    left += [ti.xcom, store.values, pickle.dumps(task.hook), repr(task.hook), checkly.requests]
    left += [getattr(task, name) for name in task.template_fields]
    return left


TASKS: dict[str, Any] = {
    "operator": lambda **kwargs: ChecklyRunChecksOperator(task_id="t", check_ids=[PASSES, FAILS], **kwargs),
    "test session": lambda **kwargs: ChecklyRunTestSessionOperator(
        task_id="t", check_ids=[PASSES, FAILS], run_location="eu-central-1", **kwargs
    ),
    "sensor": lambda **kwargs: ChecklyCheckSessionSensor(
        task_id="t",
        check_session_ids=[
            str(s["checkSessionId"]) for s in ChecklyHook().trigger_check_sessions([PASSES, FAILS])
        ],
        **kwargs,
    ),
}
FAULTS: dict[str, dict[str, Any]] = {
    "none": {"method": "DELETE"},
    "401": {"status": 401},
    "dropped": {"drop": "before", "method": "POST"},
    "redirect": {"status": 302, "headers": {"Location": "http://127.0.0.1:9/elsewhere"}},
}


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.usefixtures("_defers_at_once")
def test_no_task_shows_the_key(
    task: Any, fault: dict[str, Any], logged: tuple[Emulator, io.StringIO], *, deferrable: bool
) -> None:
    checkly, output = logged
    operator = task(deferrable=deferrable)
    checkly.fail(**{"path": "sessions", "times": None, **fault})
    left = run_and_collect(operator, checkly)
    assert KEY not in repr(left)
    assert all(KEY.encode() not in each for each in left if isinstance(each, bytes))
    assert "sessions" in output.getvalue()
    assert KEY not in output.getvalue()


def test_no_copy_of_a_hook_has_the_key(logged: tuple[Emulator, io.StringIO]) -> None:
    """The key is in the settings and in the header, but in no repr."""
    checkly, _ = logged
    hook = ChecklyHook()
    hook.get_account()
    settings = connection.settings(hook.get_connection("checkly_default"))
    assert settings.credentials.api_key == KEY
    assert settings.credentials.headers()["Authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(settings)
    assert KEY not in repr(vars(pickle.loads(pickle.dumps(hook))))  # noqa: S301 - our own
    assert KEY not in json.dumps([record.headers for record in checkly.requests])


def test_a_redirect_is_not_followed(logged: tuple[Emulator, io.StringIO]) -> None:
    """The key stays with the host of the connection."""
    checkly, _ = logged
    with Emulator() as elsewhere:
        checkly.fail(path="accounts/me", status=307, headers={"Location": f"{elsewhere.url}/v1/accounts/me"})
        with pytest.raises(ChecklyError, match="host"):
            ChecklyHook().get_account()
        assert elsewhere.requests == []
