"""Two triggerers, the CeleryExecutor with two workers, PostgreSQL, Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from e2e import crashes, outages, reasons, users
from e2e.stage import nothing_more

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from e2e.stage import Stage

DEPLOYMENT: Final = "celery"

CALM: Final = [
    users.mark_failed,
    users.mark_failed_slowly,
    users.clear_deferred,
    users.clear_one_of_mapped,
    users.end_on_worker,
    crashes.kill_before_deferral,
    crashes.kill_supervisor_before_deferral,
    crashes.kill_after_resume,
    crashes.kill_on_worker,
    reasons.tell_why_deferred,
]


@pytest.mark.parametrize("calm", CALM, ids=lambda scenario: scenario.__name__)
def test_side_by_side(
    calm: Callable[[Stage], None], company: dict[Callable[[Stage], None], Future[None]]
) -> None:
    company[calm].result()


def test_many_at_once(stage: Stage) -> None:
    outages.many_at_once(stage)


@pytest.mark.parametrize("patience", [0, 30], ids=["SIGKILL", "SIGTERM"])
def test_triggerer_ends(stage: Stage, patience: float) -> None:
    outages.end_triggerer(stage, "triggerer-1", patience, successor="triggerer-2")


def test_triggerer_freezes(stage: Stage) -> None:
    outages.freeze_triggerer(stage, "triggerer-2")


def test_worker_dies_before_deferral(stage: Stage) -> None:
    outages.kill_worker_before_deferral(stage)


def test_worker_dies_after_deferral(stage: Stage) -> None:
    outages.kill_worker_after_deferral(stage)


def test_worker_dies_after_resume(stage: Stage) -> None:
    outages.kill_worker_after_resume(stage)


def test_api_restarts(stage: Stage) -> None:
    outages.restart_api(stage)


def test_checkly_is_down(stage: Stage) -> None:
    outages.lose_checkly(stage)


def test_window(stage: Stage) -> None:
    crashes.kill_in_the_window(stage)


def test_nothing_more(stage: Stage) -> None:
    nothing_more(stage)


def test_key_is_kept(stage: Stage) -> None:
    reasons.keep_the_key(stage)
