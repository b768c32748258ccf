"""What all tests share; Airflow reads its settings when it is imported, so they are set here first."""

from __future__ import annotations

import gc
import os
import tempfile

_home = tempfile.TemporaryDirectory(prefix="airflow-home-")
os.environ |= {
    "AIRFLOW_HOME": _home.name,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_home.name}/airflow.db",
    "NO_PROXY": "127.0.0.1,localhost",
    "no_proxy": "127.0.0.1,localhost",
}

from typing import TYPE_CHECKING  # noqa: E402

import hypothesis  # noqa: E402
import pytest  # noqa: E402
from virtual_clock import VirtualClock  # noqa: E402

from airflow_provider_checkly.emulator import Emulator  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator


hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


@pytest.fixture
def checkly(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """A local Checkly with the default checks, whose checks take a twentieth of their time."""
    with Emulator(speed=20) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", emulator.connection_json)
        yield emulator


@pytest.fixture
def _defers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tasks defer without a look, and triggers report without holding back."""
    monkeypatch.setenv("AIRFLOW__CHECKLY__INITIAL_WAIT", "0")
    monkeypatch.setattr("airflow_provider_checkly.airflow_workarounds.SETTLING_SECONDS", 0)
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "0")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """Pauses take no time, and last exactly as long as they say."""
    virtual = VirtualClock()
    virtual.install(monkeypatch)
    return virtual


@pytest.fixture
def _no_garbage_collection() -> Iterator[None]:
    """Let no finalizer run while deeply nested JSON is parsed: no stack would be left for it."""
    gc.disable()
    yield
    gc.enable()
