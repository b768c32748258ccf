"""Run the example gate DAG in a whole Airflow, against a local emulator of Checkly: ``make demo``.

The first time its checks pass, the second time one of them fails. Both times the gate waits in the triggerer,
without a worker.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

from progress import Interrupted, Progress

ROOT: Final = Path(__file__).resolve().parent.parent
LIMIT_SECONDS: Final = 240
SIGNALLED: Final = 128
"""A shell's exit code for a signal is this plus its number."""


def main() -> int:
    """Return 0 if the passing run published and the failing one did not."""
    keep = options().keep
    with Progress(LIMIT_SECONDS) as progress:
        scratch = folder()
        code = 1
        try:
            code = outcome(progress, scratch)
        finally:
            tidy(scratch, keep=keep or code == 1)
        return code


def options() -> argparse.Namespace:
    """Return what the command line and the environment ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        default=bool(os.environ.get("KEEP")),
        help="keep logs and database (KEEP=1)",
    )
    return parser.parse_args()


def folder() -> Path:
    """Make the folder that takes everything Airflow writes."""
    (ROOT / ".work").mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="demo-", dir=ROOT / ".work"))


def tidy(scratch: Path, *, keep: bool) -> None:
    """Remove what Airflow wrote, or say where it is."""
    if keep:
        print(f"What Airflow wrote is in {scratch}")
    else:
        shutil.rmtree(scratch, ignore_errors=True)


def outcome(progress: Progress, scratch: Path) -> int:
    """Run the demo and return the exit code."""
    progress("loading the demo")
    # Only now, since from here on a signal ends the demo in good order.
    from demo_runs import DemoFailed, demo  # noqa: PLC0415

    try:
        demo(progress, ROOT, scratch)
    except Interrupted:
        print("Interrupted. Everything that was started has ended.")
        return SIGNALLED + progress.signal
    except DemoFailed as problem:
        print(f"The demo failed: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback on Ctrl-C while this loads
    sys.exit(main())
