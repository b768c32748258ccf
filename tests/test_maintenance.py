from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, BaseOperator
from airflow_runner import TaskInstance, context
from status_account import CHECKS, READ_ONLY, requests

from airflow_provider_checkly.api.endpoints import Endpoint
from airflow_provider_checkly.api.http import Request
from airflow_provider_checkly.api.status_endpoints import objects
from airflow_provider_checkly.emulator import Emulator
from airflow_provider_checkly.exceptions import (
    ChecklyAuthError,
    ChecklyNotFound,
    ChecklyRefused,
    ChecklyUnreachable,
    InvalidInput,
)
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.operators import (
    ChecklyCreateMaintenanceWindowOperator,
    ChecklyDeleteMaintenanceWindowOperator,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOWS = "/v1/maintenance-windows"
READ_AND_RUN = "cu_read_and_run"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    keys: Any = {READ_ONLY: "read_only", READ_AND_RUN: "read_and_run"}
    with Emulator(CHECKS, keys=keys) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", emulator.connection_json)
        yield emulator


def create(**arguments: Any) -> ChecklyCreateMaintenanceWindowOperator:
    arguments.setdefault("silence_tags", ["shop"])
    return ChecklyCreateMaintenanceWindowOperator(task_id="quiet", **arguments)


def delete(window_id: Any) -> None:
    ChecklyDeleteMaintenanceWindowOperator(task_id="loud", window_id=window_id).execute(context())


def windows() -> list[Any]:
    return [*ChecklyHook().list_maintenance_windows()]


SCOPES: list[tuple[dict[str, Any], tuple[list[str], bool, list[str], bool]]] = [
    ({"silence_tags": "shop"}, ([], False, ["shop"], False)),
    (
        {"silence_tags": '["shop", "prod"]', "pause_tags": ["cart"]},
        (["cart"], False, ["shop", "prod"], False),
    ),
    ({"silence_tags": None, "pause_tags": {"cart"}}, (["cart"], False, [], False)),
    ({"silence_tags": None, "silence_all_alerts": True}, ([], False, [], True)),
    ({"silence_tags": None, "pause_all_checks": True}, ([], True, [], False)),
]


@pytest.mark.parametrize(("arguments", "scope"), SCOPES, ids=[str(row[0]) for row in SCOPES])
def test_a_window_around_a_deployment(account: Emulator, arguments: dict[str, Any], scope: Any) -> None:
    window_id = create(**arguments, max_duration=timedelta(minutes=30)).execute(context())
    (window,) = windows()
    assert window["id"] == window_id
    found = (window[key] for key in ("tags", "pauseAllChecks", "silenceAlertsTags", "silenceAllAlerts"))
    assert tuple(found) == scope
    starts, ends = (datetime.fromisoformat(window[key]) for key in ("startsAt", "endsAt"))
    assert ends - starts == timedelta(minutes=30)
    assert abs(datetime.now(UTC) - starts) < timedelta(seconds=60)
    assert window["name"] == "Airflow: dag run"
    assert window["description"] == "Opened by Airflow: DAG dag, task task, run run"
    (sent,) = (record.body for record in account.requests if record.method == "POST")
    assert "repeatUnit" not in json.dumps(sent)
    delete(window_id)
    assert windows() == []


def test_alerts_are_silent_meanwhile(account: Emulator) -> None:
    shop = CHECKS[0].id
    window_id = create().execute(context())
    account.set_status(shop, "failing")
    account.set_status(shop, "passing")
    delete(window_id)
    account.set_status(shop, "failing")
    alerts = ChecklyHook().send(_alerts())
    assert [each["alertType"] for each in alerts] == ["ALERT_FAILURE"]


def _alerts() -> Any:
    return Endpoint(Request("GET", "/v1/check-alerts"), objects)


def test_name_and_description_may_be_given(account: Emulator) -> None:
    create(name="Release 7" + "x" * 300, description="y" * 3000).execute(context())
    (window,) = windows()
    assert window["name"] == ("Release 7" + "x" * 300)[:200]
    assert window["description"].startswith("yyy")
    assert window["description"].endswith("\n\nOpened by Airflow: DAG dag, task task, run run")
    assert len(window["description"]) == 2000
    assert account.requests


@pytest.mark.usefixtures("account")
def test_name_and_description_may_be_numbers_as_templates_return_them() -> None:
    number: Any = 20261125
    create(name=number, description=number).execute(context())
    (window,) = windows()
    assert window["name"] == "20261125"
    assert window["description"].startswith("20261125\n\n")


@pytest.mark.parametrize("value", [["a"], b"a", datetime(2026, 1, 2, tzinfo=UTC)])
@pytest.mark.parametrize("argument", ["name", "description"])
def test_a_text_that_is_not_one_is_refused(account: Emulator, argument: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=rf"^{argument} .* {type(value).__name__}"):
        create(**{argument: value}).execute(context())
    assert account.requests == []


def test_a_retry_continues_with_its_own_window(account: Emulator) -> None:
    other = create().execute(context(TaskInstance(task_id="quiet", run_id="other")))
    first = create(max_duration=timedelta(minutes=5)).execute(context())
    before = {window["id"]: window for window in windows()}
    again = create(max_duration=timedelta(minutes=5)).execute(context(TaskInstance(try_number=2)))
    assert again == first
    after = {window["id"]: window for window in windows()}
    assert after.keys() == {other, first}
    assert after[first]["endsAt"] > before[first]["endsAt"]
    assert after[other] == before[other]
    assert requests(account, WINDOWS, "POST") == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"dag_id": "a.b", "task_id": "c"}, {"dag_id": "a", "task_id": "b.c"}),
        ({"task_id": "t", "run_id": "x y"}, {"task_id": "t", "run_id": "y"}),
        ({"task_id": "t", "map_index": 1}, {"task_id": "t", "map_index": 11}),
        ({"dag_id": "ä"}, {"dag_id": "a"}),
    ],
    ids=str,
)
def test_a_retry_takes_no_window_of_another_task(
    account: Emulator, one: dict[str, Any], other: dict[str, Any]
) -> None:
    first = create().execute(context(TaskInstance(**one)))
    assert create().execute(context(TaskInstance(**other, try_number=2))) != first
    assert create().execute(context(TaskInstance(**one, try_number=2))) == first
    assert len(windows()) == 2
    assert account.requests


