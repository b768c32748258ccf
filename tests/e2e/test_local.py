"""One triggerer, the LocalExecutor, PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from e2e import crashes, outages, reasons, users
from e2e.stage import nothing_more

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from e2e.stage import Stage

DEPLOYMENT: Final = "local"

CALM: Final = [
    users.mark_failed,
    users.mark_failed_slowly,
    users.mark_success,
    users.mark_skipped,
    users.fail_the_run,
    users.clear_deferred,
    users.clear_deferred_slowly,
    users.clear_one_of_mapped,
    users.clear_the_run,
    users.clear_success,
    users.clear_failed,
    users.leave_running,
    users.end_sensor,
    users.end_on_worker,
    users.outwait_timeout,
    users.outwait_execution_timeout,
    users.retry_failed,
    crashes.kill_before_deferral,
    crashes.kill_supervisor_before_deferral,
    crashes.kill_after_resume,
    crashes.kill_on_worker,
    crashes.kill_after_clear,
    crashes.kill_mapped_then_clear,
    crashes.clear_neighbour_meanwhile,
    crashes.clear_while_running,
    crashes.fail_retrying,
    reasons.tell_why_deferred,
    reasons.tell_why_on_worker,
    reasons.tell_why_of_test_session,
]


@pytest.mark.parametrize("calm", CALM, ids=lambda scenario: scenario.__name__)
def test_side_by_side(
    calm: Callable[[Stage], None], company: dict[Callable[[Stage], None], Future[None]]
) -> None:
    company[calm].result()


def test_window(stage: Stage) -> None:
    crashes.kill_in_the_window(stage)


@pytest.mark.parametrize("patience", [0, 30], ids=["SIGKILL", "SIGTERM"])
def test_triggerer_ends(stage: Stage, patience: float) -> None:
    outages.end_triggerer(stage, "triggerer", patience)


def test_api_restarts(stage: Stage) -> None:
    outages.restart_api(stage)


def test_checkly_is_down(stage: Stage) -> None:
    outages.lose_checkly(stage)


def test_many_at_once(stage: Stage) -> None:
    outages.many_at_once(stage)


def test_short_deferrals(stage: Stage) -> None:
    outages.short_deferrals(stage)


def test_nothing_more(stage: Stage) -> None:
    nothing_more(stage)


def test_key_is_kept(stage: Stage) -> None:
    reasons.keep_the_key(stage)
