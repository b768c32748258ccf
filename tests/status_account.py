"""An account whose checks change their status when a test says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.emulator import Check

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator

SHOP, CART, NEVER, OFF = (f"a000000{n}-0000-4000-8000-000000000000" for n in range(4))
ABSENT: Final = "a0000009-0000-4000-8000-000000000000"
READ_ONLY: Final = "cu_read_only_key"
STARTS_PASSING: Final = ((0, "passing"),)

CHECKS: Final = (
    Check(id=SHOP, name="Shop", tags=("shop", "prod"), timeline=STARTS_PASSING, availability=99.9),
    Check(id=CART, name="Cart", tags=("shop",), timeline=STARTS_PASSING, availability=98.0),
    Check(id=NEVER, name="Never ran", tags=("new",)),
    Check(id=OFF, name="Switched off", tags=("prod",), activated=False, timeline=STARTS_PASSING),
)


def requests(emulator: Emulator, path: str = "/v1/check-statuses", method: str = "GET") -> int:
    """Return how many requests there were."""
    return sum(record.method == method and record.path == path for record in emulator.requests)
