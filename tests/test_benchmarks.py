"""The pure parts of the benchmarks: bound, virtual clock, figures, plot, ids of sessions."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.syspath_prepend(str(FOLDER))
    ours = {file.stem for file in FOLDER.glob("*.py")}
    for name in ours & sys.modules.keys():
        monkeypatch.delitem(sys.modules, name)
    return import_module


@pytest.mark.parametrize(("waits", "late"), [(600, 11.4), (1000, 33.8), (3000, 169)])
def test_the_bound_is_that_of_the_formula(load: Callable[[str], Any], waits: int, late: float) -> None:
    assert load("bound").bound(waits, 570) == pytest.approx(late, rel=0.01)


def test_the_gap_solves_its_equation(load: Callable[[str], Any]) -> None:
    g = load("bound").gap(1000, 9.5, 300, 30)
    assert g + 300 * math.exp(-g / 300) * (1 - math.exp(-0.1)) == pytest.approx(1000 / 9.5)


def test_there_is_no_gap_while_the_budget_covers_all_waits(load: Callable[[str], Any]) -> None:
    assert load("bound").bound(200, 570) == 0


def test_hours_on_the_virtual_clock_take_no_time(load: Callable[[str], Any]) -> None:
    seen = []

    async def work(loop: Any) -> None:
        await asyncio.sleep(3600)
        seen.append(loop.time())

    began = time.monotonic()
    load("virtual").run(work)
    assert seen == [pytest.approx(3600)]
    assert time.monotonic() - began < 5


def test_waits_that_the_budget_covers_notice_ends_at_once_on_the_virtual_clock(
    load: Callable[[str], Any],
) -> None:
    latency = load("latency")
    found = latency.try_out(latency.Case(20, hours=0.6))
    assert found.counted > 10
    assert found.p99 < 0.1
    assert found.refused == 0


def test_the_emulated_limit_refuses_what_is_above_it(load: Callable[[str], Any]) -> None:
    latency = load("latency")
    found = latency.try_out(latency.Case(40, limit=20, how="back-off", hours=0.6))
    assert found.refused > 0.3


def test_a_short_run_allows_a_margin(load: Callable[[str], Any]) -> None:
    figure = load("figures").Figure
    good, fair, bad = (figure("it", value, "s", goal=1.2, margin=2) for value in (1.0, 1.5, 2.5))
    assert [each.missed(quick=False) for each in (good, fair, bad)] == [False, True, True]
    assert [each.missed(quick=True) for each in (good, fair, bad)] == [False, False, True]


def test_a_figure_without_a_goal_is_never_missed(load: Callable[[str], Any]) -> None:
    assert not load("figures").Figure("it", 10**9).missed(quick=False)


def test_the_table_says_what_was_reached(load: Callable[[str], Any]) -> None:
    figures = load("figures")
    lines = figures.table(
        [figures.Figure("it", 1234.5, "s", goal=1), figures.Figure("that", 0.25)], quick=False
    )
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.splitlines()]
    assert cells[0] == ["what", "goal", "measured", "reached"]
    assert cells[2] == ["it", "<= 1 s", "1,234 s", "MISSED"]
    assert cells[3] == ["that", "", "0.25", ""]


def test_the_id_of_a_session_says_when_it_ends(load: Callable[[str], Any]) -> None:
    twin = load("twin")
    assert twin.end_of_session(twin.session_id(7, 1_800_000_000.25)) == 1_800_000_000.25
    assert twin.end_of_run(str(twin.run_id(7, 1_800_000_000.25))) == 1_800_000_000.25


def test_a_limit_of_the_twin_counts_a_sliding_minute(load: Callable[[str], Any]) -> None:
    counts = load("twin").Counts()
    assert [counts.over(2, now) for now in (0.0, 10.0, 20.0, 61.0)] == [None, None, 40.0, None]
    assert (counts.requests, counts.refused) == (4, 1)


@pytest.mark.parametrize(
    ("seconds", "late", "slot"),
    [(4, [1, 2], 5), (10, [1, 2], 11), (12, [9, 11], 13), (17.5, [3.5, 5.5], 13), (60, [3, 5], 13)],
)
def test_what_a_session_costs(
    load: Callable[[str], Any], seconds: float, late: list[float], slot: float
) -> None:
    """One that ends soon after the deferral is held back; one that ends before costs a slot meanwhile."""
    costs = load("short_checks").Costs((1, 2), (3, 5), slot_here=1, slot_deferred=3, hold=8)
    assert costs.late(seconds, 10) == late
    assert costs.slot(seconds, 10) == slot


def test_the_default_initial_wait_reaches_the_goal(load: Callable[[str], Any]) -> None:
    short_checks = load("short_checks")
    best = {wait: short_checks.over_both(short_checks.KNOWN, wait) for wait in (5, 10)}
    assert best[10] < short_checks.GOAL < best[5]


def test_the_legs_of_a_task_are_read_from_the_scheduler_s_log(load: Callable[[str], Any]) -> None:
    ids = ["01a21367-2586-703d-8c3c-d18af2550dcb", "01a21367-1d9e-7113-9986-93f97a33631b"]
    line = "2026 [info ] Workload finished [supervisor] duration={} exit_code=0 final_state=x workload_id={}"
    found = load("airflow_runs").legs_by_task(
        "\n".join(line.format(*each) for each in zip((1.5, 2), ids, strict=True))
    )
    assert found == {ids[0]: [1.5], ids[1]: [2.0]}


def test_the_share_of_imports_is_read_from_pythons_log(load: Callable[[str], Any]) -> None:
    log = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       700 |        700 | site\n"
        "import time:       100 |        300 |   airflow.sdk.definitions\n"
        "import time:        10 |       5000 | airflow.sdk\n"
        "import time:        40 |         40 |   airflow_provider_checkly.api\n"
        "import time:        60 |        900 | airflow_provider_checkly.operators\n"
    )
    own, airflow = load("imports").alone(log)
    assert own == {"airflow_provider_checkly.api": 40, "airflow_provider_checkly.operators": 60}
    assert airflow == {"airflow.sdk.definitions": 100, "airflow.sdk": 10}


def test_each_module_counts_at_its_fastest(load: Callable[[str], Any]) -> None:
    assert load("imports").least([{"a": 1000, "b": 5000}, {"a": 3000, "b": 2000}]) == 3


def test_the_plot_is_well_formed_and_leaves_out_what_does_not_fit(load: Callable[[str], Any]) -> None:
    drawing = load("plot").plot({250: 0.0, 3000: 169.0}, {1000: 33.0}, {600: 40.0, 1000: 10_000.0})
    circles = ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}circle")  # noqa: S314 - our own
    assert len(list(circles)) == 2
