"""The hook's methods for single results, each with its twin."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_checkly.exceptions import InvalidInput
from airflow_provider_checkly.hooks import ChecklyHook

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator import Emulator

FAILS = "c0000000-0000-4000-8000-000000000003"
METHODS = [
    "get_check",
    "get_check_result",
    "get_check_result_assets",
    "get_test_session_result",
    "get_error_group",
]


@pytest.fixture
def known(checkly: Emulator) -> dict[str, tuple[str, ...]]:
    """Arguments for each method."""
    hook = ChecklyHook()
    (started,) = hook.trigger_check_sessions(FAILS)
    (session,) = hook.wait_for_check_sessions(str(started["checkSessionId"]), 20)
    test: Any = hook.trigger_test_session(name="mine", run_location="eu-central-1", check_ids=FAILS)
    ended: Any = hook.wait_for_test_sessions(str(test["testSessionId"]), 20)
    result: Any = session["results"]
    own = (FAILS, result[-1]["checkResultId"])
    assert checkly.requests
    return {
        "get_check": (FAILS,),
        "get_check_result": own,
        "get_check_result_assets": own,
        "get_test_session_result": (ended["testSessionId"], ended["results"][-1]["testSessionResultId"]),
        "get_error_group": (str(hook.get_check_result(*own)["errorGroupIds"][0]),),  # type: ignore[index,call-overload]
    }


@pytest.mark.parametrize("name", METHODS)
def test_each_method_and_its_twin(known: dict[str, tuple[str, ...]], name: str) -> None:
    mine, twin = getattr(ChecklyHook(), name), getattr(ChecklyHook(), f"a{name}")
    assert str(inspect.signature(mine)) == str(inspect.signature(twin))
    found = mine(*known[name])
    assert isinstance(found, dict)
    assert asyncio.run(twin(*known[name])) == found
    with pytest.raises(InvalidInput):
        mine(*["x" for _ in known[name]])
