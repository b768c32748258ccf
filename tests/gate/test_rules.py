"""What a gate accepts, and how it counts."""

from __future__ import annotations

import copy
import pickle
from typing import Any
from uuid import UUID

import pytest
from session_documents import ID

from airflow_provider_checkly.arguments import FAIL_ON
from airflow_provider_checkly.exceptions import InvalidInput
from airflow_provider_checkly.gate import Gate
from airflow_provider_checkly.gate.rules import resolve

ONE = Gate(max_failed=1)

BAD: list[tuple[dict[str, Any], str]] = [
    ({"fail_on": ["PASSED"]}, "fail_on: 'PASSED'"),
    ({"fail_on": "NEW"}, "fail_on: 'NEW'"),
    ({"fail_on": ["FAILED", None]}, "fail_on: None"),
    ({"fail_on": "failed"}, "fail_on: 'failed'"),
    ({"min_passed_percent": -1}, "min_passed_percent .* not -1"),
    ({"min_passed_percent": 100.1}, "min_passed_percent .* not 100.1"),
    ({"min_passed_percent": float("nan")}, "min_passed_percent .* not nan"),
    ({"min_passed_percent": True}, "min_passed_percent .* not True"),
    ({"min_passed_percent": "90"}, "min_passed_percent .* not '90'"),
    ({"min_passed_percent": 10**400}, "min_passed_percent .* not 1000"),
    ({"max_failed": -1}, "max_failed .* not -1"),
    ({"max_failed": 1.5}, "max_failed .* not 1.5"),
    ({"max_failed": False}, "max_failed .* not False"),
    ({"max_response_time": -5}, "max_response_time .* not -5"),
    ({"max_response_time": 0}, "max_response_time .* not 0"),
    ({"max_response_time": float("nan")}, "max_response_time .* not nan"),
    ({"max_response_time": float("inf")}, "max_response_time .* not inf"),
    ({"max_response_time": 10**400}, "max_response_time .* not 1000"),
    ({"max_response_time": True}, "max_response_time .* not True"),
    ({"max_response_time": "2 s"}, "max_response_time .* not '2 s'"),
    ({"min_passed_percent": 90, "max_failed": 1}, "min_passed_percent=90 and max_failed=1 exclude"),
    ({"fail_on": [], "min_passed_percent": 50}, "need a status in fail_on"),
    ({"fail_on": [], "max_failed": 1}, "need a status in fail_on"),
    ({"fail_on": [], "warn_only": "x"}, "need fail_on or max_response_time"),
    ({"fail_on": [], "warn_only_tags": "x"}, "need fail_on or max_response_time"),
    ({"warn_only": [""]}, "warn_only contains an empty value \\(''"),
    ({"warn_only": "None"}, "warn_only contains an empty value \\('None'"),
    ({"warn_only": [None]}, "warn_only contains None"),
    ({"warn_only": [["a"]]}, "warn_only contains list"),
    ({"warn_only": 7}, "warn_only must be .* not 7"),
    ({"warn_only_tags": {"a": 1}}, "warn_only_tags must be"),
    ({"warn_only_tags": b"a"}, "warn_only_tags must be"),
    ({"warn_only_tags": [" "]}, "warn_only_tags contains an empty value \\(' '"),
]


