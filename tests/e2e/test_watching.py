"""Watchers, waits for health and quiet deployments; one triggerer, the LocalExecutor, SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from e2e import waiting, watching

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.stage import Stage

DEPLOYMENT: Final = "sqlite"
DAGS: Final = "health"

SCENARIOS: Final = [
    watching.fail_and_recover,
    watching.equal_arguments,
    watching.kill_and_change,
    watching.terminate_and_change,
    watching.freeze_and_change,
    watching.start_another,
    watching.lose_checkly,
    watching.restart_api,
    watching.restart_everything,
    waiting.wait_through_a_kill,
    waiting.kill_a_wait,
    waiting.kill_the_setup,
    waiting.kill_a_deployment,
    waiting.kill_the_teardown,
    watching.kill_in_the_window,
    watching.twenty_kills,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_one_after_the_other(scenario: Callable[[Stage], None], stage: Stage) -> None:
    scenario(stage)


@pytest.mark.parametrize("fails", [False, True])
def test_deployment(stage: Stage, fails: bool) -> None:  # noqa: FBT001 - pytest's
    waiting.deploy(stage, fails=fails)
