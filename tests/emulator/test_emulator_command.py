from __future__ import annotations

import json
import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_checkly.emulator.__main__ import main
from airflow_provider_checkly.emulator.checks import load_checks
from airflow_provider_checkly.emulator.emulator import DEFAULT_ACCOUNT, DEFAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STUCK = "c0000000-0000-4000-8000-000000000007"


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """Give back what main takes: signals and the limit of open files."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    for number, handler in before.items():
        signal.signal(number, handler)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def run_main(
    arguments: list[str], number: signal.Signals, ask: Callable[[str], object] = lambda _: None
) -> int:
    """Run main here, ask it one thing or more from a thread, then send the signal."""
    port = free_port()

    def ask_and_stop() -> None:
        for _ in range(200):
            try:
                requests.get(f"http://127.0.0.1:{port}/v1/accounts", timeout=5)
                ask(f"http://127.0.0.1:{port}")
                break
            except requests.ConnectionError:
                time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=ask_and_stop)
    thread.start()
    try:
        return main(["--port", str(port), *arguments])
    finally:
        thread.join()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_how_to_reach_it_and_ends_well(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(["--api-key", "it's", "--rate-limit", "0", "--retry-after", "none"], number) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    url = lines[0].split()[-1]
    word, assignment = shlex.split(lines[3])
    name, value = assignment.split("=", 1)
    assert (word, name) == ("export", "AIRFLOW_CONN_CHECKLY_DEFAULT")
    assert json.loads(value)["host"] == url
    assert json.loads(value)["password"] == "it's"
    assert len(lines) == 6 + 16
    columns = [re.match(r"(\S+ +){2}", line) for line in lines[5:]]
    assert len({found and found.end() for found in columns}) == 1
    (record,) = map(json.loads, err.splitlines())
    assert (record["method"], record["path"], record["status"]) == ("GET", "/v1/accounts", 401)
    assert "it's" not in err


def test_a_fleet_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "checks.json"
    path.write_text(json.dumps([{"id": STUCK, "name": "mine", "outcome": "never", "groupTags": ["g"]}]))
    assert run_main(["--checks", str(path), "--speed", "0.5"], signal.SIGTERM) == 0
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == f"{STUCK}  API   never             1          mine  group:g"
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--speed", "0"], "'0' is not a number above 0"),
        (["--speed", "-1"], "'-1' is not a number above 0"),
        (["--speed", "nan"], "'nan' is not a number above 0"),
        (["--speed", "fast"], "invalid _speed value: 'fast'"),
        (["--port", "65536"], "'65536' is not a port"),
        (["--port", "x"], "'x' is not a whole number from 0 up"),
        (["--rate-limit", "-1"], "'-1' is not a whole number from 0 up"),
        (["--retry-after", "soon"], "'soon' is not a whole number from 0 up"),
        (["--account-id", "mine"], "'mine' is not a UUID"),
        (["--api-key", " "], "a key is plain text that is not empty"),
        (
            ["--key", "cu_other=admin"],
            "'cu_other=admin' is not KEY=ROLE with a role of read_only, read_and_run",
        ),
        (["--key", "=read_only"], "a key is plain text that is not empty"),
        (["--checks", "/no/such/file"], "/no/such/file: No such file or directory"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_bad_arguments(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert text in capsys.readouterr().err.splitlines()[-1]


def test_more_keys() -> None:
    seen: list[int] = []

    def ask(url: str) -> None:
        for key in ("cu_reader", "a=b", "cu_nobody"):
            headers = {"Authorization": f"Bearer {key}", "X-Checkly-Account": DEFAULT_ACCOUNT}
            answer = requests.post(f"{url}/v2/check-sessions/trigger", headers=headers, json=[], timeout=5)
            seen.append(answer.status_code)

    arguments = ["--key", "cu_reader=read_only", "--key", "a=b=read_and_run"]
    assert run_main(arguments, signal.SIGTERM, ask) == 0
    assert seen == [403, 400, 401]


def test_help_shows_a_file_of_checks_that_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    path = tmp_path / "checks.json"
    path.write_text(text[text.index("[{") : text.index("}]") + 2])
    (check,) = load_checks(path)
    assert (check.name, len(check.timeline), check.every) == ("Homepage", 3, 10)


def test_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"cannot listen on port {port}: Address already in use\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_as_a_process_with_polls_open(number: signal.Signals) -> None:
    command = [sys.executable, "-X", "dev", "-m", "airflow_provider_checkly.emulator"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        assert process.stdout
        url, key, account = (process.stdout.readline().split()[-1] for _ in range(3))
        headers = {"Authorization": f"Bearer {key}", "X-Checkly-Account": account}
        body: Any = {"target": {"checkId": [STUCK]}}
        with requests.Session() as session:
            started = session.post(f"{url}/v2/check-sessions/trigger", headers=headers, json=body, timeout=5)
            session_id = started.json()["sessions"][0]["checkSessionId"]
            with pytest.raises(requests.ConnectionError):
                _hold_and_signal(
                    session, f"{url}/v2/check-sessions/{session_id}/completion", headers, process, number
                )
        _, err = process.communicate(timeout=5)
    assert process.returncode == 0
    assert [json.loads(line)["status"] for line in err.splitlines()] == [201, None]
    assert key not in err


def _hold_and_signal(
    session: requests.Session,
    url: str,
    headers: dict[str, str],
    process: subprocess.Popen[str],
    number: signal.Signals,
) -> None:
    timer = threading.Timer(0.3, process.send_signal, [number])
    timer.start()
    try:
        session.get(url, headers=headers, timeout=5)
    finally:
        timer.join()


@pytest.mark.parametrize(
    ("arguments", "slugs", "status"),
    [
        ([], ["emulated-dc"], 404),
        (["--private-location", "cellar", "--private-location", "attic"], ["cellar", "attic"], 404),
        (["--no-rca"], ["emulated-dc"], 402),
    ],
)
def test_what_the_account_has(arguments: list[str], slugs: list[str], status: int) -> None:
    headers = {"Authorization": f"Bearer {DEFAULT_KEY}", "X-Checkly-Account": DEFAULT_ACCOUNT}
    seen: list[Any] = []

    def ask(url: str) -> None:
        private = requests.get(f"{url}/v1/private-locations", headers=headers, timeout=5)
        path = f"{url}/v1/root-cause-analyses/error-groups/{STUCK}"
        seen.append([one["slugName"] for one in private.json()])
        seen.append(requests.post(path, headers=headers, timeout=5).status_code)

    assert run_main(arguments, signal.SIGTERM, ask) == 0
    assert seen == [slugs, status]
