"""All benchmarks, one after the other: print the table; a full run writes it to RESULTS.md."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import batches
import confirm
import cost
import imports
import latency
import memory
import refused
import short_checks
import statuses
import whole_path
from figures import table
from machine import notes

if TYPE_CHECKING:
    from figures import Figure

RESULTS: Final = Path(__file__).parent / "RESULTS.md"
LONG: Final = (
    ("Detection latency under the rate limit (virtual clock)", latency),
    ("Batches that start together (virtual clock)", batches),
    ("The same on the wall clock", confirm),
    ("Processor time and requests (wall clock)", cost),
    ("Memory and connections", memory),
    ("While Checkly answers 429", refused),
    ("1,000 status sensors and 50 watchers", statuses),
    ("Imports", imports),
    ("Short checks on a whole Airflow", short_checks),
    ("From the start of a run to the next task", whole_path),
)
ONLY_LONG: Final = (confirm, whole_path)
SHORT: Final = tuple(
    sorted((part for part in LONG if part[1] not in ONLY_LONG), key=lambda part: part[1] is cost)
)

HEAD: Final = """# Results

Made by `make bench`, which also draws `latency.svg`. One part alone:
`.venv-bench/bin/python benchmarks/NAME.py`.
All contenders of a part ran side by side, with the same sessions; figures are medians over batches or
seeds, with the least and the most in brackets. Compare ratios, not seconds: machines differ, and other work
on this one makes processor time vary by some 20 %.

"""


def measured(quick: bool) -> list[tuple[str, list[Figure]]]:  # noqa: FBT001 - what every command has
    """Return the figures of all parts, printing each when it is there.

    One part that mostly sleeps goes on beside those before it.
    """
    patient = cost if quick else confirm
    with ThreadPoolExecutor(1) as aside:
        beside = aside.submit(patient.measure, quick)
        found = []
        for title, module in SHORT if quick else LONG:
            figures = beside.result() if module is patient else module.measure(quick)
            name = Path(str(module.__file__)).name
            print(f"\n{title}: {name}\n\n{table(figures, quick=quick)}", flush=True)
            found.append((f"## {title}\n\n`benchmarks/{name}`", figures))
    return found


def main() -> None:
    """Measure everything; fail in a short run where a goal is missed by more than its margin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short run, as in CI, with generous margins")
    quick = parser.parse_args().quick
    found = measured(quick)
    missed = [each.what for _, figures in found for each in figures if each.missed(quick=quick)]
    print(f"\n{notes()}\nMissed: {', '.join(missed) or 'nothing'}.")
    if not quick:
        parts = [f"{title}\n\n{table(figures, quick=quick)}\n" for title, figures in found]
        RESULTS.write_text(HEAD + "\n".join(parts) + f"\n## Machine\n\n{notes()}\n")
    sys.exit(bool(missed) and quick)


if __name__ == "__main__":
    main()
