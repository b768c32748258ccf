from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_checkly.emulator import Check, Emulator

PATH = "/v1/maintenance-windows"
NOW = datetime.now(UTC)
WINDOW = {"name": "Deployment", "startsAt": NOW.isoformat(), "endsAt": (NOW + timedelta(hours=1)).isoformat()}


def create(client: Any, **fields: Any) -> Any:
    answer = client.post(PATH, {**WINDOW, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_the_life_of_a_window(client: Any) -> None:
    window = create(client, tags=["shop"], silenceAlertsTags=["shop"], description="Release 7")
    assert (window["name"], window["tags"], window["silenceAlertsTags"]) == ("Deployment", ["shop"], ["shop"])
    assert (window["pauseAllChecks"], window["silenceAllAlerts"], window["repeatUnit"]) == (
        False,
        False,
        None,
    )
    assert datetime.fromisoformat(window["startsAt"]) == NOW.replace(
        microsecond=NOW.microsecond // 1000 * 1000
    )
    assert window["updated_at"] is None
    path = f"{PATH}/{window['id']}"
    assert client.get(path).json() == window
    time.sleep(0.002)
    changed = client.ask("PUT", path, json={"name": "Release", "tags": []}).json()
    assert changed.pop("updated_at")
    expected = {**window, "name": "Release", "tags": []}
    assert changed == {name: value for name, value in expected.items() if name != "updated_at"}
    other = create(client, name="Other")
    assert [one["id"] for one in client.get(PATH).json()] == [window["id"], other["id"]]
    assert client.ask("DELETE", path).status_code == 204
    assert [client.ask(method, path, json={}).status_code for method in ("GET", "PUT", "DELETE")] == [404] * 3
    assert [one["id"] for one in client.get(PATH).json()] == [other["id"]]


@pytest.mark.parametrize(
    "fields",
    [
        {"startsAt": "2026-01-01", "endsAt": "2026-01-02"},
        {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-01T00:00:01.500+00:00"},
        {"repeatUnit": None},
        {
            "repeatUnit": "DAY",
            "repeatInterval": 365,
            "repeatEndsAt": "2030-01-01",
            "timezone": "America/New_York",
        },
        {"repeatInterval": None, "repeatEndsAt": None, "timezone": None, "description": None},
        {"name": "x" * 200, "description": "x" * 2000, "pauseAllChecks": True, "silenceAllAlerts": True},
        {"statusPageVisibility": {"enabled": False}},
    ],
)
def test_good_windows(client: Any, fields: dict[str, Any]) -> None:
    window = create(client, **fields)
    for name, value in fields.items():
        if name not in ("startsAt", "endsAt", "statusPageVisibility"):
            assert window[name] == value


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": ...}, '"name" is required.'),
        ({"name": ""}, '"name" must'),
        ({"name": "x" * 201}, '"name" must have up to 200 characters.'),
        ({"startsAt": ...}, '"startsAt" is required.'),
        ({"endsAt": None}, '"endsAt" must'),
        ({"endsAt": "soon"}, '"endsAt" must be a date in ISO 8601 format.'),
        ({"endsAt": NOW.isoformat()}, '"endsAt" must be later than startsAt.'),
        ({"tags": "shop"}, '"tags" must be an array'),
        ({"tags": [1]}, '"tags" must be an array of strings.'),
        ({"silenceAlertsTags": {}}, '"silenceAlertsTags" must'),
        ({"pauseAllChecks": 1}, '"pauseAllChecks" must be a boolean.'),
        ({"silenceAllAlerts": "no"}, '"silenceAllAlerts" must be a boolean.'),
        ({"repeatUnit": "NONE"}, '"repeatUnit" must be one of [DAY, WEEK, MONTH].'),
        ({"repeatInterval": 0}, '"repeatInterval" must be a number from 1 to 365.'),
        ({"repeatInterval": 1.5}, '"repeatInterval" must be an integer.'),
        ({"repeatEndsAt": "x"}, '"repeatEndsAt" must'),
        ({"timezone": "+05:00"}, '"timezone" must be a named IANA time zone.'),
        ({"description": "x" * 2001}, '"description" must have up to 2000 characters.'),
    ],
)
def test_bad_windows_are_400_and_name_the_field(visitor: Any, fields: dict[str, Any], text: str) -> None:
    body = {name: value for name, value in {**WINDOW, **fields}.items() if value is not ...}
    answer = visitor.post(PATH, body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(text)
    assert visitor.get(PATH).json() == []


@pytest.mark.parametrize("body", [None, [], "x"])
def test_a_window_is_an_object(visitor: Any, body: Any) -> None:
    assert visitor.post(PATH, body).status_code == 400


@pytest.mark.parametrize(("window_id", "status"), [("0", 400), ("x", 400), ("-1", 400), ("99", 404)])
def test_unknown_windows(visitor: Any, window_id: str, status: int) -> None:
    answers = [visitor.ask(method, f"{PATH}/{window_id}", json={}) for method in ("GET", "PUT", "DELETE")]
    assert [answer.status_code for answer in answers] == [status] * 3


def test_a_bad_update_changes_nothing(client: Any) -> None:
    window = create(client)
    path = f"{PATH}/{window['id']}"
    for body in ({"endsAt": "2020-01-01"}, {"name": ""}, {"tags": 1}):
        assert client.ask("PUT", path, json=body).status_code == 400
    assert client.get(path).json() == window


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["a", "b", "c"]),
        ("limit=2", ["a", "b"]),
        ("limit=2&page=2", ["c"]),
        ("startsAt[gt]=2026-01-01", ["b", "c"]),
        ("startsAt[gte]=2026-01-01&endsAt[lt]=2026-03-02", ["a", "b"]),
        ("endsAt[lte]=2026-01-02", ["a"]),
    ],
)
def test_the_list(client: Any, query: str, names: list[str]) -> None:
    for month, name in enumerate("abc", 1):
        create(client, name=name, startsAt=f"2026-0{month}-01", endsAt=f"2026-0{month}-02")
    assert [one["name"] for one in client.get(f"{PATH}?{query}").json()] == names


