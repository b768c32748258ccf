"""One triggerer, the LocalExecutor, SQLite: what needs nothing but Airflow, in a few minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from e2e import crashes, outages, reasons, users
from e2e.stage import nothing_more

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from e2e.stage import Stage

pytestmark = pytest.mark.quick
DEPLOYMENT: Final = "sqlite"

CALM: Final = [
    users.mark_failed_slowly,
    users.clear_deferred,
    users.clear_one_of_mapped,
    users.clear_success,
    users.end_on_worker,
    users.outwait_timeout,
    users.retry_failed,
    crashes.kill_before_deferral,
    crashes.kill_after_resume,
    reasons.tell_why_deferred,
    reasons.tell_why_on_worker,
    reasons.tell_why_of_test_session,
]


@pytest.mark.parametrize("calm", CALM, ids=lambda scenario: scenario.__name__)
def test_side_by_side(
    calm: Callable[[Stage], None], company: dict[Callable[[Stage], None], Future[None]]
) -> None:
    company[calm].result()


def test_triggerer_is_killed(stage: Stage) -> None:
    outages.end_triggerer(stage, "triggerer", patience=0)


def test_nothing_more(stage: Stage) -> None:
    nothing_more(stage)


def test_key_is_kept(stage: Stage) -> None:
    reasons.keep_the_key(stage)
