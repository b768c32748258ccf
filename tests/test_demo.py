"""What `make demo` prints and decides; CI runs the whole demo in its own step."""

from __future__ import annotations

import dataclasses
import importlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent.parent / "scripts"))
deployment: Any = importlib.import_module("deployment")
progress: Any = importlib.import_module("progress")
runs: Any = importlib.import_module("demo_runs")
WHY = "x warning Gate not passed:\nx warning   assertion: STATUS_CODE: EQUALS 200, was 503\n"

SESSION = {
    "checkSessionId": "6b3ae79f-b6ee-4110-bde7-1d7dcba33cd2",
    "checkSessionLink": "https://app.checklyhq.com/" + "long/" * 30,
    "checkId": "c0000000-0000-4000-8000-000000000001",
    "name": "Homepage API",
    "status": "PASSED",
    "timeElapsed": 6040,
    "results": [
        {"runLocation": "eu-central-1", "resultType": "ATTEMPT", "responseTime": 1},
        {"runLocation": "eu-central-1", "resultType": "FINAL", "responseTime": 345},
    ],
}
ERROR = "ChecksFailed: 1 of 4 checks did not pass: Payment API FAILED."
PASSED = runs.Run(
    tag="deploy-gate",
    state="success",
    looks=[
        (10.0, {"gate": "running", "publish": "none"}),
        (12.0, {"gate": "deferred", "publish": "none"}),
        (20.4, {"gate": "running", "publish": "none"}),
        (21.0, {"gate": "success", "publish": "success"}),
    ],
    log="Trigger fired event",
    xcom={"gate": {"return_value": [SESSION] * 3}, "publish": {"return_value": "published"}},
    sessions=[SESSION],
)
FAILED = dataclasses.replace(
    PASSED,
    tag="deploy-gate-broken",
    state="failed",
    looks=[*PASSED.looks[:-1], (21.0, {"gate": "failed", "publish": "upstream_failed"})],
    log=f"Trigger fired event\nTask failed with exception {ERROR}\n{WHY}The end",
    xcom={"gate": {}, "publish": {}},
)


def test_page_tells_all_and_fits() -> None:
    lines = runs.page(PASSED)
    text = "\n".join(lines)
    assert lines[0] == "Run with the checks tagged deploy-gate: success after 11 s"
    assert "gate     success        2.6 s     8.4 s" in text
    assert "publish  success    under 1 s         -" in text
    assert "Homepage API   PASSED      6.0  eu-central-1 345 ms" in text
    assert f"  {SESSION['checkSessionLink']}" in lines
    assert 'gate     return_value  3 x [{"checkSessionId"' in text
    assert 'publish  return_value  "published"' in text
    assert [line for line in lines if len(line) > runs.WIDTH] == [f"  {SESSION['checkSessionLink']}"]


def test_page_shows_the_error() -> None:
    assert ERROR in runs.page(FAILED)
    assert "publish  upstream_failed            -         -" in runs.page(FAILED)


def test_as_it_should_be() -> None:
    assert runs.faults(PASSED) == []
    assert runs.faults(FAILED) == []


@pytest.mark.parametrize("run", [PASSED, FAILED])
@pytest.mark.parametrize(
    "change",
    [
        {"state": "running"},
        {"looks": [*PASSED.looks, (22.0, {})]},
        {"log": "Trigger fired event ChecksFailed: 2 of 4 checks did not pass"},
        {"sessions": []},
    ],
)
def test_anything_else_is_a_fault(run: Any, change: dict[str, Any]) -> None:
    fault, *rest = runs.faults(dataclasses.replace(run, **change))
    log = rest[rest.index("-- the end of the gate's log") + 1 :]
    assert run.tag in fault
    assert log == change.get("log", run.log).splitlines()


def test_the_gate_must_defer() -> None:
    run = dataclasses.replace(PASSED, looks=PASSED.looks[-1:])
    assert "its gate was never deferred" in runs.faults(run)[0]


def test_a_trigger_must_have_fired() -> None:
    run = dataclasses.replace(PASSED, log="success")
    assert "no event of a trigger" in runs.faults(run)[0]
    assert runs.faults(dataclasses.replace(PASSED, log="(ID 1) fired: ChecklyEvent<unfinished=0>")) == []


def test_publishing_decides() -> None:
    assert "it has not published" in runs.faults(dataclasses.replace(PASSED, xcom={}))[0]
    assert "it has published" in runs.faults(dataclasses.replace(FAILED, xcom=PASSED.xcom))[0]


def test_what_the_tasks_do() -> None:
    assert runs.doing({"gate": "none", "publish": "none"}) == "  gate not yet scheduled"
    assert runs.doing({"gate": "success", "publish": "none"}) == "  gate success"
    assert runs.doing({}) == "  gate not yet scheduled"


def test_ends_of_logs(tmp_path: Path) -> None:
    (tmp_path / "scheduler.log").write_text("\n".join(map(str, range(100))))
    lines = runs.ends_of_logs(tmp_path).splitlines()
    assert lines[0] == f"-- the end of {tmp_path}/scheduler.log"
    assert lines[1:] == [str(number) for number in range(88, 100)]


def test_nothing_from_outside_reaches_airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW__CORE__EXECUTOR", "PYTHONDONTWRITEBYTECODE", "https_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "outside")
    environment = deployment.environment(tmp_path, 20_000)
    assert "outside" not in environment.values()
    assert environment["AIRFLOW_HOME"] == str(tmp_path)


def test_silence_is_broken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "SILENCE_SECONDS", 0)
    monkeypatch.setattr(progress, "SIGNALS", ())
    with progress.Progress(60) as tell:
        tell("working")
        tell("working")
        time.sleep(0.7)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["[   0 s] working", "[   1 s]     still: working"]


def test_too_long_is_said_once() -> None:
    tell = progress.Progress(0)
    with pytest.raises(progress.TookTooLong, match="after 0 s still: working"):
        tell("working")
    tell("ending")


def test_signal_ends_the_next_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SIGNALS", (signal.SIGUSR1,))
    before = signal.getsignal(signal.SIGUSR1)
    try:
        with progress.Progress(60) as tell:
            os.kill(os.getpid(), signal.SIGUSR1)
            with pytest.raises(progress.Interrupted):
                tell("working")
            tell("ending")
            assert tell.signal == signal.SIGUSR1
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("mark", ["2026-01-01 warning ", "[2026-01-01] {base_operator.py:1} WARNING - "])
def test_the_page_says_why_the_gate_was_not_passed(mark: str) -> None:
    log = f"{mark}a check failed\n{mark}Gate not passed:\n{mark}  RULE  REQUIRED\n2026-01-01 info other\n"
    assert runs.reasons(log) == [
        "",
        "WHAT THE LOG OF THE GATE SAYS",
        "Gate not passed:",
        "  RULE  REQUIRED",
    ]
    assert runs.reasons("nothing of the kind") == []
