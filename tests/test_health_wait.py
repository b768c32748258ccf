from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_checkly.api import reads
from airflow_provider_checkly.api.http import Response
from airflow_provider_checkly.arguments import Target
from airflow_provider_checkly.exceptions import NoMatchingChecks
from airflow_provider_checkly.gate.health import HealthResult, Requirement
from airflow_provider_checkly.health_wait import HealthWait

if TYPE_CHECKING:
    from airflow_provider_checkly.api.endpoints import Endpoint

A, B = (f"a000000{n}-0000-4000-8000-000000000000" for n in range(2))
IDS, TAGS, ALL = Target([A, B], []), Target([], [["shop"]]), Target([], [])


@dataclass
class Account:
    """Two checks, and a clock that the test moves."""

    failing: set[str] = field(default_factory=set)
    deactivated: set[str] = field(default_factory=set)
    checks: list[str] = field(default_factory=lambda: [A, B])
    now: float = 1000.0
    headers: dict[str, str] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)

    def wait(self, target: Target = IDS, **arguments: Any) -> HealthWait:
        requirement = Requirement(frozenset({"passing"}))
        return HealthWait(target, requirement, **arguments, clock=lambda: self.now)

    def look(self, wait: HealthWait) -> HealthResult:
        self.sent.clear()
        return reads.run(wait.look(), self.send)

    def send(self, endpoint: Endpoint[Any]) -> Any:
        self.sent.append(endpoint.request.path)
        if endpoint.request.path == "/v1/check-statuses":
            body: Any = [
                {"checkId": i, "hasFailures": i in self.failing, "hasErrors": False, "lastCheckRunId": "x"}
                for i in self.checks
            ]
        else:
            body = [{"id": i, "activated": i not in self.deactivated} for i in self.checks]
        return endpoint.read(Response(endpoint.request, 200, self.headers, json.dumps(body).encode()))


def test_a_look_at_ids_is_one_request_until_the_checks_look_healthy() -> None:
    account = Account(failing={A})
    wait = account.wait()
    for _ in range(3):
        assert account.look(wait).unhealthy == 1
        assert account.sent == ["/v1/check-statuses"]
        account.now += 3600
    account.failing = set()
    assert account.look(wait).is_met
    assert account.sent == ["/v1/check-statuses", "/v1/checks"]


def test_a_deactivated_check_is_not_healthy_until_it_is_activated() -> None:
    account = Account(deactivated={B})
    wait = account.wait()
    assert [each.reason for each in account.look(wait).checks if each.reason] == [
        "is deactivated, so its status is old"
    ]
    account.deactivated = set()
    account.now += 61
    assert account.look(wait).is_met


def test_deactivated_checks_with_a_tag_do_not_count() -> None:
    account = Account(failing={B}, deactivated={B})
    result = account.look(account.wait(TAGS))
    assert (result.count, result.is_met) == (1, True)


def test_tags_are_read_again_every_ten_minutes_and_before_the_end() -> None:
    account = Account(failing={A})
    wait = account.wait(TAGS)
    account.look(wait)
    assert account.sent == ["/v1/check-statuses", "/v1/checks"]
    account.now += 599
    account.look(wait)
    assert account.sent == ["/v1/check-statuses"]
    account.now += 2
    account.look(wait)
    assert account.sent == ["/v1/check-statuses", "/v1/checks"]
    account.now += 61
    account.failing = set()
    assert account.look(wait).is_met
    assert account.sent == ["/v1/check-statuses", "/v1/checks"]


def test_a_check_that_was_added_meanwhile_keeps_the_wait_from_ending() -> None:
    account = Account(failing={A}, checks=[A])
    wait = account.wait(TAGS)
    account.look(wait)
    account.failing, account.checks = {B}, [A, B]
    account.now += 61
    assert account.look(wait).unhealthy == 1


def test_all_checks_means_each_active_one() -> None:
    account = Account(failing={B})
    wait = account.wait(ALL)
    assert (account.look(wait).count, account.look(wait).unhealthy) == (2, 1)


def test_tags_that_match_nothing_end_the_wait() -> None:
    account = Account(checks=[])
    with pytest.raises(NoMatchingChecks):
        account.look(account.wait(TAGS))


def test_health_must_last() -> None:
    account = Account()
    wait = account.wait(for_seconds=100)
    assert account.look(wait).missing_seconds == 100
    account.now += 60
    assert account.look(wait).missing_seconds == 40
    account.failing = {A}
    account.now += 20
    assert account.look(wait).missing_seconds == 100
    account.failing = set()
    account.now += 20
    assert account.look(wait).missing_seconds == 100
    account.now += 100
    assert account.look(wait).is_met


def test_a_look_that_failed_starts_the_duration_anew() -> None:
    account = Account()
    wait = account.wait(for_seconds=100)
    account.look(wait)
    account.now += 90
    wait.interrupt()
    assert account.look(wait).missing_seconds == 100


def test_a_gap_between_looks_starts_the_duration_anew() -> None:
    account = Account()
    wait = account.wait(for_seconds=100, max_gap=50)
    account.look(wait)
    account.now += 50
    assert account.look(wait).missing_seconds == 50
    account.now += 51
    assert account.look(wait).missing_seconds == 100


MINUTES = 180


@pytest.mark.parametrize("lead", [MINUTES, -MINUTES, 0])
@pytest.mark.parametrize("is_own_time", [True, False])
def test_fresh_allows_for_another_clock_of_checkly(lead: int, *, is_own_time: bool) -> None:
    account = Account(headers={"date": formatdate(time.time() + lead)})
    now = time.time()
    wait = account.wait(is_own_time=is_own_time)
    wait.requirement = Requirement(frozenset({"passing"}), since=now)
    for _ in range(2):
        account.look(wait)
    assert wait.requirement.since == pytest.approx(now + (lead if is_own_time else 0), abs=30)
    assert wait.requirement.since is not None
    assert wait.requirement.since >= now + (lead if is_own_time else 0) or lead == 0
