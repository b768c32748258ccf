"""The heartbeat notifier, against the emulator over HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import BaseHook, BaseNotifier, Connection
from airflow_runner import TaskInstance

from airflow_provider_checkly.api import pings
from airflow_provider_checkly.emulator.default_checks import HEARTBEAT
from airflow_provider_checkly.exceptions import InvalidInput
from airflow_provider_checkly.notifications import ChecklyHeartbeatNotifier, address, source

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator


@dataclass
class Dag:
    dag_id: str = "etl"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pings, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def url(checkly: Emulator) -> str:
    (check,) = [check for check in checkly.model.checks if check.id == HEARTBEAT]
    return checkly.ping_url(check)


def of_task() -> Any:
    ti = TaskInstance(dag_id="etl", run_id="manual__2026-01-01T00:00:00+00:00", task_id="load")
    return {"ti": ti, "dag": None, "params": {"part": "ping"}}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_task_pings(checkly: Emulator, url: str, method: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        ChecklyHeartbeatNotifier(url, method=method)(of_task())
    (ping,) = checkly.pings
    assert ping.method == method
    assert ping.source == "airflow/etl/manual__2026-01-01T00:00:00+00:00/load"
    assert "Pinged the heartbeat monitor at Checkly." in caplog.text
    assert HEARTBEAT not in "".join(
        record.getMessage() for record in caplog.records if "airflow_p" in record.name
    )


def test_a_dag_pings_and_the_url_is_a_template(checkly: Emulator, url: str) -> None:
    templated = url.replace("/ping/", "/{{ params.part }}/")
    context: Any = {"dag": None, "run_id": "r", "params": {"part": "ping"}}
    notifier = ChecklyHeartbeatNotifier(templated)
    notifier(context)
    assert [ping.source for ping in checkly.pings] == ["airflow/r"]
    dag: Any = Dag()
    assert source({"dag": dag, "run_id": "r"}) == "airflow/etl/r"
    assert source({}) == "airflow"


@pytest.mark.parametrize("field", ["password", "host"])
def test_the_url_of_a_connection(
    checkly: Emulator, url: str, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BEAT", json.dumps({"conn_type": "generic", field: url}))
    ChecklyHeartbeatNotifier(checkly_heartbeat_conn_id="beat")(of_task())
    assert len(checkly.pings) == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"password": "abc"}, "https://ping.checklyhq.com/abc"),
        ({"password": "/abc", "host": "ping.checklyhq.com"}, "https://ping.checklyhq.com/abc"),
        ({"password": "abc", "host": "http://localhost:1/ping/"}, "http://localhost:1/ping/abc"),
        ({"password": "https://x/abc", "host": "y"}, "https://x/abc"),
        ({"host": "https://x/abc"}, "https://x/abc"),
        ({}, "https://ping.checklyhq.com/"),  # refused, since it has no token
        (
            {"conn_type": "https", "host": "ping.checklyhq.com", "schema": "abc"},
            "https://ping.checklyhq.com/abc",
        ),
        (
            {"conn_type": "http", "host": "localhost", "port": 3000, "schema": "ping/abc"},
            "http://localhost:3000/ping/abc",
        ),
        ({"host": "ping.checklyhq.com/abc"}, "https://ping.checklyhq.com/abc"),
        ({"host": "http://localhost:3000", "port": 3000, "password": "abc"}, "http://localhost:3000/abc"),
        ({"password": " abc\n"}, "https://ping.checklyhq.com/abc"),
        ({"password": "ping.checklyhq.com/abc"}, "https://ping.checklyhq.com/abc"),
        ({"password": "abc", "port": 8443}, "https://ping.checklyhq.com:8443/abc"),
        ({"host": "::1", "port": 3000, "password": "abc"}, "https://[::1]:3000/abc"),
        ({"host": "[::1]", "password": "abc"}, "https://[::1]/abc"),
        # as Airflow's own connections of type http are
        ({"conn_type": "http", "host": "x", "schema": "https", "password": "abc"}, "https://x/abc"),
        ({"conn_type": "http", "host": "x/abc", "schema": "https"}, "https://x/abc"),
        ({"conn_type": "http", "host": "https://x/abc", "schema": "https"}, "https://x/abc"),
        ({"conn_type": "checkly", "password": "abc"}, "https://ping.checklyhq.com/abc"),
    ],
)
def test_the_address_of_a_connection(fields: dict[str, Any], expected: str) -> None:
    assert address(Connection(**{"conn_id": "x", "conn_type": "generic", **fields})) == expected


def test_a_connection_that_is_a_url(checkly: Emulator, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BEAT", url)
    ChecklyHeartbeatNotifier(checkly_heartbeat_conn_id="beat")(of_task())
    assert len(checkly.pings) == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://ping.checklyhq.com/abc", "https://ping.checklyhq.com/abc"),
        ("HTTPS://PING.CHECKLYHQ.COM/abc/", "https://ping.checklyhq.com/abc"),
        ("//ping.checklyhq.com/abc", "https://ping.checklyhq.com/abc"),
        ("https://:abc@ping.checklyhq.com", "https://ping.checklyhq.com/abc"),
        ("generic://:abc@", "https://ping.checklyhq.com/abc"),
        ("http://[::1]:3000/ping/abc", "http://[::1]:3000/ping/abc"),
        ("http://[::1]/abc", "http://[::1]/abc"),
        ("http://:abc@ping.checklyhq.com/https", "https://ping.checklyhq.com/abc"),
    ],
)
def test_the_address_of_a_uri(given: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BEAT", given)
    assert address(BaseHook.get_connection("beat")) == expected


API = {"conn_type": "checkly", "login": "account-1", "password": "cu_secret0123456789"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("ping.checklyhq.com/abc", "its URL has no scheme"),
        ("abc-secret", "its URL has no scheme"),
        ("/abc-secret", "its URL has no scheme"),
        ("https://me:secret@ping.checklyhq.com/abc", "it has both a password and a path (schema)"),
        (
            {"conn_type": "http", "host": "http://x/ping", "port": 1, "password": "secret"},
            "its port does not",
        ),
        (
            {"conn_type": "http", "host": "http://x:80", "port": 443, "password": "secret"},
            "its port does not",
        ),
        (
            {"conn_type": "http", "host": "http://x:secret", "port": 1, "password": "abc"},
            "its host is not valid",
        ),
        (
            {"conn_type": "http", "host": "http://[::1", "password": "secret", "port": 1},
            "its host is not valid",
        ),
        (API, "it holds an API key, which is not sent"),
        (API | {"host": "https://api.checklyhq.com"}, "it holds an API key, which is not sent"),
    ],
)
def test_a_connection_that_could_mean_another_address_is_refused(
    given: Any, why: str, checkly: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named, but nothing of it is shown or sent."""
    monkeypatch.setenv("AIRFLOW_CONN_BEAT", given if isinstance(given, str) else json.dumps(given))
    ChecklyHeartbeatNotifier(checkly_heartbeat_conn_id="beat")(of_task())
    assert f"The heartbeat was not pinged: Connection 'beat': {why}" in caplog.text
    assert (
        "Set its password to the whole ping URL, https://ping.checklyhq.com/ followed by a t" in caplog.text
    )
    assert "secret" not in caplog.text
    assert checkly.requests == []


