from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from status_account import ABSENT, CART, CHECKS, NEVER, OFF, SHOP, requests

from airflow_provider_checkly.api import maintenance_endpoints, status_endpoints
from airflow_provider_checkly.api.retry import should_retry
from airflow_provider_checkly.emulator import Check, Emulator
from airflow_provider_checkly.exceptions import ChecklyNotFound, ChecklyUnreachable, InvalidInput
from airflow_provider_checkly.hooks import ChecklyHook

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(CHECKS) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", emulator.connection_json)
        emulator.set_status(CART, "failing")
        yield emulator


LISTS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["Cart", "Never ran", "Shop", "Switched off"]),
    ({"tags": "shop"}, ["Cart", "Shop"]),
    ({"tags": ["shop", "prod"]}, ["Shop"]),
    ({"tags": [["shop", "!prod"], ["new"]]}, ["Cart", "Never ran"]),
    ({"tags": "!shop"}, ["Never ran", "Switched off"]),
    ({"status": "failing"}, ["Cart"]),
    ({"status": "failing", "tags": "prod"}, []),
    ({"check_type": "BROWSER"}, []),
    ({"search": "sHo"}, ["Shop"]),
]


@pytest.mark.parametrize(("arguments", "names"), LISTS, ids=[str(row[0]) for row in LISTS])
def test_list_checks(account: Emulator, arguments: dict[str, Any], names: list[str]) -> None:
    assert sorted(check["name"] for check in ChecklyHook().list_checks(**arguments)) == names
    assert account.requests


def test_all_pages_over_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [Check(id=f"{n:08d}-0000-4000-8000-000000000000", name=str(n)) for n in range(205)]
    with Emulator(checks) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", emulator.connection_json)
        assert len(ChecklyHook().list_checks()) == 205
        assert requests(emulator, "/v1/checks") == 3


def test_statuses(account: Emulator) -> None:
    hook = ChecklyHook()
    statuses = {status["checkId"]: status for status in hook.get_check_statuses()}
    assert set(statuses) == {SHOP, CART, NEVER, OFF}
    assert hook.get_check_status(CART) == statuses[CART]
    assert statuses[CART]["hasFailures"] is True
    with pytest.raises(ChecklyNotFound):
        hook.get_check_status(ABSENT)
    with pytest.raises(InvalidInput):
        hook.get_check_status("cart")
    account.fail(path="check-statuses", body="null")
    assert hook.get_check_status(CART) is None


def test_reports_and_analytics_agree(account: Emulator) -> None:
    hook = ChecklyHook()
    reports = {report["checkId"]: report["aggregate"]["successRatio"] for report in hook.get_reporting()}
    found = {each["checkId"]: each["availability"] for each in hook.get_analytics([SHOP, CART, NEVER])}
    assert found == {SHOP: 99.9, CART: 98.0, NEVER: None}
    assert (reports[SHOP], reports[CART]) == (99.9, 98.0)
    assert account.requests


def test_report_arguments(account: Emulator) -> None:
    end = datetime(2026, 11, 25, tzinfo=UTC)
    found = ChecklyHook().get_reporting(
        "last7Days", start=end - timedelta(hours=1), end=end, tags=["prod", "new"], deactivated=False
    )
    assert sorted(each["name"] for each in found) == ["Never ran", "Shop"]
    (record,) = account.requests
    assert record.query == {
        "quickRange": "last7Days",
        "from": "1795561200",
        "to": "1795564800",
        "deactivated": "false",
        "filterByTags": "prod,new",
    }


def test_maintenance_windows(account: Emulator) -> None:
    hook = ChecklyHook()
    body: Any = {"name": "x", "startsAt": "2026-01-01", "endsAt": "2026-01-02", "silenceAlertsTags": ["shop"]}
    window = hook.create_maintenance_window(body)
    assert hook.get_maintenance_window(window["id"]) == window
    assert hook.update_maintenance_window(window["id"], {"name": "y"})["name"] == "y"
    assert [each["name"] for each in hook.list_maintenance_windows()] == ["y"]
    hook.delete_maintenance_window(window["id"])
    assert hook.list_maintenance_windows() == []
    assert account.requests


@pytest.mark.parametrize(
    ("endpoint", "repeated"),
    [
        (maintenance_endpoints.create({}), False),
        (maintenance_endpoints.update(1, {}), True),
        (maintenance_endpoints.delete(1), True),
        (maintenance_endpoints.get(1), True),
        (status_endpoints.get_analytics([SHOP], "last7Days"), True),
        (status_endpoints.get_check_statuses(), True),
    ],
    ids=lambda value: str(getattr(value, "request", value)),
)
def test_only_what_may_be_done_twice_is_repeated(endpoint: Any, *, repeated: bool) -> None:
    lost = ChecklyUnreachable("no response")
    never_arrived = ChecklyUnreachable("no connection", maybe_processed=False)
    assert should_retry(endpoint.request, lost, 1) is repeated
    assert should_retry(endpoint.request, never_arrived, 1)


@pytest.mark.parametrize("ids", [[], [SHOP] * 101])
def test_analytics_take_one_to_a_hundred_checks(ids: list[str]) -> None:
    with pytest.raises(InvalidInput):
        status_endpoints.get_analytics(ids, "last7Days")
