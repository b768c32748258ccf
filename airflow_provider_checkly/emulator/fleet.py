"""The default fleet: the checks of an emulator that was given none, with ids that never change.

Two tags are made for gates: every check of `deploy-gate` passes, after 6 to 10 seconds; `deploy-gate-broken`
is the same plus one that fails. Beware of a trigger without a target: one suite of the fleet never ends.
The heartbeat is never run: it is pinged at `/ping/<its id>`.
"""

from __future__ import annotations

from typing import Final

from airflow_provider_checkly.emulator.checks import Check

EU: Final = "eu-central-1"
US: Final = "us-east-1"


def check_id(number: int) -> str:
    """Give the id of the fleet's check with that number."""
    return f"c0000000-0000-4000-8000-{number:012}"


DEFAULT_FLEET: Final = (
    Check(
        id=check_id(1),
        name="Homepage answers",
        tags=("production", "smoke", "api"),
        groupTags=("web",),
        locations=(EU, US),
        seconds=1,
    ),
    Check(
        id=check_id(2),
        name="Homepage renders",
        checkType="BROWSER",
        tags=("production", "smoke"),
        groupTags=("web",),
        seconds=2,
    ),
    Check(
        id=check_id(3),
        name="Checkout total is right",
        tags=("checkout", "api", "always-fails"),
        groupTags=("shop",),
        seconds=2,
        outcome="failed",
        attempts=1,
    ),
    Check(
        id=check_id(4),
        name="Product images are quick",
        checkType="BROWSER",
        tags=("production", "slow-images"),
        groupTags=("web",),
        locations=(US,),
        seconds=2,
        outcome="degraded",
    ),
    Check(
        id=check_id(5),
        name="Report export",
        checkType="MULTI_STEP",
        tags=("reports",),
        seconds=3,
        outcome="timed_out",
    ),
    Check(
        id=check_id(6),
        name="Suite somebody stops",
        checkType="PLAYWRIGHT",
        tags=("e2e-stopped",),
        seconds=3,
        outcome="cancelled",
    ),
    Check(
        id=check_id(7),
        name="Suite that never ends",
        checkType="PLAYWRIGHT",
        tags=("e2e-stuck",),
        outcome="never",
    ),
    Check(
        id=check_id(8),
        name="Shop suite",
        checkType="PLAYWRIGHT",
        tags=("e2e", "checkout", "deploy-gate", "deploy-gate-broken"),
        groupTags=("shop",),
        seconds=6,
    ),
    Check(
        id=check_id(9),
        name="Search answers",
        tags=("api", "slow", "deploy-gate", "deploy-gate-broken"),
        groupTags=("web",),
        seconds=8,
    ),
    Check(
        id=check_id(10),
        name="From sign-up to first order",
        checkType="MULTI_STEP",
        tags=("checkout", "deploy-gate", "deploy-gate-broken"),
        groupTags=("shop",),
        locations=(EU, US),
        seconds=10,
    ),
    Check(
        id=check_id(11),
        name="Payment provider answers",
        tags=("deploy-gate-broken",),
        groupTags=("shop",),
        locations=(EU, US),
        seconds=4,
        outcome="failed",
        attempts=1,
    ),
    Check(
        id=check_id(12),
        name="Database port is open",
        checkType="TCP",
        tags=("production", "infra"),
        seconds=0.5,
    ),
    Check(
        id=check_id(13),
        name="Shop host resolves",
        checkType="DNS",
        tags=("infra",),
        seconds=0.5,
    ),
    Check(
        id=check_id(14),
        name="Status page after one retry",
        checkType="URL",
        tags=("flaky",),
        locations=("ap-southeast-2",),
        seconds=2,
        attempts=1,
    ),
    Check(
        id=check_id(15),
        name="Old homepage (deactivated)",
        tags=("production", "smoke", "retired"),
        activated=False,
    ),
    Check(
        id=check_id(16),
        name="Nightly load has run",
        checkType="HEARTBEAT",
        tags=("heartbeat",),
    ),
)