@pytest.mark.parametrize("query", ["limit=0", "page=x", "startsAt[gt]=soon"])
def test_bad_lists_are_400(visitor: Any, query: str) -> None:
    assert visitor.get(f"{PATH}?{query}").status_code == 400


@pytest.mark.parametrize(
    ("scope", "silent"),
    [
        ({"silenceAlertsTags": ["shop"]}, {"Shop"}),
        ({"silenceAlertsTags": ["web"]}, {"Shop", "Search"}),
        ({"silenceAllAlerts": True}, {"Shop", "Search", "Other"}),
        ({"tags": ["shop"], "pauseAllChecks": True}, set()),
        ({"silenceAllAlerts": True, "startsAt": "2020-01-01", "endsAt": "2020-01-02"}, set()),
    ],
)
def test_a_window_silences_alerts(connect: Any, scope: dict[str, Any], silent: set[str]) -> None:
    rows: list[tuple[str, list[str], list[str]]] = [
        ("Shop", ["shop"], ["web"]),
        ("Search", ["web"], []),
        ("Other", [], []),
    ]
    checks = [
        Check(id=f"c0000000-0000-4000-8000-{number:012}", name=name, tags=tags, groupTags=groups)  # type: ignore[arg-type]
        for number, (name, tags, groups) in enumerate(rows)
    ]
    with Emulator(checks) as checkly:
        client = connect(checkly)
        window = create(client, **scope)
        for check in checks:
            checkly.set_status(check.id, "failing")
        time.sleep(0.01)
        assert client.ask("DELETE", f"{PATH}/{window['id']}").status_code == 204
        for check in checks:
            checkly.set_status(check.id, "passing")
        time.sleep(0.01)
        alerts = client.get("/v1/check-alerts").json()
    failures = {one["name"] for one in alerts if one["alertType"] == "ALERT_FAILURE"}
    assert failures == {check.name for check in checks} - silent
    assert len([one for one in alerts if one["alertType"] == "ALERT_RECOVERY"]) == len(checks)
