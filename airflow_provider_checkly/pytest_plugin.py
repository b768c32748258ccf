"""The fixture `checkly_emulator` for users' own tests; pytest finds it through an entry point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_checkly.emulator import Emulator


@pytest.fixture
def checkly_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Start a local Checkly with the default checks, as the connection `checkly_default`.

    Checks take a tenth of their time. `checkly_emulator.requests` are the requests so far,
    `checkly_emulator.fail(...)` adds a fault.
    """
    from airflow_provider_checkly.emulator import Emulator  # noqa: PLC0415 - loaded only where it is used

    with Emulator(speed=10) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_CHECKLY_DEFAULT", emulator.connection_json)
        yield emulator
