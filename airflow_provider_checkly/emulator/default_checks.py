"""The default checks of an emulator that is given none; their ids never change.

Two tags are made for gates: every check of `deploy-gate` passes, after 6 to 20 seconds; `deploy-gate-broken`
has one more, which fails. Beware of a trigger without a target: one of the suites never ends. The heartbeat
is not run but pinged at `/ping/<its id>`. Two checks run on schedule, too: the database port always passes,
the DNS of the shop fails for a minute every four minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from airflow_provider_checkly.emulator.checks import Check

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import CheckType, Outcome, Status

EU, US, SYDNEY = "eu-central-1", "us-east-1", "ap-southeast-2"


def check_id(number: int) -> str:
    """Return the id of the default check with that number."""
    return f"c0000000-0000-4000-8000-{number:012}"


# One check of each kind of outcome, by id.
PASSES: Final = check_id(1)
FAILS: Final = check_id(3)
DEGRADED: Final = check_id(4)
TIMES_OUT: Final = check_id(5)
CANCELLED: Final = check_id(6)
NEVER_ENDS: Final = check_id(7)
PASSES_SLOWLY: Final = check_id(9)
PASSES_ON_RETRY: Final = check_id(14)
DEACTIVATED: Final = check_id(15)
HEARTBEAT: Final = check_id(16)
# These two run on schedule, too.
ALWAYS_PASSING: Final = check_id(12)
FLAPPING: Final = check_id(13)


def _minutes(start: float) -> tuple[tuple[float, Status], tuple[float, Status]]:
    """Return three good minutes and a bad one."""
    return (start, "passing"), (start + 180, "failing")


# Name, type, outcome, seconds, failed tries, locations, tags, tags of its group; the numbers count from 1.
Row: TypeAlias = "tuple[str, CheckType, Outcome, float, int, tuple[str, ...], str, str]"
GATE: Final = "deploy-gate deploy-gate-broken"
ROWS: Final[tuple[Row, ...]] = (
    ("Homepage API", "API", "passed", 1, 0, (EU, US), "production smoke api", "web"),
    ("Homepage", "BROWSER", "passed", 2, 0, (EU,), "production smoke", "web"),
    ("Checkout API", "API", "failed", 2, 1, (EU,), "checkout api always-fails", "shop"),
    ("Product images", "BROWSER", "degraded", 2, 0, (US,), "production slow-images", "web"),
    ("Report export", "MULTI_STEP", "timed_out", 3, 0, (EU,), "reports", ""),
    ("Account suite", "PLAYWRIGHT", "cancelled", 3, 0, (EU,), "e2e-stopped", ""),
    ("Regression suite", "PLAYWRIGHT", "never", 1, 0, (EU,), "e2e-stuck", ""),
    ("Shop suite", "PLAYWRIGHT", "passed", 6, 0, (EU,), f"e2e checkout {GATE}", "shop"),
    ("Search API", "API", "passed", 8, 0, (EU,), f"api slow {GATE}", "web"),
    ("Sign-up flow", "MULTI_STEP", "passed", 20, 0, (EU, US), f"checkout {GATE}", "shop"),
    ("Payment API", "API", "failed", 4, 1, (EU, US), "deploy-gate-broken", "shop"),
    ("Database port", "TCP", "passed", 0.5, 0, (EU,), "production infra", ""),
    ("Shop DNS", "DNS", "passed", 0.5, 0, (EU,), "infra", ""),
    ("Status page", "URL", "passed", 2, 1, (SYDNEY,), "flaky", ""),
    ("Old homepage", "API", "passed", 1, 0, (EU,), "production smoke retired", ""),
    ("Nightly load", "HEARTBEAT", "passed", 1, 0, (EU,), "heartbeat", ""),
)
DAY: Final = 24 * 3600
TIMELINES: Final[dict[str, tuple[tuple[float, Status], ...]]] = {
    ALWAYS_PASSING: ((0, "passing"),),
    FLAPPING: tuple(step for start in range(0, DAY, 240) for step in _minutes(start)),
}


def _check(number: int, row: Row) -> Check:
    name, check_type, outcome, seconds, attempts, locations, tags, group_tags = row
    return Check(
        id=check_id(number),
        name=name,
        checkType=check_type,
        tags=tuple(tags.split()),
        groupTags=tuple(group_tags.split()),
        activated=check_id(number) != DEACTIVATED,
        locations=locations,
        seconds=seconds,
        outcome=outcome,
        attempts=attempts,
        timeline=TIMELINES.get(check_id(number), ()),
        every=60 if check_id(number) in TIMELINES else 0,
    )


DEFAULT_CHECKS: Final = tuple(_check(number, row) for number, row in enumerate(ROWS, 1))