@pytest.mark.parametrize("map_index", [0, 1])
def test_mapped_tasks_have_their_own_windows(account: Emulator, map_index: int) -> None:
    first = create().execute(context(TaskInstance(map_index=1 - map_index)))
    second = create().execute(context(TaskInstance(map_index=map_index, try_number=2)))
    assert first != second
    assert account.requests


def test_a_try_after_the_window_was_deleted_opens_a_new_one(account: Emulator) -> None:
    first = create().execute(context())
    delete(first)
    assert create().execute(context(TaskInstance(try_number=2))) != first
    assert len(windows()) == 1
    assert account.requests


def test_a_window_that_has_ended_is_not_continued_with(account: Emulator) -> None:
    first = create().execute(context())
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    ChecklyHook().update_maintenance_window(first, {"startsAt": "2026-01-01T00:00:00.000Z", "endsAt": past})
    assert create().execute(context(TaskInstance(try_number=2))) != first
    assert account.requests


LOST: list[dict[str, Any]] = [
    {"status": 500, "processed": True},
    {"status": 503, "processed": True},
    {"drop": "after"},
    {"body": "<html>"},
    {"body": {}, "processed": True},
    {"body": {"id": None}, "processed": True},
    {"body": {"id": "x"}, "processed": True},
    {"body": [], "processed": True},
]


@pytest.mark.parametrize("fault", LOST, ids=str)
def test_a_window_whose_answer_was_lost_is_found(account: Emulator, fault: dict[str, Any]) -> None:
    account.fail(method="POST", path="maintenance-windows", **fault)
    window_id = create().execute(context())
    assert [window["id"] for window in windows()] == [window_id]
    assert requests(account, WINDOWS, "POST") == 1


@pytest.mark.parametrize(
    ("fault", "kind"), [({"status": 500}, ChecklyRefused), ({"drop": "before"}, ChecklyUnreachable)], ids=str
)
def test_a_window_that_was_not_opened_is_an_error_that_airflow_retries(
    account: Emulator, fault: dict[str, Any], kind: type[Exception]
) -> None:
    account.fail(method="POST", path="maintenance-windows", **fault)
    with pytest.raises(kind) as caught:
        create().execute(context())
    assert not isinstance(caught.value, AirflowFailException)
    assert windows() == []
    assert requests(account, WINDOWS, "POST") == 1


@pytest.mark.parametrize(
    "changes", [{"description": 5}, {"description": None}, {"endsAt": None}, {"endsAt": 7}]
)
def test_windows_of_others_may_hold_anything(account: Emulator, changes: dict[str, Any]) -> None:
    first = create().execute(context())
    odd = [{"id": first + 1, "name": "x", "startsAt": "x", "endsAt": "x", **changes}, *windows()]
    account.fail(method="GET", path="maintenance-windows", body=odd, times=None)
    assert create().execute(context(TaskInstance(try_number=2))) == first


def test_a_429_is_repeated(account: Emulator) -> None:
    account.fail(method="POST", path="maintenance-windows", status=429, headers={"Retry-After": "0"})
    create().execute(context())
    assert len(windows()) == 1
    assert requests(account, WINDOWS, "POST") == 2


