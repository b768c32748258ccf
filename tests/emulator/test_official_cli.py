"""Checkly's own command line tool against the emulator, unchanged: what it understands, others will."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Protocol

import pytest

from airflow_provider_checkly.emulator import Emulator

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
