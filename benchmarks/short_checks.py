"""Short checks: what a worker's wait before a deferral costs and saves, on a whole Airflow and computed.

The table is computed: what a deferral takes is measured, how long sessions take is given. The same Airflow
then says how late the next task starts with the default setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Final

from airflow_runs import MIXES, OURS, measured
from figures import Figure, command, over_seeds, percentile

from airflow_provider_checkly.airflow_workarounds import min_deferral_seconds
from airflow_provider_checkly.base_operator import initial_wait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_runs import Timed

ALL_MIXES: Final = MIXES | {"suite, 30 to 300 s": (30.0, 300.0)}
INITIAL_WAITS: Final = (0, 5, 8, 10, 13, 20)
GOAL: Final = 3.0
"""Seconds from the end of a session to the start of the next task, on average over both short mixes."""
LENGTHS: Final = 500


@dataclass(frozen=True)
class Costs:
    """What Airflow takes, in seconds.

    :param here: from the end of a session to the start of the next task, where the worker waited.
    :param resumed: the same where the triggerer waited and did not hold its event back.
    :param slot_here: how long a worker slot is taken beside the wait.
    :param slot_deferred: the same with a deferral: two processes.
    :param hold: how long a deferral lasts at least.
    """

    here: Sequence[float]
    resumed: Sequence[float]
    slot_here: float
    slot_deferred: float
    hold: float

    def late(self, seconds: float, initial: float) -> list[float]:
        """Return how late the next task may start after a session that takes so long."""
        if seconds <= initial:
            return list(self.here)
        held = max(0.0, initial + self.hold - seconds)
        return [held + each for each in self.resumed]

    def slot(self, seconds: float, initial: float) -> float:
        """Return how long a worker slot is taken for such a session."""
        return self.slot_here + seconds if seconds <= initial else self.slot_deferred + initial


KNOWN: Final = Costs((0.85,), (2.35,), 1.65, 3.04, 8.0)
"""Measured once, for a short run."""


def spread(mix: tuple[float, float]) -> list[float]:
    """Return lengths of sessions, spread evenly."""
    least, most = mix
    return [least + (most - least) * (number + 0.5) / LENGTHS for number in range(LENGTHS)]


def late(costs: Costs, mix: tuple[float, float], initial: float) -> list[float]:
    """Return how late the next task starts, over a mix."""
    return [each for seconds in spread(mix) for each in costs.late(seconds, initial)]


def computed(costs: Costs, initial: float) -> list[Figure]:
    """Return the figures of one initial wait."""
    figures = []
    for name, mix in ALL_MIXES.items():
        found = late(costs, mix, initial)
        slot = fmean(costs.slot(seconds, initial) for seconds in spread(mix))
        figures += [
            Figure(f"  {name}: next task starts after, mean", fmean(found), "s"),
            Figure("    p95", percentile(found, 0.95), "s"),
            Figure("    worker slot taken", slot, "s"),
        ]
    return figures


def over_both(costs: Costs, initial: float) -> float:
    """Return the mean over the short mixes."""
    return fmean(fmean(late(costs, mix, initial)) for mix in MIXES.values())


def table_of(costs: Costs) -> list[Figure]:
    """Return the figures of all initial waits."""
    figures = []
    for initial in INITIAL_WAITS:
        both = over_both(costs, initial)
        what = f"initial_wait = {initial}: next task starts after, API and browser, mean"
        goal = GOAL if initial == initial_wait() else None
        figures += [Figure(what, both, "s", goal, margin=1.2), *computed(costs, initial)]
    return figures


def costs_of(runs: Sequence[Timed]) -> Costs:
    """Return what a deferral took: runs whose event was held back say nothing about it."""
    initial, hold = initial_wait(), min_deferral_seconds()
    here = [each for each in runs if not each.deferred]
    resumed = [each for each in runs if each.deferred and each.wanted.seconds > initial + hold + 1]
    return Costs(
        [each.late for each in here],
        [each.late for each in resumed],
        fmean(sum(each.legs) - each.wanted.seconds for each in here),
        fmean(sum(each.legs) - initial for each in runs if each.deferred),
        hold,
    )


def of_mix(runs: Sequence[Timed], mix: str) -> list[float]:
    """Return how late the next task started after sessions of a mix."""
    return [each.late for each in runs if each.wanted.mix == mix]


def confirmed(runs: Sequence[Timed], costs: Costs) -> list[Figure]:
    """Return the figures of the runs themselves."""
    late = [each.late for each in runs]
    failed = sum(each.state != "success" for each in runs)
    return [
        Figure(f"{len(runs)} runs, default settings: next task starts after, mean", fmean(late), "s", GOAL),
        Figure("  computed from what follows", over_both(costs, initial_wait()), "s"),
        Figure("  p95", percentile(late, 0.95), "s"),
        *(Figure(f"  mean of {mix}", fmean(of_mix(runs, mix)), "s") for mix in MIXES),
        Figure("  failed runs", failed, "", 0),
        over_seeds("from the end to the next task, the worker waited", costs.here, "s"),
        over_seeds("from the end to the next task, the triggerer waited", costs.resumed, "s"),
        Figure("worker slot taken beside the wait", costs.slot_here, "s"),
        Figure("the same with a deferral", costs.slot_deferred, "s"),
        Figure("a deferral lasts at least", costs.hold, "s"),
    ]


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures."""
    if quick:
        return table_of(KNOWN)
    runs = [each for each in measured() if each.wanted.dag == OURS]
    costs = costs_of(runs)
    return confirmed(runs, costs) + table_of(costs)


if __name__ == "__main__":
    command(measure)
