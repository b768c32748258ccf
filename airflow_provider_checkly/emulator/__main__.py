"""The emulator on the command line: `python -m airflow_provider_checkly.emulator --help`."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import resource
import shlex
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from airflow_provider_checkly.emulator.accounts import DEFAULT_LOCATION, ROLES
from airflow_provider_checkly.emulator.checks import BadChecks, load_checks
from airflow_provider_checkly.emulator.controls import Record, log_line
from airflow_provider_checkly.emulator.emulator import DEFAULT_ACCOUNT, DEFAULT_KEY, Emulator
from airflow_provider_checkly.emulator.http import is_uuid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_checkly.emulator.accounts import Role
    from airflow_provider_checkly.emulator.checks import Check

LAST_PORT: Final = 65535
EPILOG: Final = """\
checks in FILE:
  [{"id": "c0000000-0000-4000-8000-000000000099", "name": "Homepage", "tags": ["shop"], "seconds": 2,
    "outcome": "passed", "timeline": [[0, "passing"], [60, "failing"], [120, "passing"]], "every": 10}]
  outcome   how a triggered run ends: passed, failed, degraded, timed_out, cancelled or never
  timeline  the status by seconds after the start, for /v1/check-statuses: passing, failing or degraded;
            a check without one has never run until it is triggered
  every     seconds between scheduled runs, which keep the status fresh; 0 for those of the timeline only
  availability  percentage for /v1/reporting, instead of the one that follows from the runs
  also: checkType, groupTags, activated, locations, attempts

controls, without a key:
  PUT    /_emulator/check-statuses/<check id>  {"status": "failing"}
  POST   /_emulator/faults    {"method": "GET", "path": "completion", "status": 503, "times": 3}
  GET    /_emulator/faults    DELETE removes them
  GET    /_emulator/requests  DELETE removes them
  http://127.0.0.1:<port>/ shows all checks and sessions in the browser; a check's page sets its status.
"""


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Show defaults, and the examples as they are written."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return 0, or 1 if the port is taken. Bad arguments exit with 2."""
    options = _parser().parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    _allow_many_connections()
    with contextlib.ExitStack() as stack:
        try:
            emulator = stack.enter_context(_emulator(options))
        except OSError as problem:
            _say(f"cannot listen on port {options.port}: {os.strerror(problem.errno or 0)}", sys.stderr)
            return 1
        _say(_welcome(emulator), sys.stdout)
        stop.wait()
    return 0


def _emulator(options: argparse.Namespace) -> Emulator:
    return Emulator(
        options.checks,
        speed=options.speed,
        rate_limit=options.rate_limit,
        retry_after=options.retry_after,
        api_key=options.api_key,
        keys=dict(options.key or ()),
        account_id=options.account_id,
        host_port=options.port,
        private_locations=options.private_location or [DEFAULT_LOCATION],
        rca=options.rca,
        log=_log,
    )


def _log(record: Record) -> None:
    _say(log_line(record), sys.stderr)


def _say(text: str, stream: TextIO) -> None:
    stream.write(f"{text}\n")
    stream.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_checkly.emulator",
        description="A local Checkly on 127.0.0.1, for trying things out and for tests.",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--port", type=_port, default=0, help="port to listen on; 0 picks a free one")
    _add_keys(parser)
    parser.add_argument(
        "--checks", type=_checks, metavar="FILE", help="JSON list of checks that replaces the default checks"
    )
    parser.add_argument("--speed", type=_speed, default=1.0, help="divides the duration of checks")
    parser.add_argument(
        "--rate-limit", type=_whole, default=600, help="requests per 60 seconds; 0 for no limit at all"
    )
    parser.add_argument(
        "--retry-after", type=_seconds, default=0, help="Retry-After of a 408 in seconds; none for no header"
    )
    parser.add_argument(
        "--private-location",
        action="append",
        metavar="SLUG",
        help=f"a private location for test sessions, may be repeated (default: {DEFAULT_LOCATION})",
    )
    parser.add_argument(
        "--no-rca",
        dest="rca",
        action="store_false",
        help="refuse root-cause analyses, as plans without them do",
    )
    return parser


def _add_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--api-key", type=_key, default=DEFAULT_KEY, help="the key that may do everything")
    parser.add_argument(
        "--key",
        action="append",
        type=_role_of_key,
        metavar="KEY=ROLE",
        help=f"another key, may be repeated; the role is one of {', '.join(ROLES)}",
    )
    parser.add_argument(
        "--account-id", type=_account, default=DEFAULT_ACCOUNT, help="the only account, a UUID"
    )


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def _port(text: str) -> int:
    if _whole(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def _seconds(text: str) -> int | None:
    return None if text == "none" else _whole(text)


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return speed


def _key(text: str) -> str:
    if not text.isascii() or not text.isprintable() or not text.strip():
        raise argparse.ArgumentTypeError("a key is plain text that is not empty")
    return text


def _role_of_key(text: str) -> tuple[str, Role]:
    key, _, word = text.rpartition("=")
    for role in ROLES:
        if role == word:
            return _key(key), role
    raise argparse.ArgumentTypeError(f"{text!r} is not KEY=ROLE with a role of {', '.join(ROLES)}")


def _account(text: str) -> str:
    if not is_uuid(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a UUID")
    return text


def _checks(text: str) -> tuple[Check, ...]:
    try:
        return load_checks(Path(text))
    except BadChecks as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _allow_many_connections() -> None:
    """Raise the limit of open files as far as the system allows: every long poll holds a connection open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # some systems report an infinite limit, then refuse it
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _welcome(emulator: Emulator) -> str:
    lines = [
        f"URL      {emulator.url}",
        f"API key  {emulator.api_key}",
        f"Account  {emulator.account_id}",
        f"export AIRFLOW_CONN_CHECKLY_DEFAULT={shlex.quote(emulator.connection_json)}",
        "",
        *_table(emulator.model.checks),
    ]
    return "\n".join(lines)


def _table(checks: Iterable[Check]) -> list[str]:
    """Return the checks in aligned columns."""
    rows = [("ID", "TYPE", "OUTCOME", "SECONDS", "LOCATIONS", "NAME", "TAGS"), *map(_row, checks)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _row(check: Check) -> tuple[str, ...]:
    outcome = check.outcome if check.activated else "deactivated"
    seconds = "" if check.outcome == "never" else f"{check.seconds:g}"
    tags = " ".join((*check.tags, *(f"group:{tag}" for tag in check.groupTags)))
    return check.id, check.checkType, outcome, seconds, str(len(check.locations)), check.name, tags


if __name__ == "__main__":
    sys.exit(main())
