"""For users' own tests: a fixture with the emulator, found by pytest through an entry point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_checkly.emulator import Emulator


def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Give a local Checkly with the default fleet, as the connection `checkly_default`.

    Checks take a tenth of their time. `checkly.requests` is what was asked, `checkly.fail(...)` sets a fault.
    """
    from airflow_provider_checkly.emulator import Emulator  # noqa: PLC0415 - only where it is used

    with Emulator(speed=10) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", emulator.connection_json)
        yield emulator


checkly = pytest.fixture(running, name="checkly")