def test_it_waits_in_a_triggerer_without_blocking(checkly: Emulator, url: str) -> None:
    asyncio.run(ChecklyHeartbeatNotifier(url).async_notify(of_task()))
    assert len(checkly.pings) == 1


TROUBLE: dict[str, tuple[dict[str, Any], int, int]] = {
    "once": ({"status": 503}, 2, 1),
    "too many": ({"status": 429}, 2, 1),
    "gone": ({"drop": "before"}, 2, 1),
    "always": ({"status": 503, "times": None}, 4, 0),
    "refused": ({"status": 403}, 1, 0),
    "moved": ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, 1, 0),
}


@pytest.mark.parametrize(("fault", "tries", "arrived"), TROUBLE.values(), ids=TROUBLE.keys())
def test_an_error_never_fails_the_task(
    checkly: Emulator, url: str, caplog: pytest.LogCaptureFixture, *, fault: Any, tries: int, arrived: int
) -> None:
    checkly.fail(path="/ping/", **fault)
    with caplog.at_level(logging.DEBUG):
        ChecklyHeartbeatNotifier(url)(of_task())
    assert len(checkly.requests) == tries
    assert len(checkly.pings) == arrived
    lines = [record for record in caplog.records if record.name == "airflow_provider_checkly.notifications"]
    assert [record.levelname for record in lines] == ["INFO" if arrived else "ERROR"]
    assert HEARTBEAT not in lines[0].getMessage()


def test_a_hanging_server_is_not_waited_for(
    checkly: Emulator, url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pings, "SECONDS_PER_TRY", 0.2)
    monkeypatch.setattr(pings, "MAX_SECONDS", 0.3)
    checkly.fail(path="/ping/", delay=5, times=None)
    ChecklyHeartbeatNotifier(url)(of_task())
    assert "did not reach Checkly (ReadTimeout)" in caplog.text
    assert HEARTBEAT not in caplog.text
    assert len(checkly.requests) <= 2


@pytest.mark.parametrize(
    "url",
    [
        "",
        "None",
        "x",
        "https://",
        "https://ping.checklyhq.com/",
        "ftp://x/y",
        "https://[x/y",
        "https://x/y z",
        "https://ping.checklyhq.com@evil.example/y",
        "https://me:pw@ping.checklyhq.com/y",
        "https://x:y/z",
        "https://x:0/z",
    ],
)
def test_a_wrong_url_is_not_shown(url: str, caplog: pytest.LogCaptureFixture) -> None:
    ChecklyHeartbeatNotifier(url)(of_task())
    assert "The ping URL of the heartbeat is not valid" in caplog.text
    assert not url or f"{url!r}" not in caplog.text


def test_an_unknown_connection(caplog: pytest.LogCaptureFixture) -> None:
    ChecklyHeartbeatNotifier(checkly_heartbeat_conn_id="no_such_connection")(of_task())
    assert "The heartbeat was not pinged: " in caplog.text
    assert "no_such_connection" in caplog.text


def test_arguments() -> None:
    wrong: Any = "PUT"
    for arguments in ({}, {"url": "x", "checkly_heartbeat_conn_id": "y"}, {"url": "x", "method": wrong}):
        with pytest.raises(InvalidInput):
            ChecklyHeartbeatNotifier(**arguments)
    notifier = ChecklyHeartbeatNotifier("https://x/secret")
    assert isinstance(notifier, BaseNotifier)
    assert "secret" not in repr(pings.Ping("https://x/secret", "GET", "s"))
    assert pings.Ping("https://x/y", "GET", "ä\r\nx: y").headers()["Origin"] == "%C3%A4%0D%0Ax: y"


def test_importing_the_notifier_loads_no_http_library() -> None:
    code = (
        "import sys; from airflow.providers.common.compat.sdk import BaseHook, BaseNotifier\n"
        "before = set(sys.modules); import airflow_provider_checkly.notifications\n"
        "print(sorted({'aiohttp', 'requests'} & set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.splitlines()[-1] == "[]", done.stdout