@pytest.mark.parametrize(("arguments", "text"), BAD, ids=str)
def test_a_rule_that_cannot_work_is_refused_by_name(arguments: Any, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        Gate(**arguments)


def test_ids_and_names_may_be_uuid_objects_and_numbers() -> None:
    a_uuid: Any = UUID(ID(1))
    assert Gate(warn_only=a_uuid).warn_only == (ID(1),)
    assert Gate(warn_only=[a_uuid, "b"]).warn_only == (ID(1), "b")
    numbers: Any = [2026]
    assert Gate(warn_only_tags=numbers).warn_only_tags == ("2026",)


def test_every_failing_status_counts_for_every_kind_of_session() -> None:
    assert Gate().statuses == FAIL_ON == {"FAILED", "TIMED_OUT", "CANCELLED"}
    assert Gate(["FAILED", "TIMED_OUT"]).statuses == {"FAILED", "TIMED_OUT"}
    assert Gate([], max_response_time=1).statuses == frozenset()


def test_gate_or_fail_on() -> None:
    assert resolve(None, None) == Gate()
    assert resolve(None, ["FAILED"]) == Gate("FAILED")
    assert resolve(ONE, None) is ONE
    with pytest.raises(InvalidInput, match="fail_on='FAILED' exclude each other"):
        resolve(ONE, "FAILED")
    wrong: Any = {"max_failed": 1}
    with pytest.raises(InvalidInput, match="gate must be a Gate"):
        resolve(wrong, None)


def test_a_gate_is_a_value() -> None:
    gate = Gate({"FAILED", "CANCELLED"}, max_failed=1, warn_only=["b", "a", "b"], warn_only_tags=iter("zy"))
    assert gate == copy.deepcopy(gate) == pickle.loads(pickle.dumps(gate))  # noqa: S301 - our own
    assert hash(gate) == hash(copy.copy(gate))
    assert repr(gate) == (
        "Gate(fail_on=('CANCELLED', 'FAILED'), min_passed_percent=None, max_failed=1, "
        "max_response_time=None, warn_only=('a', 'b'), warn_only_tags=('y', 'z'))"
    )


def test_a_strict_gate_fails_on_any_failing_status() -> None:
    assert Gate().is_strict
    assert Gate(max_response_time=5).is_strict
    assert not any(each.is_strict for each in (ONE, Gate(warn_only="x"), Gate(warn_only_tags="x")))


ALLOWED: list[tuple[Gate, int, int, bool]] = [
    (Gate(), 0, 5, True),
    (Gate(), 1, 5, False),
    (ONE, 1, 1, True),
    (ONE, 2, 500, False),
    (Gate(min_passed_percent=0), 3, 3, True),
    (Gate(min_passed_percent=100), 0, 3, True),
    (Gate(min_passed_percent=100), 1, 1000, False),
    (Gate(min_passed_percent=66.66), 1, 3, True),
    (Gate(min_passed_percent=66.67), 1, 3, False),
    (Gate(min_passed_percent=200 / 3), 1, 3, True),
    (Gate(min_passed_percent=100), 0, 0, True),
]


@pytest.mark.parametrize(("gate", "failed", "counted", "allowed"), ALLOWED, ids=str)
def test_how_many_checks_may_fail(gate: Gate, failed: int, counted: int, *, allowed: bool) -> None:
    assert gate.allows(failed, counted) is allowed


WARNED: list[tuple[dict[str, Any], tuple[str, str, tuple[str, ...]], bool]] = [
    ({"warn_only": "Shop"}, (ID(1), "Shop", ()), True),
    ({"warn_only": " Shop "}, (ID(1), "Shop  ", ()), True),
    ({"warn_only": "Checkout  pays"}, (ID(1), "Checkout  pays", ()), True),
    ({"warn_only": "Checkout pays"}, (ID(1), "Checkout  pays", ()), False),
    ({"warn_only": "shop"}, (ID(1), "Shop", ()), False),
    ({"warn_only": "Caf\u00e9"}, (ID(1), "Cafe\u0301", ()), True),
    ({"warn_only": "Cafe\u0301"}, (ID(1), "Caf\u00e9", ()), True),
    ({"warn_only": "Cafe"}, (ID(1), "Caf\u00e9", ()), False),
    ({"warn_only": "\tShop\u00a0"}, (ID(1), "\u00a0Shop\n", ()), True),
    ({"warn_only": "a\tb"}, (ID(1), "a\tb", ()), True),
    ({"warn_only": "a b"}, (ID(1), "a\tb", ()), False),
    ({"warn_only": "\u202eevil"}, (ID(1), "\u202eevil", ()), True),
    ({"warn_only": "evil"}, (ID(1), "\u202eevil", ()), False),
    ({"warn_only": ID(10).upper()}, (ID(10), "Shop", ()), True),
    ({"warn_only": ID(1)}, (ID(2), ID(1), ()), False),
    ({"warn_only_tags": ["a", "b"]}, (ID(1), "Shop", ("b", "c")), True),
    ({"warn_only_tags": ["a", "b"]}, (ID(1), "a", ("c",)), False),
]


@pytest.mark.parametrize(("arguments", "check", "warns"), WARNED, ids=str)
def test_which_checks_only_warn(arguments: Any, check: Any, *, warns: bool) -> None:
    assert Gate(**arguments).only_warns(*check) is warns


def test_what_matches_no_check_is_found() -> None:
    gate = Gate(warn_only=["Shop", "Chekout", ID(1), ID(3)])
    assert gate.unmatched([(ID(1), "Shop"), (ID(2), "Checkout")]) == sorted(["Chekout", ID(3)])
