"""The fixture for users' own tests, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_checkly.emulator import Emulator

TEST = """
import os, sys
before = [name for name in sys.modules if name.startswith(("airflow", "aiohttp")) and "checkly" not in name]

def test_it(checkly_emulator):
    assert before == [], before
    assert checkly_emulator.url in os.environ["AIRFLOW_CONN_CHECKLY_DEFAULT"]
    assert checkly_emulator.requests == []
"""


def test_the_fixture_sets_the_connection(checkly_emulator: Emulator) -> None:
    assert os.environ["AIRFLOW_CONN_CHECKLY_DEFAULT"] == checkly_emulator.connection_json


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
