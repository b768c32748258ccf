"""A whole throw-away Airflow on this machine, for the demo and for end-to-end tests."""

from __future__ import annotations

import base64
import contextlib
import importlib.metadata
import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import psutil  # type: ignore[import-untyped]
from deployment_clients import Client, Database, DeploymentError, Rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

HOST: Final = "127.0.0.1"
VERSION: Final = importlib.metadata.version("apache-airflow")
START_LIMIT: Final = 180.0
TERM_SECONDS: Final = 6.0
KILL_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.25

# What differs between the lines of Airflow: which processes there are, and who answers for them.
IS_2: Final = VERSION.startswith("2.")
PROCESSES: Final[dict[str, tuple[str, ...]]] = {
    **({} if IS_2 else {"api-server": ("api-server",), "dag-processor": ("dag-processor",)}),
    "scheduler": ("scheduler", "--skip-serve-logs"),  # would take a fixed port; logs are read as files
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


class Deployment:
    """Airflow with its default settings, from `with` until the end of the block.

    :param home: an empty folder that takes everything Airflow writes; it is left as it is.
    :param dags: the files Airflow shall read.
    :param settings: further environment variables of all processes.
    :param processes: the processes to run, each a name and the arguments of `airflow`.
    :param own: environment variables of single processes, by their names.
    :param tell: called again and again with what is being waited for; what it raises ends the wait.
    """

    def __init__(
        self,
        home: Path,
        dags: Iterable[Path],
        settings: Mapping[str, str] | None = None,
        tell: Callable[[str], None] = lambda _: None,
        processes: Mapping[str, tuple[str, ...]] = PROCESSES,
        *,
        own: Mapping[str, Mapping[str, str]] | None = None,
        port: int = 0,
    ) -> None:
        self.home = home.resolve()
        self.logs = self.home / "processes"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._dags = list(dags)
        self._tell = tell
        self._commands = dict(processes)
        self._own = dict(own or {})
        port = port or free_port()
        self.url = f"http://{HOST}:{port}"
        self._environment = environment(self.home, port) | dict(settings or {})
        self.client: Client = Database(self.home, self.airflow) if IS_2 else Rest(self.url)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def airflow(self, *arguments: str) -> None:
        """Call Airflow's command line and wait for its end."""
        name = "-".join(arguments[:2])
        process = self.start(name, *arguments)
        self.wait(lambda: f"  airflow {' '.join(arguments[:2])}" if process.poll() is None else "")
        del self.processes[name]
        if process.returncode:
            raise DeploymentError(self._ended(name, process))

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one Airflow process, in a session of its own, so that Ctrl-C does not reach it."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "airflow", *arguments],
                cwd=self.home,
                env=self._environment | dict(self._own.get(name, {})),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return process

    def resume(self, name: str) -> None:
        """Start one of the lasting processes, which has not run yet or was ended."""
        self.start(name, *self._commands[name])

    def wait(self, pending: Callable[[], str], limit: float = START_LIMIT) -> None:
        """Wait until nothing is pending; it fails when a process of Airflow ends meanwhile."""
        end = time.monotonic() + limit
        while what := pending():
            self._tell(what)
            self.check()
            if time.monotonic() > end:
                raise DeploymentError(f"after {limit:.0f} s still: {what}")
            time.sleep(POLL_SECONDS)

    def check(self) -> None:
        """Fail when a process of Airflow has ended with an error."""
        for name, process in list(self.processes.items()):
            if process.poll():
                raise DeploymentError(self._ended(name, process))

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until a DAG may be run."""
        self.wait(lambda: "" if self.client.knows(dag_id) else f"  waiting until the DAG {dag_id} is read")

    def stop(self) -> None:
        """End everything that was started."""
        try:
            self._tell("Ending Airflow")
        finally:
            self.end(*self.processes)

    def end(self, *names: str, patience: float = TERM_SECONDS) -> None:
        """End these processes, and all that they started, by SIGTERM and after some patience by SIGKILL."""
        ending = [self.processes.pop(name) for name in names]
        leaders = {process.pid for process in ending if process.poll() is None}
        family = family_of(leaders)
        if patience:
            for process in ending:
                process.terminate()
        _await_end(family, patience)
        family |= family_of(leaders)  # what was started in the meantime
        for member in _living(family):
            with contextlib.suppress(psutil.Error):
                member.kill()
        _await_end(family, KILL_SECONDS)
        for process in ending:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(KILL_SECONDS)

    def _start(self) -> None:
        self.logs.mkdir(parents=True)
        (self.home / "dags").mkdir()
        for path in self._dags:
            shutil.copy(path, self.home / "dags")
        self.airflow("db", "migrate")
        for name in self._commands:
            self.resume(name)
        self.wait(self._missing)

    def _missing(self) -> str:
        missing = self.client.missing()
        return f"  waiting for {', '.join(missing)}" if missing else ""

    def _ended(self, name: str, process: subprocess.Popen[bytes]) -> str:
        return f"airflow {name} ended with code {process.returncode}; see {self.logs / name}.log"


def environment(home: Path, port: int) -> dict[str, str]:
    """Return the environment of every Airflow process: Airflow's defaults, but for what is named here."""
    url = f"http://{HOST}:{port}"
    return _outside() | {
        # Everything that is written stays in one folder.
        "AIRFLOW_HOME": str(home),
        "HOME": str(home),
        # Airflow 2 calls `airflow` by name.
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
        "NO_PROXY": f"{HOST},localhost",
        "no_proxy": f"{HOST},localhost",
        # Only the wanted DAGs, and they run as soon as they are read.
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # A port of its own, on loopback only; one worker of the API is enough, and starts sooner.
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        # Nobody has to log in, and the processes know one another.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__API_AUTH__JWT_ISSUER": "airflow",  # 3.0 has no default that its libraries still accept
        # A throw-away Airflow is none to be counted, and its logs are read as plain text.
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    }


def _outside() -> dict[str, str]:
    """Return the environment without what would change how Airflow behaves, or slow its start down."""
    unwanted = ("AIRFLOW", "PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONWARNINGS")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(unwanted) and not name.lower().endswith("_proxy")
    }


def free_port(*wanted: int) -> int:
    """Return the first wanted port that is free, else one below those for outgoing connections."""
    for port in (*wanted, *random.sample(range(20_000, 32_000), 100)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise DeploymentError("found no free port")


def family_of(leaders: set[int]) -> set[psutil.Process]:
    """Return the living processes of these sessions, and all their children."""
    members = {process for process in psutil.process_iter() if _session(process.pid) in leaders}
    for member in list(members):
        try:
            members.update(member.children(recursive=True))
        except psutil.Error:
            continue
    return members


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def _living(family: set[psutil.Process]) -> list[psutil.Process]:
    return [member for member in family if member.is_running() and not _is_zombie(member)]


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def _await_end(family: set[psutil.Process], limit: float) -> None:
    end = time.monotonic() + limit
    while _living(family) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
