"""Checkly's own command line tool against the emulator, unchanged: what it understands, others will."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Protocol

import pytest

from airflow_provider_checkly.emulator import Emulator
from airflow_provider_checkly.emulator.trigger_requests import Target, TriggerRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLI = os.environ.get("CHECKLY_CLI") or shutil.which("checkly")
pytestmark = pytest.mark.skipif(
    not CLI, reason="no Checkly command line tool (CHECKLY_CLI, or checkly on PATH)"
)
ID = "c0000000-0000-4000-8000-0000000000{:02}".format


class Run(Protocol):
    def __call__(self, *arguments: str, api_key: str = ...) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(speed=50) as one:
        yield one


@pytest.fixture
def run(emulator: Emulator, tmp_path: Path) -> Run:
    def one(*arguments: str, api_key: str = emulator.api_key) -> subprocess.CompletedProcess[str]:
        names = {
            "CHECKLY_ENV": "local",
            "CHECKLY_API_URL": emulator.url,
            "CHECKLY_API_KEY": api_key,
            "CHECKLY_ACCOUNT_ID": emulator.account_id,
            "CHECKLY_NO_DOTENV": "1",
            "CHECKLY_SKIP_NEW_VERSION_CHECK": "1",
            "NO_COLOR": "1",
            "XDG_CONFIG_HOME": str(tmp_path),
        }
        assert CLI
        return subprocess.run(  # noqa: S603 - the tool that the caller named
            [CLI, *arguments],
            env={**os.environ, **names},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return one


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["whoami"], 0, "Checkly emulator"),
        (["checks", "run", "-t", "deploy-gate"], 0, "3 passed"),
        (["checks", "run", "-t", "deploy-gate-broken", "-o", "md"], 1, "1 failed"),
        (["checks", "run", "-t", "no-such-tag"], 1, "No matching checks were found."),
        (["api", "/v1/accounts/me"], 0, "Checkly emulator"),
    ],
)
def test_commands(run: Run, arguments: list[str], code: int, text: str) -> None:
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert text in done.stdout


def test_json_of_chosen_checks(run: Run) -> None:
    done = run("checks", "run", "--check-id", f"{ID(4)},{ID(5)},{ID(6)}", "-o", "json")
    statuses = {one["checkId"]: one["status"] for one in json.loads(done.stdout)["sessions"]}
    assert done.returncode == 1
    assert statuses == {ID(4): "DEGRADED", ID(5): "TIMED_OUT", ID(6): "CANCELLED"}


def test_cancel_a_suite_that_was_started_and_left(run: Run, emulator: Emulator) -> None:
    assert run("checks", "run", "-t", "e2e-stuck", "-d").returncode == 0
    session = emulator.sessions[-1]
    done = run("api", f"/v1/check-sessions/{session.id}/cancel", "-X", "POST", "-i")
    assert "204" in done.stdout
    assert emulator.sessions[-1].runs[0].outcome == "cancelled"


def test_a_wrong_key(run: Run) -> None:
    done = run("whoami", api_key="wrong")
    assert done.returncode == 1
    assert "Authentication failed" in done.stderr


@pytest.fixture(scope="module")
def failed(emulator: Emulator) -> tuple[str, str]:
    """Let a check fail, in a test session that is told to the command line tool and in a check session."""
    request = TriggerRequest("Told to the tool", "us-east-1", Target(ids=frozenset({ID(3)})))
    session = emulator.model.trigger_test(request)
    assert session
    emulator.model.trigger(request.target)
    time.sleep(0.2)
    return session.id, session.parts[0].runs[0].tries[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["-t", "deploy-gate", "-n", "Nightly"], 0, "checkly test-sessions get"),
        (
            ["--check-id", ID(9), "-l", "eu-west-1", "-e", "KEY=value", "--retries", "2"],
            0,
            "checkly test-sessions get",
        ),
        (["-t", "infra", "--private-location", "emulated-dc"], 0, "checkly test-sessions get"),
        (["-t", "infra", "-l", "the-moon"], 1, "unsupported location"),
        (["-t", "no-such-tag"], 1, "No matching checks were found."),
    ],
)
def test_trigger_and_leave(run: Run, emulator: Emulator, arguments: list[str], code: int, text: str) -> None:
    before = len(emulator.test_sessions)
    done = run("trigger", "--detach", *arguments)
    assert done.returncode == code, done.stderr
    assert text in done.stdout + done.stderr
    assert len(emulator.test_sessions) - before == (code == 0)
    assert done.returncode or emulator.test_sessions[-1].id in done.stdout


def test_what_a_trigger_hands_on(run: Run, emulator: Emulator) -> None:
    assert (
        run("trigger", "-d", "-t", "flaky", "-n", "Flaky one", "-e", "A=b", "--retries", "1").returncode == 0
    )
    request = emulator.test_sessions[-1].request
    assert (request.name, request.location, request.retries) == ("Flaky one", "eu-central-1", 1)
    assert [(one.key, one.value) for one in request.variables] == [("A", "b")]


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["list"], ["Told to the tool", "failed", "Inspect session"]),
        (
            ["list", "--search", "told to", "--status", "failed,passed", "--provider", "api"],
            ["Told to the tool"],
        ),
        (["list", "--search", "nothing like it"], ["No test sessions found."]),
        (["get", "{session}"], ["Told to the tool", "Checkout API"]),
        (["get", "{session}", "--watch"], ["Told to the tool", "failed"]),
        (
            ["get", "{session}", "--result", "{result}"],
            ["503 Service Unavailable", "STATUS_CODE", "us-east-1"],
        ),
    ],
)
def test_test_sessions(run: Run, failed: tuple[str, str], arguments: list[str], texts: list[str]) -> None:
    session, result = failed
    done = run("test-sessions", *(one.format(session=session, result=result) for one in arguments))
    assert done.returncode == 0, done.stderr + done.stdout
    assert [text for text in texts if text not in done.stdout] == [], done.stdout


def test_pages_of_test_sessions(run: Run, emulator: Emulator, failed: tuple[str, str]) -> None:
    emulator.model.trigger_test(TriggerRequest("Told later", "us-east-1", Target()))
    first = json.loads(run("test-sessions", "list", "--limit", "1", "-o", "json").stdout)
    cursor = first["pagination"]["nextId"]
    second = json.loads(
        run("test-sessions", "list", "--limit", "100", "--cursor", cursor, "-o", "json").stdout
    )
    assert first["data"][0]["name"] == "Told later"
    assert failed[0] in [one["id"] for one in second["data"]]


def test_an_error_group_of_a_test_session(run: Run, failed: tuple[str, str]) -> None:
    session = json.loads(run("test-sessions", "get", failed[0], "-o", "json").stdout)
    (group,) = session["errorGroupIds"]
    done = run("test-sessions", "get", failed[0], "--error-group", group)
    assert "received 503" in done.stdout
    assert "pending" in run("rca", "run", "-te", group).stdout


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["list"], ["16 total checks", "PLAYWRIGHT", "failing"]),
        (["list", "--tag", "infra", "--type", "TCP"], ["Database port", "Showing 1-1 of 1"]),
        (["list", "--status", "failing", "-o", "json"], ["Checkout API", '"totalPages": 1']),
        (["list", "--search", "no such name"], ["No checks matching"]),
        (["get", ID(3)], ["Checkout API", "failing", "RECENT RESULTS", "Assertion failed"]),
        (["get", ID(16)], ["Nightly load", "No recent results."]),
    ],
)
def test_checks(run: Run, failed: tuple[str, str], arguments: list[str], texts: list[str]) -> None:
    assert failed
    done = run("checks", *arguments)
    assert done.returncode == 0, done.stderr + done.stdout
    assert [text for text in texts if text not in done.stdout] == [], done.stdout


def test_a_result_with_its_attempts_and_files(run: Run, failed: tuple[str, str]) -> None:
    shown = json.loads(run("checks", "get", ID(3), "-o", "json").stdout)
    result = shown["results"][0]["id"]
    done = run("checks", "get", ID(3), "--result", result, "--include-attempts")
    assert done.returncode == 0, done.stderr
    assert "503 Service Unavailable" in done.stdout
    assert "ATTEMPTS" in done.stdout
    files = run("assets", "list", "--check-id", ID(3), "--result-id", result)
    assert "capture.pcap" in files.stdout
    own = run("assets", "list", "--test-session-id", failed[0], "--result-id", failed[1], "--type", "log")
    assert "job-log.txt" in own.stdout
    assert "capture.pcap" not in own.stdout


def test_a_root_cause_analysis(run: Run, failed: tuple[str, str]) -> None:
    assert failed
    (group,) = json.loads(run("checks", "get", ID(3), "-o", "json").stdout)["errorGroups"]
    done = run("rca", "run", "-e", group["id"], "--user-context", "since the deploy", "-o", "json")
    assert done.returncode == 0, done.stderr
    told = run("rca", "get", json.loads(done.stdout)["id"], "--watch")
    assert "no healthy instance" in told.stdout
    watched = run("rca", "run", "-e", group["id"], "--watch")
    assert "INFRA ERROR" in watched.stdout
    assert "no healthy instance" in run("checks", "get", ID(3), "--error-group", group["id"]).stdout


def test_no_root_cause_analysis_in_this_plan(run: Run, emulator: Emulator, failed: tuple[str, str]) -> None:
    assert failed
    emulator.fail(method="POST", path="root-cause", status=402)
    (group,) = json.loads(run("checks", "get", ID(3), "-o", "json").stdout)["errorGroups"]
    done = run("rca", "run", "-e", group["id"])
    assert done.returncode == 1
    assert "not available on your current plan" in done.stdout + done.stderr
