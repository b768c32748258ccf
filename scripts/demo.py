"""Run the example gate DAG in a whole Airflow, against a local emulator of Checkly: ``make demo``."""

import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends this without a traceback, also while it loads
    from demo_command import main

    sys.exit(main())
