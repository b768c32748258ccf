"""The whole path on one Airflow: from the start of a run to the next task, ours beside peers' operators.

All wait, deferrable, for work of the same lengths; what counts is the time beyond it.
"""

from __future__ import annotations

from statistics import fmean, median
from typing import TYPE_CHECKING, Final

from airflow_runs import BROWSER, OURS, PEERS, measured
from figures import Figure, command, over_seeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_runs import Timed

NAMES: Final = {
    OURS: "ChecklyRunChecksOperator",
    "http-5": "HttpSensor, every 5 s",
    "http-60": "HttpSensor, every 60 s (its default)",
    "dbt-5": "DbtCloudRunJobOperator, every 5 s",
    "dbt-60": "DbtCloudRunJobOperator, every 60 s (its default)",
}


def described(dag: str, runs: Sequence[Timed]) -> list[Figure]:
    """Return the figures of one contender."""
    failed = sum(each.state != "success" for each in runs)
    return [
        over_seeds(f"{NAMES[dag]}: run start to next task, beyond the work", [r.whole for r in runs], "s"),
        Figure("  worker slot taken, mean", fmean(sum(each.legs) for each in runs), "s"),
        Figure(f"  failed of {len(runs)} runs", failed, "", 0 if dag == OURS else None),
    ]


def measure(_: bool) -> list[Figure]:  # noqa: FBT001 - what every command has
    """Return the figures; medians over runs, with their spread."""
    found = measured()
    runs = {OURS: [each for each in found if each.wanted.mix == BROWSER]}
    runs |= {dag: [each for each in found if each.wanted.dag == dag] for dag in PEERS}
    whole = {dag: median(each.whole for each in of_dag) for dag, of_dag in runs.items()}
    ratios = [Figure(f"ours / {NAMES[dag]}", whole[OURS] / whole[dag], "", 1.0) for dag in PEERS]
    return ratios + [figure for dag in runs for figure in described(dag, runs[dag])]


if __name__ == "__main__":
    command(measure)