@pytest.mark.parametrize("key", [READ_ONLY, READ_AND_RUN])
def test_a_key_that_may_not_write_is_told_which_role_it_needs(
    account: Emulator, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    window_id = create().execute(context())
    text = account.connection_json.replace(account.api_key, key)
    monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", text)
    with pytest.raises(ChecklyAuthError, match="needs an API key with the role Read & Write"):
        create().execute(context())
    with pytest.raises(ChecklyAuthError, match="needs an API key with the role Read & Write"):
        delete(window_id)


@pytest.mark.parametrize("window_id", [None, "", "None"])
def test_the_teardown_copes_with_a_window_that_never_was(account: Emulator, window_id: Any) -> None:
    delete(window_id)
    assert account.requests == []


def test_the_teardown_copes_with_a_window_that_is_gone(account: Emulator) -> None:
    window_id = create().execute(context())
    delete(str(window_id))
    delete(window_id)
    with pytest.raises(ChecklyNotFound):
        ChecklyHook().delete_maintenance_window(window_id)
    assert account.requests


def test_a_lost_answer_to_the_deletion_is_no_error(account: Emulator) -> None:
    window_id = create().execute(context())
    account.fail(method="DELETE", path="maintenance-windows", drop="after")
    delete(window_id)
    assert windows() == []


@pytest.mark.parametrize(
    "fault", [{"status": 404, "body": "<html>"}, {"status": 401}, {"status": 302}], ids=str
)
def test_the_teardown_fails_where_the_window_may_still_be_open(
    account: Emulator, fault: dict[str, Any]
) -> None:
    window_id = create().execute(context())
    account.fail(method="DELETE", path="maintenance-windows", times=None, **fault)
    with pytest.raises(ChecklyRefused):
        delete(window_id)
    assert len(windows()) == 1


@pytest.mark.parametrize(
    ("description", "start"), [(5, "5\n\n"), (" ", "Opened"), ("None", "Opened"), ("x ", "x\n\n")]
)
def test_what_a_description_may_render_to(account: Emulator, description: Any, start: str) -> None:
    task = create(description="{{ x }}")
    task.description = description
    task.execute(context())
    assert windows()[0]["description"].startswith(f"{start}")
    assert account.requests


@pytest.mark.parametrize("window_id", ["x", "-1", "1.5", True, [1], {"id": 1}, 1.5])
def test_a_window_id_that_cannot_be_one_is_refused(account: Emulator, window_id: Any) -> None:
    with pytest.raises(InvalidInput, match="window_id must be the id"):
        delete(window_id)
    assert account.requests == []


BAD: list[tuple[dict[str, Any], str]] = [
    ({"silence_tags": None}, "would apply to nothing"),
    ({"silence_tags": None, "pause_tags": None}, "would apply to nothing"),
    ({"silence_all_alerts": "yes"}, "silence_all_alerts must be True or False"),
    ({"pause_all_checks": 1}, "pause_all_checks must be True or False"),
    ({"max_duration": timedelta(seconds=59)}, "max_duration must be a timedelta"),
    ({"max_duration": timedelta(days=8)}, "max_duration must be a timedelta"),
    ({"max_duration": -timedelta(hours=1)}, "max_duration must be a timedelta"),
    ({"max_duration": 3600}, "max_duration must be a timedelta"),
    ({"max_duration": "1h"}, "max_duration must be a timedelta"),
    ({"max_duration": None}, "max_duration must be a timedelta"),
    ({"max_duration": float("nan")}, "max_duration must be a timedelta"),
    ({"max_duration": timedelta.max}, "max_duration must be a timedelta"),
    ({"max_duration": timedelta(0)}, "max_duration must be a timedelta"),
]


@pytest.mark.parametrize(("arguments", "text"), BAD, ids=[str(row[0]) for row in BAD])
def test_bad_arguments_are_refused_when_the_dag_is_read(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        create(**arguments)


@pytest.mark.parametrize("field", ["silence_tags", "pause_tags"])
@pytest.mark.parametrize("rendered", [None, "", "None", [], [""], ["!shop"], [["shop"]], 'x["', {"a": 1}])
def test_what_templates_may_render_to_is_refused_before_any_request(
    account: Emulator, field: str, rendered: Any
) -> None:
    task = create(**{"silence_tags": "shop", field: "{{ x }}"})
    setattr(task, field, rendered)
    if rendered == 'x["':
        task.execute(context())  # a tag is any text
        return
    with pytest.raises(InvalidInput, match=field):
        task.execute(context())
    assert account.requests == []


def test_an_empty_name_is_refused(account: Emulator) -> None:
    with pytest.raises(InvalidInput, match="name"):
        create(name=" ").execute(context())
    assert account.requests == []


def test_setup_and_teardown_in_a_dag() -> None:
    with DAG("deploy", schedule=None) as dag:
        window = create().as_setup()
        quiet = ChecklyDeleteMaintenanceWindowOperator(task_id="loud", window_id=window.output)  # type: ignore[arg-type]
        with quiet.as_teardown(setups=window):
            BaseOperator(task_id="release")
    assert dag.get_task("release").upstream_task_ids == {"quiet"}
    assert dag.get_task("loud").upstream_task_ids == {"quiet", "release"}
    assert dag.get_task("loud").is_teardown
