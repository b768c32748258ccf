"""The fixture for users' own tests, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from airflow_provider_checkly import pytest_plugin

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TEST = """
import os, sys
before = [name for name in sys.modules if name.startswith(("airflow", "aiohttp")) and "checkly" not in name]

def test_it(checkly):
    assert before == [], before
    assert checkly.url in os.environ["AIRFLOW_CONN_CHECKLY_DEFAULT"]
    assert checkly.requests == []
"""


def test_the_fixture_sets_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    started = pytest_plugin.running(monkeypatch)
    emulator = next(started)
    assert os.environ["AIRFLOW_CONN_CHECKLY_DEFAULT"] == emulator.connection_json
    assert list(started) == []


def test_the_fixture_is_found_and_loads_nothing_until_used(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TEST)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
