"""Watchers, waits for health and quiet deployments; two triggerers, the CeleryExecutor, PostgreSQL, Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from e2e import waiting, watching

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.stage import Stage

DEPLOYMENT: Final = "celery"
DAGS: Final = "health"

SCENARIOS: Final = [
    watching.fail_and_recover,
    watching.kill_and_change,
    watching.terminate_and_change,
    watching.take_over,
    watching.lose_checkly,
    watching.restart_everything,
    waiting.wait_through_a_kill,
    waiting.kill_a_wait,
    waiting.kill_the_setup,
    waiting.kill_a_deployment,
    waiting.kill_the_teardown,
    watching.two_kills,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_one_after_the_other(scenario: Callable[[Stage], None], stage: Stage) -> None:
    scenario(stage)
